"""Missing-momentum and jet response of every weighting, event by event."""

from collections.abc import Sequence
from typing import Any

import awkward as ak
import hist
import numpy as np
from coffea import processor

from l1kd._edge import flat
from l1kd.algorithms import Algorithm
from l1kd.candidates import PID_NAMES, candidates
from l1kd.emulators.array_types import Floats
from l1kd.errors import ConfigurationError
from l1kd.formats import first
from l1kd.physics.jets import Jets, no_jets
from l1kd.physics.matching import match_nearest
from l1kd.physics.response import GEN_MET_EDGES, JET_PT_EDGES, MIN_GEN_MET
from l1kd.processors.columns import chunk_key
from l1kd.processors.particles import (
    DELPHES_PUPPI,
    Weighted,
    algorithms_for,
    generated_jets,
    insert_particles,
    open_particles,
)
from l1kd.processors.response_columns import LIMIT, ResponseColumns
from l1kd.statistics import event_ids
from l1kd.truth import (
    event_weight,
    gen_jets,
    gen_met,
    open_without_pileup,
    require_pairing,
    vertex_count,
)
from l1kd.vertices import Vertex, checked_vertex

__all__ = ["ORIGINS", "ResolutionProcessor", "weight_histogram"]


ORIGINS = ("hard", "pile-up", "unknown")
"""Where a particle comes from: most of its energy, as the simulation knows it."""


def weight_histogram(weightings: Sequence[str]) -> hist.Hist:
    """Empty histogram of particle weights: weighting x kind x origin x value, integer counts."""
    return hist.Hist(
        hist.axis.StrCategory(weightings, name="weighting"),
        hist.axis.StrCategory(PID_NAMES, name="kind"),
        hist.axis.StrCategory(ORIGINS, name="origin"),
        hist.axis.Regular(50, 0.0, 1.0, name="value", label="particle weight"),
        storage=hist.storage.Int64(),
    )


