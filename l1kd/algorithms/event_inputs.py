"""What event scores read: arrays with one row an event, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import awkward as ak
import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.calorimeter import MAX_REGION_COUNTS, N_ETA, N_PHI
from l1kd.errors import ConfigurationError
from l1kd.objects import N_OBJECTS, object_sources, objects
from l1kd.regions import region_sources, regions
from l1kd.registry import nearest
from l1kd.validation import require_array

__all__ = ["EVENT_INPUTS", "EventInput", "event_input"]


@dataclass(frozen=True)
class EventInput:
    """An array of events that scores can ask for.

    Attributes
    ----------
    label
        How a message calls it.
    dtype, shape
        Type of the array, and shape behind the axis of events.
    sources
        Function of the events: names of the sources that they hold.
    reader
        Function of the events and of a source, None for the default one, that reads it.
    largest
        Largest value that the trigger's words hold; None where `reader` and scores look themselves.
    """

    label: str
    dtype: npt.DTypeLike
    shape: tuple[int, ...]
    sources: Callable[[Any], list[str]]
    reader: Callable[[ak.Array, str | None], AnyArray]
    largest: int | None = None

    def held_by(self, events: Any) -> bool:
        """Whether events hold it."""
        return bool(self.sources(events))

    def read(self, events: ak.Array, source: str | None = None) -> AnyArray:
        """Return the array, shape (n_events, *shape)."""
        return self.reader(events, source)

    def check(self, values: AnyArray, who: str) -> None:
        """Check type, shape and range.

        Raises
        ------
        InputError
            If they differ, entries are masked, or a value is larger than `largest`; the message
            begins with `who`.
        """
        require_array(values, self.dtype, self.shape, self.label, who, self.largest)


EVENT_INPUTS: Final[Mapping[str, EventInput]] = {
    "regions": EventInput(
        "regions", np.uint16, (N_PHI, N_ETA), region_sources, regions, MAX_REGION_COUNTS
    ),
    "objects": EventInput("objects", np.float32, (N_OBJECTS, 3), object_sources, objects),
}
"""Inputs of event scores by name."""


def event_input(name: str) -> EventInput:
    """Return the input of this name.

    Raises
    ------
    ConfigurationError
        If there is none.
    """
    if name not in EVENT_INPUTS:
        raise ConfigurationError(
            f"unknown input {name!r} of an event score{nearest(name, EVENT_INPUTS)}; there are "
            f"{', '.join(EVENT_INPUTS)}, and a score of something else implements arrays(events) "
            "and applies_to(events)"
        )
    return EVENT_INPUTS[name]
