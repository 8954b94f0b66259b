"""Several algorithms of one quantity at equal rate: what a better one is worth.

Each algorithm gets the threshold that keeps its zero-bias rate at the same target, and its
efficiency is compared there. Spectra that were filled with one bootstrap draw the same events in
the same replica, so that differences of efficiencies are paired: what both algorithms owe to the
same events cancels. In a replica the thresholds are found anew from the replica's zero bias, so the
intervals hold their uncertainty too.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import Floats
from l1kd.errors import InputError
from l1kd.statistics import ONE_SIGMA, Estimate
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.counts.survival import SpectrumClass
from l1kd.trigger.rates.curves import Threshold
from l1kd.trigger.rates.scans import smallest_above, threshold_at

__all__ = ["IsoRate", "efficiency_against_rate", "iso_rate", "mean_gain", "rate_at_efficiency"]


class IsoRate(NamedTuple):
    """One algorithm at one rate.

    Attributes
    ----------
    threshold
        That keeps the rate; where it is not resolved, `efficiency` is an upper bound.
    efficiency
        Fraction of the signal that passes.
    difference
        Efficiency minus that of the reference, paired; None for the reference itself.
    """

    threshold: Threshold
    efficiency: Estimate
    difference: Estimate | None


class _Sample(NamedTuple):
    """Sums above each value, nominal in the first column and the replicas behind it."""

    values: Floats
    above: Floats
    total: Floats

    @classmethod
    def of(cls, spectrum: Spectrum, name: str) -> "_Sample":
        if spectrum.replicas is None:
            raise InputError(f"{name}: paired intervals need spectra with a bootstrap")
        own = np.column_stack([spectrum.weights.values(), spectrum.replicas.values()])
        above = np.append(np.cumsum(own[::-1], axis=0)[::-1], np.zeros((1, own.shape[1])), axis=0)
        return cls(spectrum.values, above, np.where(above[0] > 0.0, above[0], np.nan))


def _thresholds(classes: Sequence[tuple[_Sample, float]], grid: float, target: float) -> Floats:
    """Smallest threshold that keeps the target, nominal and in every replica."""
    values = np.unique(np.concatenate([s.values for s, _ in classes]))
    cuts = np.append(-np.inf, smallest_above(values, grid))
    rate = np.zeros((cuts.size, classes[0][0].above.shape[1]))
    for sample, hertz in classes:
        at = np.searchsorted(sample.values, cuts, side="left")
        rate += hertz * sample.above[at] / sample.total
    return cuts[(rate > target).sum(axis=0)]


def _efficiencies(signal: _Sample, thresholds: Floats) -> Floats:
    """Fraction above each column's own threshold."""
    at = np.searchsorted(signal.values, thresholds, side="left")
    return np.asarray(signal.above[at, np.arange(thresholds.size)] / signal.total)


def _estimate(drawn: Floats, n: int, level: float) -> Estimate:
    replicas = drawn[1:][np.isfinite(drawn[1:])]
    if not replicas.size:
        return Estimate(float(drawn[0]), -math.inf, math.inf, n)
    low, high = np.quantile(replicas, ((1.0 - level) / 2.0, (1.0 + level) / 2.0))
    return Estimate(float(drawn[0]), float(min(low, drawn[0])), float(max(high, drawn[0])), n)


def iso_rate(
    background: Mapping[str, Sequence[SpectrumClass]],
    signal: Mapping[str, Spectrum],
    target_hz: float,
    reference: str,
    level: float = ONE_SIGMA,
) -> dict[str, IsoRate]:
    """Efficiency of each algorithm at one rate, and its paired difference to the reference.

    Parameters
    ----------
    background
        {algorithm: classes of zero bias}, spectra with replicas.
    signal
        {algorithm: spectrum}, of the same quantity as the algorithm's background.
    target_hz
        Rate [Hz].
    reference
        Algorithm to which the others are compared.
    level
        Probability content of the intervals, percentiles of the replicas.

    Raises
    ------
    InputError
        If the reference is missing, algorithms differ between background and signal, or a spectrum
        has no replicas.
    """
    drawn, thresholds = _drawn(background, signal, [target_hz], level)
    if reference not in drawn:
        raise InputError(f"iso-rate: no algorithm {reference!r}; there are: {', '.join(drawn)}")
    base = drawn[reference][0]
    return {
        name: IsoRate(
            thresholds[name],
            _estimate(own[0], signal[name].n_events, level),
            None if name == reference else _estimate(own[0] - base, signal[name].n_events, level),
        )
        for name, own in drawn.items()
    }


