"""Trigger rates from zero-bias events: normalisation, thresholds, efficiencies, intervals.

rate = N_pass / N_total x bunches x revolution frequency. An event passes a threshold when its
value is equal to it or above. Every rate carries a Clopper-Pearson interval; where nothing passes,
its upper end is the upper limit.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field

from l1kd.emulators.array_types import Floats, Integers, Mask
from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import (
    ONE_SIGMA,
    Estimate,
    clopper_pearson,
    weighted_fraction,
    weighted_survival,
)
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.counts.survival import SpectrumClass, survival
from l1kd.trigger.rates.scans import Threshold, smallest_above, threshold_at

__all__ = [
    "NORMALISATIONS",
    "REVOLUTION_FREQUENCY",
    "Normalisation",
    "RateCurve",
    "Threshold",
    "efficiency",
    "normalisation",
    "rate_at",
    "rate_curve",
    "rate_table",
    "threshold_for_rate",
]

REVOLUTION_FREQUENCY = 11246.0
"""Turns of a proton around the LHC in a second [Hz]."""


class Normalisation(BaseModel):
    """Rate of the collisions that a zero-bias sample stands for.

    Where its crossings are overlaid from a library of `library` collisions, `mean_pileup` in each,
    one collision takes part in `shared_hz` of them: smaller rates are not resolved by any number of
    crossings.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    bunches: int = Field(gt=0, le=3564, description="colliding bunch pairs")
    budget_hz: float | None = Field(default=None, gt=0, description="accept rate of the trigger")
    mean_pileup: float | None = Field(default=None, gt=0, description="collisions a crossing")
    library: int | None = Field(default=None, gt=0, description="collisions to draw from")

    @property
    def input_hz(self) -> float:
        """Rate of bunch crossings [Hz]."""
        return self.bunches * REVOLUTION_FREQUENCY

    @property
    def shared_hz(self) -> float:
        """Rate of the crossings that one collision of the library is in [Hz]; 0 without one."""
        if self.library is None or self.mean_pileup is None:
            return 0.0
        return self.input_hz * self.mean_pileup / self.library


NORMALISATIONS: Mapping[str, Normalisation] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            Normalisation(name="hl_lhc", bunches=2760, budget_hz=750e3),
            Normalisation(name="run3", bunches=2544, budget_hz=100e3),
            Normalisation(name="phase2_2700", bunches=2700, budget_hz=750e3),
        )
    }
)
"""Named presets."""


def normalisation(name: str) -> Normalisation:
    """Preset of this name.

    Raises
    ------
    ConfigurationError
        If there is none; the message lists those there are.
    """
    try:
        return NORMALISATIONS[name]
    except KeyError:
        known = ", ".join(NORMALISATIONS)
        raise ConfigurationError(f"normalisation {name!r} is unknown; there are: {known}") from None


class RateCurve(NamedTuple):
    """Rate against threshold: float64[k] each, rates and interval ends in Hz."""

    thresholds: Floats
    rate: Floats
    low: Floats
    high: Floats
    n_pass: Integers
    n_total: int

    @property
    def upper_limit(self) -> Mask:
        """Where nothing passed, so that only `high` is meaningful."""
        return self.n_pass == 0


def _checked(values: ArrayLike) -> Floats:
    """Values as float64[n], none NaN."""
    x = np.asarray(values, dtype=np.float64).ravel()
    if np.isnan(x).any():
        raise InputError(f"rates: {int(np.isnan(x).sum())} of {x.size} values are NaN")
    return x


def _differ(weights: ArrayLike | None) -> bool:
    """Whether weights say more than the number of events does."""
    return weights is not None and bool(np.any(np.diff(np.asarray(weights, dtype=np.float64))))


def _classes(spectrum: Spectrum, norm: Normalisation) -> list[SpectrumClass]:
    return [SpectrumClass("zero bias", spectrum, norm.input_hz)]


