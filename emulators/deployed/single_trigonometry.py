"""Sine and cosine in single precision, bit for bit those of the C library.

CMSSW calls ``cosf`` and ``sinf``, whose last bit is not that of the rounded true value in some 3%
of the correlator's azimuths. The algorithm is that of the ARM optimised routines, in glibc since
2.28: reduction to a quarter turn and polynomials, both in double precision.
"""

from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Singles

__all__ = ["cosine_and_sine"]

_COSINE: Final = tuple(
    float.fromhex(number)
    for number in (
        "0x1p0",
        "-0x1.ffffffd0c621cp-2",
        "0x1.55553e1068f19p-5",
        "-0x1.6c087e89a359dp-10",
        "0x1.99343027bf8c3p-16",
    )
)
_SINE: Final = tuple(
    float.fromhex(number)
    for number in ("-0x1.555545995a603p-3", "0x1.1107605230bc4p-7", "-0x1.994eb3774cf24p-13")
)
_QUARTERS: Final = float.fromhex("0x1.45F306DC9C883p+23")
"""Quarter turns in a radian, times 2^24."""
_QUARTER: Final = float.fromhex("0x1.921FB54442D18p0")


def _cosine(x2: Floats) -> Floats:
    c0, c1, c2, c3, c4 = _COSINE
    x4 = x2 * x2
    value: Floats = (c0 + x2 * c1 + x4 * c2) + (x4 * x2) * (c3 + x2 * c4)
    return value


def _sine(x: Floats, x2: Floats) -> Floats:
    x3 = x * x2
    value: Floats = (x + x3 * _SINE[0]) + (x3 * x2) * (_SINE[1] + x2 * _SINE[2])
    return value


def cosine_and_sine(angle: AnyArray) -> tuple[Singles, Singles]:
    """Return cosine and sine of angles.

    Parameters
    ----------
    angle : float32 array
        Below 120 in size.

    Returns
    -------
    float32 arrays
    """
    given = np.asarray(angle, np.float32)
    x = given.astype(np.float64)
    turned = (np.trunc(x * _QUARTERS).astype(np.int64) + (1 << 23)) >> 24
    quarter = np.where(np.abs(given) < np.float32(np.pi / 4), 0, turned)
    rest = x - quarter * _QUARTER
    x2 = rest * rest
    sign = np.where((quarter & 3 == 1) | (quarter & 3 == 2), -1.0, 1.0)
    sine, cosine = _sine(rest * sign, x2), _cosine(x2) * np.where(quarter & 2, -1.0, 1.0)
    odd = quarter & 1 == 1
    return (
        np.where(odd, sine, cosine).astype(np.float32),
        np.where(odd, cosine, sine).astype(np.float32),
    )
