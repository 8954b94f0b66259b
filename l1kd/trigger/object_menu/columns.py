"""Flat columns of the collections that a menu reads, whatever their form in the events."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from l1kd._edge import collections, flat, has_branch, offsets_of, read

__all__ = ["Collection", "missing_fields", "open_collection"]


class Collection:
    """Columns of one collection: `offsets` int64 (n_events + 1,), fields float64 (n_objects,).

    A collection with one record an event (MET, a score) has one object in each.
    Values are read when they are first asked for.
    """

    def __init__(self, events: Any, name: str) -> None:
        self._events, self.name = events, name
        first = events[name].fields[0]
        array = read(events, name, first)
        self.jagged = array.ndim == 2
        self.offsets: NDArray[np.int64] = (
            offsets_of(array) if self.jagged else np.arange(len(array) + 1, dtype=np.int64)
        )
        self._columns: dict[str, NDArray[np.float64]] = {}

    def __len__(self) -> int:
        return int(self.offsets[-1])

    def __getitem__(self, field: str) -> NDArray[np.float64]:
        if field == "position":
            starts = np.repeat(self.offsets[:-1], np.diff(self.offsets))
            return (np.arange(len(self)) - starts).astype(np.float64)
        if field not in self._columns:
            array = ak.fill_none(read(self._events, self.name, field), np.nan, axis=None)
            self._columns[field] = (
                flat(array, np.float64)
                if self.jagged
                else np.ascontiguousarray(ak.to_numpy(array), np.float64)
            )
        return self._columns[field]


def missing_fields(events: Any, name: str, fields: Iterable[str]) -> str | None:
    """Say what a collection lacks, with the nearest names; None where it has all of `fields`."""
    if name not in collections(events) or not events[name].fields:
        return f"no collection {name}{_nearest(name, collections(events))}"
    lacks = sorted(f for f in fields if f != "position" and not has_branch(events, name, f))
    known = events[name].fields
    return f"{name} has no {', '.join(f + _nearest(f, known) for f in lacks)}" if lacks else None


def _nearest(name: str, known: Iterable[str]) -> str:
    """Name what was likely meant, if anything is near."""
    near = get_close_matches(name, sorted(known), 1)
    return f" (the nearest is {near[0]})" if near else ""


def open_collection(events: Any, name: str) -> Collection:
    """Open one collection of the events."""
    return Collection(events, name)
