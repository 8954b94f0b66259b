"""NNPuppiTau: taus of the correlator."""

import awkward as ak
import numpy as np

from l1kd._edge import jagged
from l1kd.algorithms.deployed.base import closed, read_folder
from l1kd.algorithms.deployed.correlator import OfCorrelator
from l1kd.columns import offsets_from_counts
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB
from l1kd.emulators.deployed import Taus

__all__ = ["NNPuppiTau"]


class NNPuppiTau(OfCorrelator):
    """NNPuppiTau: identity and momentum of taus around the correlator's hardest candidates.

    Inserted is `L1NNPuppiTau`, at most five an event by falling momentum: `pt`, `eta`, `phi`,
    `charge`, `id` and `pt_factor` (steps of 1/1024), `pt_corrected`, and the integers `hwPt`,
    `hwEta`, `hwPhi`, `hwSeedPt`, `hwRawId`, `n_in_cone`. `NNPuppiTau.score` is the event's largest
    identity, 0 without a tau.

    Parameters
    ----------
    model, source, linpuppi
        As for every network of the correlator; versions of cms-hls4ml/NNPuppiTauModel.
    """

    name = "nnpuppitau"
    adds = "NNPuppiTau.score"
    label = "NNPuppiTau"
    step = 1.0 / 1024.0
    home = "cms-hls4ml/NNPuppiTauModel"
    tracks = False

    @property
    def network(self) -> Taus:
        """The emulator of the caller and its network."""
        found: Taus = read_folder(Taus.from_folder, self.folder)
        return found

    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return the taus and the event's score."""
        network = self.network
        found = self.candidates(events)
        taus = network.predict(found.candidates)
        counts = np.bincount(taus.event, minlength=found.candidates.n_events)
        offsets = offsets_from_counts(counts)
        corrected = taus.corrected_pt
        phi = taus.phi - 1440 * np.ceil((taus.phi - 720) / 1440)
        columns = {
            "pt": (taus.pt * PT_LSB).astype(np.float32),
            "eta": (taus.eta * ETA_PHI_LSB).astype(np.float32),
            "phi": (phi * ETA_PHI_LSB).astype(np.float32),
            "charge": taus.charge.astype(np.int8),
            "id": (taus.identity / 1024.0).astype(np.float32),
            "pt_factor": (taus.factor / 1024.0).astype(np.float32),
            "pt_corrected": (corrected * PT_LSB).astype(np.float32),
            "hwPt": taus.pt.astype(np.int32),
            "hwEta": taus.eta.astype(np.int32),
            "hwPhi": taus.phi.astype(np.int32),
            "hwSeedPt": taus.seed_pt.astype(np.int32),
            "hwRawId": taus.word.astype(np.int32),
            "n_in_cone": taus.count.astype(np.int32),
        }
        best = np.zeros(len(counts))
        np.maximum.at(best, taus.event, taus.identity / 1024.0)
        record = ak.zip({name: jagged(values, offsets) for name, values in columns.items()})
        return {**found.added, "L1NNPuppiTau": record, self.adds: closed(best)}
