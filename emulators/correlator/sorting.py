"""The sorting algorithms of the correlator, with the order they give to equal momenta.

Every algorithm sorts by descending transverse momentum. Keys are `pt << 8 | slot`, so a kernel
moves one integer for each object and the slot tells afterwards where the object came from.
Sources: bitonic_hybrid_sort_ref.h (cms-sw/cmssw b9fae229) and bitonic_sort_ref.h (9c784f83).
"""

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from l1kd.emulators.array_types import Indices, Shorts
from l1kd.emulators.compilation import njit

__all__ = [
    "ALGORITHMS",
    "SortNetwork",
    "folded_hybrid_network",
    "hybrid_network",
    "insertion_order",
    "network_order",
    "sort_network",
]

ALGORITHMS: Final = ("Insertion", "Hybrid", "FoldedHybrid")

Pairs = list[tuple[int, int]]


def _pairs(text: str) -> Pairs:
    """Read `a-b` pairs separated by blanks."""
    return [(int(a), int(b)) for a, b in (pair.split("-") for pair in text.split())]


_FIXED: Final[dict[int, Pairs]] = {
    2: _pairs("0-1"),
    3: _pairs("0-1 1-2 0-1"),
    4: _pairs("0-1 2-3 0-2 1-3 1-2"),
    5: _pairs("0-1 2-3 1-3 2-4 0-2 1-4 1-2 3-4 2-3"),
    6: _pairs("0-3 1-2 0-1 2-3 4-5 0-3 1-4 2-5 0-1 2-4 3-5 1-2 3-4"),
    12: _pairs(
        "0-1 2-3 4-5 6-7 8-9 10-11 0-2 1-3 4-6 5-7 8-10 9-11 0-4 1-5 2-6 7-11 9-10 "
        "1-2 6-10 5-9 4-8 3-7 2-6 1-5 0-4 9-10 7-11 3-8 1-4 7-10 2-3 5-6 8-9 "
        "2-4 3-5 6-8 7-9 3-4 5-6 7-8"
    ),
    13: _pairs(
        "0-1 2-3 4-5 6-7 8-9 10-11 0-2 1-3 4-6 5-7 8-10 9-11 0-4 1-5 2-6 3-7 8-12 "
        "0-8 1-9 2-10 3-11 4-12 1-2 3-12 7-11 4-8 5-10 6-9 1-4 2-8 6-12 3-10 5-9 "
        "2-4 3-5 6-8 7-9 10-12 3-6 5-8 7-10 9-12 3-4 5-6 7-8 9-10 11-12"
    ),
}


@dataclass(frozen=True)
class SortNetwork:
    """A sequence of compare-exchanges and the wires that carry the result.

    Attributes
    ----------
    pairs : ndarray of int16, shape (n_exchanges, 2)
        Exchange the keys of wires (a, b) when the momentum on a is smaller than that on b.
    outputs : ndarray of int16, shape (n_out,)
        Wire of the k-th largest object.
    n_wires : int
        Number of wires, at least the number of inputs; surplus wires carry zeros.
    """

    pairs: Shorts
    outputs: Shorts
    n_wires: int


def _exchange(wires: list[int], i: int, j: int, descending: bool) -> tuple[int, int]:
    """Write an exchange so that the first wire receives the larger momentum."""
    return (wires[i], wires[j]) if descending else (wires[j], wires[i])


def _merge(wires: list[int], descending: bool) -> Pairs:
    """Merge a bitonic sequence of any length."""
    n = len(wires)
    if n < 2:
        return []
    half = 1 << ((n - 1).bit_length() - 1)
    pairs = [_exchange(wires, i, i + half, descending) for i in range(n - half)]
    if n > 2:
        pairs += _merge(wires[:half], descending) + _merge(wires[half:], descending)
    return pairs


