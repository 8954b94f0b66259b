"""Intervals of fractions: exact ones, and coverage with weights."""

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from l1kd import statistics
from l1kd.errors import InputError

FLOATS = st.floats(-1e6, 1e6, allow_nan=False, width=32)
SAMPLES = hnp.arrays(np.float64, st.integers(1, 40), elements=FLOATS)


@pytest.mark.parametrize("level", [0.6827, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 50), (3, 50), (25, 50), (50, 50)])
def test_clopper_pearson_equals_scipys_exact_interval(k, n, level):
    expected = scipy.stats.binomtest(k, n).proportion_ci(level, method="exact")
    low, high = statistics.clopper_pearson(k, n, level)
    np.testing.assert_allclose((low, high), (expected.low, expected.high), atol=1e-9)


def test_clopper_pearson_of_nothing_and_of_arrays():
    low, high = statistics.clopper_pearson([0, 0, 10], [0, 10, 10], 0.95)
    np.testing.assert_allclose(low, [0.0, 0.0, 0.025**0.1])
    np.testing.assert_allclose(high, [1.0, 1.0 - 0.025**0.1, 1.0])


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 1000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_contains_the_estimate_and_mirrors(counts):
    k, n = counts
    low, high = statistics.clopper_pearson(k, n)
    assert low <= k / n <= high
    mirrored_low, mirrored_high = statistics.clopper_pearson(n - k, n)
    np.testing.assert_allclose((1.0 - mirrored_high, 1.0 - mirrored_low), (low, high), atol=1e-9)


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (math.nan, 3)])
def test_clopper_pearson_refuses_impossible_counts(k, n):
    with pytest.raises(InputError, match="n_pass"):
        statistics.clopper_pearson(k, n)


def test_effective_counts():
    passed = np.array([True, False, True, False])
    assert statistics.effective_counts(passed, np.full(4, 7.0)) == pytest.approx((2.0, 4.0))
    n_pass, n_total = statistics.effective_counts(passed, [3.0, 1.0, 1.0, 1.0])
    assert n_total == pytest.approx(36.0 / 12.0)
    assert n_pass / n_total == pytest.approx(4.0 / 6.0)
    assert statistics.effective_counts([], []) == (0.0, 0.0)


# weights


@settings(max_examples=100, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(1e-9, 1e9))
def test_equal_weights_give_clopper_and_pearsons_interval(passed, weight):
    found = statistics.weighted_fraction(passed, np.full(len(passed), weight))
    low, high = statistics.clopper_pearson(sum(passed), len(passed))
    assert found.value == pytest.approx(sum(passed) / len(passed))
    assert (found.low, found.high) == pytest.approx((float(low), float(high)), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(np.float64, 30, elements=st.floats(-1.0, 5.0)).filter(lambda w: w.sum() > 1.0),
    hnp.arrays(np.int64, 30, elements=st.integers(0, 9)),
)
def test_any_weights_give_an_ordered_interval_inside_zero_and_one(weights, values):
    share, low, high = statistics.weighted_survival(values, np.arange(-1.0, 12.0), weights)
    assert np.all((low >= 0.0) & (low <= share) & (share <= high) & (high <= 1.0))
    assert (share[0], low[-1], share[-1]) == (pytest.approx(1.0), 0.0, 0.0)


def test_a_vanishing_negative_weight_changes_nothing():
    """The closed form of positive weights and the search for signed ones meet."""
    generator = np.random.default_rng(8)
    values, weights = generator.normal(size=60), generator.uniform(0.5, 3.0, 60)
    cuts = np.linspace(-4.0, 4.0, 9)
    signed = np.append(weights, -1e-12)
    closed = statistics.weighted_survival(values, cuts, weights)
    searched = statistics.weighted_survival(np.append(values, 0.0), cuts, signed)
    np.testing.assert_allclose(np.stack(closed), np.stack(searched), atol=1e-6)


