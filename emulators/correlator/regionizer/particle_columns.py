"""Reading of flat particle columns in physical units."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Codes, Floats, Integers, Shorts
from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.types import z0_to_raw
from l1kd.emulators.correlator.vertex.finder import VertexFinder

__all__ = ["read_particles", "read_vertices"]

N_PID: Final = 8


def read_particles(
    particles: Mapping[str, Any], offsets: Any
) -> tuple[tuple[AnyArray, ...], Integers]:
    """Check flat particle columns and bring them to the types of the kernels.

    Parameters
    ----------
    particles : mapping of array_like
        `pt` [GeV], `eta`, `phi` [rad], `charge`, `pid` (0 charged hadron, 1 electron, 2 muon, 3
        photon, 4 neutral hadron, 5 forward hadron, 6 forward electromagnetic, 7 other) and `z0`
        [cm], of equal length. `z0` of neutral particles is not looked at.
    offsets : array_like of int
        Position of the first particle of every event, and the number of particles at the end.

    Returns
    -------
    tuple
        pt, eta, phi float64; charge, pid int8; z0 float64.
    ndarray of int64
        Offsets.

    Raises
    ------
    ValueError
        If a column is missing, lengths or offsets do not fit, a value is not finite, a momentum is
        negative or a class unknown.
    """
    bounds = np.ascontiguousarray(offsets, dtype=np.int64)
    columns: list[AnyArray] = []
    for name, kind in _COLUMNS:
        if name not in particles:
            raise ValueError(f"particle column {name} is missing; there are {sorted(particles)}")
        column = np.ascontiguousarray(particles[name], dtype=kind)
        if column.ndim != 1 or (columns and len(column) != len(columns[0])):
            raise ValueError(f"particle column {name} has shape {column.shape}; expected flat")
        columns.append(column)
    pt, eta, phi, charge, pid, z0 = columns
    if bounds.ndim != 1 or len(bounds) < 1 or bounds[0] != 0 or bounds[-1] != len(pt):
        raise ValueError(f"offsets must run from 0 to the number of particles, {len(pt)}")
    if np.any(np.diff(bounds) < 0):
        raise ValueError("offsets decrease; an event cannot have a negative number of particles")
    infinite, negative, unknown = _defects(pt, eta, phi, charge, pid, z0)
    for name, count in zip(("pt", "eta", "phi", "z0 of a charged particle"), infinite, strict=True):
        if count:
            raise ValueError(f"{name} is not finite in {count} particles")
    if negative:
        raise ValueError(f"pt is negative in {negative} particles, down to {pt.min()}")
    if unknown:
        raise ValueError(f"pid runs from {pid.min()} to {pid.max()}; expected 0 to {N_PID - 1}")
    return tuple(columns), bounds


@njit(nogil=True)
def _defects(
    pt: Floats, eta: Floats, phi: Floats,
    charge: Codes, pid: Codes, z0: Floats,
) -> tuple[Any, int, int]:  # fmt: skip
    """Count values that are not finite (pt, eta, phi, z0), negative momenta, unknown classes."""
    infinite = np.zeros(4, dtype=np.int64)
    negative, unknown = 0, 0
    for i in range(len(pt)):
        infinite[0] += not np.isfinite(pt[i])
        infinite[1] += not np.isfinite(eta[i])
        infinite[2] += not np.isfinite(phi[i])
        infinite[3] += (charge[i] != 0) and not np.isfinite(z0[i])
        negative += pt[i] < 0
        unknown += (pid[i] < 0) | (pid[i] >= N_PID)
    return infinite, negative, unknown


_COLUMNS: Final = (
    ("pt", np.float64),
    ("eta", np.float64),
    ("phi", np.float64),
    ("charge", np.int8),
    ("pid", np.int8),
    ("z0", np.float64),
)


def read_vertices(vertex: Any, columns: tuple[AnyArray, ...], offsets: Integers) -> Shorts:
    """Return raw vertex positions: of given ones [cm], or of those that `VertexFinder` finds.

    Parameters
    ----------
    vertex : array_like or None
        One position for each event, one for all, or None.
    columns, offsets
        What `read_particles` returned.

    Raises
    ------
    ValueError
        If there is not one finite position per event.
    """
    if vertex is None:
        pt, eta, _, charge, _, z0 = columns
        tracks = {"pt": pt, "eta": eta, "charge": charge, "z0": z0}
        return z0_to_raw(VertexFinder().run(tracks, offsets).z0)
    given = np.broadcast_to(np.asarray(vertex, dtype=np.float64), (len(offsets) - 1,))
    if not np.all(np.isfinite(given)):
        raise ValueError("a vertex position is not finite")
    return z0_to_raw(given)
