"""Rates: normalisation, the definition of passing, intervals, thresholds, efficiencies."""

import json
import math

import numpy as np
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import clopper_pearson
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.rates import curves as rates
from l1kd.trigger.rates.curves import NORMALISATIONS

HL_LHC = NORMALISATIONS["hl_lhc"]
VALUES = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("name", "mega_hertz"), [("hl_lhc", 31.04), ("run3", 28.61), ("phase2_2700", 30.36)]
)
def test_presets(name, mega_hertz):
    assert rates.normalisation(name).input_hz == pytest.approx(mega_hertz * 1e6, rel=1e-3)


def test_unknown_preset_and_impossible_normalisation():
    with pytest.raises(ConfigurationError, match="hl_lhc, run3, phase2_2700"):
        rates.normalisation("run4")
    with pytest.raises(pydantic.ValidationError):
        rates.Normalisation(name="empty", bunches=0)
    with pytest.raises(pydantic.ValidationError):
        rates.Normalisation(name="odd", bunches=1, bunch=2)


def test_equal_to_the_threshold_passes():
    curve = rates.rate_curve([1.0, 2.0, 3.0, 4.0], [0.0, 3.0, 3.5, 4.0, 5.0], HL_LHC)
    np.testing.assert_array_equal(curve.n_pass, [4, 2, 1, 1, 0])
    np.testing.assert_allclose(curve.rate, np.array([4, 2, 1, 1, 0]) / 4 * 2760 * 11246)
    np.testing.assert_array_equal(curve.upper_limit, [False, False, False, False, True])


def test_intervals_are_clopper_pearson_and_an_upper_limit_when_nothing_passes():
    curve = rates.rate_curve(np.arange(100.0), [90.0, 1000.0], HL_LHC, level=0.9)
    low, high = clopper_pearson([10, 0], 100, 0.9)
    np.testing.assert_allclose(curve.low, low * HL_LHC.input_hz)
    np.testing.assert_allclose(curve.high, high * HL_LHC.input_hz)
    assert curve.low[1] == 0.0
    assert curve.high[1] > 0.0


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_rate_falls_with_the_threshold(values):
    curve = rates.rate_curve(values, np.linspace(-1.0, 13.0, 57), HL_LHC)
    assert np.all(np.diff(curve.rate) <= 0)
    assert np.all((curve.low <= curve.rate) & (curve.rate <= curve.high))


def test_no_events_and_nan():
    curve = rates.rate_curve([], [1.0], HL_LHC)
    assert math.isnan(curve.rate[0])
    assert (curve.low[0], curve.high[0]) == (0.0, HL_LHC.input_hz)
    with pytest.raises(InputError, match="1 of 2 values are NaN"):
        rates.rate_curve([1.0, math.nan], [1.0], HL_LHC)


@settings(max_examples=100, deadline=None)
@given(VALUES, st.floats(1e3, 4e7), st.sampled_from([None, 1.0, 0.25]))
def test_threshold_is_the_smallest_that_keeps_the_target(values, target, step):
    found = rates.threshold_for_rate(values, target, HL_LHC, step=step)
    assert found.rate.value <= target
    assert found.low <= found.value <= found.high
    if found.value == -math.inf:
        assert target >= HL_LHC.input_hz
        return
    below = found.value - step if step else math.nextafter(found.value, -math.inf)
    if found.value == 1e-9:  # just above zero
        below = 0.0
    assert rates.rate_at(values, below, HL_LHC).value > target
    if step:
        assert found.value % step == 0.0


@settings(max_examples=100, deadline=None)
@given(VALUES, st.integers(0, 12))
def test_the_rate_of_a_threshold_is_within_itself(values, cut):
    rate = rates.rate_at(values, float(cut), HL_LHC)
    if rate.value > 0.0:
        assert rates.threshold_for_rate(values, rate.value, HL_LHC).value <= cut


def test_threshold_interval_covers_the_truth():
    generator = np.random.default_rng(1)
    target = 0.02 * HL_LHC.input_hz
    truth = -math.log(0.02)
    covered = 0
    for _ in range(200):
        found = rates.threshold_for_rate(generator.exponential(1.0, 1000), target, HL_LHC)
        covered += found.low <= truth <= found.high
    assert 0.66 <= covered / 200 <= 0.9  # Clopper-Pearson covers at least its level


def test_a_sample_too_small_says_so():
    found = rates.threshold_for_rate(np.arange(100.0), 1e3, HL_LHC)
    assert not found.resolved
    assert found.value > 99.0
    assert found.rate.value == 0.0
    assert found.rate.high > 1e3
    assert found.high == math.inf
    entry = found.as_dict()
    assert entry["high"] is None
    json.dumps(entry, allow_nan=False)


@pytest.mark.parametrize(("target", "step"), [(0.0, None), (-1.0, None), (1e3, 0.0)])
def test_targets_and_steps_must_be_positive(target, step):
    with pytest.raises(InputError, match="must be > 0"):
        rates.threshold_for_rate([1.0], target, HL_LHC, step=step)


def test_threshold_needs_events():
    with pytest.raises(InputError, match="no zero-bias events"):
        rates.threshold_for_rate([], 1e3, HL_LHC)


