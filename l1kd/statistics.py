"""Numbers with their uncertainties: quantile widths, intervals, ROC areas, distances.

Plain NumPy in and out. No function draws random numbers of its own accord: whoever resamples gives
a seed. A value that cannot be computed (an empty sample, a bin without entries) is NaN, never an
exception and never a made-up number; `Estimate.as_dict` turns NaN into JSON's null.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numba as nb
import numpy as np
import scipy.special
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from l1kd.errors import InputError

__all__ = [
    "ONE_SIGMA",
    "Bootstrap",
    "Estimate",
    "bootstrap",
    "clopper_pearson",
    "corrected_resolution",
    "delong",
    "delong_difference",
    "effective_counts",
    "emd",
    "quantile",
    "quantile_resolution",
    "roc_auc",
    "sorted_quantile",
]

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Probability content of one standard deviation, 0.6827: the level of every interval by default."""

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A measured number, its interval and the size of the sample behind it."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return a JSON-ready dictionary; what is not finite becomes None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        finite = {key: float(x) if math.isfinite(x) else None for key, x in numbers.items()}
        return {**finite, "n": int(self.n)}


class Bootstrap(NamedTuple):
    """Nominal values of a statistic and the percentile interval of its replicas."""

    value: Floats
    low: Floats
    high: Floats


