"""Fixed-point formats and casts, bit for bit as the ``ap_fixed`` types of high-level synthesis.

A number of format ``FixedPoint(width, integer, signed)`` is held as its *raw* integer; its value is
``raw * 2**-(width - integer)``. Every cast rounds first and handles overflow second, as the
``ap_fixed`` headers of Vivado and Vitis HLS do (user guide UG1399, "Arbitrary Precision Fixed-Point
Data Types").
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.emulators.casts import (
    OVERFLOWS,
    RND,
    RND_CONV,
    ROUNDINGS,
    SAT,
    TRN,
    WRAP,
    cast_floats,
    cast_integers,
    clip_floats,
    round_up,
    wrap_floats,
)

__all__ = ["OVERFLOWS", "ROUNDINGS", "FixedPoint"]


MAX_WIDTH = 1024

_TYPE = re.compile(r"(?:ap_)?(u?)(fixed|int)\s*<([^<>]*)>")
# The numeric values of the saturation enumeration, as they may appear in the fifth argument.
# Powers of two with which 64-bit integers give neither infinity nor subnormal numbers.
_POWERS = 900
_SATURATION_BITS = {"AP_SAT": 0, "AP_SAT_ZERO": 1, "AP_SAT_SYM": 2}


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
    def lowest(self) -> int:
        """Smallest raw integer that a cast gives."""
        symmetric = self.overflow == "SAT_SYM" and self.signed and self.width > 1
        return self.minimum + symmetric

    @property
    def fits_int64(self) -> bool:
        """Whether every raw integer of the format fits a signed 64-bit word."""
        return self.width <= 63 + self.signed

    @property
    def modes(self) -> tuple[int, int]:
        """Positions of rounding and overflow in `ROUNDINGS` and `OVERFLOWS`, for the kernels."""
        return ROUNDINGS.index(self.rounding), OVERFLOWS.index(self.overflow)

    def cast_int(self, raw: int, fraction: int) -> int:
        """Cast one Python integer of any size with ``fraction`` fraction bits to this format.

        The integer counts as one of another format, such as a sum: symmetric saturation takes the
        lowest raw value to the one above. `cast`, which knows the source, copies between equal
        formats.
        """
        shift = fraction - self.fraction
        if shift > 0:
            floor, lost = raw >> shift, raw & ((1 << shift) - 1)
            half = 1 << (shift - 1)
            rounding = ROUNDINGS.index(self.rounding)
            increment: Callable[..., bool] = round_up.py_func
            raw = floor + increment(floor, lost >= half, lost & (half - 1) != 0, raw < 0, rounding)
        else:
            raw <<= -shift
        if self.overflow == "WRAP":
            raw &= (1 << self.width) - 1
            return raw - (1 << self.width) if self.signed and raw > self.maximum else raw
        if self.lowest <= raw <= self.maximum:
            return raw
        if self.overflow == "SAT_ZERO":
            return 0
        return self.lowest if raw < 0 else self.maximum

    def cast(self, raw: npt.ArrayLike, source: "FixedPoint") -> AnyArray:
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
        if source == self and self.lowest > self.minimum:
            # A copy keeps the lowest raw value; what is outside the format is cast all the same.
            copied = replace(self, overflow="SAT").cast(values, source)
            return np.where(values < self.minimum, self.lowest, copied)
        if self.fits_int64 and values.dtype != object:
            flat = np.ascontiguousarray(values, dtype=np.int64).reshape(-1)
            out = np.empty_like(flat)
            rounding, overflow = self.modes
            shift = source.fraction - self.fraction
            cast_integers(flat, out, shift, rounding, self.width, self.signed, overflow)
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
            finite = clip_floats(flat, out, self.step**-1, rounding == RND_CONV, bounds)
        elif plain and downward and wrap_floats(flat, out, self.step**-1, self.width, self.signed):
            finite = True
        else:
            finite = cast_floats(
                flat, out, self.fraction, rounding, self.width, self.signed, overflow
            )
        if not finite:
            raise ValueError("NaN and infinity have no fixed-point value")
        return out.reshape(array.shape)

    def to_float(self, raw: npt.ArrayLike) -> Floats:
        """Return the values of raw integers; exact up to 53 significant bits."""
        values = np.asarray(raw)
        if values.dtype == object or abs(self.fraction) > _POWERS:
            return np.ldexp(values.astype(np.float64), -self.fraction)
        return np.multiply(values, 2.0**-self.fraction, dtype=np.float64)

    def contains(self, other: "FixedPoint") -> bool:
        """Tell whether every value of ``other`` is also a value of this format."""
        spare = self.fraction - other.fraction
        if spare < 0:
            return False
        return self.minimum <= other.minimum << spare and other.maximum << spare <= self.maximum
