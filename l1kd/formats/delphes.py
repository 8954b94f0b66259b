"""Particles of Delphes: E-Flow before PUPPI, `ParticleFlowCandidate` after it. mm become cm."""

from collections.abc import Callable
from functools import cache
from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import (
    Array,
    flat,
    has_branch,
    offsets_of,
    read,
    require_finite,
)
from l1kd.errors import InputError
from l1kd.formats.columns import (
    MM_TO_CM,
    PID,
    Column,
    energy_of,
    pid_of_charged,
    pid_of_neutral,
    require_momentum,
    wrapped,
)

__all__ = ["eflow", "hard_vertex_z", "particle_flow_candidate"]


def hard_vertex_z(events: ak.Array, n_events: int) -> Array:
    """Position z [mm] of every event's hard vertex, or 0 where Delphes wrote no vertices."""
    if not has_branch(events, "Vertex", "Z"):
        return np.zeros(n_events)
    z, index = read(events, "Vertex", "Z"), read(events, "Vertex", "Index")
    hard = z[index == 0]
    counts = ak.to_numpy(ak.num(hard, axis=1))
    if (counts != 1).any():
        event = int(np.flatnonzero(counts != 1)[0])
        raise InputError(
            f"Vertex: expected one vertex with Index 0 in every event, found {counts[event]} in "
            f"event {event} of this chunk"
        )
    return flat(hard, np.float64)


def _starts(offsets: Array, sizes: list[Array]) -> list[Array]:
    """First position of every collection's particles in every event, joined event by event."""
    counts = np.array([np.diff(size) for size in sizes])
    return list(offsets[:-1] + np.cumsum(counts, axis=0) - counts)


def eflow(events: ak.Array) -> tuple[Array, dict[str, Column]]:
    """Delphes E-Flow: tracks, photons, neutral hadrons, before PUPPI."""
    track, photon, hadron = "EFlowTrack", "EFlowPhoton", "EFlowNeutralHadron"
    neutrals = (photon, hadron)
    size = {name: offsets_of(read(events, name, "Eta")) for name in (track, *neutrals)}
    offsets = np.sum(list(size.values()), axis=0)

    starts = dict(zip(size, _starts(offsets, list(size.values())), strict=True))

    @cache
    def place(name: str) -> Array:
        """Positions of this collection's particles in the flat columns, computed once."""
        shift = np.repeat(starts[name] - size[name][:-1], np.diff(size[name]))
        return np.arange(size[name][-1]) + shift

    def filled(values: dict[str, Any], dtype: Any) -> Array:
        """Flat column of one array or constant a collection."""
        out = np.empty(offsets[-1], dtype)
        for name, value in values.items():
            out[place(name)] = value
        return out

    def joined(of_track: str, of_neutral: str, dtype: Any) -> Array:
        """Column that is stored for every collection."""
        branches = {track: of_track, photon: of_neutral, hadron: of_neutral}
        return filled({n: flat(read(events, n, b), dtype) for n, b in branches.items()}, dtype)

    def of_tracks(make: Callable[[], Array], others: tuple[float, float], dtype: Any) -> Array:
        """Column given for tracks, constant for photons and neutral hadrons."""
        return filled({track: make(), photon: others[0], hadron: others[1]}, dtype)

    def track_column(branch: str, dtype: Any = np.float64) -> Array:
        return require_finite(flat(read(events, track, branch), dtype), f"{track}.{branch}")

    @cache
    def pt() -> Array:
        where = "EFlowTrack.PT, EFlowPhoton.ET or EFlowNeutralHadron.ET"
        return require_momentum(joined("PT", "ET", np.float32), where)

    @cache
    def eta() -> Array:
        return require_finite(joined("Eta", "Eta", np.float32), "EFlow*.Eta")

    def pid() -> Array:
        charged = of_tracks(
            lambda: pid_of_charged(track_column("PID", np.int32)),
            (PID["photon"], PID["neutral hadron"]),
            np.uint8,
        )
        return np.where(
            charged >= PID["photon"], pid_of_neutral(charged == PID["photon"], eta()), charged
        ).astype(np.uint8)

    def dz() -> Array:
        vertex = np.repeat(hard_vertex_z(events, len(offsets) - 1), np.diff(size[track]))
        return (track_column("DZ") - vertex) * MM_TO_CM

    def mass() -> Array:
        return of_tracks(lambda: track_column("Mass"), (0.0, 0.0), np.float64)

    columns: dict[str, Column] = {
        "pt": pt,
        "eta": eta,
        "phi": lambda: wrapped(require_finite(joined("Phi", "Phi", np.float32), "EFlow*.Phi")),
        "energy": lambda: energy_of(pt(), eta(), mass()).astype(np.float32),
        "charge": lambda: of_tracks(lambda: track_column("Charge", np.int8), (0, 0), np.int8),
        "pid": pid,
        "d0": lambda: of_tracks(lambda: track_column("D0") * MM_TO_CM, (0, 0), np.float32),
        "dz": lambda: of_tracks(dz, (0, 0), np.float32),
        "dz_error": lambda: of_tracks(
            lambda: track_column("ErrorDZ") * MM_TO_CM, (0, 0), np.float32
        ),
    }
    if not has_branch(events, track, "ErrorDZ"):
        columns["dz_error"] = lambda: of_tracks(
            lambda: np.full(size[track][-1], np.nan), (0, 0), np.float32
        )
    if all(has_branch(events, name, "HardEnergyFraction") for name in neutrals):
        columns["hard_fraction"] = lambda: filled(
            {track: 1 - track_column("IsPU", np.int32)}
            | {n: flat(read(events, n, "HardEnergyFraction"), np.float32) for n in neutrals},
            np.float32,
        )
    if all(has_branch(events, name, "IsPU") for name in size):
        columns["is_pu"] = lambda: joined("IsPU", "IsPU", np.int32) != 0
    if has_branch(events, track, "IsRecoPU"):
        columns["is_reco_pu"] = lambda: of_tracks(
            lambda: track_column("IsRecoPU", np.int32) != 0, (0, 0), np.bool_
        )
    return offsets, columns


