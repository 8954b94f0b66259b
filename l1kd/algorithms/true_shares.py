"""The bound of all particle weights: true shares of the hard collision, through the correlator."""

from typing import Any, Final

import awkward as ak
import numpy as np

from l1kd._edge import flat
from l1kd.algorithms.correlator import Correlator
from l1kd.algorithms.linpuppi import LARGEST_Z0
from l1kd.emulators.array_types import AnyArray, Floats
from l1kd.emulators.correlator.chain import CorrelatorResult
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer, deregionize
from l1kd.emulators.correlator.sums import ht, met, select_jets
from l1kd.errors import MissingBranchError

__all__ = ["TrueShares"]

_CERTAIN = -60.0
"""A prior with which LinPUPPI gives the weight 1 to everything."""


def _passing() -> dict[str, LinPuppi]:
    """LinPUPPI that keeps what is in its slots, with the presets' cuts on momentum."""
    made = {}
    for name, preset in PRESETS.items():
        bins = len(preset.pt_cut)
        none, certain = (0.0,) * bins, (_CERTAIN,) * bins
        wide = {} if preset.forward else {"dz": 51.0}
        made[name] = LinPuppi(
            preset.replace(
                pt_slope=none, pt_slope_photon=none, alpha_slope=none, alpha_crop=none,
                prior=certain, prior_photon=certain, pt_cut=(1.0,) * bins, **wide,
            )
        )  # fmt: skip
    return made


_PASSING: Final = _passing()


class TrueShares(Correlator):
    """The correlator with the true share of every candidate as its weight.

    Slots and lists are those of every other weight: candidates are ordered and cut by their own
    momentum, then weighed. In a crossing without a hard collision next to nothing is left, so that
    this is a bound and no aim. Only simulation that stores the shares has it.

    Parameters
    ----------
    clusters
        As for `Correlator`.
    prefix
        Name.
    """

    label = "correlator, true shares"

    def __init__(self, clusters: bool | Clusterer = True, prefix: str = "L1Truth") -> None:
        super().__init__(clusters=clusters, prefix=prefix)
        self.label = "correlator, true shares"

    @property
    def version(self) -> str:
        """Whether clusters are formed."""
        return f"truth{'-clusters' if self.clusters else ''}"

    def correlator(self, events: ak.Array) -> CorrelatorResult:
        """Run regions, lists, jets and sums on candidates that were given their true share."""
        _, columns = self.prepare_awkward(events)
        self.validate_numpy_input(**columns)
        record = self.particles(events)
        if "hard_fraction" not in record.fields:
            raise MissingBranchError(
                "true shares need simulation that stores them (HardEnergyFraction, IsPU)"
            )
        offsets = columns.pop("offsets")
        z0 = np.nan_to_num(columns.pop("z0"), nan=LARGEST_Z0)
        particles: dict[str, Any] = {**columns, "z0": np.clip(z0, -LARGEST_Z0, LARGEST_Z0)}
        particles["hard_fraction"] = share = flat(record["hard_fraction"], np.float32)
        formed = None
        if isinstance(self.clusters, Clusterer):
            formed = self.clusters.run(particles, offsets)
            particles, share = formed.particles, np.asarray(formed.hard_fraction)
            offsets = formed.offsets
        inputs, losses = Regionizer().run(particles, offsets)
        n = len(offsets) - 1
        given = {name: _PASSING[name].run(_weighed(own, share)) for name, own in inputs.items()}
        layer2 = deregionize(given, n)
        jets = SeededCone().run(layer2)
        weights = share if formed is None else formed.spread(share)
        return CorrelatorResult(
            weights=np.asarray(weights, np.float32),
            vertex=losses.pop("pv_hwZ0"),
            candidates=layer2 | {"cand_hwPuppiW": np.zeros_like(layer2["cand_hwPt"])},
            jets=jets,
            met=met(layer2),
            ht=ht(select_jets(jets)),
            losses=losses | {"layer2_list": layer2["n_lost"]},
            clusters=formed,
        )


def _weighed(inputs: dict[str, AnyArray], share: Floats) -> dict[str, AnyArray]:
    """Multiply the momenta in the slots of regions by the true shares."""
    found = dict(inputs)
    neutral = "pfne_" if "pfne_hwPt" in inputs else "calo_"
    pairs = [(neutral, "neu_source")]
    if "trk_source" in inputs:
        pairs += [("trk_", "trk_source"), ("pfch_", "trk_source")]
    for prefix, source in pairs:
        index = inputs[source]
        weight = np.where(index >= 0, share[index], 0.0)
        found[prefix + "hwPt"] = np.rint(inputs[prefix + "hwPt"] * weight).astype(np.int16)
    return found
