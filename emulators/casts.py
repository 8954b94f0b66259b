"""Casts to fixed-point formats as compiled functions of integers: rounding first, overflow second.

Formats are given as plain numbers here; `l1kd.emulators.fixed_point` has them as objects, and says
what the modes mean.
"""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyFloats, Integers
from l1kd.emulators.compilation import njit

__all__ = [
    "OVERFLOWS",
    "RND",
    "RND_CONV",
    "ROUNDINGS",
    "SAT",
    "TRN",
    "WRAP",
    "cast_float",
    "cast_floats",
    "cast_integers",
    "cast_raw",
    "clip_floats",
    "round_up",
    "wrap_floats",
]


ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_MIN_INF", "RND_INF", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM", "SAT_ZERO")

TRN, TRN_ZERO, RND, RND_ZERO, RND_MIN_INF, RND_INF, RND_CONV = range(7)
WRAP, SAT, SAT_SYM, SAT_ZERO = range(4)


@njit(nogil=True, inline="always")
def round_up(floor: int, half: bool, rest: bool, negative: bool, rounding: int) -> bool:
    """Tell whether the floor must be incremented: half bit, any lower bit, sign of the source."""
    if rounding == TRN:
        return False
    if rounding == TRN_ZERO:
        return negative and (half or rest)
    if rounding == RND:
        return half
    if rounding == RND_ZERO:
        return half and (negative or rest)
    if rounding == RND_MIN_INF:
        return half and rest
    if rounding == RND_INF:
        return half and (not negative or rest)
    return half and (rest or (floor & 1) == 1)


@njit(nogil=True, inline="always")
def _bounds(width: int, signed: bool, overflow: int) -> Any:
    """Return the smallest and largest raw value that a saturating cast can give."""
    if not signed:
        return np.int64(0), (np.int64(1) << (width - 1)) - 1 + (np.int64(1) << (width - 1))
    largest = (np.int64(1) << (width - 2)) - 1 + (np.int64(1) << (width - 2)) if width > 1 else 0
    smallest = -largest - 1
    return (-largest if overflow == SAT_SYM and width > 1 else smallest), largest


@njit(nogil=True, inline="always")
def _wrap(raw: int, width: int, signed: bool) -> Any:
    """Keep the lowest ``width`` bits (at most 64), as two's complement where signed."""
    if width >= 64:
        return raw
    if signed:
        return (raw << (64 - width)) >> (64 - width)
    return raw & ((np.int64(1) << width) - 1)


@njit(nogil=True)
def cast_raw(raw: int, shift: int, rounding: int, width: int, signed: bool, overflow: int) -> Any:
    """Cast one raw integer to another format.

    Parameters
    ----------
    raw : int64
        Raw integer of the source.
    shift : int
        Fraction bits of the source minus fraction bits of the target.
    rounding, overflow : int
        Position of the mode in `ROUNDINGS` and `OVERFLOWS`.
    width : int
        Target width: 1 to 64 bits where signed, 1 to 63 where not.
    signed : bool
        Whether the target is signed.

    Returns
    -------
    int64
        Raw integer in the target format, exact for every argument.
    """
    negative = raw < 0
    if shift > 0:
        if shift > 62:
            # Beyond the word only the sign and whether any bit is set still matter.
            lost = min(shift - 62, 63)
            raw = (raw >> lost) | (1 if raw & ((np.int64(1) << lost) - 1) else 0)
            shift = 62 if shift < 126 else 63
        floor = raw >> shift
        half = (raw >> (shift - 1)) & 1 == 1
        rest = raw & ((np.int64(1) << (shift - 1)) - 1) != 0
        raw = floor + (1 if round_up(floor, half, rest, negative, rounding) else 0)
        shift = 0
    if overflow == WRAP:
        return _wrap(raw << -shift, width, signed) if shift > -64 else 0
    smallest, largest = _bounds(width, signed, overflow)
    distance = min(-shift, 63)
    lowest = smallest >> distance
    lowest += (lowest << distance) != smallest  # rounded up; -smallest would not fit 64 bits
    if raw > largest >> distance or raw < lowest or (shift < -63 and raw != 0):
        if overflow == SAT_ZERO:
            return 0
        return smallest if raw < 0 else largest
    return raw << distance


