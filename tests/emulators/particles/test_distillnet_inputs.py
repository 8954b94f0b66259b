import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.particles.distillnet_inputs import (
    FEATURES,
    LARGEST_ETA,
    LARGEST_LENGTH,
    LOG_LIMITS,
    N_FEATURES,
    distillnet_inputs,
)


def columns(n, **changes):
    values = {
        "pt": np.full(n, 2.0, np.float32),
        "eta": np.linspace(-3, 3, n, dtype=np.float32),
        "phi": np.linspace(-3.1, 3.1, n, dtype=np.float32),
        "energy": np.full(n, 5.0, np.float32),
        "charge": np.ones(n, np.int8),
        "pid": (np.arange(n) % 8).astype(np.uint8),
        "puppi_weight": np.linspace(0, 1, n, dtype=np.float32),
        "d0": np.full(n, 0.01, np.float32),
        "dz": np.full(n, -0.25, np.float32),
    }
    return {**values, **changes}


def test_columns_are_in_the_order_of_the_design():
    given_columns = columns(16)
    matrix = distillnet_inputs(**given_columns)
    assert matrix.shape == (16, N_FEATURES)
    assert len(FEATURES) == N_FEATURES
    assert matrix.dtype == np.float32
    one_hot = np.eye(8, dtype=np.float32)[given_columns["pid"]]
    wanted = np.column_stack(
        [
            given_columns["eta"],
            given_columns["phi"],
            np.log(np.float64(2.0)) * np.ones(16),
            np.log(np.float64(5.0)) * np.ones(16),
            given_columns["charge"],
            given_columns["puppi_weight"],
            one_hot,
            given_columns["d0"],
            given_columns["dz"],
        ]
    ).astype(np.float32)
    np.testing.assert_array_equal(matrix, wanted)


def test_zero_momentum_gives_the_floor_and_not_infinity():
    zeros = np.zeros(3, np.float32)
    matrix = distillnet_inputs(**columns(3, pt=zeros, energy=zeros))
    assert (matrix[:, 2:4] == LOG_LIMITS[0]).all()


def test_neutrals_have_no_track_parameters():
    matrix = distillnet_inputs(**columns(4, charge=np.array([0, 1, 0, -1], np.int8)))
    np.testing.assert_array_equal(matrix[:, 14] != 0, [False, True, False, True])
    np.testing.assert_array_equal(matrix[:, 15] != 0, [False, True, False, True])


def test_unknown_track_parameters_count_as_zero_and_large_ones_are_clipped():
    lengths = np.array([np.nan, 50.0, -50.0, 0.5], np.float32)
    matrix = distillnet_inputs(**columns(4, d0=lengths, dz=lengths))
    wanted = [0.0, LARGEST_LENGTH, -LARGEST_LENGTH, 0.5]
    np.testing.assert_array_equal(matrix[:, 14], wanted)
    np.testing.assert_array_equal(matrix[:, 15], wanted)


def test_no_particles():
    assert distillnet_inputs(**columns(0)).shape == (0, N_FEATURES)


def test_strided_columns_are_read_as_they_are():
    eta = np.linspace(-2, 2, 12, dtype=np.float32)[::2]
    assert not eta.flags.c_contiguous
    np.testing.assert_array_equal(distillnet_inputs(**columns(6, eta=eta))[:, 0], eta)


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match=r"differ in length: \[3, 4\]"):
        distillnet_inputs(**columns(4, pt=np.ones(3, np.float32)))


HUGE = float(np.float32(1e30))
finite = st.floats(-HUGE, HUGE, width=32, allow_subnormal=False)
positive = st.floats(0, HUGE, width=32, allow_subnormal=False)
anything = st.floats(width=32, allow_subnormal=False)


@settings(deadline=None, max_examples=60)
@given(pt=positive, energy=positive, eta=finite, d0=finite, dz=anything)
def test_every_input_fits_a_fixed_point_number_of_five_integer_bits(pt, energy, eta, d0, dz):
    def one(value, dtype=np.float32):
        return np.array([value], dtype)

    changed = {"pt": one(pt), "energy": one(energy), "eta": one(eta), "d0": one(d0), "dz": one(dz)}
    row = distillnet_inputs(**columns(1, **changed))[0]
    assert np.isfinite(row).all()
    assert (np.abs(row) < 16).all()
    assert abs(row[0]) <= LARGEST_ETA