def _drawn(
    background: Mapping[str, Sequence[SpectrumClass]],
    signal: Mapping[str, Spectrum],
    targets: Sequence[float],
    level: float,
) -> tuple[dict[str, Floats], dict[str, Threshold]]:
    """Efficiencies float64[n_targets, 1 + replicas] of each algorithm; thresholds of the first."""
    if background.keys() != signal.keys() or not signal:
        odd = sorted(background.keys() ^ signal.keys()) or ["no algorithm"]
        raise InputError(f"iso-rate: background and signal do not both have {', '.join(odd)}")
    drawn, thresholds = {}, {}
    for name, classes in background.items():
        zero_bias = [(_Sample.of(c.spectrum, name), c.rate_hz) for c in classes]
        own = _Sample.of(signal[name], name)
        grid = max(c.spectrum.grid for c in classes)
        drawn[name] = np.stack(
            [_efficiencies(own, _thresholds(zero_bias, grid, target)) for target in targets]
        )
        if drawn[name].shape != next(iter(drawn.values())).shape:
            raise InputError(f"iso-rate: {name} has another number of replicas")
        thresholds[name] = threshold_at(classes, targets[0], level=level)
    return drawn, thresholds


def efficiency_against_rate(
    background: Mapping[str, Sequence[SpectrumClass]],
    signal: Mapping[str, Spectrum],
    rates_hz: Sequence[float],
    level: float = ONE_SIGMA,
) -> dict[str, list[Estimate]]:
    """Efficiency of each algorithm at several rates, arguments as of `iso_rate`."""
    drawn, _ = _drawn(background, signal, rates_hz, level)
    return {
        name: [_estimate(row, signal[name].n_events, level) for row in own]
        for name, own in drawn.items()
    }


def mean_gain(
    background: Mapping[str, Sequence[SpectrumClass]],
    signals: Mapping[str, Mapping[str, Spectrum]],
    target_hz: float,
    reference: str,
    level: float = ONE_SIGMA,
) -> dict[str, Estimate]:
    """Efficiency minus that of a reference, averaged over signals; all else as for `iso_rate`.

    Zero bias is drawn once for all signals, so that what its fluctuations do to the thresholds does
    not average out.

    Parameters
    ----------
    signals
        {signal: {algorithm: spectrum}}.
    """
    gains: dict[str, list[Floats]] = {}
    for spectra in signals.values():
        drawn, _ = _drawn(background, spectra, [target_hz], level)
        for name, own in drawn.items():
            gains.setdefault(name, []).append(own[0] - drawn[reference][0])
    n = sum(next(iter(spectra.values())).n_events for spectra in signals.values())
    return {
        name: _estimate(np.mean(each, axis=0), n, level)
        for name, each in gains.items()
        if name != reference
    }


def rate_at_efficiency(
    background: Mapping[str, Sequence[SpectrumClass]],
    signal: Mapping[str, Spectrum],
    efficiency: float,
    reference: str,
    level: float = ONE_SIGMA,
) -> dict[str, tuple[Estimate, Estimate]]:
    """Rate [Hz] of each algorithm at one efficiency, and its paired ratio to the reference's.

    The threshold is the largest with at least this efficiency; in every replica it is found anew.
    A ratio whose reference has no rate in a replica is infinite there.
    """
    rates = {}
    for name, classes in background.items():
        own = _Sample.of(signal[name], name)
        kept = own.above[:-1] / own.total >= efficiency
        place = np.maximum(kept.sum(axis=0) - 1, 0)
        cuts = own.values[place]
        rate = np.zeros(cuts.size)
        for each in classes:
            sample = _Sample.of(each.spectrum, name)
            at = np.searchsorted(sample.values, cuts, side="left")
            rate += each.rate_hz * sample.above[at, np.arange(cuts.size)] / sample.total
        rates[name] = rate
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            name: (
                _estimate(rate, signal[name].n_events, level),
                _estimate(rate / rates[reference], signal[name].n_events, level),
            )
            for name, rate in rates.items()
        }
