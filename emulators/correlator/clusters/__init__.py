"""Clusters of trigger towers, as layer 1 of the correlator receives them."""

from l1kd.emulators.correlator.clusters.clusterer import Clusterer, Clusters
from l1kd.emulators.correlator.clusters.kernels import Window

__all__ = ["Clusterer", "Clusters", "Window"]