class ResolutionProcessor(processor.ProcessorABC):
    """Accumulate what `l1kd.physics.response` turns into resolution tables.

    Parameters
    ----------
    weightings
        Out of `l1kd.processors.particles.weightings()`. `soft_truth`, `no_pileup` and
        `delphes_puppi` are skipped, and counted under `absent`, for events that do not have them;
        so are generated jets, without which only MET is studied.
    algorithms
        The user's own `CandidateWeight` objects: each is a weighting, whether or not `weightings`
        names it, and one of a shipped name takes the shipped one's place.
    source
        Particle source, as for `l1kd.insert`.
    vertex
        Vertex that dz is relative to, as for `l1kd.insert`.
    min_pt
        Only particles with pt > min_pt [GeV] enter MET and jets. Set it to the cut of
        the stored candidates to compare with an uncut file without pile-up.
    jet_min_pt, max_dr
        Jets and generated jets have pt > jet_min_pt [GeV]; they match within dR < max_dr.
    min_gen_met
        Events with less generated MET [GeV] have no relative resolution: they are
        counted under `skipped`, and enter the recoil components and the jets only.
    met_edges, jet_edges
        Edges [GeV] of the bins of generated MET and jet pt, for datasets that are
        too large to keep every event.
    limit
        Largest number of events of a dataset that are kept one by one.
    min_pt_without
        The same cut in the event without pile-up, if it is another one there.
    jets
        Whether to cluster jets, which takes most of the time; without it none are matched.

    Notes
    -----
    The result is {dataset: {"seen", "used", "skipped": {reason: n}, "absent": {weighting: n},
    "particles": n, "weights": hist.Hist, "columns": ResponseColumns}}. The columns are those of
    `ResponseSample.from_columns`, `event_id`, `n_vertices`, and `n_jets:w`, the number of jets of
    an event. Of more events than `limit` the columns hold some, and their `histograms` all. The
    paired file without pile-up is the one that the events' metadata name as `truth`, see
    `l1kd.datasets`.
    """

    def __init__(
        self,
        weightings: Sequence[str] = ("none", "puppi", "distillnet", "qdistillnet", DELPHES_PUPPI),
        *,
        algorithms: Sequence[Algorithm] = (),
        source: str | None = None,
        vertex: Vertex | None = None,
        min_pt: float = 0.0,
        jet_min_pt: float = 15.0,
        max_dr: float = 0.4,
        min_gen_met: float = MIN_GEN_MET,
        met_edges: Sequence[float] = GEN_MET_EDGES,
        jet_edges: Sequence[float] = JET_PT_EDGES,
        limit: int = LIMIT,
        min_pt_without: float | None = None,
        jets: bool = True,
    ) -> None:
        scores = [each.name for each in algorithms if not each.is_weight]
        if scores:
            raise ConfigurationError(
                f"{', '.join(scores)}: an event score has no momentum to resolve; give it to "
                "RateProcessor"
            )
        own = [each.name for each in algorithms if each.name not in weightings]
        self.weightings = (*weightings, *own)
        self.algorithms = algorithms_for(self.weightings, algorithms)
        self.source = source
        self.vertex = checked_vertex(vertex)
        self.min_pt = min_pt
        self.jet_min_pt = jet_min_pt
        self.max_dr = max_dr
        self.min_gen_met = min_gen_met
        self.bins = {"met_edges": met_edges, "jet_edges": jet_edges, "min_gen_met": min_gen_met}
        self.limit = limit
        self.min_pt_without = min_pt if min_pt_without is None else min_pt_without
        self.jets = jets

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Insert the weights into one chunk and measure it."""
        metadata = dict(events.metadata)
        weight = event_weight(events)
        path, start = chunk_key(metadata)
        file = str(metadata.get("fileuuid", path))
        events = insert_particles(events, self.algorithms, self.source, self.vertex)
        inserted = events["L1Cand"]
        has_jets = self.jets and first("gen_jets", events) is not None
        generated = (
            generated_jets(gen_jets(events), self.jet_min_pt) if has_jets else no_jets(len(events))
        )
        missing = gen_met(events)
        size, azimuth = (ak.to_numpy(missing[x]).astype(np.float64) for x in ("pt", "phi"))
        columns = {
            "event_id": event_ids(file, start + np.arange(len(events))),
            "event_weight": weight,
            "gen_met_px": size * np.cos(azimuth),
            "gen_met_py": size * np.sin(azimuth),
            "n_gen_jets": np.diff(generated.offsets),
            "gen_jet_pt": generated.pt,
            "gen_jet_eta": generated.eta,
        }
        vertices = vertex_count(events)
        if vertices is not None:
            columns["n_vertices"] = vertices
        absent = {"generated jets": len(events)} if self.jets and not has_jets else {}
        for weighting in self.weightings:
            if weighting == "no_pileup":
                found = self._without_pileup(events, metadata)
            else:
                found = self._measured(weighting, events)
            if found is None:
                absent[weighting] = len(events)
                continue
            (px, py), jets = found
            mine, other = match_nearest(jets, generated, self.max_dr)
            matched = np.full(generated.pt.size, np.nan)
            matched[other] = jets.pt[mine]
            columns[f"met_px:{weighting}"], columns[f"met_py:{weighting}"] = px, py
            columns[f"jet_pt:{weighting}"] = matched
            columns[f"n_jets:{weighting}"] = np.diff(jets.offsets)
        skipped = self._skipped(size)
        return {
            metadata.get("dataset", "events"): {
                "seen": len(events),
                "used": len(events) - sum(skipped.values()),
                "skipped": skipped,
                "absent": absent,
                "particles": int(ak.sum(ak.num(inserted["pt"], axis=1))),
                "weights": self._weights(inserted),
                "columns": ResponseColumns(
                    {(path, start): columns}, limit=self.limit, bins=self.bins
                ),
            }
        }

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is: the tables are made by `l1kd.physics.response`."""
        return accumulator

    def _measured(
        self, weighting: str, events: ak.Array
    ) -> tuple[tuple[Floats, Floats], Jets] | None:
        """MET and jets of one weighting; None where the events cannot give it."""
        weighted = Weighted(weighting, events, self.min_pt, self.jet_min_pt)
        if not weighted.is_there:
            return None
        return weighted.met, weighted.jets if self.jets else no_jets(len(events))

    def _skipped(self, gen_met: Floats) -> dict[str, int]:
        """Count the events that have no relative resolution of MET, by reason."""
        small = (gen_met > 0.0) & (gen_met < self.min_gen_met)
        reasons = {
            "no generated MET": int((gen_met <= 0.0).sum()),
            f"generated MET below {self.min_gen_met:g} GeV": int(small.sum()),
        }
        return {reason: n for reason, n in reasons.items() if n}

    def _without_pileup(
        self, events: ak.Array, metadata: dict[str, Any]
    ) -> tuple[tuple[Floats, Floats], Jets] | None:
        """Measure the same events in the paired file without pile-up, where one is named."""
        path = metadata.get("truth")
        if path is None:
            return None
        start = chunk_key(metadata)[1]
        paired = open_without_pileup(path, start, start + len(events))
        require_pairing(events, paired, str(path), start)
        particles = open_particles(candidates(paired))
        particles = particles.select(particles.pt > self.min_pt_without)
        jets = particles.jets(None, self.jet_min_pt) if self.jets else no_jets(len(events))
        return particles.met(None), jets

    def _weights(self, inserted: ak.Array) -> hist.Hist:
        """Histogram of the weights of all particles, by kind and origin."""
        inserted_weightings = [a if isinstance(a, str) else a.name for a in self.algorithms]
        histogram = weight_histogram(inserted_weightings)
        if not inserted_weightings or "pid" not in inserted.fields:
            return histogram
        kind = flat(inserted["pid"], np.uint8)
        origin = np.full(kind.size, ORIGINS.index("unknown"))
        if "hard_fraction" in inserted.fields:
            origin = (flat(inserted["hard_fraction"], np.float64) < 0.5).astype(np.int64)
        for weighting in inserted_weightings:
            # weight one belongs into the last bin, not into the overflow
            weight = flat(inserted[f"{weighting}_weight"], np.float64)
            weight = np.minimum(weight, np.nextafter(1.0, 0.0))
            for k, kind_name in enumerate(PID_NAMES):
                for o, origin_name in enumerate(ORIGINS):
                    chosen = weight[(kind == k) & (origin == o)]
                    histogram.fill(weighting, kind_name, origin_name, chosen)
        return histogram
