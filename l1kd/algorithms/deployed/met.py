"""L1METML: missing transverse momentum of the correlator by a network."""

import awkward as ak

from l1kd.algorithms.deployed.base import closed, read_folder
from l1kd.algorithms.deployed.correlator import OfCorrelator
from l1kd.emulators.deployed import MissingMomentum

__all__ = ["L1METML"]


class L1METML(OfCorrelator):
    """L1METML: missing transverse momentum of the first 100 PUPPI candidates.

    Inserted are `L1METML.pt` [GeV] and `L1METML.phi`, beside `L1PuppiMET`.

    Parameters
    ----------
    model, source, linpuppi
        As for every network of the correlator; versions of cms-hls4ml/L1METML.
    """

    name = "l1metml"
    adds = "L1METML.pt"
    label = "L1METML"
    unit = "GeV"
    home = "cms-hls4ml/L1METML"
    tracks = False

    @property
    def network(self) -> MissingMomentum:
        """The emulator of the caller and its network."""
        found: MissingMomentum = read_folder(MissingMomentum.from_folder, self.folder)
        return found

    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return magnitude and azimuth."""
        network = self.network
        found = self.candidates(events)
        size, azimuth = network.predict(found.candidates)
        return {**found.added, self.adds: closed(size), "L1METML.phi": closed(azimuth)}
