"""The look that all figures share: colours and names of weightings, sizes, legends, files."""

from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import mplhep
from matplotlib.figure import Figure

from l1kd.algorithms import ALGORITHMS

__all__ = [
    "DASHES",
    "LABELS",
    "MARKERS",
    "colour_of",
    "label_of",
    "legend",
    "new_figure",
    "save",
    "styled",
]

LABELS: Mapping[str, str] = {
    **{name: kind.label for name, kind in ALGORITHMS.items()},
    "none": "no weight",
    "correlator": "L1 correlator",
    "delphes_puppi": "Delphes' PUPPI",
    "soft_truth": "true share",
    "no_pileup": "no pile-up",
}
"""How a weighting is called in figures and tables; an algorithm brings its own label."""

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
_MORE_COLOURS = ("#1f5fa8", "#c2185b", "#e08a00", "#2e8b57", "#6a51a3", "#4fa3d1", "#8c8c8c")
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


def colour_of(name: str, position: int) -> str:
    """Colour of a weighting, or one out of a cycle for another name."""
    return _COLOURS.get(name, _MORE_COLOURS[position % len(_MORE_COLOURS)])


def new_figure(width: float = 6.6, height: float = 4.9) -> Figure:
    """Make an empty figure of this size [inch], laid out when it is drawn."""
    return Figure(figsize=(width, height), layout="constrained")


def legend(figure: Figure, columns: int = 3) -> None:
    """Put one legend for all axes above them; a label that several axes use appears once."""
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside upper center",
            ncols=columns,
            frameon=False,
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
    with mpl.rc_context(_STYLE):
        figure.savefig(svg, metadata={"Date": None}, dpi=dpi)
        # the layout is half of the work, and it is the same for both files
        engine = figure.get_layout_engine()
        figure.set_layout_engine("none")
        figure.savefig(png, metadata={"Software": None}, dpi=dpi)
        figure.set_layout_engine(engine)
    return svg, png