def rate_curve(
    values: ArrayLike | Spectrum,
    thresholds: ArrayLike,
    norm: Normalisation,
    level: float = ONE_SIGMA,
    weights: ArrayLike | None = None,
) -> RateCurve:
    """Rate of events with value >= threshold, for many thresholds at once.

    Parameters
    ----------
    values
        float[n], one an event, of all zero-bias events (also those without an object, as 0 or
        whatever lies below every threshold); or their `Spectrum`, which brings its weights.
    thresholds
        float[k], any order, in the unit of the values.
    norm
        What the events are normalised to.
    level
        Probability content of the interval: Clopper and Pearson's for events of equal weight, that
        of `statistics.weighted_survival` for others.
    weights
        float[n], the share of the crossings that each event stands for, in any unit: those of
        slices stitched together. One for every event by default.

    Returns
    -------
    RateCurve. Without any event the rate is NaN and its interval is everything.

    Raises
    ------
    InputError
        If a value or weight is NaN, or all weights together are not positive.
    """
    cuts = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    hertz = norm.input_hz
    if isinstance(values, Spectrum):
        found = survival(_classes(values, norm), cuts, level)
        return RateCurve(cuts, found.value, found.low, found.high, found.n_pass, found.n_total)
    x = np.sort(_checked(values))
    n_pass = (x.size - np.searchsorted(x, cuts, side="left")).astype(np.int64)
    if weights is not None and _differ(weights):
        share, low, high = weighted_survival(values, cuts, weights, level)
    else:
        low, high = clopper_pearson(n_pass, x.size, level)
        share = n_pass / x.size if x.size else np.full(cuts.size, np.nan)
    return RateCurve(cuts, share * hertz, low * hertz, high * hertz, n_pass, x.size)


def rate_at(
    values: ArrayLike | Spectrum,
    threshold: float,
    norm: Normalisation,
    level: float = ONE_SIGMA,
    weights: ArrayLike | None = None,
) -> Estimate:
    """Rate [Hz] at one threshold, with its interval; n is the number of zero-bias events."""
    curve = rate_curve(values, threshold, norm, level, weights)
    return Estimate(float(curve.rate[0]), float(curve.low[0]), float(curve.high[0]), curve.n_total)


def threshold_for_rate(
    values: ArrayLike | Spectrum,
    target_hz: float,
    norm: Normalisation,
    *,
    step: float | None = None,
    level: float = ONE_SIGMA,
    weights: ArrayLike | None = None,
) -> Threshold:
    """Smallest threshold at which the rate of the sample does not exceed a target.

    The interval holds the thresholds that the sample cannot tell apart: at its lower end the
    lower end of the rate meets the target, at its upper end the upper one does.

    Parameters
    ----------
    values, norm, level, weights
        As for `rate_curve`.
    target_hz
        Allowed rate [Hz].
    step
        Spacing of the allowed thresholds (1/256 for CICADA's score); None allows every number,
        then the threshold is the next double above the first value that may not pass. Values of a
        large spectrum lie on its own grid.

    Raises
    ------
    InputError
        If there are no events, a value is NaN, or the target or step is not positive.
    """
    if not target_hz > 0.0 or (step is not None and not step > 0.0):
        raise InputError(f"threshold_for_rate: target {target_hz} Hz and step {step} must be > 0")
    hertz = norm.input_hz
    if isinstance(values, Spectrum):
        found = threshold_at(_classes(values, norm), target_hz, step=step, level=level)
        return found._replace(resolved=max(hertz / values.n_events, norm.shared_hz) <= target_hz)
    x = np.sort(_checked(values))
    if x.size == 0:
        raise InputError("threshold_for_rate: no zero-bias events")
    if weights is not None and _differ(weights):
        return _weighted_threshold(x, values, weights, target_hz, norm, step, level)
    n_pass = np.arange(x.size + 1)
    low, high = clopper_pearson(n_pass, x.size, level)
    distinct = np.unique(x)
    above = dict(zip(distinct.tolist(), smallest_above(distinct, step).tolist(), strict=True))

    def threshold(passing: Mask) -> float:
        """Smallest threshold that the largest allowed number of events passes."""
        if not passing.any():
            return math.inf
        allowed = int(np.flatnonzero(passing)[-1])
        return -math.inf if allowed == x.size else above[x[x.size - 1 - allowed]]

    value = threshold(n_pass / x.size * hertz <= target_hz)
    return Threshold(
        value,
        threshold(low * hertz <= target_hz),
        threshold(high * hertz <= target_hz),
        rate_at(x, value, norm, level),
        target_hz,
        max(hertz / x.size, norm.shared_hz) <= target_hz,
    )


