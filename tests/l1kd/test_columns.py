"""Flat columns of events: offsets, and what every class of columns can do."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.columns import (
    EventColumns,
    check_offsets,
    event_index,
    join_offsets,
    offsets_from_counts,
    select_offsets,
)
from l1kd.emulators.array_types import Floats, Offsets
from l1kd.errors import InputError


@dataclass(frozen=True)
class Hits(EventColumns):
    pt: Floats
    eta: Floats
    offsets: Offsets


COUNTS = st.lists(st.integers(0, 5), max_size=8)


def hits(counts):
    offsets = offsets_from_counts(counts)
    pt = np.arange(offsets[-1], dtype=np.float64)
    return Hits(pt, -pt, offsets)


def test_offsets_count_up_from_zero():
    assert offsets_from_counts([2, 0, 3]).tolist() == [0, 2, 2, 5]
    assert offsets_from_counts([]).tolist() == [0]
    assert event_index([0, 2, 2, 5]).tolist() == [0, 0, 2, 2, 2]


@pytest.mark.parametrize(
    ("offsets", "message"),
    [([1, 3], "from 0 to the 3"), ([0, 4], "run from 0 to 4"), ([0, 3, 2, 3], "must rise")],
)
def test_offsets_that_do_not_fit(offsets, message):
    with pytest.raises(InputError, match=message):
        check_offsets(offsets, 3)
    with pytest.raises(InputError, match="list of integers"):
        check_offsets(np.array([0.0, 3.0]), 3)


@given(COUNTS, st.randoms(use_true_random=False))
def test_selecting_keeps_the_events(counts, random):
    columns = hits(counts)
    mask = np.array([random.random() < 0.5 for _ in range(len(columns))], np.bool_)
    chosen = columns.select(mask)
    assert chosen.n_events == columns.n_events
    assert chosen.offsets.tolist() == select_offsets(columns.offsets, mask).tolist()
    assert chosen.pt.tolist() == columns.pt[mask].tolist()
    assert chosen.event.tolist() == columns.event[mask].tolist()


@given(COUNTS)
def test_cutting_and_joining_gives_the_same_back(counts):
    columns = hits(counts)
    middle = columns.n_events // 2
    first, rest = columns.events(0, middle), columns.events(middle, columns.n_events)
    again = first.and_then(rest)
    assert [x.tolist() for x in again] == [x.tolist() for x in columns]
    parts = [first.offsets, rest.offsets]
    assert join_offsets(parts).tolist() == columns.offsets.tolist()


def test_taking_another_order():
    columns = hits([2, 1])
    assert columns.take(np.array([1, 0, 2])).eta.tolist() == [-1.0, -0.0, -2.0]
    assert len(columns) == 3
    assert columns.counts.tolist() == [2, 1]
    assert set(columns.columns()) == {"pt", "eta"}
