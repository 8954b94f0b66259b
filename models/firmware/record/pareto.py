"""The Pareto front: quality of all students against the lookup tables they take."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from l1kd import plot_style
from l1kd.models.firmware.record.tables import Report, Row

__all__ = ["draw", "pareto_front"]


def pareto_front(rows: Sequence[Row]) -> list[Row]:
    """Return the rows that no other beats in quality with as few lookup tables."""
    chosen: list[Row] = []
    best = float("-inf")
    for row in sorted(rows, key=lambda r: (r.lut or 0.0, -(r.quality or 0.0))):
        if row.quality is not None and row.lut is not None and row.quality > best:
            chosen.append(row)
            best = row.quality
    return chosen


def draw(reports: Sequence[Report], folder: Path) -> bool:
    """Draw one panel for each table that has designs with both numbers.

    Parameters
    ----------
    folder : pathlib.Path
        Gets ``front.png`` and ``front.svg``.

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    panels = [report for report in reports if any(_complete(row) for row in report.rows)]
    if panels:
        plot_style.save(_figure(panels), folder, "front")
    return bool(panels)


def _complete(row: Row) -> bool:
    return row.quality is not None and row.lut is not None


@plot_style.styled
def _figure(panels: Sequence[Report]) -> Figure:
    figure = plot_style.new_figure(6.6 * len(panels), 4.9)
    axes = list(zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True))
    for axis, report in axes:
        _panel(axis, report)
    plot_style.legend(figure)
    # Names are placed when everything else has its place.
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_layout_engine("none")
    for axis, report in axes:
        _label(axis, report, canvas.get_renderer())
    return figure


def _drawn(report: Report) -> list[Row]:
    return [row for row in report.rows if _complete(row)]


def _panel(axis: Any, report: Report) -> None:
    scale, drawn = report.scale, _drawn(report)
    rows = [row for row in report.rows if row.lut is not None]
    ours = [row for row in drawn if row.mismatches is not None]
    papers = [row for row in drawn if row.mismatches is None]
    best = pareto_front(ours)
    if len(best) > 1:
        points = [(row.lut, (row.quality or 0.0) * scale) for row in best]
        axis.plot(*zip(*points, strict=True), color="0.6", lw=1.2, drawstyle="steps-post", zorder=1)
    for group, marker, label in ((ours, "o", "l1kd"), (papers, "s", "paper")):
        if group:
            axis.scatter(
                [row.lut for row in group],
                [(row.quality or 0.0) * scale for row in group],
                marker=marker, s=36, label=label, zorder=3,
            )  # fmt: skip
    for row in rows:
        if row.quality is None:
            # A paper's size without a quality that would compare: a line
            axis.axvline(row.lut, color="0.7", lw=1, ls=":")
            axis.annotate(
                row.name, (row.lut, 0.02), xycoords=("data", "axes fraction"), fontsize=7,
                rotation=90, ha="right", va="bottom", color="0.4",
            )  # fmt: skip
    axis.set_xscale("log")
    axis.set_xlabel("lookup tables (LUT)")
    axis.set_ylabel(report.quality)
    axis.set_title(report.title, fontsize=11)
    axis.margins(x=0.3, y=0.3)


def _label(axis: Any, report: Report, renderer: Any) -> None:
    """Write a name beside every point, where no point and no other name is."""
    frame = axis.get_window_extent(renderer)
    points = [(row.lut, (row.quality or 0.0) * report.scale) for row in _drawn(report)]
    spots = [axis.transData.transform(point) for point in points]
    taken = [Bbox.from_extents(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    taken += [text.get_window_extent(renderer) for text in axis.texts]
    for row, point, (across, _) in zip(_drawn(report), points, spots, strict=True):
        text = axis.annotate(row.name, point, (0, 0), textcoords="offset points", fontsize=8)
        left = across > (frame.x0 + frame.x1) / 2
        for dx, dy, side in _offsets(left):
            text.set(position=(dx, dy), ha=side, va="center")
            box = text.get_window_extent(renderer)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
            if inside and not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def _offsets(left: bool) -> Iterator[tuple[int, int, str]]:
    """Give places for a name, the nearest first."""
    sides = [(-7, "right"), (7, "left")] if left else [(7, "left"), (-7, "right")]
    for height in (0, 10, -10, 20, -20, 30, -30, 40, -40):
        for dx, side in sides:
            yield dx, height, side
        if height:
            yield 0, height, "center"
