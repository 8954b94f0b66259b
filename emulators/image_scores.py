"""Scores of the calorimeter image that need no training: what every trained score must beat.

The chi-squared of rings compares each region with the mean of its ring in eta, so that it measures
what stands out of the event's own pile-up. With S the sum and Q the sum of squares of a ring's 18
regions, the sum over the ring of (x - m)^2 / m is 18 Q / S - S: one division a ring.
"""

import numpy as np

from l1kd.emulators.array_types import Images, Integers, Singles
from l1kd.emulators.calorimeter import N_ETA, N_PHI
from l1kd.emulators.compilation import njit

__all__ = [
    "CHI2_FRACTION",
    "chi2_of_rings",
    "chi2_of_rings_raw",
    "hottest_region",
    "rms_of_regions",
    "sum_of_regions",
]

_REGIONS = N_PHI * N_ETA
CHI2_FRACTION = 12
"""Fraction bits of `chi2_of_rings_raw`: 4 of each ring's quotient and 8 of the division by 256."""
_QUOTIENT_BITS = 4


@njit(nogil=True)
def sum_of_regions(images: Images) -> Singles:
    """Sum of all counts, float32[n], of uint16[n, 18, 14]."""
    result = np.empty(len(images), np.float32)
    for i in range(len(images)):
        total = np.int64(0)
        for phi in range(N_PHI):
            for eta in range(N_ETA):
                total += np.int64(images[i, phi, eta])
        result[i] = total
    return result


@njit(nogil=True)
def hottest_region(images: Images) -> Singles:
    """Find the counts of the hottest region, float32[n], of uint16[n, 18, 14]."""
    result = np.empty(len(images), np.float32)
    for i in range(len(images)):
        largest = np.int64(0)
        for phi in range(N_PHI):
            for eta in range(N_ETA):
                x = np.int64(images[i, phi, eta])
                if x > largest:
                    largest = x
        result[i] = largest
    return result


@njit(nogil=True)
def rms_of_regions(images: Images) -> Singles:
    """Compute the standard deviation of the 252 counts, float32[n], of uint16[n, 18, 14]."""
    result = np.empty(len(images), np.float32)
    for i in range(len(images)):
        total, squares = np.int64(0), np.int64(0)
        for phi in range(N_PHI):
            for eta in range(N_ETA):
                x = np.int64(images[i, phi, eta])
                total += x
                squares += x * x
        # whole numbers until here: the difference is exact
        result[i] = np.sqrt(_REGIONS * squares - total * total) / _REGIONS
    return result


@njit(nogil=True)
def _ring(image, eta):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Sum and sum of squares of the regions of a ring."""
    total, squares = np.int64(0), np.int64(0)
    for phi in range(N_PHI):
        x = np.int64(image[phi, eta])
        total += x
        squares += x * x
    return total, squares


@njit(nogil=True)
def chi2_of_rings(images: Images) -> Singles:
    """Mean over regions of (x - m)^2 / m, m the mean of the event's ring in eta.

    Parameters
    ----------
    images
        uint16[n, 18, 14], counts.

    Returns
    -------
    float32[n]; an empty ring adds nothing.
    """
    result = np.empty(len(images), np.float32)
    for i in range(len(images)):
        chi2 = 0.0
        for eta in range(N_ETA):
            total, squares = _ring(images[i], eta)
            if total > 0:
                chi2 += (N_PHI * squares - total * total) / total
        result[i] = chi2 / _REGIONS
    return result


@njit(nogil=True)
def chi2_of_rings_raw(images: Images) -> Integers:
    """Compute the same in integers, as firmware could.

    Each ring gives ``floor(16 (18 Q - S^2) / S)``, the quotient of a shift-and-subtract divider
    (31 bits by 15); the 14 rings are added, and the sum is read with 12 fraction bits: it is
    divided by 256 instead of by 252. Nothing saturates: the largest sum takes 22 bits.

    Parameters
    ----------
    images
        uint16[n, 18, 14], counts up to 1023.

    Returns
    -------
    int64[n], raw values of ``ap_ufixed<22, 10>``.
    """
    result = np.empty(len(images), np.int64)
    for i in range(len(images)):
        chi2 = 0
        for eta in range(N_ETA):
            total, squares = _ring(images[i], eta)
            if total > 0:
                chi2 += ((N_PHI * squares - total * total) << _QUOTIENT_BITS) // total
        result[i] = chi2
    return result
