"""Which primary vertex dz is relative to: the one that the trigger finds, or the simulated one.

`l1kd.candidates.candidates(events, vertex=...)` is the one place where the choice is made; all that
reads dz takes it from there.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

import awkward as ak
import numpy as np

from l1kd._edge import flat, offsets_of
from l1kd.emulators.array_types import AnyArray, Floats
from l1kd.emulators.correlator.vertex import VertexFinder, Vertices
from l1kd.errors import ConfigurationError, MissingBranchError

__all__ = ["FOUND", "SIMULATED", "Vertex", "checked_vertex", "dz_to_found", "find", "no_z0"]

Vertex = Literal["found", "simulated"]
"""`found`: that of `VertexFinder`, from the candidates' tracks. `simulated`: the file's own, the
true one in Delphes, the reconstructed one in PFNano, the trigger's stored one in perfNano."""
FOUND: Final = "found"
SIMULATED: Final = "simulated"


def checked_vertex(vertex: Any) -> Vertex | None:
    """Return the choice, None for none.

    Raises
    ------
    ConfigurationError
        If it is none that is known.
    """
    if vertex is None or vertex in (FOUND, SIMULATED):
        known: Vertex | None = vertex
        return known
    hint = "; it is called 'found' now" if vertex == "tracks" else ""
    raise ConfigurationError(f"unknown vertex {vertex!r}; expected 'found' or 'simulated'{hint}")


def no_z0(source: str | None, file: str = "") -> MissingBranchError:
    """Return the error that tells why no vertex can be found from these candidates."""
    where = f"{file}: " if file else ""
    return MissingBranchError(
        f"{where}vertex 'found' needs z0 of the tracks, relative to the detector's centre, and "
        f"{source or 'this L1Cand'} has none: its dz is relative to the vertex that the file chose "
        "already; use vertex='simulated' (--vertex simulated), which takes that one"
    )


def find(particles: ak.Array) -> Vertices:
    """Find the vertex of every event from candidates with `pt`, `eta`, `charge` and `z0`.

    Raises
    ------
    MissingBranchError
        If they have no `z0`.
    """
    if "z0" not in particles.fields:
        raise no_z0(None)
    columns = {name: flat(particles[name], None) for name in ("pt", "eta", "charge", "z0")}
    return VertexFinder().run(columns, offsets_of(particles["pt"]))


def dz_to_found(columns: Mapping[str, AnyArray], offsets: AnyArray) -> Floats:
    """Distances [cm] of flat candidates to the vertex found from them: 0 for neutrals.

    Parameters
    ----------
    columns
        `pt`, `eta`, `charge`, `z0`; NaN for a charged particle without a value.
    offsets
        int64[n_events + 1].
    """
    z = np.repeat(VertexFinder().run(columns, offsets).z0, np.diff(offsets))
    return np.where(columns["charge"] != 0, columns["z0"].astype(np.float64) - z, 0.0)