def _hybrid(wires: list[int], descending: bool) -> Pairs:
    """Sort with the fixed networks where there is one, by halves and a merge elsewhere."""
    n = len(wires)
    if n < 2:
        return []
    if n in _FIXED:
        return [_exchange(wires, i, j, descending) for i, j in _FIXED[n]]
    half = n // 2
    return (
        _hybrid(wires[:half], not descending)
        + _hybrid(wires[half:], descending)
        + _merge(wires, descending)
    )


def _network(pairs: Pairs, outputs: list[int], n_wires: int) -> SortNetwork:
    """Make a network, without the exchanges that no output depends on."""
    live, needed = set(outputs), []
    for pair in reversed(pairs):
        if live.intersection(pair):
            live.update(pair)
            needed.append(pair)
    array = np.array(needed[::-1], dtype=np.int16).reshape(-1, 2)
    return SortNetwork(array, np.array(outputs, dtype=np.int16), n_wires)


def hybrid_network(n: int, n_out: int) -> SortNetwork:
    """Return the hybrid sort of n objects, cropped to the first n_out."""
    return _network(_hybrid(list(range(n)), True), list(range(min(n, n_out))), n)


def folded_hybrid_network(n: int, n_out: int) -> SortNetwork:
    """Return the folded hybrid sort: odd and even slots apart, then a merge of the largest.

    An odd number of inputs is completed with an empty slot.
    """
    half = (n + 1) // 2
    odd = list(range(1, 2 * half, 2))
    even = list(range(0, 2 * half, 2))
    kept = min(n_out, half)
    merged = odd[:kept][::-1] + even[:kept]
    pairs = _hybrid(odd, True) + _hybrid(even, True) + _merge(merged, True)
    return _network(pairs, merged[:n_out], 2 * half)


@cache
def sort_network(algorithm: str, n: int, n_out: int) -> SortNetwork:
    """Return the network of an algorithm; insertion needs none and gives an empty one.

    Parameters
    ----------
    algorithm : {"Insertion", "Hybrid", "FoldedHybrid"}
        Name as in the configuration of the reference.
    n, n_out : int
        Number of slots to sort and of slots to keep.

    Returns
    -------
    SortNetwork

    Raises
    ------
    ValueError
        If the algorithm is unknown.
    """
    if algorithm == "Insertion":
        return _network([], [], 0)
    if algorithm == "Hybrid":
        return hybrid_network(n, n_out)
    if algorithm == "FoldedHybrid":
        return folded_hybrid_network(n, n_out)
    raise ValueError(f"unknown sort {algorithm!r}; known are {', '.join(ALGORITHMS)}")


@njit(nogil=True)
def insertion_order(
    keys: Indices,
    n: int,
    order: Indices,
    n_out: int,
    rank: Indices,
) -> None:
    """Sort n distinct keys downwards; of equal momenta the later slot comes first.

    The rank of a key is the number of larger keys: no branch depends on the data. `keys` and
    `rank` are int32 work arrays with room for n rounded up to 32; `order` receives the first
    n_out keys.
    """
    lanes = (n + 31) & ~31
    for i in range(lanes):
        rank[i] = 0
    for j in range(n):
        other = keys[j]
        for i in range(lanes):
            rank[i] += np.int32(other > keys[i])
    for i in range(n):
        if rank[i] < n_out:
            order[rank[i]] = keys[i]


@njit(nogil=True)
def network_order(wires: Indices, pairs: Shorts) -> None:
    """Run a network over many regions at once; `wires` is int32[n_wires, 64], in place.

    Only the momentum decides: equal momenta stay where they are, whatever their slots. The
    exchange is written with a mask because a choice would compile to slow masked stores.
    """
    for k in range(pairs.shape[0]):
        i = np.uintp(pairs[k, 0])
        j = np.uintp(pairs[k, 1])
        for lane in range(64):
            a = wires[i, lane]
            b = wires[j, lane]
            smaller = np.int32(np.int32(a | np.int32(255)) - b) >> 31
            change = np.int32(a ^ b) & np.int32(smaller)
            wires[i, lane] = a ^ change
            wires[j, lane] = b ^ change
