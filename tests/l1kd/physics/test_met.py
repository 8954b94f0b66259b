"""MET and recoil: definitions, signs, empty events, independence of neighbours."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.errors import InputError
from l1kd.physics import met


def random_events(seed, n_events=20, mean=30):
    generator = np.random.default_rng(seed)
    counts = generator.poisson(mean, n_events) * generator.integers(0, 2, n_events)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    n = offsets[-1]
    return (
        generator.exponential(3.0, n).astype(np.float32),
        generator.uniform(-np.pi, np.pi, n).astype(np.float32),
        offsets,
        generator.uniform(0.0, 1.0, n).astype(np.float32),
    )


def test_missing_pt_is_minus_the_vector_sum():
    px, py = met.missing_pt([3.0, 4.0, 7.0], [0.0, np.pi / 2, np.pi], [0, 2, 2, 3])
    np.testing.assert_allclose(px, [-3.0, 0.0, 7.0], atol=1e-12)
    np.testing.assert_allclose(py, [-4.0, 0.0, 0.0], atol=1e-12)
    magnitude, azimuth = met.met_pt_phi(px, py)
    np.testing.assert_allclose(magnitude, [5.0, 0.0, 7.0])
    np.testing.assert_allclose(azimuth, [np.arctan2(-4.0, -3.0), 0.0, 0.0], atol=1e-12)


def test_weights_scale_each_particle():
    px, py = met.missing_pt([3.0, 4.0], [0.0, np.pi / 2], [0, 2], [0.0, 0.5])
    assert (px[0], py[0]) == pytest.approx((0.0, -2.0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 19))
def test_an_event_does_not_depend_on_the_chunk_it_is_in(seed, cut):
    pt, phi, offsets, weights = random_events(seed)
    whole = met.missing_pt(pt, phi, offsets, weights)
    middle = offsets[cut]
    first = met.missing_pt(pt[:middle], phi[:middle], offsets[: cut + 1], weights[:middle])
    second = met.missing_pt(pt[middle:], phi[middle:], offsets[cut:] - middle, weights[middle:])
    for axis in range(2):
        np.testing.assert_array_equal(whole[axis], np.concatenate([first[axis], second[axis]]))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(-3.0, 3.0))
def test_rotation_turns_the_direction_only(seed, angle):
    pt, phi, offsets, weights = random_events(seed)
    before = np.stack(met.missing_pt(pt, phi, offsets, weights))
    after = np.stack(met.missing_pt(pt, phi.astype(float) + angle, offsets, weights))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(after, turn @ before, atol=1e-9)


def test_no_events_and_no_particles():
    assert met.missing_pt([], [], [0])[0].size == 0
    np.testing.assert_array_equal(met.missing_pt([], [], [0, 0, 0]), np.zeros((2, 2)))


@pytest.mark.parametrize("offsets", [[1, 2], [0, 1], [0, 2, 1, 2], [], [0.0, 2.0]])
def test_offsets_that_do_not_fit_are_refused(offsets):
    with pytest.raises(InputError, match="offsets"):
        met.missing_pt([1.0, 1.0], [0.0, 0.0], np.array(offsets))


@pytest.mark.parametrize("columns", [([1.0], [0.0, 1.0], None), ([1.0], [0.0], [1.0, 1.0])])
def test_columns_of_different_length_are_refused(columns):
    pt, phi, weights = columns
    with pytest.raises(InputError, match="1 particles"):
        met.missing_pt(pt, phi, [0, 1], weights)


def test_recoil_of_a_perfect_detector():
    boson_x, boson_y = np.array([30.0, 0.0]), np.array([0.0, -50.0])
    result = met.recoil(boson_x, boson_y, boson_x, boson_y)
    np.testing.assert_allclose(result.parallel, -result.q_t)
    np.testing.assert_allclose(result.perpendicular, 0.0, atol=1e-12)
    np.testing.assert_allclose(result.q_t, [30.0, 50.0])


def test_recoil_of_a_visible_boson_balances():
    # q_T + u_T + pt_miss = 0 with the leptons of Z -> ll as measured q_T
    met_x, met_y, lepton_x, lepton_y = 2.0, -1.0, 40.0, 5.0
    result = met.recoil(met_x, met_y, 41.0, 0.0, lepton_x, lepton_y)
    assert float(result.parallel) == pytest.approx(-(met_x + lepton_x))
    assert float(result.perpendicular) == pytest.approx(-(met_y + lepton_y))


def test_recoil_without_a_direction_is_nan():
    result = met.recoil([1.0], [1.0], [0.0], [0.0])
    assert np.isnan(result.parallel[0])
    assert np.isnan(result.perpendicular[0])
    assert result.q_t[0] == 0.0
