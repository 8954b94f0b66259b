"""Per-event trigger quantities of zero-bias or signal events, for rates and efficiencies."""

from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np
from coffea import processor

from l1kd.algorithms import Algorithm
from l1kd.errors import ConfigurationError
from l1kd.insertion import insert
from l1kd.physics.jets import ht, leading_pt
from l1kd.processors.columns import Columns, chunk_key
from l1kd.processors.particles import (
    algorithms_for,
    event_weight,
    insert_particles,
    measure,
)

__all__ = ["RateProcessor"]


class RateProcessor(processor.ProcessorABC):
    """Accumulate the numbers that trigger thresholds are applied to.

    Parameters
    ----------
    weightings
        Out of `l1kd.processors.particles.WEIGHTINGS`, without `no_pileup`. Empty for files that
        hold no candidates.
    score
        Whether to compute CICADA's score, for files that hold a calorimeter.
    algorithms
        The user's own algorithm objects: `CandidateWeight`, whose names are weightings too, or a
        `Cicada` with another model. One of a shipped name takes the shipped one's place.
    source
        Particle source, as for `l1kd.insert`.
    min_pt
        Only particles with pt > min_pt [GeV] enter missing momentum and jets.
    jet_min_pt
        Jets have pt > jet_min_pt [GeV].
    ht_min_pt, ht_max_abs_eta
        Jets with pt > ht_min_pt [GeV] and abs(eta) < ht_max_abs_eta enter HT.

    Notes
    -----
    The result is {dataset: {"seen", "used", "skipped": {reason: n}, "absent": {weighting: n},
    "columns": Columns}}. The columns, one value an event, are `event_weight`, for each weighting w
    `met:w`, `jet_pt:w` (leading jet, 0 without one), `ht:w` in GeV, and
    `cicada_score`.
    """

    def __init__(
        self,
        weightings: Sequence[str] = ("none", "puppi", "distillnet", "qdistillnet"),
        *,
        score: bool = True,
        algorithms: Sequence[Algorithm] = (),
        source: str | None = None,
        min_pt: float = 0.0,
        jet_min_pt: float = 15.0,
        ht_min_pt: float = 30.0,
        ht_max_abs_eta: float = 2.4,
    ) -> None:
        if "no_pileup" in weightings:
            raise ConfigurationError("weighting no_pileup: a trigger has no events without pile-up")
        self.weightings = tuple(weightings)
        self.algorithms = algorithms_for(self.weightings, algorithms)
        if score:
            own = [algorithm for algorithm in algorithms if algorithm.name == "cicada"]
            self.algorithms += own or ["cicada"]
        self.score = score
        self.source = source
        self.min_pt = min_pt
        self.jet_min_pt = jet_min_pt
        self.ht_cuts = (ht_min_pt, ht_max_abs_eta)

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Insert the weights and scores into one chunk and measure it."""
        metadata = dict(events.metadata)
        if self.weightings:
            events = insert_particles(events, self.algorithms, self.source)
        elif "CICADA" not in events.fields:
            events = insert(events, algorithms=self.algorithms, source=self.source)
        columns = {"event_weight": event_weight(events)}
        absent = {}
        for weighting in self.weightings:
            found = measure(weighting, events, self.min_pt, self.jet_min_pt)
            if found is None:
                absent[weighting] = len(events)
                continue
            met, jets = found
            columns[f"met:{weighting}"] = np.hypot(*met)
            columns[f"jet_pt:{weighting}"] = leading_pt(jets)
            columns[f"ht:{weighting}"] = ht(jets, *self.ht_cuts)
        if self.score:
            columns["cicada_score"] = ak.to_numpy(events["CICADA"]["score"]).astype(np.float64)
        return {
            metadata.get("dataset", "events"): {
                "seen": len(events),
                "used": len(events),
                "skipped": {},
                "absent": absent,
                "columns": Columns({chunk_key(metadata): columns}),
            }
        }

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is: the tables are made by `l1kd.trigger.rates`."""
        return accumulator
