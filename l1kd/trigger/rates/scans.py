"""From distributions to thresholds: the smallest one that keeps a rate, with its interval."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats, Mask
from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import ONE_SIGMA, Estimate
from l1kd.trigger.counts.survival import SpectrumClass, survival

__all__ = [
    "LegScan",
    "Threshold",
    "largest_passed",
    "legs",
    "smallest_above",
    "threshold_at",
    "with_threshold",
]


class Threshold(NamedTuple):
    """Smallest threshold whose rate stays within a target.

    `value`, `low`, `high` are in the unit of the variable; `rate` [Hz] is what passes at `value`.
    `value` and `low` are minus infinity where all events may pass; `high` is infinite where the
    sample is too small to show that any threshold suffices.
    `resolved` is false where not a single event may pass, or where one collision that the events
    share makes more than the target: the true threshold is not below `value` on the evidence of the
    sample, and may lie above all it holds.
    """

    value: float
    low: float
    high: float
    rate: Estimate
    target_hz: float
    resolved: bool

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary; what is not finite becomes None."""
        ends = Estimate(self.value, self.low, self.high, self.rate.n).as_dict()
        return {
            **ends,
            "rate_hz": self.rate.as_dict(),
            "target_hz": self.target_hz,
            "resolved": self.resolved,
        }


def threshold_at(
    classes: Sequence[SpectrumClass],
    target_hz: float,
    *,
    step: float | None = None,
    level: float = ONE_SIGMA,
) -> Threshold:
    """Smallest threshold whose rate does not exceed a target.

    The interval holds the thresholds that the sample cannot tell apart: at its lower end the lower
    end of the rate meets the target, at its upper end the upper one does. Where not even a
    threshold that nothing passes is shown to keep the rate, `high` is infinite and `resolved` is
    false: `value` is then a bound from below.

    Parameters
    ----------
    classes
        The sample, see `l1kd.trigger.counts.survival.survival`.
    target_hz
        Allowed rate [Hz].
    step
        Spacing of the allowed thresholds; by default that of the values, and where values are kept
        as they are every number, so that the threshold is the next double above a value.
    level
        Probability content of the intervals.

    Raises
    ------
    InputError
        Without events, or if target or step are not positive.
    """
    if not target_hz > 0.0 or (step is not None and not step > 0.0):
        raise InputError(f"threshold: target {target_hz} Hz and step {step} must be positive")
    distinct = [c.spectrum.values for c in classes]
    spacing = step or max((c.spectrum.grid for c in classes), default=0.0)
    values = np.unique(np.concatenate(distinct)) if distinct else np.zeros(0)
    if not values.size:
        raise InputError("threshold: no zero-bias events")
    cuts = np.append(-np.inf, smallest_above(values, spacing))
    rate = survival(classes, cuts, level)

    def first(passing: Mask) -> float:
        at = np.flatnonzero(passing)
        return float(cuts[at[0]]) if at.size else math.inf

    # rates fall with the threshold, so the first that keeps the target is the smallest
    value = first(rate.value <= target_hz)
    high = first(rate.high <= target_hz)
    at = int(np.flatnonzero(cuts == value)[0])
    return Threshold(
        value,
        first(rate.low <= target_hz),
        high,
        Estimate(float(rate.value[at]), float(rate.low[at]), float(rate.high[at]), rate.n_total),
        target_hz,
        math.isfinite(high) or high == -math.inf,
    )


def smallest_above(values: Floats, spacing: float | None) -> Floats:
    """Smallest allowed threshold that each value does not pass.

    Above zero, where events without an object lie, the next double would be 5e-324. There the
    threshold is 1e-9, or the next value if that is smaller: the same events pass.

    Parameters
    ----------
    values
        float64[n], rising, each once.
    spacing
        Distance of the allowed thresholds; None or zero allows every number.
    """
    following = np.nextafter(values, np.inf)
    zero = values == 0.0
    following[zero] = np.minimum(np.append(values[1:], np.inf)[zero], 1e-9)
    if not spacing:
        return following
    finite = np.isfinite(values)
    steps = (np.floor(np.where(finite, values, 0.0) / spacing) + 1.0) * spacing
    return np.where(finite, steps, following)


def largest_passed(passed: ArrayLike, thresholds: Sequence[float]) -> Floats:
    """Largest threshold that each event passes; minus infinity where it passes none.

    Parameters
    ----------
    passed
        bool[n_events, k], decisions of a seed with k thresholds on one leg.
    thresholds
        float[k], ascending.

    Returns
    -------
    float64[n_events], to be filled into a `Spectrum`.

    Raises
    ------
    InputError
        If an event passes a threshold and fails a smaller one: the seed is not monotonic in it.
    """
    decided = np.asarray(passed, dtype=bool)
    cuts = np.asarray(thresholds, dtype=np.float64)
    if decided.ndim != 2 or decided.shape[1] != cuts.size or not np.all(np.diff(cuts) > 0.0):
        raise InputError(
            f"scan: {decided.shape} decisions for ascending thresholds {cuts.tolist()}"
        )
    if np.any(decided[:, 1:] & ~decided[:, :-1]):
        raise InputError(
            "scan: events pass a threshold and fail a smaller one; the seed depends on this leg in "
            "a way that has no rate against threshold (a NOT before it?)"
        )
    return np.append(-np.inf, cuts)[decided.sum(axis=1)]


_WORD = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_.]|[+-](?=[A-Za-z0-9_]))*|[\[\]{}()]")
_LEG = re.compile(
    r"(?!MUS|CENT)(?P<type>MBT[01]HF[PM]|[A-Z]+)(?P<comparison>\.ge\.)?(?P<threshold>\d+(?:[p.]\d+)?)"
    r"(?P<crossing>[+-]\d+)?$"
)


class LegScan(NamedTuple):
    """One leg of a seed: its type of object, its threshold, and where that stands in the text."""

    kind: str
    threshold: float
    start: int
    end: int


def legs(expression: str) -> list[LegScan]:
    """Legs of a seed's expression that have a threshold, from left to right."""
    found: list[LegScan] = []
    depth = 0
    words = list(_WORD.finditer(expression))
    for i, word in enumerate(words):
        depth += {"[": 1, "]": -1}.get(word[0], 0)
        follows = words[i + 1][0] if i + 1 < len(words) else ""
        if depth or follows == "{" or word[0].startswith("EXT_"):
            continue
        leg = _LEG.match(word[0])
        if leg is not None:
            value = float(leg["threshold"].replace("p", "."))
            start = word.start() + leg.start("threshold")
            found.append(LegScan(leg["type"], value, start, start + len(leg["threshold"])))
    return found


def with_threshold(expression: str, leg: int, threshold: float) -> str:
    """Write another threshold into one leg of an expression.

    Raises
    ------
    ConfigurationError
        If the expression has no such leg with a threshold; the message lists those it has.
    """
    found = legs(expression)
    if not 0 <= leg < len(found):
        have = ", ".join(f"{i}: {x.kind}{x.threshold:g}" for i, x in enumerate(found)) or "none"
        raise ConfigurationError(
            f"no leg {leg} with a threshold in {expression!r}; there are {have}"
        )
    text = f"{threshold:.10g}".replace(".", "p")
    return expression[: found[leg].start] + text + expression[found[leg].end :]
