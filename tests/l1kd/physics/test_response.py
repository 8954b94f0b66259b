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


# lost jets


def jets_of(gen_pt, pt, event, n_events=None, weight=None):
    """A sample of jets alone, one weighting."""
    n = int(np.max(event)) + 1 if n_events is None else n_events
    return ResponseSample(
        np.ones((2, n)),
        {"puppi": np.ones((2, n))},
        np.ones(n) if weight is None else np.asarray(weight, float),
        np.asarray(gen_pt, float),
        np.zeros(len(gen_pt)),
        np.asarray(event),
        {"puppi": np.asarray(pt, float)},
    )


def test_lost_and_badly_measured_jets_are_counted():
    pt = [100.0, 129.9, 130.1, 70.1, 69.9, math.nan, math.nan, 110.0]
    sample = jets_of(np.full(8, 100.0), pt, np.arange(8))
    numbers = response.jet_table(sample, resampling=QUICK)["puppi"]
    assert numbers["matched"]["value"] == 0.75
    assert numbers["lost"]["value"] == 0.25
    assert numbers["outside"]["value"] == 0.5
    everything = [1.0, 1.299, 1.301, 0.701, 0.699, 0.0, 0.0, 1.1]
    assert numbers["resolution_with_lost"]["value"] == pytest.approx(
        statistics.quantile_resolution(everything)
    )
    assert (numbers["resolution"]["n"], numbers["resolution_with_lost"]["n"]) == (6, 8)
    assert numbers["lost"]["n"] == 8


def test_width_with_lost_jets_is_the_width_where_none_is_lost():
    generator = np.random.default_rng(3)
    sample = jets_of(np.full(300, 50.0), generator.normal(50.0, 5.0, 300), np.arange(300))
    numbers = response.jet_table(sample, resampling=QUICK)["puppi"]
    assert numbers["resolution_with_lost"] == numbers["resolution"]
    assert numbers["resolution_with_lost_ratio"]["value"] == 1.0


def test_fraction_of_jets_knows_that_an_events_jets_belong_together():
    """In half of the events all six jets are lost: the events count, not the jets."""
    event = np.repeat(np.arange(100), 6)
    pt = np.where(event % 2 == 0, 50.0, np.nan)
    numbers = response.jet_table(jets_of(np.full(600, 50.0), pt, event), resampling=QUICK)
    low, high = statistics.clopper_pearson(50, 100)
    lost = numbers["puppi"]["lost"]
    assert (lost["low"], lost["high"]) == pytest.approx((float(low), float(high)), abs=1e-3)


def test_fractions_are_weighted():
    sample = jets_of([50.0, 50.0], [50.0, math.nan], [0, 1], weight=[3.0, 1.0])
    numbers = response.jet_table(sample, resampling=QUICK)["puppi"]
    assert numbers["lost"]["value"] == 0.25
    assert numbers["matched"]["value"] == 0.75


# small generated MET


def test_tiny_generated_momentum_is_left_out_of_what_is_relative_to_it():
    columns = toy(400)
    columns["gen_met_px"][:150] *= 1e-12
    columns["gen_met_py"][:150] *= 1e-12
    sample = ResponseSample.from_columns(columns)
    numbers = response.met_table(sample, resampling=QUICK)["puppi"]
    assert numbers["resolution"]["n"] == 250
    assert numbers["resolution"]["value"] < 5.0
    assert numbers["u_perp"]["n"] == 400
    assert np.isnan(sample.relative_met("puppi")[:150]).all()
    nothing_cut = response.met_table(sample, resampling=QUICK, min_gen_met=0.0)["puppi"]
    assert nothing_cut["resolution"]["value"] > 1e6


@pytest.mark.parametrize("edge", [20.0, 40.0])
def test_an_event_on_an_edge_belongs_to_the_upper_bin(edge):
    columns = toy(3)
    columns["gen_met_px"], columns["gen_met_py"] = np.full(3, edge), np.zeros(3)
    rows = response.met_bins(ResponseSample.from_columns(columns), resampling=QUICK)
    counts = {row["low"]: row["table"]["puppi"]["resolution"]["n"] for row in rows}
    assert counts == {low: 3 * (low == edge) for low in response.GEN_MET_EDGES[:-1]}


@pytest.mark.parametrize("edge", [15.0, 30.0, 110.0])
def test_a_jet_on_an_edge_belongs_to_the_upper_bin(edge):
    sample = jets_of(np.full(3, edge), np.full(3, edge), np.arange(3))
    rows = response.jet_bins(sample, resampling=QUICK)
    counts = {row["low"]: row["table"]["puppi"]["lost"]["n"] for row in rows}
    assert counts == {low: 3 * (low == edge) for low in response.JET_PT_EDGES[:-1]}


def test_the_limit_in_eta_is_exclusive():
    sample = jets_of([50.0] * 3, [50.0] * 3, np.arange(3))
    sample = sample._replace(gen_jet_eta=np.array([-2.4, 2.39, 2.4]))
    table = response.jet_table(sample, max_abs_eta=2.4, resampling=QUICK)
    assert table["puppi"]["lost"]["n"] == 1


def test_weights_of_either_sign_and_no_others():
    columns = toy(600)
    columns["event_weight"] = np.where(np.arange(600) % 5 == 0, -1.0, 1.0)
    table = response.met_table(ResponseSample.from_columns(columns), resampling=QUICK)
    plain = response.met_table(ResponseSample.from_columns(toy(600)), resampling=QUICK)
    for name in ("corrected", "u_perp", "u_response"):
        x = table["puppi"][name]
        assert x["low"] <= x["value"] <= x["high"]
        assert x["value"] == pytest.approx(plain["puppi"][name]["value"], rel=0.3)
        assert x["high"] - x["low"] > plain["puppi"][name]["high"] - plain["puppi"][name]["low"]
    columns["event_weight"][7] = math.nan
    with pytest.raises(InputError, match="event 7"):
        ResponseSample.from_columns(columns)
