"""The front: quality of all students against the lookup tables they take."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from l1kd import plot_style

if TYPE_CHECKING:
    from l1kd.models.firmware.report import Report, Row

__all__ = ["draw", "front"]


def front(rows: "Sequence[Row]") -> "list[Row]":
    """Return the rows that no other beats in quality with as few lookup tables."""
    chosen: list[Row] = []
    best = float("-inf")
    for row in sorted(rows, key=lambda r: (r.lut or 0.0, -(r.quality or 0.0))):
        if row.quality is not None and row.lut is not None and row.quality > best:
            chosen.append(row)
            best = row.quality
    return chosen


def draw(reports: "Sequence[Report]", folder: Path) -> bool:
    """Draw one panel for each table that has designs with both figures.

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


def _complete(row: "Row") -> bool:
    return row.quality is not None and row.lut is not None


@plot_style.styled
def _figure(panels: "Sequence[Report]") -> Figure:
    figure = plot_style.new_figure(6.6 * len(panels), 4.9)
    for axis, report in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _panel(axis, report)
    plot_style.legend(figure)
    return figure


def _panel(axis: Any, report: "Report") -> None:
    scale = 100.0 if report.quality.endswith("[%]") else 1.0
    rows = [row for row in report.rows if row.lut is not None]
    drawn = [row for row in rows if _complete(row)]
    ours = [row for row in drawn if row.mismatches is not None]
    papers = [row for row in drawn if row.mismatches is None]
    best = front(ours)
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
    sizes = [row.lut or 1.0 for row in rows]
    middle = (min(sizes) * max(sizes)) ** 0.5
    for row in drawn:
        left = (row.lut or 0.0) > middle
        axis.annotate(
            row.name, (row.lut, (row.quality or 0.0) * scale), xytext=(-6 if left else 6, 5),
            textcoords="offset points", fontsize=8, ha="right" if left else "left",
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
    axis.margins(x=0.25, y=0.25)
