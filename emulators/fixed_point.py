"""Fixed-point formats and casts, bit for bit as the ``ap_fixed`` types of high-level synthesis.

A number of format ``FixedPoint(width, integer, signed)`` is held as its *raw* integer; its value is
``raw * 2**-(width - integer)``. Every cast rounds first and handles overflow second, as the
``ap_fixed`` headers of Vivado and Vitis HLS do (user guide UG1399, "Arbitrary Precision Fixed-Point
Data Types").
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

__all__ = ["OVERFLOWS", "ROUNDINGS", "FixedPoint", "cast_float", "cast_raw"]

Integers = npt.NDArray[np.int64]

ROUNDINGS = ("TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_MIN_INF", "RND_INF", "RND_CONV")
OVERFLOWS = ("WRAP", "SAT", "SAT_SYM", "SAT_ZERO")
MAX_WIDTH = 1024

TRN, TRN_ZERO, RND, RND_ZERO, RND_MIN_INF, RND_INF, RND_CONV = range(7)
WRAP, SAT, SAT_SYM, SAT_ZERO = range(4)

_TYPE = re.compile(r"(?:ap_)?(u?)(fixed|int)\s*<([^<>]*)>")
# The numeric values of the saturation enumeration, as they may appear in the fifth argument.
_SATURATION_BITS = {"AP_SAT": 0, "AP_SAT_ZERO": 1, "AP_SAT_SYM": 2}


@nb.njit(cache=True, nogil=True, inline="always")
def _round_up(floor: int, half: bool, rest: bool, negative: bool, rounding: int) -> bool:
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


@nb.njit(cache=True, nogil=True, inline="always")
def _bounds(width: int, signed: bool, overflow: int) -> Any:
    """Return the smallest and largest raw value that a saturating cast can give."""
    if not signed:
        return np.int64(0), (np.int64(1) << (width - 1)) - 1 + (np.int64(1) << (width - 1))
    largest = (np.int64(1) << (width - 2)) - 1 + (np.int64(1) << (width - 2)) if width > 1 else 0
    smallest = -largest - 1
    return (-largest if overflow == SAT_SYM and width > 1 else smallest), largest


@nb.njit(cache=True, nogil=True, inline="always")
def _wrap(raw: int, width: int, signed: bool) -> Any:
    """Keep the lowest ``width`` bits (at most 64), as two's complement where signed."""
    if width >= 64:
        return raw
    if signed:
        return (raw << (64 - width)) >> (64 - width)
    return raw & ((np.int64(1) << width) - 1)


@nb.njit(cache=True, nogil=True)
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
        raw = floor + (1 if _round_up(floor, half, rest, negative, rounding) else 0)
        shift = 0
    if overflow == WRAP:
        return _wrap(raw << -shift, width, signed) if shift > -64 else 0
    smallest, largest = _bounds(width, signed, overflow)
    distance = min(-shift, 63)
    if raw > largest >> distance or -raw > (-smallest) >> distance:
        if overflow == SAT_ZERO:
            return 0
        return smallest if raw < 0 else largest
    return raw << distance


@nb.njit(cache=True, nogil=True)
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
        raw += _round_up(raw, lost >= 0.5, lost != 0.0 and lost != 0.5, negative, rounding)
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


@nb.njit(cache=True, nogil=True)
def _saturated(value: float, width: int, signed: bool, overflow: int) -> Any:
    smallest, largest = _bounds(width, signed, overflow)
    return smallest if value < 0.0 else largest


@nb.njit(cache=True, nogil=True)
def _low_bits(integer: float) -> Any:
    """Return the low 64 bits, two's complement, of a double that holds a large integer."""
    remainder = np.fmod(integer, 2.0**64)
    high = np.floor(remainder / 2.0**32)
    low = np.int64(remainder - high * 2.0**32)
    return (np.int64(high) << 32) + low


@nb.njit(cache=True, nogil=True)
def _cast_integers(
    raw: Integers, out: Integers, shift: int, rounding: int, width: int, signed: bool, overflow: int
) -> None:
    for i in range(raw.size):
        out[i] = cast_raw(raw[i], shift, rounding, width, signed, overflow)


