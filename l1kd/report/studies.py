"""From what the processors accumulated to the records of a summary and the plots of a page."""

import os
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l1kd import plots
from l1kd._version import __version__, commit
from l1kd.physics import response
from l1kd.physics.response import Resampling, ResponseSample
from l1kd.report.summary import (
    DatasetRecord,
    Number,
    Provenance,
    RateCurveRecord,
    RateStudy,
    ResolutionStudy,
    ScoreStudy,
    VertexRecord,
)
from l1kd.statistics import ONE_SIGMA, clopper_pearson, emd, roc_auc
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.quantities import Quantity, describe
from l1kd.trigger.rates.curves import Normalisation, rate_curve, rate_table

__all__ = [
    "TARGETS_HZ",
    "dataset_record",
    "provenance",
    "rate_plots",
    "rate_study",
    "resolution_plots",
    "resolution_study",
    "score_plots",
    "score_study",
]

TARGETS_HZ = (750e3, 100e3, 30e3)
"""Rates for which thresholds are given: the whole trigger's at HL-LHC and Run 3, one seed's."""

_PACKAGES = (
    "awkward",
    "coffea",
    "dask",
    "fastjet",
    "hist",
    "numba",
    "numpy",
    "onnxruntime",
    "scipy",
    "uproot",
)

_LEAST_RANGE = 10.0
"""Thresholds [GeV] are drawn to here even where hardly an event has as much."""

Columns = Mapping[str, Any]


