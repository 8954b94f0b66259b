"""Matching: against an explicit loop, one-to-one, symmetric, around the azimuth's seam."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.errors import InputError
from l1kd.physics.jets import sorted_jets
from l1kd.physics.matching import delta_phi, match_nearest


def random_jets(generator, n_events, spread):
    counts = generator.integers(0, 7, n_events)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    n = offsets[-1]
    return sorted_jets(
        generator.uniform(15.0, 100.0, n),
        generator.uniform(-spread, spread, n),
        generator.uniform(-spread, spread, n),
        np.zeros(n),
        offsets,
    )


def one_by_one(measured, generated, max_dr):
    """Take the closest pair of the event, set both aside, repeat."""
    pairs = []
    for event in range(measured.n_events):
        left = range(measured.offsets[event], measured.offsets[event + 1])
        right = range(generated.offsets[event], generated.offsets[event + 1])
        near = []
        for i in left:
            for j in right:
                d_phi = delta_phi(measured.phi[i], generated.phi[j])
                near.append((np.hypot(measured.eta[i] - generated.eta[j], d_phi), i, j))
        used = set()
        for distance, i, j in sorted(near):
            if distance < max_dr and ("m", i) not in used and ("g", j) not in used:
                used |= {("m", i), ("g", j)}
                pairs.append((i, j))
    return sorted(pairs, key=lambda pair: pair[1])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 100_000), st.floats(0.1, 2.0))
def test_equals_taking_pairs_one_by_one(seed, spread):
    generator = np.random.default_rng(seed)
    measured = random_jets(generator, 12, spread)
    generated = random_jets(generator, 12, spread)
    i, j = match_nearest(measured, generated)
    assert list(zip(i, j, strict=True)) == one_by_one(measured, generated, 0.4)
    assert np.unique(i).size == i.size
    assert np.unique(j).size == j.size
    swapped_j, swapped_i = match_nearest(generated, measured)
    assert set(zip(swapped_i, swapped_j, strict=True)) == set(zip(i, j, strict=True))


def test_closest_wins_over_hardest():
    measured = sorted_jets([90.0, 20.0], [0.3, 0.05], [0.0, 0.0], [0.0, 0.0], [0, 2])
    generated = sorted_jets([21.0], [0.0], [0.0], [0.0], [0, 1])
    i, j = match_nearest(measured, generated)
    assert measured.pt[i] == [20.0]
    assert j == [0]


def test_a_loser_gets_its_second_choice():
    measured = sorted_jets([50.0, 40.0], [0.0, 0.2], [0.0, 0.0], [0.0, 0.0], [0, 2])
    generated = sorted_jets([50.0, 40.0], [0.15, -0.3], [0.0, 0.0], [0.0, 0.0], [0, 2])
    assert set(zip(*match_nearest(measured, generated), strict=True)) == {(1, 0), (0, 1)}


def test_azimuth_wraps_around():
    measured = sorted_jets([50.0], [0.0], [3.1], [0.0], [0, 1])
    generated = sorted_jets([50.0], [0.0], [-3.1], [0.0], [0, 1])
    assert match_nearest(measured, generated)[0].size == 1
    assert delta_phi(3.1, -3.1) == pytest.approx(6.2 - 2 * np.pi)


def test_limit_is_exclusive_and_events_are_kept_apart():
    measured = sorted_jets([50.0, 50.0], [0.5, 0.0], [0.0, 0.0], [0.0, 0.0], [0, 1, 2])
    generated = sorted_jets([50.0], [0.0], [0.0], [0.0], [0, 1, 1])
    assert match_nearest(measured, generated, max_dr=0.5)[0].size == 0
    assert match_nearest(measured, generated, max_dr=0.51)[0].size == 1


def test_different_numbers_of_events_are_refused():
    jets = sorted_jets([50.0], [0.0], [0.0], [0.0], [0, 1])
    with pytest.raises(InputError, match="1 events on one side, 2 on the other"):
        match_nearest(jets, sorted_jets([50.0], [0.0], [0.0], [0.0], [0, 1, 1]))
