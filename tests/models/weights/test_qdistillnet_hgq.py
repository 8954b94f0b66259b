import numpy as np
import pytest

from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.models.config import read_config, shipped_configs
from l1kd.models.weights.config import HgqDistillNetConfig
from l1kd.models.weights.qdistillnet_hgq import calibrate, limits, network, regularisation, trace

SHARES = (0.0, 0.3, 0.6, 1.0)
PATH = (1e5, 1e4, 1e3, 1e3)
"""Bit operations that are wanted after these shares of the training, from 1e5 to 1e3."""


def config(**changes):
    shipped = read_config(shipped_configs()["qdistillnet_hgq"], HgqDistillNetConfig)
    own = {"ebops_regularisation": (1e-7, 1e-4), "regularise_until": 0.6, "bit_operations": None}
    return shipped.model_copy(update={**own, **changes})


def test_regularisation_rises_by_equal_factors_and_stays():
    found = [regularisation(config(), share, 1e9) for share in SHARES]
    np.testing.assert_allclose(found, [1e-7, 10**-5.5, 1e-4, 1e-4])


def test_regularisation_grows_with_the_bit_operations_that_are_too_many():
    wanted = config(bit_operations=(1e5, 1e3))
    on_path = [
        regularisation(wanted, share, spent) for share, spent in zip(SHARES, PATH, strict=True)
    ]
    np.testing.assert_allclose(on_path, [1e-7, 10**-5.5, 1e-4, 1e-4])
    above = [
        regularisation(wanted, share, 2 * spent) for share, spent in zip(SHARES, PATH, strict=True)
    ]
    np.testing.assert_allclose(np.divide(above, on_path), 16.0)


@pytest.mark.parametrize(("spent", "factor"), [(0.0, 3.0**-4), (1e9, 3.0**4)])
def test_regularisation_has_bounds(spent, factor):
    found = regularisation(config(bit_operations=(1e5, 1e3)), 1.0, spent)
    assert found == pytest.approx(1e-4 * factor)


@pytest.mark.parametrize("name", INPUT_SETS)
def test_every_input_has_limits(name):
    low, high = limits(name)
    assert low.shape == high.shape == (len(INPUT_SETS[name]),)
    assert (low < high).all()


def test_the_last_bias_is_moved_where_histograms_agree(tf):
    model = network(config(inputs="paper", hidden=(4,), seed=2))
    rows = np.random.default_rng(3).normal(size=(1500, 16)).astype(np.float32)

    def weights(bias):
        model.layers[-2].bias.assign([bias])
        trace(model, rows, "paper")
        return np.asarray(model(rows))[:, 0]

    reference, before = weights(0.125), weights(-0.0625)
    found = calibrate(model, rows, reference)
    assert 0.0 < found.shift <= 0.1875
    assert abs(found.after - 1.0) <= 0.002 < abs(found.before - 1.0)
    trace(model, rows, "paper")
    after = np.asarray(model(rows))[:, 0]
    assert np.abs(after - reference).max() < np.abs(before - reference).max() / 4
    again = calibrate(model, rows, after)
    assert again == (0.0, 1.0, 1.0)
