"""Quantizers that CICADA's mixed-precision students share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models.mixed_precision import frameworks

__all__ = ["first_weights", "fixed", "lane", "per_channel", "score_layer"]


def first_weights(values: NDArray[np.floating]) -> Any:
    """Return an initializer with given values; broadcasts to the shape that is asked for."""
    keras, _, _ = frameworks()
    # an initializer of Keras' own, so that a saved model can be read without this module
    return keras.initializers.Constant(np.asarray(values, np.float32))


def fixed(mask: NDArray[np.floating], fraction: int) -> Any:
    """Quantizer of weights that are one bit of value ``2**-fraction`` where the mask is set."""
    _, _, config = frameworks()
    return config.QuantizerConfig(
        "kif",
        "weight",
        k0=0,
        i0=first_weights(np.where(mask > 0, 1 - fraction, -20)),
        f0=first_weights(np.where(mask > 0, fraction, -20)),
        trainable=False,
        overflow_mode="SAT",
        ic=None,
        fc=None,
        ir=None,
        fr=None,
    )


def lane(**settings: Any) -> Any:
    """Quantizer of unsigned activations that truncates: dropping bits costs nothing."""
    _, _, config = frameworks()
    return config.QuantizerConfig("kif", "datalane", **{"k0": 0, "round_mode": "TRN", **settings})


def per_channel(
    integer: int, fraction: int, limits: tuple[int, int], axes: tuple[int, ...] = (2,)
) -> Any:
    """Quantizer whose widths differ along `axes` and are common elsewhere; it never overflows."""
    from hgq.constraints import MinMax

    return lane(
        i0=integer,
        f0=fraction,
        overflow_mode="WRAP",
        heterogeneous_axis=axes,
        homogeneous_axis=None,
        fc=MinMax(*limits),
    )


def score_layer(start: float) -> Any:
    """Build the last layer: neurons to a score in steps of 1/256, in [0, 256)."""
    keras, layers, config = frameworks()
    return layers.QDense(
        1,
        iq_conf=lane(i0=6, f0=3, overflow_mode="SAT"),
        kq_conf=config.QuantizerConfig("kbi", "weight", b0=6, i0=2),
        bias_initializer=keras.initializers.Constant(start),
        enable_oq=True,
        oq_conf=lane(i0=8, f0=8, trainable=False, round_mode="RND", overflow_mode="SAT"),
        name="score",
    )
