"""Leading objects of events against sorting, and the scaling of rows against NumPy."""

from itertools import pairwise

import numpy as np
import pytest

from l1kd.emulators.object_arrays import leading, scaled


@pytest.mark.parametrize("most", [1, 4, 10])
def test_leading_objects_are_those_of_a_stable_sort(most):
    rng = np.random.default_rng(most)
    counts = rng.integers(0, 15, 500)
    offsets = np.append(0, np.cumsum(counts))
    pt = rng.integers(0, 6, offsets[-1]).astype(np.float64)  # many are equal, and some are none
    found = leading(pt, offsets, most)
    assert found.shape == (500, most)
    for event, (first, last) in enumerate(pairwise(offsets)):
        order = first + np.argsort(-pt[first:last], kind="stable")
        expected = order[pt[order] > 0][:most]
        np.testing.assert_array_equal(found[event, : len(expected)], expected)
        assert (found[event, len(expected) :] == -1).all()


PATTERN = tuple(
    np.float32(x) for x in ([0.25, 1.0], [0.0, -2.0], [3.0, 2.0], [0.0, -1e30], [3e38, 50.0])
)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("count", [0, 1, 7, 400])
def test_numbers_are_scaled_and_limited_by_the_pattern(kind, count):
    values = np.random.default_rng(count).normal(0.0, 6.0, count).astype(kind)
    values[::2] = np.abs(values[::2])
    out = np.empty(count, np.float32)
    assert scaled(values, *PATTERN, out)
    scale, least, most, *_ = (np.resize(x, count) for x in PATTERN)
    np.testing.assert_array_equal(out, np.clip(values.astype(np.float32) * scale, least, most))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -1.0])
@pytest.mark.parametrize("place", [0, 36, 98])
def test_what_is_wrong_is_found_wherever_it_is(wrong, place):
    values = np.ones(99, np.float32)
    values[place] = wrong
    assert not scaled(values, *PATTERN, np.empty(99, np.float32))


def test_what_is_too_large_for_single_precision_is_wrong():
    assert not scaled(np.array([1.0, 1e39]), *PATTERN, np.empty(2, np.float32))


def test_what_is_beyond_a_limit_of_its_place_is_wrong():
    assert scaled(np.array([60.0, 50.0]), *PATTERN, np.empty(2, np.float32))
    assert not scaled(np.array([60.0, 50.5]), *PATTERN, np.empty(2, np.float32))
