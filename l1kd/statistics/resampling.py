"""Resampling of events, and of the independent units that events are made of."""

import hashlib
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.emulators.array_types import Floats
from l1kd.emulators.compilation import njit
from l1kd.errors import InputError
from l1kd.statistics.estimates import ONE_SIGMA

__all__ = [
    "Bootstrap",
    "block_bootstrap",
    "bootstrap",
    "event_ids",
    "poisson_multiplicities",
    "replica_interval",
]


class Bootstrap(NamedTuple):
    """Nominal values of a statistic and the percentile interval of its replicas."""

    value: Floats
    low: Floats
    high: Floats


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], ArrayLike],
    n_events: int,
    *,
    replicas: int = 1000,
    level: float = ONE_SIGMA,
    seed: int = 20260101,
) -> Bootstrap:
    """Percentile interval of any number computed from events, by resampling whole events.

    One replica is a list of multiplicities, how often each event was drawn. A statistic that
    returns several numbers (the resolution of each weighting and their ratios) sees the same
    events in all of them, so differences and ratios are paired; what belongs to an event (its
    jets) is drawn with it, which is the cluster bootstrap.

    Parameters
    ----------
    statistic
        Takes int64[n_events] multiplicities and returns numbers of any fixed shape.
    n_events
        Number of events; zero gives NaN intervals around the statistic of nothing.
    replicas, level, seed
        Number of replicas, probability content of the central interval, seed of the generator.

    Returns
    -------
    Bootstrap of arrays in the shape of the statistic. Replicas in which a number is NaN do not
    count for that number; with no replica left its interval is NaN.
    """
    _check(replicas, level)
    nominal = np.asarray(statistic(np.ones(n_events, dtype=np.int64)), dtype=np.float64)
    missing = np.full(nominal.shape, np.nan)
    if n_events == 0:
        return Bootstrap(nominal, missing, missing)
    generator = np.random.default_rng(seed)
    drawn = np.empty((replicas, *nominal.shape))
    for i in range(replicas):
        events = generator.integers(0, n_events, n_events)
        drawn[i] = statistic(np.bincount(events, minlength=n_events))
    return Bootstrap(nominal, *replica_interval(drawn, level))


def block_bootstrap(
    statistic: Callable[[NDArray[np.int64]], ArrayLike],
    blocks: ArrayLike,
    *,
    replicas: int = 1000,
    level: float = ONE_SIGMA,
    seed: int = 20260101,
) -> Bootstrap:
    """Percentile interval of any number computed from events that share what they are made of.

    Events with the same block number (the same hard collision under different pile-up, the same
    generator event decayed twice) are drawn together, a Poisson number of times. What makes
    events independent here is the number of blocks, not that of events. For events that each hold
    many blocks, see `l1kd.statistics.sharing`.

    Parameters
    ----------
    statistic
        Takes int64[n] multiplicities and returns numbers of any fixed shape.
    blocks
        int[n], the block of each event.
    replicas, level, seed
        Number of replicas, probability content of the central interval, seed of the multiplicities.

    Returns
    -------
    Bootstrap, as from `bootstrap`. The multiplicity of a block depends on its number and the seed
    only, not on which other events are there.
    """
    _check(replicas, level)
    ids = np.asarray(blocks)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(f"block_bootstrap: need one whole number an event, got {ids.dtype}")
    nominal = np.asarray(statistic(np.ones(ids.size, dtype=np.int64)), dtype=np.float64)
    missing = np.full(nominal.shape, np.nan)
    if ids.size == 0:
        return Bootstrap(nominal, missing, missing)
    different, place = np.unique(ids, return_inverse=True)
    drawn = np.empty((replicas, *nominal.shape))
    for i in range(replicas):
        counts = poisson_multiplicities(different, 1, seed=seed, first=i)[:, 0]
        drawn[i] = statistic(counts[place].astype(np.int64))
    return Bootstrap(nominal, *replica_interval(drawn, level))


