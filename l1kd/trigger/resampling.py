"""Block bootstrap that every worker draws alike.

A replica takes every block of events (those that share a pile-up collision, a luminosity section)
a Poisson number of times, mean one. The number is a function of seed, block and replica alone, so
that chunks on different workers draw the same number for the same block and their sums merge.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Integers, Words
from l1kd.errors import InputError

__all__ = ["Resampling"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_POISSON = np.cumsum(np.exp(-1.0) / np.cumprod([1.0, *range(1, 19)]))


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
        block = np.asarray(blocks).astype(np.int64).view(np.uint64)
        with np.errstate(over="ignore"):
            of_block = _mixed(block + np.uint64(self.seed) * _GOLDEN)
            of_replica = _mixed(np.arange(1, self.replicas + 1, dtype=np.uint64) * _GOLDEN)
            drawn = _mixed(of_block[:, None] ^ of_replica[None, :])
        uniform = (drawn >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return np.searchsorted(_POISSON, uniform, side="right").astype(np.int64)


def _mixed(x: Words) -> Words:
    """Finaliser of the SplitMix64 generator (Steele, Lea and Flood, OOPSLA 2014)."""
    x = x + _GOLDEN
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
