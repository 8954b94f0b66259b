"""Flat columns of many events: values one behind the other, and offsets that cut them into events.

Everything that l1kd computes event by event lies like this: columns of shape (n,), and int64
offsets of shape (n_events + 1,) that rise from 0 to n. Event i owns the entries
``offsets[i]:offsets[i + 1]``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import AnyArray, AnyIntegers, Integers, Mask, Offsets
from l1kd.errors import InputError

__all__ = [
    "EventColumns",
    "check_offsets",
    "event_index",
    "join_offsets",
    "offsets_from_counts",
    "select_offsets",
]


def offsets_from_counts(counts: ArrayLike) -> Offsets:
    """Offsets of events that have these numbers of entries: int64, shape (n_events + 1,)."""
    sizes = np.asarray(counts, np.int64)
    out = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=out[1:])
    return out


def check_offsets(offsets: ArrayLike, size: int) -> Offsets:
    """Return offsets as int64[n_events + 1] after checking that they cover `size` entries.

    Raises
    ------
    InputError
        If they do not start at 0, decrease somewhere, or do not end at `size`.
    """
    edges = np.asarray(offsets)
    if edges.ndim != 1 or edges.size < 1 or edges.dtype.kind not in "iu":
        raise InputError(f"offsets: need a list of integers, got {edges.dtype}{edges.shape}")
    edges = edges.astype(np.int64)
    if edges[0] != 0 or edges[-1] != size or np.any(np.diff(edges) < 0):
        raise InputError(
            f"offsets: must rise from 0 to the {size} entries; they run from {edges[0]} to "
            f"{edges[-1]}"
        )
    return edges


def event_index(offsets: ArrayLike) -> Integers:
    """Event number of every entry, int64[offsets[-1]], from offsets int64[n_events + 1]."""
    counts = np.diff(np.asarray(offsets))
    return np.repeat(np.arange(counts.size, dtype=np.int64), counts)


def select_offsets(offsets: Offsets, mask: Mask) -> Offsets:
    """Offsets of the same events after only the entries of the mask, bool[n], are kept."""
    return offsets_from_counts(mask)[offsets]


def join_offsets(parts: Sequence[Offsets]) -> Offsets:
    """Offsets of the events of all parts, one behind the other."""
    counts = [np.diff(part) for part in parts]
    return offsets_from_counts(np.concatenate(counts) if counts else np.zeros(0, np.int64))


class EventColumns:
    """What every frozen dataclass of flat event columns can do.

    A subclass is a frozen dataclass whose fields are arrays of shape (n,) and, among them,
    `offsets`.
    """

    offsets: Offsets

    def __iter__(self) -> Iterator[AnyArray]:
        """Yield the arrays in the order of the fields."""
        return (getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]

    def __len__(self) -> int:
        """Return the number of entries of all events."""
        return int(self.offsets[-1])

    @property
    def n_events(self) -> int:
        """Number of events, those without an entry included."""
        return len(self.offsets) - 1

    @property
    def counts(self) -> Integers:
        """Number of entries of each event, int64[n_events]."""
        return np.diff(self.offsets)

    @property
    def event(self) -> Integers:
        """Event number of every entry, int64[n]."""
        return event_index(self.offsets)

    def columns(self) -> dict[str, AnyArray]:
        """Return the columns by name, without the offsets."""
        names = [field.name for field in fields(self)]  # type: ignore[arg-type]
        return {name: getattr(self, name) for name in names if name != "offsets"}

    def select(self, mask: Mask) -> Self:
        """Return the entries for which the mask, bool[n], is true, in the same events."""
        rows = np.flatnonzero(mask)
        return self._with(rows, select_offsets(self.offsets, np.asarray(mask, np.bool_)))

    def take(self, order: AnyIntegers) -> Self:
        """Return the entries in another order, which must keep each event's together."""
        return self._with(order, self.offsets)

    def events(self, begin: int, end: int) -> Self:
        """Return the events from `begin` up to but not including `end`."""
        first, last = self.offsets[begin], self.offsets[end]
        return self._with(slice(first, last), self.offsets[begin : end + 1] - first)

    def and_then(self, *others: Self) -> Self:
        """Return these events and, after them, those of others."""
        parts = (self, *others)
        columns = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in self.columns()
        }
        return self._made(columns, join_offsets([part.offsets for part in parts]))

    def _with(self, rows: Any, offsets: Offsets) -> Self:
        columns = {name: values[rows] for name, values in self.columns().items()}
        return self._made(columns, offsets)

    def _made(self, columns: dict[str, AnyArray], offsets: Offsets) -> Self:
        make: Any = type(self)
        return make(**columns, offsets=offsets)
