"""First weights that their formats can hold."""

import numpy as np
import pytest

from l1kd.models.first_weights import rounded_at_random, within_bounds


def test_rounding_at_random_keeps_the_sum_of_what_is_far_below_a_step():
    rng = np.random.default_rng(1)
    values = np.full((400, 50), 0.003)
    rounded = rounded_at_random(values, 1 / 64, rng)
    assert set(np.unique(rounded)) == {0.0, 1 / 64}
    # 20,000 weights, each up with a probability of 0.19
    assert rounded.sum() == pytest.approx(values.sum(), rel=0.06)
    np.testing.assert_array_equal(rounded_at_random(rounded, 1 / 64, rng), rounded)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_stay_within_their_bounds_where_least_squares_would_not(dtype):
    rng = np.random.default_rng(2)
    first = rng.normal(size=3000)
    inputs = np.stack([first, first + 1e-3 * rng.normal(size=3000), np.ones(3000)], 1).astype(dtype)
    wanted = (inputs @ np.array([40.0, -38.0, 500.0])).astype(dtype)
    free = np.linalg.lstsq(inputs.astype(float), wanted.astype(float))[0]
    assert abs(free[0]) > 30
    found = within_bounds(inputs, wanted, np.array([7.0, 7.0, np.inf]))
    assert (np.abs(found[:2]) <= 7.0).all()
    assert found[:2].sum() == pytest.approx(2.0, abs=1e-2)
    assert found[2] == pytest.approx(500.0, abs=1e-2)
