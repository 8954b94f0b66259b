"""Fake MET: what a weighting shows in events that have none or hardly any."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Floats
from l1kd.physics.response import STANDARD, Resampling, ResponseSample
from l1kd.statistics import (
    ONE_SIGMA,
    Estimate,
    bootstrap,
    clopper_pearson,
    effective_counts,
    sorted_quantile,
)

__all__ = [
    "FRACTIONS",
    "QUANTILES",
    "fake_met",
    "fake_met_table",
    "signal_efficiencies",
    "survival",
]

QUANTILES = {"median": 0.5, "q90": 0.9, "q99": 0.99}
"""Quantiles of fake MET that are tabulated."""

FRACTIONS = (0.1, 0.03, 0.01)
"""Shares of background that pass, at which efficiencies of signals are given."""

_FEWEST = 3.0
"""A share is resolved where at least so many (effective) background events pass."""


def fake_met(sample: ResponseSample, weighting: str) -> Floats:
    """Size [GeV] of measured minus generated MET, a vector difference, float64[n]."""
    fake: Floats = np.hypot(*(sample.met[weighting] - sample.gen_met))
    return fake


def fake_met_table(
    sample: ResponseSample,
    scales: Mapping[str, float],
    *,
    reference: str = "puppi",
    resampling: Resampling = STANDARD,
) -> dict[str, Any]:
    """Quantiles of fake MET, with their ratios to a reference weighting.

    Parameters
    ----------
    sample : ResponseSample
        Background events; their event weights count.
    scales : mapping
        Response -<u_parallel> / <q_T> of each weighting in a signal. The measured MET
        is divided by it for the quantities ``corrected_*``: a weighting that shrinks everything
        must not look better for it.
    reference : str
        Weighting of which ratios are taken.
    resampling : Resampling
        Parameters of the bootstrap.

    Returns
    -------
    dict
        JSON-ready {weighting: {quantity: {value, low, high, n}}}: the `QUANTILES` in GeV, the same
        as ``corrected_*``, and all of them as ``*_ratio``.
    """
    names = list(sample.met)
    probabilities = np.array(list(QUANTILES.values()))
    rows, orders = [], []
    for name in names:
        scale = scales.get(name, np.nan)
        scaled = sample._replace(met={name: sample.met[name] / scale})
        for values in (fake_met(sample, name), fake_met(scaled, name)):
            order = np.argsort(values, kind="stable")
            rows.append(values[order])
            orders.append(order)

    def statistic(multiplicity: NDArray[np.int64]) -> Floats:
        repeats = multiplicity.astype(np.float64)
        quantiles = np.stack(
            [
                sorted_quantile(values, probabilities, sample.weight[order], repeats[order])
                for values, order in zip(rows, orders, strict=True)
            ]
        ).reshape(len(names), -1)
        if reference not in names:
            return quantiles
        ratios = quantiles / quantiles[names.index(reference)]
        return np.concatenate([quantiles, ratios], axis=1)

    replicas, level, seed = resampling
    n = sample.weight.size
    found = bootstrap(statistic, n, replicas=replicas, level=level, seed=seed)
    columns = [*QUANTILES, *(f"corrected_{name}" for name in QUANTILES)]
    if reference in names:
        columns += [f"{name}_ratio" for name in columns]
    return {
        name: {
            column: Estimate(
                float(found.value[i, j]), float(found.low[i, j]), float(found.high[i, j]), n
            ).as_dict()
            for j, column in enumerate(columns)
        }
        for i, name in enumerate(names)
    }


def survival(
    values: Floats, weight: Floats, thresholds: Floats, level: float = ONE_SIGMA
) -> tuple[Floats, Floats, Floats]:
    """Share of events at or above each threshold, with its Clopper-Pearson interval.

    Returns
    -------
    (share, low, high) as float64[thresholds]; weighted events enter with their effective number.
    """
    counts = [effective_counts(values >= cut, weight) for cut in thresholds]
    passed, total = (np.array(column) for column in zip(*counts, strict=True))
    low, high = clopper_pearson(passed, total, level)
    share = np.divide(passed, total, out=np.full(passed.shape, np.nan), where=total > 0)
    return share, low, high


def _threshold(values: Floats, weight: Floats, fraction: float) -> float:
    """Smallest value that not more than this share of the events reaches, NaN if unresolved."""
    passed, total = effective_counts(np.ones(values.size, np.bool_), weight)
    if fraction * total < _FEWEST or passed == 0.0:
        return np.nan
    order = np.argsort(values)[::-1]
    above = np.cumsum(weight[order]) / weight.sum()
    allowed = int(np.searchsorted(above, fraction, side="right"))
    return float(values[order[allowed - 1]]) if allowed else np.nan


def signal_efficiencies(
    background: ResponseSample,
    signals: Mapping[str, ResponseSample],
    fractions: Sequence[float] = FRACTIONS,
    level: float = ONE_SIGMA,
) -> list[dict[str, Any]]:
    """Tell what a threshold on MET keeps of signals at a given share of background.

    The size of the numbers does not matter here: a weighting that scales all MET
    down gets a lower threshold.

    Returns
    -------
    list
        JSON-ready, for each share {"fraction", "threshold": {weighting: GeV or None},
        "efficiency": {signal: {weighting: {value, low, high, n}}}}, Clopper-Pearson intervals.
    """
    table = []
    for fraction in fractions:
        cuts = {
            w: _threshold(np.hypot(*met), background.weight, fraction)
            for w, met in background.met.items()
        }
        efficiency: dict[str, Any] = {}
        for signal, sample in signals.items():
            efficiency[signal] = {}
            for w, met in sample.met.items():
                if not np.isfinite(cuts.get(w, np.nan)):
                    continue
                k, n = effective_counts(np.hypot(*met) >= cuts[w], sample.weight)
                low, high = clopper_pearson(k, n, level)
                share = k / n if n else np.nan
                efficiency[signal][w] = Estimate(
                    share, float(low), float(high), sample.weight.size
                ).as_dict()
        thresholds = {w: cut if np.isfinite(cut) else None for w, cut in cuts.items()}
        table.append({"fraction": fraction, "threshold": thresholds, "efficiency": efficiency})
    return table
