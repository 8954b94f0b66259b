"""What networks of the correlator read: its candidates, jets and vertex, from events."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import awkward as ak
import numpy as np

from l1kd._edge import by_event, collections, flat, has_branch, note, offsets_of, read, shown
from l1kd.algorithms import layer2
from l1kd.algorithms.base import with_simulated_dz
from l1kd.algorithms.linpuppi import LinPuppi, track_z0
from l1kd.candidates import sources
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.correlator.jets import SeededCone
from l1kd.emulators.correlator.jets.constituents import jet_of_candidates
from l1kd.emulators.correlator.types import (
    DXY_PER_SQRT_CM,
    ETA_PHI_LSB,
    PT_LSB,
    Z0_LSB,
    dxy_to_raw,
    z0_to_raw,
)
from l1kd.emulators.deployed.candidate_arrays import CHARGED, PHOTON, CandidateArrays
from l1kd.errors import InputError, MissingBranchError, UnknownFormatError
from l1kd.hardware_objects import whole_steps
from l1kd.validation import CODE, FINITE, Limits, check, column, file_of

__all__ = ["COLLECTIONS", "CorrelatorEvents", "can_read", "correlator_events"]

COLLECTIONS: Final = ("L1PuppiCand", "L1ExtPuppiCand", "L1PuppiCands")
"""PUPPI candidates of layer 2: inserted by l1kd or of L1 NANO, of extended tracks, of perfNano."""
VERTICES: Final = ("L1PuppiVertex", "L1PV", "L1Vertex", "L1Vtx")
SLOTS: Final = 128
GOOD_TRACK: Final = 3
"""hwTkQuality of a track that passes the loose and the tight selection."""
_SAME_PLACE: Final = 0.02
"""Of a charged candidate and its particle in eta; a step of the candidates is 0.0044."""
_WORD: Final = {
    "hwPt": Limits(0, 2**14 - 1, "steps of 0.25 GeV", whole=True),
    "hwEta": Limits(-(2**11), 2**11 - 1, "steps of pi/720", whole=True),
    "hwPhi": Limits(-(2**10), 2**10 - 1, "steps of pi/720", whole=True),
    "hwId": Limits(0, 7, whole=True),
    "hwPuppiW": Limits(0, 2**9 - 1, "steps of 1/256", whole=True),
    "hwEmID": Limits(0, 2**6 - 1, whole=True),
    "hwTkQuality": Limits(0, 2**3 - 1, whole=True),
}
"""What the fields of layer 2's 64-bit words hold."""
_STEPS: Final = {
    "pt": ("hwPt", PT_LSB, "GeV"),
    "eta": ("hwEta", ETA_PHI_LSB, ""),
    "phi": ("hwPhi", ETA_PHI_LSB, "rad"),
    "puppiWeight": ("hwPuppiW", 1 / 256, ""),
}
_IDENTITY: Final = {130: 0, 22: 1, -211: 2, 211: 3, 11: 4, -11: 5, 13: 6, -13: 7}


@dataclass(frozen=True)
class CorrelatorEvents:
    """Candidates of events, padded, and what follows from them.

    Attributes
    ----------
    candidates
        At most 128 an event, as layer 2 has them.
    added
        Collections that were computed because the events lacked them.
    filled
        Numbers of candidates that the events do not have, and what stands for them.
    """

    candidates: CandidateArrays
    added: dict[str, ak.Array] = field(default_factory=dict)
    filled: dict[str, int] = field(default_factory=dict)

    @cached_property
    def jets(self) -> dict[str, AnyArray]:
        """Seeded-cone jets of radius 0.4: output of `SeededCone.run`."""
        c = self.candidates
        return SeededCone().run(
            {
                "n_cand": c.count.astype(np.int16),
                **{
                    f"cand_{name}": getattr(c, name).astype(np.int16)
                    for name in ("hwPt", "hwEta", "hwPhi")
                },
            }
        )

    @cached_property
    def jet_of(self) -> AnyArray:
        """Jet of every candidate, int16 of shape (n, slots), -1 of none."""
        c = self.candidates
        return jet_of_candidates(c.count, c.hwEta, c.hwPhi, self.jets, SeededCone().cone2)

    def of_jets(self, values: AnyArray) -> AnyArray:
        """Return numbers of the jets of all events, one after another."""
        slots = np.arange(values.shape[1])
        return values[slots < self.jets["n_jets"][:, np.newaxis]]