def provenance(
    algorithms: Mapping[str, str],
    *,
    command: Sequence[str] | None = None,
    executor: str = "iterative",
    workers: int = 1,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Provenance:
    """Describe this process: versions, machine, command line, time.

    `algorithms` names the version of each that ran, `options` is what was asked of the study;
    `command` is by default `sys.argv`.
    """
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return Provenance(
        l1kd=__version__,
        commit=commit(),
        python=platform.python_version(),
        platform=platform.platform(),
        cpus=os.cpu_count() or 1,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(sys.argv if command is None else command),
        packages=packages,
        algorithms=dict(algorithms),
        options=dict(options),
        executor=executor,
        workers=workers,
    )


def dataset_record(name: str, study: str, output: Mapping[str, Any]) -> DatasetRecord:
    """Take the counts of one dataset out of a study processor's output."""
    return DatasetRecord(
        name=name,
        study=study,
        seen=output["seen"],
        used=output["used"],
        skipped=output["skipped"],
        absent=output["absent"],
    )


def vertex_records(counts: Mapping[str, Mapping[str, int]]) -> list[VertexRecord]:
    """Describe the vertex of every dataset that has particles; `counts` by dataset."""
    return [vertex_record(name, own) for name, own in counts.items() if own]


def vertex_record(name: str, counts: Mapping[str, int]) -> VertexRecord:
    """Take the vertex of one dataset, and how often it is right, out of `vertex_counts`."""
    used = [vertex for vertex in ("found", "simulated", "given") if counts.get(vertex)]
    efficiency = None
    if n := counts.get("compared", 0):
        near = counts["near"]
        low, high = clopper_pearson(near, n)
        efficiency = Number(value=near / n, low=float(low), high=float(high), n=n)
    return VertexRecord(dataset=name, vertex=" and ".join(used), efficiency=efficiency)


def resolution_study(
    dataset: str,
    output: Mapping[str, Any],
    *,
    reference: str = "puppi",
    resampling: Resampling = response.STANDARD,
    met_edges: Sequence[float] = response.GEN_MET_EDGES,
    jet_edges: Sequence[float] = response.JET_PT_EDGES,
) -> ResolutionStudy:
    """Tables of one dataset out of `ResolutionProcessor`'s output for it.

    The edges are those of the bins of generated MET and jet pt [GeV]. Datasets of
    which not every event is kept have those of the processor, and its replicas and seed.
    """
    columns = output["columns"]
    histograms = columns.histograms
    if histograms is None:
        sample = ResponseSample.from_columns(columns.joined())
        options: dict[str, Any] = {"reference": reference, "resampling": resampling}
        tables = {
            "met": response.met_table(sample, **options),
            "met_bins": response.met_bins(sample, met_edges, **options),
            "jets": response.jet_table(sample, **options),
            "jet_bins": response.jet_bins(sample, jet_edges, **options),
        }
    else:
        resampling = Resampling(histograms.replicas, resampling.level, histograms.seed)
        options = {"reference": reference, "level": resampling.level}
        tables = {
            "met": histograms.met_table(**options),
            "met_bins": histograms.met_bins(**options),
            "jets": histograms.jet_table(**options),
            "jet_bins": histograms.jet_bins(**options),
        }
    return ResolutionStudy.model_validate(
        {
            "dataset": dataset,
            "reference": reference,
            "binned": histograms is not None,
            **resampling._asdict(),
            **tables,
        }
    )


def resolution_plots(study: ResolutionStudy, output: Mapping[str, Any]) -> dict[str, Figure]:
    """Draw one dataset: response and resolution of MET and jets, and the weights.

    The names are `met_response:<dataset>`, `met_resolution:...`, `jet_response:...`,
    `jet_resolution:...`, `weights:...`.
    """
    sample = ResponseSample.from_columns(output["columns"].joined())
    tables = study.model_dump()
    reference = study.reference
    figures = {
        "met_response": plots.met_response(sample),
        "met_resolution": plots.resolution_versus(
            tables["met_bins"], variable="generated MET [GeV]", reference=reference
        ),
        "jet_response": plots.jet_response(sample),
        "jet_resolution": plots.resolution_versus(
            tables["jet_bins"], variable="generated jet $p_T$ [GeV]", reference=reference
        ),
    }
    if output["weights"].sum():
        figures["weights"] = plots.weight_histograms(output["weights"])
    return {f"{name}:{study.dataset}": figure for name, figure in figures.items()}


def _values(columns: Columns) -> dict[str, NDArray[Any]]:
    """Columns that thresholds are applied to."""
    return {name: x for name, x in columns.items() if name != "event_weight"}


def _weights(columns: Columns, name: str) -> Any:
    """Weights of the events of one column, in the order of its values."""
    values = columns[name]
    return values.repeated()[1] if isinstance(values, Spectrum) else columns["event_weight"]


def _thresholds(values: NDArray[Any], steps: int = 200) -> NDArray[np.float64]:
    """Thresholds from the smallest value to just above the largest."""
    low, high = float(values.min()), float(values.max())
    return np.linspace(low, high + 0.02 * (high - low) + 1e-9, steps + 1)


def _range_of(values: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Smallest and largest threshold [GeV] to draw.

    Unweighted sums lie far above all others: they are cut at three times the others' largest.
    """
    largest = {name: float(x.max()) for name, x in values.items()}
    others = [x for name, x in largest.items() if name != "none"]
    high = min(max(largest.values()), 3.0 * max(others)) if others else max(largest.values())
    return np.array([0.0, max(high, _LEAST_RANGE)])


def rate_study(
    dataset: str,
    columns: Columns,
    signals: Mapping[str, Columns],
    norm: Normalisation,
    *,
    targets_hz: Sequence[float] = TARGETS_HZ,
    level: float = ONE_SIGMA,
    own: Mapping[str, Quantity] = MappingProxyType({}),
) -> RateStudy:
    """Rates of a zero-bias dataset, thresholds for given rates, efficiencies of signals.

    `columns` and the values of `signals` are the joined columns of `RateProcessor`'s output; `own`
    holds quantities that need not be registered (`RateProcessor.described`).
    """
    background = _values(columns)
    curves = {}
    for name, values in background.items():
        curve = rate_curve(values, _thresholds(values), norm, level, columns.get("event_weight"))
        curves[name] = RateCurveRecord(
            thresholds=curve.thresholds.tolist(),
            rate=curve.rate.tolist(),
            low=curve.low.tolist(),
            high=curve.high.tolist(),
        )
    table = rate_table(
        columns,
        signals,
        norm,
        targets_hz,
        steps={name: q.step for name in background if (q := describe(name, own)[0]).step},
        level=level,
    )
    return RateStudy.model_validate(
        {
            "dataset": dataset,
            "normalisation": norm.name,
            "bunches": norm.bunches,
            "input_hz": norm.input_hz,
            "shared_hz": norm.shared_hz,
            "level": level,
            "n_events": int(np.size(next(iter(columns.values())))),
            "curves": curves,
            "thresholds": table,
        }
    )


def rate_plots(
    dataset: str,
    columns: Columns,
    norm: Normalisation,
    *,
    own: Mapping[str, Quantity] = MappingProxyType({}),
) -> dict[str, Figure]:
    """Draw rates against thresholds, one figure a quantity with all its weightings.

    The names are `rate_<quantity>:<dataset>`: `rate_met:...`, `rate_cicada_score:...`.
    """
    groups: dict[Quantity, dict[str, NDArray[Any]]] = {}
    for name, values in _values(columns).items():
        quantity, weighting = describe(name, own)
        groups.setdefault(quantity, {})[weighting or quantity.label] = values
    figures = {}
    for quantity, chosen in groups.items():
        cuts = (
            _thresholds(_range_of(chosen))
            if quantity.weighted
            else _thresholds(next(iter(chosen.values())))
        )
        weights = columns.get("event_weight")
        curves = {name: rate_curve(x, cuts, norm, weights=weights) for name, x in chosen.items()}
        figures[f"rate_{quantity.name}:{dataset}"] = plots.rate_versus_threshold(
            curves, variable=quantity.axis, norm=norm
        )
    return figures


def score_study(
    background: str,
    columns: Columns,
    signals: Mapping[str, Columns],
    *,
    score: str = "cicada_score",
    level: float = ONE_SIGMA,
) -> ScoreStudy:
    """ROC areas of a score for each signal against zero-bias events, and the distances.

    In the areas every event counts once, whatever its weight: DeLong's variance knows no weights.
    """
    zero_bias = columns[score]
    chosen = {name: x[score] for name, x in signals.items() if score in x and x[score].size > 1}
    return ScoreStudy(
        score=score,
        background=background,
        auc={name: Number.of(roc_auc(x, zero_bias, level)) for name, x in chosen.items()},
        distance={
            name: emd(x, zero_bias, _weights(signals[name], score)) for name, x in chosen.items()
        },
    )


def score_plots(
    background: str,
    columns: Columns,
    signals: Mapping[str, Columns],
    norm: Normalisation,
    *,
    score: str = "cicada_score",
    own: Mapping[str, Quantity] = MappingProxyType({}),
) -> dict[str, Figure]:
    """Draw a score's distributions and the signals' efficiency against rate.

    The names are `score_<score>:<background>` and `efficiency_<score>:<background>`.
    """
    chosen = {name: x[score] for name, x in signals.items() if score in x}
    weights = {name: _weights(signals[name], score) for name in chosen}
    figures = {
        f"score_{score}:{background}": plots.score_distributions(
            {background: columns[score], **chosen},
            weights=weights,
            variable=describe(score, own)[0].axis,
        )
    }
    if chosen:
        figures[f"efficiency_{score}:{background}"] = plots.efficiency_versus_rate(
            columns[score], chosen, norm, weights
        )
    return figures
