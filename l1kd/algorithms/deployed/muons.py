"""EMTF_NN: momentum and displacement of endcap muons."""

from typing import Any, Final

import awkward as ak
import numpy as np

from l1kd._edge import has_branch, jagged, offsets_of, read
from l1kd.algorithms.deployed.base import DeployedNetwork, closed, read_folder
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.deployed import EndcapMuons, endcap_muon_inputs
from l1kd.emulators.deployed.endcap_muons import LARGEST, PAIRS
from l1kd.errors import MissingBranchError
from l1kd.validation import Limits, column

__all__ = ["EMTF_NN"]

_DPHI: Final = tuple(f"dphi_{a}{b}" for a, b in PAIRS)
_DTHETA: Final = tuple(f"dtheta_{a}{b}" for a, b in PAIRS)
_SIGNS_PHI: Final = tuple(f"sign_{name}" for name in _DPHI)
_SIGNS_THETA: Final = tuple(f"sign_{name}" for name in _DTHETA)
_PATTERNS: Final = tuple(f"pattern_{station}" for station in (1, 2, 3, 4))


class EMTF_NN(DeployedNetwork):  # noqa: N801
    """EMTF_NN: momentum and transverse displacement of muon tracks in the endcap.

    It reads a collection of tracks (`EMTFTrack`, or `source`) with the integers of CMSSW's
    `EMTFPtLUT`: `mode`, `theta`, and of the station pairs 12, 13, 14, 23, 24, 34 `dphi_12`,
    `sign_dphi_12`, `dtheta_12`, `sign_dtheta_12`, ..., `pattern_1` to `pattern_4`. No NANO flavour
    stores them; what lacks them is refused. Tracks get `pt_displaced` (as `hwPtUnconstrained`) and
    `dxy` (at most 127); `EMTF_NN.pt` is the event's largest, 0 without a track.

    Parameters
    ----------
    model
        Folder of a version, ``EMTFnn_vN`` of cms-hls4ml/EMTF_NN.
    source
        Name of the collection.
    """

    name = "emtf_nn"
    adds = "EMTF_NN.pt"
    label = "EMTF_NN"
    step = 1.0
    home = "cms-hls4ml/EMTF_NN"
    inputs = ("EMTFTrack",)

    @property
    def network(self) -> EndcapMuons:
        """The emulator of the caller and its network."""
        found: EndcapMuons = read_folder(EndcapMuons.from_folder, self.folder)
        return found

    @property
    def collection(self) -> str:
        """Name of the collection of tracks."""
        return self.source or "EMTFTrack"

    def applies_to(self, events: Any) -> bool:
        """Whether the events have the tracks."""
        return has_branch(events, self.collection, "mode")

    def arrays(self, events: ak.Array) -> tuple[AnyArray, ...]:
        """Read the tracks of all events, one after another: see `endcap_muon_inputs`.

        Raises
        ------
        MissingBranchError, InputError
            If the tracks or a number of theirs is missing, or is none that its word can hold.
        """
        name = self.collection
        if name not in events.fields:
            raise MissingBranchError(
                f"{self.name} needs tracks of the endcap muon track finder in {name!r}, with the "
                "integers of CMSSW's EMTFPtLUT; no NANO flavour stores them"
            )

        def words(kind: str, branch: str) -> AnyArray:
            limits = Limits(0, LARGEST[kind], whole=True)
            return column(events, name, branch, limits, np.int64)

        def stacked(kind: str, branches: tuple[str, ...]) -> AnyArray:
            return np.stack([words(kind, branch) for branch in branches], axis=1)

        inputs = endcap_muon_inputs(
            words("mode", "mode"),
            stacked("dphi", _DPHI),
            stacked("sign_phi", _SIGNS_PHI),
            stacked("dtheta", _DTHETA),
            stacked("sign_theta", _SIGNS_THETA),
            stacked("pattern", _PATTERNS),
            words("theta", "theta"),
        )
        return (inputs,)

    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return the tracks' fields and the event's."""
        network = self.network
        (inputs,) = self.arrays(events)
        pt, dxy = network.predict(inputs)
        offsets = offsets_of(read(events, self.collection, "mode"))
        largest = np.zeros(len(offsets) - 1)
        np.maximum.at(largest, np.repeat(np.arange(len(largest)), np.diff(offsets)), pt)
        return {
            f"{self.collection}.pt_displaced": jagged(pt.astype(np.int32), offsets),
            f"{self.collection}.dxy": jagged(dxy.astype(np.int32), offsets),
            self.adds: closed(largest),
        }
