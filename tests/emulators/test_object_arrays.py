"""Leading objects of events against sorting, and the scaling of rows against NumPy."""

from itertools import pairwise

import numpy as np
import pytest

from l1kd.emulators.object_arrays import in_order, leading, scaled, tidy


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


KINDS = np.array([0, 2, 5], np.int32)


def tidied(rows):
    """The same with NumPy, event by event and kind by kind."""
    single = rows.astype(np.float32)
    phi = rows[..., 2].astype(np.float64)
    turned = (np.remainder(phi + np.pi, 2 * np.pi) - np.pi).astype(np.float32)
    outside = np.abs(single[..., 2]) > np.float32(np.pi)
    single[..., 2] = np.where(outside, turned, single[..., 2])
    single[single[..., 0] == 0] = 0.0
    for event in single:
        for first, last in pairwise(KINDS):
            order = np.argsort(-event[first:last, 0], kind="stable")
            event[first:last] = event[first:last][order]
    return single


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_rows_are_sorted_turned_and_emptied(kind):
    rng = np.random.default_rng(9)
    rows = rng.uniform([0, -3, -9], [50, 3, 9], (400, 5, 3)).astype(kind)
    rows[:100, :, 2] *= 30
    rows[100:140, :, 2] = rng.choice(np.pi * np.arange(-4, 5), (40, 5))
    rows[:, :, 0][rng.random((400, 5)) < 0.3] = 0.0
    rows[200:, :, 0] = np.round(rows[200:, :, 0] / 10)
    out = np.empty(rows.shape, np.float32)
    assert tidy(rows, KINDS, out)
    np.testing.assert_array_equal(out, tidied(rows))
    assert not in_order(rows, KINDS)
    assert in_order(out, KINDS)
    again = np.empty_like(out)
    assert tidy(out, KINDS, again)
    np.testing.assert_array_equal(again, out)


@pytest.mark.parametrize("column", [1, 2])
def test_what_is_out_of_order_is_seen(column):
    rows = np.zeros((3, 5, 3))
    rows[:, 0, 0] = rows[:, 2, 0] = 4.0
    assert in_order(rows, KINDS)
    rows[2, 3, column] = 0.1
    assert not in_order(rows, KINDS)
    rows[2, 3, 0] = 4.0
    assert in_order(rows, KINDS)
    rows[2, 3, 0] = 4.5
    assert not in_order(rows, KINDS)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, -1.0, 1e39])
def test_rows_that_are_no_objects_are_refused(wrong):
    rows = np.ones((4, 5, 3))
    rows[3, 4, 0] = wrong
    assert not tidy(rows, KINDS, np.empty(rows.shape, np.float32))
