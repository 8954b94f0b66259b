"""Sort networks: complete, cropped correctly, and with the reference's order of equal momenta."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.correlator.sorting import (
    SortNetwork,
    folded_hybrid_network,
    hybrid_network,
    insertion_order,
    network_order,
    sort_network,
)


def run(network: SortNetwork, momenta: list[int]) -> list[tuple[int, int]]:
    """Sort one list in the first of the 64 lanes; return (momentum, slot)."""
    wires = np.zeros((network.n_wires, 64), dtype=np.int32)
    wires[: len(momenta), 0] = [(p << 8) | i for i, p in enumerate(momenta)]
    network_order(wires, network.pairs)
    return [(int(wires[w, 0]) >> 8, int(wires[w, 0]) & 255) for w in network.outputs]


def insertion(momenta: list[int], n_out: int) -> list[tuple[int, int]]:
    n = len(momenta)
    room = (n + 31) & ~31
    keys, rank = np.zeros(room, dtype=np.int32), np.zeros(room, dtype=np.int32)
    order = np.zeros(max(n, n_out), dtype=np.int32)
    keys[:n] = [(p << 8) | i for i, p in enumerate(momenta)]
    insertion_order(keys, n, order, n_out, rank)
    return [(int(k) >> 8, int(k) & 255) for k in order[: min(n, n_out)]]


@pytest.mark.parametrize("n", range(1, 14))
def test_hybrid_sorts_every_binary_input(n: int):
    """A network sorts everything if it sorts all zeros and ones (zero-one principle)."""
    network = hybrid_network(n, n)
    inputs = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
    for start in range(0, len(inputs), 64):
        block = inputs[start : start + 64]
        wires = np.zeros((n, 64), dtype=np.int32)
        wires[:, : len(block)] = block.T << 8
        network_order(wires, network.pairs)
        result = wires[network.outputs, : len(block)] >> 8
        np.testing.assert_array_equal(result.T, -np.sort(-block, axis=1))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 64), st.integers(1, 64), st.data())
def test_networks_keep_the_largest(n: int, n_out: int, data: st.DataObject):
    momenta = data.draw(st.lists(st.integers(0, 16383), min_size=n, max_size=n, unique=True))
    largest = sorted(momenta, reverse=True)
    for network in (hybrid_network(n, n_out), folded_hybrid_network(n, n_out)):
        result = [p for p, _ in run(network, momenta)]
        assert result == [*largest, 0][: len(result)]
        assert all(momenta[slot] == p for p, slot in run(network, momenta) if p)


@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 60))
def test_insertion_is_a_stable_sort_of_the_reversed_list(momenta: list[int], n_out: int):
    backwards = range(len(momenta) - 1, -1, -1)
    slots = sorted(backwards, key=lambda i: -momenta[i])
    assert insertion(momenta, n_out) == [(momenta[i], i) for i in slots][:n_out]


def test_equal_momenta_come_in_another_order_from_each_algorithm():
    """Three equal candidates among four: the later first, or wherever the exchanges leave them."""
    momenta = [5, 5, 7, 5]
    assert insertion(momenta, 4) == [(7, 2), (5, 3), (5, 1), (5, 0)]
    # 0-1 2-3 0-2 (moves slot 0 to wire 2) 1-3 1-2
    assert run(hybrid_network(4, 4), momenta) == [(7, 2), (5, 1), (5, 0), (5, 3)]
    # odd slots 1, 3 and even slots 2, 0; then [3, 1, 2, 0] is merged
    assert run(folded_hybrid_network(4, 4), momenta) == [(7, 2), (5, 1), (5, 3), (5, 0)]


def test_folded_network_of_an_odd_number_has_an_empty_slot():
    network = folded_hybrid_network(5, 6)
    assert network.n_wires == 6
    assert [p for p, _ in run(network, [1, 2, 3, 4, 5])] == [5, 4, 3, 2, 1, 0]


def test_unneeded_exchanges_are_left_out():
    assert len(folded_hybrid_network(50, 1).pairs) < len(folded_hybrid_network(50, 50).pairs)


def test_unknown_algorithm():
    with pytest.raises(ValueError, match=r"unknown sort 'Bubble'.*Insertion"):
        sort_network("Bubble", 4, 4)
    assert sort_network("Insertion", 4, 4).pairs.shape == (0, 2)
    assert len(sort_network("Hybrid", 4, 2).outputs) == 2
