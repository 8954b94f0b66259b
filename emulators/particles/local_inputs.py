"""The surroundings of a particle as 15 numbers: DistillNet's `local` inputs beside the 16.

A trigger forms such sums anyway: LinPUPPI's firmware sums pT^2/dR^2 around every neutral. Kinds of
particles: charged of the vertex, charged of pile-up, neutral, and displaced, that is charged, not
of the vertex by dz, but with an impact parameter that pile-up rarely has: tracks of b hadrons.

Neighbours below 1 GeV do not count, so that the sums do not depend on how far down candidates were
kept.

Columns: for each kind the pT within dR 0.2 and 0.4, without the particle itself, as
log2(1 + pT/GeV); for vertex and displaced together, pile-up, and neutral particles half of
log2(1 + sum (pT/GeV/dR)^2) within 0.3; pT of the event's charged particles of the vertex and of
pile-up, as log2(1 + pT/GeV); the particle's own log2(1 + |dz|/0.1 mm) and log2(1 + |d0|/0.02 mm).
No column exceeds 15.
"""

import math

import numpy as np

from l1kd.emulators.array_types import (
    AnyFloats,
    AnyIntegers,
    Codes,
    Floats,
    Integers,
    Offsets,
    Singles,
)
from l1kd.emulators.compilation import njit
from l1kd.emulators.particles.distillnet_inputs import LARGEST_LENGTH
from l1kd.emulators.particles.grid import (
    grid_shape,
    longest_event,
    particles_around,
    periodic,
    sort_into_cells,
    squared_distances,
)
from l1kd.emulators.particles.neighbours import check_flat

__all__ = ["LOCAL_FEATURES", "N_LOCAL", "kinds", "local_inputs"]

LOCAL_FEATURES = (
    "vertex_pt_02",
    "vertex_pt_04",
    "pileup_pt_02",
    "pileup_pt_04",
    "neutral_pt_02",
    "neutral_pt_04",
    "displaced_pt_02",
    "displaced_pt_04",
    "vertex_density",
    "pileup_density",
    "neutral_density",
    "event_vertex_pt",
    "event_pileup_pt",
    "log_dz",
    "log_d0",
)
"""Names of the columns, in order."""
N_LOCAL = 15

VERTEX, PILEUP, NEUTRAL, DISPLACED = 0, 1, 2, 3
_N_KINDS = 4
_DENSITIES = 8
_EVENT = 11
_TRACK = 13

INNER, DENSITY, OUTER = 0.2, 0.3, 0.4
"""Radii [dR] of the smaller cone, of the density, and of the larger cone."""
LEAST_PT = 1.0
"""Particles below this [GeV] are in no sum."""
NEAREST = 0.01
"""Neighbours closer than this in dR do not enter the density."""
DISPLACED_D0, DISPLACED_DZ = 0.02, 1.0
"""A track further than the first [cm] from the beam and nearer than the second [cm] to the vertex
along it is displaced, unless it belongs to the vertex by its dz."""
LARGEST_LOG = 15.0
"""All columns end here, so that a fixed-point input of four integer bits cannot overflow."""
UNIT_DZ, UNIT_D0 = 0.01, 0.002
"""Lengths [cm] on which the logarithms of dz and d0 begin to rise."""


def kinds(charge: AnyIntegers, puppi_weight: AnyFloats, d0: AnyFloats, dz: AnyFloats) -> Codes:
    """Sort particles into vertex 0, pile-up 1, neutral 2 and displaced 3.

    Parameters
    ----------
    charge
        Shape (n,), units of the elementary charge.
    puppi_weight
        Shape (n,); of a charged particle it is the vertex association, 1 or 0.
    d0, dz
        Shape (n,), cm, dz relative to the primary vertex; NaN is no displaced track.

    Returns
    -------
    int8, shape (n,).
    """
    charged = np.asarray(charge) != 0
    vertex = np.asarray(puppi_weight) >= 0.5
    displaced = (np.abs(d0) > DISPLACED_D0) & (np.abs(dz) < DISPLACED_DZ)
    pileup = np.where(displaced, DISPLACED, PILEUP)
    return np.where(charged, np.where(vertex, VERTEX, pileup), NEUTRAL).astype(np.int8)


@njit(nogil=True)
def _log2(value: float) -> float:
    return min(math.log2(1.0 + value), LARGEST_LOG) if value > 0.0 else 0.0


@njit(nogil=True)
def _density(value: float) -> float:
    return min(0.5 * math.log2(1.0 + value), LARGEST_LOG) if value > 0.0 else 0.0


@njit(nogil=True, error_model="numpy")
def _around(
    i: int,
    near: Integers,
    dr2: Floats,
    pt: Floats,
    kind: Codes,
    listed: Integers,
    rings: Floats,
    densities: Floats,
) -> None:
    """Sum over neighbours at these squared distances.

    `rings` receives the pT of every kind in the inner cone and in the ring around it, `densities`
    the sums of (pT / dR)^2.
    """
    # which are inside is a matter of chance to the processor: list them without a branch
    inside = 0
    for k in range(len(near)):
        listed[inside] = k
        inside += (dr2[k] <= OUTER * OUTER) & (near[k] != i)
    rings[:] = 0.0
    densities[:] = 0.0
    for n in range(inside):
        k = listed[n]
        of, here = kind[k], pt[k]
        rings[2 * of + (0 if dr2[k] <= INNER * INNER else 1)] += here
        within = (dr2[k] >= NEAREST * NEAREST) & (dr2[k] <= DENSITY * DENSITY)
        densities[of] += here * here / dr2[k] if within else 0.0


