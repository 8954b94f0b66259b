"""Per-event trigger quantities of zero-bias or signal events, for rates and efficiencies."""

from collections.abc import Iterable, Sequence
from typing import Any

import awkward as ak
from coffea import processor

from l1kd.algorithms import Algorithm, algorithm
from l1kd.errors import ConfigurationError
from l1kd.processors.columns import chunk_key
from l1kd.processors.particles import (
    NO_PILEUP,
    Weighted,
    algorithms_for,
    insert_missing,
    insert_particles,
)
from l1kd.processors.rate_columns import WEIGHT, RateColumns
from l1kd.processors.vertices import trigger_vertex, vertex_counts
from l1kd.trigger.quantities import QUANTITIES, Quantity, quantity, score_of
from l1kd.truth import event_weight
from l1kd.vertices import Vertex, checked_vertex

__all__ = ["RateProcessor"]


class RateProcessor(processor.ProcessorABC):
    """Accumulate the numbers that trigger thresholds are applied to.

    Parameters
    ----------
    weightings
        Out of `l1kd.processors.particles.weightings()`, without `no_pileup`. Empty for files that
        hold no candidates.
    score
        Whether to compute CICADA's score, for files that hold a calorimeter.
    algorithms
        The user's own algorithm objects. A `CandidateWeight` is a weighting by its name, and is
        measured whether or not `weightings` names it; an `EventScore` gives the column
        `<name>_score`. One of a shipped name takes the shipped one's place.
    quantities
        Names of registered quantities (`l1kd.trigger.quantities`), or objects; None for all that
        are registered.
    source
        Particle source, as for `l1kd.insert`.
    vertex
        Vertex that dz is relative to, as for `l1kd.insert`. None: that of an `L1Cand` that is
        there, else the found one, or the simulated one where tracks have no z0.
    min_pt
        Only particles with pt > min_pt [GeV] enter MET and jets.
    jet_min_pt
        Jets have pt > jet_min_pt [GeV].
    ht_min_pt, ht_max_abs_eta
        Jets with pt > ht_min_pt [GeV] and abs(eta) < ht_max_abs_eta enter HT.

    Notes
    -----
    The result is {dataset: {"seen", "used", "skipped": {reason: n}, "absent": {weighting: n},
    "vertex": counts of `l1kd.processors.vertices.vertex_counts`, "columns": RateColumns}}. The
    columns, one value an event (distributions of them where there are many events), are
    `event_weight`, for each weighting w and each quantity q `q:w` (`met:w`, `jet_pt:w`: leading
    jet, 0 without one, `ht:w`, all in GeV), and for each score `<name>_score` (`cicada_score`).
    `described` tells what each quantity is.
    """

    def __init__(
        self,
        weightings: Sequence[str] = ("none", "puppi", "distillnet", "qdistillnet"),
        *,
        score: bool = True,
        algorithms: Sequence[Algorithm] = (),
        quantities: Sequence[str | Quantity] | None = None,
        source: str | None = None,
        vertex: Vertex | None = None,
        min_pt: float = 0.0,
        jet_min_pt: float = 15.0,
        ht_min_pt: float = 30.0,
        ht_max_abs_eta: float = 2.4,
    ) -> None:
        if NO_PILEUP in weightings:
            raise ConfigurationError("weighting no_pileup: a trigger has no events without pile-up")
        own = [each.name for each in algorithms if each.is_weight and each.name not in weightings]
        self.weightings = (*weightings, *own)
        self.algorithms = algorithms_for(self.weightings, algorithms)
        scores = {each.name: each for each in algorithms if not each.is_weight}
        if score:
            scores.setdefault("cicada", algorithm("cicada"))
        self.algorithms += scores.values()
        chosen = [quantity(q) for q in (QUANTITIES if quantities is None else quantities)]
        self.quantities = [*chosen, *map(score_of, scores.values())]
        names = [q.name for q in self.quantities]
        if len(set(names)) != len(names):
            raise ConfigurationError(f"quantities {names}: each once")
        self.source = source
        self.vertex = checked_vertex(vertex)
        self.min_pt = min_pt
        self.jet_min_pt = jet_min_pt
        self.ht_cuts = (ht_min_pt, ht_max_abs_eta)

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Insert the weights and scores into one chunk and measure it."""
        metadata = dict(events.metadata)
        fill = insert_particles if self.weightings else insert_missing
        vertex = trigger_vertex(events, self.source, self.vertex)
        events = fill(events, self.algorithms, self.source, vertex)
        columns = {"event_weight": event_weight(events)}
        absent = {}
        for weighting in self.weightings:
            weighted = self._weighted(weighting, events)
            if not weighted.is_there:
                absent[weighting] = len(events)
                continue
            for each in self.quantities:
                if each.weighted:
                    columns[f"{each.name}:{weighting}"] = each.values(weighted)
        for each in self.quantities:
            if not each.weighted:
                columns[each.name] = each.values(self._weighted("", events))
        return {
            metadata.get("dataset", "events"): {
                "seen": len(events),
                "used": len(events),
                "skipped": {},
                "absent": absent,
                "vertex": vertex_counts(events),
                "columns": RateColumns({chunk_key(metadata): columns}, self._steps(columns)),
            }
        }

    def _steps(self, columns: Iterable[str]) -> dict[str, float]:
        """Spacing of the columns whose quantity has one."""
        found = {}
        for name in columns:
            step = self.described[name.partition(":")[0]].step if name != WEIGHT else None
            if step:
                found[name] = step
        return found

    def _weighted(self, weighting: str, events: ak.Array) -> Weighted:
        return Weighted(weighting, events, self.min_pt, self.jet_min_pt, self.ht_cuts)

    @property
    def described(self) -> dict[str, Quantity]:
        """Quantities by the name of their columns."""
        return {each.name: each for each in self.quantities}

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is: the tables are made by `l1kd.trigger.rates.curves`."""
        return accumulator
