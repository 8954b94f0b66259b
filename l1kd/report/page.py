"""The HTML page of a run: self-contained, no scripts, nothing loaded from the network."""

import base64
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from l1kd.plot_style import LABELS, label_of, save
from l1kd.report.summary import Number, Summary, ThresholdRow
from l1kd.trigger.quantities import QUANTITIES, describe

__all__ = ["CAPTIONS", "write_page"]

_FIXED_CAPTIONS: Mapping[str, tuple[str, str]] = {
    "event": (
        "One event, before and after weighting",
        "Every point is a particle; its size and colour are its pt after the weight.",
    ),
    "met_response": (
        "MET against the generated one",
        "Histograms with their statistical uncertainty as a band; of few events every one is a "
        "point, in a box from quartile to quartile around the median.",
    ),
    "met_resolution": (
        "Resolution of MET",
        "Half the distance of the quartiles of MET / gen, divided by its median. Bars are "
        "bootstrap intervals, the ratio's events are paired.",
    ),
    "jet_response": (
        "Response of matched jets",
        "Anti-kt jets of radius 0.4, matched one to one with generated jets.",
    ),
    "jet_resolution": (
        "Resolution of jets",
        "Half the distance of the quartiles of pt / gen, divided by its median; whole events are "
        "resampled.",
    ),
    "weights": (
        "Particle weights",
        "Each distribution is normalised to one; hard and pile-up are by the larger share of the "
        "particle's true energy.",
    ),
}


_OF_QUANTITIES = ("rate", "score", "efficiency")
"""Beginnings of the names of figures that show a quantity."""


def _caption(name: str) -> tuple[str, str]:
    """Title and caption of a figure; `rate_met`, `score_cicada_score` name a quantity."""
    if name in _FIXED_CAPTIONS:
        return _FIXED_CAPTIONS[name]
    kind, _, quantity = name.partition("_")
    described = describe(quantity)[0]
    label = described.label.replace("$", "").replace("_", "") if kind in _OF_QUANTITIES else ""
    made = {
        "rate": (
            f"Rate of {label}",
            f"{described.caption} Bands are Clopper-Pearson intervals, arrows limits.".strip(),
        ),
        "score": (label, "Each sample is normalised to one."),
        "efficiency": (
            f"What {label} keeps at a rate",
            "Efficiency of each signal against the zero-bias rate of the same threshold.",
        ),
    }
    return made.get(kind, (name.replace("_", " "), ""))


CAPTIONS: Mapping[str, tuple[str, str]] = {
    **_FIXED_CAPTIONS,
    **{f"rate_{name}": _caption(f"rate_{name}") for name in (*QUANTITIES, "cicada_score")},
    **{name: _caption(name) for name in ("score_cicada_score", "efficiency_cicada_score")},
}
"""Title and caption of the figures, by the name before a colon; a user's quantities get their own
when they are drawn."""


class _Picture(NamedTuple):
    """A figure as the template needs it."""

    key: str
    group: str
    title: str
    caption: str
    uri: str
    svg: str
    png: str


def write_page(
    summary: Summary | Mapping[str, Any], figures: Mapping[str, Figure], out: str | Path
) -> Path:
    """Write `out`/index.html, and every figure beside it as `out`/figures/<name>.svg and .png.

    Parameters
    ----------
    summary
        A `Summary`, or a mapping that its schema accepts.
    figures
        Named as in `CAPTIONS`, with `:<dataset>` behind the name where a figure belongs to one.
        Figures of other names are shown at the end, under their own name.
    out
        Folder; made if it is not there.

    Returns
    -------
    Path of index.html.

    Raises
    ------
    pydantic.ValidationError
        If the summary does not follow the schema.
    """
    content = summary if isinstance(summary, Summary) else Summary.model_validate(dict(summary))
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = [_picture(key, figure, folder) for key, figure in figures.items()]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": _number,
        "percent": _percent,
        "label": label_of,
        "variable": _variable,
        "rate": _rate,
        "by_variable": _by_variable,
        "gain": _gain,
        "setting": _setting,
    }
    here = files("l1kd.report")
    template = environment.from_string((here / "page.html").read_text(encoding="utf-8"))
    page = folder / "index.html"
    page.write_text(
        template.render(
            summary=content,
            pictures=pictures,
            rate_figures=[p.key for p in pictures if p.key.startswith("rate_")],
            known=set(CAPTIONS) | {p.key for p in pictures if _is_of_quantity(p.key)},
            style=Markup((here / "page.css").read_text(encoding="utf-8")),
        ),
        encoding="utf-8",
    )
    return page


