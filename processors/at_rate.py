"""What the correlator makes of events, event by event, under several weights of its candidates."""

from collections.abc import Sequence
from typing import Any, Protocol

import awkward as ak
import numpy as np
from coffea import processor

from l1kd.emulators.array_types import AnyArray, Floats
from l1kd.emulators.correlator.chain import CorrelatorResult
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB
from l1kd.physics.jets import Jets, sorted_jets
from l1kd.physics.matching import match_nearest
from l1kd.processors.columns import Columns, chunk_key
from l1kd.processors.iso_rate import event_numbers
from l1kd.processors.particles import generated_jets
from l1kd.truth import event_weight, gen_jets, gen_met

__all__ = ["MAX_ABS_ETA", "MIN_GEN_PT", "QUANTITIES", "AtRateProcessor", "Weighting"]

QUANTITIES = {
    "met": "MET",
    "jet": "leading jet",
    "four_jets": "fourth jet",
    "ht": "$H_T$",
}
"""Quantities that thresholds are put on, with their labels."""

MAX_ABS_ETA = 2.4
"""Jets within count, as in HT."""

MIN_GEN_PT = 15.0
"""A trigger jet without a generated one above this pt [GeV] nearby is a fake one."""

FAKE_PT = 30.0
"""Fake jets have pt above [GeV]."""


class Weighting(Protocol):
    """A correlator: what `l1kd.algorithms.Correlator` is."""

    name: str

    def correlator(self, events: ak.Array) -> CorrelatorResult:
        """Run the whole chain."""
        ...


class AtRateProcessor(processor.ProcessorABC):
    """Accumulate MET, jets and HT of the correlator for several weightings of its candidates.

    Parameters
    ----------
    weightings
        Correlators, each with a name of its own.

    Notes
    -----
    The result is {dataset: {"seen", "used", "skipped", "columns": Columns}}. The columns are, for
    an event, `event`, a number of its own, `event_weight`, `gen_met_px`, `gen_met_py`, `gen_ht`,
    `gen_jet`, `gen_four_jets` [GeV], `n_gen_jets`, and for each weighting w `met:w`, `jet:w`,
    `four_jets:w` (pt of the first and fourth jet within 2.4, 0 without one), `ht:w`, `met_px:w`,
    `met_py:w`, `fakes:w` (jets above 30 GeV within 2.4 without a generated one above 15 GeV within
    0.4) and `lost:w`, candidates that found no place in a list; for a generated jet
    `gen_jet_pt`, `gen_jet_eta` and `jet_pt:w`, NaN where none matches.
    """

    def __init__(self, weightings: Sequence[Weighting]) -> None:
        self.weightings = tuple(weightings)

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Run every weighting over one chunk."""
        metadata = dict(events.metadata)
        generated = generated_jets(gen_jets(events), MIN_GEN_PT)
        met = gen_met(events)
        size, phi = (np.asarray(ak.to_numpy(x), np.float64) for x in (met.pt, met.phi))
        columns: dict[str, AnyArray] = {
            "event": event_numbers(metadata, len(events)),
            "event_weight": event_weight(events),
            "gen_met_px": size * np.cos(phi),
            "gen_met_py": size * np.sin(phi),
            "n_gen_jets": np.diff(generated.offsets),
            "gen_jet_pt": generated.pt,
            "gen_jet_eta": generated.eta,
        }
        columns |= {f"gen_{name}": x for name, x in _of_jets(generated).items()}
        for weighting in self.weightings:
            measured = _measured(weighting.correlator(events), generated)
            columns |= {f"{name}:{weighting.name}": x for name, x in measured.items()}
        return {
            metadata.get("dataset", "events"): {
                "seen": len(events),
                "used": len(events),
                "skipped": {},
                "columns": Columns({chunk_key(metadata): columns}),
            }
        }

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is; `l1kd.study.at_rate` makes the tables."""
        return accumulator


def _jets_of(raw: dict[str, AnyArray]) -> Jets:
    """Seeded-cone jets in physical units."""
    counts = np.asarray(raw["n_jets"], np.int64)
    kept = np.arange(raw["hwPt"].shape[1]) < counts[:, np.newaxis]
    pt, eta, phi = (raw[name][kept].astype(np.float64) for name in ("hwPt", "hwEta", "hwPhi"))
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return sorted_jets(
        pt * PT_LSB, eta * ETA_PHI_LSB, phi * ETA_PHI_LSB, np.zeros(pt.size), offsets
    )


def _nth_pt(jets: Jets, within: AnyArray, n: int) -> Floats:
    """Pt [GeV] of the n-th of the chosen jets of each event, 0 without one; jets fall in pt."""
    event = np.repeat(np.arange(jets.n_events), np.diff(jets.offsets))[within]
    first = np.searchsorted(event, np.arange(jets.n_events))
    enough = np.bincount(event, minlength=jets.n_events) >= n
    found = np.zeros(jets.n_events)
    found[enough] = jets.pt[within][first[enough] + n - 1]
    return found


def _of_jets(jets: Jets) -> dict[str, Floats]:
    """Quantities of generated jets, as of the trigger's."""
    within = np.abs(jets.eta) < MAX_ABS_ETA
    event = np.repeat(np.arange(jets.n_events), np.diff(jets.offsets))
    hard = within & (jets.pt > FAKE_PT)
    total = np.bincount(event[hard], jets.pt[hard], jets.n_events)
    return {
        "jet": _nth_pt(jets, within, 1),
        "four_jets": _nth_pt(jets, within, 4),
        "ht": total.astype(np.float64),
    }


def _measured(result: CorrelatorResult, generated: Jets) -> dict[str, AnyArray]:
    """Quantities of one weighting."""
    jets = _jets_of(result.jets)
    of_trigger, of_truth = match_nearest(jets, generated)
    pt = np.full(generated.pt.size, np.nan)
    pt[of_truth] = jets.pt[of_trigger]
    alone = np.ones(jets.pt.size, dtype=bool)
    alone[of_trigger] = False
    within = np.abs(jets.eta) < MAX_ABS_ETA
    event = np.repeat(np.arange(jets.n_events), np.diff(jets.offsets))
    fakes = alone & within & (jets.pt > FAKE_PT)
    met = result.met["met_hwPt"].astype(np.float64) * PT_LSB
    phi = result.met["met_hwPhi"] * ETA_PHI_LSB
    return {
        "met": met,
        "met_px": met * np.cos(phi),
        "met_py": met * np.sin(phi),
        "jet": _nth_pt(jets, within, 1),
        "four_jets": _nth_pt(jets, within, 4),
        "ht": result.ht["ht_hwSumPt"].astype(np.float64) * PT_LSB,
        "fakes": np.bincount(event[fakes], minlength=jets.n_events),
        "lost": result.losses["final_sort"] + result.losses["layer2_list"],
        "jet_pt": pt,
    }
