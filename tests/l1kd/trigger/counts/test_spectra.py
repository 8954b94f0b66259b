"""Distributions of bounded size: merging, thresholds, rates against plain counting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import clopper_pearson
from l1kd.trigger.counts import spectra as module
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import GRID, Spectrum
from l1kd.trigger.counts.survival import SpectrumClass, survival
from l1kd.trigger.rates.curves import normalisation, threshold_for_rate
from l1kd.trigger.rates.scans import largest_passed, legs, threshold_at, with_threshold
from l1kd.trigger.rates.tables import EventClass, menu_rates
from tests.l1kd.trigger.patterns import table

NORM = normalisation("hl_lhc")
values = st.lists(st.floats(-5.0, 200.0), min_size=1, max_size=40)


def one(spectrum):
    return [SpectrumClass("zero bias", spectrum, NORM.input_hz)]


@given(values, st.randoms(), st.sampled_from([0.0, 0.5]), st.sampled_from([3, 100_000]))
def test_any_partition_gives_the_same_spectrum(sample, random, step, limit):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT_EVENTS", limit)
        weights = [random.choice([0.25, 1.0, 7e3]) for _ in sample]
        options = {"step": step, "resampling": Resampling(3)}
        whole = Spectrum.of(sample, weights, blocks=range(len(sample)), **options)
        order = list(range(len(sample)))
        random.shuffle(order)
        n_parts = random.randint(1, 4)
        merged = Spectrum(**options)
        for i in range(n_parts):
            part = order[i::n_parts]
            merged = merged + Spectrum.of(
                [sample[j] for j in part], [weights[j] for j in part], blocks=part, **options
            )
        assert merged == whole


@given(values, st.integers(-10, 400))
def test_thresholds_on_the_grid_mean_the_same_for_large_samples(sample, k):
    threshold = k * GRID * 32
    expected = sum(x >= threshold for x in sample)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EXACT_EVENTS", 0)
        binned = Spectrum.of(sample)
        assert survival(one(binned), threshold).n_pass[0] == expected
    exact = Spectrum.of(sample)
    assert survival(one(exact), threshold).n_pass[0] == expected


def test_size_does_not_grow_with_the_events(monkeypatch):
    monkeypatch.setattr(module, "EXACT_EVENTS", 1000)
    generator = np.random.default_rng(1)
    sizes = []
    total = Spectrum()
    for _ in range(20):
        total = total + Spectrum.of(np.minimum(generator.exponential(20.0, 5000), 99.0))
        sizes.append(total.values.size)
    assert total.n_events == 100_000
    assert sizes[-1] <= 99 / GRID + 1


@given(values)
def test_rates_and_intervals_equal_counting(sample):
    cuts = np.linspace(-6.0, 210.0, 7)
    found = survival(one(Spectrum.of(sample)), cuts)
    n_pass = np.array([sum(x >= c for x in sample) for c in cuts])
    low, high = clopper_pearson(n_pass, len(sample))
    hertz = NORM.input_hz
    np.testing.assert_array_equal(found.n_pass, n_pass)
    np.testing.assert_allclose(found.value, n_pass / len(sample) * hertz, rtol=1e-12)
    np.testing.assert_allclose(found.low, low * hertz, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(found.high, high * hertz, rtol=1e-9)


@given(values, st.floats(1e4, 4e7), st.sampled_from([None, 0.5, 1 / 256]))
def test_inversion_equals_that_of_arrays(sample, target, step):
    expected = threshold_for_rate(sample, target, NORM, step=step)
    found = threshold_at(one(Spectrum.of(sample)), target, step=step)
    assert (found.value, found.low, found.high) == (expected.value, expected.low, expected.high)
    assert found.rate.value == pytest.approx(expected.rate.value)


def test_a_scan_reproduces_the_table():
    generator = np.random.default_rng(3)
    met = generator.exponential(30.0, 4000)
    cuts = [20.0, 40.0, 80.0, 160.0]
    rates = menu_rates(
        [EventClass("zb", table([tuple(x >= c for c in cuts) for x in met]), NORM.input_hz)]
    )
    scan = survival(one(Spectrum.of(met, step=0.5)), cuts)
    for i, seed in enumerate(rates.seeds):
        assert seed.rate.value == pytest.approx(scan.value[i])
        assert (seed.rate.low, seed.rate.high) == pytest.approx((scan.low[i], scan.high[i]))


def test_stitched_classes_and_their_limits():
    soft = SpectrumClass("soft", Spectrum.of([1.0] * 100), 29e6)
    hard = SpectrumClass("hard", Spectrum.of(np.arange(100.0)), 1e6)
    found = survival([soft, hard], [50.0, 200.0])
    assert found.value.tolist() == pytest.approx([0.5e6, 0.0])
    assert found.high[1] == pytest.approx(1.84 * 290e3, rel=0.01)  # of the heaviest class
    threshold = threshold_at([soft, hard], 0.8e6)
    assert 19.0 < threshold.value < 20.0
    assert threshold.resolved
    unresolved = threshold_at([soft, hard], 100e3)
    assert not unresolved.resolved
    assert unresolved.high == np.inf


def test_shared_collisions_widen_the_interval():
    x = np.concatenate([np.full(50, 100.0), np.zeros(5000)])
    blocks = np.concatenate([np.zeros(50, int), np.arange(1, 5001)])
    alone = survival(one(Spectrum.of(x)), 50.0)
    shared = survival(one(Spectrum.of(x, resampling=Resampling(200), blocks=blocks)), 50.0)
    assert shared.high[0] - shared.low[0] > 3 * (alone.high[0] - alone.low[0])


def test_state_makes_the_same_spectrum():
    x = Spectrum.of([1.0, 2.5, 2.5], [0.1, 0.2, -0.3], resampling=Resampling(3), blocks=[1, 2, 2])
    header, arrays = x.state()
    assert Spectrum.from_state(header, arrays) == x
    with pytest.raises(InputError, match="lacks"):
        Spectrum.from_state(header, {k: v for k, v in arrays.items() if k != "replicas"})
    assert x.negative == 1


def test_repeated_gives_the_events_back():
    x, w = Spectrum.of([3.0, 1.0, 3.0], [2.0, 1.0, 2.0]).repeated()
    assert x.tolist() == [1.0, 3.0, 3.0]
    assert w.tolist() == [1.0, 2.0, 2.0]


def test_what_is_no_spectrum_is_refused():
    with pytest.raises(InputError, match="1 of 2 values are NaN"):
        Spectrum.of([np.nan, 1.0])
    with pytest.raises(InputError, match="weights for 1 values"):
        Spectrum.of([1.0], [1.0, 2.0])
    with pytest.raises(InputError, match="do not add up"):
        Spectrum.of([1.0]) + Spectrum.of([1.0], step=0.5)
    with pytest.raises(InputError, match="no zero-bias events"):
        threshold_at(one(Spectrum()), 1e3)
    with pytest.raises(InputError, match="no events"):
        survival([], 1.0)
    with pytest.raises(InputError, match="must be positive"):
        threshold_at(one(Spectrum.of([1.0])), 0.0)


EXPRESSIONS = {
    "MU22[MU-QLTY_SNGL]": [("MU", 22.0)],
    "comb{MU15[MU-QLTY_DBLE],MU7}[CHGCOR_OS]": [("MU", 15.0), ("MU", 7.0)],
    "ETMHF100 AND HTT60": [("ETMHF", 100.0), ("HTT", 60.0)],
    "mass_inv{JET30p5[JET-ETA_2p52],JET30.5}[MASS_MIN_150] AND EXT_ZeroBias_BPTX_AND_VME": [
        ("JET", 30.5),
        ("JET", 30.5),
    ],
    "EG32[EG-ETA_2p52] AND NOT EXT_BPTX_v0-2": [("EG", 32.0)],
    "MU3+1 AND MUS0": [("MU", 3.0)],
    "MBT0HFP1 AND CENT3": [("MBT0HFP", 1.0)],
    "JET.ge.35": [("JET", 35.0)],
}


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_legs_of_an_expression(text):
    assert [(leg.kind, leg.threshold) for leg in legs(text)] == EXPRESSIONS[text]


def test_another_threshold_changes_nothing_else():
    text = "comb{MU15[MU-QLTY_DBLE],MU7}[CHGCOR_OS]"
    assert with_threshold(text, 1, 8.5) == "comb{MU15[MU-QLTY_DBLE],MU8p5}[CHGCOR_OS]"
    assert with_threshold("MU3+1", 0, 22.0) == "MU22+1"
    with pytest.raises(ConfigurationError, match=r"no leg 2 .* there are 0: MU15, 1: MU7"):
        with_threshold(text, 2, 3.0)


def test_largest_threshold_that_events_pass():
    passed = [[True, True, False], [False, False, False], [True, True, True]]
    assert largest_passed(passed, [10, 20, 30]).tolist() == [20.0, -np.inf, 30.0]
    with pytest.raises(InputError, match="fail a smaller"):
        largest_passed([[False, True]], [1, 2])
    with pytest.raises(InputError, match="ascending"):
        largest_passed([[False, True]], [2, 1])
