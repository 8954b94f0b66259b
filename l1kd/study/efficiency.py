"""Turn-ons, scalings, and algorithms at equal rate: files in, tables, plots and a page out."""

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from l1kd.errors import ConfigurationError, InputError
from l1kd.execution import run
from l1kd.execution.faults import require_writable, writing
from l1kd.processors.efficiency import EVERYWHERE, EfficiencyProcessor
from l1kd.processors.iso_rate import SpectraProcessor
from l1kd.report import studies
from l1kd.report.menu_page import pictures_of, render
from l1kd.report.summary import VertexRecord
from l1kd.statistics import Estimate
from l1kd.study.request import EfficiencyRequest
from l1kd.study.samples import named_files
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.counts.survival import SpectrumClass
from l1kd.trigger.efficiency.form import TurnOnForm, read_turn_ons
from l1kd.trigger.efficiency.iso_rate import IsoRate, efficiency_against_rate, iso_rate
from l1kd.trigger.efficiency.scalings import ScalingLine, fit_line, write_scalings
from l1kd.trigger.efficiency.turn_on import SHAPES, Curve, Fit, TurnOn, crossing, fit
from l1kd.trigger.plots import menus as menu_plots
from l1kd.trigger.rates.curves import Normalisation, normalisation

__all__ = [
    "POINTS",
    "EfficiencyRequest",
    "IsoRateTable",
    "TurnOnResult",
    "compare_at_rate",
    "measure_turn_ons",
    "turn_on_results",
    "write_efficiency",
]

POINTS = (0.5, 0.9, 0.95)
"""Efficiencies at which turn-ons are read."""


class TurnOnResult(NamedTuple):
    """One threshold of one turn-on in one region.

    Attributes
    ----------
    dataset, name, region, threshold
        What it is.
    curve
        Efficiency in bins.
    fits
        {shape: fit}; shapes that could not be fitted are missing.
    best
        Shape with the smallest deviance, or that which was asked for; empty without a fit.
    points
        {efficiency: (by the best fit, by interpolation)}.
    """

    dataset: str
    name: str
    region: str
    threshold: float
    curve: Curve
    fits: dict[str, Fit]
    best: str
    points: dict[float, tuple[Estimate, Estimate]]


def _forms(request: EfficiencyRequest) -> dict[str, TurnOnForm]:
    forms = read_turn_ons(request.turn_ons) if request.turn_ons is not None else {}
    if request.online or request.reference:
        content = {
            "online": request.online,
            "reference": request.reference,
            "match": request.match,
            "edges": list(request.edges),
            "thresholds": list(request.thresholds),
        }
        content = {key: value for key, value in content.items() if value not in (None, [])}
        name = str(request.online).partition(".")[0]
        forms[name] = TurnOnForm.of(content, "options")
    return forms


def _fileset(files: Any) -> Any:
    return named_files([str(f) for f in files]) if isinstance(files, list | tuple) else files


def measure_turn_ons(
    fileset: Any, request: EfficiencyRequest, **more: Any
) -> dict[str, dict[str, TurnOn]]:
    """Fill the turn-ons of every dataset: {dataset: {"name:region": TurnOn}}."""
    processor = EfficiencyProcessor(
        _forms(request),
        algorithms=request.algorithms,
        source=request.source,
        vertex=request.vertex,
    )
    result = run(processor, _fileset(fileset), **request.execution(), **more)
    return {name: own["turn_ons"] for name, own in sorted(result.output.items())}


def turn_on_results(
    turn_ons: Mapping[str, Mapping[str, TurnOn]], request: EfficiencyRequest
) -> tuple[list[TurnOnResult], dict[str, dict[str, ScalingLine]]]:
    """Read curves, fits, points and scaling lines off turn-ons.

    Returns
    -------
    One result a threshold, and the lines {name: {region: line}}; of several datasets the first one
    that has enough points gives the line.
    """
    forms = _forms(request)
    results: list[TurnOnResult] = []
    lines: dict[str, dict[str, ScalingLine]] = {}
    for dataset, own in turn_ons.items():
        for key, turn_on in own.items():
            name, _, region = key.rpartition(":")
            form = forms[name]
            points = {}
            for threshold in form.thresholds:
                result = _result(dataset, name, region, threshold, turn_on, form, request.level)
                results.append(result)
                by_fit, by_line = result.points[form.scaling]
                points[threshold] = by_fit if math.isfinite(by_fit.value) else by_line
            try:
                line = fit_line(points, form.scaling)
            except InputError:
                continue
            lines.setdefault(name, {}).setdefault(region, line)
    return results, lines