def _picture(key: str, figure: Figure, folder: Path) -> _Picture:
    """Save a figure and describe it."""
    name, _, group = key.partition(":")
    file = re.sub(r"[^A-Za-z0-9_-]+", "-", key)
    svg, png = save(figure, folder / "figures", file)
    title, caption = _caption(name)
    uri = "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode("ascii")
    return _Picture(name, group, title, caption, uri, f"figures/{svg.name}", f"figures/{png.name}")


def _is_of_quantity(key: str) -> bool:
    return key.partition("_")[0] in _OF_QUANTITIES and "_" in key


def _plain(value: float, digits: int) -> str:
    """Fixed-point text with about `digits` significant figures."""
    if 0.0 < value < 1e-300:
        return "> 0"  # a threshold just above zero
    magnitude = abs(value)
    decimals = digits if magnitude < 1 else max(digits - len(str(int(magnitude))), 0)
    text = f"{value:.{decimals}f}" if magnitude else "0"
    return text.replace("-", "−")


def _number(x: Number | ThresholdRow | None, digits: int = 3, scale: float = 1.0) -> Markup:
    """Value with its interval below it; a dash for what could not be computed."""
    if x is None or x.value is None:
        return Markup('<span class="none">–</span>')
    ends = [
        ("−∞" if i == 0 else "∞") if end is None else _plain(end * scale, digits)
        for i, end in enumerate((x.low, x.high))
    ]
    return Markup('<span class="value">{}</span><span class="interval">{} … {}</span>').format(
        _plain(x.value * scale, digits), *ends
    )


def _percent(x: Number | None) -> Markup:
    """Value and interval in per cent."""
    if x is None or x.value is None:
        return _number(None)
    value, low, high = (
        "?" if end is None else _plain(end * 100.0, 2) for end in (x.value, x.low, x.high)
    )
    return Markup('<span class="value">{} %</span><span class="interval">{} … {}</span>').format(
        value, low, high
    )


def _rate(x: Number) -> Markup:
    """Rate [kHz] from one in Hz; the upper limit where nothing passed."""
    if x.value == 0.0 and x.high is not None:
        return Markup('<span class="value">&lt; {}</span>').format(_plain(x.high / 1e3, 3))
    return _number(x, 3, 1e-3)


def _by_variable(thresholds: Mapping[str, list[ThresholdRow]]) -> dict[str, dict[str, Any]]:
    """Group `met:puppi`, `met:none`, ... under `met`, the weighting as the key."""
    groups: dict[str, dict[str, Any]] = {}
    for name, rows in thresholds.items():
        variable, _, weighting = name.partition(":")
        groups.setdefault(variable, {})[weighting or variable] = rows
    return groups


def _gain(ratio: Number) -> Number:
    """Gain in resolution, one minus the ratio to the reference; the interval turns round."""
    ends = {"value": ratio.value, "low": ratio.high, "high": ratio.low}
    return Number(n=ratio.n, **{key: None if x is None else 1.0 - x for key, x in ends.items()})


def _setting(value: Any) -> str:
    """Value of an option; the open end of bins is infinity."""
    if isinstance(value, list):
        return " ".join("∞" if x is None else _setting(x) for x in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _variable(name: str) -> str:
    """Name of a trigger quantity or a weighting as it is printed, with its unit."""
    if name in LABELS or (name not in QUANTITIES and not name.endswith("_score")):
        return label_of(name)
    return describe(name)[0].axis.replace("$", "").replace("_", "")
