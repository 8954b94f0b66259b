"""Median, RMS and probability: the part of PUPPI that follows alpha."""

import math

import numpy as np

from l1kd.emulators.array_types import Floats, Integers, Mask, Singles
from l1kd.emulators.compilation import njit
from l1kd.emulators.particles.grid import longest_event

SQRT_HALF = math.sqrt(0.5)


@njit(nogil=True)
def chi2_quantile(probability: float) -> float:
    """Return the quantile of the chi-squared distribution with one degree of freedom."""
    low, high = 0.0, 10.0
    # The distribution of the root is erf(x / sqrt 2); halving 60 times exhausts a double.
    for _ in range(60):
        middle = 0.5 * (low + high)
        if math.erf(middle * SQRT_HALF) < probability:
            low = middle
        else:
            high = middle
    return low * low


@njit(nogil=True)
def pool_statistics(pool: Singles) -> tuple[float, float]:
    """Return median and left-sided RMS of alpha; sorts `pool`.

    Zeros are particles without neighbours. As in Delphes and CMS the median is that of the values
    from the last zero on, and only values up to the median enter the RMS.
    """
    pool.sort()
    zeros = 0
    for i in range(len(pool)):
        if pool[i] == 0.0:
            zeros = i
    median = np.float64(pool[zeros + int((len(pool) - zeros) * 0.5)])
    total, number = 0.0, 0
    for value in pool:
        if value != 0.0 and value <= median:
            number += 1
            total += (value - median) ** 2
    variance = total / number if number > 0 else 0.0
    return median, math.sqrt(variance if variance > 0.0 else 1e-5)


@njit(nogil=True, error_model="numpy")
def weigh_bin(
    alpha: Floats,
    pt: Floats,
    roles: tuple[Mask, Mask, Mask],
    offsets: Integers,
    threshold: Floats,
    parameters: tuple[float, float, float],
    weights: Singles,
) -> None:
    """Write the weights of the neutrals of one eta bin in all events.

    Parameters
    ----------
    alpha
        0 where there is no neighbour, (n,).
    roles
        Neutrals to weigh, pool of pile-up, known signal particles: three bool (n,).
    threshold
        Smallest weighted pT [GeV] of a neutral, (n_events,).
    parameters
        Smallest weight, scale of the median, scale of the RMS.
    """
    neutral, pool, signal = roles
    weight_min, median_scale, rms_scale = parameters
    values = np.empty(longest_event(offsets), np.float32)
    for event in range(len(offsets) - 1):
        first, last = offsets[event], offsets[event + 1]
        size = 0
        for i in range(first, last):
            if pool[i]:
                values[size] = alpha[i]
                size += 1
        median, rms = 0.0, 1.0
        if size > 0:
            median, rms = pool_statistics(values[:size])
            # Signal particles below the median show that the pool holds few pile-up particles.
            below = 0
            for i in range(first, last):
                if signal[i] and np.float32(alpha[i]) <= median:
                    below += 1
            if below > 0:
                quantile = chi2_quantile(below / (below + 0.5 * size))
                median -= math.sqrt(quantile * rms)
                rms -= math.sqrt(quantile * rms)
            median, rms = median * median_scale, rms * rms_scale
        for i in range(first, last):
            if not neutral[i]:
                continue
            weight = 1.0
            if size > 0:
                distance = alpha[i] - median if alpha[i] != 0.0 else 0.0
                weight = math.erf(distance / abs(rms) * SQRT_HALF) if distance > 0.0 else 0.0
            if weight < weight_min or weight * pt[i] < threshold[event]:
                weight = 0.0
            weights[i] = weight
