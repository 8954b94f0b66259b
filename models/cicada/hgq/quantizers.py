"""Quantizers that CICADA's mixed-precision students share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Images, Singles
from l1kd.models.first_weights import rounded_at_random, within_bounds
from l1kd.models.mixed_precision import frameworks

__all__ = ["begin", "first_weights", "fixed", "lane", "neurons", "per_channel", "score_layer"]

_SATURATION, _LARGEST = 64.0, 7.0
_WEIGHT = {"b0": 9, "i0": 3}
_BIAS = {"b0": 10, "i0": 8}
_STEP = 2.0 ** (_WEIGHT["i0"] - _WEIGHT["b0"])


def first_weights(values: NDArray[np.floating]) -> Any:
    """Return an initializer with given values; broadcasts to the shape that is asked for."""
    keras, _, _ = frameworks()
    # an initializer of Keras' own, so that a saved model can be read without this module
    return keras.initializers.Constant(np.asarray(values, np.float32))


def fixed(weights: NDArray[np.floating]) -> Any:
    """Quantizer of weights that are powers of two, one bit each, or zero, none."""
    _, _, config = frameworks()
    power = np.log2(np.where(weights > 0, weights, 1.0))
    return config.QuantizerConfig(
        "kif",
        "weight",
        k0=0,
        i0=first_weights(np.where(weights > 0, 1 + power, -20)),
        f0=first_weights(np.where(weights > 0, -power, -20)),
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


def neurons(hidden: int, inputs: Any) -> Any:
    """Build the layer of neurons, which saturate at 64 before the score."""
    _, layers, config = frameworks()
    return layers.QDense(
        hidden,
        activation="relu",
        iq_conf=inputs,
        kq_conf=config.QuantizerConfig("kbi", "weight", **_WEIGHT),
        name="hidden",
    )


def score_layer(start: float) -> Any:
    """Build the last layer: neurons to a score in steps of 1/256, in [0, 256)."""
    keras, layers, config = frameworks()
    return layers.QDense(
        1,
        iq_conf=lane(i0=6, f0=3, overflow_mode="SAT"),
        kq_conf=config.QuantizerConfig("kbi", "weight", **_WEIGHT),
        bq_conf=config.QuantizerConfig("kbi", "bias", **_BIAS),
        bias_initializer=keras.initializers.Constant(start),
        enable_oq=True,
        oq_conf=lane(i0=8, f0=8, trainable=False, round_mode="RND", overflow_mode="SAT"),
        name="score",
    )


def begin(model: Any, images: Images, wanted: Singles, seed: int) -> None:
    """Give neurons and score first weights, from which they learn what is nearly a logarithm.

    Every neuron sums all that it reads, and saturates at another quantile of the sum; a sum of them
    with weights by least squares is a concave function of it, piecewise linear. Weights of neurons
    lie on the grid of their first format.

    Parameters
    ----------
    model : keras.Model
        With the layers `neurons` and `score_layer` at its end; changed.
    images, wanted : numpy.ndarray, shapes (n, 18, 14) and (n,)
        What it reads, and scores of the teacher.
    seed : int
        Of small differences between weights, so that they can part.
    """
    rng = np.random.default_rng(seed)
    hidden, score = model.get_layer("hidden"), model.get_layer("score")
    values = images.reshape(-1, 252).astype(np.float32)
    for layer in model.layers[: model.layers.index(hidden)]:
        values = np.asarray(layer(values, training=False))
    sums = values.sum(axis=1)
    size = hidden.units
    ends = np.maximum(np.quantile(sums, np.linspace(0.02, 0.999, size)), 1e-3)
    spread = 1.0 + 0.1 * rng.normal(size=(values.shape[1], size))
    kernel = rounded_at_random(_SATURATION / ends * spread, _STEP, rng)
    kernel = np.minimum(kernel, _LARGEST)
    given = np.minimum(values @ kernel, _SATURATION)
    rows = np.concatenate([given, np.ones((len(given), 1))], axis=1)
    bounds = np.append(np.full(size, _LARGEST), 2.0 ** _BIAS["i0"] - 1.0)
    solution = within_bounds(rows, wanted, bounds)
    for layer, weights, bias in (
        (hidden, kernel, np.zeros(size)),
        (score, solution[:-1, None], solution[-1:]),
    ):
        layer._kernel.assign(weights)
        layer.bias.assign(bias)
