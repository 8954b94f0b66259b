"""The flat view that the study processors share: particles, their weightings, jets, weights."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import by_event, collections, flat, has_branch, offsets_of, read
from l1kd.algorithms import ALGORITHMS, Algorithm, algorithm
from l1kd.columns import EventColumns
from l1kd.emulators.array_types import Floats, Offsets
from l1kd.errors import ConfigurationError
from l1kd.insertion import insert, insert_candidates
from l1kd.physics.jets import Jets, anti_kt, sorted_jets
from l1kd.physics.met import missing_pt
from l1kd.registry import nearest
from l1kd.validation import ANGLE, ETA, MASS, PT, check, column, file_of
from l1kd.vertices import Vertex

__all__ = [
    "CORRELATOR",
    "DELPHES_PUPPI",
    "NONE",
    "NO_PILEUP",
    "SOFT_TRUTH",
    "Particles",
    "Weighted",
    "algorithms_for",
    "delphes_puppi_jets",
    "delphes_puppi_met",
    "generated_jets",
    "insert_missing",
    "insert_particles",
    "measure",
    "open_particles",
    "sharing",
    "weightings",
]

DELPHES_PUPPI = "delphes_puppi"
"""Delphes' own PUPPI, from its branches PuppiMissingET and JetPUPPI: a cross-check."""

CORRELATOR = "correlator"
"""The Level-1 correlator's own MET and seeded-cone jets, with the firmware's steps and limits.

So is every weighting that is named as the prefix of a `Correlator`."""

NONE, SOFT_TRUTH, NO_PILEUP = "none", "soft_truth", "no_pileup"
"""Weight one; the share of hard energy that the simulation knows; all particles of the same event
without pile-up."""


def weightings() -> tuple[str, ...]:
    """Names of all weightings: `NONE`, the registered particle weights, truths and cross-checks."""
    weights = (name for name in ALGORITHMS if algorithm(name).is_weight)
    return (NONE, *weights, SOFT_TRUTH, NO_PILEUP, DELPHES_PUPPI, CORRELATOR)


@dataclass(frozen=True)
class Particles(EventColumns):
    """Particles of all events of a chunk: flat columns, float64[n], and int64[n_events + 1]."""

    pt: Floats
    eta: Floats
    phi: Floats
    energy: Floats
    offsets: Offsets

    def met(self, weights: Floats | None) -> tuple[Floats, Floats]:
        """MET (px, py) [GeV] of each event."""
        return missing_pt(self.pt, self.phi, self.offsets, weights)

    def jets(self, weights: Floats | None, min_pt: float) -> Jets:
        """Anti-kt jets of each event."""
        return anti_kt(
            self.pt, self.eta, self.phi, self.energy, self.offsets, weights, min_pt=min_pt
        )


def open_particles(candidates: ak.Array) -> Particles:
    """Open canonical candidates (`l1kd.candidates`, `events.L1Cand`) into flat columns."""
    pt, eta, phi, energy = (
        flat(candidates[name], np.float64) for name in ("pt", "eta", "phi", "energy")
    )
    return Particles(pt, eta, phi, energy, offsets_of(candidates["pt"]))


def algorithms_for(names: Sequence[str], own: Sequence[Algorithm] = ()) -> list[str | Algorithm]:
    """Find the algorithms to insert for these weightings.

    Parameters
    ----------
    names
        Names out of `weightings()`, or of algorithms in `own`.
    own
        Algorithm objects; one of a registered name takes the registered one's place.

    Returns
    -------
    The names of shipped algorithms, and objects of the user's, which workers cannot look up.

    Raises
    ------
    ConfigurationError
        If a weighting is unknown or named twice.
    """
    mine = {each.name: each for each in own if each.is_weight}
    known = list(dict.fromkeys((*weightings(), *mine)))
    unknown = [w for w in names if w not in known]
    if unknown or len(set(names)) != len(names):
        raise ConfigurationError(
            f"weightings {list(names)}: each once, out of {', '.join(known)}"
            + (f"; unknown: {', '.join(unknown)}{nearest(unknown[0], known)}" if unknown else "")
        )
    wanted = [w for w in names if w in mine or w in ALGORITHMS]
    if CORRELATOR in names and "linpuppi" not in names:
        wanted.append("linpuppi")
    objects = {w: algorithm(w) for w in ALGORITHMS if ALGORITHMS.is_own(w)} | mine
    return [objects.get(w, w) for w in wanted]


