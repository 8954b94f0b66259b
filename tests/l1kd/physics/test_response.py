"""Resolution tables: definitions, intervals, pairing, bins, limits."""

import json
import math

import numpy as np
import pytest

from l1kd import statistics
from l1kd.errors import InputError
from l1kd.physics import response
from l1kd.physics.response import Resampling, ResponseSample

QUICK = Resampling(replicas=60)


def toy(n_events=400, widths=None, scale=1.0, seed=1):
    """Top-pair-like toy: gen MET about 60 GeV, two jets an event, Gaussian smearing."""
    widths = widths or {"none": 40.0, "puppi": 15.0}
    generator = np.random.default_rng(seed)
    size = generator.exponential(60.0, n_events) + 1.0
    angle = generator.uniform(-np.pi, np.pi, n_events)
    columns = {
        "gen_met_px": size * np.cos(angle),
        "gen_met_py": size * np.sin(angle),
        "event_weight": np.ones(n_events),
        "n_gen_jets": generator.integers(0, 4, n_events),
    }
    n_jets = columns["n_gen_jets"].sum()
    columns["gen_jet_pt"] = generator.exponential(40.0, n_jets) + 15.0
    columns["gen_jet_eta"] = generator.uniform(-4.0, 4.0, n_jets)
    for w, width in widths.items():
        for axis in ("x", "y"):
            smeared = columns[f"gen_met_p{axis}"] + generator.normal(0.0, width, n_events)
            columns[f"met_p{axis}:{w}"] = scale * smeared
        jets = columns["gen_jet_pt"] * generator.normal(scale, width / 100.0, n_jets)
        columns[f"jet_pt:{w}"] = np.where(generator.uniform(size=n_jets) < 0.9, jets, np.nan)
    return columns


@pytest.fixture(scope="module")
def sample():
    return ResponseSample.from_columns(toy())


def test_met_numbers_are_the_fields_definitions(sample):
    table = response.met_table(sample, resampling=QUICK)
    for w in ("none", "puppi"):
        relative = sample.relative_met(w)
        numbers = {name: x["value"] for name, x in table[w].items()}
        low, high = np.quantile(relative, (0.25, 0.75))
        assert numbers["resolution"] == pytest.approx((high - low) / 2)
        ratio = 1.0 + relative
        assert numbers["corrected"] == pytest.approx(statistics.corrected_resolution(ratio))
        assert numbers["response"] == pytest.approx(np.median(ratio))
        assert table[w]["resolution"]["n"] == 400


def test_recoil_numbers_of_a_toy_are_the_smearing(sample):
    numbers = response.met_table(sample, resampling=QUICK)["puppi"]
    quartile = 0.6745 * 15.0
    assert numbers["u_parallel"]["value"] == pytest.approx(quartile, rel=0.15)
    assert numbers["u_perp"]["value"] == pytest.approx(quartile, rel=0.15)
    assert numbers["u_response"]["value"] == pytest.approx(1.0, abs=0.05)


def test_intervals_hold_the_value_and_shrink_with_the_sample():
    small = response.met_table(ResponseSample.from_columns(toy(100)), resampling=QUICK)
    large = response.met_table(ResponseSample.from_columns(toy(3000)), resampling=QUICK)
    for name in response.MET_QUANTITIES:
        widths = []
        for table in (small, large):
            x = table["puppi"][name]
            assert x["low"] <= x["value"] * 1.2
            assert x["high"] >= x["value"] * 0.8
            widths.append(x["high"] - x["low"])
        assert widths[1] < 0.5 * widths[0]


def test_ratio_is_taken_replica_by_replica():
    columns = toy()
    for axis in ("x", "y"):
        columns[f"met_p{axis}:copy"] = columns[f"met_p{axis}:puppi"]
    columns["jet_pt:copy"] = columns["jet_pt:puppi"]
    sample = ResponseSample.from_columns(columns)
    for table in (
        response.met_table(sample, resampling=QUICK),
        response.jet_table(sample, resampling=QUICK),
    ):
        ratio = table["copy"]["resolution_ratio"]
        assert (ratio["value"], ratio["low"], ratio["high"]) == (1.0, 1.0, 1.0)
        assert table["copy"]["resolution"]["low"] < table["copy"]["resolution"]["high"]
        assert table["none"]["resolution_ratio"]["low"] > 1.0
        assert "response_ratio" not in table["none"]


