"""Algorithms at equal rate: thresholds, efficiencies, paired differences."""

import numpy as np
import pytest

from l1kd.errors import InputError
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.counts.survival import SpectrumClass
from l1kd.trigger.efficiency.iso_rate import (
    efficiency_against_rate,
    iso_rate,
    mean_gain,
    rate_at_efficiency,
)
from l1kd.trigger.rates.curves import normalisation

NORM = normalisation("hl_lhc")
BOOTSTRAP = Resampling(200, seed=9)


def spectra(columns, offset=0):
    """Spectra of several algorithms on the same events."""
    n = len(next(iter(columns.values())))
    options = {"step": 0.25, "resampling": BOOTSTRAP, "blocks": np.arange(n) + offset}
    return {name: Spectrum.of(x, **options) for name, x in columns.items()}


def momenta(n_background, n_signal, seed):
    """MET of two algorithms; the second one resolves better."""
    generator = np.random.default_rng(seed)
    soft = generator.exponential(20.0, n_background)
    true = generator.exponential(60.0, n_signal)
    background = {
        "wide": np.abs(soft + generator.normal(0, 15, soft.size)),
        "narrow": np.abs(soft + generator.normal(0, 5, soft.size)),
    }
    noise = generator.normal(0, 1, n_signal)
    return background, {"wide": np.abs(true + 15 * noise), "narrow": np.abs(true + 5 * noise)}


def sample(n_background=20_000, n_signal=2000, seed=3):
    """Arrays of both algorithms, and their spectra."""
    background, signal = momenta(n_background, n_signal, seed)
    classes = {
        name: [SpectrumClass("zb", s, NORM.input_hz)] for name, s in spectra(background).items()
    }
    return background, signal, classes, spectra(signal, offset=10**6)


def test_rates_are_equal_and_efficiencies_are_those_at_the_thresholds():
    background, signal, classes, signals = sample()
    target = 750e3
    found = iso_rate(classes, signals, target, "wide")
    for name in ("wide", "narrow"):
        threshold = found[name].threshold.value
        rate = (background[name] >= threshold).mean() * NORM.input_hz
        assert rate <= target < rate + 0.02 * NORM.input_hz
        efficiency = (signal[name] >= threshold).mean()
        assert found[name].efficiency.value == pytest.approx(efficiency)
        assert found[name].efficiency.low < efficiency < found[name].efficiency.high
    assert found["wide"].difference is None
    difference = found["narrow"].difference
    assert difference.value == pytest.approx(
        found["narrow"].efficiency.value - found["wide"].efficiency.value
    )
    assert difference.low > 0.0


def test_paired_differences_are_narrower_than_two_independent_numbers():
    _, _, classes, signals = sample()
    found = iso_rate(classes, signals, 750e3, "wide")
    half = [(e.high - e.low) / 2 for e in (found[n].efficiency for n in ("wide", "narrow"))]
    own = (found["narrow"].difference.high - found["narrow"].difference.low) / 2
    assert own < 0.8 * np.hypot(*half)


def test_an_algorithm_does_not_differ_from_its_copy():
    _, _, classes, signals = sample()
    found = iso_rate(
        {"a": classes["wide"], "b": classes["wide"]},
        {"a": signals["wide"], "b": signals["wide"]},
        300e3,
        "a",
    )
    assert found["b"].difference[:3] == (0.0, 0.0, 0.0)


def test_interval_covers_the_true_efficiency():
    # thresholds from small zero-bias samples move the efficiency: the interval knows it
    inside = 0
    background, signal = momenta(1_000_000, 100_000, seed=1)
    threshold = np.quantile(background["wide"], 1.0 - 750e3 / NORM.input_hz)
    true = (signal["wide"] >= threshold).mean()
    for seed in range(30):
        _, _, classes, signals = sample(2000, 500, seed=100 + seed)
        found = iso_rate(classes, signals, 750e3, "wide")["wide"].efficiency
        inside += found.low <= true <= found.high
    assert 11 <= inside <= 29


def test_efficiency_rises_with_the_rate():
    _, _, classes, signals = sample()
    curves = efficiency_against_rate(classes, signals, [1e5, 1e6, 1e7])
    for points in curves.values():
        values = [p.value for p in points]
        assert values == sorted(values)
    found = iso_rate(classes, signals, 1e6, "wide")
    assert curves["narrow"][1] == found["narrow"].efficiency


def test_stitched_zero_bias():
    _, _, classes, signals = sample()
    halves = {
        name: [c[0]._replace(name="a", rate_hz=NORM.input_hz / 2)] * 2
        for name, c in classes.items()
    }
    whole, both = (iso_rate(c, signals, 750e3, "wide") for c in (classes, halves))
    assert whole["narrow"].efficiency == both["narrow"].efficiency


def test_an_unresolved_threshold_is_said():
    _, _, classes, signals = sample(200, 100)
    found = iso_rate(classes, signals, 1e3, "wide")
    assert not found["wide"].threshold.resolved


def test_what_is_not_paired_is_refused():
    _, _, classes, signals = sample(100, 100)
    with pytest.raises(InputError, match="no algorithm 'x'"):
        iso_rate(classes, signals, 1e6, "x")
    with pytest.raises(InputError, match="do not both have narrow"):
        iso_rate({"wide": classes["wide"]}, signals, 1e6, "wide")
    with pytest.raises(InputError, match="need spectra with a bootstrap"):
        iso_rate(classes, signals | {"wide": Spectrum.of([1.0])}, 1e6, "wide")


def test_mean_gain_is_the_mean_of_the_paired_differences():
    _, _, classes, first = sample()
    _, _, _, second = sample(seed=5)
    found = mean_gain(classes, {"one": first, "two": second}, 300e3, "wide")
    each = [iso_rate(classes, s, 300e3, "wide")["narrow"].difference for s in (first, second)]
    assert set(found) == {"narrow"}
    assert found["narrow"].value == pytest.approx(np.mean([x.value for x in each]))
    assert found["narrow"].low < found["narrow"].value < found["narrow"].high


def test_rate_at_efficiency_is_the_background_above_the_signals_quantile():
    background, signal, classes, signals = sample()
    found = rate_at_efficiency(classes, signals, 0.8, "wide")
    for name, (rate, ratio) in found.items():
        values = np.floor(signal[name] / 0.25) * 0.25
        cut = np.sort(values)[::-1][int(np.ceil(0.8 * values.size)) - 1]
        wanted = (np.floor(background[name] / 0.25) * 0.25 >= cut).mean() * NORM.input_hz
        assert rate.value == pytest.approx(wanted)
        assert ratio.value == pytest.approx(wanted / found["wide"][0].value)
    assert found["narrow"][1].high < 1.0
