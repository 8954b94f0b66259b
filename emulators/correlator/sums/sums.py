"""Missing transverse momentum, HT and missing HT of the Level-1 correlator, bit for bit.

Sources in cms-sw/cmssw, L1Trigger/Phase2L1ParticleFlow/interface/jetmet: L1PFMetEmulator.h, commit
badadcce, and L1PFHtEmulator.h, commit 26aee513, in the branches that CMSSW compiles.
"""

from collections.abc import Mapping
from math import atan2, sqrt
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Integers, Shorts
from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.named_arrays import GLOBAL, matrices, row_limits, vectors
from l1kd.emulators.correlator.sums.arc_tangent import atan2_single
from l1kd.emulators.correlator.tables import MET_COS_SIN, MHT_SINE
from l1kd.emulators.correlator.types import wrap

__all__ = ["HT_MAX_ABS_ETA", "HT_MIN_PT", "ht", "ht_raw", "met", "met_raw", "select_jets"]

MET_PHI_SCALE: Final = 7513681
"""Angular steps per radian as the MET emulator holds them, 15 fractional bits."""
MHT_PHI_SCALE: Final = 29335
"""Angular steps per radian as the MHT emulator holds them, 7 fractional bits."""
HT_MIN_PT: Final = 120
"""Jets enter HT above this raw momentum (30 GeV)."""
HT_MAX_ABS_ETA: Final = 550
"""Jets enter HT below this raw absolute pseudorapidity (2.4)."""


@njit(nogil=True, inline="always")
def _toward_zero(value: int, bits: int) -> Any:
    """Shift to the right, truncated toward zero."""
    return value >> bits if value >= 0 else -((-value) >> bits)


@njit(nogil=True)
def _met(
    n_cand: Shorts,
    pt: Shorts,
    phi: Shorts,
    cos_sin: Integers,
    out: Shorts,
    vector: Indices,
) -> None:
    """Compute the MET of every event."""
    for event in range(len(n_cand)):
        px, py = 0, 0
        for i in range(n_cand[event]):
            p = np.int64(pt[event, i])
            angle = np.int64(phi[event, i]) + 1024
            px -= (p * cos_sin[0, angle]) >> 22
            py -= (p * cos_sin[1, angle]) >> 22
        px, py = wrap(px, 22), wrap(py, 22)
        x, y = px / 1024, py / 1024  # exact in single precision: 22 bits
        size = np.float64(np.float32(sqrt(x * x + y * y)))  # rounded once, as hypotf
        direction = np.float64(atan2_single(np.float32(y), np.float32(x)))
        raw = np.int64(np.floor(32768 * direction))
        out[0, event] = np.int64(min(16383.0, 4 * size))
        out[1, event] = wrap(_toward_zero(raw * MET_PHI_SCALE, 30), 11)
        vector[0, event] = px
        vector[1, event] = py


