"""What samples are normalised to: crossings, weights, time, pile-up profiles, slices of pT-hat."""

import math

import awkward as ak
import numpy as np
import pytest
import uproot

from l1kd.errors import ConfigurationError, InputError
from l1kd.trigger.conditions.luminosity import PileupProfile
from l1kd.trigger.rates.classes import (
    SIGMA_INELASTIC_MB,
    Slice,
    by_pileup,
    by_weight,
    in_sections,
    slice_rates,
    zero_bias,
)
from l1kd.trigger.rates.curves import normalisation
from l1kd.trigger.rates.tables import menu_rates
from tests.l1kd.trigger.patterns import table

HL_LHC = normalisation("hl_lhc")

PU200 = {
    "qcd50": Slice(21.6e-3, 400),
    "qcd80": Slice(3.17e-3, 400),
    "qcd120": Slice(0.536e-3, 300),
    "qcd170": Slice(0.138e-3, 200),
}


def test_zero_bias_adds_files():
    samples = {"a": table([(True,)]), "b": table([(False,)] * 3)}
    found = menu_rates(zero_bias(samples, HL_LHC))
    assert found.total.value == pytest.approx(HL_LHC.input_hz / 4)
    with pytest.raises(InputError, match="no events"):
        zero_bias({}, HL_LHC)


def test_weights_in_hertz_add_up():
    samples = {"soft": table([(True,), (False,)], [10e6, 10e6]), "hard": table([(True,)], [100.0])}
    found = menu_rates(by_weight(samples))
    assert found.total.value == pytest.approx(10e6 + 100.0)
    assert found.input_hz == pytest.approx(20e6 + 100.0)


def test_data_over_the_time_of_its_sections():
    strata = {"run": [1, 1, 1, 2], "lumi": [7, 7, 8, 7]}
    events = table([(True,), (False,), (False,), (True,)], strata=strata)
    found = menu_rates(in_sections({"data": events}, prescale=100.0))
    assert found.total.value == pytest.approx(2 * 100.0 / (3 * 23.31), rel=1e-4)
    more = menu_rates(in_sections({"data": events}, 100.0, sections=6))
    assert more.total.value == pytest.approx(found.total.value / 2)
    with pytest.raises(InputError, match="divide the decisions"):
        in_sections({"data": events.by("run")})
    with pytest.raises(ConfigurationError, match=r"prescale 0\.5"):
        in_sections({"data": events}, 0.5)


def test_profile_moves_the_rate_to_its_pileup():
    profile = PileupProfile.of([0, 20, 40, 60], [1.0, 3.0, 1.0])
    pileup = np.array([10] * 90 + [30] * 10)
    fired = [(False,)] * 81 + [(True,)] * 9 + [(True,)] * 5 + [(False,)] * 5
    events = table(fired, strata={"pileup": pileup})
    classes, uncovered = by_pileup({"mc": events}, HL_LHC, profile)
    assert uncovered == pytest.approx(0.2)
    found = menu_rates(classes).total
    assert found.value == pytest.approx(HL_LHC.input_hz * (0.25 * 0.1 + 0.75 * 0.5))
    assert found.low < found.value < found.high
    with pytest.raises(InputError, match="no event has a pile-up"):
        by_pileup({"mc": events}, HL_LHC, PileupProfile.of([70, 80], [1.0]))


def test_a_profile_equal_to_the_samples_changes_nothing():
    profile = PileupProfile.of([0, 20, 40], [90.0, 10.0])
    fired = [(False,)] * 81 + [(True,)] * 14 + [(False,)] * 5
    events = table(fired, strata={"pileup": [12] * 90 + [20] * 10})
    classes, _ = by_pileup({"mc": events}, HL_LHC, profile)
    assert menu_rates(classes).total.value == pytest.approx(
        menu_rates(zero_bias({"mc": events}, HL_LHC)).total.value
    )


def test_stitching_closes_on_generated_crossings():
    # crossings made collision by collision: the classes' rates are what is counted
    generator = np.random.default_rng(7)
    mu, hard = 5.0, {"low": Slice(4.0, 1000), "high": Slice(1.0, 1000)}
    n = 400_000
    collisions = generator.poisson(mu, n)
    n_hard = generator.binomial(collisions, 5.0 / SIGMA_INELASTIC_MB)
    share_high = generator.random(n) < 1.0 / 5.0
    counted = {
        "soft": (n_hard == 0).mean(),
        "low": ((n_hard > 0) & ~share_high).mean(),
        "high": ((n_hard > 0) & share_high).mean(),
    }
    rates = slice_rates("soft", 5000, hard, HL_LHC, mu)
    assert sum(rate for rate, _ in rates.values()) == pytest.approx(HL_LHC.input_hz)
    for name, share in counted.items():
        expected = rates[name][0] / HL_LHC.input_hz
        assert abs(share - expected) < 5 * math.sqrt(expected / n), name
    assert rates["soft"][1] == rates["soft"][0] / 5000


def test_stitching_gives_the_weights_of_the_pileup_200_sample():
    # the sample's cross section includes 2 kHz above its last slice
    rates = slice_rates("minbias", 3000, PU200, HL_LHC, 200.0)
    expected = {"minbias": 9700.0, "qcd50": 4109.0, "qcd80": 603.0, "qcd120": 136.0, "qcd170": 53.0}
    for name, weight in expected.items():
        assert rates[name][1] == pytest.approx(weight, rel=0.015), name


def test_weights_of_the_files_are_those_of_the_recipe(shared):
    # what stands in the files: rate of the class over its events
    files = {"minbias": "test_minbias", **{name: f"test_{name}" for name in PU200}}
    rates = slice_rates("minbias", 3000, PU200, HL_LHC, 200.0)
    total = 0.0
    for name, file in files.items():
        with uproot.open(shared / "samples" / "pu200" / f"{file}.root") as root:
            weights = root["Delphes/Event/Event.Weight"].array(library="ak")
        weight = np.asarray(ak.flatten(weights))
        assert np.ptp(weight) == 0.0
        assert weight[0] == pytest.approx(rates[name][1], rel=0.015), name
        total += weight.sum()
    assert total == pytest.approx(HL_LHC.input_hz, rel=1e-3)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mean_pileup": 0.0},
        {"n_soft": 0},
        {"slices": {"soft": Slice(1.0, 1)}},
        {"slices": {"x": Slice(79.0, 1)}},
        {"slices": {"x": Slice(1.0, 0)}},
    ],
)
def test_stitching_refuses_what_is_no_cross_section(wrong):
    options = {"soft": "soft", "n_soft": 1, "slices": PU200, "mean_pileup": 200.0, "norm": HL_LHC}
    with pytest.raises(ConfigurationError, match="stitching"):
        slice_rates(**(options | wrong))
