"""The record, tables, plots and the page in a folder."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from l1kd.execution.faults import require_writable, writing
from l1kd.report import studies
from l1kd.report.menu_page import RateReport, write_rate_page
from l1kd.study.request import TableRequest
from l1kd.trigger.counts.record import RateRecord
from l1kd.trigger.plots import menus as menu_plots
from l1kd.trigger.rates.export import write_tables

__all__ = ["figures", "write_report"]


def figures(record: RateRecord, report: RateReport) -> dict[str, Figure]:
    """Draw the report: rates, overlap, scans, dependence on pile-up."""
    drawn: dict[str, Figure] = {}
    if any(seed.final.value > 0.0 for seed in report.rates.seeds):
        drawn["seed_rates"] = menu_plots.seed_rates(report.rates)
        drawn["overlap"] = menu_plots.overlap_map(report.rates)
    for name, scan in report.scans.items():
        drawn[f"scan:{name}"] = menu_plots.scan_curves(
            {name: scan}, variable=f"threshold, {name}", budget_hz=report.norm.budget_hz
        )
    if len(report.pileup) > 1:
        costly = sorted(report.rates.seeds, key=lambda seed: -seed.final.value)
        names = [seed.name for seed in costly[:3] if seed.final.value > 0.0]
        drawn["pileup"] = menu_plots.pileup_dependence(report.pileup, names, report.fits)
    return drawn


def write_report(
    record: RateRecord,
    report: RateReport,
    request: TableRequest,
    out: str | Path,
    *,
    command: Sequence[str] | None = None,
) -> Path:
    """Write the record, tables and page into a folder.

    Returns
    -------
    The page's path.
    """
    folder = Path(out)
    require_writable(folder)
    with writing(folder):
        record.write(folder / "rates.npz")
    provenance = studies.provenance({}, command=command).model_dump()
    vertices = studies.vertex_records({name: own.vertex for name, own in record.datasets.items()})
    more = {
        "menu": record.menu,
        "normalisation": report.norm.model_dump(),
        "settings": record.settings,
        "reasons": record.reasons,
        "datasets": {
            name: {
                "seen": own.seen,
                "used": own.used,
                "skipped": own.skipped,
                "files": own.files,
                "patterns": len(own.decisions),
            }
            for name, own in record.datasets.items()
        },
        "vertices": [vertex.model_dump() for vertex in vertices],
        "scans": {
            name: {
                "thresholds": scan.thresholds.tolist(),
                "rate_hz": scan.value.tolist(),
                "low_hz": scan.low.tolist(),
                "high_hz": scan.high.tolist(),
            }
            for name, scan in report.scans.items()
        },
        "thresholds": {
            name: [t.as_dict() for t in found] for name, found in report.thresholds.items()
        },
        "pileup": [
            {"low": b.low, "high": b.high, "mean": b.mean, "total": b.rates.total.as_dict()}
            for b in report.pileup
        ],
        "pileup_fits": {
            name: {
                "coefficients_hz": f.coefficients.tolist(),
                "covariance": f.covariance.tolist(),
                "deviance": f.deviance,
                "n_dof": f.n_dof,
                "p_value": None if np.isnan(f.p_value) else f.p_value,
            }
            for name, f in report.fits.items()
        },
        "provenance": provenance,
    }
    with writing(folder):
        write_tables(report.rates, folder, record.indices, more)
        return write_rate_page(
            record, report, figures(record, report), vertices, provenance, request.label, folder
        )
