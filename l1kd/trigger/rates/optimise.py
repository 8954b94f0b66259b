"""Thresholds for a budget, and what one more seed is worth."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats, Mask
from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import ONE_SIGMA, Estimate
from l1kd.trigger.counts.intervals import PassSums, fraction_interval
from l1kd.trigger.rates.scans import smallest_above

__all__ = ["Budget", "Events", "Optimised", "UniqueEfficiency", "optimise", "unique_efficiency"]


Chooser = Callable[[Floats, int], float]
"""Finds the smallest threshold that no more than the first so many descending values pass."""


class Events(NamedTuple):
    """A sample for which thresholds are sought.

    Attributes
    ----------
    values
        {seed: float64[n]}, the largest threshold at which the seed fires for each event; minus
        infinity where it never does.
    weights
        float64[n], the rate [Hz] that each zero-bias event stands for, or a signal's weight.
    fixed
        bool[n], events that other seeds accept anyway, whose thresholds stay; None for no others.
    """

    values: Mapping[str, Floats]
    weights: Floats
    fixed: Mask | None = None

    @property
    def accepted(self) -> Mask:
        """Events that other seeds accept anyway."""
        return np.zeros(self.weights.size, dtype=bool) if self.fixed is None else self.fixed


class Budget(NamedTuple):
    """What a menu may cost.

    Attributes
    ----------
    total_hz
        Rate of the OR of all seeds.
    shares
        {group: relative share of the total}.
    groups
        {group: its seeds}; within a group the seeds share equally.
    tolerance
        Relative distance to the total at which the search may stop.
    """

    total_hz: float
    shares: Mapping[str, float]
    groups: Mapping[str, Sequence[str]]
    tolerance: float = 0.005


class Optimised(NamedTuple):
    """Thresholds that fill a budget.

    Attributes
    ----------
    thresholds
        {seed: threshold}.
    proportional_hz
        {seed: rate with shared events divided equally}; with what the other seeds take the sum is
        the total.
    group_hz
        {group: sum of its seeds' proportional rates}.
    total
        Rate of the OR of all seeds with its interval.
    efficiency
        {signal: fraction that the OR keeps}.
    """

    thresholds: dict[str, float]
    proportional_hz: dict[str, float]
    group_hz: dict[str, float]
    total: Estimate
    efficiency: dict[str, Estimate]


def _fraction(passed: Any, weights: Floats, level: float) -> Estimate:
    """Fraction of the weight that passes."""
    total = float(weights.sum())
    squares = weights * weights
    sums = PassSums(
        weights[passed].sum(), squares[passed].sum(), weights[~passed].sum(), squares[~passed].sum()
    )
    low, high = fraction_interval(sums, float(weights.max(initial=0.0)), level)
    value = float(sums.inside) / total
    return Estimate(value, min(float(low), value), max(float(high), value), passed.size)


def _rate(passed: Any, weights: Floats, level: float) -> Estimate:
    """Sum of the weights that pass, in their unit."""
    total, share = float(weights.sum()), _fraction(passed, weights, level)
    return Estimate(total * share.value, total * share.low, total * share.high, share.n)


def _passing(events: Events, thresholds: Mapping[str, float]) -> Mask:
    """bool[n_seeds, n_events], in the order of the thresholds."""
    return np.stack([events.values[s] >= t for s, t in thresholds.items()])


def _shared(passed: Mask, events: Events) -> Floats:
    """Proportional rate of each seed; the seeds whose thresholds stay count as one."""
    counts = passed.sum(axis=0) + events.accepted
    return (passed / np.maximum(counts, 1)) @ events.weights


def _checked(events: Events, budget: Budget) -> list[str]:
    seeds = [seed for group in budget.groups.values() for seed in group]
    missing = sorted(set(seeds) - set(events.values))
    if missing:
        raise ConfigurationError(f"budget: no values of the seeds {', '.join(missing)}")
    if len(set(seeds)) != len(seeds) or not seeds:
        raise ConfigurationError("budget: every seed belongs to one group")
    if budget.groups.keys() != budget.shares.keys():
        odd = ", ".join(sorted(budget.groups.keys() ^ budget.shares.keys()))
        raise ConfigurationError(f"budget: groups and shares do not both have {odd}")
    shares = list(budget.shares.values())
    if not (budget.total_hz > 0.0 and all(s >= 0.0 for s in shares) and sum(shares) > 0.0):
        raise ConfigurationError(f"budget: {budget.total_hz} Hz by shares {shares}")
    if np.any(events.weights < 0.0) or not events.weights.sum() > 0.0:
        raise InputError("budget: the weights of zero bias must be positive rates")
    return seeds


def optimise(
    zero_bias: Events,
    budget: Budget,
    *,
    steps: Mapping[str, float] | None = None,
    allowed: Mapping[str, Sequence[float]] | None = None,
    signals: Mapping[str, Events] | None = None,
    level: float = ONE_SIGMA,
    rounds: int = 60,
) -> Optimised:
    """Find thresholds with which every group takes its share of a total rate.

    A group's cost is the sum of its seeds' proportional rates, so that the groups' costs add up to
    the OR. The seeds' thresholds are moved in turn, each to the smallest one with which its own
    proportional rate stays within its part, until none moves; since a seed's cost depends on the
    others through the events they share, the parts are then scaled so that the OR fills the total.

    Parameters
    ----------
    zero_bias
        Weights are rates [Hz].
    budget
        Total and shares.
    steps
        {seed: spacing of its thresholds}; 0 or nothing allows every number.
    allowed
        {seed: its thresholds, ascending}, for seeds that were tried at some only.
    signals
        Samples for which the menu's efficiency is given.
    level
        Probability content of the intervals.
    rounds
        Most rounds over all seeds.

    Raises
    ------
    ConfigurationError
        If groups, shares and values do not fit.
    InputError
        If weights are not rates.
    """
    seeds = _checked(zero_bias, budget)
    choose = {
        seed: _chooser((steps or {}).get(seed, 0.0), (allowed or {}).get(seed)) for seed in seeds
    }
    whole = sum(budget.shares.values())
    parts = {
        seed: budget.total_hz * budget.shares[group] / whole / len(members)
        for group, members in budget.groups.items()
        for seed in members
    }
    scale, best = 1.0, None
    for _ in range(12):
        thresholds = _settled(zero_bias, {s: scale * p for s, p in parts.items()}, choose, rounds)
        passed = _passing(zero_bias, thresholds)
        total = float(zero_bias.weights[passed.any(axis=0) | zero_bias.accepted].sum())
        if total <= budget.total_hz * (1.0 + 1e-12) and (best is None or total > best[0]):
            best = (total, thresholds)
        if abs(total - budget.total_hz) <= budget.tolerance * budget.total_hz:
            if best is not None:
                break
            scale *= 1.0 - budget.tolerance
        elif total > 0.0:
            scale *= min(max(budget.total_hz / total, 0.5), 2.0)
        else:
            scale *= 2.0
    if best is None:
        raise InputError(
            f"budget: no thresholds keep {budget.total_hz:g} Hz; one event stands for "
            f"{zero_bias.weights.max():g} Hz, use more events"
        )
    thresholds = best[1]
    passed = _passing(zero_bias, thresholds)
    shared = dict(zip(thresholds, _shared(passed, zero_bias).tolist(), strict=True))
    total_rate = _rate(np.any(passed, axis=0) | zero_bias.accepted, zero_bias.weights, level)
    kept = {
        name: _fraction(
            np.any(_passing(own, thresholds), axis=0) | own.accepted, own.weights, level
        )
        for name, own in (signals or {}).items()
    }
    return Optimised(
        thresholds,
        shared,
        {group: sum(shared[s] for s in members) for group, members in budget.groups.items()},
        total_rate,
        kept,
    )


def _settled(
    events: Events, parts: Mapping[str, float], choose: Mapping[str, Chooser], rounds: int
) -> dict[str, float]:
    """Thresholds at which no seed can be lowered within its part."""
    thresholds = dict.fromkeys(parts, math.inf)
    passed = np.zeros((len(parts), events.weights.size), dtype=bool)
    order = {seed: np.argsort(-events.values[seed], kind="stable") for seed in parts}
    for _ in range(rounds):
        before = dict(thresholds)
        for row, (seed, part) in enumerate(parts.items()):
            others = passed.sum(axis=0) - passed[row] + events.accepted
            x = events.values[seed]
            ordered = order[seed]
            cost = np.cumsum(events.weights[ordered] / (1 + others[ordered]))
            within = int(np.searchsorted(cost, part, side="right"))
            threshold = choose[seed](x[ordered], within)
            thresholds[seed] = threshold
            passed[row] = x >= threshold
        if thresholds == before:
            break
    return thresholds


def _chooser(spacing: float, allowed: Sequence[float] | None) -> Chooser:
    if allowed is None:
        return lambda descending, within: _after(descending, within, spacing)
    thresholds = np.asarray(allowed, dtype=np.float64)

    def choose(descending: Floats, within: int) -> float:
        refused = descending[within] if within < descending.size else -np.inf
        above = thresholds[thresholds > refused]
        return float(above[0]) if above.size else math.inf

    return choose


def _after(descending: Floats, allowed: int, spacing: float) -> float:
    """Smallest threshold that no more than the first `allowed` values pass."""
    if allowed >= descending.size:
        return float(descending[-1])
    refused = float(descending[allowed])
    if not math.isfinite(refused):
        finite = descending[np.isfinite(descending)]
        return float(finite[-1]) if finite.size else math.inf
    return float(smallest_above(np.unique(descending[: allowed + 1]), spacing)[0])


class UniqueEfficiency(NamedTuple):
    """What one more seed adds to a menu.

    Attributes
    ----------
    threshold
        Of the new seed.
    extra
        Rate [Hz] that it adds to the menu's OR.
    rate
        Its own rate [Hz].
    unique
        {signal: fraction that only the new seed keeps}.
    menu
        {signal: fraction that the menu keeps without it}.
    """

    threshold: float
    extra: Estimate
    rate: Estimate
    unique: dict[str, Estimate]
    menu: dict[str, Estimate]


def unique_efficiency(
    score: ArrayLike,
    menu: ArrayLike,
    weights: ArrayLike,
    signals: Mapping[str, tuple[ArrayLike, ArrayLike, ArrayLike]],
    extra_hz: float,
    *,
    step: float = 0.0,
    level: float = ONE_SIGMA,
) -> UniqueEfficiency:
    """Choose the threshold of a new seed by the rate that it adds, and count what only it keeps.

    Parameters
    ----------
    score, menu, weights
        float[n] of zero bias: score of the new seed, whether the menu accepts, rate [Hz].
    signals
        {name: (score, menu, weights)}.
    extra_hz
        Rate that the seed may add to the OR.
    step
        Spacing of the score's thresholds.
    level
        Probability content of the intervals.

    Raises
    ------
    InputError
        If lengths differ, the allowed rate is not positive, or weights are not.
    """
    x, taken, w = _three(score, menu, weights, "zero bias")
    if not extra_hz > 0.0:
        raise InputError(f"unique efficiency: extra rate {extra_hz} Hz must be positive")
    free = np.flatnonzero(~taken)
    ordered = free[np.argsort(-x[free], kind="stable")]
    allowed = int(np.searchsorted(np.cumsum(w[ordered]), extra_hz, side="right"))
    threshold = _after(x[ordered], allowed, step) if ordered.size else -math.inf
    extra = _rate((x >= threshold) & ~taken, w, level)
    own = _rate(x >= threshold, w, level)
    unique, kept = {}, {}
    for name, columns in signals.items():
        y, accepted, v = _three(*columns, name)
        unique[name] = _fraction((y >= threshold) & ~accepted, v, level)
        kept[name] = _fraction(accepted, v, level)
    return UniqueEfficiency(threshold, extra, own, unique, kept)


def _three(
    score: ArrayLike, menu: ArrayLike, weights: ArrayLike, name: str
) -> tuple[Floats, Mask, Floats]:
    x, w = np.asarray(score, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    taken = np.asarray(menu, dtype=bool)
    if not (x.shape == w.shape == taken.shape) or not w.size:
        raise InputError(f"{name}: {x.shape} scores, {taken.shape} decisions, {w.shape} weights")
    if np.isnan(x).any() or np.any(w < 0.0) or not w.sum() > 0.0:
        raise InputError(f"{name}: scores must not be NaN and weights must be positive")
    return x, taken, w
