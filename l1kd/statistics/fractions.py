"""Fractions of events with intervals: counted and weighted ones."""

from typing import NamedTuple

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats
from l1kd.errors import InputError
from l1kd.statistics.estimates import ONE_SIGMA, Estimate

__all__ = [
    "WeightSums",
    "checked_weights",
    "clopper_pearson",
    "effective_counts",
    "lower_end",
    "weighted_fraction",
    "weighted_survival",
]


def clopper_pearson(
    n_pass: ArrayLike, n_total: ArrayLike, level: float = ONE_SIGMA
) -> tuple[Floats, Floats]:
    """Exact central interval of a binomial probability (Clopper and Pearson, Biometrika 26, 404).

    Parameters
    ----------
    n_pass, n_total
        Counts, broadcast together. Effective (not integer) counts are taken as they are; weighted
        events have an interval of their own, `weighted_fraction`.
    level
        Probability content; (1 - level) / 2 lies outside on either side. With nothing passing
        the lower end is 0 and the upper end an upper limit; with everything passing the reverse.

    Returns
    -------
    (low, high) as float64 in [0, 1]; (0, 1) where n_total is 0.

    Raises
    ------
    InputError
        If n_pass is negative or larger than n_total, or the level is outside (0, 1).
    """
    k, n = np.broadcast_arrays(np.asarray(n_pass, np.float64), np.asarray(n_total, np.float64))
    if not 0.0 < level < 1.0:
        raise InputError(f"clopper_pearson: level {level} is not between 0 and 1")
    if np.any(k < 0) or np.any(k > n) or np.any(np.isnan(k)) or np.any(np.isnan(n)):
        raise InputError("clopper_pearson: needs 0 <= n_pass <= n_total")
    tail = (1.0 - level) / 2.0
    some, open_above = k > 0, k < n
    low, high = np.zeros(k.shape), np.ones(k.shape)
    low[some] = scipy.special.betaincinv(k[some], n[some] - k[some] + 1.0, tail)
    high[open_above] = scipy.special.betaincinv(
        k[open_above] + 1.0, n[open_above] - k[open_above], 1.0 - tail
    )
    return low, high


