"""Hard collisions on other crossings: nothing added, nothing lost, halves kept apart."""

import numpy as np
import pytest

from l1kd.models.correlator.overlay import hard_parts, one_side, overlaid
from tests.models.correlator.events import raw


def sums(events, name):
    """Sum of a column times pt of every event."""
    event = np.repeat(np.arange(events.n_events), np.diff(events.offsets))
    return np.bincount(event, events.particles["pt"] * events.particles[name], events.n_events)


def test_hard_parts_are_the_shares_of_towers_and_whole_tracks():
    events = raw()
    hard = hard_parts(events)
    charged = hard.particles["charge"] != 0
    assert (hard.particles["hard_fraction"] == 1).all()
    assert (hard.particles["pt"] * 4 == np.rint(hard.particles["pt"] * 4))[~charged].all()
    tracks = (events.particles["charge"] != 0) & (events.particles["hard_fraction"] == 1)
    assert charged.sum() == tracks.sum()
    # towers are rounded to steps of 0.25 GeV
    assert sums(hard, "hard_fraction") == pytest.approx(sums(events, "hard_fraction"), abs=4.0)


def test_overlays_hold_the_hard_part_and_the_crossing():
    events, soft = raw(), raw(8, seed=4, hard=False)
    half = (np.arange(6) % 2).astype(np.int8)
    other = (np.arange(8) % 2).astype(np.int8)
    hard = hard_parts(events)
    found, halves = overlaid(hard, half, [(soft, other)], [1.0], times=2, seed=5)
    assert found.n_events == 12
    assert (halves == np.tile(half, 2)).all()
    # every event's hard momentum is that of its collision, turned and reflected or not
    assert sums(found, "hard_fraction") == pytest.approx(np.tile(sums(hard, "hard_fraction"), 2))
    event = np.repeat(np.arange(12), np.diff(found.offsets))
    total = np.bincount(event, found.particles["pt"]) - sums(found, "hard_fraction")
    whole = np.add.reduceat(soft.particles["pt"], soft.offsets[:-1])
    for value, side in zip(total, halves, strict=True):
        assert np.isclose(whole[other == side], value).any()


def test_turns_keep_towers_on_towers():
    events = hard_parts(raw())
    half = np.zeros(6, np.int8)
    soft = raw(4, seed=4, hard=False)
    found, _ = overlaid(events, half, [(soft, np.zeros(4, np.int8))], [1.0], times=1, seed=6)
    for i in range(6):
        old = events.particles["phi"][events.offsets[i] : events.offsets[i + 1]]
        own = slice(found.offsets[i], found.offsets[i + 1])
        new = found.particles["phi"][own][found.particles["hard_fraction"][own] == 1]
        steps = (new - old) / (np.pi / 18)
        turn = np.round(steps[0])
        assert (steps - turn) % 36 == pytest.approx(np.zeros(len(old)), abs=1e-6) or np.allclose(
            np.minimum((steps - turn) % 36, 36 - (steps - turn) % 36), 0, atol=1e-6
        )


def test_one_side_is_what_lies_within_ninety_degrees():
    events = hard_parts(raw())
    found = one_side(events, seed=1)
    for i in range(found.n_events):
        own = slice(events.offsets[i], events.offsets[i + 1])
        kept = slice(found.offsets[i], found.offsets[i + 1])
        leading = events.particles["phi"][own][events.particles["pt"][own].argmax()]
        near = np.cos(events.particles["phi"][own] - leading) > 0
        assert found.offsets[i + 1] - found.offsets[i] in (near.sum(), (~near).sum())
        assert np.isin(found.particles["phi"][kept], events.particles["phi"][own]).all()
