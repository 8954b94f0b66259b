"""Contents of the firmware's lookup tables, computed as the C++ computes them.

The C++ works in single precision wherever a ``float`` goes into a function of the C library, and in
double precision elsewhere. Numba calls the same library functions. Facts: hls4ml 1.3,
nnet_activation.h.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Floats, Integers, Singles
from l1kd.emulators.casts import cast_float
from l1kd.emulators.compilation import njit
from l1kd.emulators.fixed_point import FixedPoint

__all__ = ["TABLES", "exp_table", "invert_table", "legacy_tables", "raw_table"]

MAX_ENTRIES = 1 << 22


@njit()
def _expf(values: Any) -> Any:
    out = np.empty(values.size, np.float32)
    for i in range(values.size):
        out[i] = math.exp(values[i])
    return out


@njit()
def _tanhf(values: Any) -> Any:
    out = np.empty(values.size, np.float32)
    for i in range(values.size):
        out[i] = math.tanh(values[i])
    return out


def _double(values: Singles) -> Floats:
    return values.astype(np.float64)


def _sigmoid(x: Singles) -> Any:
    return 1.0 / _double(np.float32(1) + _expf(-x))


def _softplus(x: Singles) -> Any:
    return np.array([math.log(value + 1.0) for value in _double(_expf(x))])


def _softsign(x: Singles) -> Any:
    return _double(x) / (_double(np.abs(x)) + 1.0)


def _elu(x: Singles) -> Any:
    return _double(_expf(x)) - 1.0


def _selu(x: Singles) -> Any:
    return 1.0507009873554804934193349852946 * (
        1.6732632423543772848170429916717 * (_double(_expf(x)) - 1.0)
    )


# Function and the width of the interval that the table covers, symmetric or from 0 downwards.
TABLES: dict[str, tuple[Callable[[Singles], Any], int]] = {
    "sigmoid": (_sigmoid, 16),
    "tanh": (_tanhf, 8),
    "softplus": (_softplus, 16),
    "softsign": (_softsign, 16),
    "elu": (_elu, -8),
    "selu": (_selu, -8),
}


def raw_table(values: npt.ArrayLike, form: FixedPoint) -> Integers:
    """Cast single-precision values into a table's format; infinities overflow as in C++."""
    rounding, overflow = form.modes
    entries = np.asarray(values, np.float32).astype(np.float64)
    return _cast_table(entries, form.fraction, rounding, form.width, form.signed, overflow)


@njit()
def _cast_table(
    values: Any, fraction: int, rounding: int, width: int, signed: bool, overflow: int
) -> Any:
    out = np.empty(values.size, np.int64)
    for i in range(values.size):
        out[i] = cast_float(values[i], fraction, rounding, width, signed, overflow)
    return out


def function_table(name: str, entries: int, form: FixedPoint) -> Integers:
    """Return the table of an activation function."""
    function, width = TABLES[name]
    steps = np.arange(check_entries(entries), dtype=np.float64)
    x = (steps - entries / 2.0) * width / entries if width > 0 else width * steps / entries
    return raw_table(function(x.astype(np.float32)), form)


def double_sigmoid(entries: int, form: FixedPoint) -> Integers:
    """Return a table of sigmoids that are cast without passing through single precision."""
    steps = np.arange(check_entries(entries), dtype=np.float64)
    x = ((steps - entries / 2.0) * 16 / entries).astype(np.float32)
    return form.from_float(_sigmoid(x))


def check_entries(entries: int) -> int:
    """Refuse tables that no firmware could hold."""
    if not 2 <= entries <= MAX_ENTRIES:
        raise ValueError(f"a table of {entries} entries is not supported")
    return entries


def address_bits(entries: int, form: FixedPoint) -> int:
    """Return how many top bits address a softmax table.

    Raises
    ------
    ValueError
        If the table is not a power of two or the address has fewer bits than it needs.
    """
    bits = max((check_entries(entries) - 1).bit_length(), 1)
    if 1 << bits != entries or bits > form.width:
        raise ValueError(f"a softmax table of {entries} entries does not suit {form}")
    return bits


def _addresses(entries: int, form: FixedPoint) -> Singles:
    """Return the value of each address, in the order of the values (negative ones first)."""
    bits = address_bits(entries, form)
    index = np.arange(entries) - (entries // 2 if form.signed else 0)
    return np.ldexp(index.astype(np.float64), form.width - bits - form.fraction).astype(np.float32)


def exp_table(entries: int, address: FixedPoint, form: FixedPoint, scale: float) -> Integers:
    """Return exp(scale * x) for the addresses in the order of their values."""
    return raw_table(_expf(_addresses(entries, address) * np.float32(scale)), form)


def invert_table(entries: int, address: FixedPoint, form: FixedPoint) -> Integers:
    """Return 1 / x for the addresses in the order of their values."""
    with np.errstate(divide="ignore"):
        return raw_table(np.float32(1) / _addresses(entries, address), form)


def legacy_tables(
    exp_entries: int, invert_entries: int, form: FixedPoint
) -> tuple[Integers, Integers]:
    """Return the tables of the legacy softmax: exp on [-8, 8), 1 / x on [0, 64)."""
    steps = np.arange(check_entries(exp_entries), dtype=np.float64)
    x = (16.0 * (steps - exp_entries / 2.0) / exp_entries).astype(np.float32)
    steps = np.arange(check_entries(invert_entries), dtype=np.float64)
    y = _double((64.0 * steps / invert_entries).astype(np.float32))
    inverse = np.where(y > 0.0, 1.0 / np.where(y > 0.0, y, 1.0), 0.0)
    return raw_table(_expf(x), form), form.from_float(inverse)


def inverse_root_table(entries: int, epsilon: int, power: int, form: FixedPoint) -> Integers:
    """Return 1 / sqrt(x) from ``10**-epsilon`` on, over an interval of ``2**-power``."""
    smallest = np.float32(math.pow(10.0, -epsilon))
    step = np.float32(math.pow(2.0, -power)) / np.float32(check_entries(entries))
    x = smallest + step * np.arange(entries, dtype=np.float32)
    return form.from_float(1.0 / _double(np.sqrt(x)))
