import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.models.weights.metrics import accuracy
from l1kd.physics.agreement import N_BINS, QUANTITIES, agreement

OFFSETS = np.array([0, 3, 3, 10])


def weights(seed: int, n: int = 10) -> np.ndarray:
    return np.random.default_rng(seed).random(n).astype(np.float32)


def test_equal_weights_agree_in_every_respect():
    found = agreement(weights(0), weights(0), OFFSETS)
    assert [found[q]["value"] for q in QUANTITIES] == [1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    assert found["mean_ratio"]["low"] == found["mean_ratio"]["high"] == 1.0
    assert found["mean_ratio"]["n"] == 10


def test_the_paper_compares_distributions_not_particles():
    """Right numbers of particles, wrong particles: the histograms cannot tell."""
    wanted = np.repeat(np.float32([0.1, 0.9]), 5)
    found = agreement(wanted[::-1], wanted, OFFSETS)
    assert found["mean_ratio"]["value"] == found["overlap"]["value"] == 1.0
    assert found["close"]["value"] == found["same_side"]["value"] == 0.0
    assert found["mean_absolute_error"]["value"] == pytest.approx(0.8)


def test_mean_ratio_may_exceed_one_where_the_symmetric_one_does_not():
    wanted = np.float32([0.01] * 9 + [0.99])
    given = np.float32([0.01] * 7 + [0.99] * 3)
    found = agreement(given, wanted, OFFSETS)
    assert found["mean_ratio"]["value"] == pytest.approx((7 / 9 + 3) / 2)
    assert found["symmetric_ratio"]["value"] == pytest.approx((7 / 9 + 1 / 3) / 2)
    assert found["overlap"]["value"] == pytest.approx(0.8)
    assert found["close"]["value"] == pytest.approx(0.8)
    assert found["same_side"]["value"] == pytest.approx(0.8)


def test_one_half_is_on_the_side_of_one():
    found = agreement(np.float32([0.5, 0.5]), np.float32([0.49, 0.51]), np.array([0, 2]))
    assert found["same_side"]["value"] == 0.5
    assert found["close"]["value"] == 1.0


def test_bins_without_wanted_weights_count_in_the_symmetric_ratio_only():
    found = agreement(np.float32([0.01, 0.5]), np.float32([0.01, 0.01]), np.array([0, 2]))
    assert found["mean_ratio"]["value"] == 0.5
    assert found["symmetric_ratio"]["value"] == 0.25


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000))
def test_symmetric_ratio_is_that_of_the_model_cards(seed):
    first, second = weights(seed), weights(seed + 1)
    found = agreement(first, second, OFFSETS)["symmetric_ratio"]["value"]
    assert found == pytest.approx(accuracy(first, second, N_BINS))


def test_only_chosen_particles_count():
    wanted = weights(1)
    given = np.where(np.arange(10) < 4, wanted, 1.0 - wanted).astype(np.float32)
    found = agreement(given, wanted, OFFSETS, np.arange(10) < 4)
    assert found["close"]["value"] == 1.0
    assert found["close"]["n"] == 4


def test_no_particles_give_no_number():
    found = agreement(weights(0), weights(0), OFFSETS, np.zeros(10, np.bool_))
    assert all(found[q]["value"] is None for q in QUANTITIES)
