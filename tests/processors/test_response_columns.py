"""Events of a resolution study beyond the limit: flat, exact under merging, and close to exact."""

import itertools

import numpy as np
import pytest

from l1kd.errors import InputError
from l1kd.physics import response
from l1kd.physics.response import Resampling, ResponseSample
from l1kd.processors.response_columns import ResponseColumns
from l1kd.statistics import event_ids

LIMIT = 300


def toy(n_events, seed=1, weights=None):
    generator = np.random.default_rng(seed)
    columns = {
        "event_id": event_ids("file", np.arange(n_events)),
        "event_weight": np.ones(n_events) if weights is None else weights,
        "gen_met_px": generator.normal(0.0, 50.0, n_events),
        "gen_met_py": generator.normal(0.0, 50.0, n_events),
        "n_gen_jets": generator.integers(0, 4, n_events),
    }
    n_jets = columns["n_gen_jets"].sum()
    columns["gen_jet_pt"] = generator.exponential(40.0, n_jets) + 15.0
    columns["gen_jet_eta"] = generator.uniform(-4.0, 4.0, n_jets)
    for w, width in (("puppi", 15.0), ("none", 40.0)):
        for axis in "xy":
            smeared = columns[f"gen_met_p{axis}"] + generator.normal(0.0, width, n_events)
            columns[f"met_p{axis}:{w}"] = smeared
        jets = columns["gen_jet_pt"] * generator.normal(1.0, width / 100.0, n_jets)
        columns[f"jet_pt:{w}"] = np.where(generator.uniform(size=n_jets) < 0.9, jets, np.nan)
    return columns


def chunk(columns, first, last):
    """Entries first to last of all columns."""
    edges = np.concatenate([[0], np.cumsum(columns["n_gen_jets"])])
    jets = slice(edges[first], edges[last])
    return {name: x[jets if "jet_" in name else slice(first, last)] for name, x in columns.items()}


def pieces(columns, cuts, limit=LIMIT, **bins):
    return [
        ResponseColumns({("a.root", first): chunk(columns, first, last)}, limit=limit, bins=bins)
        for first, last in itertools.pairwise(cuts)
    ]


def summed(parts):
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def tables(columns, **options):
    found = columns.histograms
    return [
        found.met_table(**options),
        found.jet_table(**options),
        found.met_bins(**options),
        found.jet_bins(**options),
    ]


def test_few_events_are_all_kept():
    columns = toy(LIMIT)
    found = summed(pieces(columns, [0, 100, 150, LIMIT]))
    assert found.histograms is None
    assert found.n_events == LIMIT
    for name, x in found.joined().items():
        np.testing.assert_array_equal(x, columns[name])


@pytest.mark.parametrize("signed", [False, True])
def test_order_and_size_of_chunks_do_not_matter(signed):
    generator = np.random.default_rng(3)
    weights = generator.choice([-1.0, 1.0], 1000, p=[0.2, 0.8]) * generator.uniform(0.1, 3.0, 1000)
    columns = toy(1000, weights=weights if signed else None)
    one = summed(pieces(columns, [0, 1000]))
    expected = tables(one)
    for cuts in ([0, 400, 1000], [0, 1, 2, 500, 1000], [*range(0, 1000, 50), 1000]):
        parts = pieces(columns, cuts)
        for _ in range(3):
            generator.shuffle(parts)
            found = summed(parts)
            assert found == one
            assert tables(found) == expected
    # a tree instead of a chain, as workers merge
    first, second = (
        pieces(columns, range(0, 1001, 100))[:4],
        pieces(columns, range(0, 1001, 100))[4:],
    )
    assert summed(second) + summed(first) == one


def test_the_kept_events_are_the_limit_and_whole():
    columns = toy(1000)
    found = summed(pieces(columns, range(0, 1001, 125)))
    kept = found.joined()
    assert found.n_events == found.histograms.n_events == 1000
    assert kept["event_weight"].size == LIMIT
    smallest = np.sort(columns["event_id"])[:LIMIT]
    np.testing.assert_array_equal(np.sort(kept["event_id"]), smallest)
    whole = np.isin(columns["event_id"], smallest)
    jets = np.repeat(whole, columns["n_gen_jets"])
    np.testing.assert_array_equal(kept["met_px:none"], columns["met_px:none"][whole])
    np.testing.assert_array_equal(kept["jet_pt:puppi"], columns["jet_pt:puppi"][jets])
    assert ResponseSample.from_columns(kept).gen_jet_event.size == jets.sum()


def test_tables_agree_with_those_of_all_events_within_the_bins():
    columns = toy(20_000)
    sample = ResponseSample.from_columns(columns)
    found = pieces(columns, [0, 20_000])[0]
    met, jets, met_bins, jet_bins = tables(found)
    options = {"resampling": Resampling(replicas=100)}
    assert [row["low"] for row in met_bins] == list(response.GEN_MET_EDGES[:-1])
    expected_bins = response.jet_bins(sample, **options)
    pairs = [
        (met, response.met_table(sample, **options)),
        (jets, response.jet_table(sample, **options)),
        *zip(
            [row["table"] for row in met_bins + jet_bins],
            [row["table"] for row in response.met_bins(sample, **options) + expected_bins],
            strict=True,
        ),
    ]
    for mine, exact in pairs:
        assert mine.keys() == exact.keys()
        for w in ("puppi", "none"):
            assert set(mine[w]) == set(exact[w])
            for name, number in mine[w].items():
                other = exact[w][name]
                assert number["n"] == other["n"]
                # a bin is 0.01 of a response of one, and 0.3 GeV of a recoil
                near = 0.3 if name in ("u_parallel", "u_perp") else 0.01
                near = 0.3 if name.endswith("_corrected") else near
                assert number["value"] == pytest.approx(other["value"], abs=near, rel=0.02)
                width, exact_width = (x["high"] - x["low"] for x in (number, other))
                if name != "matched" and number["n"] > 1000 and exact_width > 0.0:
                    assert 0.5 < width / exact_width < 1.8


def test_lost_jets_lie_at_zero():
    columns = toy(500)
    columns["jet_pt:puppi"] = np.full(columns["gen_jet_pt"].size, np.nan)
    row = pieces(columns, [0, 500])[0].histograms.jet_table()["puppi"]
    assert (row["lost"]["value"], row["outside"]["value"], row["matched"]["value"]) == (1, 1, 0)
    assert row["resolution_with_lost"]["value"] == 0.0
    assert row["resolution"]["value"] is None


def test_a_chunk_cannot_come_twice_even_if_none_of_it_is_kept():
    columns = toy(1000)
    parts = pieces(columns, range(0, 1001, 2), limit=20)
    total = summed(parts)
    assert total.histograms.n_events == 1000
    assert len(total) <= 20
    with pytest.raises(InputError, match="came twice"):
        total + parts[7]


def test_what_differs_cannot_be_added():
    columns = toy(20)
    one = pieces(columns, [0, 20])[0]
    with pytest.raises(InputError, match="limits or bins"):
        one + pieces(columns, [0, 20], limit=7)[0]
    with pytest.raises(InputError, match="limits or bins"):
        one + pieces(columns, [0, 20], met_edges=(0.0, 10.0))[0]
