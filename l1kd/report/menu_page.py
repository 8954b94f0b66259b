"""The page of a menu's rates: one HTML file that holds everything, no scripts."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup
from matplotlib.figure import Figure

from l1kd.plot_style import save
from l1kd.report.summary import VertexRecord
from l1kd.report.templates import fill
from l1kd.statistics import Estimate
from l1kd.trigger.counts.record import RateRecord
from l1kd.trigger.counts.survival import Survival
from l1kd.trigger.rates.curves import Normalisation, Threshold
from l1kd.trigger.rates.export import shown
from l1kd.trigger.rates.pileup import PileupBin, PileupFit
from l1kd.trigger.rates.tables import MenuRates

__all__ = ["Picture", "RateReport", "pictures_of", "render", "write_rate_page"]


class RateReport(NamedTuple):
    """Everything that is made of a record of rates.

    Attributes
    ----------
    rates
        Of the menu.
    scans, thresholds
        {name: rate against threshold} and {name: thresholds for the targets}.
    pileup, fits
        Rates in bins of pile-up, and polynomials through the totals.
    norm
        What the rates are normalised to.
    """

    rates: MenuRates
    scans: dict[str, Survival]
    thresholds: dict[str, list[Threshold]]
    pileup: list[PileupBin]
    fits: dict[str, PileupFit]
    norm: Normalisation


class Picture(NamedTuple):
    """A figure as the template needs it."""

    key: str
    group: str
    uri: str
    svg: str
    png: str


def pictures_of(figures: Mapping[str, Figure], folder: Path) -> list[Picture]:
    """Save figures below a folder and describe them; a name is `kind:what`."""
    found = []
    for key, figure in figures.items():
        kind, _, group = key.partition(":")
        name = re.sub(r"[^A-Za-z0-9_-]+", "-", key)
        svg, png = save(figure, folder / "figures", name)
        uri = "data:image/svg+xml;base64," + base64.b64encode(svg.read_bytes()).decode("ascii")
        found.append(Picture(kind, group, uri, f"figures/{svg.name}", f"figures/{png.name}"))
    return found


def _number(x: Estimate, unit: float = 1e3) -> Markup:
    """Rate with its interval below it; a limit where nothing passed."""
    value, _, interval = shown(x, unit).partition(" -")
    if not interval or x.value == 0.0:
        return Markup('<span class="value">{}</span>').format(shown(x, unit))
    down, _, up = interval.partition(" +")
    return Markup('<span class="value">{}</span><span class="interval">−{} +{}</span>').format(
        value, down, up
    )


def _threshold(t: Threshold) -> str:
    """Threshold with its interval; a bound where the sample does not resolve it."""
    if not t.resolved:
        return f"> {t.value:g}" if t.value > float("-inf") else "not resolved"
    if t.value == float("-inf"):
        return "everything may pass"
    return f"{t.value:g} ({t.low:g} to {t.high:g})"


def render(template: str, content: Mapping[str, Any]) -> str:
    """Fill a template that shows rates and thresholds."""
    return fill(template, content, {"rate": _number, "threshold": _threshold})


def write_rate_page(
    record: RateRecord,
    report: RateReport,
    figures: Mapping[str, Figure],
    vertices: Sequence[VertexRecord],
    provenance: Mapping[str, Any],
    label: str,
    folder: str | Path,
) -> Path:
    """Write index.html and the figures.

    Returns
    -------
    The page's path.
    """
    where = Path(folder)
    seeds = sorted(report.rates.seeds, key=lambda s: -s.final.value)
    page = where / "index.html"
    content = {
        "record": record,
        "report": report,
        "rates": report.rates,
        "seeds": seeds,
        "pictures": pictures_of(figures, where),
        "vertices": vertices,
        "about": provenance,
        "label": label,
    }
    page.write_text(render("menu.html", content), encoding="utf-8")
    return page
