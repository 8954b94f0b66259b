"""CICADA in mixed precision: every weight and every activation learns how many bits it needs.

The teacher's error is a sum over regions, the same under rotations in phi and mirroring in eta.
The student has that form: every region's count is compared with a few knots of its ring in eta,
``relu(x - knot)``; the 36 regions of a ring are summed knot by knot; a small dense network turns
the sums into the score. HGQ2 (Keras 3) learns the bit widths: their cost, in bit operations
(EBOPs), is part of the loss.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models.cicada.hgq.quantizers import (
    first_weights,
    fixed,
    lane,
    neurons,
    per_channel,
    score_layer,
)
from l1kd.models.mixed_precision import frameworks

__all__ = ["rings"]

_UNIT = 32.0
_ETA = np.arange(14)
_RING = np.minimum(_ETA, 13 - _ETA)
_RINGS = 7


def _knots(count: int, bias: NDArray[np.floating], width: int) -> tuple[Any, NDArray[np.floating]]:
    """Build ``relu(x / 32 - knot)`` of every region; the rings in eta are channels."""
    _, layers, config = frameworks()
    from hgq.constraints import MinMax

    mask = np.repeat(np.eye(14), count, axis=1)[None]
    layer = layers.QConv1D(
        14 * count,
        1,
        activation="relu",
        iq_conf=per_channel(width, 0, (2 - width, 0)),
        kq_conf=fixed(mask, 5),
        bq_conf=config.QuantizerConfig("kif", "weight", i0=3, f0=5, fc=MinMax(-3, 5)),
        bias_initializer=first_weights(bias),
        name="knots",
    )
    return layer, mask / _UNIT


def _sums(count: int) -> tuple[Any, NDArray[np.floating]]:
    """Build the sums over phi and both signs of eta."""
    _, layers, _ = frameworks()
    mask = np.zeros((18, 14, count, _RINGS, count))
    for knot in range(count):
        mask[:, _ETA, knot, _RING, knot] = 1.0
    flat = mask.reshape(18, 14 * count, _RINGS * count)
    layer = layers.QConv1D(
        _RINGS * count,
        18,
        use_bias=False,
        iq_conf=per_channel(6, 5, (-3, 5)),
        kq_conf=fixed(flat, 0),
        name="sums",
    )
    return layer, flat


def rings(
    images: NDArray[np.uint16],
    knots: tuple[float, ...],
    hidden: int,
    width: int = 10,
    start: float = 135.0,
) -> Any:
    """Build the student.

    Parameters
    ----------
    images : numpy.ndarray, shape (n, 18, 14), uint16
        Zero-bias images, to place the knots.
    knots : tuple of float
        First places of the knots of a ring, in spreads above its mean. They are learned.
    hidden : int
        Neurons of the hidden layer.
    width : int
        Bits of a region: 10 of a count, 11 of a residual.
    start : float
        First bias of the score: a usual score of zero bias.

    Returns
    -------
    keras.Model
        float32[n, 252] counts to float32[n, 1] scores, multiples of 1/256 in [0, 256).
    """
    keras, _, config = frameworks()
    folded = np.concatenate([images, images[:, :, ::-1]])
    mean, spread = folded.mean(axis=(0, 1)), folded.std(axis=(0, 1))
    # rings differ in their mean more than in what a signal adds: a common part in the spread
    spread = np.sqrt(spread * spread[_RING == _RINGS - 1].mean())
    bias = -(mean[:, None] + np.array(knots) * spread[:, None]) / _UNIT
    with config.LayerConfigScope(enable_ebops=True):
        first, first_kernel = _knots(len(knots), bias.reshape(-1), width)
        second, second_kernel = _sums(len(knots))
        model = keras.Sequential(
            [
                keras.layers.Input((252,), name="regions"),
                keras.layers.Reshape((18, 14), name="rings"),
                first,
                second,
                keras.layers.Reshape((_RINGS * len(knots),), name="features"),
                neurons(hidden, lane(i0=7, f0=3, overflow_mode="SAT")),
                score_layer(start),
            ],
            name="cicada",
        )
    for layer, kernel in ((first, first_kernel), (second, second_kernel)):
        layer._kernel.assign(kernel)
        layer._kernel.trainable = False
    return model
