"""Hard collisions on other crossings: nothing added, nothing lost, halves kept apart."""

import numpy as np
import pytest

from l1kd.errors import ConfigurationError
from l1kd.models.correlator.crossings import Raw
from l1kd.models.correlator.overlay import (
    forward_pairs,
    hard_parts,
    one_side,
    overlaid,
    pileup_parts,
    recombined,
)
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


def test_pileup_and_hard_parts_are_the_whole_event():
    events = raw()
    rest, hard = pileup_parts(events), hard_parts(events)
    tracks = [np.sum(e.particles["charge"] != 0) for e in (events, rest, hard)]
    assert tracks[0] == tracks[1] + tracks[2]
    assert (rest.particles["hard_fraction"] == 0).all()
    towers = rest.particles["pt"][rest.particles["charge"] == 0]
    assert (towers >= 1.0).all()
    assert (towers * 4 == np.rint(towers * 4)).all()
    whole, parts = (
        [np.bincount(np.repeat(np.arange(6), np.diff(e.offsets)), e.particles["pt"]) for e in some]
        for some in ((events,), (rest, hard))
    )
    # two roundings to 0.25 GeV, and towers of less than 1 GeV that are not stored
    lost = whole[0] - sum(parts)
    assert (np.abs(lost) < 0.02 * whole[0]).all()


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


def forward_events():
    """Draw events whose particles lie far forward, on one side each."""
    events = hard_parts(raw(8))
    sign = np.repeat(np.where(np.arange(8) % 3, 1.0, -1.0), np.diff(events.offsets))
    eta = sign * (2.0 + np.abs(events.particles["eta"]) / 4)
    return Raw({**events.particles, "eta": eta}, events.offsets, events.weight)


def test_pairs_are_forward_jets_in_opposite_halves_of_the_detector_with_one_vertex():
    events, half = forward_events(), (np.arange(8) % 2).astype(np.int8)
    found, halves = forward_pairs(events, half, 5, seed=3)
    assert found.n_events == 10
    assert halves.tolist() == [0] * 5 + [1] * 5
    for i in range(10):
        own = slice(found.offsets[i], found.offsets[i + 1])
        eta, pt, z0, charge = (found.particles[n][own] for n in ("eta", "pt", "z0", "charge"))
        mean = [
            np.average(z0[side], weights=pt[side])
            for side in ((eta > 0) & (charge != 0), (eta < 0) & (charge != 0))
            if side.any()
        ]
        assert (eta > 0).any()
        assert (eta < 0).any()
        assert mean[0] == pytest.approx(mean[-1])
        sides = [events.particles["pt"][events.offsets[j] : events.offsets[j + 1]]
                 for j in range(8) if half[j] == halves[i]]  # fmt: skip
        assert np.isin(pt, np.concatenate(sides)).all()


def test_pairs_need_forward_jets():
    central = hard_parts(raw())
    flat = {**central.particles, "eta": 0.1 * central.particles["eta"]}
    events = Raw(flat, central.offsets, central.weight)
    with pytest.raises(ConfigurationError, match="no jet of these hard collisions"):
        forward_pairs(events, np.zeros(6, np.int8), 4, seed=1)


def two_jets(n=12, seed=9):
    """Hard collisions of two jets that balance nearly, each of one track and one tower."""
    generator = np.random.default_rng(seed)
    size = generator.uniform(30.0, 60.0, n)
    phi = generator.integers(0, 36, n) * (np.pi / 18)
    across = phi + np.pi + generator.choice([-1, 0, 1], n) * (np.pi / 18)
    pt = np.stack([0.6 * size, 0.4 * size, 0.5 * size, 0.45 * size], axis=1)
    away = np.stack([phi, phi, across, across], axis=1)
    z0 = generator.uniform(-10.0, 10.0, n)[:, None]
    charged = np.tile([True, False, True, False], n)
    particles = {
        "pt": pt.ravel(),
        "eta": generator.uniform(-4.0, 4.0, (n, 2)).repeat(2, axis=1).ravel(),
        "phi": (away.ravel() + np.pi) % (2 * np.pi) - np.pi,
        "z0": np.where(charged, np.repeat(z0, 4), 0.0),
        "charge": charged.astype(np.int8),
        "hard_fraction": np.ones(4 * n, np.float32),
    }
    return Raw(particles, np.arange(0, 4 * n + 1, 4), np.ones(n))


def test_recombined_collisions_keep_a_side_and_balance_as_before():
    events = two_jets()
    half = (np.arange(12) % 2).astype(np.int8)
    found = recombined(events, half, seed=3)
    assert found.n_events == 12
    old, new = ({k: v.reshape(12, 4) for k, v in e.particles.items()} for e in (events, found))
    # the leading side is the event's own, the opposite one that of another event of its half
    for name in ("pt", "eta", "phi", "z0"):
        assert (old[name][:, :2] == new[name][:, :2]).all(), name
    taken = np.array([np.flatnonzero(old["pt"][:, 2] == x)[0] for x in new["pt"][:, 2]])
    assert (taken != np.arange(12)).all()
    assert (half[taken] == half).all()
    assert (np.abs(new["eta"][:, 2:]) == np.abs(old["eta"][taken, 2:])).all()
    # turned by whole columns, with tracks at the vertex of the side that stays
    turns = (new["phi"] - old["phi"][taken])[:, 2:] / (np.pi / 18)
    assert turns == pytest.approx(np.rint(turns), abs=1e-9)
    assert new["z0"][:, 2] == pytest.approx(new["z0"][:, 0])
    assert (new["z0"][:, [1, 3]] == 0).all()
    off = np.angle(np.exp(1j * (new["phi"][:, 2] - old["phi"][:, 2])))
    assert np.abs(off).max() < np.pi / 18


def test_a_collision_that_is_alone_in_its_half_is_not_recombined():
    events = two_jets(3)
    found = recombined(events, np.array([0, 1, 1], np.int8), seed=1)
    assert found.particles["pt"][:4] == pytest.approx(events.particles["pt"][:4])