def can_read(events: Any) -> bool:
    """Whether events have PUPPI candidates, or particles of which they can be made."""
    there = collections(events)
    return any(name in there for name in (*COLLECTIONS, "L1Cand")) or bool(sources(events))


def correlator_events(
    events: ak.Array, source: str | None, linpuppi: LinPuppi, *, tracks: bool
) -> CorrelatorEvents:
    """Read the candidates of events; where there are none, run the correlator.

    Parameters
    ----------
    events
        With one of `COLLECTIONS`, or particles.
    source
        The collection to read; by default the first that is there.
    linpuppi
        How the correlator runs.
    tracks
        Whether the tracks' own numbers are needed, and not only momenta and identities.

    Raises
    ------
    UnknownFormatError
        If `source` is not there.
    MissingBranchError, InputError
        If a number of the candidates is missing, or is none of the firmware.
    """
    name = _collection(events, source)
    added: dict[str, ak.Array] = {}
    if name is None:
        made = linpuppi.fields(events)
        if "L1Cand" not in events.fields:
            added["L1Cand"] = linpuppi.particles(events)  # tracks' numbers are read from it
        added |= {place: record for place, record in made.items() if "." not in place}
        for place, record in added.items():
            events = ak.with_field(events, record, place)
        name = COLLECTIONS[0]
    note("candidates", name)
    offsets = offsets_of(read(events, name, "pt"))
    columns, filled = _columns(events, name, tracks)
    counts = np.diff(offsets)
    if len(counts) and counts.max() > SLOTS:
        event = int(np.argmax(counts))
        raise InputError(
            f"{name}: expected at most {SLOTS} candidates, as layer 2 has them, found "
            f"{counts[event]} in event {event}"
        )
    kept = np.arange(SLOTS) < counts[:, np.newaxis]
    padded = {}
    for place, values in columns.items():
        padded[place] = np.zeros(kept.shape, values.dtype)
        padded[place][kept] = values
    candidates = CandidateArrays.of({"count": counts, **padded})
    return CorrelatorEvents(candidates, added, filled)


def _collection(events: ak.Array, source: str | None) -> str | None:
    if source is not None:
        if source not in events.fields:
            raise UnknownFormatError(
                f"source {source!r}: expected a collection of PUPPI candidates, such as "
                f"{', '.join(COLLECTIONS)} or that of a Correlator; the events hold "
                f"{shown(collections(events))}"
            )
        return source
    return next((name for name in COLLECTIONS if name in events.fields), None)


def _columns(
    events: ak.Array, name: str, tracks: bool
) -> tuple[dict[str, AnyArray], dict[str, int]]:
    """Return flat columns of `CandidateArrays`, and what was filled in."""
    if has_branch(events, name, "encodedPuppi64"):
        columns = _decoded(flat(read(events, name, "encodedPuppi64"), np.uint64))
        filled: dict[str, int] = {}
    elif has_branch(events, name, "hwId"):
        columns, filled = _inserted(events, name, tracks)
    else:
        columns, filled = _of_physical(events, name, tracks)
    charged = columns["hwId"] >= CHARGED
    if "dz" not in columns:
        columns |= _stored_tracks(events, name, columns) if tracks else _no_tracks(columns["hwPt"])
    for place in ("hwZ0", "hwDxy", "dz", "d0"):
        columns.setdefault(place, np.zeros_like(columns["hwPt"]))
        columns[place] = np.where(charged, columns[place], 0)
    return columns, filled


def _decoded(word: AnyArray) -> dict[str, AnyArray]:
    """Take the 64-bit words of layer 2 apart: pt 14 bits, eta 12, phi 11, id 3, data 21."""

    def bits(start: int, width: int) -> AnyArray:
        return ((word >> np.uint64(start)) & np.uint64((1 << width) - 1)).astype(np.int64)

    def signed(start: int, width: int) -> AnyArray:
        value = bits(start, width)
        return value - ((value >> (width - 1)) << width)

    identity = bits(37, 3)
    charged = identity >= CHARGED
    return {
        "hwPt": bits(0, 14),
        "hwEta": signed(14, 12),
        "hwPhi": signed(26, 11),
        "hwId": identity,
        "hwZ0": np.where(charged, signed(40, 10), 0),
        "hwDxy": np.where(charged, bits(50, 8), 0),
        "hwTkQuality": np.where(charged, bits(58, 3), 0),
        "hwPuppiW": np.where(charged, 256, bits(40, 9)),
        "hwEmID": np.where(charged, 0, bits(49, 6)),
    }