def test_survival_is_one_fraction_a_threshold():
    generator = np.random.default_rng(1)
    values, weights = generator.normal(size=200), generator.choice([-1.0, 2.0], 200, p=[0.2, 0.8])
    cuts = [-0.5, 0.0, 1.5]
    curve = statistics.weighted_survival(values, cuts, weights)
    for i, cut in enumerate(cuts):
        one = statistics.weighted_fraction(values >= cut, weights)
        assert [x[i] for x in curve] == pytest.approx(list(one[:3]))


def test_nothing_passing_leaves_room_for_one_heavy_event():
    found = statistics.weighted_fraction(np.zeros(5, bool), [1.0, 1.0, 1.0, 1.0, 100.0])
    assert found.value == 0.0
    assert found.high > 0.5
    alone = statistics.weighted_fraction(np.zeros(100, bool), np.ones(100))
    assert alone.high == pytest.approx(float(statistics.clopper_pearson(0, 100)[1]))


def coverage(draw, truth, trials=400):
    """Share of repeated experiments whose interval holds the truth."""
    found = [statistics.weighted_fraction(*draw()) for _ in range(trials)]
    return np.mean([x.low <= truth <= x.high for x in found])


@pytest.mark.parametrize("truth", [0.05, 0.5, 0.97])
def test_interval_covers_with_negative_weights(truth):
    """A generator beyond leading order: a quarter of the events has weight -1."""
    generator = np.random.default_rng(4)

    def draw():
        n = generator.poisson(400)
        return generator.uniform(size=n) < truth, generator.choice([-1.0, 1.0], n, p=[0.25, 0.75])

    assert 0.64 < coverage(draw, truth) < 0.80


def test_interval_covers_where_the_few_heavy_events_pass():
    """Stitched samples: what passes is heavier than the bulk, so Kish's size says too much."""
    generator = np.random.default_rng(6)
    truth = 0.1 * 100 * 100.0 / (100 * 100.0 + 20_000)

    def draw():
        heavy, light = generator.poisson([100, 20_000])
        passed = np.concatenate([generator.uniform(size=heavy) < 0.1, np.zeros(light, bool)])
        return passed, np.concatenate([np.full(heavy, 100.0), np.ones(light)])

    assert 0.66 < coverage(draw, truth, 200) < 0.80
    kish = []
    for _ in range(200):
        k, n = statistics.effective_counts(*draw())
        low, high = statistics.clopper_pearson(k, n)
        kish.append(low <= truth <= high)
    assert np.mean(kish) < 0.55


def test_interval_holds_where_only_light_events_are_seen_to_pass():
    """Half an event of weight 300 passes on average; without one the limit must allow for it."""
    generator = np.random.default_rng(6)
    truth = (1000 * 0.0005 * 300.0 + 1000 * 0.2) / (1000 * 301.0)

    def draw():
        passed = np.concatenate(
            [generator.uniform(size=1000) < 0.0005, generator.uniform(size=1000) < 0.2]
        )
        return passed, np.repeat([300.0, 1.0], 1000)

    assert coverage(draw, truth, 200) > 0.66


@pytest.mark.parametrize("weights", [[1.0, math.nan], [1.0, math.inf], [1.0], [-1.0, 1.0]])
def test_weights_without_a_fraction_are_refused(weights):
    with pytest.raises(InputError, match="weights"):
        statistics.weighted_fraction([True, False], weights)


def test_effective_counts_and_checks_name_the_first_wrong_weight():
    with pytest.raises(InputError, match=r"the first is event 1 with -2\.0"):
        statistics.effective_counts([True, True, False], [1.0, -2.0, 3.0])
    with pytest.raises(InputError, match="1 of 2 are not finite"):
        statistics.checked_weights([math.nan, -1.0], 2)
    assert statistics.checked_weights([-1.0, 2.0], 2).tolist() == [-1.0, 2.0]


def test_no_events_have_no_fraction():
    found = statistics.weighted_fraction([], [])
    assert math.isnan(found.value)
    assert (found.low, found.high, found.n) == (0.0, 1.0, 0)
    with pytest.raises(InputError, match="level"):
        statistics.weighted_fraction([True], [1.0], level=1.0)
