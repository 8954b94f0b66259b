"""The page of an evaluation: self-contained HTML, the figures also as PNG and PDF."""

import base64
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from l1kd.models.evaluation.figures import Drawing
from l1kd.models.evaluation.schema import Evaluation, gain
from l1kd.models.evaluation.style import ASSOCIATION_LABELS
from l1kd.models.weights.agreement import N_BINS
from l1kd.plot_style import label_of, styled
from l1kd.report.summary import Number

__all__ = ["write_page"]

PAPER = {
    "teacher": {"met": "10%", "jets": "18%", "parameters": "270,000", "flops": "6.6 G"},
    "distillnet": {"met": "6 to 7%", "jets": "12%", "parameters": "10,600", "flops": "0.19 G"},
    "qdistillnet": {"met": "", "jets": "", "parameters": "", "flops": ""},
}
"""What Bal et al. (2024) report on their samples, by kind of network."""


_DPI = 150


class _Picture(NamedTuple):
    key: str
    association: str
    title: str
    caption: str
    wide: bool
    uri: str
    file: str


@styled
def _save(figure: Figure, folder: Path, name: str) -> Figure:
    """Write `folder`/`name`.pdf and .png."""
    folder.mkdir(parents=True, exist_ok=True)
    nothing = {"CreationDate": None, "Creator": None, "Producer": None}
    figure.savefig(folder / f"{name}.pdf", metadata=nothing)
    # the layout is half of the work, and it is the same for both files
    figure.set_layout_engine("none")
    figure.savefig(folder / f"{name}.png", dpi=_DPI, metadata={"Software": None})
    return figure


def _picture(drawing: Drawing, folder: Path) -> _Picture:
    _save(drawing.figure, folder, drawing.file)
    png = (folder / f"{drawing.file}.png").read_bytes()
    return _Picture(
        drawing.key,
        drawing.association,
        drawing.title,
        drawing.caption,
        drawing.wide,
        "data:image/png;base64," + base64.b64encode(png).decode("ascii"),
        f"{folder.name}/{drawing.file}",
    )


def _cell(value: str, interval: str) -> Markup:
    return Markup('<span class="value">{}</span><span class="interval">{}</span>').format(
        value, interval
    )


_NOTHING = Markup('<span class="none">–</span>')


def _number(x: Number | None, digits: int = 3, scale: float = 1.0) -> Markup:
    """Value with its interval below it; a dash for what could not be computed."""
    if x is None or x.value is None:
        return _NOTHING
    low, high = (
        "?" if end is None else f"{end * scale:.{digits}f}".replace("-", "−")
        for end in (x.low, x.high)
    )
    return _cell(f"{x.value * scale:.{digits}f}".replace("-", "−"), f"{low} … {high}")


def _percent(x: Number | None, digits: int = 1) -> Markup:
    """Value and interval in per cent."""
    if x is None or x.value is None:
        return _NOTHING
    text = [
        "?" if end is None else f"{100 * end:.{digits}f}".replace("-", "−")
        for end in (x.value, x.low, x.high)
    ]
    return _cell(f"{text[0]}%", f"{text[1]} … {text[2]}")


def _gain(x: Number | None) -> Markup:
    """Gain in per cent with its sign, of a ratio to PUPPI."""
    found = gain(x)
    if found is None or found.value is None:
        return _NOTHING
    text = [
        "?" if end is None else f"{100 * end:+.1f}".replace("-", "−")
        for end in (found.value, found.low, found.high)
    ]
    return _cell(f"{text[0]}%", f"{text[1]} … {text[2]}")


def _amount(x: float | None) -> str:
    """Count with a suffix."""
    if x is None:
        return "–"
    for scale, suffix in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if x >= scale:
            return f"{x / (1e3 if suffix == ' k' else scale):.3g}{suffix}"
    return f"{x:,.0f}"


def write_page(evaluation: Evaluation, drawn: Iterable[Drawing], out: Path) -> Path:
    """Write `out`/index.html, and every figure as `out`/figures/<name>.png and .pdf.

    Parameters
    ----------
    evaluation : Evaluation
        All numbers.
    drawn : iterable of Drawing
        All figures; each is forgotten as soon as it is written.
    out : pathlib.Path
        Folder; made if it is not there.

    Returns
    -------
    pathlib.Path
        The page.
    """
    out.mkdir(parents=True, exist_ok=True)
    pictures = [_picture(drawing, out / "figures") for drawing in drawn]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": _number,
        "percent": _percent,
        "gain": _gain,
        "amount": _amount,
        "label": label_of,
        "headed": lambda text: text[:1].upper() + text[1:],
    }
    css = (files("l1kd.report") / "page.css").read_text(encoding="utf-8")
    template = (files("l1kd.models.evaluation") / "page.html").read_text(encoding="utf-8")
    page = out / "index.html"
    text = environment.from_string(template).render(
        e=evaluation,
        kinds={model.name: model.kind for model in evaluation.models},
        pictures=pictures,
        associations=ASSOCIATION_LABELS,
        paper=PAPER,
        bins=N_BINS,
        style=Markup(css),
    )
    page.write_text(text, encoding="utf-8")
    return page
