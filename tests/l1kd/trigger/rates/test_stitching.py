"""Zero bias stitched of soft and hard crossings."""

import numpy as np
import pytest

from l1kd.datasets import Overlay, RegionLibrary
from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import SharedEvents
from l1kd.trigger.rates import Normalisation
from l1kd.trigger.rates.stitching import HardSlice, StitchedZeroBias

NORM = Normalisation(name="test", bunches=1000)
MU = 20.0


def library(lead):
    """Collisions of one region each, whose E_T is the leading jet's."""
    n = len(lead)
    rng = np.random.default_rng(n)
    return RegionLibrary(
        np.arange(n + 1),
        rng.integers(0, 252, n).astype(np.uint8),
        (16 * np.asarray(lead)).astype(np.uint16),
        {"gen_lead_jet_pt": np.asarray(lead, np.float32)},
        "mine.npz",
    )


@pytest.fixture(scope="module")
def minimum_bias():
    """Falling spectrum: 1% of the collisions are above 60 GeV."""
    return library(np.random.default_rng(1).exponential(60 / np.log(100), 20_000))


@pytest.fixture(scope="module")
def stitched(minimum_bias):
    """Slices of the same spectrum, from 50 GeV on, of a known part of the cross section."""
    rng = np.random.default_rng(2)
    scale, share = 60 / np.log(100), np.exp(-50 * np.log(100) / 60)
    lead = 50 + rng.exponential(scale, 8000)
    parts = {"low": lead[lead < 80], "high": lead[lead >= 80]}
    slices = {
        name: HardSlice(library(part), 78.0 * share * len(part) / len(lead))
        for name, part in parts.items()
    }
    return StitchedZeroBias.of(minimum_bias, slices)


@pytest.fixture(scope="module")
def images(stitched):
    return stitched.images(MU, 4000, 1500, NORM, seed=1)


def test_nothing_counts_twice(stitched, minimum_bias):
    assert stitched.soft.column("gen_lead_jet_pt").max() < 60.0
    for events in stitched.hard.values():
        assert events.column("gen_lead_jet_pt").min() >= 60.0
    above = (minimum_bias.column("gen_lead_jet_pt") >= 60.0).mean()
    assert stitched.share_hard == pytest.approx(above, rel=0.1)
    assert stitched.share_hard == pytest.approx(0.01, rel=0.05)


def test_the_classes_add_up_to_all_crossings(stitched, images):
    assert images.images.shape == (7000, 18, 14)
    assert images.weights.sum() == pytest.approx(NORM.input_hz)
    without = np.exp(-MU * stitched.share_hard)
    assert images.rates["soft"] == pytest.approx(without * NORM.input_hz)
    shares = [images.rates[name] / stitched.sigma_mb[name] for name in ("low", "high")]
    assert shares[0] == pytest.approx(shares[1])


def test_what_crossings_hold(stitched, images):
    soft = len(stitched.soft)
    assert images.blocks.n_blocks == soft + sum(len(x) for x in stitched.hard.values())
    assert (images.hard[:4000] == -1).all()
    for i in (0, 3999, 4000, 5500, 6999):
        held = images.blocks.block[images.blocks.offsets[i] : images.blocks.offsets[i + 1]]
        hard = held[held >= soft] - soft
        assert hard.tolist() == ([] if images.hard[i] < 0 else [images.hard[i]])
        assert len(set(held)) == len(held)


def test_every_hard_crossing_holds_the_energy_of_its_collision(stitched, images):
    lead = np.concatenate([x.column("gen_lead_jet_pt") for x in stitched.hard.values()])
    hottest = images.images.max(axis=(1, 2))
    own = images.hard >= 0
    assert (hottest[own] >= np.floor(2 * lead[images.hard[own]]) - 1).all()


