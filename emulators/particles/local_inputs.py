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
    TWO_PI,
    grid_shape,
    longest_event,
    periodic,
    row_spans,
    sort_into_cells,
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

_VECTOR, _TOGETHER = 8, 64
"""Particles of a cell whose sums are formed side by side: a multiple of the first, which is what a
register holds, and at most the second."""


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
def _add(
    here: Floats,
    own: Integers,
    width: int,
    near: Floats,
    members: Integers,
    part: tuple[int, int],
    sums: Floats,
) -> None:
    """Add neighbours of one kind, one after the other, to the sums of `width` particles.

    `here` holds the particles' eta and phi, `own` their numbers; `near` the neighbours' eta, phi
    and pT, `members` their numbers. `sums` are the pT in the inner cone and in the ring around it,
    and (pT / dR)^2. The loop over particles is free of branches and vectorises; each sum is formed
    in the order of the neighbours.
    """
    for k in range(part[0], part[1]):
        eta, phi, pt, member = near[0, k], near[1, k], near[2, k], members[k]
        pt2 = pt * pt
        for t in range(width):
            d_phi = abs(here[1, t] - phi)
            d_phi = min(d_phi, TWO_PI - d_phi)
            d_eta = here[0, t] - eta
            dr2 = d_eta * d_eta + d_phi * d_phi
            is_inner = (dr2 <= INNER * INNER) & (own[t] != member)
            is_outer = (dr2 <= OUTER * OUTER) & (dr2 > INNER * INNER)
            is_dense = (dr2 >= NEAREST * NEAREST) & (dr2 <= DENSITY * DENSITY)
            sums[0, t] += pt if is_inner else 0.0
            sums[1, t] += pt if is_outer else 0.0
            sums[2, t] += (pt2 if is_dense else 0.0) / (dr2 if is_dense else 1.0)


@njit(nogil=True)
def _sort_by_kind(
    columns: tuple[Floats, Floats, Floats],
    kind: Codes,
    order: Integers,
    starts: Integers,
    sorted_: tuple[Floats, Integers, Integers],
    of_event: Floats,
) -> None:
    """Part the particles that count, which are sorted by cell, into their kinds.

    Parameters
    ----------
    columns
        eta, phi and pT of all particles.
    order, starts
        As `sort_into_cells` leaves them.
    sorted_
        Receives, by kind: eta, phi and pT; numbers of the particles; where each cell begins.
    of_event
        Receives the pT of every kind.
    """
    eta, phi, pt = columns
    values, members, begins = sorted_
    filled = np.zeros(_N_KINDS, np.int64)
    of_event[:] = 0.0
    for cell in range(len(starts)):
        begins[:, cell] = filled
        for place in range(starts[cell], starts[min(cell + 1, len(starts) - 1)]):
            i = order[place]
            of = kind[i]
            k = filled[of]
            values[of, 0, k], values[of, 1, k], values[of, 2, k] = eta[i], phi[i], pt[i]
            members[of, k] = i
            # what does not count is overwritten by the next: no branch
            counts = pt[i] >= LEAST_PT
            of_event[of] += pt[i] if counts else 0.0
            filled[of] += counts


@njit(nogil=True)
def _list_around(
    cell: int,
    shape: tuple[int, int],
    sorted_: tuple[Floats, Integers, Integers],
    near: Floats,
    members: Integers,
    parts: Integers,
) -> None:
    """Write the particles in a cell and around it, kind by kind; `parts` receives where each ends.

    Of a kind they come row by row, so that sums are formed in one order for all particles of the
    cell.
    """
    rows, columns = shape
    row, column = cell // columns, cell % columns
    values, numbers, begins = sorted_
    spans = np.empty(4, np.int64)
    n = 0
    for of in range(_N_KINDS):
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            row_spans(r, column, columns, begins[of], spans)
            for part in range(0, 4, 2):
                for k in range(spans[part], spans[part + 1]):
                    near[0, n], near[1, n] = values[of, 0, k], values[of, 1, k]
                    near[2, n], members[n] = values[of, 2, k], numbers[of, k]
                    n += 1
        parts[of + 1] = n


@njit(nogil=True, inline="always")
def _write(sums: Floats, t: int, of_event: Floats, out: Singles) -> None:
    """Write a particle's columns that are sums, from the first of `out` on."""
    for of in range(_N_KINDS):
        out[2 * of] = _log2(sums[of, 0, t])
        out[2 * of + 1] = _log2(sums[of, 0, t] + sums[of, 1, t])
    out[_DENSITIES] = _density(sums[VERTEX, 2, t] + sums[DISPLACED, 2, t])
    out[_DENSITIES + 1] = _density(sums[PILEUP, 2, t])
    out[_DENSITIES + 2] = _density(sums[NEUTRAL, 2, t])
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
    shape, begin = grid_shape(OUTER), out.shape[1] - N_LOCAL
    cells, longest = shape[0] * shape[1], longest_event(offsets)
    everything = np.ones(len(pt), np.bool_)
    starts, order = np.empty(cells + 1, np.int64), np.empty(longest, np.int64)
    by_kind = (
        np.empty((_N_KINDS, 3, longest + 1)),
        np.empty((_N_KINDS, longest + 1), np.int64),
        np.empty((_N_KINDS, cells + 1), np.int64),
    )
    near, members = np.empty((3, longest)), np.empty(longest, np.int64)
    parts = np.zeros(_N_KINDS + 1, np.int64)
    here, own = np.empty((2, _TOGETHER)), np.empty(_TOGETHER, np.int64)
    sums, of_event = np.empty((_N_KINDS, 3, _TOGETHER)), np.empty(_N_KINDS)
    for event in range(len(offsets) - 1):
        span = (offsets[event], offsets[event + 1])
        sort_into_cells(eta, phi, span, everything, shape, starts, order)
        _sort_by_kind((eta, phi, pt), kind, order, starts, by_kind, of_event)
        for of in range(_N_KINDS):
            of_event[of] = _log2(of_event[of])
        for cell in range(cells):
            if starts[cell] == starts[cell + 1]:
                continue
            _list_around(cell, shape, by_kind, near, members, parts)
            for first in range(starts[cell], starts[cell + 1], _TOGETHER):
                size = min(_TOGETHER, starts[cell + 1] - first)
                width = (size + _VECTOR - 1) // _VECTOR * _VECTOR
                for t in range(width):  # the last one fills the vector
                    own[t] = order[first + min(t, size - 1)]
                    here[0, t], here[1, t] = eta[own[t]], phi[own[t]]
                for of in range(_N_KINDS):
                    sums[of, :, :width] = 0.0
                    part = (parts[of], parts[of + 1])
                    _add(here, own, width, near, members, part, sums[of])
                for t in range(size):
                    i = own[t]
                    row = out[i, begin:]
                    _write(sums, t, of_event, row)
                    measured = kind[i] != NEUTRAL
                    row[_TRACK] = _length(dz[i], UNIT_DZ) if measured else 0.0
                    row[_TRACK + 1] = _length(d0[i], UNIT_D0) if measured else 0.0


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
