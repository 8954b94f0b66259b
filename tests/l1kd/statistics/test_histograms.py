"""Histograms with replicas: quantiles, means, exact sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd import statistics
from l1kd.errors import InputError
from l1kd.statistics import ReplicaHistogram


def drawn(n, replicas=20):
    return statistics.poisson_multiplicities(np.arange(n), replicas)


def filled(values, weights=None, edges=None, groups=None, n_groups=1):
    edges = np.linspace(-10.0, 10.0, 401) if edges is None else edges
    histogram = ReplicaHistogram(edges, n_groups, 20)
    weights = np.ones(len(values)) if weights is None else weights
    histogram.fill(values, drawn(len(values)), weights, groups)
    return histogram


def test_quantiles_are_those_of_the_values_within_a_bin():
    generator = np.random.default_rng(1)
    values, weights = generator.normal(size=5000), generator.uniform(0.0, 2.0, 5000)
    histogram = filled(values, weights)
    p = np.linspace(0.05, 0.95, 7)
    found = histogram.quantiles(p, [0])
    np.testing.assert_allclose(found[0], statistics.quantile(values, p, weights), atol=0.05)
    multiplicity = drawn(5000)
    for r in (0, 11):
        exact = statistics.quantile(values, p, weights, multiplicity[:, r])
        np.testing.assert_allclose(found[1 + r], exact, atol=0.05)
    mean = histogram.mean([0])
    assert mean[0] == pytest.approx(np.average(values, weights=weights), abs=0.01)


@settings(max_examples=50, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 60))
def test_sums_do_not_depend_on_the_order(random, n):
    values = np.array([random.gauss(0.0, 5.0) for _ in range(n)])
    weights = np.array([random.choice([-1.0, 1.0]) * random.uniform(0.1, 3.0) for _ in range(n)])
    ids = np.arange(n)
    whole = filled(values, weights)
    random.shuffle(order := list(range(n)))
    cut = random.randrange(n + 1)
    parts = []
    for some in (order[:cut], order[cut:]):
        part = ReplicaHistogram(whole.edges, 1, 20)
        part.fill(values[some], statistics.poisson_multiplicities(ids[some], 20), weights[some])
        parts.append(part)
    parts[0] += parts[1]
    assert parts[0] == whole


def test_values_outside_count_at_the_ends():
    histogram = filled([-50.0, 50.0, 50.0], edges=[0.0, 1.0, 2.0])
    assert histogram.counts[0, :, 0].tolist() == [1.0, 2.0]
    assert histogram.entries.tolist() == [3]


def test_an_edge_belongs_to_the_upper_bin():
    assert filled([1.0], edges=[0.0, 1.0, 2.0]).counts[0, :, 0].tolist() == [0.0, 1.0]


def test_groups_are_apart_and_add_up():
    histogram = filled([0.1, 0.2, 0.9], groups=[0, 1, 1], n_groups=2, edges=[0.0, 0.5, 1.0])
    assert histogram.total([0])[0] == 1.0
    assert histogram.total([0, 1])[0] == 3.0
    assert histogram.entries.tolist() == [1, 2]


def test_weight_below_the_first_edge():
    histogram = filled([0.25, 0.75], edges=[0.0, 0.5, 1.0])
    lowest = np.full(21, 2.0)
    found = histogram.quantiles((0.25, 0.5, 0.75, 1.0), [0], lowest)[0]
    np.testing.assert_allclose(found, [0.0, 0.0, 0.5, 1.0])


def test_nothing_has_no_quantile():
    empty = ReplicaHistogram([0.0, 1.0])
    assert np.isnan(empty.quantiles([0.5], [0])).all()
    assert np.isnan(empty.mean([0])).all()


@pytest.mark.parametrize("edges", [[1.0], [1.0, 1.0], [[0.0, 1.0]]])
def test_edges_must_rise(edges):
    with pytest.raises(InputError, match="rise"):
        ReplicaHistogram(edges)
    with pytest.raises(InputError, match="NaN"):
        filled([np.nan])


@pytest.mark.parametrize("signed", [False, True])
def test_stretched_edges_grow_with_the_value(signed):
    edges = statistics.stretched_edges(2.0, 100.0, 200, signed=signed)
    assert edges.size == 201
    assert (edges[0], edges[-1]) == pytest.approx((-100.0 if signed else 0.0, 100.0))
    step = np.arcsinh(50.0) * (2.0 if signed else 1.0) / 200
    middle = (edges[1:] + edges[:-1]) / 2.0
    np.testing.assert_allclose(np.diff(edges), np.hypot(middle, 2.0) * step, rtol=0.02)