def quantile(
    values: ArrayLike,
    probabilities: ArrayLike,
    weights: ArrayLike | None = None,
    multiplicity: ArrayLike | None = None,
) -> Floats:
    """Quantiles of a sample whose entries may carry weights and may be repeated.

    The linear (type 7) definition of `numpy.quantile`, generalised to weights through Kish's
    effective sample size (Akinshin, arXiv:2304.07265, section 3). Without weights it equals
    ``numpy.quantile(numpy.repeat(values, multiplicity), probabilities)``.

    Parameters
    ----------
    values
        float[n], any order, no NaN.
    probabilities
        float[k] in [0, 1].
    weights
        float[n], not negative; event weights of a simulated sample.
    multiplicity
        int[n], not negative; how often an entry was drawn, as a bootstrap replica has it.

    Returns
    -------
    float64[k]; NaN where nothing has a positive weight.
    """
    x = np.asarray(values, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    repeats = np.ones(x.size) if multiplicity is None else np.asarray(multiplicity, np.float64)
    w = np.ones(x.size) if weights is None else np.asarray(weights, dtype=np.float64)
    return sorted_quantile(
        x[order], np.atleast_1d(np.asarray(probabilities, np.float64)), w[order], repeats[order]
    )


@nb.njit(cache=True, nogil=True)  # a bootstrap calls it ten thousand times
def sorted_quantile(x: Floats, probabilities: Floats, w: Floats, repeats: Floats) -> Floats:
    """Quantiles as of `quantile`, of values float64[n] that are in ascending order already.

    `w` and `repeats` are float64[n], the weights and the multiplicities.
    """
    total, squares, last = 0.0, 0.0, -1
    for i in range(x.size):
        share = w[i] * repeats[i]
        total += share
        squares += share * w[i]
        if share > 0.0:
            last = i
    result = np.full(probabilities.size, np.nan)
    if last < 0:
        return result
    n_effective = total * total / squares
    unit = n_effective / total
    for k in range(probabilities.size):
        # the quantile is the mean over a window one effective entry wide
        start = probabilities[k] * (n_effective - 1.0)
        edge, covered, mean = 0.0, 0.0, 0.0
        for i in range(last + 1):
            edge += w[i] * repeats[i] * unit
            if edge > start:
                # rounding may leave the last edge a hair short of the end of the window
                up_to = 1.0 if i == last else min(edge - start, 1.0)
                mean += (up_to - covered) * x[i]
                covered = up_to
                if covered == 1.0:
                    break
        result[k] = mean
    return result


def quantile_resolution(
    values: ArrayLike, weights: ArrayLike | None = None, multiplicity: ArrayLike | None = None
) -> float:
    """Half the distance between the quartiles, (q75 - q25) / 2.

    For a normal distribution it is 0.674 standard deviations. Arguments as for `quantile`; the
    result has the unit of `values` and is NaN for an empty sample.
    """
    low, high = quantile(values, (0.25, 0.75), weights, multiplicity)
    return float(high - low) / 2.0


def corrected_resolution(
    response: ArrayLike, weights: ArrayLike | None = None, multiplicity: ArrayLike | None = None
) -> float:
    """Quantile resolution of a response X / X_gen divided by its median: response-corrected.

    What the resolution would be after a calibration that brings the median response to one, so
    that an estimator does not look better for being scaled down. The median rather than the mean
    because the width, too, is a quantile: neither sees the tails. NaN for a median that is not
    positive.
    """
    low, median, high = quantile(response, (0.25, 0.5, 0.75), weights, multiplicity)
    return float(high - low) / 2.0 / float(median) if median > 0.0 else math.nan


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], ArrayLike],
    n_events: int,
    *,
    replicas: int = 1000,
    level: float = ONE_SIGMA,
    seed: int = 20260101,
) -> Bootstrap:
    """Percentile interval of any number computed from events, by resampling whole events.

    One replica is a list of multiplicities, how often each event was drawn. A statistic that
    returns several numbers (the resolution of each weighting and their ratios) sees the same
    events in all of them, so differences and ratios are paired; what belongs to an event (its
    jets) is drawn with it, which is the cluster bootstrap.

    Parameters
    ----------
    statistic
        Takes int64[n_events] multiplicities and returns numbers of any fixed shape.
    n_events
        Number of events; zero gives NaN intervals around the statistic of nothing.
    replicas, level, seed
        Number of replicas, probability content of the central interval, seed of the generator.

    Returns
    -------
    Bootstrap of arrays in the shape of the statistic. Replicas in which a number is NaN do not
    count for that number; with no replica left its interval is NaN.
    """
    if replicas < 1 or not 0.0 < level < 1.0:
        raise InputError(f"bootstrap: {replicas} replicas at level {level}, need >= 1 and (0, 1)")
    nominal = np.asarray(statistic(np.ones(n_events, dtype=np.int64)), dtype=np.float64)
    missing = np.full(nominal.shape, np.nan)
    if n_events == 0:
        return Bootstrap(nominal, missing, missing)
    generator = np.random.default_rng(seed)
    drawn = np.empty((replicas, *nominal.shape))
    for i in range(replicas):
        events = generator.integers(0, n_events, n_events)
        drawn[i] = statistic(np.bincount(events, minlength=n_events))
    flat = drawn.reshape(replicas, -1)
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    ends = np.full((2, flat.shape[1]), np.nan)
    for j in range(flat.shape[1]):
        finite = flat[np.isfinite(flat[:, j]), j]
        if finite.size:
            ends[:, j] = np.quantile(finite, tails)
    low, high = ends.reshape(2, *nominal.shape)
    return Bootstrap(nominal, low, high)


def clopper_pearson(
    n_pass: ArrayLike, n_total: ArrayLike, level: float = ONE_SIGMA
) -> tuple[Floats, Floats]:
    """Exact central interval of a binomial probability (Clopper and Pearson, Biometrika 26, 404).

    Parameters
    ----------
    n_pass, n_total
        Counts, broadcast together. Effective (not integer) counts are taken as they are, which is
        the usual approximation for weighted events, see `effective_counts`.
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


def effective_counts(passed: ArrayLike, weights: ArrayLike) -> tuple[float, float]:
    """Return the counts (n_pass, n_total) with which weighted events enter `clopper_pearson`.

    n_total is Kish's effective size (sum w)^2 / sum w^2 and n_pass the same share of it as the
    weighted efficiency. Equal weights give the plain counts.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.size == 0 or not w.sum() > 0.0:
        return 0.0, 0.0
    n_total = float(w.sum() ** 2 / (w * w).sum())
    share = float(w[np.asarray(passed, dtype=bool)].sum() / w.sum())
    return min(share, 1.0) * n_total, n_total


