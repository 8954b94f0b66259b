"""Thresholds for rates, and what they keep of signals, where crossings share collisions."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats
from l1kd.errors import InputError
from l1kd.statistics import ONE_SIGMA, SEVERAL, Blocks, Estimate, SharedEvents
from l1kd.trigger.rates.scans import smallest_above

__all__ = ["SharedThreshold", "efficiency_at", "shared_threshold"]


class SharedThreshold(NamedTuple):
    """A threshold for a rate, with an interval that holds for other libraries.

    Attributes
    ----------
    value, low, high
        Smallest threshold at which the rate does not exceed the target; those at which the lower
        and the upper end of the rate's interval meet it.
    rate
        Rate at the threshold [Hz].
    target_hz
        What was asked for.
    n_pass, causes
        Passing crossings, and the effective number of independent causes that make them pass.
    resolved
        Whether several different causes make the rate, at the threshold and at both ends.
    """

    value: float
    low: float
    high: float
    rate: Estimate
    target_hz: float
    n_pass: int
    causes: float
    resolved: bool

    def as_dict(self) -> dict[str, Any]:
        """Return what a record keeps: an unresolved threshold is null, with the reason."""
        kept: dict[str, Any] = {
            "target_hz": self.target_hz,
            "images": self.n_pass,
            "causes": round(self.causes, 1),
            "resolved": self.resolved,
        }
        if not self.resolved:
            return kept | {"reason": f"fewer than {SEVERAL:g} causes"}
        rate = {"value": self.rate.value, "low": self.rate.low, "high": self.rate.high}
        return kept | {"value": self.value, "low": self.low, "high": self.high, "rate_hz": rate}


class _Falling:
    """Distinct values, falling, and the fraction of the weight that is at each or above."""

    def __init__(self, values: Floats, weights: Floats, step: float | None) -> None:
        distinct, place = np.unique(values, return_inverse=True)
        self.cuts = distinct[::-1]
        self.above = smallest_above(distinct, step)[::-1]
        self.share = np.cumsum(np.bincount(place, weights)[::-1])

    def cut(self, allowed: int) -> float:
        """Smallest threshold that lets the first `allowed` distinct values pass."""
        return float(self.above[allowed]) if allowed < self.cuts.size else -math.inf


def shared_threshold(
    values: ArrayLike,
    events: SharedEvents,
    target_hz: float,
    input_hz: float,
    *,
    step: float | None = None,
    level: float = ONE_SIGMA,
) -> SharedThreshold:
    """Find the smallest threshold at which the rate of shared events does not exceed a target.

    Parameters
    ----------
    values
        float[n], the score of each event.
    events
        Their weights, and what they share.
    target_hz, input_hz
        Rate that is allowed, and that of all events [Hz].
    step
        Spacing of thresholds; None allows every number.
    level
        Probability content of the intervals.

    Raises
    ------
    InputError
        If a value is NaN, lengths differ, or there are no events.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.shape != events.weights.shape or x.size == 0 or np.isnan(x).any():
        raise InputError(
            f"shared_threshold: {x.shape} values, {int(np.isnan(x).sum())} of them NaN, for "
            f"{events.weights.size} events"
        )
    share = target_hz / input_hz
    falling = _Falling(x, events.weights / events.total, step)
    allowed = int(np.searchsorted(falling.share, share * (1.0 + 1e-12), side="right"))
    value = falling.cut(allowed)
    passed = x >= value
    found = events.fraction(passed, level)
    low, high = (_end(falling, x, events, share, end, level) for end in (1, 2))
    at_high = events.fraction(x >= high, level)
    here = found.estimate
    rate = Estimate(here.value * input_hz, here.low * input_hz, here.high * input_hz, x.size)
    resolved = found.resolved and at_high.resolved
    return SharedThreshold(
        value, low, high, rate, target_hz, int(passed.sum()), found.n_causes, resolved
    )


def _end(
    falling: _Falling, values: Floats, events: SharedEvents, share: float, end: int, level: float
) -> float:
    """Smallest threshold at which one end (1 low, 2 high) of the fraction's interval fits."""
    first, last = 0, falling.cuts.size
    while first < last:  # the interval's ends fall with the threshold, but for fluctuations
        middle = (first + last + 1) // 2
        ends = events.fraction(values >= falling.cut(middle), level).estimate
        first, last = (middle, last) if ends[end] <= share else (first, middle - 1)
    return falling.cut(first)


def efficiency_at(
    signal: ArrayLike, blocks: Blocks, threshold: SharedThreshold, level: float = ONE_SIGMA
) -> Estimate:
    """Fraction of a signal that passes a threshold for a rate.

    The interval holds the uncertainty of the threshold and that of the signal: from the lower end
    at the upper threshold to the upper end at the lower one.
    """
    x, events = np.asarray(signal, np.float64), SharedEvents(blocks)
    cuts = (threshold.value, threshold.high, threshold.low)
    nominal, least, most = (events.fraction(x >= cut, level).estimate for cut in cuts)
    return Estimate(nominal.value, least.low, most.high, x.size)


def efficiencies(
    signals: Mapping[str, tuple[ArrayLike, Blocks]], threshold: SharedThreshold
) -> dict[str, dict[str, Any]]:
    """Return what a threshold keeps of each signal, for a record; empty where it is unresolved."""
    if not threshold.resolved:
        return {}
    return {name: efficiency_at(*x, threshold).as_dict() for name, x in signals.items()}
