"""The canonical particle record, with one small adapter per input format.

`candidates(events)` finds out from the events themselves which format they are in. The order of
the particles is the source's; none is dropped or added.
"""

from collections.abc import Callable, Mapping
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents.methods import base, candidate, vector

from l1kd._edge import flat, is_dask, jagged, lazy_record, note, offsets_of, partitioned
from l1kd.emulators.array_types import AnyArray
from l1kd.formats import choose, known, readers
from l1kd.formats.columns import FORWARD_ETA, PID, PID_NAMES, Column, energy_of, wrapped
from l1kd.validation import ANGLE, CANONICAL, ETA, MASS, PT, check, file_of
from l1kd.vertices import FOUND, Vertex, checked_vertex, dz_to_found, no_z0

__all__ = [
    "FORWARD_ETA",
    "PID",
    "PID_NAMES",
    "as_candidates",
    "behavior",
    "candidates",
    "has_z0",
    "recorded_source",
    "recorded_vertex",
    "source_of",
    "sources",
]

behavior: dict[Any, Any] = {}
behavior.update(base.behavior)
behavior.update(candidate.behavior)


@ak.mixin_class(behavior)
class L1Cand(candidate.PtEtaPhiECandidate, base.NanoCollection):
    """A particle as the Level-1 trigger could have it: a Lorentz vector with a charge.

    `pt`, `energy` [GeV], `eta`, `phi` [rad, (-pi, pi]], `charge` [e], `pid` (position in
    `PID_NAMES`), `d0`, `dz` relative to the primary vertex, `dz_error` [cm]; `z0` [cm] relative to
    the centre of the detector.
    """


for _kind in ("Array", "Record"):
    _class = behavior[("*", "L1Cand")] if _kind == "Array" else behavior["L1Cand"]
    _class.ProjectionClass2D = getattr(vector, f"PolarTwoVector{_kind}")
    _class.ProjectionClass3D = getattr(vector, f"SphericalThreeVector{_kind}")
    _class.ProjectionClass4D = getattr(vector, f"PtEtaPhiELorentzVector{_kind}")
    _class.MomentumClass = getattr(vector, f"PtEtaPhiELorentzVector{_kind}")


DTYPES: dict[str, type[np.generic]] = {
    "pt": np.float32,
    "eta": np.float32,
    "phi": np.float32,
    "energy": np.float32,
    "charge": np.int8,
    "pid": np.uint8,
    "d0": np.float32,
    "dz": np.float32,
    "z0": np.float32,
    "dz_error": np.float32,
    "puppi_weight": np.float32,
    "hard_fraction": np.float32,
    "is_pu": np.bool_,
    "is_reco_pu": np.bool_,
}

SOURCE = "l1kd_source"
"""Parameter of the records that holds the name of their source."""
VERTEX = "l1kd_vertex"
"""Parameter of the records that says which vertex their dz is relative to."""


def sources(events: Any) -> list[str]:
    """Names of the particle sources that `events` hold, the default one first."""
    return [reader.name for reader in readers("candidates", events)]


def source_of(events: Any, source: str | None = None) -> str:
    """Name of the source to read: the one asked for, or the default of these events.

    Raises
    ------
    RefusedFormatError
        If the format holds no candidates that can be weighted.
    UnknownFormatError
        If no source is known, or the one asked for is not there.
    """
    return choose("candidates", events, source, _nothing_found).name


def _nothing_found(found: str) -> str:
    return (
        f"no particle collection of a known format; expected one of {known('candidates')}, found: "
        f"{found}. Delphes files need coffea's DelphesSchema, NanoAOD-like files its "
        "NanoAODSchema; a format of your own is made known with l1kd.register."
    )


def _opened(record: Any) -> tuple[AnyArray, dict[str, Column]]:
    """Offsets and columns of what a reader gives, jagged records or already these."""
    if isinstance(record, tuple):
        return record
    return offsets_of(record["pt"]), {
        field: _column_of(record, field) for field in record.fields if field in DTYPES
    }


def _column_of(record: ak.Array, field: str) -> Column:
    return lambda: flat(record[field], None)


def _checked(make: Column, field: str, where: str, file: str) -> Column:
    """Check and cast a column when it is made."""

    def checked() -> AnyArray:
        values = make()
        if field in CANONICAL:
            check(values, CANONICAL[field], f"{where}: {field}", file)
        return np.ascontiguousarray(values, DTYPES[field])

    return checked