def delong(
    signal: Sequence[ArrayLike] | ArrayLike, background: Sequence[ArrayLike] | ArrayLike
) -> tuple[Floats, Floats]:
    """ROC areas of several scores on the same events, with their covariance (DeLong et al. 1988).

    The O(n log n) algorithm of Sun and Xu, IEEE Signal Processing Letters 21 (2014) 1389. Ties
    count one half, through midranks.

    Parameters
    ----------
    signal, background
        float[k, m] and float[k, n]: k scores of the same m signal and n background events; a
        larger score means more signal-like. Two or more events of each.

    Returns
    -------
    (areas, covariance) as float64[k] and float64[k, k].

    Raises
    ------
    InputError
        If the shapes do not fit, there are fewer than two events, or a score is NaN.
    """
    positive = np.atleast_2d(np.asarray(signal, dtype=np.float64))
    negative = np.atleast_2d(np.asarray(background, dtype=np.float64))
    (k, m), n = positive.shape, negative.shape[1]
    if positive.ndim != 2 or negative.shape[0] != k or min(m, n) < 2:
        raise InputError(
            f"delong: shapes {positive.shape} and {negative.shape}; need k scores of at least "
            "two signal and two background events"
        )
    if np.isnan(positive).any() or np.isnan(negative).any():
        raise InputError("delong: a score is NaN")
    ranks = scipy.stats.rankdata(np.concatenate([positive, negative], axis=1), axis=1)
    # share of the other class that each event beats
    of_signal = (ranks[:, :m] - scipy.stats.rankdata(positive, axis=1)) / n
    of_background = 1.0 - (ranks[:, m:] - scipy.stats.rankdata(negative, axis=1)) / m
    covariance = np.cov(of_signal).reshape(k, k) / m + np.cov(of_background).reshape(k, k) / n
    return of_signal.mean(axis=1), covariance


def roc_auc(signal: ArrayLike, background: ArrayLike, level: float = ONE_SIGMA) -> Estimate:
    """Area under the ROC curve with a normal interval from DeLong's variance, cut to [0, 1]."""
    areas, covariance = delong([np.asarray(signal)], [np.asarray(background)])
    half = float(scipy.special.ndtri((1.0 + level) / 2.0) * np.sqrt(covariance[0, 0]))
    n = np.size(signal) + np.size(background)
    area = float(areas[0])
    return Estimate(area, max(area - half, 0.0), min(area + half, 1.0), n)


def delong_difference(
    signal: Sequence[ArrayLike], background: Sequence[ArrayLike], level: float = ONE_SIGMA
) -> tuple[Estimate, float]:
    """Difference of two ROC areas on the same events, first minus second, and its p-value.

    `signal` and `background` hold two scores each. The p-value is two-sided for equal areas; it
    is 1 where the two scores order the events identically.
    """
    areas, covariance = delong(signal, background)
    if areas.size != 2:
        raise InputError(f"delong_difference: {areas.size} scores, need two")
    contrast = np.array([1.0, -1.0])
    difference = float(contrast @ areas)
    deviation = math.sqrt(max(float(contrast @ covariance @ contrast), 0.0))
    half = float(scipy.special.ndtri((1.0 + level) / 2.0)) * deviation
    n = np.size(signal[0]) + np.size(background[0])
    p_value = float(2.0 * scipy.special.ndtr(-abs(difference) / deviation)) if deviation else 1.0
    return Estimate(difference, difference - half, difference + half, n), p_value


def emd(
    first: ArrayLike,
    second: ArrayLike,
    first_weights: ArrayLike | None = None,
    second_weights: ArrayLike | None = None,
) -> float:
    """Earth mover's distance of two samples, the one-dimensional Wasserstein distance W1.

    Weights are normalised to one on either side; the unit is that of the values. NaN if a sample
    is empty.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if a.size == 0 or b.size == 0:
        return math.nan
    options: dict[str, Any] = {"u_weights": first_weights, "v_weights": second_weights}
    return float(scipy.stats.wasserstein_distance(a, b, **options))