@njit(nogil=True)
def cast_float(
    value: float, fraction: int, rounding: int, width: int, signed: bool, overflow: int
) -> Any:
    """Cast one finite double to a raw integer; see `cast_raw` for the arguments."""
    scaled = np.ldexp(value, fraction)
    if np.isinf(scaled):
        return 0 if overflow in (WRAP, SAT_ZERO) else _saturated(value, width, signed, overflow)
    if scaled == 0.0 and value != 0.0:
        scaled = np.copysign(2.0**-1000, value)
    floor = np.floor(scaled)
    lost = scaled - floor
    negative = value < 0.0
    if abs(floor) < 2.0**62:
        raw = np.int64(floor)
        raw += round_up(raw, lost >= 0.5, lost != 0.0 and lost != 0.5, negative, rounding)
        return cast_raw(raw, 0, TRN, width, signed, overflow)
    if overflow == WRAP:
        # At this size the number is an integer; the remainder of a division by 2^64 is exact.
        return _wrap(_low_bits(floor), width, signed)
    if signed and width == 64 and floor >= -(2.0**63) and floor < 2.0**63:
        return cast_raw(np.int64(floor), 0, TRN, width, signed, overflow)
    smallest, largest = _bounds(width, signed, overflow)
    if floor > 0.0 and floor < 2.0**63 and largest >= np.int64(floor):
        return np.int64(floor)
    return 0 if overflow == SAT_ZERO else (smallest if negative else largest)


@njit(nogil=True)
def _saturated(value: float, width: int, signed: bool, overflow: int) -> Any:
    smallest, largest = _bounds(width, signed, overflow)
    return smallest if value < 0.0 else largest


@njit(nogil=True)
def _low_bits(integer: float) -> Any:
    """Return the low 64 bits, two's complement, of a double that holds a large integer."""
    remainder = np.fmod(integer, 2.0**64)
    high = np.floor(remainder / 2.0**32)
    low = np.int64(remainder - high * 2.0**32)
    return (np.int64(high) << 32) + low


@njit(nogil=True)
def cast_integers(
    raw: Integers, out: Integers, shift: int, rounding: int, width: int, signed: bool, overflow: int
) -> None:
    """Cast raw integers to a format with `shift` fewer or, if negative, more fraction bits."""
    for i in range(raw.size):
        out[i] = cast_raw(raw[i], shift, rounding, width, signed, overflow)


@njit(nogil=True)
def cast_floats(
    values: AnyFloats,
    out: Integers,
    fraction: int,
    rounding: int,
    width: int,
    signed: bool,
    overflow: int,
) -> bool:
    """Cast numbers of single or double precision; False where one is NaN or infinite."""
    smallest, largest = _bounds(width, signed, overflow)
    scale = np.ldexp(1.0, min(max(fraction, -1000), 1000))
    ordinary = abs(fraction) < 1000
    for i in range(values.size):
        value = np.float64(values[i])
        scaled = value * scale
        # the common case, exact: no scaling error, no overflow of double or format
        if ordinary and abs(scaled) < 2.0**52 and (scaled != 0.0 or value == 0.0):
            floor = np.floor(scaled)
            lost = scaled - floor
            raw = np.int64(floor)
            raw += round_up(raw, lost >= 0.5, lost != 0.0 and lost != 0.5, value < 0.0, rounding)
            if smallest <= raw <= largest:
                out[i] = raw
                continue
        if not np.isfinite(value):
            return False
        out[i] = cast_float(value, fraction, rounding, width, signed, overflow)
    return True


@njit(nogil=True)
def clip_floats(values: AnyFloats, out: Integers, scale: float, even: bool, bounds: Any) -> bool:
    """Round to nearest, ties to even or up, and saturate, without a branch; exact for scales >= 1.

    False where a number is NaN or infinite.
    """
    smallest, largest = np.float64(bounds[0]), np.float64(bounds[1])
    finite = True
    for i in range(values.size):
        scaled = np.float64(values[i]) * scale
        floor = np.floor(scaled)
        whole = np.rint(scaled) if even else floor + (1.0 if scaled - floor >= 0.5 else 0.0)
        finite &= abs(values[i]) < np.inf
        out[i] = np.int64(min(max(whole, smallest), largest))
    return finite


@njit(nogil=True)
def wrap_floats(values: AnyFloats, out: Integers, scale: float, width: int, signed: bool) -> bool:
    """Round down and wrap around, without a branch; exact for scales >= 1.

    False where the result is none because a number, times the scale, does not fit 63 bits.
    """
    above = 64 - width
    mask = np.int64(-1 if above == 0 else (1 << width) - 1)
    inside = True
    for i in range(values.size):
        scaled = np.float64(values[i]) * scale
        inside &= bool(abs(scaled) < 2.0**62)
        raw = np.int64(np.floor(scaled))
        out[i] = (raw << above) >> above if signed else raw & mask
    return inside
