"""Quantiles of weighted samples and the widths made of them."""

import math

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats
from l1kd.emulators.compilation import njit
from l1kd.statistics.fractions import checked_weights

__all__ = ["corrected_resolution", "quantile", "quantile_resolution", "sorted_quantile"]


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
        float[n], event weights of a simulated sample. Where some are negative the cumulative
        distribution is taken at the largest value that it has reached so far, so that it never
        falls; its end is one as ever.
    multiplicity
        int[n], not negative; how often an entry was drawn, as a bootstrap replica has it.

    Returns
    -------
    float64[k]; NaN where the weights do not add up to more than zero.

    Raises
    ------
    InputError
        If a weight is NaN or infinite.
    """
    x = np.asarray(values, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    repeats = np.ones(x.size) if multiplicity is None else np.asarray(multiplicity, np.float64)
    w = np.ones(x.size) if weights is None else checked_weights(weights, x.size)
    return sorted_quantile(
        x[order], np.atleast_1d(np.asarray(probabilities, np.float64)), w[order], repeats[order]
    )


@njit(nogil=True)  # a bootstrap calls it ten thousand times
def sorted_quantile(x: Floats, probabilities: Floats, w: Floats, repeats: Floats) -> Floats:
    """Quantiles as of `quantile`, of values float64[n] that are in ascending order already.

    `w` and `repeats` are float64[n], the weights and the multiplicities.
    """
    total, squares, last = 0.0, 0.0, -1
    for i in range(x.size):
        share = w[i] * repeats[i]
        total += share
        squares += share * w[i]
        if share != 0.0:
            last = i
    result = np.full(probabilities.size, np.nan)
    if not total > 0.0:
        return result
    n_effective = total * total / squares
    unit = n_effective / total
    for k in range(probabilities.size):
        # the quantile is the mean over a window one effective entry wide
        start = probabilities[k] * (n_effective - 1.0)
        sum_so_far, edge, covered, mean = 0.0, 0.0, 0.0, 0.0
        for i in range(last + 1):
            sum_so_far += w[i] * repeats[i] * unit
            edge = max(edge, sum_so_far)
            if edge > start or i == last:
                # rounding, or negative weights, may leave the last edge short of the window's end
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