@nb.njit(cache=True, nogil=True)
def _cast_floats(
    values: npt.NDArray[np.floating],
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
            raw += _round_up(raw, lost >= 0.5, lost != 0.0 and lost != 0.5, value < 0.0, rounding)
            if smallest <= raw <= largest:
                out[i] = raw
                continue
        if not np.isfinite(value):
            return False
        out[i] = cast_float(value, fraction, rounding, width, signed, overflow)
    return True


@nb.njit(cache=True, nogil=True)
def _clip_floats(
    values: npt.NDArray[np.floating], out: Integers, scale: float, even: bool, bounds: Any
) -> bool:
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


@nb.njit(cache=True, nogil=True)
def _wrap_floats(
    values: npt.NDArray[np.floating], out: Integers, scale: float, width: int, signed: bool
) -> bool:
    """Round down and wrap around, without a branch; exact for scales >= 1.

    False where the result is none because a number, times the scale, does not fit 63 bits.
    """
    above = 64 - width
    mask = np.int64(-1 if above == 0 else (1 << width) - 1)
    inside = True
    for i in range(values.size):
        scaled = np.float64(values[i]) * scale
        inside &= abs(scaled) < 2.0**62
        raw = np.int64(np.floor(scaled))
        out[i] = (raw << above) >> above if signed else raw & mask
    return inside


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """A binary fixed-point format with its rounding and overflow behaviour.

    Parameters
    ----------
    width : int
        Number of bits.
    integer : int
        Bits left of the binary point, the sign bit included; may be negative or exceed the width.
    signed : bool
        Two's complement where true.
    rounding : str
        One of `ROUNDINGS`, applied when a cast to this format drops bits.
    overflow : str
        One of `OVERFLOWS`, applied after rounding.

    Raises
    ------
    ValueError
        If the width is not positive or a mode is unknown.
    """

    width: int
    integer: int
    signed: bool = True
    rounding: str = "TRN"
    overflow: str = "WRAP"

    def __post_init__(self) -> None:
        if not 1 <= self.width <= MAX_WIDTH or abs(self.integer) > MAX_WIDTH:
            raise ValueError(f"no such format: width {self.width}, integer bits {self.integer}")
        if self.rounding not in ROUNDINGS:
            raise ValueError(f"rounding {self.rounding!r} is not one of {', '.join(ROUNDINGS)}")
        if self.overflow not in OVERFLOWS:
            raise ValueError(f"overflow {self.overflow!r} is not one of {', '.join(OVERFLOWS)}")

    @classmethod
    def parse(cls, text: str) -> "FixedPoint":
        """Read ``ap_fixed<...>``, ``ap_ufixed<...>``, ``ap_int<...>`` or ``ap_uint<...>``.

        Raises
        ------
        ValueError
            If the text is no such type or asks for saturation bits, which no network uses.
        """
        match = _TYPE.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"not a fixed-point type: {text!r}")
        unsigned, family, body = match.groups()
        arguments = [argument.strip() for argument in body.split(",")]
        try:
            width = int(arguments[0])
            if family == "int":
                if len(arguments) != 1:
                    raise ValueError
                return cls(width, width, not unsigned)
            if not 2 <= len(arguments) <= 5:
                raise ValueError
            integer = int(arguments[1])
            bits = int(_SATURATION_BITS.get(arguments[4], arguments[4])) if arguments[4:] else 0
        except ValueError:
            raise ValueError(f"not a fixed-point type: {text!r}") from None
        rounding = arguments[2].removeprefix("AP_") if len(arguments) > 2 else "TRN"
        overflow = arguments[3].removeprefix("AP_") if len(arguments) > 3 else "WRAP"
        if bits != 0 and overflow == "WRAP":
            raise ValueError(f"wrapping with {bits} saturation bits is not supported: {text!r}")
        return cls(width, integer, not unsigned, rounding, overflow)

    def __str__(self) -> str:
        prefix = "" if self.signed else "u"
        modes = (self.rounding, self.overflow) != ("TRN", "WRAP")
        if self.width == self.integer and not modes:
            return f"ap_{prefix}int<{self.width}>"
        tail = f",AP_{self.rounding},AP_{self.overflow}" if modes else ""
        return f"ap_{prefix}fixed<{self.width},{self.integer}{tail}>"

    @property
    def fraction(self) -> int:
        """Bits right of the binary point; negative where the step exceeds one."""
        return self.width - self.integer

    @property
    def step(self) -> float:
        """Value of the least significant bit."""
        return 2.0**-self.fraction

    @property
    def minimum(self) -> int:
        """Smallest raw integer that the bits can hold."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def maximum(self) -> int:
        """Largest raw integer that the bits can hold."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def fits_int64(self) -> bool:
        """Whether every raw integer of the format fits a signed 64-bit word."""
        return self.width <= 63 + self.signed

    @property
    def modes(self) -> tuple[int, int]:
        """Positions of rounding and overflow in `ROUNDINGS` and `OVERFLOWS`, for the kernels."""
        return ROUNDINGS.index(self.rounding), OVERFLOWS.index(self.overflow)

    def cast_int(self, raw: int, fraction: int) -> int:
        """Cast one Python integer of any size with ``fraction`` fraction bits to this format."""
        shift = fraction - self.fraction
        if shift > 0:
            floor, lost = raw >> shift, raw & ((1 << shift) - 1)
            half = 1 << (shift - 1)
            rounding = ROUNDINGS.index(self.rounding)
            increment: Callable[..., bool] = _round_up.py_func
            raw = floor + increment(floor, lost >= half, lost & (half - 1) != 0, raw < 0, rounding)
        else:
            raw <<= -shift
        if self.overflow == "WRAP":
            raw &= (1 << self.width) - 1
            return raw - (1 << self.width) if self.signed and raw > self.maximum else raw
        symmetric = self.overflow == "SAT_SYM" and self.signed and self.width > 1
        smallest = -self.maximum if symmetric else self.minimum
        if smallest <= raw <= self.maximum:
            return raw
        if self.overflow == "SAT_ZERO":
            return 0
        return smallest if raw < 0 else self.maximum

    def cast(self, raw: npt.ArrayLike, source: "FixedPoint") -> npt.NDArray[Any]:
        """Cast raw integers of the format ``source`` to this one.

        Between equal formats nothing is cast, as in C++: the lowest raw value, which symmetric
        saturation never gives, stays.

        Parameters
        ----------
        raw : array of integers
            Raw values; object arrays of Python integers for formats beyond 64 bits.
        source : FixedPoint
            Their format.

        Returns
        -------
        array of int64, same shape
            Object array of Python integers where this format exceeds 64 bits.
        """
        values = np.asarray(raw)
        if source == self and self.overflow == "SAT_SYM" and self.signed and self.width > 1:
            # A copy keeps the lowest raw value; what is outside the format is cast all the same.
            copied = replace(self, overflow="SAT").cast(values, source)
            return np.where(values < self.minimum, -self.maximum, copied)
        if self.fits_int64 and values.dtype != object:
            flat = np.ascontiguousarray(values, dtype=np.int64).reshape(-1)
            out = np.empty_like(flat)
            rounding, overflow = self.modes
            shift = source.fraction - self.fraction
            _cast_integers(flat, out, shift, rounding, self.width, self.signed, overflow)
            return out.reshape(values.shape)
        exact = [self.cast_int(int(value), source.fraction) for value in values.reshape(-1)]
        return np.array(exact, dtype=np.int64 if self.fits_int64 else object).reshape(values.shape)

    def from_float(self, values: npt.ArrayLike) -> Integers:
        """Cast floating-point numbers to raw integers as the constructor of ``ap_fixed`` does.

        Raises
        ------
        ValueError
            If a number is NaN or infinite, or the format exceeds 64 bits.
        """
        array = np.asarray(values)
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)
        if not self.fits_int64:
            raise ValueError(f"{self} does not fit 64-bit integers")
        flat = np.ascontiguousarray(array).reshape(-1)
        out = np.empty(flat.size, dtype=np.int64)
        rounding, overflow = self.modes
        plain = self.width <= 53 and 0 <= self.fraction < 1000
        nearest = overflow == SAT and rounding in (RND, RND_CONV)
        downward = overflow == WRAP and rounding == TRN
        if plain and nearest:
            bounds = (self.minimum, self.maximum)
            finite = _clip_floats(flat, out, self.step**-1, rounding == RND_CONV, bounds)
        elif (
            plain
            and downward
            and _wrap_floats(flat, out, self.step**-1, self.width, self.signed)
        ):
            finite = True
        else:
            finite = _cast_floats(
                flat, out, self.fraction, rounding, self.width, self.signed, overflow
            )
        if not finite:
            raise ValueError("NaN and infinity have no fixed-point value")
        return out.reshape(array.shape)

    def to_float(self, raw: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Return the values of raw integers; exact up to 53 significant bits."""
        return np.ldexp(np.asarray(raw).astype(np.float64), -self.fraction)

    def contains(self, other: "FixedPoint") -> bool:
        """Tell whether every value of ``other`` is also a value of this format."""
        spare = self.fraction - other.fraction
        if spare < 0:
            return False
        return self.minimum <= other.minimum << spare and other.maximum << spare <= self.maximum