def test_corrected_numbers_ignore_the_scale():
    plain = ResponseSample.from_columns(toy())
    scaled = ResponseSample.from_columns(toy(scale=0.6))
    one = response.met_table(plain, resampling=QUICK)["puppi"]
    other = response.met_table(scaled, resampling=QUICK)["puppi"]
    assert other["resolution"]["value"] == pytest.approx(0.6 * one["resolution"]["value"])
    assert other["corrected"]["value"] == pytest.approx(one["corrected"]["value"])
    assert other["u_response"]["value"] == pytest.approx(0.6 * one["u_response"]["value"])
    assert other["u_perp_corrected"]["value"] == pytest.approx(one["u_perp_corrected"]["value"])


def test_jet_numbers_and_matched_fraction(sample):
    table = response.jet_table(sample, max_abs_eta=2.0, resampling=QUICK)["puppi"]
    central = np.abs(sample.gen_jet_eta) < 2.0
    ratios = (sample.jet_pt["puppi"] / sample.gen_jet_pt)[central]
    matched = np.isfinite(ratios)
    assert table["resolution"]["value"] == pytest.approx(
        statistics.quantile_resolution(ratios[matched])
    )
    assert table["resolution"]["n"] == matched.sum()
    assert table["matched"]["value"] == pytest.approx(matched.mean())
    assert table["matched"]["n"] == central.sum()
    low, high = statistics.clopper_pearson(matched.sum(), central.sum())
    assert (table["matched"]["low"], table["matched"]["high"]) == (low, high)


def test_bins_share_out_the_sample(sample):
    met = response.met_bins(sample, resampling=QUICK)
    assert [row["high"] for row in met[:-1]] == list(response.GEN_MET_EDGES[1:-1])
    assert met[-1]["high"] is None
    assert sum(row["table"]["puppi"]["resolution"]["n"] for row in met) == 400
    jets = response.jet_bins(sample, (15.0, 40.0, math.inf), resampling=QUICK)
    in_bins = sum(row["table"]["none"]["resolution"]["n"] for row in jets)
    assert in_bins == np.isfinite(sample.jet_pt["none"]).sum()
    json.dumps([met, jets], allow_nan=False)


def test_events_without_generated_momentum_are_left_out():
    columns = toy(50)
    columns["gen_met_px"][:10] = columns["gen_met_py"][:10] = 0.0
    table = response.met_table(ResponseSample.from_columns(columns), resampling=QUICK)
    assert table["puppi"]["resolution"]["n"] == 40
    assert table["puppi"]["resolution"]["value"] > 0.0


def test_event_weights_enter():
    columns = toy(600)
    near = np.hypot(columns["gen_met_px"], columns["gen_met_py"]) > 60.0
    columns["event_weight"] = np.where(near, 1.0, 1e-12)
    weighted = response.met_table(ResponseSample.from_columns(columns), resampling=QUICK)
    selected = response.met_table(
        ResponseSample.from_columns(toy(600)), gen_met_range=(60.0, math.inf), resampling=QUICK
    )
    for name in response.MET_QUANTITIES:
        assert weighted["puppi"][name]["value"] == pytest.approx(
            selected["puppi"][name]["value"], rel=1e-6
        )


def test_no_events_give_nulls_and_no_reference_gives_no_ratios():
    sample = ResponseSample.from_columns(toy(0))
    for table in (
        response.met_table(sample, resampling=QUICK),
        response.jet_table(sample, resampling=QUICK),
    ):
        assert table["puppi"]["resolution"] == {"value": None, "low": None, "high": None, "n": 0}
    alone = ResponseSample.from_columns(toy(20, {"none": 10.0}))
    assert "resolution_ratio" not in response.met_table(alone, resampling=QUICK)["none"]


def test_same_seed_same_table(sample):
    assert response.met_table(sample, resampling=QUICK) == response.met_table(
        sample, resampling=QUICK
    )


@pytest.mark.parametrize("edges", [[1.0], [1.0, 1.0], [2.0, 1.0]])
def test_edges_must_rise(sample, edges):
    with pytest.raises(InputError, match="rising"):
        response.met_bins(sample, edges)
