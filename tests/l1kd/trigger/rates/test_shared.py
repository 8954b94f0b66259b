"""Thresholds for rates of events that share collisions."""

import numpy as np
import pytest

from l1kd.errors import InputError
from l1kd.statistics import Blocks, SharedEvents, clopper_pearson, shared_fraction
from l1kd.trigger.rates.shared import efficiency_at, shared_threshold


def alone(n):
    return Blocks.of(np.arange(n))


def test_events_that_share_nothing_have_the_usual_threshold():
    values = np.random.default_rng(1).integers(0, 2000, 4000).astype(float)
    events = SharedEvents(alone(4000))
    found = shared_threshold(values, events, 50.0, 1000.0, step=1.0)
    allowed = [cut for cut in range(2001) if (values >= cut).mean() <= 0.05]
    assert found.value == min(allowed)
    assert found.n_pass == (values >= found.value).sum()
    assert found.rate.value == pytest.approx(1000.0 * found.n_pass / 4000)
    assert found.causes == pytest.approx(found.n_pass)
    # at the lower threshold the lower end of the interval meets the target
    low, high = (clopper_pearson((values >= cut).sum(), 4000) for cut in (found.low, found.high))
    assert low[0] * 1000 <= 50.0
    assert high[1] * 1000 <= 50.0
    assert found.low < found.value < found.high


def test_weights_are_rates():
    values = np.array([9.0, 5.0, 5.0, 3.0, 1.0])
    weights = np.array([1.0, 2.0, 3.0, 4.0, 90.0])
    events = SharedEvents(alone(5), weights)
    for target, wanted in ((0.5, 10.0), (1.0, 6.0), (5.9, 6.0), (6.0, 4.0), (10.0, 2.0)):
        assert shared_threshold(values, events, target, 100.0, step=1.0).value == wanted
    assert shared_threshold(values, events, 100.0, 100.0).value == -np.inf


def test_one_collision_behind_many_events_resolves_nothing():
    rng = np.random.default_rng(2)
    n, hot = 5000, 60
    blocks = Blocks.of(np.where(np.arange(n) < hot, 0, rng.integers(1, 400, n)), None, 400)
    values = np.where(np.arange(n) < hot, 100.0, rng.random(n))
    rare = shared_threshold(values, SharedEvents(blocks), 1000.0 * hot / n, 1000.0)
    assert rare.n_pass == hot
    assert rare.causes == pytest.approx(1.0, abs=0.05)
    assert not rare.resolved
    assert rare.as_dict()["reason"] == "fewer than 3 causes"
    assert "value" not in rare.as_dict()
    often = shared_threshold(values, SharedEvents(blocks), 300.0, 1000.0)
    assert often.resolved
    assert often.as_dict()["value"] == often.value


def test_fractions_of_shared_events_are_those_of_the_function():
    rng = np.random.default_rng(3)
    blocks = Blocks.of(rng.integers(0, 50, 900), np.arange(0, 901, 3), 50)
    weights = rng.exponential(1.0, 300)
    events = SharedEvents(blocks, weights)
    for share in (0.0, 0.01, 0.4, 0.99, 1.0):
        passed = rng.random(300) < share
        one, other = events.fraction(passed), shared_fraction(passed, blocks, weights)
        np.testing.assert_allclose(one[1:], other[1:])
        np.testing.assert_allclose(one.estimate, other.estimate)


def test_efficiency_holds_the_uncertainty_of_the_threshold():
    rng = np.random.default_rng(4)
    noise, signal = rng.normal(0, 1, 3000), rng.normal(1, 1, 1000)
    found = shared_threshold(noise, SharedEvents(alone(3000)), 50.0, 1000.0)
    kept = efficiency_at(signal, alone(1000), found)
    assert kept.value == (signal >= found.value).mean()
    fixed = shared_fraction(signal >= found.value, alone(1000)).estimate
    assert kept.low < fixed.low < fixed.high < kept.high


@pytest.mark.parametrize("values", [np.zeros(3), np.array([1.0, np.nan]), np.zeros(0)])
def test_values_that_do_not_fit_are_refused(values):
    with pytest.raises(InputError, match="shared_threshold"):
        shared_threshold(values, SharedEvents(alone(2)), 1.0, 10.0)
