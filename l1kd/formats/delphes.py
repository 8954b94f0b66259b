"""Delphes: E-Flow before PUPPI, `ParticleFlowCandidate` after it, towers, truth. mm become cm."""

from collections.abc import Callable
from functools import cache
from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import by_event, flat, has_branch, offsets_of, read
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.calorimeter import towers_from_energy
from l1kd.errors import InputError, MissingBranchError
from l1kd.formats.columns import (
    MM_TO_CM,
    PID,
    Column,
    energy_of,
    mass_of,
    pid_of_charged,
    pid_of_neutral,
    wrapped,
)
from l1kd.formats.format import Format, Reader
from l1kd.formats.schemas import TriggerDelphesSchema
from l1kd.validation import (
    ANGLE,
    CHARGE,
    CODE,
    ENERGY,
    ETA,
    FINITE,
    FRACTION,
    MASS,
    PT,
    Limits,
    check,
    column,
    file_of,
    track_column,
)

__all__ = ["DELPHES", "hard_vertex_z", "vertex_count"]

_TRACKS = ("EFlowTrack", "ParticleFlowCandidate")
_NO_PILEUP_Z = 1.0
"""Without pile-up Delphes puts the collision at z = 0: tracks' median |DZ| [mm] must not exceed."""


def hard_vertex_z(events: ak.Array) -> AnyArray:
    """Position z [mm] of every event's hard vertex, float64[n_events].

    A Delphes card without pile-up writes no vertices: the collision is then at 0.

    Raises
    ------
    MissingBranchError
        If `Vertex` is missing and the events have pile-up, or tracks that do not come from z = 0.
    InputError
        If an event has no hard vertex, or several.
    """
    if not has_branch(events, "Vertex", "Z") or not has_branch(events, "Vertex", "Index"):
        _require_no_pileup(events)
        return np.zeros(len(events))
    z, index = read(events, "Vertex", "Z"), read(events, "Vertex", "Index")
    hard = z[index == 0]
    counts = ak.to_numpy(ak.num(hard, axis=1))
    if (counts != 1).any():
        event = int(np.flatnonzero(counts != 1)[0])
        raise InputError(
            f"{_prefix(events)}Vertex: expected one vertex with Index 0 in every event, found "
            f"{counts[event]} in event {event} of this chunk; keep whole events, with all their "
            "vertices"
        )
    return check(flat(hard, np.float64), FINITE, "Vertex.Z", file_of(events))


def vertex_count(events: ak.Array) -> AnyArray:
    """Count the vertices of every event, int64; one where a card without pile-up wrote none."""
    if has_branch(events, "Vertex", "Z"):
        return np.diff(offsets_of(read(events, "Vertex", "Z")))
    _require_no_pileup(events)
    return np.ones(len(events), np.int64)


def _prefix(events: ak.Array) -> str:
    file = file_of(events)
    return f"{file}: " if file else ""


def _require_no_pileup(events: ak.Array) -> None:
    """Refuse events without `Vertex` unless they show that they have no pile-up."""
    name = next((track for track in _TRACKS if track in events.fields), None)
    if name is None or len(events) == 0:
        return
    found = None
    if not has_branch(events, name, "IsPU"):
        found = f"neither it nor '{name}.IsPU', which would show that there is no pile-up"
    elif (pileup := int(ak.sum(read(events, name, "IsPU") != 0))) > 0:
        found = f"none, and {pileup} particles of pile-up"
    elif has_branch(events, name, "DZ"):
        dz = read(events, name, "DZ")
        if has_branch(events, name, "Charge"):
            dz = dz[read(events, name, "Charge") != 0]
        distances = flat(abs(dz), np.float64)
        if distances.size and np.median(distances) > _NO_PILEUP_Z:
            found = f"none, and tracks {np.median(distances):.3g} mm from z = 0 in the median"
    if found is not None:
        raise MissingBranchError(
            f"{_prefix(events)}expected the collection 'Vertex' (branches Z and Index), which "
            f"tells where the hard collision is, found {found}; dz of tracks and the number of "
            "vertices cannot be known: produce the file with 'Vertex'"
        )


def _starts(offsets: AnyArray, sizes: list[AnyArray]) -> list[AnyArray]:
    """First position of every collection's particles in every event, joined event by event."""
    counts = np.array([np.diff(size) for size in sizes])
    return list(offsets[:-1] + np.cumsum(counts, axis=0) - counts)


