import numpy as np
import pytest

from l1kd.models.evaluation.measure import (
    MIN_JET_PT,
    NO_PILEUP,
    resolution_tables,
    response_sample,
    select_events,
    vertex_edges,
)
from l1kd.physics.response import ResponseSample


@pytest.fixture(scope="module")
def response(sample) -> ResponseSample:
    p = sample.particles["dz"]
    return response_sample(sample, p, {"puppi": p.puppi_weight, "soft_truth": p.truth})


def test_the_twin_is_one_more_weighting(response, sample):
    assert list(response.met) == ["puppi", "soft_truth", NO_PILEUP]
    t = sample.twin
    first = slice(0, t.offsets[1])
    expected = -np.sum(t.pt[first].astype(float) * np.cos(t.phi[first].astype(float)))
    assert response.met[NO_PILEUP][0, 0] == pytest.approx(expected)


def test_only_generated_jets_above_the_threshold_count(response):
    assert response.gen_jet_pt.min() > MIN_JET_PT
    assert all(x.shape == response.gen_jet_pt.shape for x in response.jet_pt.values())


def test_without_jets_nothing_matches(sample):
    p = sample.particles["dz"]
    found = response_sample(sample, p, {"puppi": p.puppi_weight}, jets=False)
    assert np.isnan(found.jet_pt["puppi"]).all()


def test_selected_events_keep_their_own_jets(response):
    chosen = np.arange(response.weight.size) % 2 == 1
    half = select_events(response, chosen)
    assert half.gen_met.shape[1] == chosen.sum()
    for new, old in enumerate(np.flatnonzero(chosen)):
        np.testing.assert_array_equal(
            half.gen_jet_pt[half.gen_jet_event == new],
            response.gen_jet_pt[response.gen_jet_event == old],
        )


def test_vertex_bins_cover_every_event_once():
    vertices = np.random.default_rng(2).poisson(140, 500)
    edges = vertex_edges(vertices)
    counts = np.histogram(vertices, edges)[0]
    assert counts.sum() == 500
    assert counts.min() > 90
    assert all(edge == round(edge) for edge in edges)
    assert vertex_edges(np.full(3, 7)) == [7.0, 8.0]


def test_bins_add_up_to_the_whole(response, sample):
    tables = resolution_tables(response, sample.n_vertices)
    total = tables["jets"]["puppi"]["matched"]["n"]
    for name in ("jets_by_pt", "jets_by_vertices"):
        assert sum(b["table"]["puppi"]["matched"]["n"] for b in tables[name]) == total
    events = tables["met"]["puppi"]["resolution"]["n"]
    assert sum(b["table"]["puppi"]["resolution"]["n"] for b in tables["met_by_vertices"]) == events
    inside = np.abs(response.gen_jet_eta) < 5.0
    found = sum(b["table"]["puppi"]["matched"]["n"] for b in tables["jets_by_eta"])
    assert found == inside.sum()


def test_tables_without_bins_for_other_signals(response):
    assert set(resolution_tables(response)) == {"met", "jets", "jets_card"}
