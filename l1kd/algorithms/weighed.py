"""The correlator with weights that were computed before its regions, in floating point."""

from abc import abstractmethod
from typing import Any, Final

import awkward as ak
import numpy as np

from l1kd.algorithms.correlator import Correlator
from l1kd.algorithms.linpuppi import track_z0
from l1kd.emulators.array_types import AnyArray, Floats, Integers, Singles
from l1kd.emulators.correlator.chain import CorrelatorResult
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer, deregionize
from l1kd.emulators.correlator.sums import ht, met, select_jets

__all__ = ["WeighedCorrelator"]

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


class WeighedCorrelator(Correlator):
    """The correlator with a given weight of every candidate.

    Slots and lists are those of every other weight: candidates are ordered and cut by their own
    momentum, then weighed.

    Parameters
    ----------
    clusters
        As for `Correlator`.
    prefix
        Name.
    """

    def __init__(self, clusters: bool | Clusterer, prefix: str) -> None:
        super().__init__(clusters=clusters, prefix=prefix)

    @abstractmethod
    def given(self, particles: dict[str, Any], offsets: Integers) -> Singles:
        """Return the weights of tracks and neutrals (or clusters), float32[n]."""

    def columns_beside(self, record: ak.Array) -> dict[str, AnyArray]:
        """Return columns of the particles that `given` needs beside those of the correlator."""
        return {}

    def correlator(self, events: ak.Array) -> CorrelatorResult:
        """Run regions, lists, jets and sums on candidates that were given their weight."""
        _, columns = self.prepare_awkward(events)
        self.validate_numpy_input(**columns)
        beside = self.columns_beside(self.particles(events))
        offsets = columns.pop("offsets")
        particles: dict[str, Any] = {**columns, "z0": track_z0(columns["z0"])}
        particles |= beside
        formed = None
        if isinstance(self.clusters, Clusterer):
            formed = self.clusters.run(particles, offsets)
            particles, offsets = dict(formed.particles), formed.offsets
            if formed.hard_fraction is not None:
                particles["hard_fraction"] = np.asarray(formed.hard_fraction)
        share = self.given(particles, offsets)
        inputs, losses = Regionizer().run(particles, offsets)
        n = len(offsets) - 1
        weighed = {name: _PASSING[name].run(_weighed(own, share)) for name, own in inputs.items()}
        layer2 = deregionize(weighed, n)
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


def _weighed(inputs: dict[str, AnyArray], share: Floats | Singles) -> dict[str, AnyArray]:
    """Multiply the momenta in the slots of regions by the weights."""
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
