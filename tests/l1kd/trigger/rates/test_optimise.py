"""Thresholds for a budget, and the efficiency that only one seed has."""

import numpy as np
import pytest

from l1kd.errors import ConfigurationError, InputError
from l1kd.trigger.rates.optimise import Budget, Events, optimise, unique_efficiency

INPUT = 31e6


def zero_bias(n=40_000, seed=4):
    generator = np.random.default_rng(seed)
    common = generator.exponential(10.0, n)
    values = {
        "met": common + generator.exponential(10.0, n),
        "ht": 2 * common + generator.exponential(15.0, n),
        "jet": np.where(generator.random(n) < 0.6, generator.exponential(20.0, n), -np.inf),
    }
    return Events(values, np.full(n, INPUT / n))


BUDGET = Budget(750e3, {"sums": 2.0, "jets": 1.0}, {"sums": ["met", "ht"], "jets": ["jet"]})


def test_the_budget_is_filled_and_not_exceeded():
    sample = zero_bias()
    found = optimise(sample, BUDGET, steps={"met": 0.5, "ht": 0.5})
    assert 0.97 * BUDGET.total_hz < found.total.value <= BUDGET.total_hz
    passed = np.any([sample.values[s] >= t for s, t in found.thresholds.items()], axis=0)
    assert found.total.value == pytest.approx(passed.mean() * INPUT)
    assert found.total.low < found.total.value < found.total.high
    assert found.thresholds["met"] % 0.5 == 0.0


def test_proportional_rates_add_up_and_follow_the_shares():
    found = optimise(zero_bias(), BUDGET)
    assert sum(found.proportional_hz.values()) == pytest.approx(found.total.value)
    assert sum(found.group_hz.values()) == pytest.approx(found.total.value)
    assert found.group_hz["sums"] / found.group_hz["jets"] == pytest.approx(2.0, rel=0.05)
    assert found.proportional_hz["met"] == pytest.approx(found.proportional_hz["ht"], rel=0.05)


def test_a_larger_budget_lowers_the_thresholds():
    small, large = (
        optimise(zero_bias(), BUDGET._replace(total_hz=total)).thresholds for total in (1e5, 2e6)
    )
    assert all(large[seed] < small[seed] for seed in small)


def test_one_seed_takes_it_all():
    sample = zero_bias()
    found = optimise(sample, Budget(1e6, {"g": 1.0}, {"g": ["met"]}))
    ordered = np.sort(sample.values["met"])[::-1]
    allowed = int(1e6 / (INPUT / ordered.size))
    assert ordered[allowed] < found.thresholds["met"] <= ordered[allowed - 1]


def test_efficiency_of_a_signal():
    signal = Events({s: np.array([1e3, -np.inf]) for s in ("met", "ht", "jet")}, np.ones(2))
    found = optimise(zero_bias(), BUDGET, signals={"signal": signal})
    assert found.efficiency["signal"].value == 0.5


def test_a_budget_that_does_not_fit_is_refused():
    sample = zero_bias(100)
    with pytest.raises(ConfigurationError, match="no values of the seeds tau"):
        optimise(sample, Budget(1e5, {"g": 1.0}, {"g": ["tau"]}))
    with pytest.raises(ConfigurationError, match="belongs to one group"):
        optimise(sample, Budget(1e5, {"g": 1.0, "h": 1.0}, {"g": ["met"], "h": ["met"]}))
    with pytest.raises(ConfigurationError, match="do not both have g, h"):
        optimise(sample, Budget(1e5, {"h": 1.0}, {"g": ["met"]}))
    with pytest.raises(ConfigurationError, match="budget: -1 Hz"):
        optimise(sample, Budget(-1, {"g": 1.0}, {"g": ["met"]}))
    with pytest.raises(InputError, match="positive rates"):
        optimise(sample._replace(weights=-sample.weights), Budget(1, {"g": 1.0}, {"g": ["met"]}))


def anomaly(n=50_000, seed=6):
    generator = np.random.default_rng(seed)
    score = generator.exponential(10.0, n)
    menu = generator.random(n) < 0.02 + 0.3 * (score > 60)
    return score, menu, np.full(n, INPUT / n)


def test_extra_rate_is_what_was_allowed():
    score, menu, weights = anomaly()
    signal = (np.array([200.0, 200.0, 1.0, 1.0]), np.array([1, 0, 1, 0]), np.ones(4))
    found = unique_efficiency(score, menu, weights, {"new": signal}, 30e3)
    extra = weights[(score >= found.threshold) & ~menu].sum()
    assert found.extra.value == pytest.approx(extra)
    assert 29e3 < extra <= 30e3
    assert found.rate.value > found.extra.value
    assert found.unique["new"].value == 0.25
    assert found.menu["new"].value == 0.5
    stepped = unique_efficiency(score, menu, weights, {}, 30e3, step=1 / 256)
    assert stepped.threshold >= found.threshold
    assert stepped.threshold * 256 % 1 == 0.0


def test_wrong_columns_are_refused():
    score, menu, weights = anomaly(100)
    with pytest.raises(InputError, match=r"zero bias: \(99,\) scores"):
        unique_efficiency(score[:99], menu, weights, {}, 1e3)
    with pytest.raises(InputError, match="must be positive"):
        unique_efficiency(score, menu, weights, {}, 0.0)
    with pytest.raises(InputError, match="must not be NaN"):
        unique_efficiency(score * np.nan, menu, weights, {}, 1e3)
