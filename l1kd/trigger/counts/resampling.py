"""Block bootstrap that every worker draws alike.

A replica takes every block of events (those that share a pile-up collision, a luminosity section)
a Poisson number of times, mean one. The number is a function of seed, block and replica alone, so
that chunks on different workers draw the same number for the same block and their sums merge.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats, Integers
from l1kd.errors import InputError
from l1kd.statistics import poisson_multiplicities

__all__ = ["Resampling", "share_drawn", "widened"]


@dataclass(frozen=True)
class Resampling:
    """Number of replicas and seed of a block bootstrap."""

    replicas: int = 200
    seed: int = 20260101

    def __post_init__(self) -> None:
        if self.replicas < 2:
            raise InputError(f"a bootstrap needs two replicas or more, not {self.replicas}")

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)

    def multiplicities(self, blocks: ArrayLike) -> Integers:
        """How often each replica draws each event.

        Parameters
        ----------
        blocks
            int[n], the block of each event.

        Returns
        -------
        int64[n, replicas]; equal for events of one block.
        """
        ids = np.asarray(blocks)
        # an empty list has no type of its own
        ids = ids if ids.size else ids.astype(np.int64)
        drawn = poisson_multiplicities(ids, self.replicas, seed=self.seed)
        return drawn.astype(np.int64)


def share_drawn(passing: Floats, total: Floats) -> Floats:
    """Return the share of each replica, float64[replicas, m]; NaN where it drew no event at all.

    Parameters
    ----------
    passing
        float64[replicas, m], weight drawn that passes.
    total
        float64[replicas], all weight drawn.
    """
    some = total > 0.0
    return np.where(some[:, None], passing / np.where(some, total, 1.0)[:, None], np.nan)


def widened(drawn: Floats, low: Floats, high: Floats, level: float) -> tuple[Floats, Floats]:
    """Widen intervals to the percentiles of float64[replicas, m], of those that drew events."""
    kept = drawn[~np.isnan(drawn).any(axis=1)]
    if len(kept) < 2:
        return low, high
    ends = np.quantile(kept, ((1.0 - level) / 2.0, (1.0 + level) / 2.0), axis=0)
    return np.minimum(low, ends[0]), np.maximum(high, ends[1])
