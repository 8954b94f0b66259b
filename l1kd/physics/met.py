"""Missing transverse momentum from weighted particles, and its recoil components.

Flat columns in, one number an event out. The sign convention is that of the experiments: the
missing transverse momentum is minus the vector sum of what was measured.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from l1kd.columns import check_offsets, event_index
from l1kd.emulators.array_types import Floats
from l1kd.errors import InputError

__all__ = ["Recoil", "met_pt_phi", "missing_pt", "recoil"]


def missing_pt(
    pt: ArrayLike, phi: ArrayLike, offsets: ArrayLike, weights: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Missing transverse momentum, minus the vector sum of the weighted particles.

    Parameters
    ----------
    pt, phi
        float[n], transverse momentum [GeV] and azimuth [rad] of all particles of all events.
    offsets
        int[n_events + 1]; event i owns the entries offsets[i]:offsets[i + 1].
    weights
        float[n]; None is one for every particle.

    Returns
    -------
    (px, py) as float64[n_events] in GeV, zero for an event without particles. Particles are added
    in their order, so an event's sum does not depend on the events around it.

    Raises
    ------
    InputError
        If lengths differ or the offsets do not fit.
    """
    momentum = np.asarray(pt, dtype=np.float64)
    azimuth = np.asarray(phi, dtype=np.float64)
    if weights is not None:
        factor = np.asarray(weights, dtype=np.float64)
        if factor.shape != momentum.shape:
            raise InputError(f"missing_pt: {factor.size} weights for {momentum.size} particles")
        momentum = momentum * factor
    if azimuth.shape != momentum.shape:
        raise InputError(f"missing_pt: {azimuth.size} azimuths for {momentum.size} particles")
    edges = check_offsets(offsets, momentum.size)
    event, n_events = event_index(edges), edges.size - 1
    # bincount adds strictly in order; differences of a running sum would depend on the chunk
    px: Floats = np.bincount(event, momentum * np.cos(azimuth), n_events).astype(np.float64)
    py: Floats = np.bincount(event, momentum * np.sin(azimuth), n_events).astype(np.float64)
    return 0.0 - px, 0.0 - py


def met_pt_phi(px: ArrayLike, py: ArrayLike) -> tuple[Floats, Floats]:
    """Magnitude [GeV] and azimuth [rad, (-pi, pi]] of two-vectors given by their components."""
    x, y = np.asarray(px, dtype=np.float64), np.asarray(py, dtype=np.float64)
    magnitude: Floats = np.hypot(x, y)
    azimuth: Floats = np.arctan2(y, x)
    return magnitude, azimuth


class Recoil(NamedTuple):
    """Hadronic recoil along and across the boson, and the boson's transverse momentum [GeV]."""

    parallel: Floats
    perpendicular: Floats
    q_t: Floats


def recoil(
    met_px: ArrayLike,
    met_py: ArrayLike,
    boson_px: ArrayLike,
    boson_py: ArrayLike,
    visible_px: ArrayLike = 0.0,
    visible_py: ArrayLike = 0.0,
) -> Recoil:
    """Components of the recoil u_T with respect to the generated boson.

    In an event q_T + u_T + pt_miss = 0, where q_T is the transverse momentum of what the boson
    left in the detector. So u_T = -pt_miss - visible. For a boson that decays invisibly (H or Z
    to neutrinos; also the sum of all neutrinos, whose sum is the generated MET)
    nothing is visible and u_T is minus the MET; for Z -> ll the two leptons are the
    visible part. The boson itself is always the generated one: a perfect detector gives
    ``parallel == -q_t`` and ``perpendicular == 0``.

    Parameters
    ----------
    met_px, met_py
        float[n], measured missing transverse momentum [GeV].
    boson_px, boson_py
        float[n], generated transverse momentum of the boson [GeV].
    visible_px, visible_py
        float[n] or 0, measured momentum of the boson's visible decay products [GeV].

    Returns
    -------
    Recoil of float64[n]. Where q_T is zero the direction is undefined and both components are NaN.
    """
    x, y = np.asarray(boson_px, np.float64), np.asarray(boson_py, np.float64)
    u_x = -np.asarray(met_px, np.float64) - np.asarray(visible_px, np.float64)
    u_y = -np.asarray(met_py, np.float64) - np.asarray(visible_py, np.float64)
    q_t = np.hypot(x, y)
    moving = q_t > 0.0
    e_x = np.divide(x, q_t, out=np.full(q_t.shape, np.nan), where=moving)
    e_y = np.divide(y, q_t, out=np.full(q_t.shape, np.nan), where=moving)
    return Recoil(u_x * e_x + u_y * e_y, u_y * e_x - u_x * e_y, q_t)
