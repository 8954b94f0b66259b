"""The HTML page of a run: self-contained, no scripts, nothing loaded from the network."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure

from l1kd.physics.agreement import N_BINS
from l1kd.plot_style import LABELS, label_of, save
from l1kd.report.numbers import Number, gain
from l1kd.report.summary import Summary, ThresholdRow
from l1kd.report.templates import fill
from l1kd.trigger.quantities import QUANTITIES, describe

__all__ = ["ASSOCIATION_LABELS", "CAPTIONS", "Drawing", "write_page"]

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


PAPER: Mapping[str, Mapping[str, str]] = {
    "teacher": {"met": "10%", "jets": "18%", "parameters": "270,000", "flops": "6.6 G"},
    "distillnet": {"met": "6 to 7%", "jets": "12%", "parameters": "10,600", "flops": "0.19 G"},
    "qdistillnet": {"met": "", "jets": "", "parameters": "", "flops": ""},
}
"""What Bal et al. (2024) report on their samples, by kind of network."""

ASSOCIATION_LABELS = {
    "dz": "realistic association (dz)",
    "truth": "idealised association (IsRecoPU)",
}
"""How charged associations are called."""

_WIDE = ("event", "weights")
"""Plots that take the whole width."""

_LARGEST_SVG = 600_000
"""Larger SVG files [byte] are shown as PNG."""


class Drawing(NamedTuple):
    """A plot of the page: what it shows, of which dataset or association, and how wide it is."""

    key: str
    group: str
    title: str
    caption: str
    wide: bool
    figure: Figure

    @property
    def file(self) -> str:
        """Name of its files, without extension."""
        return re.sub(r"[^A-Za-z0-9_-]+", "-", ":".join(filter(None, (self.key, self.group))))


class _Picture(NamedTuple):
    """A plot as the template needs it."""

    key: str
    group: str
    title: str
    caption: str
    wide: bool
    uri: str
    svg: str
    png: str


def write_page(
    summary: Summary | Mapping[str, Any],
    figures: Mapping[str, Figure] | Iterable[Drawing],
    out: str | Path,
) -> Path:
    """Write `out`/index.html, and every figure beside it as `out`/figures/<name>.svg and .png.

    Parameters
    ----------
    summary
        A `Summary`, or a mapping that its schema accepts.
    figures
        Named as in `CAPTIONS`, with `:<dataset>` behind the name where a figure belongs to one;
        figures of other names are shown at the end, under their own name. Or drawings, each of
        which is forgotten as soon as it is written.
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
    drawings = map(_drawing, figures.items()) if isinstance(figures, Mapping) else figures
    pictures = [_picture(drawing, folder) for drawing in drawings]
    shown = {
        "summary": content,
        "pictures": pictures,
        "rate_plots": [p.key for p in pictures if p.key.startswith("rate_")],
        "known": set(CAPTIONS) | {p.key for p in pictures if _is_of_quantity(p.key)},
        "associations": _associations(content),
        "kinds": {network.name: network.kind for network in content.networks},
        "paper": PAPER,
        "bins": N_BINS,
    }
    page = folder / "index.html"
    page.write_text(fill("page.html", shown, _FILTERS), encoding="utf-8")
    return page


def _associations(summary: Summary) -> list[dict[str, Any]]:
    """Gather by charged association what a comparison of particle weights found."""
    found = []
    for weights in summary.weights:
        name = weights.association
        studied = [s for s in summary.resolution if s.association == name]
        test = next(s for s in studied if s.dataset == weights.dataset)
        importance = [s for s in summary.importance if s.association == name]
        found.append(
            {
                "name": name,
                "label": ASSOCIATION_LABELS.get(name, name),
                "weights": weights,
                "test": test,
                "others": [s for s in studied if s is not test],
                "backgrounds": [s for s in summary.backgrounds if s.association == name],
                "importance": importance,
            }
        )
    return found


def _drawing(item: tuple[str, Figure]) -> Drawing:
    """Describe a figure by its name."""
    name, _, group = item[0].partition(":")
    return Drawing(name, group, *_caption(name), name in _WIDE, item[1])


def _picture(drawing: Drawing, folder: Path) -> _Picture:
    """Save a plot and describe it."""
    svg, png = save(drawing.figure, folder / "figures", drawing.file)
    kind, shown = ("svg+xml", svg) if svg.stat().st_size <= _LARGEST_SVG else ("png", png)
    uri = f"data:image/{kind};base64," + base64.b64encode(shown.read_bytes()).decode("ascii")
    plain = drawing[:5]
    return _Picture(*plain, uri, f"figures/{svg.name}", f"figures/{png.name}")


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
    """Value and interval in per cent; of a bound from above the bound."""
    if x is not None and x.value is None and x.high is not None and x.high < 1.0:
        return Markup('<span class="value">&lt; {} %</span>').format(_plain(x.high * 100.0, 2))
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


def _gained(x: Number | None) -> Markup:
    """Gain over the reference in per cent with its sign, of a ratio."""
    found = gain(x)
    if found is None or found.value is None:
        return _number(None)
    text = [
        "?" if end is None else f"{100 * end:+.1f}".replace("-", "−")
        for end in (found.value, found.low, found.high)
    ]
    return Markup('<span class="value">{} %</span><span class="interval">{} … {}</span>').format(
        *text
    )


def _amount(x: float | None) -> str:
    """Count with a suffix."""
    if x is None:
        return "–"
    for scale, suffix in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if x >= scale:
            return f"{x / (1e3 if suffix == ' k' else scale):.3g}{suffix}"
    return f"{x:,.0f}"


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


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "number": _number,
    "percent": _percent,
    "label": label_of,
    "variable": _variable,
    "rate": _rate,
    "by_variable": _by_variable,
    "gain": gain,
    "setting": _setting,
    "gained": _gained,
    "amount": _amount,
    "headed": lambda text: text[:1].upper() + text[1:],
}
