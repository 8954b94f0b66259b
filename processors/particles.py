"""The flat view that the study processors share: particles, their weightings, jets, weights."""

from collections.abc import Sequence
from typing import NamedTuple

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from l1kd._edge import by_event, collections, flat, has_branch, offsets_of, read
from l1kd.algorithms import SHIPPED, Algorithm, CandidateWeight
from l1kd.candidates import candidates
from l1kd.emulators.array_types import Floats
from l1kd.errors import ConfigurationError
from l1kd.insertion import insert
from l1kd.physics.jets import Jets, anti_kt, sorted_jets
from l1kd.physics.met import missing_pt
from l1kd.statistics import checked_weights

__all__ = [
    "CORRELATOR",
    "DELPHES_PUPPI",
    "WEIGHTINGS",
    "Particles",
    "algorithms_for",
    "delphes_puppi_jets",
    "delphes_puppi_met",
    "event_weight",
    "generated_jets",
    "insert_particles",
    "measure",
    "open_particles",
]

DELPHES_PUPPI = "delphes_puppi"
"""Delphes' own PUPPI, from its branches PuppiMissingET and JetPUPPI: a cross-check."""

CORRELATOR = "correlator"
"""The Level-1 correlator's own MET and seeded-cone jets, with the firmware's steps and limits."""

WEIGHTINGS = (
    "none",
    *(name for name, algorithm in SHIPPED.items() if issubclass(algorithm, CandidateWeight)),
    "soft_truth",
    "no_pileup",
    DELPHES_PUPPI,
    CORRELATOR,
)
"""Every weighting: weight one; the algorithms of `l1kd.insert`; the share of hard energy that the
simulation knows; all particles of the same event without pile-up; Delphes' PUPPI; the correlator's
own objects."""


class Particles(NamedTuple):
    """Particles of all events of a chunk: flat columns, float64[n], and int64[n_events + 1]."""

    pt: Floats
    eta: Floats
    phi: Floats
    energy: Floats
    offsets: NDArray[np.int64]

    def select(self, mask: NDArray[np.bool_]) -> "Particles":
        """Return the particles for which the mask bool[n] is true, in the same events."""
        passed = np.concatenate([[0], np.cumsum(mask)])
        return Particles(
            self.pt[mask], self.eta[mask], self.phi[mask], self.energy[mask], passed[self.offsets]
        )

    def met(self, weights: Floats | None) -> tuple[Floats, Floats]:
        """Missing momentum (px, py) [GeV] of each event."""
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


def algorithms_for(
    weightings: Sequence[str], own: Sequence[Algorithm] = ()
) -> list[str | Algorithm]:
    """Find the algorithms to insert for these weightings.

    Parameters
    ----------
    weightings
        Names out of `WEIGHTINGS`, or of algorithms in `own`.
    own
        Algorithm objects; one of a shipped name takes the shipped one's place.

    Raises
    ------
    ConfigurationError
        If a weighting is unknown or named twice.
    """
    mine = {algorithm.name: algorithm for algorithm in own}
    known = (*WEIGHTINGS, *(name for name in mine if name not in WEIGHTINGS))
    unknown = [w for w in weightings if w not in known]
    if unknown or len(set(weightings)) != len(weightings):
        raise ConfigurationError(
            f"weightings {list(weightings)}: each once, out of {', '.join(known)}"
            + (f"; unknown: {', '.join(unknown)}" if unknown else "")
        )
    chosen = [mine.get(w, w) for w in weightings if w in mine or w in SHIPPED]
    if CORRELATOR in weightings and "linpuppi" not in weightings:
        chosen.append(mine.get("linpuppi", "linpuppi"))
    return chosen


def insert_particles(
    events: ak.Array, algorithms: Sequence[str | Algorithm], source: str | None
) -> ak.Array:
    """Insert `L1Cand` with these algorithms' weights, and scores; `L1Cand` even without any.

    What an earlier insertion left in the events is not computed again.
    """
    present = [*events["L1Cand"].fields] if "L1Cand" in collections(events) else []
    present += ["cicada_weight"] if "CICADA" in collections(events) else []
    missing = [a for a in algorithms if f"{getattr(a, 'name', a)}_weight" not in present]
    if missing:
        events = insert(events, algorithms=missing, source=source)
    if "L1Cand" not in collections(events):
        events = ak.with_field(events, candidates(events, source), "L1Cand")
    return events