def test_efficiency_counts_and_weights():
    found = rates.efficiency([1.0, 2.0, 3.0, 4.0], 2.0)
    assert (found.value, found.n) == (0.75, 4)
    np.testing.assert_allclose(found[1:3], clopper_pearson(3, 4))
    weighted = rates.efficiency([1.0, 2.0, 3.0, 4.0], 2.0, [6.0, 1.0, 1.0, 1.0])
    assert weighted.value == pytest.approx(1 / 3)
    assert weighted.high - weighted.low > found.high - found.low
    assert math.isnan(rates.efficiency([], 1.0).value)
    with pytest.raises(InputError, match="NaN"):
        rates.efficiency([math.nan], 1.0)


def test_rate_table():
    generator = np.random.default_rng(2)
    background = {
        "met": generator.exponential(10.0, 2000),
        "score": generator.integers(0, 2560, 2000) / 256,
    }
    top = generator.exponential(40.0, 500)
    weight = np.where(top > 60.0, 1.0, 5.0)
    signals = {"top": {"met": top}, "weighted": {"met": top, "event_weight": weight}}
    table = rates.rate_table(background, signals, HL_LHC, [750e3, 1e4], steps={"score": 1 / 256})
    first, second = table["met"]
    assert first["value"] < second["value"]
    assert first["resolved"]
    assert not second["resolved"]
    assert first["efficiency"]["top"]["value"] == pytest.approx((top >= first["value"]).mean())
    assert first["efficiency"]["weighted"]["value"] == pytest.approx(
        weight[top >= first["value"]].sum() / weight.sum()
    )
    # under one event: the threshold is too low by an unknown amount, the efficiency a bound
    bound = second["efficiency"]["top"]
    high = rates.efficiency(top, second["value"]).high
    assert bound == {"value": None, "low": 0.0, "high": high, "n": 500}
    assert table["score"][0]["efficiency"] == {}
    assert table["score"][0]["value"] * 256 % 1 == 0
    json.dumps(table, allow_nan=False)


@pytest.mark.parametrize("weights", [None, np.where(np.arange(100) < 95, 1.0, 2.0)])
def test_no_threshold_is_the_smallest_number_above_zero(weights):
    """Most crossings have no jet: all that have one may pass."""
    values = np.concatenate([np.zeros(95), [20.0, 25.0, 30.0, 40.0, 55.0]])
    found = rates.threshold_for_rate(values, 4e6, HL_LHC, weights=weights)
    assert found.value == 1e-9
    assert min(x for x in (found.value, found.low, found.high) if x > 0.0) > 1e-10
    none = rates.threshold_for_rate(np.zeros(50), 1e6, HL_LHC)
    assert none.value == 1e-9
    assert not none.rate.value
    small = rates.threshold_for_rate([0.0, 0.0, 1e-12], 1.2e7, HL_LHC)
    assert small.value == 1e-12


def test_weights_of_stitched_samples_count():
    # soft events stand for 1 MHz each, hard ones for 1 kHz
    values = np.concatenate([np.full(30, 10.0), np.linspace(20.0, 119.0, 100)])
    weights = np.concatenate([np.full(30, 1000.0), np.ones(100)])
    norm = NORMALISATIONS["hl_lhc"]
    curve = rates.rate_curve(values, [15.0, 70.0], norm, weights=weights)
    expected = norm.input_hz * np.array([100.0, 50.0]) / 30_100.0
    np.testing.assert_allclose(curve.rate, expected)
    # one more soft event might have passed
    assert np.all(curve.high > expected + norm.input_hz * 1000 / 30_100)
    found = rates.threshold_for_rate(values, 1.001 * expected[1], norm, step=0.5, weights=weights)
    assert found.value == 69.5
    assert not found.resolved
    same = rates.threshold_for_rate(values, 5e6, norm, weights=np.full(130, 7.0))
    assert same == rates.threshold_for_rate(values, 5e6, norm)


def test_a_shared_collision_limits_what_is_resolved():
    """140 of 20,000 collisions: one is in 217 kHz of 31 MHz, whatever the number of crossings."""
    norm = HL_LHC.model_copy(update={"library": 20_000, "mean_pileup": 140.0})
    assert norm.shared_hz == pytest.approx(217.3e3, rel=1e-3)
    assert HL_LHC.shared_hz == 0.0
    values = np.random.default_rng(1).exponential(20.0, 5000)
    plain = rates.threshold_for_rate(values, 100e3, HL_LHC)
    shared = rates.threshold_for_rate(values, 100e3, norm)
    assert plain.resolved
    assert not shared.resolved
    assert shared.value == plain.value
    assert rates.threshold_for_rate(values, 300e3, norm).resolved
    weights = np.linspace(0.9, 1.1, 5000)
    assert not rates.threshold_for_rate(values, 100e3, norm, weights=weights).resolved
    spectrum = Spectrum.of(values, step=1.0)
    assert not rates.threshold_for_rate(spectrum, 100e3, norm).resolved
    assert rates.threshold_for_rate(spectrum, 300e3, norm).resolved