def _inserted(
    events: ak.Array, name: str, tracks: bool
) -> tuple[dict[str, AnyArray], dict[str, int]]:
    """Candidates that l1kd inserted: the tracks' numbers are those of their particles."""
    names = ("hwPt", "hwEta", "hwPhi", "hwId", "hwPuppiW")
    columns = {field: column(events, name, field, _WORD[field], np.int64) for field in names}
    photon = columns["hwId"] == PHOTON
    columns["hwEmID"] = photon.astype(np.int64)
    columns["hwTkQuality"] = np.where(columns["hwId"] >= CHARGED, GOOD_TRACK, 0)
    if not tracks:
        return columns | _no_tracks(columns["hwPt"]), {}
    particles = events["L1Cand"]
    index = flat(read(events, name, "l1CandIdx"), np.int64)
    start, count = (
        np.repeat(part, np.diff(offsets_of(events[name]["hwPt"])))
        for part in (offsets_of(particles["pt"])[:-1], np.diff(offsets_of(particles["pt"])))
    )
    charged = columns["hwId"] >= CHARGED
    position = np.where((index >= 0) & (index < count), index + start, 0)
    moved = charged & (index >= count)
    if len(eta := flat(particles["eta"], np.float64)):
        moved |= charged & (np.abs(columns["hwEta"] * ETA_PHI_LSB - eta[position]) > _SAME_PLACE)
    if moved.any():
        raise InputError(
            f"L1Cand: {int(moved.sum())} of {int(charged.sum())} charged candidates of {name} are "
            "none of its particles: it was changed after they were made of it; insert again"
        )
    found = events[name.removesuffix("Cand") + "Vertex"]
    if by_event(found["found"], np.bool_).any():
        along = _track_column(particles, "z0", position, charged)
    else:  # the simulated vertex is at 0 of dz
        along = _track_column(with_simulated_dz(events, particles), "dz", position, charged)
    if charged.any() and np.isnan(along[charged]).all():
        raise MissingBranchError(
            "the network reads where tracks come from along the beam, and L1Cand has neither z0 "
            "nor dz of them"
        )
    along = track_z0(along)
    across = np.abs(_track_column(particles, "d0", position, charged))
    if np.isnan(across[charged]).all() and charged.any():
        raise MissingBranchError(
            "the network reads the transverse impact parameters of tracks, and these events have "
            "no d0: produce them with D0 (Delphes) or d0 (PFNano)"
        )
    across = np.nan_to_num(across, nan=0.0)
    vertex = np.repeat(
        by_event(found["z0"], np.float32),
        np.diff(offsets_of(events[name]["hwPt"])),
    )
    columns["hwZ0"] = z0_to_raw(along).astype(np.int64)
    columns["hwDxy"] = dxy_to_raw(across).astype(np.int64)
    columns["dz"] = (along.astype(np.float32) - vertex).astype(np.float32)
    columns["d0"] = across.astype(np.float32)
    return columns, {"hwTkQuality": GOOD_TRACK}


def _track_column(
    particles: ak.Array, name: str, position: AnyArray, charged: AnyArray
) -> AnyArray:
    """Return a column of the candidates' particles, NaN where there is none."""
    if name not in particles.fields:
        return np.where(charged, np.nan, 0.0)
    values = flat(particles[name], np.float64)
    return np.where(charged, values[position] if len(values) else np.nan, 0.0)


def _no_tracks(like: AnyArray) -> dict[str, AnyArray]:
    return {name: np.zeros_like(like) for name in ("hwZ0", "hwDxy", "dz", "d0")}


