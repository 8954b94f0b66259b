"""Several studies in one pass over the events."""

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
from coffea import processor

from l1kd.algorithms import Algorithm, algorithm
from l1kd.datasets import InputFile
from l1kd.insertion import insert
from l1kd.processors.particles import sharing
from l1kd.processors.vertices import trigger_vertex, vertex_counts
from l1kd.vertices import Vertex, checked_vertex

__all__ = ["MultiProcessor"]


class MultiProcessor(processor.ProcessorABC):
    """Insert once, then let several processors work on the same chunk.

    Parameters
    ----------
    processors
        By name; the result is {name: that processor's result}, under "vertex" the counts of
        `vertices.vertex_counts`, and under "losses" the number of particles that each limit of the
        correlator dropped, {prefix: {limit: particles}}, for LinPUPPI and every `Correlator`.
    algorithms
        Inserted before they run; they find the fields there and do not compute them again.
    source, vertex
        Particle source and vertex, as for `RateProcessor`.
    """

    def __init__(
        self,
        processors: Mapping[str, processor.ProcessorABC],
        algorithms: Sequence[str | Algorithm],
        source: str | None = None,
        vertex: Vertex | None = None,
    ) -> None:
        self.processors = dict(processors)
        self.algorithms = [algorithm(a) for a in algorithms]
        self.source = source
        self.vertex = checked_vertex(vertex)

    def prepare(self, files: Sequence[InputFile]) -> None:
        """Let every processor that has something to prepare do so before the work."""
        for each in self.processors.values():
            if hasattr(each, "prepare"):
                each.prepare(files)

    def intact(self, output: Mapping[str, Any]) -> bool:
        """Whether the files that a result from a checkpoint stands for are still there."""
        return all(
            each.intact(output[name])
            for name, each in self.processors.items()
            if hasattr(each, "intact")
        )

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Process one chunk."""
        before = set(events.fields)
        if self.algorithms:
            vertex = trigger_vertex(events, self.source, self.vertex)
            events = insert(events, self.algorithms, self.source, vertex)
        with sharing():
            results = {name: each.process(events) for name, each in self.processors.items()}
        if "L1Cand" in events.fields:
            results["vertex"] = vertex_counts(events)
        inserted = (name for name in events.fields if name not in before)
        losses = {
            name.removesuffix("Losses"): {
                limit: int(ak.sum(events[name][limit])) for limit in events[name].fields
            }
            for name in inserted
            if name.endswith("Losses")
        }
        return results | {"losses": losses} if losses else results

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Let every processor finish its own result."""
        finished = {}
        for name, each in self.processors.items():
            result = each.postprocess(accumulator[name])
            finished[name] = accumulator[name] if result is None else result
        return accumulator | finished
