"""PUPPI in floating point as the weight of the correlator: a reference, and no firmware."""

from typing import Any

import numpy as np

from l1kd.algorithms.weighed import WeighedCorrelator
from l1kd.emulators.array_types import Integers, Singles
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.vertex import VertexFinder
from l1kd.emulators.particles.region_puppi import TRIGGER_PUPPI, RegionPuppi

__all__ = ["PuppiCorrelator"]


class PuppiCorrelator(WeighedCorrelator):
    """The correlator with PUPPI's weight of every candidate, and the found vertex.

    Parameters
    ----------
    clusters
        As for `Correlator`.
    prefix
        Name.
    parameters
        Of PUPPI.
    """

    def __init__(
        self,
        clusters: bool | Clusterer = True,
        prefix: str = "L1FloatPuppi",
        parameters: RegionPuppi = TRIGGER_PUPPI,
    ) -> None:
        super().__init__(clusters, prefix)
        self.parameters = parameters
        self.label = "correlator, PUPPI"

    @property
    def version(self) -> str:
        """Whether parameters are the preset's, and clusters formed."""
        own = "" if self.parameters == TRIGGER_PUPPI else "-tuned"
        return f"puppi{own}{'-clusters' if self.clusters else ''}"

    def given(self, particles: dict[str, Any], offsets: Integers) -> Singles:
        """Return PUPPI's weights relative to the vertex that the trigger finds."""
        vertex = np.asarray(VertexFinder().run(particles, offsets).z0, np.float64)
        return self.parameters.weights(particles, offsets, vertex)
