"""Reciprocal and logarithm of momenta as the correlator's tables give them.

A number is shifted until its highest bit is at the top, the bits below address a table, and the
result is shifted back. The tables hold what C++ computes in single precision. Where the type of
the number is signed its top bit is the sign: the reciprocal then is that of a negative number, and
the tables are reproduced with that. Source: cms-sw/cmssw
L1Trigger/Phase2L1ParticleFlow/interface/common/{inversion.h (4932b001), log.h (067d0674)}.
"""

import math
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.emulators.fixed_point import FixedPoint

__all__ = ["PT", "logarithm", "reciprocal"]

PT: Final = FixedPoint(14, 12, False, "TRN", "SAT")
"""Momenta of the correlator, 0.25 GeV."""


def _highest_bit(raw: AnyArray) -> Integers:
    """Return the position of the highest bit, 0 for zero."""
    # exact: raw numbers have fewer bits than a double's mantissa, or are their own power of two
    position = np.frexp(np.maximum(raw, 1).astype(np.float64))[1] - 1
    return position.astype(np.int64)


def _address(raw: AnyArray, form: FixedPoint, bits: int) -> tuple[Integers, Integers]:
    """Return the address in a table of 2**bits entries, and the shift that it took."""
    shift = form.width - 1 - _highest_bit(raw)
    return (raw << shift >> (form.width - 1 - bits)) & ((1 << bits) - 1), shift


def _addressed(form: FixedPoint, bits: int) -> Floats:
    """Return the number behind every address, in single precision."""
    top = form.width - 1
    raw = [(1 << top) | (i << (top - bits)) for i in range(1 << bits)]
    signed = [value - (1 << form.width) if form.signed else value for value in raw]
    return np.array([value * 2.0**-form.fraction for value in signed], np.float32)


def reciprocal(raw: AnyArray, form: FixedPoint, table: FixedPoint, bits: int) -> Integers:
    """Return reciprocals.

    Parameters
    ----------
    raw : integers
        Numbers of format `form`, not negative.
    form, table : FixedPoint
        Type of the numbers, and of the table and the result.
    bits : int
        Of the table's address.

    Returns
    -------
    int64
        Raw numbers of format `table`; shifting back drops what leaves it at the top.
    """
    entries = table.from_float((np.float32(1) / _addressed(form, bits)).astype(np.float64))
    address, shift = _address(np.asarray(raw, np.int64), form, bits)
    shifted = entries[address] << np.minimum(shift, 62)
    wrapping = FixedPoint(table.width, table.integer, table.signed)
    return np.asarray(wrapping.cast(shifted, FixedPoint(64, 64 - table.fraction)), np.int64)


def logarithm(raw: AnyArray, form: FixedPoint, table: FixedPoint, bits: int) -> Integers:
    """Return natural logarithms, as `reciprocal`; that of zero is what the table gives."""
    values = [math.log(value) for value in _addressed(form, bits)]
    entries = table.from_float(np.array(values, np.float32).astype(np.float64))
    powers = table.from_float([math.log(2.0**shift) for shift in range(form.width)])
    address, shift = _address(np.asarray(raw, np.int64), form, bits)
    wide = FixedPoint(63, 63 - table.fraction)
    return np.asarray(table.cast(entries[address] - powers[shift], wide), np.int64)