@njit(nogil=True)
def _write(rings: Floats, densities: Floats, of_event: Floats, out: Singles) -> None:
    """Write a particle's columns that are sums, from the first of `out` on."""
    for k in range(_N_KINDS):
        out[2 * k] = _log2(rings[2 * k])
        out[2 * k + 1] = _log2(rings[2 * k] + rings[2 * k + 1])
    out[_DENSITIES] = _density(densities[VERTEX] + densities[DISPLACED])
    out[_DENSITIES + 1] = _density(densities[PILEUP])
    out[_DENSITIES + 2] = _density(densities[NEUTRAL])
    out[_EVENT] = of_event[VERTEX]
    out[_EVENT + 1] = of_event[PILEUP]


@njit(nogil=True)
def _fill(
    pt: Floats,
    eta: Floats,
    phi: Floats,
    kind: Codes,
    dz: AnyFloats,
    d0: AnyFloats,
    offsets: Offsets,
    out: Singles,
) -> None:
    rows, columns = grid_shape(OUTER)
    shape, begin = (rows, columns), out.shape[1] - N_LOCAL
    longest = longest_event(offsets)
    starts = np.empty((2, rows * columns + 1), np.int64)
    order = np.empty((2, longest), np.int64)
    counted, everything = pt >= LEAST_PT, np.ones(len(pt), np.bool_)
    spans, near = np.empty(11, np.int64), np.empty(longest, np.int64)
    # eta, phi and pT of what is around a cell: read once for all particles of the cell
    block, kinds_near = np.empty((3, longest)), np.empty(longest, np.int8)
    dr2, listed = np.empty(longest), np.empty(longest, np.int64)
    rings, densities, of_event = np.empty(2 * _N_KINDS), np.empty(_N_KINDS), np.empty(_N_KINDS)
    for event in range(len(offsets) - 1):
        span = (offsets[event], offsets[event + 1])
        total = sort_into_cells(eta, phi, span, counted, shape, starts[0], order[0])
        sort_into_cells(eta, phi, span, everything, shape, starts[1], order[1])
        of_event[:] = 0.0
        for k in range(total):
            of_event[kind[order[0, k]]] += pt[order[0, k]]
        for k in range(_N_KINDS):
            of_event[k] = _log2(of_event[k])
        for cell in range(rows * columns):
            first, last = starts[1, cell], starts[1, cell + 1]
            if first == last:
                continue
            row, column = cell // columns, cell % columns
            n = particles_around(row, column, shape, starts[0], order[0], spans, near)
            for k in range(n):
                j = near[k]
                block[0, k], block[1, k], block[2, k] = eta[j], phi[j], pt[j]
                kinds_near[k] = kind[j]
            for place in range(first, last):
                i = order[1, place]
                squared_distances(eta[i], phi[i], block[0, :n], block[1, :n], dr2)
                _around(i, near[:n], dr2, block[2], kinds_near, listed, rings, densities)
                _write(rings, densities, of_event, out[i, begin:])
                measured = kind[i] != NEUTRAL
                out[i, begin + _TRACK] = _length(dz[i], UNIT_DZ) if measured else 0.0
                out[i, begin + _TRACK + 1] = _length(d0[i], UNIT_D0) if measured else 0.0


@njit(nogil=True)
def _length(value: float, unit: float) -> float:
    if math.isnan(value):
        return 0.0
    return _log2(min(abs(value), LARGEST_LENGTH) / unit)


def local_inputs(
    pt: AnyFloats,
    eta: AnyFloats,
    phi: AnyFloats,
    charge: AnyIntegers,
    puppi_weight: AnyFloats,
    d0: AnyFloats,
    dz: AnyFloats,
    offsets: Offsets,
    out: Singles | None = None,
) -> Singles:
    """Build the local inputs from flat columns.

    Parameters
    ----------
    pt
        Shape (n,), GeV, not negative.
    eta, phi
        Shape (n,); phi in radians, of any period.
    charge
        Shape (n,), units of the elementary charge.
    puppi_weight
        Shape (n,); charged particles of 0.5 and more belong to the vertex.
    d0, dz
        Shape (n,), cm, dz relative to the primary vertex. NaN where not measured.
    offsets
        First particle of every event: int64, (n_events + 1,).
    out
        Contiguous float32 matrix with a row a particle, whose last 15 columns are written; by
        default a matrix of these alone.

    Returns
    -------
    `out`; its last 15 columns, float32, are in the order of `LOCAL_FEATURES`.

    Raises
    ------
    ValueError
        Columns and offsets do not fit, or pt, eta, phi or the weight is NaN or infinite.
    """
    edges = check_flat(offsets, pt=pt, eta=eta, phi=phi, charge=charge, puppi_weight=puppi_weight)
    if not (len(d0) == len(dz) == edges[-1]):
        raise ValueError(f"d0 and dz have {len(d0)} and {len(dz)} values, expected {edges[-1]}")
    if out is None:
        out = np.empty((edges[-1], N_LOCAL), np.float32)
    _fill(
        np.asarray(pt, np.float64),
        np.asarray(eta, np.float64),
        periodic(phi),
        kinds(charge, puppi_weight, d0, dz),
        np.ascontiguousarray(dz),
        np.ascontiguousarray(d0),
        edges,
        out,
    )
    return out
