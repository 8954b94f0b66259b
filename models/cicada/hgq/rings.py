"""CICADA in mixed precision: every weight and every activation learns how many bits it needs.

The teacher's error is a sum over regions, the same under rotations in phi and mirroring in eta.
The student has that form: every region's count is compared with a few knots of its ring in eta,
``relu(x - knot)``; the 36 regions of a ring are summed knot by knot; a small dense network turns
the sums into the score. Before, a region may get shares of its neighbours, as in the teacher's
error: a jet that regions share counts as one. HGQ2 (Keras 3) learns the bit widths: their cost, in
bit operations (EBOPs), is part of the loss.
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


def _beside(size: int, share: float, ring: bool) -> NDArray[np.floating]:
    """Give each of `size` places in a row, or in a ring, its own and a share of its neighbours."""
    near = np.eye(size, k=1) + np.eye(size, k=-1)
    if ring:
        near[0, -1] = near[-1, 0] = 1.0
    return np.eye(size) + share * near


def _around(share: float, width: int) -> tuple[Any, NDArray[np.floating]]:
    """Build the sum of a region and a share of its neighbours in phi."""
    _, layers, _ = frameworks()
    kernel = _beside(18, share, ring=True)
    layer = layers.QEinsumDense(
        "bpe,pq->bqe",
        (18, 14),
        iq_conf=per_channel(width, 0, (2 - width, 0)),
        kq_conf=fixed(kernel),
        name="around",
    )
    return layer, kernel


def _knots(
    count: int, bias: NDArray[np.floating], width: int, share: float
) -> tuple[Any, NDArray[np.floating]]:
    """Build ``relu(x / 32 - knot)`` of every region; the rings in eta are channels.

    Neighbours in eta add a share.
    """
    _, layers, config = frameworks()
    from hgq.constraints import MinMax

    kernel = np.repeat(_beside(14, share, ring=False), count, axis=1)[None] / _UNIT
    layer = layers.QConv1D(
        14 * count,
        1,
        activation="relu",
        iq_conf=per_channel(width, 0, (2 - width, 0)),
        kq_conf=fixed(kernel),
        bq_conf=config.QuantizerConfig("kif", "weight", i0=3, f0=5, fc=MinMax(-3, 5)),
        bias_initializer=first_weights(bias),
        name="knots",
    )
    return layer, kernel


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
        kq_conf=fixed(flat),
        name="sums",
    )
    return layer, flat


def rings(
    images: NDArray[np.uint16],
    knots: tuple[float, ...],
    hidden: int,
    width: int = 10,
    start: float = 135.0,
    smear: tuple[float, float] = (0.0, 0.0),
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
    smear : tuple of float
        Share of a region that each neighbour in phi, and each in eta, gets before the knots: 0 or
        a power of two.

    Returns
    -------
    keras.Model
        float32[n, 252] counts to float32[n, 1] scores, multiples of 1/256 in [0, 256).
    """
    keras, _, config = frameworks()
    phi, eta = smear
    seen = _beside(18, phi, ring=True) @ images @ _beside(14, eta, ring=False)
    folded = np.concatenate([seen, seen[:, :, ::-1]])
    mean, spread = folded.mean(axis=(0, 1)), folded.std(axis=(0, 1))
    # rings differ in their mean more than in what a signal adds: a common part in the spread
    spread = np.sqrt(spread * spread[_RING == _RINGS - 1].mean())
    bias = -(mean[:, None] + np.array(knots) * spread[:, None]) / _UNIT
    with config.LayerConfigScope(enable_ebops=True):
        held = [_around(phi, width)] if phi else []
        held += [_knots(len(knots), bias.reshape(-1), width, eta), _sums(len(knots))]
        model = keras.Sequential(
            [
                keras.layers.Input((252,), name="regions"),
                keras.layers.Reshape((18, 14), name="rings"),
                *(layer for layer, _ in held),
                keras.layers.Reshape((_RINGS * len(knots),), name="features"),
                neurons(hidden, lane(i0=7, f0=3, overflow_mode="SAT")),
                score_layer(start),
            ],
            name="cicada",
        )
    for layer, kernel in held:
        layer._kernel.assign(kernel)
        layer._kernel.trainable = False
    return model
