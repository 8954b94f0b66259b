"""Algorithms as a user names them, with the options that a study has for them."""

from collections.abc import Sequence
from typing import Any, Literal

from l1kd.algorithms import LinPuppi

__all__ = ["Vertex", "chosen"]

Vertex = Literal["simulated", "tracks"]
"""Which vertex LinPUPPI takes: the true one, or the one that the trigger finds from its tracks."""


def chosen(algorithms: Sequence[Any], vertex: Vertex, source: str | None = None) -> list[Any]:
    """Put LinPUPPI with this vertex in the place of its name; all else stays as it is."""
    return [
        LinPuppi(source, vertex=vertex) if name == "linpuppi" and vertex != "simulated" else name
        for name in algorithms
    ]