def _check(replicas: int, level: float) -> None:
    if replicas < 1 or not 0.0 < level < 1.0:
        raise InputError(f"bootstrap: {replicas} replicas at level {level}, need >= 1 and (0, 1)")


def replica_interval(drawn: Floats, level: float = ONE_SIGMA) -> tuple[Floats, Floats]:
    """Central percentile interval (low, high) over the first axis of replicas, NaN excluded.

    A number of which no replica is finite has the interval (NaN, NaN).
    """
    flat = drawn.reshape(drawn.shape[0], -1)
    tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
    ends = np.full((2, flat.shape[1]), np.nan)
    for j in range(flat.shape[1]):
        finite = flat[np.isfinite(flat[:, j]), j]
        if finite.size:
            ends[:, j] = np.quantile(finite, tails)
    low, high = ends.reshape(2, *drawn.shape[1:])
    return low, high


def event_ids(file: str, entries: ArrayLike) -> NDArray[np.uint64]:
    """Numbers uint64[n] that stand for events wherever and in whatever chunk they are read.

    Parameters
    ----------
    file
        What names the file for good: its ROOT UUID.
    entries
        int[n], entry numbers in the file's tree.
    """
    digest = hashlib.blake2b(file.encode(), digest_size=8).digest()
    return _event_ids(np.uint64(int.from_bytes(digest, "little")), _as_ids(entries))


def poisson_multiplicities(
    ids: ArrayLike, replicas: int, *, seed: int = 20260101, first: int = 0
) -> NDArray[np.uint8]:
    """How often each event or block is drawn in each replica of a Poisson bootstrap.

    A multiplicity is Poisson distributed with mean one and follows from the seed, the replica's
    number and the id alone, through a hash. So replicas can be filled chunk by chunk, by several
    workers, and merged in any order.

    Parameters
    ----------
    ids
        int[n], what is drawn as one: `event_ids`, or numbers of library collisions.
    replicas, first
        Replicas `first` to `first + replicas - 1` are made.
    seed
        Seed of the hash.

    Returns
    -------
    uint8[n, replicas].
    """
    if replicas < 1 or first < 0:
        raise InputError(f"poisson_multiplicities: {replicas} replicas from {first}")
    return _multiplicities(_as_ids(ids), np.uint64(seed % 2**64), first, replicas)


def _as_ids(numbers: ArrayLike) -> NDArray[np.uint64]:
    ids = np.asarray(numbers)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(f"ids: need a list of whole numbers, got {ids.dtype}{ids.shape}")
    return ids.astype(np.uint64)


def _poisson_steps() -> NDArray[np.uint32]:
    """Cumulative probabilities of the Poisson distribution of mean one, in units of 2^-32."""
    terms = [math.exp(-1.0) / math.factorial(k) for k in range(13)]
    return np.array([round(sum(terms[: k + 1]) * 2**32) - 1 for k in range(13)]).astype(np.uint32)


_POISSON = _poisson_steps()
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads counters


@njit(nogil=True)
def _mix(z: np.uint64) -> np.uint64:
    """Finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit reaches every output."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(nogil=True)
def _event_ids(file: np.uint64, entries: NDArray[np.uint64]) -> NDArray[np.uint64]:
    result = np.empty(entries.size, np.uint64)
    for i in range(entries.size):
        result[i] = _mix(file ^ _mix((entries[i] + np.uint64(1)) * _GOLDEN))
    return result


@njit(nogil=True)
def _multiplicities(
    ids: NDArray[np.uint64], seed: np.uint64, first: int, replicas: int
) -> NDArray[np.uint8]:
    result = np.empty((ids.size, replicas), np.uint8)
    start = _mix(seed * _GOLDEN + np.uint64(1))
    for i in range(ids.size):
        key = _mix(ids[i] ^ start)
        for r in range(replicas):
            uniform = _mix(key + np.uint64(first + r + 1) * _GOLDEN) >> np.uint64(32)
            count = 0
            while count < 12 and uniform > _POISSON[count]:
                count += 1
            result[i, r] = count
    return result
