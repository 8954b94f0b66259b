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
    cell_of,
    grid_shape,
    longest_event,
    periodic,
    row_spans,
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
    return min(math.log2(1.0 + value), LARGEST_LOG)


@njit(nogil=True)
def _density(value: float) -> float:
    return min(0.5 * math.log2(1.0 + value), LARGEST_LOG)


@njit(nogil=True, error_model="numpy")
def _around(
    i: int,
    neighbours: Integers,
    dr2: Floats,
    pt: Floats,
    kind: Codes,
    listed: Integers,
    sums: Floats,
) -> None:
    """Add neighbours at these squared distances: rows inner cone, ring around it, density."""
    # which are inside is a matter of chance to the processor: list them without a branch
    inside = 0
    for k in range(len(neighbours)):
        listed[inside] = k
        inside += (dr2[k] <= OUTER * OUTER) & (neighbours[k] != i)
    for n in range(inside):
        k = listed[n]
        j = neighbours[k]
        of, here = kind[j], pt[j]
        sums[0, of] += here if dr2[k] <= INNER * INNER else 0.0
        sums[1, of] += here if dr2[k] > INNER * INNER else 0.0
        within = (dr2[k] >= NEAREST * NEAREST) & (dr2[k] <= DENSITY * DENSITY)
        sums[2, of] += here * here / dr2[k] if within else 0.0


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
    starts = np.empty(rows * columns + 1, np.int64)
    longest = longest_event(offsets)
    order, dr2 = np.empty(longest, np.int64), np.empty(longest)
    near, listed = np.empty((2, longest)), np.empty(longest, np.int64)
    counted = pt >= LEAST_PT
    spans = np.empty(4, np.int64)
    sums, of_event = np.empty((3, _N_KINDS)), np.empty(_N_KINDS)
    for event in range(len(offsets) - 1):
        first, last = offsets[event], offsets[event + 1]
        total = sort_into_cells(eta, phi, (first, last), counted, (rows, columns), starts, order)
        of_event[:] = 0.0
        for k in range(total):
            i = order[k]
            near[0, k], near[1, k] = eta[i], phi[i]
            of_event[kind[i]] += pt[i]
        for i in range(first, last):
            row, column = cell_of(eta[i], phi[i], rows, columns)
            sums[:] = 0.0
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                row_spans(r, column, columns, starts, spans)
                for part in range(0, 4, 2):
                    a, b = spans[part], spans[part + 1]
                    squared_distances(eta[i], phi[i], near[0, a:b], near[1, a:b], dr2)
                    _around(i, order[a:b], dr2, pt, kind, listed, sums)
            for k in range(_N_KINDS):
                out[i, 2 * k] = _log2(sums[0, k])
                out[i, 2 * k + 1] = _log2(sums[0, k] + sums[1, k])
            out[i, _DENSITIES] = _density(sums[2, VERTEX] + sums[2, DISPLACED])
            out[i, _DENSITIES + 1] = _density(sums[2, PILEUP])
            out[i, _DENSITIES + 2] = _density(sums[2, NEUTRAL])
            out[i, _EVENT] = _log2(of_event[VERTEX])
            out[i, _EVENT + 1] = _log2(of_event[PILEUP])
            measured = kind[i] != NEUTRAL
            out[i, _TRACK] = _length(dz[i], UNIT_DZ) if measured else 0.0
            out[i, _TRACK + 1] = _length(d0[i], UNIT_D0) if measured else 0.0


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

    Returns
    -------
    float32, shape (n, 15), columns in the order of `LOCAL_FEATURES`.

    Raises
    ------
    ValueError
        Columns and offsets do not fit, or pt, eta, phi or the weight is NaN or infinite.
    """
    edges = check_flat(offsets, pt=pt, eta=eta, phi=phi, charge=charge, puppi_weight=puppi_weight)
    if not (len(d0) == len(dz) == edges[-1]):
        raise ValueError(f"d0 and dz have {len(d0)} and {len(dz)} values, expected {edges[-1]}")
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