def event_weight(events: ak.Array) -> Floats:
    """Weight of each event: Delphes' Event.Weight, NanoAOD's genWeight, or one.

    Raises
    ------
    InputError
        If one is NaN or infinite: nothing can be computed with it.
    """
    if has_branch(events, "Event", "Weight"):
        return checked_weights(by_event(read(events, "Event", "Weight"), np.float64), len(events))
    if "genWeight" in collections(events):
        return checked_weights(by_event(events["genWeight"], np.float64), len(events))
    return np.ones(len(events))


def delphes_puppi_met(events: ak.Array) -> tuple[Floats, Floats] | None:
    """Components [GeV] of Delphes' PUPPI missing momentum; None where it has none."""
    if not has_branch(events, "PuppiMissingET", "MET"):
        return None
    size = by_event(read(events, "PuppiMissingET", "MET"), np.float64)
    azimuth = by_event(read(events, "PuppiMissingET", "Phi"), np.float64)
    return size * np.cos(azimuth), size * np.sin(azimuth)


def delphes_puppi_jets(events: ak.Array, min_pt: float) -> Jets | None:
    """Delphes' PUPPI jets with pt > min_pt [GeV]; None where it has none."""
    if not has_branch(events, "JetPUPPI", "PT"):
        return None
    names = ("PT", "Eta", "Phi", "Mass")
    pt, eta, phi, mass = (flat(read(events, "JetPUPPI", x), np.float64) for x in names)
    jets = sorted_jets(pt, eta, phi, mass, offsets_of(read(events, "JetPUPPI", "PT")))
    return jets.select(jets.pt > min_pt)


def generated_jets(records: ak.Array, min_pt: float) -> Jets:
    """Open the records of `l1kd.truth.gen_jets`, those with pt > min_pt [GeV]."""
    pt, eta, phi, mass = (flat(records[x], np.float64) for x in ("pt", "eta", "phi", "mass"))
    jets = sorted_jets(pt, eta, phi, mass, offsets_of(records["pt"]))
    return jets.select(jets.pt > min_pt)


def _correlator(events: ak.Array, min_pt: float) -> tuple[tuple[Floats, Floats], Jets]:
    """Missing momentum and jets of the collections that LinPUPPI leaves in the events."""
    met, found = events["L1PuppiMET"], events["L1SeededConeJet"]
    size, azimuth = (ak.to_numpy(met[x]).astype(np.float64) for x in ("pt", "phi"))
    pt, eta, phi, mass = (flat(found[x], np.float64) for x in ("pt", "eta", "phi", "mass"))
    jets = sorted_jets(pt, eta, phi, mass, offsets_of(found["pt"]))
    return (size * np.cos(azimuth), size * np.sin(azimuth)), jets.select(jets.pt > min_pt)


def measure(
    weighting: str, events: ak.Array, min_pt: float, jet_min_pt: float
) -> tuple[tuple[Floats, Floats], Jets] | None:
    """Missing momentum (px, py) [GeV] and jets of one weighting of events that have `L1Cand`.

    Only particles with pt > min_pt [GeV] count. None where the events do not have what the
    weighting needs (the simulation's truth, Delphes' PUPPI branches).
    """
    if weighting == DELPHES_PUPPI:
        met, jets = delphes_puppi_met(events), delphes_puppi_jets(events, jet_min_pt)
        return None if met is None or jets is None else (met, jets)
    if weighting == CORRELATOR:
        return _correlator(events, jet_min_pt)
    inserted = events["L1Cand"]
    field = "hard_fraction" if weighting == "soft_truth" else f"{weighting}_weight"
    if weighting != "none" and field not in inserted.fields:
        return None
    particles = open_particles(inserted)
    kept = particles.pt > min_pt
    particles = particles.select(kept)
    weights = None if weighting == "none" else flat(inserted[field], np.float64)[kept]
    return particles.met(weights), particles.jets(weights, jet_min_pt)
