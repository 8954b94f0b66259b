"""Distributions of one trigger quantity under several algorithms, to compare them at one rate."""

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from coffea import processor

from l1kd.algorithms import Algorithm
from l1kd.emulators.array_types import Words
from l1kd.errors import ConfigurationError
from l1kd.processors.rates import RateProcessor
from l1kd.statistics import event_ids
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.quantities import Quantity
from l1kd.vertices import Vertex

__all__ = ["SpectraProcessor", "event_numbers"]


def event_numbers(metadata: Mapping[str, Any], n_events: int) -> Words:
    """Return ids, uint64[n_events], that no two events share, the same whatever the chunks."""
    file = f"{metadata.get('dataset', '')}:{metadata.get('filename', '')}"
    first = int(metadata.get("entrystart", 0))
    return event_ids(file, first + np.arange(n_events))


class SpectraProcessor(processor.ProcessorABC):
    """Fill one spectrum an algorithm, all with the same bootstrap of events.

    Parameters
    ----------
    weightings
        Names of algorithms that weight particles, or of scores.
    quantity
        Name of a registered quantity (`l1kd.trigger.quantities`).
    algorithms
        The user's own algorithm objects.
    source, vertex, min_pt
        As for `RateProcessor`.
    resampling, step
        Bootstrap of events, and spacing of the values.

    Notes
    -----
    The result is {dataset: {"seen", "used", "skipped", "vertex", "spectra": {algorithm:
    Spectrum}}}.
    """

    def __init__(
        self,
        weightings: Sequence[str],
        *,
        quantity: str | Quantity = "met",
        algorithms: Sequence[Algorithm] = (),
        source: str | None = None,
        vertex: Vertex | None = None,
        min_pt: float = 0.0,
        resampling: Resampling | None = None,
        step: float = 0.25,
    ) -> None:
        self.measured = RateProcessor(
            weightings,
            score=False,
            algorithms=algorithms,
            quantities=[quantity],
            source=source,
            vertex=vertex,
            min_pt=min_pt,
        )
        self.resampling = resampling
        self.step = step

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Measure one chunk."""
        metadata = dict(events.metadata)
        (dataset, found), *_ = self.measured.process(events).items()
        columns = found["columns"].joined()
        weight = columns.pop("event_weight")
        if found["absent"]:
            lacking = ", ".join(found["absent"])
            raise ConfigurationError(f"these files do not have what {lacking} needs")
        blocks = event_numbers(metadata, len(events))
        return {
            dataset: {
                "seen": found["seen"],
                "used": found["used"],
                "skipped": {},
                "vertex": found["vertex"],
                "spectra": {
                    name.partition(":")[2] or name: Spectrum.of(
                        values, weight, step=self.step, resampling=self.resampling, blocks=blocks
                    )
                    for name, values in columns.items()
                },
            }
        }

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is; `l1kd.trigger.efficiency.iso_rate` compares."""
        return accumulator