def test_closure_with_the_library_that_was_not_divided(minimum_bias, images):
    """Rates agree where the undivided library resolves them."""
    plain = Overlay(minimum_bias, MU, 9)
    hottest = plain.images(8000).max(axis=(1, 2))
    whole, parts = SharedEvents(plain.blocks(8000)), SharedEvents(images.blocks, images.weights)
    stitched_hottest = images.images.max(axis=(1, 2))
    for cut in np.quantile(hottest, [0.5, 0.8, 0.9, 0.95]):
        one = whole.fraction(hottest >= cut).estimate
        other = parts.fraction(stitched_hottest >= cut).estimate
        error = np.hypot(one.high - one.low, other.high - other.low) / 2
        assert abs(one.value - other.value) < 3 * error


def test_rare_rates_are_resolved_by_the_slices_alone(minimum_bias, images):
    cut = 2 * 110
    plain = Overlay(minimum_bias, MU, 9)
    whole = SharedEvents(plain.blocks(8000)).fraction(plain.images(8000).max(axis=(1, 2)) >= cut)
    parts = SharedEvents(images.blocks, images.weights).fraction(
        images.images.max(axis=(1, 2)) >= cut
    )
    assert parts.n_causes > 4 * max(whole.n_causes, 1)


def test_what_is_missing_is_said(minimum_bias):
    with pytest.raises(ConfigurationError, match="no slices"):
        StitchedZeroBias.of(minimum_bias, {})
    bare = RegionLibrary(minimum_bias.offset, minimum_bias.index, minimum_bias.et16, path="bare")
    with pytest.raises(InputError, match="bare: expected gen_lead_jet_pt"):
        StitchedZeroBias.of(bare, {"a": HardSlice(minimum_bias, 1.0)})
    soft = minimum_bias.where(minimum_bias.column("gen_lead_jet_pt") < 60.0)
    with pytest.raises(InputError, match="none of"):
        StitchedZeroBias.of(minimum_bias, {"a": HardSlice(soft, 1.0)})


@pytest.mark.parametrize(
    ("sigma", "message"),
    [
        ({"a": 1000.0}, "slice a: expected a cross section .* of 78 mb, found 1000"),
        ({"a": 78.0}, "slice a: .* found 78"),
        ({"a": 0.02, "b": 0.0}, "slice b: .* found 0"),
        ({"a": -1.0}, "slice a: .* found -1"),
        ({"a": float("nan")}, "slice a: .* found nan"),
        ({"a": 40.0, "b": 39.0}, "slices a, b: .* add up to less .* 78 mb, found 79"),
    ],
)
def test_slices_are_a_part_of_the_inelastic_cross_section(minimum_bias, sigma, message):
    """Also where hardly a collision is above the cut, so that the rest would fit."""
    slices = {name: HardSlice(minimum_bias, mb) for name, mb in sigma.items()}
    with pytest.raises(ConfigurationError, match=message):
        StitchedZeroBias.of(minimum_bias, slices)


def test_closure_on_the_simulated_libraries(shared):
    """Cross section and rates of the region libraries, where minimum bias resolves them."""
    read = {
        name: RegionLibrary.read(shared / "samples" / f"regions_{name}.npz")
        for name in ("minbias", "qcd35", "qcd50", "qcd150")
    }
    sigma = {"qcd35": 67.6e-3, "qcd50": 22.3e-3, "qcd150": 225e-6}
    stitched = StitchedZeroBias.of(
        read["minbias"], {name: HardSlice(read[name], mb) for name, mb in sigma.items()}
    )
    hard = len(read["minbias"]) - len(stitched.soft)
    assert abs(hard - stitched.share_hard * len(read["minbias"])) < 3 * np.sqrt(hard)
    made = stitched.images(60.0, 8000, 2000, NORM, seed=1)
    plain = Overlay(read["minbias"], 60.0, 2)
    hottest, seen = plain.images(12_000).max(axis=(1, 2)), made.images.max(axis=(1, 2))
    whole, parts = SharedEvents(plain.blocks(12_000)), SharedEvents(made.blocks, made.weights)
    for cut in np.quantile(hottest, [0.9, 0.97, 0.99]):
        one, other = (
            whole.fraction(hottest >= cut).estimate,
            parts.fraction(seen >= cut).estimate,
        )
        error = np.hypot(one.high - one.low, other.high - other.low) / 2
        assert abs(one.value - other.value) < 3 * error