def checked_weights(weights: ArrayLike, n: int, *, signed: bool = True) -> Floats:
    """Event weights as float64[n], after checking that a number can be computed with them.

    Parameters
    ----------
    weights
        float[n].
    n
        Number of events.
    signed
        Whether negative weights are allowed.

    Raises
    ------
    InputError
        If their number differs, one is NaN or infinite, or one is negative and must not be.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (n,):
        raise InputError(f"event weights: {w.shape} for {n} events")
    wrong = ~np.isfinite(w) if signed else ~(np.isfinite(w) & (w >= 0.0))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        wanted = "finite numbers" if signed else "finite numbers that are not negative"
        raise InputError(
            f"event weights: {int(wrong.sum())} of {n} are not {wanted}, the first is event "
            f"{first} with {w[first]}; leave these events out or mend the weights"
        )
    return w


def effective_counts(passed: ArrayLike, weights: ArrayLike) -> tuple[float, float]:
    """Return counts (n_pass, n_total) that stand for events with weights that are not negative.

    n_total is Kish's effective size (sum w)^2 / sum w^2 and n_pass the same share of it as the
    weighted efficiency. Equal weights give the plain counts. It describes a sample's size; an
    interval of a fraction comes from `weighted_fraction`, which covers where weights differ much
    and where they have signs.

    Raises
    ------
    InputError
        If a weight is negative, NaN or infinite.
    """
    mask = np.asarray(passed, dtype=bool)
    w = checked_weights(weights, mask.size, signed=False)
    if not w.sum() > 0.0:
        return 0.0, 0.0
    n_total = float(w.sum() ** 2 / (w * w).sum())
    share = float(w[mask].sum() / w.sum())
    return min(share, 1.0) * n_total, n_total


class WeightSums(NamedTuple):
    """Sums over events that an interval of a weighted fraction needs; each of any one shape.

    `plus` and `minus` are the sums of positive and of absolute negative weights, `plus_squares`
    and `minus_squares` those of their squares.
    """

    plus: Floats
    plus_squares: Floats
    minus: Floats
    minus_squares: Floats

    @classmethod
    def above(cls, values: ArrayLike, weights: Floats, thresholds: ArrayLike) -> "WeightSums":
        """Sum over the events with value >= threshold, for each threshold: float64[k]."""
        x, cuts = np.asarray(values, np.float64), np.asarray(thresholds, np.float64)
        order = np.argsort(x, kind="stable")
        first = np.searchsorted(x[order], cuts, side="left")

        def from_the_top(y: Floats) -> Floats:
            return np.append(np.cumsum(y[order][::-1])[::-1], 0.0)[first]

        plus, minus = np.maximum(weights, 0.0), np.maximum(-weights, 0.0)
        return cls(*(from_the_top(y) for y in (plus, plus**2, minus, minus**2)))


def weighted_fraction(passed: ArrayLike, weights: ArrayLike, level: float = ONE_SIGMA) -> Estimate:
    """Fraction of the weight that passes, with an interval that covers for any weights.

    See `weighted_survival`, of which it is the case of one selection.

    Parameters
    ----------
    passed
        bool[n].
    weights
        float[n], of either sign.
    level
        Probability content of the central interval.

    Returns
    -------
    Estimate with the number of events as n; NaN with the interval (0, 1) without events.

    Raises
    ------
    InputError
        If a weight is NaN or infinite, or all weights together are not positive.
    """
    mask = np.asarray(passed, dtype=bool)
    share, low, high = weighted_survival(mask, 1.0, weights, level)
    return Estimate(float(share[0]), float(low[0]), float(high[0]), mask.size)


def weighted_survival(
    values: ArrayLike, thresholds: ArrayLike, weights: ArrayLike, level: float = ONE_SIGMA
) -> tuple[Floats, Floats, Floats]:
    """Fraction of the weight of events with value >= threshold, with intervals.

    The sum of weights that pass, and that of those that fail, is a compound Poisson number whose
    uncertainty is described by a gamma distribution of its mean and variance, for the upper end
    with one more event of the largest weight (Fay and Feuer, Statistics in Medicine 16 (1997)
    791). The fraction's interval follows from the two. With equal weights it is exactly that of
    Clopper and Pearson; with other weights it is conservative, above all where what passes is
    lighter than what the sample holds elsewhere: one more heavy event might have passed. With
    negative weights both sides of "what passes is the fraction p of all" are gathered from
    positive and negative parts, and p is varied until they differ at the wanted level.

    Parameters
    ----------
    values
        float[n], no NaN.
    thresholds
        float[k], any order.
    weights
        float[n], of either sign.
    level
        Probability content of the central interval.

    Returns
    -------
    (share, low, high) as float64[k] in [0, 1]: an estimate that negative weights bring outside is
    set to the end it is nearest to. NaN, 0 and 1 without events.

    Raises
    ------
    InputError
        If a weight is NaN or infinite, or all weights together are not positive.
    """
    x = np.asarray(values, dtype=np.float64)
    cuts = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    if not 0.0 < level < 1.0:
        raise InputError(f"weighted_survival: level {level} is not between 0 and 1")
    w = checked_weights(weights, x.size)
    if x.size == 0:
        return np.full(cuts.size, np.nan), np.zeros(cuts.size), np.ones(cuts.size)
    total = float(w.sum())
    if not total > 0.0:
        raise InputError(
            f"the weights of {x.size} events add up to {total:g}: a fraction of them is not "
            "defined; use more events or the absolute values"
        )
    # in units of the largest weight no square overflows
    scale = float(np.abs(w).max())
    w = w / scale
    passing = WeightSums.above(x, w, cuts)
    failing = WeightSums.above(-x, w, np.nextafter(-cuts, np.inf))
    heaviest = float(w.max(initial=0.0)), float(-w.min(initial=0.0))
    share = np.clip((passing.plus - passing.minus) * scale / total, 0.0, 1.0)
    low = _lower_end(passing, failing, heaviest, (1.0 - level) / 2.0)
    high = 1.0 - _lower_end(failing, passing, heaviest, (1.0 - level) / 2.0)
    return share, np.minimum(low, share), np.maximum(high, share)


def _lower_end(
    inside: WeightSums, outside: WeightSums, heaviest: tuple[float, float], tail: float
) -> Floats:
    """Lower end of the fraction `inside` of all, for each entry."""
    largest, most_negative = heaviest
    if most_negative == 0.0:
        # what `_probability` says can then be solved
        sums = (inside.plus, inside.plus_squares, outside.plus, outside.plus_squares)
        return lower_end(*sums, largest, tail)
    low, high = np.zeros(inside.plus.shape), np.ones(inside.plus.shape)
    nothing = _probability(inside, outside, low, largest, most_negative) >= tail
    for _ in range(60):
        middle = (low + high) / 2.0
        beyond = _probability(inside, outside, middle, largest, most_negative) >= tail
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.where(nothing, 0.0, low)


def lower_end(
    inside: Floats,
    inside_squares: Floats,
    outside: Floats,
    outside_squares: Floats,
    heaviest: float,
    tail: float,
) -> Floats:
    """Lower end of the fraction of the weight that is inside, without negative weights.

    Parameters
    ----------
    inside, inside_squares, outside, outside_squares
        Sums of the weights, and of their squares, of what is inside and of what is not; all of one
        shape. The upper end is one minus the lower end of what is not.
    heaviest
        Weight of the heaviest event.
    tail
        Probability that lies below.

    Returns
    -------
    float64 of that shape; zero where nothing is inside.
    """
    a, b = np.asarray(inside, np.float64), np.asarray(outside, np.float64) + heaviest
    result = np.zeros(a.shape)
    some = (a > 0.0) & (np.asarray(inside_squares) > 0.0)
    if not heaviest > 0.0 or not some.any():
        return result
    unit_a = np.asarray(inside_squares, np.float64)[some] / a[some]
    unit_b = (np.asarray(outside_squares, np.float64)[some] + heaviest**2) / b[some]
    beta = scipy.special.betaincinv(a[some] / unit_a, b[some] / unit_b, tail)
    for_it, against = beta * unit_a, (1.0 - beta) * unit_b
    result[some] = for_it / (for_it + against)
    return result


def _probability(
    inside: WeightSums, outside: WeightSums, p: Floats, largest: float, most_negative: float
) -> Floats:
    """Probability that the fraction is below p: that (1 - p) inside < p outside, in sum.

    What speaks for a larger fraction is taken at its lower, what speaks against it at its upper
    confidence distribution.
    """
    q = 1.0 - p
    for_mean = q * inside.plus + p * outside.minus
    for_square = q * q * inside.plus_squares + p * p * outside.minus_squares
    one_more = np.maximum(p * largest, q * most_negative)
    against_mean = p * outside.plus + q * inside.minus + one_more
    against_square = p * p * outside.plus_squares + q * q * inside.minus_squares + one_more**2
    some, both = for_square > 0.0, (for_square > 0.0) & (against_square > 0.0)
    result = np.where(some, 0.0, 1.0)
    a, b = for_mean[both], against_mean[both]
    unit_a, unit_b = for_square[both] / a, against_square[both] / b
    result[both] = scipy.special.betainc(a / unit_a, b / unit_b, unit_b / (unit_a + unit_b))
    return result
