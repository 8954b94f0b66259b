"""The vertex finder of the Global Track Trigger, whose vertex LinPUPPI and the networks take."""

from l1kd.emulators.correlator.vertex.finder import VertexFinder, Vertices

__all__ = ["VertexFinder", "Vertices"]
