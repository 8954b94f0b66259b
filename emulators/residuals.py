"""Images without the pile-up of their own event, in integers as firmware could compute them.

A region's residual is what it has above the mean m of its ring in |eta| (36 regions), divided by a
power of the mean pile-up that the event shows, of all regions or of the ring. The division is a
multiplication with an entry of a table, which the leading bit of a sum of counts and the four bits
below it choose. With power 1/2 and the ring's own mean the sum of the squares would be a
chi-squared of rings, of the regions above the mean.
"""

import numpy as np

from l1kd.emulators.array_types import Images, Integers
from l1kd.emulators.calorimeter import N_ETA, N_PHI
from l1kd.emulators.compilation import njit

__all__ = ["RESIDUAL_FRACTION", "RESIDUAL_WIDTH", "residual_images", "scale_table"]

RESIDUAL_WIDTH, RESIDUAL_FRACTION = 11, 5
"""Residuals are ``ap_ufixed<11, 6>``: 0 to 63 31/32 in steps of 1/32, rounded, saturated."""
_IN_RING = 2 * N_PHI
_RINGS = N_ETA // 2
_TABLE_FRACTION = 22
_MANTISSA = 4
_LARGEST_SUM = 18
"""Bits of the largest sum, 252 x 1023."""
_UNIT = 4.0
"""One of a residual is so many counts where the pile-up is one count a region."""


def scale_table(power: float, regions: int) -> Integers:
    """Make the table of factors 1 / (36 x 4 x max(1, M)^power), M the mean of some regions.

    Parameters
    ----------
    power
        0 leaves counts, 1/2 divides by the spread of Poisson counts.
    regions
        How many regions the sum has, from which the table is read: 252 or 36.

    Returns
    -------
    int64[304], 22 fraction bits; entry 16 n + k is for sums of n bits whose four bits behind the
    leading one are k, taken at the middle of the sums that share it.
    """
    table = np.zeros((_LARGEST_SUM + 1) << _MANTISSA, np.int64)
    for entry in range(table.size):
        bits, mantissa = divmod(entry, 1 << _MANTISSA)
        total = 2.0 ** (bits - 1) * (1.0 + (mantissa + 0.5) / (1 << _MANTISSA)) if bits else 0.0
        factor = 1.0 / (_IN_RING * _UNIT * max(total / regions, 1.0) ** power)
        table[entry] = round(factor * (1 << _TABLE_FRACTION))
    return table


@njit(nogil=True)
def _entry(total: int) -> int:
    """Entry of the table for a sum of counts."""
    bits = 0
    while total >> bits:
        bits += 1
    below = bits - 1 - _MANTISSA
    shifted = total >> below if below >= 0 else total << -below
    return (bits << _MANTISSA) + (shifted & ((1 << _MANTISSA) - 1)) if bits else 0


@njit(nogil=True)
def residual_images(images: Images, table: Integers, by_ring: bool) -> Images:
    """Subtract each ring's mean and scale by the pile-up of the event.

    Parameters
    ----------
    images
        uint16[n, 18, 14], counts up to 1023.
    table
        Of `scale_table`: for 36 regions if `by_ring`, else for 252.
    by_ring
        Scale by the sum of the region's ring instead of that of the event.

    Returns
    -------
    uint16[n, 18, 14], raw values of ``ap_ufixed<11, 6>``; regions below their ring's mean are zero.
    """
    n = len(images)
    out = np.empty((n, N_PHI, N_ETA), np.uint16)
    sums, factors = np.empty(_RINGS, np.int64), np.empty(_RINGS, np.int64)
    drop = _TABLE_FRACTION - RESIDUAL_FRACTION
    half, largest = 1 << (drop - 1), (1 << RESIDUAL_WIDTH) - 1
    for i in range(n):
        sums[:] = 0
        for phi in range(N_PHI):
            for eta in range(N_ETA):
                sums[min(eta, N_ETA - 1 - eta)] += np.int64(images[i, phi, eta])
        whole = table[_entry(sums.sum())]
        for ring in range(_RINGS):
            factors[ring] = table[_entry(sums[ring])] if by_ring else whole
        for phi in range(N_PHI):
            for eta in range(N_ETA):
                ring = min(eta, N_ETA - 1 - eta)
                above = max(_IN_RING * np.int64(images[i, phi, eta]) - sums[ring], 0)
                out[i, phi, eta] = min((above * factors[ring] + half) >> drop, largest)
    return out
