"""Columns of trigger quantities whose size does not grow with the number of events."""

from collections.abc import Mapping
from typing import Any

from l1kd.emulators.array_types import AnyArray
from l1kd.errors import InputError
from l1kd.processors.columns import Columns
from l1kd.trigger.counts import spectra
from l1kd.trigger.counts.spectra import Spectrum

__all__ = ["WEIGHT", "RateColumns"]

WEIGHT = "event_weight"
"""Column of the events' weights."""


class RateColumns:
    """One value an event up to a number of events, distributions beyond.

    Up to `l1kd.trigger.counts.spectra.EXACT_EVENTS` events it is a `Columns`. A larger sum keeps a
    `Spectrum` of every quantity instead, with the events' weights in it. Which of the two depends
    on the number of all events alone, so that sums do not depend on the chunks.

    Parameters
    ----------
    chunks
        {place of a chunk: its columns}, as of `Columns`; one column is `event_weight`.
    steps
        {quantity: spacing of its values}, for those that have one.
    """

    def __init__(
        self,
        chunks: Mapping[tuple[str, int], Mapping[str, AnyArray]] | None = None,
        steps: Mapping[str, float] | None = None,
    ) -> None:
        self.steps = dict(steps or {})
        self.columns: Columns | None = Columns(chunks)
        self.spectra: dict[str, Spectrum] = {}
        self.places = frozenset(self.columns.chunks)
        self.n_events = sum(len(own[WEIGHT]) for own in self.columns.chunks.values())
        if self.n_events > spectra.EXACT_EVENTS:
            self._reduce()

    def _reduce(self) -> None:
        self.spectra = self.distributions()
        self.columns = None

    def distributions(self) -> dict[str, Spectrum]:
        """Spectrum of every quantity."""
        if self.columns is None:
            return dict(self.spectra)
        arrays = self.columns.joined()
        weights = arrays.pop(WEIGHT, None)
        return {
            name: Spectrum.of(values, weights, step=self.steps.get(name, 0.0))
            for name, values in arrays.items()
        }

    def __add__(self, other: "RateColumns") -> "RateColumns":
        """Events of both.

        Raises
        ------
        InputError
            If both hold the same chunk, or their quantities differ.
        """
        if self.columns is not None and other.columns is not None:
            return RateColumns((self.columns + other.columns).chunks, self.steps | other.steps)
        twice = self.places & other.places
        if twice:
            file, start = min(twice)
            raise InputError(f"the chunk of {file!r} that begins at entry {start} came twice")
        made = RateColumns(None, self.steps | other.steps)
        mine, theirs = self.distributions(), other.distributions()
        empty = [part for part, held in ((mine, self), (theirs, other)) if not held.places]
        if not empty and mine.keys() != theirs.keys():
            odd = ", ".join(sorted(mine.keys() ^ theirs.keys()))
            raise InputError(
                f"the chunks of one dataset differ in what they hold: only some have {odd}; put "
                "files of different content into different datasets"
            )
        made.spectra = {
            name: mine[name] + theirs[name] if name in mine and name in theirs else held
            for name, held in (mine | theirs).items()
        }
        made.columns = None
        made.places = self.places | other.places
        made.n_events = self.n_events + other.n_events
        return made

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, bit for bit."""
        if not isinstance(other, RateColumns):
            return NotImplemented
        return self.columns == other.columns and self.spectra == other.spectra

    __hash__ = None  # type: ignore[assignment]

    def joined(self) -> dict[str, Any]:
        """Return the columns by name: arrays of one value an event, or spectra of many events.

        Spectra hold their weights, so that `event_weight` is among the arrays only.
        """
        return dict(self.spectra) if self.columns is None else dict(self.columns.joined())