def _weighted_threshold(
    ordered: Floats,
    values: ArrayLike,
    weights: ArrayLike,
    target_hz: float,
    norm: Normalisation,
    step: float | None,
    level: float,
) -> Threshold:
    """Find the threshold of events with different weights.

    Resolved is what the heaviest event does not exceed alone. With negative weights the rate need
    not fall with the threshold: then no larger threshold may exceed the target either.
    """
    cuts = np.append(-math.inf, smallest_above(np.unique(ordered), step))
    curve = rate_curve(values, cuts, norm, level, weights)

    def first(rate: Floats) -> float:
        beyond = np.flatnonzero(rate > target_hz)
        at = int(beyond[-1]) + 1 if beyond.size else 0
        return float(cuts[at]) if at < cuts.size else math.inf

    value = first(curve.rate)
    w = np.asarray(weights, dtype=np.float64)
    return Threshold(
        value,
        first(curve.low),
        first(curve.high),
        rate_at(values, value, norm, level, weights),
        target_hz,
        bool(max(norm.input_hz * w.max() / w.sum(), norm.shared_hz) <= target_hz),
    )


def efficiency(
    values: ArrayLike | Spectrum,
    threshold: float,
    weights: ArrayLike | None = None,
    level: float = ONE_SIGMA,
) -> Estimate:
    """Fraction of signal events with value >= threshold, with its Clopper-Pearson interval.

    Event weights may be of either sign, see `statistics.weighted_fraction` for the interval; a
    `Spectrum` brings its own. NaN without events.

    Raises
    ------
    InputError
        If a value or weight is NaN, or all weights together are not positive.
    """
    if isinstance(values, Spectrum):
        x, w = values.repeated()
        return weighted_fraction(x >= threshold, w, level)
    x = _checked(values)
    return weighted_fraction(x >= threshold, np.ones(x.size) if weights is None else weights, level)


def rate_table(
    background: Mapping[str, ArrayLike],
    signals: Mapping[str, Mapping[str, ArrayLike]],
    norm: Normalisation,
    targets_hz: Sequence[float],
    *,
    steps: Mapping[str, float] = MappingProxyType({}),
    level: float = ONE_SIGMA,
) -> dict[str, list[dict[str, Any]]]:
    """Thresholds for given rates and what they leave of each signal.

    Parameters
    ----------
    background
        float[n] of zero-bias events for each variable, or spectra; and their weights under
        `event_weight` where they are not all the same.
    signals
        For each signal its values, float[m], of the same variables (those it has), and its event
        weights under `event_weight` where they are not all the same.
    norm, targets_hz, level
        Normalisation, allowed rates [Hz], level of all intervals.
    steps
        Spacing of the thresholds of the variables that have one.

    Returns
    -------
    JSON-ready {variable: [{value, low, high, n, rate_hz, target_hz, resolved, efficiency:
    {signal: {value, low, high, n}}}]}, one entry a target. The efficiency's interval is that of
    the signal sample at the nominal threshold. Where the rate is not resolved, the threshold is a
    bound from below and the efficiency from above: its value is null and `high` the bound.
    """
    table: dict[str, list[dict[str, Any]]] = {}
    weights = background.get("event_weight")
    for variable, values in background.items():
        if variable == "event_weight":
            continue
        rows = []
        for target in targets_hz:
            found = threshold_for_rate(
                values, target, norm, step=steps.get(variable), level=level, weights=weights
            )
            left = {
                name: efficiency(signal[variable], found.value, signal.get("event_weight"), level)
                for name, signal in signals.items()
                if variable in signal
            }
            if not found.resolved:
                left = {name: Estimate(math.nan, 0.0, x.high, x.n) for name, x in left.items()}
            kept = {name: x.as_dict() for name, x in left.items()}
            rows.append({**found.as_dict(), "efficiency": kept})
        table[variable] = rows
    return table
