"""The canonical particle record, with one small adapter per input format.

`candidates(events)` finds out from the events themselves which format they are in. The order of
the particles is the source's; none is dropped or added.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import awkward as ak
import numpy as np
from coffea.nanoevents.methods import base, candidate, vector

from l1kd._edge import (
    Array,
    collections,
    is_dask,
    lazy_record,
    note,
    partitioned,
    shown,
)
from l1kd.errors import RefusedFormatError, UnknownFormatError
from l1kd.formats.cms import REFUSALS, perfnano_candidates, pfnano_candidates
from l1kd.formats.columns import FORWARD_ETA, PID, PID_NAMES, Column
from l1kd.formats.delphes import eflow, particle_flow_candidate

__all__ = ["FORWARD_ETA", "PID", "PID_NAMES", "behavior", "candidates", "source_of", "sources"]

behavior: dict[Any, Any] = {}
behavior.update(base.behavior)
behavior.update(candidate.behavior)


@ak.mixin_class(behavior)
class L1Cand(candidate.PtEtaPhiECandidate, base.NanoCollection):
    """A particle as the Level-1 trigger could have it: a Lorentz vector with a charge.

    `pt`, `energy` [GeV], `eta`, `phi` [rad, (-pi, pi]], `charge` [e], `pid` (position in
    `PID_NAMES`), `d0`, `dz` relative to the primary vertex, `dz_error` [cm].
    """


for _kind in ("Array", "Record"):
    _class = behavior[("*", "L1Cand")] if _kind == "Array" else behavior["L1Cand"]
    _class.ProjectionClass2D = getattr(vector, f"PolarTwoVector{_kind}")
    _class.ProjectionClass3D = getattr(vector, f"SphericalThreeVector{_kind}")
    _class.ProjectionClass4D = getattr(vector, f"PtEtaPhiELorentzVector{_kind}")
    _class.MomentumClass = getattr(vector, f"PtEtaPhiELorentzVector{_kind}")


class _Source(NamedTuple):
    """One particle source: how to know it, and how to read it."""

    collections: tuple[str, ...]
    columns: Callable[[ak.Array], tuple[Array, dict[str, Column]]]


DTYPES: dict[str, type[np.generic]] = {
    "pt": np.float32,
    "eta": np.float32,
    "phi": np.float32,
    "energy": np.float32,
    "charge": np.int8,
    "pid": np.uint8,
    "d0": np.float32,
    "dz": np.float32,
    "dz_error": np.float32,
    "puppi_weight": np.float32,
    "hard_fraction": np.float32,
    "is_pu": np.bool_,
    "is_reco_pu": np.bool_,
}
SOURCES: dict[str, _Source] = {
    "EFlow": _Source(("EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron"), eflow),
    "ParticleFlowCandidate": _Source(("ParticleFlowCandidate",), particle_flow_candidate),
    "PFCands": _Source(("PFCands",), pfnano_candidates),
    "L1PFCands": _Source(("L1PFCands",), partial(perfnano_candidates, name="L1PFCands")),
    "L1PuppiCands": _Source(("L1PuppiCands",), partial(perfnano_candidates, name="L1PuppiCands")),
}


def sources(events: Any) -> list[str]:
    """Names of the particle sources that `events` hold, the default one first."""
    present = collections(events)
    return [name for name, source in SOURCES.items() if present.issuperset(source.collections)]


def source_of(events: Any, source: str | None = None) -> str:
    """Name of the source to read: the one asked for, or the default of these events.

    Raises
    ------
    RefusedFormatError
        If the format holds no candidates that can be weighted.
    UnknownFormatError
        If no source is known, or the one asked for is not there.
    """
    found = sources(events)
    if source is not None:
        if source in found:
            return source
        if source in REFUSALS:
            raise RefusedFormatError(REFUSALS[source])
        raise UnknownFormatError(
            f"source {source!r} is not in these events; they hold {found or 'none'} "
            f"of the known sources {list(SOURCES)}"
        )
    if found:
        return found[0]
    present = collections(events)
    for collection, reason in REFUSALS.items():
        if collection in present:
            raise RefusedFormatError(reason)
    raise UnknownFormatError(
        f"no particle collection of a known format; expected one of "
        f"{[s.collections for s in SOURCES.values()]}, found: {shown(present)}. "
        "Delphes files need coffea's DelphesSchema, NanoAOD-like files its NanoAODSchema."
    )


def candidates(events: Any, source: str | None = None) -> ak.Array:
    """Particles of `events` in the canonical record, with vector behaviour.

    Parameters
    ----------
    events
        NanoEvents of Delphes, PFNano or FastPUPPI perfNano; eager, virtual or dask-awkward.
    source
        One of `sources(events)`; the default is the first: for Delphes the E-Flow collections
        (track, photon, neutral hadron, joined in this order), which are before PUPPI.

    Returns
    -------
    ak.Array
        Jagged records, order of the source: `pt` [GeV], `eta`, `phi` [rad, (-pi, pi]], `energy`
        [GeV], all float32; `charge` int8; `pid` uint8 (`PID_NAMES`); `d0`, `dz`, `dz_error` [cm],
        float32: 0 for neutrals, NaN for charged particles where the file has no value.
        A source without charges (perfNano `L1PFCands`) gives momenta only.
        Where the source has them: `puppi_weight`, `hard_fraction`, `is_pu`, `is_reco_pu`.
        Every column is read when it is first used.

    Raises
    ------
    RefusedFormatError, UnknownFormatError
        As `source_of`.
    MissingBranchError, InputError
        When a column is used that the file lacks, or that holds NaN, infinity or negative pt.
    """
    name = source_of(events, source)
    if is_dask(events):
        return partitioned(candidates, events, name)
    if source is None:
        note("particles", name)
    offsets, columns = SOURCES[name].columns(events)
    return lazy_record(
        "L1Cand" if "charge" in columns else "PtEtaPhiELorentzVector",
        offsets,
        {field: (DTYPES[field], make) for field, make in columns.items()},
        behavior,
        virtual=not ak.to_layout(events).is_all_materialized,
    )
