"""Clusters of trigger towers, as layer 1 of the correlator receives them."""

from l1kd.emulators.correlator.clusters.clusterer import Clusterer, Clusters

__all__ = ["Clusterer", "Clusters"]
