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

import numba as nb
import numpy as np
import numpy.typing as npt

from l1kd.emulators._grid import (
    TWO_PI,
    grid_shape,
    longest_event,
    periodic,
    row_spans,
    sort_into_cells,
)
from l1kd.emulators.distillnet_inputs import LARGEST_LENGTH
from l1kd.emulators.neighbours import check_flat

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
_LANES = 8
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

Floats = npt.NDArray[np.floating]
Doubles = npt.NDArray[np.float64]
Kinds = npt.NDArray[np.int8]
Offsets = npt.NDArray[np.int64]


def kinds(
    charge: npt.NDArray[np.integer], puppi_weight: Floats, d0: Floats, dz: Floats
) -> npt.NDArray[np.int8]:
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


@nb.njit(cache=True, nogil=True)
def _log2(value: float) -> float:
    return min(math.log2(1.0 + value), LARGEST_LOG)


@nb.njit(cache=True, nogil=True)
def _density(value: float) -> float:
    return min(0.5 * math.log2(1.0 + value), LARGEST_LOG)


@nb.njit(cache=True, nogil=True, error_model="numpy")
def _add(
    near: Doubles, own: Offsets, lanes: tuple[Doubles, Doubles], sums: tuple[Doubles, ...]
) -> None:
    """Add particles (rows pt, eta, phi) to the sums around all lanes' directions but their own.

    Every lane sums on its own, so the compiler may take many at once without changing a bit.
    """
    etas, phis = lanes
    inner, outer, density = sums
    for k in range(len(own)):
        pt, eta, phi, mine = near[0, k], near[1, k], near[2, k], own[k]
        pt2 = pt * pt
        for lane in range(len(etas)):
            d_eta, d_phi = etas[lane] - eta, abs(phis[lane] - phi)
            d_phi = min(d_phi, TWO_PI - d_phi)
            dr2 = d_eta * d_eta + d_phi * d_phi
            other = lane != mine
            inner[lane] += pt if (dr2 <= INNER * INNER) & other else 0.0
            outer[lane] += pt if (dr2 <= OUTER * OUTER) & other else 0.0
            inside = (dr2 >= NEAREST * NEAREST) & (dr2 <= DENSITY * DENSITY)
            density[lane] += pt2 / dr2 if inside else 0.0


@nb.njit(cache=True, nogil=True)
def _write(
    sums: Doubles, of_event: Doubles, measured: bool, dz: float, d0: float, out: Floats
) -> None:
    """Turn one particle's sums into its columns."""
    for kind in range(_N_KINDS):
        out[2 * kind] = _log2(sums[kind, 0])
        out[2 * kind + 1] = _log2(sums[kind, 1])
    density = sums[:, 2]
    out[_DENSITIES] = _density(density[VERTEX] + density[DISPLACED])
    out[_DENSITIES + 1] = _density(density[PILEUP])
    out[_DENSITIES + 2] = _density(density[NEUTRAL])
    out[_EVENT] = of_event[0]
    out[_EVENT + 1] = of_event[1]
    out[_TRACK] = _length(dz, UNIT_DZ) if measured else 0.0
    out[_TRACK + 1] = _length(d0, UNIT_D0) if measured else 0.0


@nb.njit(cache=True, nogil=True)
def _gather(
    cell: tuple[int, int],
    shape: tuple[int, int],
    starts: Offsets,
    order: Offsets,
    columns: tuple[Doubles, Doubles, Doubles, Kinds],
    near: Doubles,
    own: Offsets,
    counts: Offsets,
) -> None:
    """List the particles in and around a cell by kind, and their place in that cell."""
    pt, eta, phi, kind = columns
    row, column = cell
    first = starts[row * shape[1] + column]
    spans = np.empty(4, np.int64)
    counts[:] = 0
    for r in range(max(row - 1, 0), min(row + 2, shape[0])):
        row_spans(r, column, shape[1], starts, spans)
        for part in range(0, 4, 2):
            for k in range(spans[part], spans[part + 1]):
                j = order[k]
                if pt[j] >= LEAST_PT:
                    of, n = kind[j], counts[kind[j]]
                    near[of, 0, n], near[of, 1, n], near[of, 2, n] = pt[j], eta[j], phi[j]
                    own[of, n] = k - first
                    counts[of] = n + 1


@nb.njit(cache=True, nogil=True)
def _fill(
    pt: Doubles,
    eta: Doubles,
    phi: Doubles,
    kind: Kinds,
    dz: Floats,
    d0: Floats,
    offsets: Offsets,
    out: npt.NDArray[np.float32],
) -> None:
    shape = grid_shape(OUTER)
    rows, columns = shape
    starts = np.empty(rows * columns + 1, np.int64)
    longest = longest_event(offsets)
    order, everyone = np.empty(longest, np.int64), np.ones(len(pt), np.bool_)
    lanes = np.empty((2, longest + _LANES))
    sums = np.empty((_N_KINDS, 3, longest + _LANES))
    near, own = np.empty((_N_KINDS, 3, longest)), np.empty((_N_KINDS, longest), np.int64)
    counts = np.empty(_N_KINDS, np.int64)
    whole, of_event = np.empty(_N_KINDS), np.empty(2)
    for event in range(len(offsets) - 1):
        first, last = offsets[event], offsets[event + 1]
        sort_into_cells(eta, phi, (first, last), everyone, shape, starts, order)
        whole[:] = 0.0
        for i in order[: last - first]:
            whole[kind[i]] += pt[i] if pt[i] >= LEAST_PT else 0.0
        of_event[0], of_event[1] = _log2(whole[VERTEX]), _log2(whole[PILEUP])
        for cell in range(rows * columns):
            a, b = starts[cell], starts[cell + 1]
            if a == b:
                continue
            # Whole groups of lanes; what the last ones sum is read by nobody.
            width = (b - a + _LANES - 1) // _LANES * _LANES
            for lane in range(width):
                i = order[min(a + lane, b - 1)]
                lanes[0, lane], lanes[1, lane] = eta[i], phi[i]
            around = sums[:, :, :width]
            around[:] = 0.0
            place = (cell // columns, cell % columns)
            _gather(place, shape, starts, order, (pt, eta, phi, kind), near, own, counts)
            for of in range(_N_KINDS):
                few = slice(counts[of])
                to = (around[of, 0], around[of, 1], around[of, 2])
                _add(near[of, :, few], own[of, few], (lanes[0, :width], lanes[1, :width]), to)
            for k in range(a, b):
                i = order[k]
                measured = kind[i] != NEUTRAL
                _write(around[:, :, k - a], of_event, measured, dz[i], d0[i], out[i])


@nb.njit(cache=True, nogil=True)
def _length(value: float, unit: float) -> float:
    if math.isnan(value):
        return 0.0
    return _log2(min(abs(value), LARGEST_LENGTH) / unit)


def local_inputs(
    pt: Floats,
    eta: Floats,
    phi: Floats,
    charge: npt.NDArray[np.integer],
    puppi_weight: Floats,
    d0: Floats,
    dz: Floats,
    offsets: Offsets,
) -> npt.NDArray[np.float32]:
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
