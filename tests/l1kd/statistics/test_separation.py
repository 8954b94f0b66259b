"""ROC areas and distances against brute force, known values and coverage."""

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
    perfect = statistics.roc_auc([2.0, 3.0], [0.0, 1.0])
    assert (perfect.value, perfect.high, perfect.n) == (1.0, 1.0, 4)
    assert perfect.low == statistics.clopper_pearson(2, 2)[0]
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


def test_emd_equals_scipys_for_positive_weights():
    generator = np.random.default_rng(3)
    for _ in range(20):
        a, b = generator.integers(0, 9, 30), generator.normal(2.0, 3.0, 20)
        u, v = generator.uniform(0.0, 2.0, 30), generator.uniform(0.0, 2.0, 20)
        expected = scipy.stats.wasserstein_distance(a, b, u, v)
        assert statistics.emd(a, b, u, v) == pytest.approx(expected, abs=1e-12)


def test_emd_of_signed_weights_is_that_of_what_they_leave():
    assert statistics.emd([0.0, 1.0, 1.0], [4.0], [1.0, 1.0, -1.0]) == pytest.approx(4.0)
    with pytest.raises(InputError, match="add up"):
        statistics.emd([0.0, 1.0], [4.0], [1.0, -1.0])
    with pytest.raises(InputError, match="finite"):
        statistics.emd([0.0, 1.0], [4.0], [1.0, math.nan])


# coverage


@pytest.mark.parametrize("area", [0.9, 0.99, 0.9998])
@pytest.mark.parametrize(("m", "n"), [(200, 200), (1000, 1000), (200, 2000)])
def test_interval_of_the_area_covers_up_to_one(area, m, n):
    """Normal scores of known area; DeLong's normal interval covers half at 0.9998."""
    generator = np.random.default_rng(17)
    shift = scipy.stats.norm.ppf(area) * math.sqrt(2.0)
    covered = plain = 0
    trials = 300
    for _ in range(trials):
        signal, background = generator.normal(shift, 1.0, m), generator.normal(0.0, 1.0, n)
        found = statistics.roc_auc(signal, background)
        covered += found.low <= area <= found.high
        value, variance = statistics.delong(signal, background)
        plain += abs(value[0] - area) <= math.sqrt(variance[0, 0])
    assert 0.62 < covered / trials < 0.94
    if area > 0.999 and m == 200:
        assert plain / trials < 0.62


def test_area_against_background_that_shares_collisions():
    """Background events that occur nine times each know no more than the one does."""
    generator = np.random.default_rng(2)
    signal, once = generator.normal(1.0, 1.0, 400), generator.normal(0.0, 1.0, 100)
    numbers = np.concatenate([100 + np.arange(400), np.repeat(np.arange(100), 9)])
    blocks = statistics.Blocks.of(numbers)
    shared = statistics.roc_auc(signal, np.repeat(once, 9), blocks=blocks)
    alone = statistics.roc_auc(signal, once)
    assert (shared.high - shared.low) == pytest.approx(alone.high - alone.low, rel=0.03)
    naive = statistics.roc_auc(signal, np.repeat(once, 9))
    assert (naive.high - naive.low) < 0.7 * (alone.high - alone.low)


def test_what_signal_and_background_share_cancels():
    """Both samples move with the block that they have in common: the area hardly does."""
    generator = np.random.default_rng(3)
    common, block = generator.normal(0.0, 3.0, 50), np.repeat(np.arange(50), 20)
    signal = common[block] + generator.normal(2.0, 1.0, 1000)
    background = common[block] + generator.normal(0.0, 1.0, 1000)
    same = statistics.Blocks.of(np.tile(block, 2))
    apart = statistics.Blocks.of(np.concatenate([block, 50 + block]))
    together = statistics.delong(signal, background, same)[1][0, 0]
    assert together < 0.5 * statistics.delong(signal, background, apart)[1][0, 0]


def test_nothing_shared_is_delongs_covariance():
    generator = np.random.default_rng(4)
    signal, background = generator.normal(1.0, 1.0, (2, 60)), generator.normal(0.0, 1.0, (2, 90))
    plain = statistics.delong(signal, background)
    blocks = statistics.Blocks.of(np.arange(150))
    found = statistics.delong(signal, background, blocks)
    np.testing.assert_allclose(found[0], plain[0])
    np.testing.assert_allclose(found[1], plain[1])


def test_mean_area_has_the_error_of_repeated_samples():
    """Signals share their background; so do the areas that are averaged."""
    rng = np.random.default_rng(11)
    means, errors = [], []
    for _ in range(200):
        noise = [rng.normal(0, 1, 60)]
        signals = [[rng.normal(shift, 1, 40)] for shift in (0.5, 1.5)]
        value, covariance = statistics.mean_area(signals, noise)
        areas = [statistics.roc_auc(signal[0], noise[0]).value for signal in signals]
        assert value[0] == pytest.approx(np.mean(areas))
        means.append(value[0])
        errors.append(np.sqrt(covariance[0, 0]))
    assert np.mean(errors) == pytest.approx(np.std(means), rel=0.15)


def test_mean_area_of_one_signal_is_its_area():
    rng = np.random.default_rng(12)
    signal, noise = rng.normal(1, 1, (2, 50)), rng.normal(0, 1, (2, 80))
    for blocks in (None, statistics.Blocks.of(rng.integers(0, 30, 130), None, 30)):
        one = statistics.mean_area([signal], noise, blocks)
        other = statistics.delong(signal, noise, blocks)
        np.testing.assert_allclose(one[0], other[0])
        np.testing.assert_allclose(one[1], other[1])