def candidates(events: Any, source: str | None = None, vertex: Vertex = "simulated") -> ak.Array:
    """Particles of `events` in the canonical record, with vector behaviour.

    Parameters
    ----------
    events
        NanoEvents of Delphes, PFNano or FastPUPPI perfNano; eager, virtual or dask-awkward.
    source
        One of `sources(events)`; the default is the first: for Delphes the E-Flow collections
        (track, photon, neutral hadron, joined in this order), which are before PUPPI.
    vertex
        Vertex that `dz` is relative to. "simulated": the file's own, in Delphes the true one.
        "found": the one that the trigger finds from these tracks (`l1kd.vertices`).

    Returns
    -------
    ak.Array
        Jagged records, order of the source: `pt` [GeV], `eta`, `phi` [rad, (-pi, pi]], `energy`
        [GeV], all float32; `charge` int8; `pid` uint8 (`PID_NAMES`); `d0`, `dz`, `dz_error` [cm],
        float32: 0 for neutrals, NaN for charged particles where the file has no value. `z0` [cm],
        relative to the centre of the detector, where the source has it.
        A source without charges (perfNano `L1PFCands`) gives momenta only.
        Where the source has them: `puppi_weight`, `hard_fraction`, `is_pu`, `is_reco_pu`.
        Every column is read when it is first used.

    Raises
    ------
    RefusedFormatError, UnknownFormatError
        As `source_of`.
    MissingBranchError
        If a vertex is to be found and the source has no `z0`.
    MissingBranchError, InputError
        When a column is used that the file lacks, or that holds NaN, infinity or negative pt.
    """
    checked_vertex(vertex)
    reader = choose("candidates", events, source, _nothing_found)
    if is_dask(events):
        return partitioned(candidates, events, reader.name, vertex)
    if source is None:
        note("particles", reader.name)
    offsets, columns = _opened(reader.read(events))
    file = file_of(events)
    made: dict[str, tuple[Any, Callable[[], AnyArray]]] = {
        field: (DTYPES[field], _checked(make, field, reader.name, file))
        for field, make in columns.items()
    }
    if vertex == FOUND:
        if "z0" not in made:
            raise no_z0(reader.name, file)
        made["dz"] = (DTYPES["dz"], _relative_to_found(made, offsets))
    return lazy_record(
        "L1Cand" if "charge" in columns else "PtEtaPhiELorentzVector",
        offsets,
        made,
        behavior,
        virtual=not ak.to_layout(events).is_all_materialized,
        parameters={SOURCE: reader.name, VERTEX: vertex},
    )


def _relative_to_found(
    made: Mapping[str, tuple[Any, Callable[[], AnyArray]]], offsets: AnyArray
) -> Callable[[], AnyArray]:
    """Return the function that makes dz relative to the found vertex."""

    def dz() -> AnyArray:
        tracks = {name: made[name][1]() for name in ("pt", "eta", "charge", "z0")}
        return dz_to_found(tracks, offsets).astype(np.float32)

    return dz


def has_z0(events: Any, source: str | None = None) -> bool:
    """Whether the trigger's vertex can be found from the candidates; nothing is read but lengths.

    False where there are none, and where their dz alone is known.
    """
    if not sources(events):
        return False
    return "z0" in _opened(choose("candidates", events, source, _nothing_found).read(events))[1]


def as_candidates(particles: ak.Array) -> ak.Array:
    """Give hand-made or stored candidates the behaviour of `L1Cand`; others are returned as is.

    With `pt`, `eta`, `phi`, `charge` and `energy` (or `mass`, from which it follows) they become
    Lorentz vectors, with less they stay plain. Azimuths are brought into (-pi, pi].
    """
    if (
        ak.to_layout(particles).purelist_parameter("__record__") == "L1Cand"
        or "phi" not in particles.fields
    ):
        return particles
    offsets = offsets_of(particles["phi"])
    phi = check(flat(particles["phi"], np.float64), ANGLE, "L1Cand.phi", file_of(particles))
    if (np.abs(phi) > np.pi).any():
        particles = ak.with_field(particles, jagged(wrapped(phi), offsets), "phi")
    if "energy" not in particles.fields and {"pt", "eta", "mass"} <= set(particles.fields):
        pt, eta, mass = (
            check(flat(particles[name], np.float64), limits, f"L1Cand.{name}")
            for name, limits in (("pt", PT), ("eta", ETA), ("mass", MASS))
        )
        energy = energy_of(pt, eta, mass).astype(np.float32)
        particles = ak.with_field(particles, jagged(energy, offsets), "energy")
    if {"pt", "eta", "charge", "energy"} <= set(particles.fields):
        return ak.with_name(particles, "L1Cand", behavior=behavior)
    return particles


def recorded_vertex(particles: ak.Array) -> Vertex | None:
    """Vertex that dz of candidates is relative to; None for those that a user made."""
    found: Vertex | None = ak.to_layout(particles).purelist_parameter(VERTEX)
    return found


def recorded_source(particles: ak.Array) -> str | None:
    """Name of the source that candidates were read from; None for those that a user made."""
    return ak.to_layout(particles).purelist_parameter(SOURCE)