def _result(
    dataset: str,
    name: str,
    region: str,
    threshold: float,
    turn_on: TurnOn,
    form: TurnOnForm,
    level: float,
) -> TurnOnResult:
    curve = turn_on.curve(threshold, level)
    fits: dict[str, Fit] = {}
    for shape in SHAPES if form.shape == "best" else (form.shape,):
        try:
            fits[shape] = fit(curve, shape, level)
        except InputError:
            continue
    best = min(fits, key=lambda shape: fits[shape].deviance) if fits else ""
    points = {}
    for efficiency in sorted({*POINTS, form.scaling}):
        missing = Estimate(math.nan, math.nan, math.nan, curve.n)
        by_fit = fits[best].point(efficiency) if best else missing
        points[efficiency] = by_fit, crossing(curve, efficiency)
    return TurnOnResult(dataset, name, region, threshold, curve, fits, best, points)


class IsoRateTable(NamedTuple):
    """Algorithms at equal rate, for one signal.

    Attributes
    ----------
    signal, quantity, reference
        What was compared, and to which.
    rows
        {target [Hz]: {algorithm: result}}.
    curves, rates_hz
        {algorithm: efficiency at each of the rates}.
    vertices
        Vertex of the signal and of the zero bias, and how often the found one is right.
    """

    signal: str
    quantity: str
    reference: str
    rows: dict[float, dict[str, IsoRate]]
    curves: dict[str, list[Estimate]]
    rates_hz: list[float]
    vertices: list[VertexRecord]


def compare_at_rate(fileset: Any, request: EfficiencyRequest, **more: Any) -> list[IsoRateTable]:
    """Compare the algorithms' versions of one quantity at equal rate, for every signal.

    Raises
    ------
    ConfigurationError
        If there are fewer than two algorithms, or the reference is not among them.
    """
    algorithms = request.algorithms
    names = [a if isinstance(a, str) else a.name for a in algorithms]
    if len(names) < 2 or request.weighting_reference not in names:
        raise ConfigurationError(
            f"algorithms at equal rate: give two or more, with the reference "
            f"{request.weighting_reference!r} (--weighting-reference); found: {', '.join(names)}"
        )
    processor = SpectraProcessor(
        names,
        quantity=request.quantity,
        algorithms=[a for a in algorithms if not isinstance(a, str)],
        source=request.source,
        vertex=request.vertex,
        min_pt=request.min_pt,
        resampling=Resampling(request.replicas),
        step=request.grid,
    )
    signals = run(processor, _fileset(fileset), **request.execution(), **more).output
    zero_bias = run(
        processor, _fileset(list(request.background)), **request.execution(), **more
    ).output
    norm = normalisation(request.normalisation)
    background = {
        name: _classes({d: own["spectra"] for d, own in zero_bias.items()}, name, request, norm)
        for name in next(iter(zero_bias.values()))["spectra"]
    }
    targets = [1e3 * t for t in request.targets]
    rates = np.geomspace(min(targets) / 3.0, max(targets) * 10.0, 40).tolist()
    tables = []
    for signal, own in sorted(signals.items()):
        spectra: dict[str, Spectrum] = own["spectra"]
        rows = {
            t: iso_rate(background, spectra, t, request.weighting_reference, request.level)
            for t in targets
        }
        curves = efficiency_against_rate(background, spectra, rates, request.level)
        tables.append(
            IsoRateTable(
                signal,
                request.quantity,
                request.weighting_reference,
                rows,
                curves,
                rates,
                studies.vertex_records(
                    {name: x["vertex"] for name, x in ({signal: own} | zero_bias).items()}
                ),
            )
        )
    return tables


def _classes(
    datasets: Mapping[str, Mapping[str, Spectrum]],
    name: str,
    request: EfficiencyRequest,
    norm: Normalisation,
) -> list[SpectrumClass]:
    own = {dataset: spectra[name] for dataset, spectra in sorted(datasets.items())}
    if request.per == "weight":
        return [SpectrumClass(d, s, s.sum_of_weights) for d, s in own.items()]
    together = list(own.values())
    total = together[0]
    for spectrum in together[1:]:
        total = total + spectrum
    return [SpectrumClass(", ".join(own), total, norm.input_hz)]


def _figures(
    results: Sequence[TurnOnResult], tables: Sequence[IsoRateTable], forms: Mapping[str, TurnOnForm]
) -> dict[str, Figure]:
    drawn: dict[str, Figure] = {}
    groups: dict[tuple[str, str, str], list[TurnOnResult]] = {}
    for result in results:
        groups.setdefault((result.dataset, result.name, result.region), []).append(result)
    for (dataset, name, region), own in groups.items():
        label = {r.threshold: f"{name} >= {r.threshold:g}" for r in own}
        title = f"{dataset}, {name}" + ("" if region == EVERYWHERE else f", {region}")
        drawn[f"turn_on:{title}"] = menu_plots.turn_ons(
            {label[r.threshold]: r.curve for r in own},
            {label[r.threshold]: r.fits[r.best] for r in own if r.best},
            reference=f"{forms[name].reference} [GeV]",
            level=forms[name].scaling,
        )
    for table in tables:
        drawn[f"iso_rate:{table.signal}"] = menu_plots.efficiency_against_rate(
            table.curves, table.rates_hz, signal=table.signal
        )
    return drawn


