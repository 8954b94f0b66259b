"""Events that share what they are made of: overlays of collisions from one library.

A simulated crossing is a sum of some mu collisions drawn from a library of L. If a collision alone
makes a crossing pass, all crossings that hold it pass, mu / L of them: they count once, not as
often as they occur. Whatever the number of crossings, a rate below input rate x mu / L is not
resolved, and other libraries would give other rates.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.emulators.array_types import Floats
from l1kd.errors import InputError
from l1kd.statistics.estimates import ONE_SIGMA, Estimate
from l1kd.statistics.fractions import checked_weights, clopper_pearson

__all__ = [
    "SEVERAL",
    "Blocks",
    "SharedEvents",
    "SharedFraction",
    "independent_events",
    "resolution_limit",
    "shared_covariance",
    "shared_fraction",
    "shared_variance",
]

SEVERAL = 3.0
"""A fraction is resolved where at least so many (effective) independent causes make it."""


class Blocks(NamedTuple):
    """Which blocks (collisions of a library) each event holds, every pair once.

    `block`: int64[m] in 0..n_blocks - 1; event i owns the entries offsets[i]:offsets[i + 1] of
    int64[n + 1] `offsets`. `n_blocks`: how many different blocks there are.
    """

    block: NDArray[np.int64]
    offsets: NDArray[np.int64]
    n_blocks: int

    @classmethod
    def of(
        cls, ids: ArrayLike, offsets: ArrayLike | None = None, n_blocks: int | None = None
    ) -> "Blocks":
        """Build from the numbers of the blocks.

        Parameters
        ----------
        ids
            int[m], block numbers of all events one after the other; any whole numbers.
        offsets
            int[n + 1]; event i owns ids[offsets[i]:offsets[i + 1]]. None: one block an event.
        n_blocks
            Size of the library; the ids are then places in it. None: as many as there are ids.

        Raises
        ------
        InputError
            If the numbers are not whole or not in the library, or the offsets do not fit.
        """
        numbers = np.asarray(ids)
        edges = np.arange(numbers.size + 1) if offsets is None else np.asarray(offsets)
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise InputError(f"blocks: need a list of whole numbers, got {numbers.dtype}")
        if (
            edges.size < 1
            or edges[0] != 0
            or edges[-1] != numbers.size
            or (np.diff(edges) < 0).any()
        ):
            raise InputError(f"blocks: offsets must rise from 0 to the {numbers.size} numbers")
        if n_blocks is None:
            different, block = np.unique(numbers, return_inverse=True)
            size = different.size
        else:
            block, size = numbers.astype(np.int64), n_blocks
            if block.size and not (block.min() >= 0 and block.max() < size):
                raise InputError(f"blocks: {block.min()} to {block.max()} in a library of {size}")
        event = np.repeat(np.arange(edges.size - 1), np.diff(edges))
        # a collision that an event holds twice makes it no more dependent on others
        event, block = np.divmod(np.unique(event * max(size, 1) + block), max(size, 1))
        counts = np.bincount(event, minlength=edges.size - 1)
        return cls(block, np.concatenate([[0], np.cumsum(counts)]), size)

    def followed_by(self, other: "Blocks") -> "Blocks":
        """Put the events of another sample, of the same library, behind these."""
        if self.n_blocks != other.n_blocks:
            raise InputError(
                f"blocks: libraries of {self.n_blocks} and {other.n_blocks} are not the same one"
            )
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Blocks(np.concatenate([self.block, other.block]), offsets, self.n_blocks)

    @property
    def n_events(self) -> int:
        """Number of events, those without a block included."""
        return self.offsets.size - 1


class SharedFraction(NamedTuple):
    """A fraction of events that share blocks, and how much the sample says about it.

    `n_effective`: independent events that would know the fraction as well. `n_causes`: the
    effective number of independent things that make events pass, n_effective times the fraction:
    the number of passing events where nothing is shared, 1 where one collision makes them all.
    """

    estimate: Estimate
    n_effective: float
    n_causes: float

    @property
    def resolved(self) -> bool:
        """Whether several different causes make the fraction; one more library would agree."""
        return self.n_causes >= SEVERAL


def resolution_limit(input_hz: float, n_events: int, mu: float = 0.0, library: int = 1) -> float:
    """Smallest rate [Hz] that a zero-bias sample can resolve.

    Parameters
    ----------
    input_hz
        Rate of crossings [Hz].
    n_events
        Number of simulated crossings: one of them stands for input_hz / n_events.
    mu, library
        Mean number of collisions in a crossing and size of the library that they are drawn from:
        one collision stands for input_hz x mu / library. Without them nothing is shared.

    Raises
    ------
    InputError
        If a number is not positive (mu may be zero).
    """
    if not (input_hz > 0.0 and n_events > 0 and library > 0 and mu >= 0.0):
        raise InputError(
            f"resolution_limit: {input_hz} Hz, {n_events} events, mu {mu} of {library} collisions"
        )
    return input_hz * max(1.0 / n_events, mu / library)


def independent_events(blocks: Blocks) -> float:
    """Largest number of independent events: that of events, or blocks over blocks an event."""
    if blocks.n_events == 0:
        return 0.0
    each = blocks.block.size / blocks.n_events
    return min(float(blocks.n_events), blocks.n_blocks / each) if each else float(blocks.n_events)


def shared_covariance(deviations: ArrayLike, blocks: Blocks) -> Floats:
    """Covariance of sums over events that share blocks.

    It is the block bootstrap's, worked out: events that share a block are correlated, pairs of
    them enter once for each block they share (the first order in what a single block does). The
    square of each event enters once, not once for each of its blocks, as drawing blocks at random
    would have it: with mu blocks an event that would count the independent part mu times.

    Parameters
    ----------
    deviations
        float[k, n] of k numbers, each event's deviation from the mean: of zero or one from a
        fraction, of an event's share of beaten events from the area under a ROC curve.
    blocks
        What the events hold.

    Returns
    -------
    float64[k, k]; never less than the covariance of independent events, also where the estimate
    of what they share fluctuates below zero.
    """
    d = np.atleast_2d(np.asarray(deviations, dtype=np.float64))
    if d.shape[1] != blocks.n_events:
        raise InputError(f"shared_covariance: {d.shape} deviations for {blocks.n_events} events")
    counts = np.diff(blocks.offsets)
    each = np.stack(
        [np.bincount(blocks.block, np.repeat(row, counts), blocks.n_blocks) for row in d]
    )
    shared = each @ each.T - (counts * d) @ d.T
    sizes, directions = np.linalg.eigh(shared)
    covariance: Floats = d @ d.T + (directions * np.maximum(sizes, 0.0)) @ directions.T
    return covariance


def shared_variance(deviations: ArrayLike, blocks: Blocks) -> float:
    """Variance of a sum over events that share blocks: `shared_covariance` of float[n]."""
    return float(shared_covariance(deviations, blocks)[0, 0])


class SharedEvents:
    """Events that share blocks, for the fractions of many different selections of them.

    What does not depend on the selection is computed once; a fraction then costs as much as the
    events that pass it.

    Parameters
    ----------
    blocks
        What each event holds.
    weights
        float[n], event weights; None is one for every event. With negative ones the effective
        number is that of the signed sums, and a fraction outside [0, 1] is set to the nearest end.

    Raises
    ------
    InputError
        If lengths differ, a weight is NaN or infinite, or all together are not positive.
    """

    def __init__(self, blocks: Blocks, weights: ArrayLike | None = None) -> None:
        n = blocks.n_events
        w = checked_weights(np.ones(n) if weights is None else weights, n)
        total = float(w.sum())
        if n and not total > 0.0:
            raise InputError(f"shared_fraction: the weights of {n} events add up to {total:g}")
        self.blocks = blocks
        self.weights = w
        self.total = total
        self._counts = np.diff(blocks.offsets)
        self._of_block = self._sum_by_block(np.arange(n))
        self._own = float((self._counts * w**2).sum())
        self._squares = float((w**2).sum())
        self._kish = total**2 / self._squares if n else 0.0
        self._most = min(self._kish, independent_events(blocks))

    def _sum_by_block(self, events: NDArray[np.int64]) -> Floats:
        """Weight of events in each block."""
        counts = self._counts[events]
        ends = np.cumsum(counts)
        entry = np.arange(counts.sum()) + np.repeat(
            self.blocks.offsets[events] - np.append(0, ends)[:-1], counts
        )
        each = np.repeat(self.weights[events], counts)
        sums: Floats = np.bincount(self.blocks.block[entry], each, self.blocks.n_blocks).astype(
            float
        )
        return sums

    def _variance(self, passed: NDArray[np.int64], share: float) -> float:
        """Variance of the fraction, as `shared_variance` of the deviations gives it."""
        w = self.weights[passed]
        squares, own = float((w * w).sum()), float((self._counts[passed] * w * w).sum())
        alone = (1.0 - 2.0 * share) * squares + share**2 * self._squares
        own_blocks = (1.0 - 2.0 * share) * own + share**2 * self._own
        each = self._sum_by_block(passed) - share * self._of_block
        return (alone + max(float(each @ each) - own_blocks, 0.0)) / self.total**2

    def fraction(self, passed: ArrayLike, level: float = ONE_SIGMA) -> SharedFraction:
        """Fraction of the weight that passes, bool[n], as `shared_fraction` gives it."""
        mask = np.asarray(passed, dtype=bool)
        if mask.shape != (self.blocks.n_events,):
            raise InputError(
                f"shared_fraction: {mask.shape} decisions for {self.blocks.n_events} events"
            )
        if mask.size == 0:
            return SharedFraction(Estimate(math.nan, 0.0, 1.0, 0), 0.0, 0.0)
        events = np.flatnonzero(mask)
        share = min(max(float(self.weights[events].sum()) / self.total, 0.0), 1.0)
        n_effective = self._most
        if 0.0 < share < 1.0:
            variance = self._variance(events, share)
            n_effective = min(share * (1.0 - share) / variance, self._kish)
        k = share * n_effective
        low, high = clopper_pearson(min(k, n_effective), n_effective, level)
        return SharedFraction(
            Estimate(share, float(low), float(high), mask.size), float(n_effective), float(k)
        )


def shared_fraction(
    passed: ArrayLike,
    blocks: Blocks,
    weights: ArrayLike | None = None,
    level: float = ONE_SIGMA,
) -> SharedFraction:
    """Fraction of events that pass, when events share blocks.

    Parameters
    ----------
    passed
        bool[n].
    blocks
        The collisions that each event holds.
    weights
        float[n], event weights; None is one for every event. With negative ones the effective
        number is that of the signed sums, and a fraction outside [0, 1] is set to the nearest end.
    level
        Probability content of the interval: Clopper and Pearson's with the effective number of
        events, which is that of independent ones with the same variance (`shared_variance`).
        Where nothing or everything passes it is `independent_events`.

    Raises
    ------
    InputError
        If lengths differ, a weight is NaN or infinite, or all together are not positive.
    """
    return SharedEvents(blocks, weights).fraction(passed, level)
