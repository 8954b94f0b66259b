"""Resolutions in slices: events and jets are selected together, bins cover all."""

import numpy as np
import pytest

from l1kd.physics.response import ResponseSample
from l1kd.physics.slices import resolution_tables, select_events, vertex_edges


@pytest.fixture(scope="module")
def n_vertices():
    return np.random.default_rng(3).poisson(140, 40)


@pytest.fixture(scope="module")
def response() -> ResponseSample:
    """Forty events with a few generated jets each, some of which are lost."""
    generator = np.random.default_rng(4)
    event = np.sort(generator.integers(0, 40, 120))
    gen_met = generator.normal(0.0, 60.0, (2, 40))
    gen_pt = generator.exponential(40.0, 120) + 15.0
    names = ("puppi", "soft_truth")
    met = {w: gen_met + generator.normal(0.0, 20.0, (2, 40)) for w in names}
    jets = {w: gen_pt * generator.normal(1.0, 0.1, 120) for w in names}
    jets["puppi"][::9] = np.nan
    eta = generator.uniform(-5.2, 5.2, 120)
    return ResponseSample(gen_met, met, np.ones(40), gen_pt, eta, event, jets)


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


def test_bins_add_up_to_the_whole(response, n_vertices):
    tables = resolution_tables(response, n_vertices)
    total = tables["jets"]["puppi"]["matched"]["n"]
    for name in ("jet_bins", "jets_by_vertices"):
        assert sum(b["table"]["puppi"]["matched"]["n"] for b in tables[name]) == total
    events = tables["met"]["puppi"]["resolution"]["n"]
    assert sum(b["table"]["puppi"]["resolution"]["n"] for b in tables["met_by_vertices"]) == events
    inside = np.abs(response.gen_jet_eta) < 5.0
    found = sum(b["table"]["puppi"]["matched"]["n"] for b in tables["jets_by_eta"])
    assert found == inside.sum()


def test_tables_without_bins_for_other_signals(response):
    assert set(resolution_tables(response)) == {"met", "jets", "jets_card"}
