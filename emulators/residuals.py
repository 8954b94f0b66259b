"""Images without the pile-up of their own event, in integers as firmware could compute them.

A region's residual is what it has above the mean m of its ring in |eta| (36 regions), divided by a
power of the mean pile-up that the event shows, of all regions or of the ring. The division is a
multiplication with an entry of a table, which the leading bit of a sum of counts and the four bits
below it choose. With power 1/2 and the ring's own mean the sum of the squares would be a
chi-squared of rings, of the regions above the mean.
"""

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

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
_DROP = _TABLE_FRACTION - RESIDUAL_FRACTION
_LARGEST = (1 << RESIDUAL_WIDTH) - 1
_TOGETHER = 16
"""Regions in a vector of 32-bit integers, which hold 36 x 1023 times the largest factor."""
_PATTERN = 8 * N_ETA
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


@intrinsic
def _scaled(
    typingctx: Any, counts: Any, place: Any, sums: Any, factors: Any, ring: Any, out: Any
) -> Any:
    """Compute 16 residuals in a row from `place` on; sums and factors of theirs begin at `ring`."""
    short, whole = (ir.VectorType(ir.IntType(bits), _TOGETHER) for bits in (16, 32))

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def address(array: int, index: int, kind: Any) -> Any:
            data = context.make_array(signature.args[array])(context, builder, arguments[array])
            return builder.bitcast(builder.gep(data.data, [arguments[index]]), kind.as_pointer())

        def equal(value: int) -> Any:
            return ir.Constant(whole, [value] * _TOGETHER)

        seen = builder.zext(builder.load(address(0, 1, short), align=2), whole)
        total = builder.load(address(2, 4, whole), align=4)
        above = builder.sub(builder.mul(seen, equal(_IN_RING)), total)
        above = builder.select(builder.icmp_signed(">", above, equal(0)), above, equal(0))
        scaled = builder.mul(above, builder.load(address(3, 4, whole), align=4))
        result = builder.lshr(builder.add(scaled, equal(1 << (_DROP - 1))), equal(_DROP))
        inside = builder.icmp_unsigned("<", result, equal(_LARGEST))
        result = builder.trunc(builder.select(inside, result, equal(_LARGEST)), short)
        builder.store(result, address(5, 1, short), align=2)
        return context.get_dummy_value()

    return types.void(counts, types.int64, sums, factors, types.int64, out), generate


@njit(nogil=True)
def _column_sums(counts: Images, halves: Images, thirds: Images, columns: Integers) -> None:
    """Sum an image over phi: half and half, then thirds of it, side by side."""
    for k in range(len(halves)):
        halves[k] = counts[k] + counts[len(halves) + k]
    for k in range(len(thirds)):
        thirds[k] = halves[k] + halves[len(thirds) + k] + halves[2 * len(thirds) + k]
    for eta in range(N_ETA):
        columns[eta] = thirds[eta] + thirds[N_ETA + eta] + thirds[2 * N_ETA + eta]


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
    size = N_PHI * N_ETA
    counts = images.reshape(-1)
    out = np.empty(len(counts), np.uint16)
    halves, thirds = np.empty(size // 2, np.uint16), np.empty(size // 6, np.uint16)
    columns = np.empty(N_ETA, np.int64)
    # the pattern of eight rows of phi, which are seven times 16 regions
    sums, factors = np.empty(_PATTERN, np.int32), np.empty(_PATTERN, np.int32)
    for first in range(0, len(counts), size):
        _column_sums(counts[first : first + size], halves, thirds, columns)
        whole = table[_entry(columns.sum())]
        for eta in range(_RINGS):
            ring = columns[eta] + columns[N_ETA - 1 - eta]
            factor = table[_entry(ring)] if by_ring else whole
            sums[eta] = sums[N_ETA - 1 - eta] = ring
            factors[eta] = factors[N_ETA - 1 - eta] = factor
        for filled in (N_ETA, 2 * N_ETA, 4 * N_ETA):
            for k in range(filled):
                sums[filled + k], factors[filled + k] = sums[k], factors[k]
        for ring in range(0, _PATTERN, _TOGETHER):
            _scaled(counts, first + ring, sums, factors, ring, out)
            _scaled(counts, first + _PATTERN + ring, sums, factors, ring, out)
        for ring in (0, size % _PATTERN - _TOGETHER):  # four regions are done twice
            _scaled(counts, first + size // _PATTERN * _PATTERN + ring, sums, factors, ring, out)
    return out.reshape(images.shape)
