"""Bit widths move at a pace of their own."""

import numpy as np
import pytest

from l1kd.models import mixed_precision


@pytest.mark.parametrize("factor", [1.0, 10.0])
def test_widths_move_by_the_factor_and_weights_do_not(tf, factor):
    keras, layers, hgq = mixed_precision.frameworks()
    with hgq.LayerConfigScope(enable_ebops=True):
        model = keras.Sequential([keras.layers.Input((3,)), layers.QDense(2)])
    variables = model.trainable_variables
    before = [v.numpy() for v in variables]
    optimiser = mixed_precision.adam(0.01, 100, factor)
    optimiser.apply_gradients([(tf.ones(v.shape), v) for v in variables])
    moved = {v.path.rsplit("/", 1)[-1]: np.abs(v.numpy() - old).max()
             for v, old in zip(variables, before, strict=True)}  # fmt: skip
    assert moved["kernel"] == pytest.approx(0.01, rel=0.01)
    assert moved["b"] == pytest.approx(0.01 * factor, rel=0.01)