def eflow(events: ak.Array) -> tuple[AnyArray, dict[str, Column]]:
    """Delphes E-Flow: tracks, photons, neutral hadrons, before PUPPI."""
    track, photon, hadron = "EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron"
    neutrals = (photon, hadron)
    size = {name: offsets_of(read(events, name, "Eta")) for name in (track, *neutrals)}
    offsets = np.sum(list(size.values()), axis=0)

    starts = dict(zip(size, _starts(offsets, list(size.values())), strict=True))

    @cache
    def place(name: str) -> AnyArray:
        """Positions of this collection's particles in the flat columns, computed once."""
        shift = np.repeat(starts[name] - size[name][:-1], np.diff(size[name]))
        return np.arange(size[name][-1]) + shift

    def filled(values: dict[str, Any], dtype: Any) -> AnyArray:
        """Flat column of one array or constant a collection."""
        out = np.empty(offsets[-1], dtype)
        for name, value in values.items():
            out[place(name)] = value
        return out

    def joined(tracks: str, others: str, limits: Limits, dtype: Any) -> AnyArray:
        """Column that is stored for every collection."""
        branches = {track: tracks, photon: others, hadron: others}
        return filled({n: column(events, n, b, limits, dtype) for n, b in branches.items()}, dtype)

    def of_tracks(
        make: Callable[[], AnyArray], others: tuple[float, float], dtype: Any
    ) -> AnyArray:
        """Column given for tracks, constant for photons and neutral hadrons."""
        return filled({track: make(), photon: others[0], hadron: others[1]}, dtype)

    def of_track(branch: str, limits: Limits = FINITE, dtype: Any = np.float64) -> AnyArray:
        return column(events, track, branch, limits, dtype)

    @cache
    def pt() -> AnyArray:
        return joined("PT", "ET", PT, np.float32)

    @cache
    def eta() -> AnyArray:
        return joined("Eta", "Eta", ETA, np.float32)

    def pid() -> AnyArray:
        charged = of_tracks(
            lambda: pid_of_charged(of_track("PID", CODE, np.int32)),
            (PID["photon"], PID["neutral hadron"]),
            np.uint8,
        )
        return np.where(
            charged >= PID["photon"], pid_of_neutral(charged == PID["photon"], eta()), charged
        ).astype(np.uint8)

    def dz() -> AnyArray:
        vertex = np.repeat(hard_vertex_z(events), np.diff(size[track]))
        return (track_of("DZ") - vertex) * MM_TO_CM

    def track_of(branch: str) -> AnyArray:
        """Return a track parameter [mm]; NaN where the file has none or no value at all."""
        everything = np.ones(size[track][-1], np.bool_)
        return (
            track_column(events, track, branch, everything, np.float64)
            if has_branch(events, track, branch)
            else np.full(size[track][-1], np.nan)
        )

    def mass() -> AnyArray:
        """Return the stored masses, or those that belong to the tracks' identities."""
        if has_branch(events, track, "Mass"):
            return of_tracks(lambda: of_track("Mass", MASS), (0.0, 0.0), np.float64)
        return of_tracks(lambda: mass_of(of_track("PID", CODE, np.int32)), (0.0, 0.0), np.float64)

    columns: dict[str, Column] = {
        "pt": pt,
        "eta": eta,
        "phi": lambda: wrapped(joined("Phi", "Phi", ANGLE, np.float32)),
        "energy": lambda: energy_of(pt(), eta(), mass()).astype(np.float32),
        "charge": lambda: of_tracks(lambda: of_track("Charge", CHARGE, np.int8), (0, 0), np.int8),
        "pid": pid,
        "d0": lambda: of_tracks(lambda: track_of("D0") * MM_TO_CM, (0, 0), np.float32),
        "dz": lambda: of_tracks(dz, (0, 0), np.float32),
        "z0": lambda: of_tracks(lambda: track_of("DZ") * MM_TO_CM, (0, 0), np.float32),
        "dz_error": lambda: of_tracks(lambda: track_of("ErrorDZ") * MM_TO_CM, (0, 0), np.float32),
    }
    if all(has_branch(events, name, "HardEnergyFraction") for name in neutrals):
        columns["hard_fraction"] = lambda: filled(
            {track: 1 - of_track("IsPU", CODE, np.int32)}
            | {n: column(events, n, "HardEnergyFraction", FRACTION) for n in neutrals},
            np.float32,
        )
    if all(has_branch(events, name, "IsPU") for name in size):
        columns["is_pu"] = lambda: joined("IsPU", "IsPU", CODE, np.int32) != 0
    if has_branch(events, track, "IsRecoPU"):
        columns["is_reco_pu"] = lambda: of_tracks(
            lambda: of_track("IsRecoPU", CODE, np.int32) != 0, (0, 0), np.bool_
        )
    return offsets, columns


