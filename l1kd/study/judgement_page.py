"""What `l1kd.study.at_rate` found, written: records, plots and a page."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from l1kd.execution.faults import require_writable, writing
from l1kd.processors.at_rate import QUANTITIES
from l1kd.report import studies
from l1kd.report.menu_page import pictures_of, render
from l1kd.study.at_rate import Judgement
from l1kd.study.request import AtRateRequest
from l1kd.trigger.plots import menus as menu_plots

__all__ = ["write_judgement"]


def _figures(found: Judgement) -> dict[str, Figure]:
    labels = found.labels
    drawn: dict[str, Figure] = {}
    for signal, curves in found.curves.items():
        own = {labels[w]: x for w, x in curves.items()}
        drawn[f"rate:{signal}"] = menu_plots.efficiency_against_rate(
            own, found.rates_hz, signal=signal
        )
        for quantity, turn_ons in found.turn_ons[signal].items():
            drawn[f"turn_on:{signal}, {QUANTITIES[quantity]}"] = menu_plots.turn_ons(
                {labels[w]: x for w, x in turn_ons.items()},
                reference=f"generated {QUANTITIES[quantity]} [GeV]",
            )
    return drawn


def _plain(x: Any) -> Any:
    """Return records in plain JSON types."""
    if hasattr(x, "as_dict"):
        return x.as_dict()
    if isinstance(x, tuple) and hasattr(x, "_asdict"):
        return {key: _plain(own) for key, own in x._asdict().items()}
    if isinstance(x, Mapping):
        return {f"{k:g}" if isinstance(k, float) else str(k): _plain(own) for k, own in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(each) for each in x]
    if isinstance(x, np.ndarray):
        return _plain(x.tolist())
    if isinstance(x, float) and not np.isfinite(x):
        return None
    return x


def write_judgement(
    found: Judgement, request: AtRateRequest, weightings: Sequence[Any], out: str | Path
) -> Path:
    """Write at_rate.json and the page; return the page's path."""
    folder = Path(out)
    require_writable(folder)
    versions = {w.name: str(getattr(w, "version", "")) for w in weightings}
    about = studies.provenance(versions, command=request.command).model_dump()
    with writing(folder):
        content = _plain(found) | {"provenance": about}
        (folder / "at_rate.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        page = folder / "index.html"
        shown = {
            "found": found,
            "quantities": QUANTITIES,
            "pictures": pictures_of(_figures(found), folder),
            "about": about,
            "label": request.label,
        }
        page.write_text(render("at_rate.html", shown), encoding="utf-8")
    return page
