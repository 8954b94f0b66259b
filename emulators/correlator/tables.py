"""Look-up tables of the correlator, from the rules of the reference.

Each table follows the reference's own arithmetic: the argument is a single-precision number,
the function is evaluated in double precision on it and rounded to single precision. NumPy's
single-precision functions differ in the last bit at a few arguments and must not be used.
"""

import numpy as np

from l1kd.emulators.array_types import Indices, Integers, Shorts
from l1kd.emulators.correlator.types import ETA_PHI_LSB

__all__ = [
    "JET_INVERSE_PT",
    "JET_TRIGONOMETRY",
    "LOG2",
    "MET_COS_SIN",
    "MHT_SINE",
    "WEIGHT",
]

F32 = np.float32


def _log2() -> Indices:
    """Return 16*log2(L), rounded half up, for L in 0..1023 (0 at L = 0)."""
    table = np.zeros(1024, dtype=np.int32)
    logarithm = np.log2(np.arange(1, 1024)).astype(F32).astype(np.float64)
    table[1:] = np.floor(16 * logarithm + 0.5)
    return table


def _weight() -> Shorts:
    """Return the weight in 1/256 for x2 = index - 2048 in 1/32: the logistic curve.

    The exponential is single precision, the division double; halves go to the even number.
    """
    argument = -(np.arange(4096) - 2048) / 32
    exponential = np.exp(argument).astype(F32).astype(np.float64)
    return np.rint(256 / (1 + exponential)).astype(np.int16)


def _jet_inverse_pt() -> Integers:
    """Return 2^20/(2048 + 2i), truncated, for the upper ten bits i of a normalised pt."""
    inverse = (1.0 / (2048 + 2 * np.arange(1024))).astype(F32).astype(np.float64)
    return np.floor(2.0**20 * inverse).astype(np.int64)


def _jet_trigonometry() -> Indices:
    """Return cosh, cos, sin and sinh in 1/4096 for 0..184 angular steps, rounded half up."""
    x = (np.arange(185).astype(F32) * F32(ETA_PHI_LSB)).astype(np.float64)
    columns = ((np.cosh, 8191), (np.cos, 8191), (np.sin, 4095), (np.sinh, 4095))
    tables = []
    for function, largest in columns:
        value = function(x).astype(F32).astype(np.float64)
        tables.append(np.minimum(largest, np.floor(4096 * value + 0.5)).astype(np.int32))
    return np.array(tables, dtype=np.int32)


def _mht_sine() -> Indices:
    """Return 128*sin(i/2 degrees), truncated downwards to 9 bits, for i in 0..2047."""
    angle = (np.arange(2048) * np.pi / 360).astype(F32).astype(np.float64)
    return np.floor(128 * np.sin(angle).astype(F32).astype(np.float64)).astype(np.int32)


_MET_COS = (
    (-1073816986, 9840, 10006), (-992331793, 1832298, 8452), (-759775420, 3375986, 5608),
    (-411137892, 4380791, 2174), (-663854, 4764260, -2073), (410316479, 4398013, -5747),
    (759195599, 3340112, -8311), (991823912, 1814120, -10039), (1073816985, -9838, -10007),
    (992331792, -1832294, -8453), (759773272, -3375804, -5611), (411549135, -4405580, -1913),
    (202644, -4736432, 1777), (-410318627, -4397850, 5744), (-758833749, -3361894, 8541),
    (-991823913, -1814121, 10038),
)  # fmt: skip
_MET_SIN = (
    (563577, -4758264, 2008), (-410415264, -4392050, 5682), (-758911058, -3357298, 8493),
    (-992093422, -1797877, 9866), (-1073827724, 10460, 10000), (-992304950, 1830691, 8468),
    (-759418938, 3354434, 5836), (-411456794, 4400051, 1971), (-564281, 4758263, -2009),
    (410414189, 4392049, -5683), (758912131, 3357198, -8492), (991871157, 1811271, -10009),
    (1073881410, -13415, -9970), (992303875, -1830565, -8471), (759709921, -3371986, -5651),
    (411457866, -4400052, -1972),
)  # fmt: skip
"""Polynomials in the distance from the lower edge of each eighth of pi, 30 fractional bits.

Fitted coefficients of cms-data L1Trigger-Phase2L1ParticleFlow, met/l1met_ptphi2pxpy_poly2_v1.json,
commit 82ce693c; no rule gives them.
"""


def _met_cos_sin() -> Integers:
    """Return cosine and sine of every 11-bit azimuth (index phi + 1024), 30 fractional bits.

    The last interval includes pi; azimuths beyond one turn use the first interval, and wrap.
    """
    phi = np.arange(-1024, 1024)
    interval = np.clip((phi + 720) // 90, 0, 15)
    interval[(phi < -720) | (phi > 720)] = 0
    d = phi - (90 * interval - 720)
    table = []
    for coefficients in (_MET_COS, _MET_SIN):
        c = np.array(coefficients, dtype=np.int64)[interval]
        exact = c[:, 0] + c[:, 1] * d + c[:, 2] * d * d
        table.append((exact + 2**31) % 2**32 - 2**31)
    return np.array(table)


MET_COS_SIN = _met_cos_sin()
LOG2 = _log2()
WEIGHT = _weight()
JET_INVERSE_PT = _jet_inverse_pt()
JET_TRIGONOMETRY = _jet_trigonometry()
MHT_SINE = _mht_sine()