def particle_flow_candidate(events: ak.Array) -> tuple[Array, dict[str, Column]]:
    """Delphes `ParticleFlowCandidate`; in the Phase-II card these are what RunPUPPI left."""
    name = "ParticleFlowCandidate"
    offsets = offsets_of(read(events, name, "PT"))

    @cache
    def column(branch: str, dtype: Any = np.float32) -> Array:
        return require_finite(flat(read(events, name, branch), dtype), f"{name}.{branch}")

    def energy() -> Array:
        if has_branch(events, name, "E"):
            return column("E")
        return energy_of(column("PT"), column("Eta"), column("Mass")).astype(np.float32)

    def pid() -> Array:
        pdg_id = column("PID", np.int32)
        neutral = pid_of_neutral(np.abs(pdg_id) == 22, column("Eta"))
        return np.where(column("Charge", np.int8) != 0, pid_of_charged(pdg_id), neutral).astype(
            np.uint8
        )

    def tracked(branch: str, relative_to_vertex: bool) -> Array:
        """Return a track parameter [cm]: 0 for neutrals, NaN where the file does not store it."""
        charged = column("Charge", np.int8) != 0
        if not has_branch(events, name, branch):
            return np.where(charged, np.nan, 0.0).astype(np.float32)
        values = flat(read(events, name, branch), np.float64)
        if relative_to_vertex:
            values -= np.repeat(hard_vertex_z(events, len(offsets) - 1), np.diff(offsets))
        return np.where(charged, values * MM_TO_CM, 0.0).astype(np.float32)

    columns: dict[str, Column] = {
        "pt": lambda: require_momentum(column("PT"), f"{name}.PT"),
        "eta": lambda: column("Eta"),
        "phi": lambda: wrapped(column("Phi")),
        "energy": energy,
        "charge": lambda: column("Charge", np.int8),
        "pid": pid,
        "d0": lambda: tracked("D0", relative_to_vertex=False),
        "dz": lambda: tracked("DZ", relative_to_vertex=True),
        "dz_error": lambda: tracked("ErrorDZ", relative_to_vertex=False),
    }
    if has_branch(events, name, "HardEnergyFraction"):
        columns["hard_fraction"] = lambda: column("HardEnergyFraction")
    if has_branch(events, name, "IsPU"):
        columns["is_pu"] = lambda: column("IsPU", np.int32) != 0
    if has_branch(events, name, "IsRecoPU"):
        columns["is_reco_pu"] = lambda: column("IsRecoPU", np.int32) != 0
    return offsets, columns
