"""Per-event arrays of a resolution study that stay small however many events come."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.columns import event_index, offsets_from_counts
from l1kd.errors import InputError
from l1kd.physics.response import ResponseSample
from l1kd.physics.response_histograms import ResponseHistograms
from l1kd.processors.columns import Arrays, Columns

__all__ = ["LIMIT", "ResponseColumns"]

LIMIT = 200_000
"""Up to so many events of a dataset all are kept and its tables are exact."""


class ResponseColumns(Columns):
    """Columns of `ResponseSample.from_columns` and `event_id`, of a limited number of events.

    Up to the limit it is `Columns`. Beyond, all events are counted in `histograms`, and the arrays
    of as many as the limit are kept to be drawn: those of the smallest event ids, which are as
    good as random, whatever the order and size of the chunks.

    Parameters
    ----------
    chunks
        By place of the chunk; `event_id` is uint64 of `statistics.event_ids`.
    limit
        Number of events that are kept.
    bins
        Arguments of `ResponseHistograms`: `met_edges`, `jet_edges`, `min_gen_met`.
    """

    def __init__(
        self,
        chunks: Mapping[tuple[str, int], Arrays] | None = None,
        *,
        limit: int = LIMIT,
        bins: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(chunks)
        self.limit = limit
        self.bins = dict(bins or {})
        self._histograms: ResponseHistograms | None = None
        # chunks whose events are all counted and not kept
        self._counted: set[tuple[str, int]] = set()
        self._waiting = set(self.chunks)

    def __add__(self, other: "Columns") -> "ResponseColumns":
        """Return the events of both, see `Columns.__add__`."""
        result = ResponseColumns(self.chunks, limit=self.limit, bins=self.bins)
        result._counted, result._waiting = set(self._counted), set(self._waiting)
        if self._histograms is not None:
            result._histograms = self._empty()
            result._histograms += self._histograms
        return result.__iadd__(other)

    def __iadd__(self, other: "Columns") -> "ResponseColumns":
        """Take in the events of `other`; fold them into histograms where they are too many.

        Raises
        ------
        InputError
            If both hold the same chunk, or their limits or bins differ.
        """
        if not isinstance(other, ResponseColumns) or (self.limit, self.bins) != (
            other.limit,
            other.bins,
        ):
            raise InputError("columns of responses with different limits or bins cannot be added")
        twice = (self.chunks.keys() | self._counted) & (other.chunks.keys() | other._counted)
        if twice:
            file, start = min(twice)
            raise InputError(f"the chunk of {file!r} that begins at entry {start} came twice")
        self.chunks.update(other.chunks)
        self._counted |= other._counted
        self._waiting |= other._waiting
        if other._histograms is not None:
            if self._histograms is None:
                self._histograms = self._empty()
            self._histograms += other._histograms
        # folding costs a pass over what is kept: not for every small chunk
        if self._n_waiting() > self.limit:
            self._settle()
        return self

    @property
    def histograms(self) -> ResponseHistograms | None:
        """Histograms of all events; None where they are few enough to be kept."""
        if self._histograms is not None or self._n_waiting() > self.limit:
            self._settle()
        return self._histograms

    @property
    def n_events(self) -> int:
        """Number of events, those that are not kept included."""
        counted = 0 if self._histograms is None else self._histograms.n_events
        return counted + self._n_waiting()

    def joined(self) -> dict[str, NDArray[Any]]:
        """Join the columns of the events that are kept, see `Columns.joined`."""
        return {} if self.histograms is None and not self.chunks else super().joined()

    def __eq__(self, other: object) -> bool:
        """Whether the events kept and the histograms are equal bit for bit."""
        if not isinstance(other, ResponseColumns):
            return NotImplemented
        return self.histograms == other.histograms and super().__eq__(other)

    __hash__ = None

    def _n_waiting(self) -> int:
        return sum(self.chunks[key]["event_id"].size for key in self._waiting)

    def _empty(self) -> ResponseHistograms:
        arrays = next(iter(self.chunks.values()))
        names = [x.partition(":")[2] for x in arrays if x.startswith("met_px:")]
        return ResponseHistograms(names, **self.bins)

    def _settle(self) -> None:
        """Count the events that are not yet in the histograms, and keep those of smallest id."""
        if not self._waiting:
            return
        if self._histograms is None:
            self._histograms = self._empty()
        arrays = Columns({key: self.chunks[key] for key in self._waiting}).joined()
        self._histograms.fill(ResponseSample.from_columns(arrays), arrays["event_id"])
        self._waiting = set()
        ids = np.concatenate([chunk["event_id"] for chunk in self.chunks.values()])
        if ids.size <= self.limit:
            return
        last = np.partition(ids, self.limit - 1)[self.limit - 1]
        for key, chunk in list(self.chunks.items()):
            kept = chunk["event_id"] <= last
            if kept.any():
                self.chunks[key] = _selected(chunk, kept)
            else:
                del self.chunks[key]
                self._counted.add(key)


def _selected(arrays: Arrays, kept: NDArray[np.bool_]) -> dict[str, NDArray[Any]]:
    """Select events, and the jets of these events."""
    counts = np.asarray(arrays["n_gen_jets"], np.int64)
    of_jets = kept[event_index(offsets_from_counts(counts))]
    per_jet = {"gen_jet_pt", "gen_jet_eta"}
    return {
        name: x[of_jets if name in per_jet or name.startswith("jet_pt:") else kept]
        for name, x in arrays.items()
    }
