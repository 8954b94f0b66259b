"""How many events fell into each row of a table, and their weights, in sums that are exact."""

from collections.abc import Mapping
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.errors import InputError
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.sums import ExactSums

__all__ = ["Tally", "resampling_of"]


class Tally:
    """What rows count; a table of decisions and a spectrum are this, and say what a row is.

    Attributes
    ----------
    resampling
        Bootstrap of blocks of events, or None.
    counts, weights, squares
        int64[n] events, and exact sums of their weights and of the weights' squares.
    replicas
        Exact sums [n, replicas] of the weights, each event as often as the replica drew its block;
        None without resampling.
    """

    def __init__(self, resampling: Resampling | None) -> None:
        self.resampling = resampling
        self.counts: Integers = np.zeros(0, np.int64)
        self.weights = ExactSums(0)
        self.squares = ExactSums(0)
        self.replicas = None if resampling is None else ExactSums((0, resampling.replicas))

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.counts.sum())

    @property
    def sum_of_weights(self) -> float:
        """Sum of the weights of all events."""
        return float(self.weights.regrouped(np.zeros(self.counts.size, int), 1).values()[0])

    def _fill(self, row: Integers, n: int, weights: Floats, blocks: ArrayLike | None) -> None:
        """Count events: int64[n_events] `row` of n, float64[n_events] weights, their blocks."""
        self.counts = np.bincount(row, minlength=n).astype(np.int64)
        self.weights, self.squares = ExactSums(n), ExactSums(n)
        self.weights.add(row, weights)
        self.squares.add(row, weights * weights)
        if self.resampling is not None:
            if blocks is None:
                raise InputError("a block bootstrap needs the block of every event")
            drawn = self.resampling.multiplicities(blocks)
            width = self.resampling.replicas
            self.replicas = ExactSums((n, width))
            self.replicas.add(row[:, None] * width + np.arange(width), drawn * weights[:, None])

    def _sum(self, row: Integers, n: int, *parts: Self) -> None:
        """Sum the rows of the parts, one part behind the other: row i goes to row[i] of n."""
        self.counts = np.zeros(n, np.int64)
        np.add.at(self.counts, row, np.concatenate([part.counts for part in parts]))
        self.weights = reduce(ExactSums.joined, [p.weights for p in parts]).regrouped(row, n)
        self.squares = reduce(ExactSums.joined, [p.squares for p in parts]).regrouped(row, n)
        replicas = [part.replicas for part in parts if part.replicas is not None]
        if replicas:
            self.replicas = reduce(ExactSums.joined, replicas).regrouped(row, n)

    def _same_sums(self, other: "Tally") -> bool:
        """Whether both count the same in the same rows, exactly."""
        return (
            np.array_equal(self.counts, other.counts)
            and self.weights == other.weights
            and self.squares == other.squares
            and self.replicas == other.replicas
        )

    def _state(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Header (JSON-ready) and arrays from which `_restore` makes the same sums."""
        header: dict[str, Any] = {
            "resampling": None if self.resampling is None else self.resampling.as_dict(),
            "lowest": [self.weights.lowest, self.squares.lowest],
        }
        arrays: dict[str, AnyArray] = {
            "counts": self.counts,
            "weights": self.weights.limbs,
            "squares": self.squares.limbs,
        }
        if self.replicas is not None:
            header["lowest"].append(self.replicas.lowest)
            arrays["replicas"] = self.replicas.limbs
        return header, arrays

    def _restore(self, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> None:
        """Read the sums of `_state`; KeyError, TypeError or IndexError where they are not there."""
        self.counts = arrays["counts"].astype(np.int64)
        n, lowest = len(self.counts), header["lowest"]
        self.weights = ExactSums.from_state(arrays["weights"], lowest[0], (n,))
        self.squares = ExactSums.from_state(arrays["squares"], lowest[1], (n,))
        if self.resampling is not None:
            shape = (n, self.resampling.replicas)
            self.replicas = ExactSums.from_state(arrays["replicas"], lowest[2], shape)


def resampling_of(header: Mapping[str, Any]) -> Resampling | None:
    """Read the bootstrap that a header of `Tally._state` tells."""
    options = header["resampling"]
    return None if options is None else Resampling(**options)