def _of_physical(
    events: ak.Array, name: str, tracks: bool
) -> tuple[dict[str, AnyArray], dict[str, int]]:
    """Candidates in physical units, which lie on the firmware's steps."""
    pdg = column(events, name, "pdgId", CODE, np.int64)
    known = np.isin(pdg, list(_IDENTITY))
    if not known.all():
        raise InputError(
            f"{name}.pdgId: expected the correlator's codes {sorted(_IDENTITY)}, found "
            f"{pdg[~known][0]}"
        )
    identity = np.array([_IDENTITY[int(code)] for code in pdg], np.int64)
    charged = identity >= CHARGED

    def raw(branch: str, judged: AnyArray) -> AnyArray:
        """Count steps; of what is not `judged`, 0."""
        field, step, unit = _STEPS[branch]
        low, high, *_ = _WORD[field]
        values = flat(read(events, name, branch), np.float64)
        limits = Limits(low * step, high * step, unit)
        check(values[judged], limits, f"{name}.{branch}", file_of(events))
        try:
            counts = whole_steps(np.where(judged, values, 0.0), step, f" {unit}" if unit else "")
        except InputError as error:
            raise InputError(f"{name}.{branch}: {error}") from error
        return counts.astype(np.int64)

    everyone = np.ones(len(pdg), np.bool_)
    columns = {_STEPS[branch][0]: raw(branch, everyone) for branch in ("pt", "eta", "phi")}
    columns["hwId"] = identity
    columns["hwPuppiW"] = np.where(charged, 256, raw("puppiWeight", ~charged))
    filled = {}
    for field_name, fill in (
        ("hwEmID", (identity == PHOTON).astype(np.int64)),
        ("hwTkQuality", np.where(charged, GOOD_TRACK, 0)),
    ):
        if has_branch(events, name, field_name):
            columns[field_name] = column(events, name, field_name, _WORD[field_name], np.int64)
        else:
            columns[field_name] = fill
            if tracks:
                filled[field_name] = int(fill.max(initial=0))
    return columns, filled


def _stored_tracks(
    events: ak.Array, name: str, columns: dict[str, AnyArray]
) -> dict[str, AnyArray]:
    """Tracks' numbers as CMS stores them: z0 of the detector, dxy [cm]."""
    counts = np.diff(offsets_of(read(events, name, "pt")))
    charged = columns["hwId"] >= CHARGED
    found: dict[str, AnyArray] = {}
    for raw, branch in (("hwZ0", "z0"), ("hwDxy", "dxy")):
        if has_branch(events, name, branch):
            values = flat(read(events, name, branch), np.float32)
            check(values[charged], FINITE, f"{name}.{branch} (tracks)", file_of(events))
            found[branch] = np.where(charged, values, np.float32(0))
        elif raw not in columns:
            raise MissingBranchError(
                f"the network reads '{name}.{branch}' of tracks, which these events lack"
            )
    if "z0" not in found:
        found["z0"] = (columns["hwZ0"] * Z0_LSB).astype(np.float32)
    if "dxy" not in found:
        found["dxy"] = np.square(columns["hwDxy"] / DXY_PER_SQRT_CM).astype(np.float32)
    made: dict[str, AnyArray] = {
        "dz": (found["z0"] - np.repeat(_vertex(events), counts)).astype(np.float32),
        "d0": np.abs(found["dxy"]),
    }
    if "hwZ0" not in columns:
        made["hwZ0"] = z0_to_raw(found["z0"]).astype(np.int64)
        made["hwDxy"] = dxy_to_raw(found["dxy"]).astype(np.int64)
    return made


def _vertex(events: ak.Array) -> AnyArray:
    """Return z0 [cm] of every event's vertex of the largest sum of momenta, float32."""
    name = next((name for name in VERTICES if has_branch(events, name, "z0")), None)
    if name is None:
        raise MissingBranchError(
            f"the network reads distances to the primary vertex; expected one of "
            f"{', '.join(VERTICES)} with z0, found none"
        )
    z0 = read(events, name, "z0")
    if z0.ndim == 1:
        return np.asarray(check(ak.to_numpy(z0), FINITE, f"{name}.z0", file_of(events)), np.float32)
    if has_branch(events, name, "pt"):
        z0 = z0[ak.argmax(read(events, name, "pt"), axis=1, keepdims=True)]
    first = ak.to_numpy(ak.fill_none(ak.firsts(z0), 0.0))
    return np.asarray(check(first, FINITE, f"{name}.z0", file_of(events)), np.float32)


def with_jets(found: CorrelatorEvents, events: ak.Array) -> dict[str, ak.Array]:
    """Return the collections to insert, the jets among them where the events lack them.

    Raises
    ------
    InputError
        If the events have other jets than those of the candidates.
    """
    added = dict(found.added)
    if "L1SeededConeJet" not in added:
        if "L1SeededConeJet" not in events.fields:
            added["L1SeededConeJet"] = layer2.jets(found.jets)
        else:
            counts = ak.to_numpy(ak.num(events["L1SeededConeJet"]["pt"]))
            stored = flat(events["L1SeededConeJet"]["hwPt"], np.int64)
            if (counts != found.jets["n_jets"]).any() or (
                stored != found.of_jets(found.jets["hwPt"])
            ).any():
                raise InputError(
                    "L1SeededConeJet of these events is not made of their candidates (was a "
                    "selection applied?); insert linpuppi anew"
                )
    return added