def insert_particles(
    events: ak.Array,
    algorithms: Sequence[str | Algorithm],
    source: str | None,
    vertex: Vertex | None = None,
) -> ak.Array:
    """Insert `L1Cand` with these algorithms' weights, and scores; `L1Cand` even without any.

    What an earlier insertion left in the events is not computed again.
    """
    events = insert_missing(events, algorithms, source, vertex)
    if "L1Cand" not in collections(events):
        events = insert_candidates(events, source, vertex)
    return events


def insert_missing(
    events: ak.Array,
    algorithms: Sequence[str | Algorithm],
    source: str | None,
    vertex: Vertex | None = None,
) -> ak.Array:
    """Insert what these algorithms add, as far as it is not in the events already."""
    missing = [a for a in map(algorithm, algorithms) if not _is_there(events, a.adds)]
    return insert(events, missing, source, vertex) if missing else events


def _is_there(events: ak.Array, place: str) -> bool:
    collection, _, field = place.partition(".")
    return collection in collections(events) and (not field or field in events[collection].fields)


def delphes_puppi_met(events: ak.Array) -> tuple[Floats, Floats]:
    """Components [GeV] of Delphes' PUPPI MET."""
    size, azimuth = (
        by_event(read(events, "PuppiMissingET", b), np.float64) for b in ("MET", "Phi")
    )
    check(size, PT, "PuppiMissingET.MET", file_of(events))
    check(azimuth, ANGLE, "PuppiMissingET.Phi", file_of(events))
    return size * np.cos(azimuth), size * np.sin(azimuth)


def delphes_puppi_jets(events: ak.Array, min_pt: float) -> Jets:
    """Delphes' PUPPI jets with pt > min_pt [GeV]."""
    limits = {"PT": PT, "Eta": ETA, "Phi": ANGLE, "Mass": MASS}
    pt, eta, phi, mass = (
        column(events, "JetPUPPI", branch, limit, np.float64) for branch, limit in limits.items()
    )
    jets = sorted_jets(pt, eta, phi, mass, offsets_of(read(events, "JetPUPPI", "PT")))
    return jets.select(jets.pt > min_pt)


def generated_jets(records: ak.Array, min_pt: float) -> Jets:
    """Open the records of `l1kd.truth.gen_jets`, those with pt > min_pt [GeV]."""
    pt, eta, phi, mass = (flat(records[x], np.float64) for x in ("pt", "eta", "phi", "mass"))
    jets = sorted_jets(pt, eta, phi, mass, offsets_of(records["pt"]))
    return jets.select(jets.pt > min_pt)


def _correlator_objects(weighting: str, events: ak.Array) -> tuple[str, str] | None:
    """Name the MET and the jets that the correlator of this weighting leaves in the events."""
    if weighting == CORRELATOR:
        return "L1PuppiMET", "L1SeededConeJet"
    names = f"{weighting}MET", f"{weighting}Jet"
    is_prefix = has_branch(events, "L1Cand", f"{weighting}_weight")
    return names if is_prefix and set(names) <= collections(events) else None


def _correlator_met(events: ak.Array, collection: str) -> tuple[Floats, Floats]:
    """MET that a correlator leaves in the events."""
    met = events[collection]
    size, azimuth = (ak.to_numpy(met[x]).astype(np.float64) for x in ("pt", "phi"))
    return size * np.cos(azimuth), size * np.sin(azimuth)


def _correlator_jets(events: ak.Array, collection: str, min_pt: float) -> Jets:
    """Jets that a correlator leaves in the events."""
    found = events[collection]
    pt, eta, phi, mass = (flat(found[x], np.float64) for x in ("pt", "eta", "phi", "mass"))
    jets = sorted_jets(pt, eta, phi, mass, offsets_of(found["pt"]))
    return jets.select(jets.pt > min_pt)


