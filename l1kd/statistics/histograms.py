"""Histograms with Poisson-bootstrap replicas: quantiles of any number of events in fixed memory."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.emulators.array_types import Floats
from l1kd.emulators.compilation import njit
from l1kd.errors import InputError

__all__ = ["ReplicaHistogram", "stretched_edges"]


def stretched_edges(scale: float, largest: float, bins: int, *, signed: bool = False) -> Floats:
    """Edges that are nearly equally spaced up to `scale` and in proportion beyond.

    Equally spaced in asinh(x / scale). At x a bin is hypot(x, scale) x asinh(largest / scale) /
    bins wide (twice that if signed).

    Parameters
    ----------
    scale, largest
        Where the spacing begins to grow, and the last edge, in the unit of the values.
    bins
        Number of bins.
    signed
        From -largest instead of 0.
    """
    end = np.arcsinh(largest / scale)
    edges: Floats = scale * np.sinh(np.linspace(-end if signed else 0.0, end, bins + 1))
    return edges


class ReplicaHistogram:
    """Weighted counts of a quantity in bins, as measured and in each replica of a bootstrap.

    What is filled in any order, in parts, and added up is equal bit for bit: weights are rounded
    to 21 significant bits, of which sums in double precision are exact as long as a bin holds
    less than 2^32 times the smallest weight.

    Parameters
    ----------
    edges
        float[bins + 1], rising. Values outside count in the first or last bin.
    groups
        Number of separate histograms, for example of bins of another quantity.
    replicas
        Number of replicas.

    Attributes
    ----------
    counts
        float64[groups, bins, 1 + replicas]; the first of the last axis is the measured one.
    entries
        int64[groups], number of values, whatever their weights.
    """

    def __init__(self, edges: ArrayLike, groups: int = 1, replicas: int = 100) -> None:
        self.edges = np.asarray(edges, dtype=np.float64)
        if self.edges.ndim != 1 or self.edges.size < 2 or (np.diff(self.edges) <= 0.0).any():
            raise InputError("ReplicaHistogram: edges must rise")
        self.counts = np.zeros((groups, self.edges.size - 1, 1 + replicas))
        self.entries = np.zeros(groups, np.int64)

    def fill(
        self,
        values: ArrayLike,
        multiplicities: NDArray[np.uint8],
        weights: ArrayLike,
        groups: ArrayLike | None = None,
    ) -> None:
        """Count values.

        Parameters
        ----------
        values
            float[n], no NaN.
        multiplicities
            uint8[n, replicas], of `poisson_multiplicities` of the events that they belong to.
        weights
            float[n].
        groups
            int[n], the histogram of each value; None for the first.

        Raises
        ------
        InputError
            If a value is NaN.
        """
        x = np.asarray(values, dtype=np.float64)
        if np.isnan(x).any():
            raise InputError(f"ReplicaHistogram: {int(np.isnan(x).sum())} values are NaN")
        group = np.zeros(x.size, np.int64) if groups is None else np.asarray(groups, np.int64)
        place = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, self.edges.size - 2)
        _fill(self.counts, group, place, _rounded(weights), multiplicities)
        self.entries += np.bincount(group, minlength=self.entries.size)

    def __iadd__(self, other: "ReplicaHistogram") -> "ReplicaHistogram":
        """Add the counts of a histogram of the same shape."""
        self.counts += other.counts
        self.entries += other.entries
        return self

    def __eq__(self, other: object) -> bool:
        """Whether edges and all counts are equal bit for bit."""
        if not isinstance(other, ReplicaHistogram):
            return NotImplemented
        mine, theirs = (
            (h.edges.tobytes(), h.counts.tobytes(), h.entries.tobytes()) for h in (self, other)
        )
        return mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def total(self, groups: Sequence[int]) -> Floats:
        """Sum of the weights in these groups, float64[1 + replicas]."""
        sums: Floats = self.counts[list(groups)].sum(axis=(0, 1))
        return sums

    def quantiles(
        self, probabilities: ArrayLike, groups: Sequence[int], lowest: Floats | None = None
    ) -> Floats:
        """Quantiles, interpolated within a bin.

        Parameters
        ----------
        probabilities
            float[k].
        groups
            Which groups to put together.
        lowest
            float[1 + replicas], further weight at the lowest edge.

        Returns
        -------
        float64[1 + replicas, k]; NaN where the weights do not add up to more than zero.
        """
        p = np.asarray(probabilities, dtype=np.float64)
        more = np.zeros(self.counts.shape[2]) if lowest is None else lowest
        return _quantiles(self.counts[list(groups)].sum(axis=0), self.edges, p, more)

    def mean(self, groups: Sequence[int]) -> Floats:
        """Mean, every value at the middle of its bin, float64[1 + replicas]; NaN without weight."""
        counts = self.counts[list(groups)].sum(axis=0)
        middle = (self.edges[1:] + self.edges[:-1]) / 2.0
        total = counts.sum(axis=0)
        result = np.full(total.shape, np.nan)
        np.divide(middle @ counts, total, out=result, where=total > 0.0)
        return result


def _rounded(weights: ArrayLike) -> Floats:
    mantissa, exponent = np.frexp(np.asarray(weights, dtype=np.float64))
    rounded: Floats = np.ldexp(np.round(np.ldexp(mantissa, 21)), exponent - 21)
    return rounded


@njit(nogil=True)
def _fill(
    counts: Floats,
    group: NDArray[np.int64],
    place: NDArray[np.int64],
    weights: Floats,
    multiplicities: NDArray[np.uint8],
) -> None:
    for i in range(place.size):
        row = counts[group[i], place[i]]
        row[0] += weights[i]
        for r in range(multiplicities.shape[1]):
            row[1 + r] += weights[i] * multiplicities[i, r]


@njit(nogil=True)
def _quantiles(counts: Floats, edges: Floats, p: Floats, lowest: Floats) -> Floats:
    bins, columns = counts.shape
    result = np.full((columns, p.size), np.nan)
    for r in range(columns):
        total = lowest[r] + counts[:, r].sum()
        if not total > 0.0:
            continue
        for k in range(p.size):
            wanted = p[k] * total
            # negative weights may let the sum fall: the distribution stays where it has been
            running, below = lowest[r], max(lowest[r], 0.0)
            result[r, k] = edges[0]
            if below >= wanted and below > 0.0:
                continue
            for b in range(bins):
                running += counts[b, r]
                if running > below:
                    if running >= wanted:
                        share = (wanted - below) / (running - below)
                        result[r, k] = edges[b] + share * (edges[b + 1] - edges[b])
                        break
                    below = running
                    result[r, k] = edges[b + 1]
    return result
