"""Statistics against known values, brute force and properties."""

import json
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


# quantiles


@settings(max_examples=200, deadline=None)
@given(SAMPLES, st.floats(0.0, 1.0), st.randoms(use_true_random=False))
def test_quantile_of_repeated_entries_is_numpys(values, probability, random):
    counts = np.array([random.randrange(4) for _ in values])
    counts[random.randrange(values.size)] += 1
    expected = np.quantile(np.repeat(values, counts), probability)
    found = statistics.quantile(values, probability, multiplicity=counts)[0]
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.floats(1e-3, 1e3))
def test_equal_weights_do_not_matter(values, weight):
    plain = statistics.quantile(values, (0.25, 0.5, 0.75))
    weighted = statistics.quantile(values, (0.25, 0.5, 0.75), np.full(values.size, weight))
    np.testing.assert_allclose(weighted, plain, rtol=1e-9, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(SAMPLES, st.randoms(use_true_random=False))
def test_quantiles_rise_with_probability_and_stay_in_range(values, random):
    weights = np.array([random.random() + 1e-3 for _ in values])
    found = statistics.quantile(values, np.linspace(0.0, 1.0, 21), weights)
    assert np.all(np.diff(found) >= -1e-6)
    assert found[0] >= values.min() - 1e-6
    assert found[-1] <= values.max() + 1e-6


def test_zero_weight_removes_an_entry():
    values = np.array([5.0, 1.0, 2.0, 3.0])
    found = statistics.quantile(values, (0.25, 0.75), [0.0, 1.0, 1.0, 1.0])
    np.testing.assert_allclose(found, np.quantile([1.0, 2.0, 3.0], (0.25, 0.75)))


def test_weighted_quantile_follows_the_weighted_distribution():
    generator = np.random.default_rng(3)
    values = generator.uniform(-4.0, 4.0, 200_000)
    weights = scipy.stats.norm.pdf(values)
    found = statistics.quantile_resolution(values, weights)
    assert found == pytest.approx(scipy.stats.norm.ppf(0.75), abs=0.01)


def test_resolution_known_values():
    assert statistics.quantile_resolution([0.0, 1.0, 2.0, 3.0, 4.0]) == 1.0
    assert statistics.corrected_resolution([0.0, 1.0, 2.0, 3.0, 4.0]) == 0.5
    assert math.isnan(statistics.quantile_resolution([]))
    assert math.isnan(statistics.corrected_resolution([]))
    assert math.isnan(statistics.corrected_resolution([-2.0, -1.0]))


@settings(max_examples=100, deadline=None)
@given(SAMPLES.filter(lambda x: np.quantile(x, 0.5) > 1e-3), st.floats(0.01, 100.0))
def test_corrected_resolution_ignores_the_scale(values, scale):
    assert statistics.corrected_resolution(values * scale) == pytest.approx(
        statistics.corrected_resolution(values), rel=1e-6, abs=1e-9
    )


# bootstrap


def test_bootstrap_covers_the_standard_error_of_the_mean():
    sample = np.random.default_rng(11).normal(0.0, 1.0, 400)
    result = statistics.bootstrap(lambda m: np.average(sample, weights=m), 400, replicas=2000)
    error = sample.std() / 20.0
    assert float(result.value) == pytest.approx(sample.mean())
    assert (result.high - result.low) / 2.0 == pytest.approx(error, rel=0.1)


def test_bootstrap_is_reproducible_and_seeded():
    sample = np.arange(30.0)

    def mean(multiplicity):
        return np.average(sample, weights=multiplicity)

    first = statistics.bootstrap(mean, 30, replicas=50, seed=4)
    assert first == statistics.bootstrap(mean, 30, replicas=50, seed=4)
    assert first != statistics.bootstrap(mean, 30, replicas=50, seed=5)


def test_bootstrap_pairs_what_is_computed_together():
    sample = np.random.default_rng(2).normal(10.0, 3.0, 200)

    def two_and_ratio(multiplicity):
        one = statistics.quantile_resolution(sample, multiplicity=multiplicity)
        other = statistics.quantile_resolution(2.0 * sample, multiplicity=multiplicity)
        return [one, other, one / other]

    result = statistics.bootstrap(two_and_ratio, 200, replicas=200)
    assert result.high[0] > result.low[0] * 1.05
    assert (result.low[2], result.high[2]) == pytest.approx((0.5, 0.5), rel=1e-9)


def test_bootstrap_of_clusters_is_wider_than_of_independent_entries():
    per_event = np.random.default_rng(5).normal(0.0, 1.0, 100)
    entries, event = np.repeat(per_event, 9), np.repeat(np.arange(100), 9)

    def clustered(multiplicity):
        return np.average(entries, weights=multiplicity[event])

    by_event = statistics.bootstrap(clustered, 100, replicas=500)
    by_entry = statistics.bootstrap(lambda m: np.average(entries, weights=m), 900, replicas=500)
    ratio = (by_event.high - by_event.low) / (by_entry.high - by_entry.low)
    assert ratio == pytest.approx(3.0, rel=0.2)


def test_bootstrap_without_events_or_with_undefined_replicas():
    empty = statistics.bootstrap(lambda m: statistics.quantile_resolution([], None, m), 0)
    assert np.isnan(empty.value)
    assert np.isnan(empty.low)
    undefined = statistics.bootstrap(lambda m: [1.0, math.nan], 5, replicas=10)
    assert undefined.low[0] == undefined.high[0] == 1.0
    assert np.isnan(undefined.high[1])


@pytest.mark.parametrize("options", [{"replicas": 0}, {"level": 0.0}, {"level": 1.0}])
def test_bootstrap_refuses_nonsense(options):
    with pytest.raises(InputError):
        statistics.bootstrap(lambda m: 0.0, 3, **options)


# Clopper-Pearson


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


# ROC areas


def brute_force(signal, background):
    """Area and structural components by comparing every pair."""
    wins = (signal[:, None] > background) + 0.5 * (signal[:, None] == background)
    return wins.mean(), wins.mean(axis=1), wins.mean(axis=0)


@settings(max_examples=100, deadline=None)
@given(
    hnp.arrays(np.int64, st.tuples(st.just(2), st.integers(2, 25)), elements=st.integers(0, 9)),
    hnp.arrays(np.int64, st.tuples(st.just(2), st.integers(2, 25)), elements=st.integers(0, 9)),
)
def test_delong_equals_brute_force_with_many_ties(signal, background):
    areas, covariance = statistics.delong(signal, background)
    expected = [brute_force(s, b) for s, b in zip(signal, background, strict=True)]
    np.testing.assert_allclose(areas, [e[0] for e in expected], atol=1e-12)
    components = np.cov([e[1] for e in expected]) / signal.shape[1]
    components = components + np.cov([e[2] for e in expected]) / background.shape[1]
    np.testing.assert_allclose(covariance, components, atol=1e-12)


def test_delong_variance_matches_repeated_experiments():
    generator = np.random.default_rng(8)
    areas, variances = [], []
    for _ in range(300):
        area, covariance = statistics.delong(
            generator.normal(1.0, 1.0, 80), generator.normal(0.0, 1.0, 120)
        )
        areas.append(area[0])
        variances.append(covariance[0, 0])
    assert np.mean(areas) == pytest.approx(scipy.stats.norm.cdf(1 / math.sqrt(2)), abs=0.006)
    assert np.mean(variances) == pytest.approx(np.var(areas), rel=0.2)


def test_roc_auc_limits():
    assert statistics.roc_auc([2.0, 3.0], [0.0, 1.0]) == (1.0, 1.0, 1.0, 4)
    assert statistics.roc_auc([1.0, 1.0], [1.0, 1.0]).value == 0.5


def test_difference_of_areas_is_paired():
    generator = np.random.default_rng(4)
    truth = np.concatenate([generator.normal(1.0, 1.0, 500), generator.normal(0.0, 1.0, 500)])
    noisy = truth + generator.normal(0.0, 1.0, 1000)
    difference, p_value = statistics.delong_difference(
        [truth[:500], noisy[:500]], [truth[500:], noisy[500:]]
    )
    assert difference.value > 0.05
    assert p_value < 1e-5
    same, p_same = statistics.delong_difference([truth[:500]] * 2, [truth[500:]] * 2)
    assert (same.value, p_same) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("signal", "background"),
    [([1.0], [0.0, 1.0]), ([[1.0, 2.0]] * 2, [[0.0, 1.0]]), ([math.nan, 1.0], [0.0, 1.0])],
)
def test_delong_refuses_what_it_cannot_compute(signal, background):
    with pytest.raises(InputError):
        statistics.delong(signal, background)


def test_difference_needs_two_scores():
    with pytest.raises(InputError, match="two"):
        statistics.delong_difference([[1.0, 2.0]], [[0.0, 1.0]])


# distances


def test_emd_known_values():
    assert statistics.emd([0.0, 1.0, 3.0], [5.0, 6.0, 8.0]) == pytest.approx(5.0)
    assert statistics.emd([0.0, 1.0], [0.0, 1.0], [3.0, 1.0], [1.0, 1.0]) == pytest.approx(0.25)
    assert math.isnan(statistics.emd([], [1.0]))


@settings(max_examples=50, deadline=None)
@given(SAMPLES, st.floats(-100.0, 100.0))
def test_emd_of_a_shift_is_the_shift(values, shift):
    assert statistics.emd(values, values + shift) == pytest.approx(abs(shift), abs=1e-3)


def test_estimate_as_json():
    estimate = statistics.Estimate(1.5, 1.0, math.inf, 7)
    assert json.loads(json.dumps(estimate.as_dict())) == {
        "value": 1.5,
        "low": 1.0,
        "high": None,
        "n": 7,
    }
