"""Quantiles against NumPy, known values and properties."""

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


def test_negative_weights_take_away_what_they_stand_for():
    generator = np.random.default_rng(7)
    wanted, wrong = generator.normal(0.0, 1.0, 60_000), generator.normal(3.0, 1.0, 20_000)
    values = np.concatenate([wanted, wrong, generator.permutation(wrong) + 1e-9])
    weights = np.concatenate([np.ones(80_000), -np.ones(20_000)])
    found = statistics.quantile(values, (0.1, 0.25, 0.5, 0.75, 0.9), weights)
    np.testing.assert_allclose(found, np.quantile(wanted, (0.1, 0.25, 0.5, 0.75, 0.9)), atol=0.02)


def test_quantiles_of_weights_that_add_up_to_nothing():
    assert np.isnan(statistics.quantile([1.0, 2.0], 0.5, [1.0, -1.0]))
    with pytest.raises(InputError, match="finite"):
        statistics.quantile([1.0, 2.0], 0.5, [1.0, math.nan])
