"""Several studies in one pass over the events."""

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
from coffea import processor

from l1kd.algorithms import Algorithm, algorithm
from l1kd.datasets import InputFile
from l1kd.insertion import insert
from l1kd.processors.particles import sharing

__all__ = ["MultiProcessor"]


class MultiProcessor(processor.ProcessorABC):
    """Insert once, then let several processors work on the same chunk.

    Parameters
    ----------
    processors
        By name; the result is {name: that processor's result}, and under "losses" the number of
        particles that the correlator's limits dropped, where LinPUPPI was inserted.
    algorithms
        Inserted before they run; they find the fields there and do not compute them again.
    source
        Particle source, as for `l1kd.insert`.
    """

    def __init__(
        self,
        processors: Mapping[str, processor.ProcessorABC],
        algorithms: Sequence[str | Algorithm],
        source: str | None = None,
    ) -> None:
        self.processors = dict(processors)
        self.algorithms = [algorithm(a) for a in algorithms]
        self.source = source

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
        if self.algorithms:
            events = insert(events, self.algorithms, self.source)
        with sharing():
            results = {name: each.process(events) for name, each in self.processors.items()}
        if "L1PuppiLosses" in events.fields:
            lost = events["L1PuppiLosses"]
            results["losses"] = {name: int(ak.sum(lost[name])) for name in lost.fields}
        return results

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Let every processor finish its own result."""
        finished = {}
        for name, each in self.processors.items():
            result = each.postprocess(accumulator[name])
            finished[name] = accumulator[name] if result is None else result
        return accumulator | finished