def write_efficiency(
    results: Sequence[TurnOnResult],
    lines: Mapping[str, Mapping[str, ScalingLine]],
    tables: Sequence[IsoRateTable],
    request: EfficiencyRequest,
    out: str | Path,
    *,
    command: Sequence[str] | None = None,
) -> Path:
    """Write efficiency.json, efficiency.csv (curves), scalings.json and the page.

    Returns
    -------
    The page's path.
    """
    folder = Path(out)
    require_writable(folder)
    provenance = studies.provenance({}, command=command).model_dump()
    content = {
        "turn_ons": [_turn_on_dict(result) for result in results],
        "scalings": {
            name: {region: asdict(line) for region, line in regions.items()}
            for name, regions in lines.items()
        },
        "iso_rate": [_iso_rate_dict(table) for table in tables],
        "level": request.level,
        "vertex": _vertex(request),
        "provenance": provenance,
    }
    with writing(folder):
        (folder / "efficiency.json").write_text(
            json.dumps(content, indent=1) + "\n", encoding="utf-8"
        )
        _write_curves(results, folder / "efficiency.csv")
        if lines:
            write_scalings(folder / "scalings.json", lines)
        page = folder / "index.html"
        shown = {
            "results": results,
            "lines": lines,
            "tables": tables,
            "pictures": pictures_of(_figures(results, tables, _forms(request)), folder),
            "about": provenance,
            "label": request.label,
            "vertex": _vertex(request),
            "level": request.level,
            "everywhere": EVERYWHERE,
        }
        page.write_text(render("efficiency.html", shown), encoding="utf-8")
    return page


def _vertex(request: EfficiencyRequest) -> str | None:
    """Say which vertex the inserted algorithms take; None where none is inserted."""
    if not request.algorithms:
        return None
    return request.vertex or "found (simulated where tracks have no z0)"


def _turn_on_dict(result: TurnOnResult) -> dict[str, Any]:
    def plain(fitted: Fit) -> dict[str, Any]:
        return {
            "plateau": fitted.plateau.as_dict(),
            "middle": fitted.middle.as_dict(),
            "width": fitted.width.as_dict(),
            "deviance": fitted.deviance,
            "n_dof": fitted.n_dof,
            "p_value": fitted.p_value if math.isfinite(fitted.p_value) else None,
        }

    curve = result.curve
    numbers = {"value": curve.value, "low": curve.low, "high": curve.high}
    return {
        "dataset": result.dataset,
        "name": result.name,
        "region": result.region,
        "threshold": result.threshold,
        "edges": curve.edges.tolist(),
        **{k: [y if math.isfinite(y) else None for y in x.tolist()] for k, x in numbers.items()},
        "n_effective": curve.n_effective.tolist(),
        "fits": {shape: plain(fitted) for shape, fitted in result.fits.items()},
        "best": result.best,
        "points": {
            f"{efficiency:g}": {"fit": a.as_dict(), "interpolation": b.as_dict()}
            for efficiency, (a, b) in result.points.items()
        },
    }


def _iso_rate_dict(table: IsoRateTable) -> dict[str, Any]:
    return {
        "signal": table.signal,
        "quantity": table.quantity,
        "reference": table.reference,
        "vertices": [vertex.model_dump() for vertex in table.vertices],
        "rows": [
            {
                "target_hz": target,
                "algorithm": name,
                "threshold": found.threshold.as_dict(),
                "efficiency": found.efficiency.as_dict(),
                "difference": None if found.difference is None else found.difference.as_dict(),
            }
            for target, row in table.rows.items()
            for name, found in row.items()
        ],
        "rates_hz": table.rates_hz,
        "curves": {name: [n.as_dict() for n in own] for name, own in table.curves.items()},
    }


def _write_curves(results: Sequence[TurnOnResult], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["dataset", "name", "region", "threshold", "from", "to", "efficiency", "low", "high",
             "n_effective"]
        )  # fmt: skip
        for r in results:
            for i, value in enumerate(r.curve.value.tolist()):
                row = [r.curve.edges[i], r.curve.edges[i + 1], value, r.curve.low[i]]
                row += [r.curve.high[i], r.curve.n_effective[i]]
                cells = [x if math.isfinite(x) else "" for x in map(float, row)]
                writer.writerow([r.dataset, r.name, r.region, r.threshold, *cells])
