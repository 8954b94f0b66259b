"""Columns: order of chunks does not matter, nothing is counted twice."""

import itertools

import numpy as np
import pytest
from coffea.processor import accumulate

from l1kd.errors import InputError
from l1kd.processors.columns import Columns, chunk_key


def chunk(file, start, values):
    return Columns({(file, start): {"x": np.array(values), "n": np.array([len(values)])}})


PARTS = [chunk("b", 0, [4.0]), chunk("a", 10, [2.0, 3.0]), chunk("a", 9, [1.0])]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_joined_in_the_order_of_file_and_entry(order):
    merged = accumulate([PARTS[i] for i in order])
    np.testing.assert_array_equal(merged.joined()["x"], [1.0, 2.0, 3.0, 4.0])
    np.testing.assert_array_equal(merged.joined()["n"], [1, 2, 1])
    assert len(merged) == 3


def test_entries_are_ordered_as_numbers():
    merged = chunk("a", 1000, [2.0]) + chunk("a", 999, [1.0])
    np.testing.assert_array_equal(merged.joined()["x"], [1.0, 2.0])


def test_addition_leaves_its_terms_alone():
    first, second = PARTS[0], PARTS[1]
    assert len(first + second) == 2
    assert (len(first), len(second)) == (1, 1)


def test_a_chunk_that_comes_twice_is_an_error():
    with pytest.raises(InputError, match="'a' that begins at entry 9 came twice"):
        PARTS[2] + PARTS[2]


def test_chunks_of_different_content_do_not_join():
    odd = Columns({("c", 0): {"x": np.zeros(1)}})
    with pytest.raises(InputError, match=r"'c' from entry 0.*both have n"):
        (PARTS[0] + odd).joined()


def test_equality_is_of_bits_and_ignores_chunks():
    whole = Columns({("a", 0): {"x": np.array([1.0, np.nan])}})
    halves = Columns({("a", 0): {"x": np.array([1.0])}, ("a", 1): {"x": np.array([np.nan])}})
    assert whole == halves
    assert whole != Columns({("a", 0): {"x": np.array([1.0, 2.0])}})
    assert whole != Columns({("a", 0): {"x": np.array([1.0, np.nan], np.float32)}})
    assert whole != Columns({("a", 0): {"y": np.array([1.0, np.nan])}})
    assert whole != 1
    assert Columns() == Columns()
    assert Columns().joined() == {}


def test_key_of_events():
    assert chunk_key({"filename": "f.root", "entrystart": 50, "dataset": "x"}) == ("f.root", 50)
    assert chunk_key({}) == ("", 0)
