"""The regionizer: particles into the 108 regions of layer 1, candidates into layer 2's list."""

from l1kd.emulators.correlator.regionizer.regionizer import (
    LOSSES,
    Batch,
    Regionizer,
    deregionize,
    read_particles,
    read_vertices,
)

__all__ = ["LOSSES", "Batch", "Regionizer", "deregionize", "read_particles", "read_vertices"]