def met(inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Compute the missing transverse momentum of every event.

    Parameters
    ----------
    inputs : mapping of ndarray of int
        `n_cand` (n,), `cand_hwPt`, `cand_hwPhi` (n, slots): Puppi candidates in raw units.

    Returns
    -------
    dict of ndarray
        `met_hwPt` (0.25 GeV), `met_hwPhi` (pi/720), `met_hwPx_raw10`, `met_hwPy_raw10` (1/1024
        GeV, the negative sum, wrapped at 2048 GeV), of shape (n,).

    Raises
    ------
    ValueError
        If an array is missing, has another shape or holds values outside the firmware's types.
    """
    (n_cand,) = vectors(inputs, "", ("n_cand",))
    pt, phi = matrices(inputs, "cand_", ("hwPt", "hwPhi"), len(n_cand), GLOBAL)
    row_limits("n_cand", n_cand, pt.shape[1])
    return met_raw(n_cand, pt, phi)


def met_raw(n_cand: Shorts, pt: Shorts, phi: Shorts) -> dict[str, AnyArray]:
    """Compute `met` of arrays that are known to be valid."""
    out = np.empty((2, len(n_cand)), dtype=np.int16)
    vector = np.empty((2, len(n_cand)), dtype=np.int32)
    _met(n_cand, pt, phi, MET_COS_SIN, out, vector)
    return {
        "met_hwPt": out[0],
        "met_hwPhi": out[1],
        "met_hwPx_raw10": vector[0],
        "met_hwPy_raw10": vector[1],
    }


@njit(nogil=True)
def _ht(
    n_jets: Shorts,
    pt: Shorts,
    phi: Shorts,
    sine: Indices,
    out: Shorts,
) -> None:
    """Compute the scalar and vector sums of the jets of every event."""
    for event in range(len(n_jets)):
        px, py, total = np.int64(0), np.int64(0), np.int64(0)
        for i in range(n_jets[event]):
            p, angle = np.int64(pt[event, i]), np.int64(phi[event, i])
            half_degrees = abs(angle >> 1)
            s = np.int64(sine[half_degrees])
            px += (p * sine[half_degrees + 180]) >> 6
            py += (p * (s if angle >= 0 else -s)) >> 6
            total += p
        px, py = wrap(px, 16), wrap(py, 16)
        size = sqrt((px * px + py * py) / 64)
        raw = wrap(np.int64(np.floor(512 * atan2(np.float64(py), np.float64(px)))), 12)
        out[0, event] = np.int64(min(16383.0, 4 * size))
        out[1, event] = wrap(_toward_zero(raw * MHT_PHI_SCALE, 16), 11)
        out[2, event] = np.int16(min(np.int64(16383), total))
        out[3, event] = px
        out[4, event] = py


def ht(inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
    """Compute the scalar and the vector sum of the jets of every event, without any selection.

    Parameters
    ----------
    inputs : mapping of ndarray of int
        `n_jets` (n,), `jet_hwPt`, `jet_hwPhi` (n, slots). See `select_jets` for the cuts that the
        producer applies first.

    Returns
    -------
    dict of ndarray of int16
        `ht_hwSumPt`, `mht_hwPt` (0.25 GeV), `mht_hwPhi` (pi/720, of the plain vector sum),
        `hwPx_raw3`, `hwPy_raw3` (1/8 GeV, wrapped at 4096 GeV), of shape (n,).

    Raises
    ------
    ValueError
        If an array is missing, has another shape or holds values outside the firmware's types.
    """
    (n_jets,) = vectors(inputs, "", ("n_jets",))
    pt, phi = matrices(inputs, "jet_", ("hwPt", "hwPhi"), len(n_jets), GLOBAL)
    row_limits("n_jets", n_jets, pt.shape[1])
    return ht_raw(n_jets, pt, phi)


def ht_raw(n_jets: Shorts, pt: Shorts, phi: Shorts) -> dict[str, AnyArray]:
    """Compute `ht` of arrays that are known to be valid."""
    out = np.empty((5, len(n_jets)), dtype=np.int16)
    _ht(n_jets, pt, phi, MHT_SINE, out)
    names = ("mht_hwPt", "mht_hwPhi", "ht_hwSumPt", "hwPx_raw3", "hwPy_raw3")
    return {name: out[i] for i, name in enumerate(names)}


def select_jets(
    jets: Mapping[str, AnyArray],
    min_pt: int = HT_MIN_PT,
    max_abs_eta: int = HT_MAX_ABS_ETA,
) -> dict[str, AnyArray]:
    """Keep the jets that enter HT, in their order.

    Parameters
    ----------
    jets : mapping of ndarray of int
        `n_jets` (n,), `hwPt`, `hwEta`, `hwPhi` (n, slots), as `SeededCone.run` returns them.
    min_pt, max_abs_eta : int
        Raw limits; jets must exceed the first and stay below the second.

    Returns
    -------
    dict of ndarray of int16
        `n_jets`, `jet_hwPt`, `jet_hwEta`, `jet_hwPhi`: the input of `ht`.
    """
    pt, eta = jets["hwPt"], jets["hwEta"]
    valid = np.arange(pt.shape[1]) < np.asarray(jets["n_jets"])[:, None]
    keep = valid & (pt > min_pt) & (np.abs(eta) < max_abs_eta)
    n_jets = keep.sum(axis=1).astype(np.int16)
    target = np.arange(pt.shape[1]) < n_jets[:, None]
    selected = {"n_jets": n_jets}
    for name in ("hwPt", "hwEta", "hwPhi"):
        field = np.zeros(pt.shape, dtype=np.int16)
        field[target] = jets[name][keep]
        selected[f"jet_{name}"] = field
    return selected
