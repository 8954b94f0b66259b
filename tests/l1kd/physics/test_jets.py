"""Anti-kt jets: against an own brute-force clustering, weights, packing, limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.errors import InputError
from l1kd.physics import jets as module
from l1kd.physics.jets import Jets, anti_kt, ht, leading_pt, sorted_jets


def brute_force(pt, eta, phi, energy, radius):
    """Anti-kt by comparing all pairs at every step; returns (pt, eta, phi) sorted by pt."""
    pz = pt * np.sinh(eta)
    left = [np.array(v) for v in zip(pt * np.cos(phi), pt * np.sin(phi), pz, energy, strict=True)]
    jets = []
    while left:
        v = np.array(left)
        kt2 = v[:, 0] ** 2 + v[:, 1] ** 2
        rapidity = np.arctanh(v[:, 2] / v[:, 3])
        azimuth = np.arctan2(v[:, 1], v[:, 0])
        dphi = np.abs(azimuth[:, None] - azimuth)
        dphi = np.minimum(dphi, 2 * np.pi - dphi)
        dr2 = (rapidity[:, None] - rapidity) ** 2 + dphi**2
        distance = np.minimum(1 / kt2[:, None], 1 / kt2) * dr2 / radius**2
        np.fill_diagonal(distance, 1 / kt2)
        i, j = np.unravel_index(np.argmin(distance), distance.shape)
        if i == j:
            jets.append(left.pop(i))
        else:
            merged = left[i] + left[j]
            left = [x for k, x in enumerate(left) if k not in (i, j)] + [merged]
    v = np.array(jets)
    transverse = np.hypot(v[:, 0], v[:, 1])
    order = np.argsort(-transverse)
    columns = (transverse, np.arcsinh(v[:, 2] / transverse), np.arctan2(v[:, 1], v[:, 0]))
    return tuple(x[order] for x in columns)


def random_events(seed, counts):
    generator = np.random.default_rng(seed)
    n = sum(counts)
    pt = generator.exponential(10.0, n) + 0.1
    eta = generator.uniform(-3.0, 3.0, n)
    phi = generator.uniform(-np.pi, np.pi, n)
    mass = generator.choice([0.0, 0.14], n)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return pt, eta, phi, np.hypot(pt * np.cosh(eta), mass), offsets


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 25), min_size=1, max_size=5))
def test_equals_brute_force(seed, counts):
    pt, eta, phi, energy, offsets = random_events(seed, counts)
    found = anti_kt(pt, eta, phi, energy, offsets, min_pt=5.0)
    for event, (first, last) in enumerate(itertools.pairwise(offsets)):
        own = slice(found.offsets[event], found.offsets[event + 1])
        if first == last:
            assert found.pt[own].size == 0
            continue
        expected = brute_force(*(x[first:last] for x in (pt, eta, phi, energy)), 0.4)
        hard = expected[0] > 5.0
        for column, reference in zip((found.pt, found.eta, found.phi), expected, strict=True):
            np.testing.assert_allclose(column[own], reference[hard], rtol=1e-9, atol=1e-9)


def test_events_do_not_depend_on_the_call_they_are_in(monkeypatch):
    pt, eta, phi, energy, offsets = random_events(1, [40, 0, 100, 3, 70, 0])
    whole = anti_kt(pt, eta, phi, energy, offsets)
    for limit in (1, 50, 120):
        monkeypatch.setattr(module, "_PARTICLES_A_CALL", limit)
        parts = anti_kt(pt, eta, phi, energy, offsets)
        for column, expected in zip(parts, whole, strict=True):
            np.testing.assert_array_equal(column, expected)


def test_particles_of_weight_zero_are_left_out():
    pt, eta, phi, energy, offsets = random_events(2, [60, 60])
    weights = np.tile([0.0, 1.0, 0.5], 40)
    kept = weights > 0
    own_offsets = np.concatenate([[0], np.cumsum(kept)])[offsets]
    found = anti_kt(pt, eta, phi, energy, offsets, weights)
    scaled = weights[kept]
    expected = anti_kt(pt[kept] * scaled, eta[kept], phi[kept], energy[kept] * scaled, own_offsets)
    for column, reference in zip(found, expected, strict=True):
        np.testing.assert_array_equal(column, reference)
    nothing = anti_kt(pt, eta, phi, energy, offsets, np.zeros(pt.size))
    assert nothing.pt.size == 0
    assert nothing.n_events == 2


def test_two_particles_by_hand():
    found = anti_kt([20.0, 10.0], [1.0, 1.0], [0.1, 0.3], np.cosh(1.0) * np.array([20, 10]), [0, 2])
    px, py = 20 * np.cos(0.1) + 10 * np.cos(0.3), 20 * np.sin(0.1) + 10 * np.sin(0.3)
    assert found.pt[0] == pytest.approx(np.hypot(px, py))
    assert found.phi[0] == pytest.approx(np.arctan2(py, px))
    energy, pz = 30 * np.cosh(1.0), 30 * np.sinh(1.0)
    assert found.mass[0] == pytest.approx(np.sqrt(energy**2 - pz**2 - px**2 - py**2))


def test_threshold_is_exclusive_and_energy_below_momentum_is_raised():
    columns = ([15.0, 15.001], [0.0, 0.0], [0.0, 2.0], [15.0, 14.9], [0, 2])
    assert anti_kt(*columns).pt == pytest.approx([15.001])


def test_no_events_and_events_without_particles():
    none = anti_kt([], [], [], [], [0])
    assert none.n_events == 0
    assert none.pt.size == 0
    empty = anti_kt([], [], [], [], [0, 0, 0])
    assert empty.n_events == 2
    np.testing.assert_array_equal(leading_pt(empty), [0.0, 0.0])
    np.testing.assert_array_equal(ht(empty), [0.0, 0.0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("column", range(4))
def test_values_that_are_not_finite_are_refused(column, bad):
    columns = [np.array([20.0]), np.array([0.0]), np.array([0.0]), np.array([20.0])]
    columns[column] = np.array([bad])
    with pytest.raises(InputError, match="NaN or infinite"):
        anti_kt(*columns, [0, 1])


def test_lengths_and_offsets_must_fit():
    with pytest.raises(InputError, match="lengths"):
        anti_kt([1.0], [0.0], [0.0], [1.0], [0, 1], [1.0, 1.0])
    with pytest.raises(InputError, match="offsets"):
        anti_kt([1.0], [0.0], [0.0], [1.0], [0, 2])
    with pytest.raises(InputError, match="lengths"):
        sorted_jets([1.0], [0.0, 1.0], [0.0], [0.0], [0, 1])


def test_jets_of_a_file_are_sorted_within_events():
    found = sorted_jets([20.0, 50.0, 30.0], [1.0, 2.0, 3.0], [0.1] * 3, [0.0] * 3, [0, 2, 2, 3])
    np.testing.assert_array_equal(found.pt, [50.0, 20.0, 30.0])
    np.testing.assert_array_equal(found.eta, [2.0, 1.0, 3.0])
    np.testing.assert_array_equal(leading_pt(found), [50.0, 0.0, 30.0])


def test_ht_counts_central_hard_jets():
    columns = ([100.0, 40.0, 30.0, 35.0], [0.0, 2.39, 0.0, -2.5], [0.0] * 4, [0.0] * 4)
    found = sorted_jets(*columns, [0, 3, 4])
    np.testing.assert_array_equal(ht(found), [140.0, 0.0])


def test_selection_keeps_the_events():
    found = Jets(*(np.arange(4.0) for _ in range(4)), np.array([0, 1, 1, 4]))
    selected = found.select(np.array([False, True, False, True]))
    np.testing.assert_array_equal(selected.offsets, [0, 0, 0, 2])
    np.testing.assert_array_equal(selected.pt, [1.0, 3.0])


def test_nothing_is_printed(capfd):
    anti_kt([20.0], [0.0], [0.0], [20.0], [0, 1])
    assert capfd.readouterr().out == ""