def particle_flow_candidate(events: ak.Array) -> tuple[AnyArray, dict[str, Column]]:
    """Delphes `ParticleFlowCandidate`; in the Phase-II card these are what RunPUPPI left."""
    name = "ParticleFlowCandidate"
    offsets = offsets_of(read(events, name, "PT"))

    @cache
    def stored(branch: str, limits: Limits, dtype: Any = np.float32) -> AnyArray:
        return column(events, name, branch, limits, dtype)

    def charge() -> AnyArray:
        return stored("Charge", CHARGE, np.int8)

    def pdg_id() -> AnyArray:
        return stored("PID", CODE, np.int32)

    def energy() -> AnyArray:
        if has_branch(events, name, "E"):
            return stored("E", ENERGY)
        mass = (
            stored("Mass", MASS)
            if has_branch(events, name, "Mass")
            else np.where(charge() != 0, mass_of(pdg_id()), 0.0)
        )
        return energy_of(stored("PT", PT), stored("Eta", ETA), mass).astype(np.float32)

    def pid() -> AnyArray:
        neutral = pid_of_neutral(np.abs(pdg_id()) == 22, stored("Eta", ETA))
        return np.where(charge() != 0, pid_of_charged(pdg_id()), neutral).astype(np.uint8)

    def tracked(branch: str, relative_to_vertex: bool) -> AnyArray:
        """Return a track parameter [cm]: 0 for neutrals, NaN where the file does not store it."""
        charged = charge() != 0
        if not has_branch(events, name, branch):
            return np.where(charged, np.nan, 0.0).astype(np.float32)
        values = track_column(events, name, branch, charged, np.float64)
        if relative_to_vertex:
            values -= np.repeat(hard_vertex_z(events), np.diff(offsets))
        return np.where(charged, values * MM_TO_CM, 0.0).astype(np.float32)

    columns: dict[str, Column] = {
        "pt": lambda: stored("PT", PT),
        "eta": lambda: stored("Eta", ETA),
        "phi": lambda: wrapped(stored("Phi", ANGLE)),
        "energy": energy,
        "charge": charge,
        "pid": pid,
        "d0": lambda: tracked("D0", relative_to_vertex=False),
        "dz": lambda: tracked("DZ", relative_to_vertex=True),
        "z0": lambda: tracked("DZ", relative_to_vertex=False),
        "dz_error": lambda: tracked("ErrorDZ", relative_to_vertex=False),
    }
    if has_branch(events, name, "HardEnergyFraction"):
        columns["hard_fraction"] = lambda: stored("HardEnergyFraction", FRACTION)
    if has_branch(events, name, "IsPU"):
        columns["is_pu"] = lambda: stored("IsPU", CODE, np.int32) != 0
    if has_branch(events, name, "IsRecoPU"):
        columns["is_reco_pu"] = lambda: stored("IsRecoPU", CODE, np.int32) != 0
    return offsets, columns


def _towers(events: ak.Array) -> AnyArray:
    """Delphes' towers as trigger towers: e.m. and hadronic E_T each floored to 0.5 GeV counts."""
    eta = column(events, "Tower", "Eta", ETA, np.float64)
    phi = column(events, "Tower", "Phi", ANGLE, np.float64)
    em = column(events, "Tower", "Eem", ENERGY, np.float64)
    had = column(events, "Tower", "Ehad", ENERGY, np.float64)
    return towers_from_energy(eta, phi, em, had, offsets_of(read(events, "Tower", "Eta")))


def _gen_met(events: ak.Array) -> ak.Array:
    size, azimuth = (by_event(read(events, "GenMissingET", b), np.float64) for b in ("MET", "Phi"))
    file = file_of(events)
    check(size, PT, "GenMissingET.MET", file)
    check(azimuth, ANGLE, "GenMissingET.Phi", file)
    return ak.zip({"pt": size, "phi": azimuth})


def _gen_jets(events: ak.Array) -> ak.Array:
    branches = {"PT": PT, "Eta": ETA, "Phi": ANGLE}
    if has_branch(events, "GenJet", "Mass"):
        branches["Mass"] = MASS
    columns = {
        b.lower(): column(events, "GenJet", b, limits, np.float64) for b, limits in branches.items()
    }
    columns.setdefault("mass", np.zeros_like(columns["pt"]))
    return ak.unflatten(ak.zip(columns), ak.num(read(events, "GenJet", "PT")))


def _hard_vertex(events: ak.Array) -> AnyArray:
    return hard_vertex_z(events) * MM_TO_CM


def _event_weight(events: ak.Array) -> AnyArray:
    return by_event(read(events, "Event", "Weight"), np.float64)


DELPHES = Format(
    name="delphes",
    tree="Delphes",
    schema=TriggerDelphesSchema,
    candidates=(
        Reader("EFlow", ("EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron"), eflow),
        Reader("ParticleFlowCandidate", ("ParticleFlowCandidate",), particle_flow_candidate),
    ),
    regions=(Reader("Tower", ("Tower",), _towers),),
    gen_met=(Reader("GenMissingET", ("GenMissingET",), _gen_met),),
    gen_jets=(Reader("GenJet", ("GenJet.PT",), _gen_jets),),
    vertices=tuple(Reader("Vertex", (name,), vertex_count) for name in ("Vertex", *_TRACKS)),
    hard_vertex=tuple(Reader("Vertex", (name,), _hard_vertex) for name in ("Vertex", *_TRACKS)),
    event_weight=(Reader("Event.Weight", ("Event.Weight",), _event_weight),),
)
"""Delphes with its own schema, particles before and after PUPPI, calorimeter and truth."""
