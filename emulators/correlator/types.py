"""Number types of the Level-1 correlator: steps, ranges, conversions, wraps and packed words.

All integers are the raw two's-complement bits behind the firmware's fixed-point types.
Source: DataFormats/L1TParticleFlow/interface/datatypes.h of cms-sw/cmssw, commit 17c0c12c.
"""

from math import pi
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import AnyArray, Floats, Indices, Integers, Shorts, Words
from l1kd.emulators.compilation import njit

__all__ = [
    "DXY_PER_SQRT_CM",
    "ETA_PHI_LSB",
    "HALF_TURN",
    "PT_LSB",
    "TURN",
    "Z0_LSB",
    "data_word",
    "dxy_to_raw",
    "object_word",
    "z0_to_raw",
]

PT_LSB: Final = 0.25
"""Step of transverse momentum [GeV]."""
ETA_PHI_LSB: Final = pi / 720
"""Step of pseudorapidity and azimuth [rad]."""
HALF_TURN: Final = 720
"""Raw value of azimuth pi."""
TURN: Final = 1440
"""Raw value of a full turn."""
Z0_LSB: Final = 0.05
"""Step of the longitudinal position [cm]."""
DXY_PER_SQRT_CM: Final = 64
"""Raw transverse impact parameter: the square root of its size [cm], times this."""


def _half_away(x: Floats) -> Integers:
    """Round to the nearest integer, halves away from zero."""
    return np.where(x < 0, np.ceil(x - 0.5), np.floor(x + 0.5)).astype(np.int64)


def z0_to_raw(z0: ArrayLike) -> Shorts:
    """Convert a longitudinal position [cm] to steps of 0.05 cm, limited to the 10-bit range.

    The firmware type wraps; a particle further than 25.6 cm away is put at the end of the
    range instead, where it cannot become compatible with a vertex on the other side.
    """
    raw = _half_away(np.asarray(z0, dtype=np.float64) / Z0_LSB)
    return np.clip(raw, -512, 511).astype(np.int16)


def dxy_to_raw(dxy: ArrayLike) -> Shorts:
    """Convert a transverse impact parameter [cm] to the 8-bit square-root scale."""
    raw = np.sqrt(np.abs(np.asarray(dxy, dtype=np.float64))) * DXY_PER_SQRT_CM
    return np.minimum(raw, 255).astype(np.int16)


def data_word(
    particle_id: AnyArray,
    z0: AnyArray,
    dxy: AnyArray,
    quality: AnyArray,
    weight: AnyArray,
    em_id: AnyArray,
) -> Indices:
    """Pack the 21-bit data field of Puppi candidates.

    Parameters
    ----------
    particle_id : ndarray of int
        3-bit identification; 2 and above are charged.
    z0, dxy, quality : ndarray of int
        Fields of charged candidates: 10, 8 and 3 bits.
    weight, em_id : ndarray of int
        Fields of neutral candidates: 9 and 6 bits.

    Returns
    -------
    ndarray of int32
        Charged: z0 [9:0], dxy [17:10], quality [20:18]. Neutral: weight [8:0], em_id [14:9].
    """
    wide = [np.asarray(x).astype(np.int32) for x in (z0, dxy, quality, weight, em_id)]
    charged = (wide[0] & 1023) | (wide[1] << 10) | (wide[2] << 18)
    neutral = wide[3] | (wide[4] << 9)
    return np.where(np.asarray(particle_id) >= 2, charged, neutral).astype(np.int32)


def object_word(
    pt: AnyArray,
    eta: AnyArray,
    phi: AnyArray,
    particle_id: AnyArray,
    data: AnyArray,
) -> Words:
    """Pack Puppi candidates into 64-bit words: pt 14, eta 12, phi 11, id 3, data 21 bits."""
    u = [np.asarray(x).astype(np.int64) for x in (pt, eta, phi, particle_id, data)]
    word = (u[0] & 0x3FFF) | ((u[1] & 0xFFF) << 14) | ((u[2] & 0x7FF) << 26)
    return (word | ((u[3] & 7) << 37) | ((u[4] & 0x1FFFFF) << 40)).astype(np.uint64)


@njit(nogil=True, inline="always")
def wrap(value: Any, bits: int) -> Any:
    """Keep the low `bits` bits of an integer and read them as a signed number."""
    half = 1 << (bits - 1)
    return ((value + half) & (2 * half - 1)) - half


@njit(nogil=True, inline="always")
def global_phi(phi: Any) -> Any:
    """Bring the sum of a region centre and a local azimuth back to (-720, 720]."""
    return phi - 1440 if phi > 720 else (phi + 1440 if phi <= -720 else phi)
