"""Sums over neighbours: equal to the sum over all pairs, whatever the event looks like."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.particles.neighbours import (
    check_flat,
    sum_pt2_over_dr2,
    sum_pt_in_cones,
)

RADII = (0.05, 0.2, 0.4, 1.0, 1.6, 2.5, 7.0)


def events(sizes, seed=1, eta_width=3.0):
    """Random particles of events of the given sizes: pt, eta, phi, offsets."""
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n = offsets[-1]
    phi = rng.uniform(-7.0, 7.0, n)
    return rng.exponential(2.0, n), rng.normal(0.0, eta_width, n), phi, offsets


def squared_distances(eta, phi):
    d_phi = np.abs(phi[:, None] - phi) % (2 * np.pi)
    return (eta[:, None] - eta) ** 2 + np.minimum(d_phi, 2 * np.pi - d_phi) ** 2


def slices(offsets):
    return [slice(a, b) for a, b in itertools.pairwise(offsets)]


@pytest.mark.parametrize("radius", RADII)
def test_pt2_over_dr2_equals_the_sum_over_all_pairs(radius):
    pt, eta, phi, offsets = events([150, 0, 1, 200])
    rng = np.random.default_rng(2)
    sources, targets = rng.random((2, len(pt))) < 0.6
    got = sum_pt2_over_dr2(pt, eta, phi, offsets, sources=sources, targets=targets, radius=radius)
    for event in slices(offsets):
        dr2 = squared_distances(eta[event], phi[event])
        near = (dr2 <= radius**2) & (dr2 >= 1e-4) & sources[event]
        expected = np.where(near, pt[event] ** 2 / np.maximum(dr2, 1e-4), 0.0).sum(axis=1)
        np.testing.assert_allclose(got[event], expected * targets[event], rtol=1e-10)


@pytest.mark.parametrize("radius", RADII)
def test_pt_in_cones_equals_the_sum_over_all_pairs(radius):
    pt, eta, phi, offsets = events([150, 0, 1, 200])
    group = np.random.default_rng(3).integers(-1, 3, len(pt)).astype(np.int8)
    radii = (radius / 2, radius)
    got = sum_pt_in_cones(pt, eta, phi, group, offsets, radii=radii, n_groups=3)
    assert got.shape == (len(pt), 3, 2)
    assert got.dtype == np.float32
    for event in slices(offsets):
        dr2 = squared_distances(eta[event], phi[event])
        np.fill_diagonal(dr2, np.inf)
        for ring, size in enumerate(radii):
            for kind in range(3):
                near = (dr2 <= size**2) & (group[event] == kind)
                expected = (near * pt[event]).sum(axis=1)
                np.testing.assert_allclose(got[event, kind, ring], expected, rtol=1e-6, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-7, 7), st.floats(-7, 7)), min_size=2, max_size=40),
    st.sampled_from([0.1, 0.25, 0.8, 2.0]),
)
def test_any_directions(directions, radius):
    eta, phi = np.array(directions).T
    pt = np.arange(1.0, len(eta) + 1)
    offsets = np.array([0, len(eta)])
    group = np.zeros(len(eta), np.int8)
    got = sum_pt_in_cones(pt, eta, phi, group, offsets, radii=(radius,), n_groups=1)[:, 0, 0]
    dr2 = squared_distances(eta, phi)
    np.fill_diagonal(dr2, np.inf)
    # A pair on the edge of the cone may fall on either side by rounding.
    sure = ((dr2 < radius**2 - 1e-9) * pt).sum(axis=1)
    possible = ((dr2 < radius**2 + 1e-9) * pt).sum(axis=1)
    assert (got >= sure - 1e-3).all()
    assert (got <= possible + 1e-3).all()


def test_order_of_particles_does_not_matter():
    pt, eta, phi, offsets = events([300])
    everything = np.ones(len(pt), bool)
    shuffled = np.random.default_rng(4).permutation(len(pt))
    one = sum_pt2_over_dr2(
        pt, eta, phi, offsets, sources=everything, targets=everything, radius=0.5
    )
    two = sum_pt2_over_dr2(
        pt[shuffled],
        eta[shuffled],
        phi[shuffled],
        offsets,
        sources=everything,
        targets=everything,
        radius=0.5,
    )
    np.testing.assert_allclose(two, one[shuffled], rtol=1e-12)


def test_neighbours_across_the_period_of_phi():
    pt, eta = np.array([1.0, 3.0]), np.zeros(2)
    both = np.ones(2, bool)
    for phi in ([np.pi - 0.05, -np.pi + 0.05], [0.05, -0.05], [6.25, 0.066814692820414]):
        got = sum_pt2_over_dr2(
            pt, eta, np.array(phi), np.array([0, 2]), sources=both, targets=both, radius=0.2
        )
        np.testing.assert_allclose(got, [900.0, 100.0], rtol=1e-6)


def test_particles_beyond_the_grid_are_found():
    pt = np.ones(3)
    eta = np.array([999.0, 999.1, 5.9])
    group = np.zeros(3, np.int8)
    got = sum_pt_in_cones(pt, eta, np.zeros(3), group, np.array([0, 3]), radii=(0.2,), n_groups=1)
    assert got[:, 0, 0].tolist() == [1.0, 1.0, 0.0]


def test_distance_eta_changes_the_sum_and_not_the_cone():
    pt, eta, phi = np.array([2.0, 5.0]), np.array([0.0, 0.1]), np.zeros(2)
    both = np.ones(2, bool)
    got = sum_pt2_over_dr2(
        pt,
        eta,
        phi,
        np.array([0, 2]),
        sources=both,
        targets=both,
        radius=0.2,
        distance_eta=np.array([0.0, 0.5]),
    )
    np.testing.assert_allclose(got, [25 / 0.25, 4 / 0.25])


def test_no_particles_at_all():
    nothing = np.zeros(0)
    mask = np.zeros(0, bool)
    offsets = np.zeros(4, np.int64)
    sums = sum_pt2_over_dr2(
        nothing, nothing, nothing, offsets, sources=mask, targets=mask, radius=0.2
    )
    assert sums.shape == (0,)
    cones = sum_pt_in_cones(nothing, nothing, nothing, mask, offsets, radii=(0.2, 0.4), n_groups=3)
    assert cones.shape == (0, 3, 2)


@pytest.mark.parametrize("offsets", [[1, 2], [0, 2, 1], [[0, 2]], []])
def test_bad_offsets_are_refused(offsets):
    with pytest.raises(ValueError, match="offsets"):
        check_flat(np.array(offsets, np.int64), pt=np.ones(2))


def test_bad_columns_are_refused_by_name():
    with pytest.raises(ValueError, match="eta has shape"):
        check_flat(np.array([0, 2]), pt=np.ones(2), eta=np.ones(3))
    with pytest.raises(ValueError, match="phi contains NaN"):
        check_flat(np.array([0, 2]), phi=np.array([0.0, np.nan]))


def test_bad_parameters_are_refused():
    pt, eta, phi, offsets = events([3])
    mask = np.ones(3, bool)
    with pytest.raises(ValueError, match="positive"):
        sum_pt2_over_dr2(pt, eta, phi, offsets, sources=mask, targets=mask, radius=0.0)
    with pytest.raises(ValueError, match="rising"):
        sum_pt_in_cones(pt, eta, phi, mask, offsets, radii=(0.4, 0.2), n_groups=2)
    with pytest.raises(ValueError, match="n_groups"):
        sum_pt_in_cones(pt, eta, phi, mask, offsets, radii=(0.2,), n_groups=1)
