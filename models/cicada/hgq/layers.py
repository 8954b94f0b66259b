"""CICADA's dense and convolutional students in mixed precision: the architectures of the paper."""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import Images
from l1kd.models.cicada.hgq.quantizers import first_weights, lane, neurons, per_channel, score_layer
from l1kd.models.mixed_precision import frameworks

__all__ = ["convolutional", "dense"]

_REGIONS = 252


def dense(hidden: int, width: int, start: float) -> Any:
    """Build regions -> neurons -> score; see `rings` for the parameters."""
    keras, _, config = frameworks()
    with config.LayerConfigScope(enable_ebops=True):
        return keras.Sequential(
            [
                keras.layers.Input((_REGIONS,), name="regions"),
                neurons(hidden, per_channel(width, 0, (2 - width, 0), axes=(1,))),
                score_layer(start),
            ],
            name="cicada",
        )


def convolutional(filters: int, images: Images, hidden: int, width: int, start: float) -> Any:
    """Build regions -> filters 2x2, stride 2, with a bias -> neurons -> score.

    Each filter begins with one of its four regions, above the mean and two spreads of all regions.
    """
    keras, layers, config = frameworks()
    number = np.arange(filters)
    kernel = np.zeros((2, 2, 1, filters))
    kernel[number % 4 // 2, number % 2, 0, number] = 1.0
    gain = 2.0**-4
    knot = float(images.mean() + 2.0 * images.std())
    pooled = layers.QConv2D(
        filters,
        2,
        strides=2,
        activation="relu",
        iq_conf=lane(
            i0=width, f0=0, overflow_mode="WRAP", heterogeneous_axis=(), homogeneous_axis=None
        ),
        kq_conf=config.QuantizerConfig("kbi", "weight", b0=4, i0=-2),
        bq_conf=config.QuantizerConfig("kif", "weight", i0=5, f0=2),
        kernel_initializer=first_weights(gain * kernel),
        bias_initializer=first_weights(np.full(filters, -gain * knot)),
        enable_ebops=True,
        name="filters",
    )
    inputs = lane(i0=7, f0=1, overflow_mode="SAT")
    with config.LayerConfigScope(enable_ebops=True):
        return keras.Sequential(
            [
                keras.layers.Input((_REGIONS,), name="regions"),
                keras.layers.Reshape((18, 14, 1), name="image"),
                pooled,
                keras.layers.Reshape((63 * filters,), name="features"),
                neurons(hidden, inputs),
                score_layer(start),
            ],
            name="cicada",
        )