_found: ContextVar[dict[tuple[Any, ...], Any] | None] = ContextVar("found", default=None)


@contextmanager
def sharing() -> Iterator[None]:
    """Let several processors of one chunk, inside the block, cluster its jets once."""
    token = _found.set({})
    try:
        yield
    finally:
        _found.reset(token)


def _once(key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    found = _found.get()
    if found is None:
        return make()
    if key not in found:
        found[key] = make()
    return found[key]


class Weighted:
    """One weighting of events that have `L1Cand`, see `l1kd.trigger.quantities.Measured`.

    Parameters
    ----------
    weighting
        A name; empty for what no weighting enters.
    events
        With what `insert_particles` inserted.
    min_pt, jet_min_pt
        Only particles with pt > min_pt [GeV] count, and jets have pt > jet_min_pt [GeV].
    ht_cuts
        Jets with pt above the first [GeV] and abs(eta) below the second enter HT.
    """

    def __init__(
        self,
        weighting: str,
        events: ak.Array,
        min_pt: float = 0.0,
        jet_min_pt: float = 15.0,
        ht_cuts: tuple[float, float] = (30.0, 2.4),
    ) -> None:
        self.weighting = weighting
        self.events = events
        self.min_pt = min_pt
        self.jet_min_pt = jet_min_pt
        self.ht_cuts = ht_cuts

    @property
    def _field(self) -> str | None:
        """Field of `L1Cand` that holds the weights, None for weight one."""
        if self.weighting == NONE:
            return None
        return "hard_fraction" if self.weighting == SOFT_TRUTH else f"{self.weighting}_weight"

    @property
    def is_there(self) -> bool:
        """Whether the events have what the weighting needs."""
        if self.weighting == DELPHES_PUPPI:
            return has_branch(self.events, "PuppiMissingET", "MET") and has_branch(
                self.events, "JetPUPPI", "PT"
            )
        if self.weighting == CORRELATOR:
            return "L1PuppiMET" in collections(self.events)
        field = self._field
        return field is None or has_branch(self.events, "L1Cand", field)

    @cached_property
    def _kept(self) -> tuple[Particles, Floats | None]:
        inserted = self.events["L1Cand"]
        particles = open_particles(inserted)
        kept = particles.pt > self.min_pt
        field = self._field
        weights = None if field is None else flat(inserted[field], np.float64)[kept]
        return particles.select(kept), weights

    @property
    def particles(self) -> Particles:
        """Particles that count."""
        return self._kept[0]

    @property
    def weights(self) -> Floats | None:
        """Weights of these particles, None for weight one."""
        return self._kept[1]

    @cached_property
    def met(self) -> tuple[Floats, Floats]:
        """MET (px, py) [GeV] of each event."""
        if self.weighting == DELPHES_PUPPI:
            return delphes_puppi_met(self.events)
        objects = _correlator_objects(self.weighting, self.events)
        if objects is not None:
            return _correlator_met(self.events, objects[0])
        return self.particles.met(self.weights)

    @cached_property
    def jets(self) -> Jets:
        """Jets of each event."""
        if self.weighting == DELPHES_PUPPI:
            return delphes_puppi_jets(self.events, self.jet_min_pt)
        objects = _correlator_objects(self.weighting, self.events)
        if objects is not None:
            return _correlator_jets(self.events, objects[1], self.jet_min_pt)
        found: Jets = _once(
            (self.weighting, self.min_pt, self.jet_min_pt),
            lambda: self.particles.jets(self.weights, self.jet_min_pt),
        )
        return found


def measure(
    weighting: str, events: ak.Array, min_pt: float, jet_min_pt: float
) -> tuple[tuple[Floats, Floats], Jets] | None:
    """MET (px, py) [GeV] and jets of one weighting of events that have `L1Cand`.

    Only particles with pt > min_pt [GeV] count. None where the events do not have what the
    weighting needs (the simulation's truth, Delphes' PUPPI branches).
    """
    weighted = Weighted(weighting, events, min_pt, jet_min_pt)
    return (weighted.met, weighted.jets) if weighted.is_there else None
