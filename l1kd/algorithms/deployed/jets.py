"""Networks of seeded-cone jets: L1TSC4NGJet and TOoLLiP."""

from collections.abc import Sequence
from pathlib import Path

import awkward as ak
import numpy as np

from l1kd._edge import jagged
from l1kd.algorithms.deployed.base import closed, read_folder
from l1kd.algorithms.deployed.candidates import GOOD_TRACK, CorrelatorEvents, with_jets
from l1kd.algorithms.deployed.correlator import OfCorrelator
from l1kd.algorithms.linpuppi import LinPuppi
from l1kd.columns import offsets_from_counts
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.correlator.types import PT_LSB
from l1kd.emulators.deployed import JetTagger, LongLivedJets
from l1kd.emulators.deployed.candidate_arrays import CandidateArrays
from l1kd.emulators.deployed.constituents import hardest_constituents
from l1kd.errors import ConfigurationError

__all__ = ["L1TSC4NGJet", "TOoLLiP"]


def _largest(values: AnyArray, offsets: AnyArray, empty: float) -> AnyArray:
    """Return the largest of every event's numbers, `empty` where it has none."""
    out = np.full(len(offsets) - 1, empty)
    event = np.repeat(np.arange(len(out)), np.diff(offsets))
    np.maximum.at(out, event, values)
    return out


def _constituents(found: CorrelatorEvents, most: int) -> CandidateArrays:
    event, slots = hardest_constituents(found.candidates, found.jet_of, found.jets["n_jets"], most)
    return found.candidates.taken(event, slots)


class L1TSC4NGJet(OfCorrelator):
    """L1TSC4NGJet: classes and corrected momentum of seeded-cone jets.

    Jets get `tag_<class>` (float32, steps of 1/128), `pt_corrected` [GeV], `hwPtCorrected` and
    `pt_factor`. Scores are 0 and momenta uncorrected for jets up to 10 GeV or from 2.4 on. Of the
    event `L1TSC4NGJet.score` is the largest score of the class `best_of`, `L1TSC4NGJet.pt` the
    largest corrected momentum.

    Parameters
    ----------
    model, source, linpuppi
        As for every network of the correlator; versions of cms-hls4ml/L1TSC4NGJetModel.
    classes
        Names in the order of the network's output, from the version's documentation; for eight
        classes b, c, uds, g, tau_p, tau_n, mu, e.
    best_of
        Class of the event's score.
    counts
        Whether a network of 320 inputs reads momenta in steps of 0.25 GeV, as version 0 does, or in
        GeV; by default the former if its name ends in `_v0`.

    Raises
    ------
    ConfigurationError
        If `best_of` is none of `classes`, where they are given; else as soon as the folder is read.
    """

    name = "l1tsc4ngjet"
    adds = "L1TSC4NGJet.score"
    label = "L1TSC4NGJet b"
    step = 1.0 / 128.0
    home = "cms-hls4ml/L1TSC4NGJetModel"

    def __init__(
        self,
        model: str | Path | None = None,
        source: str | None = None,
        *,
        linpuppi: LinPuppi | None = None,
        classes: Sequence[str] | None = None,
        best_of: str = "b",
        counts: bool | None = None,
    ) -> None:
        super().__init__(model, source, linpuppi=linpuppi)
        self.counts = counts
        self.classes = None if classes is None else tuple(classes)
        self.best_of = best_of
        if self.classes is not None:
            self._require_best_of(self.classes)
        self.label = f"L1TSC4NGJet {best_of}"

    @property
    def version(self) -> str:
        """Name of the folder, and what stands for a number that only CMS's candidates have."""
        unit = "" if self.counts is None else f", momenta in {'counts' if self.counts else 'GeV'}"
        return f"{super().version}{unit}, hwTkQuality {GOOD_TRACK} where tracks have none"

    @property
    def network(self) -> JetTagger:
        """The emulator of the caller and its network.

        Raises
        ------
        ConfigurationError
            If `best_of` is none of its classes.
        """
        found: JetTagger = read_folder(
            JetTagger.from_folder, self.folder, self.classes, self.counts
        )
        self._require_best_of(found.classes)
        return found

    def _require_best_of(self, classes: Sequence[str]) -> None:
        if self.best_of not in classes:
            raise ConfigurationError(
                f"{self.name}: best_of={self.best_of!r} is no class of the network; expected one "
                f"of {', '.join(classes)}"
            )

    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return the jets' fields and the event's."""
        network = self.network
        found = self.candidates(events)
        jets = found.jets
        pt, eta, phi = (found.of_jets(jets[name]) for name in ("hwPt", "hwEta", "hwPhi"))
        tagged = network.predict(_constituents(found, 16), pt, eta, phi)
        offsets = offsets_from_counts(jets["n_jets"].astype(np.int64))
        scores = (tagged.scores / 128.0).astype(np.float32)
        corrected = (tagged.pt * PT_LSB).astype(np.float32)
        columns = {f"tag_{name}": scores[:, k] for k, name in enumerate(network.classes)}
        columns |= {
            "pt_corrected": corrected,
            "hwPtCorrected": tagged.pt.astype(np.int32),
            "pt_factor": (tagged.factor / 1024.0).astype(np.float32),
        }
        best = columns[f"tag_{self.best_of}"]
        return {
            **with_jets(found, events),
            **{f"L1SeededConeJet.{n}": jagged(x, offsets) for n, x in columns.items()},
            self.adds: closed(_largest(best, offsets, 0.0)),
            "L1TSC4NGJet.pt": closed(_largest(corrected, offsets, 0.0)),
        }


class TOoLLiP(OfCorrelator):
    """TOoLLiP: score of seeded-cone jets from long-lived particles.

    Jets get `toollip`, -1 where the caller does not evaluate them (not of the first ten, below 20
    GeV, beyond 2.4); `TOoLLiP.score` is the event's largest, -1 without any.

    Parameters
    ----------
    model, source, linpuppi
        As for every network of the correlator; version 3 of cms-hls4ml/TOoLLiP.
    """

    name = "toollip"
    adds = "TOoLLiP.score"
    label = "TOoLLiP"
    step = 1.0 / 64.0
    home = "cms-hls4ml/TOoLLiP"

    @property
    def network(self) -> LongLivedJets:
        """The emulator of the caller and its network."""
        found: LongLivedJets = read_folder(LongLivedJets.from_folder, self.folder)
        return found

    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return the jets' score and the event's."""
        network = self.network
        found = self.candidates(events)
        jets = found.jets
        pt, eta, phi = (found.of_jets(jets[name]) for name in ("hwPt", "hwEta", "hwPhi"))
        offsets = offsets_from_counts(jets["n_jets"].astype(np.int64))
        place = np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))
        scores = network.predict(_constituents(found, 10), place, pt, eta, phi)
        return {
            **with_jets(found, events),
            "L1SeededConeJet.toollip": jagged(scores.astype(np.float32), offsets),
            self.adds: closed(_largest(scores, offsets, -1.0)),
        }
