"""Look-up tables of the correlator, from the rules of the reference.

Each table follows the reference's own arithmetic: the argument is a single-precision number,
the function is evaluated in double precision on it and rounded to single precision. NumPy's
single-precision functions differ in the last bit at a few arguments and must not be used.
"""

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.correlator_types import ETA_PHI_LSB

__all__ = [
    "INVERSE_DR2",
    "JET_COS",
    "JET_COSH",
    "JET_INVERSE_PT",
    "JET_SIN",
    "JET_SINH",
    "LOG2",
    "MHT_SINE",
    "WEIGHT",
    "inverse_dr2",
]

F32 = np.float32


def inverse_dr2(size: int) -> NDArray[np.int32]:
    """Return 65536/s, rounded half up and saturated at 16 bits, for s in 0..size-1 (0 at s = 0)."""
    table = np.zeros(size, dtype=np.int32)
    s = np.arange(1, size)
    inverse = (1.0 / s).astype(F32).astype(np.float64)
    table[1:] = np.minimum(65535, np.floor(65536 * inverse + 0.5))
    return table


def _log2() -> NDArray[np.int32]:
    """Return 16*log2(L), rounded half up, for L in 0..1023 (0 at L = 0)."""
    table = np.zeros(1024, dtype=np.int32)
    logarithm = np.log2(np.arange(1, 1024)).astype(F32).astype(np.float64)
    table[1:] = np.floor(16 * logarithm + 0.5)
    return table


def _weight() -> NDArray[np.int16]:
    """Return the weight in 1/256 for x2 = index - 2048 in 1/32: the logistic curve.

    The exponential is single precision, the division double; halves go to the even number.
    """
    argument = -(np.arange(4096) - 2048) / 32
    exponential = np.exp(argument).astype(F32).astype(np.float64)
    return np.rint(256 / (1 + exponential)).astype(np.int16)


def _jet_inverse_pt() -> NDArray[np.int64]:
    """Return 2^20/(2048 + 2i), truncated, for the upper ten bits i of a normalised pt."""
    inverse = (1.0 / (2048 + 2 * np.arange(1024))).astype(F32).astype(np.float64)
    return np.floor(2.0**20 * inverse).astype(np.int64)


def _jet_trigonometry() -> list[NDArray[np.int32]]:
    """Return cosh, cos, sin and sinh in 1/4096 for 0..184 angular steps, rounded half up."""
    x = (np.arange(185).astype(F32) * F32(ETA_PHI_LSB)).astype(np.float64)
    columns = ((np.cosh, 8191), (np.cos, 8191), (np.sin, 4095), (np.sinh, 4095))
    tables = []
    for function, largest in columns:
        value = function(x).astype(F32).astype(np.float64)
        tables.append(np.minimum(largest, np.floor(4096 * value + 0.5)).astype(np.int32))
    return tables


def _mht_sine() -> NDArray[np.int32]:
    """Return 128*sin(i/2 degrees), truncated downwards to 9 bits, for i in 0..2047."""
    angle = (np.arange(2048) * np.pi / 360).astype(F32).astype(np.float64)
    return np.floor(128 * np.sin(angle).astype(F32).astype(np.float64)).astype(np.int32)


INVERSE_DR2 = inverse_dr2(160)
LOG2 = _log2()
WEIGHT = _weight()
JET_INVERSE_PT = _jet_inverse_pt()
JET_COSH, JET_COS, JET_SIN, JET_SINH = _jet_trigonometry()
MHT_SINE = _mht_sine()
