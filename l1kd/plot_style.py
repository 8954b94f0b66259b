"""The look that all plots share: colours and names of weightings, sizes, legends, files."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l1kd.algorithms import ALGORITHMS

__all__ = [
    "DASHES",
    "FEWEST",
    "LABELS",
    "MARKERS",
    "band",
    "colour_of",
    "drawn",
    "frame",
    "label_of",
    "legend",
    "new_figure",
    "save",
    "styled",
]

FEWEST = 10
"""A bin of fewer entries is not drawn: its interval would not mean anything."""

LABELS: Mapping[str, str] = {
    **{name: kind.label for name, kind in ALGORITHMS.items()},
    "none": "no weight",
    "correlator": "L1 correlator",
    "delphes_puppi": "Delphes' PUPPI",
    "soft_truth": "true share",
    "no_pileup": "no pile-up",
}
"""How a weighting is called in plots and tables; an algorithm brings its own label."""

_COLOURS = {
    "none": "#8c8c8c",
    "puppi": "#1f5fa8",
    "distillnet": "#e08a00",
    "qdistillnet": "#c2185b",
    "linpuppi": "#6a51a3",
    "correlator": "#3f2d70",
    "delphes_puppi": "#4fa3d1",
    "soft_truth": "#2e8b57",
    "no_pileup": "#111111",
}
_MORE_COLOURS = (
    "#1f5fa8", "#c2185b", "#e08a00", "#2e8b57", "#6a51a3", "#4fa3d1", "#8c8c8c",
    "#111111", "#8c5a3c", "#a8b400",
)  # fmt: skip
DASHES = {"delphes_puppi": "--", "soft_truth": ":", "no_pileup": "-."}
MARKERS = "osD^vP*X"

_STYLE: dict[str, Any] = {
    **{key: x for key, x in mplhep.style.CMS.items() if not key.startswith(("figure", "savefig"))},
    "mathtext.cal": "TeX Gyre Heros",  # the style's own is found on few machines
    "font.size": 12,
    "axes.labelsize": 12,
    "axes.titlesize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 10.5,
    "lines.markersize": 5,
    "lines.linewidth": 1.6,
    "axes.linewidth": 1.0,
    "xtick.major.size": 7,
    "ytick.major.size": 7,
    "xtick.minor.size": 4,
    "ytick.minor.size": 4,
    "figure.facecolor": "white",
    "svg.hashsalt": "l1kd",
}

P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Run a drawing function with the style of the package."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_STYLE):
            return draw(*args, **kwargs)

    return wrapper


def label_of(name: str) -> str:
    """Name of a weighting as it is printed; an unknown name is printed as it is."""
    if name in ALGORITHMS and name not in LABELS:
        found = ALGORITHMS[name]
        return found.label or name
    return LABELS.get(name, name)


def drawn(name: str) -> str:
    """Name of a weighting or a dataset as matplotlib prints it letter by letter.

    Two dollars would begin mathematics, and an underline at the start would hide a legend's entry.
    """
    label = label_of(name).replace("$", r"\$")
    return f" {label}" if label.startswith("_") else label


def colour_of(name: str, position: int) -> str:
    """Colour of a weighting, or one out of a cycle for another name."""
    return _COLOURS.get(name, _MORE_COLOURS[position % len(_MORE_COLOURS)])


def new_figure(width: float = 6.6, height: float = 4.9) -> Figure:
    """Make an empty figure of this size [inch], laid out when it is drawn unless it is framed."""
    return Figure(figsize=(width, height), layout="constrained")


def _entries(figure: Figure) -> dict[str, Any]:
    """Legend entries of all axes; a label that several axes use appears once."""
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    return entries


def legend(figure: Figure, columns: int = 3) -> None:
    """Put one legend for all axes above them, in a figure that is laid out when it is drawn."""
    entries = _entries(figure)
    if entries:
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside upper center",
            ncols=columns,
            frameon=False,
        )


def frame(
    figure: Figure,
    columns: int = 3,
    *,
    left: float = 0.86,
    right: float = 0.24,
    bottom: float = 0.66,
    title: bool = False,
    between: tuple[float, float] = (0.3, 0.3),
) -> None:
    """Put one legend above all axes and set the margins [inch], instead of a layout engine.

    A layout engine draws the figure several times to find its margins, which takes longer than
    all else; ours are known.

    Parameters
    ----------
    figure
        With all its axes.
    columns
        Of the legend.
    left, right, bottom
        Room for labels.
    title
        Whether axes have a title above them.
    between
        Room between columns and between rows of axes.
    """
    figure.set_layout_engine(None)
    entries = _entries(figure)
    columns = min(columns, max(len(entries), 1))
    rows = -(-len(entries) // columns)
    width, height = figure.get_size_inches()
    top = 0.14 + 0.225 * rows + (0.34 if title else 0.0)
    grid = {
        "left": left / width,
        "right": 1.0 - right / width,
        "bottom": bottom / height,
        "top": 1.0 - top / height,
    }
    spec = figure.axes[0].get_subplotspec() if figure.axes else None
    if spec is not None:
        n_rows, n_columns, _, _ = spec.get_geometry()
        wide = (width - left - right - between[0] * (n_columns - 1)) / n_columns
        high = (height - bottom - top - between[1] * (n_rows - 1)) / n_rows
        grid |= {"wspace": between[0] / wide, "hspace": between[1] / high}
    figure.subplots_adjust(**grid)
    if entries:
        middle = (grid["left"] + grid["right"]) / 2.0
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="upper center",
            bbox_to_anchor=(middle, 1.0 - 0.02 / height),
            borderaxespad=0.0,
            borderpad=0.2,
            labelspacing=0.35,
            ncols=columns,
            frameon=False,
        )


def band(
    axes: Axes,
    edges: NDArray[np.float64],
    values: NDArray[np.float64],
    error: NDArray[np.float64],
    **style: Any,
) -> None:
    """Draw a histogram as a line with its statistical uncertainty as a band.

    Error bars of several histograms in one frame hide each other; bands do not.
    """
    line: dict[str, Any] = {"linewidth": 1.5, "linestyle": "-"} | style
    axes.stairs(values, edges, baseline=None, **line)
    axes.stairs(
        values + error,
        edges,
        baseline=np.maximum(values - error, 0.0),
        fill=True,
        color=style["color"],
        alpha=0.13,
        linewidth=0,
    )


def save(figure: Figure, folder: str | Path, name: str, *, dpi: int = 150) -> tuple[Path, Path]:
    """Write `folder`/`name`.svg and .png, the same bytes for the same figure.

    Returns
    -------
    Paths of the SVG and the PNG file.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    svg, png = folder / f"{name}.svg", folder / f"{name}.png"
    with mpl.rc_context(_STYLE), _resolution(figure, dpi):
        # not `savefig`, which draws everything twice to find a bounding box
        FigureCanvasSVG(figure).print_svg(svg, metadata={"Date": None})
        # the layout is the same for both files
        engine = figure.get_layout_engine()
        figure.set_layout_engine("none")
        figure.dpi = dpi  # an SVG is written with 72 dots an inch, and leaves it at that
        FigureCanvasAgg(figure).print_png(png, metadata={"Software": None})
        figure.set_layout_engine(engine)
    return svg, png


@contextmanager
def _resolution(figure: Figure, dpi: float) -> Iterator[None]:
    before = figure.dpi
    figure.dpi = dpi
    try:
        yield
    finally:
        figure.dpi = before
