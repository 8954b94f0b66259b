"""CICADA's QKeras students in floating point and quantized, which mimic the teacher's score.

They have the number formats of the deployed lines (with the X.1.2 outputs: steps of 1/256):
``convolutional`` is that of X.2.0, filters 2x2 with stride 2 and a layer of neurons; ``dense`` that
of X.1.0, the layer of neurons alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from l1kd.algorithms.image_scores import LARGEST_SCORE
from l1kd.emulators.array_types import Images, Singles
from l1kd.models import backend
from l1kd.models.cicada.config import QKerasShape
from l1kd.models.first_weights import rounded_at_random, within_bounds
from l1kd.models.training import run_in_chunks

__all__ = [
    "OUTPUT_PRECISION",
    "begin",
    "bit_operations",
    "input_precision",
    "quantized_student",
    "score",
    "student",
]

OUTPUT_PRECISION = "ap_ufixed<16,8,AP_RND_CONV,AP_SAT>"
# both hidden layers of the student are ap_ufixed<10,6>: they saturate one step below 64
_HIDDEN_LIMIT = 64.0 - 1.0 / 16.0
_KERNEL_LIMIT, _KERNEL_STEP = 2.0, 1.0 / 64.0
_BIAS_LIMIT = 8.0
_LAST_LIMIT = 7.0
# first weight of a filter, and its knot in units of the input: about two of a residual, and as far
# as the format of a bias reaches with that weight
_FILTER_GAIN, _KNOT = 0.125, 63.0


def input_precision(width: int) -> str:
    """Return the type of a region: whole numbers of so many bits."""
    return f"ap_ufixed<{width},{width}>"


def _within(limit: float) -> Callable[[Any], Any]:
    tf = backend.tensorflow()
    return lambda weights: tf.clip_by_value(weights, -limit, limit)


def student(shape: QKerasShape) -> Any:
    """Build the student in floating point, with the saturation of the quantized one.

    Layers and the weights of the inner layer stay within the ranges of the quantized formats.

    Parameters
    ----------
    shape : QKerasShape
        Kind and sizes.

    Returns
    -------
    tf_keras.Model
        float32[n, 252] counts or raw residuals to float32[n, 1] scores.
    """
    keras = backend.keras()
    layers = keras.layers
    bound = {"kernel_constraint": _within(_KERNEL_LIMIT), "bias_constraint": _within(_BIAS_LIMIT)}
    stack = [layers.Input((252,))]
    if shape.architecture == "convolutional":
        held = {"bias_constraint": _within(_BIAS_LIMIT)} if shape.filter_bias else {}
        filters = layers.Conv2D(
            shape.filters, 2, strides=2, use_bias=shape.filter_bias, **held, name="conv"
        )
        stack += [layers.Reshape((18, 14, 1)), filters]
        stack += [layers.ReLU(max_value=_HIDDEN_LIMIT), layers.Flatten()]
    return keras.Sequential(
        [
            *stack,
            layers.Dense(shape.hidden, **bound, name="dense1"),
            layers.ReLU(max_value=_HIDDEN_LIMIT),
            layers.Dense(1, use_bias=False, name="dense2"),
            layers.ReLU(max_value=LARGEST_SCORE),
        ],
        name="student",
    )


def begin(model: Any, images: Images, wanted: Singles, seed: int) -> None:
    """Give a student first weights from which it learns a score that is nearly a logarithm.

    Each filter looks at one of its four regions, above a knot where it has a bias. Every neuron
    sums all of that, and saturates at another quantile of the sum: a sum of them with weights by
    least squares is a concave function of it, piecewise linear. Weights of neurons lie on the grid
    of the quantized student.

    Parameters
    ----------
    model : tf_keras.Model
        Of `student`; changed.
    images, wanted : numpy.ndarray, shapes (n, 18, 14) and (n,)
        What it reads, and scores of the teacher.
    seed : int
        Of small differences between weights, so that they can part.
    """
    rng = np.random.default_rng(seed)
    rows = images.reshape(-1, 252).astype(np.float32)
    names = {layer.name: layer for layer in model.layers}
    if "conv" in names:
        kernel, *bias = names["conv"].get_weights()
        number = np.arange(kernel.shape[-1])
        kernel = 0.02 * _FILTER_GAIN * rng.normal(size=kernel.shape)
        kernel[number % 4 // 2, number % 2, 0, number] += _FILTER_GAIN
        knots = np.full(kernel.shape[-1], -_FILTER_GAIN * _KNOT)
        names["conv"].set_weights([kernel, *(knots for _ in bias)])
    inner, last = names["dense1"], names["dense2"]
    keras = backend.keras()

    def before(layer: Any) -> Any:
        return run_in_chunks(keras.Model(model.inputs, layer.input), (252,))(rows)

    sums = before(inner).sum(axis=1)
    size = inner.units
    ends = np.maximum(np.quantile(sums, np.linspace(0.02, 0.999, size)), 1e-3)
    spread = 1.0 + 0.2 * rng.normal(size=inner.get_weights()[0].shape)
    kernel = rounded_at_random(_HIDDEN_LIMIT / ends * spread, _KERNEL_STEP, rng)
    inner.set_weights([np.minimum(kernel, _KERNEL_LIMIT - _KERNEL_STEP), np.zeros(size)])
    hidden = before(last)
    last.set_weights([within_bounds(hidden, wanted, np.full(size, _LAST_LIMIT))[:, None]])


def quantized_student(shape: QKerasShape) -> Any:
    """Build the student with QKeras quantizers in the number formats of the deployed lines.

    Returns
    -------
    tf_keras.Model
        float32[n, 252] counts or raw residuals to float32[n, 1] scores, multiples of 1/256 in
        [0, 256). Its layers have the names and weights of `student`.
    """
    layers = backend.keras().layers
    q = backend.qkeras()
    wide = q.quantized_bits(bits=12, integer=3, symmetric=0, alpha=1.0)
    narrow = q.quantized_bits(8, 3, symmetric=0, alpha=1.0)
    stack = [layers.Input((252,), name="inputs")]
    if shape.architecture == "convolutional":
        filters = q.QConv2D(
            shape.filters, 2, strides=2, use_bias=shape.filter_bias, kernel_quantizer=wide,
            bias_quantizer=narrow if shape.filter_bias else None, name="conv",
        )  # fmt: skip
        stack += [layers.Reshape((18, 14, 1), name="image"), filters]
        stack += [q.QActivation(q.quantized_relu(10, 6), name="relu0")]
        stack += [layers.Flatten(name="flatten")]
    return backend.keras().Sequential(
        [
            *stack,
            q.QDense(
                shape.hidden,
                kernel_quantizer=q.quantized_bits(8, 1, symmetric=0, alpha=1.0),
                bias_quantizer=narrow,
                name="dense1",
            ),
            q.QActivation(q.quantized_relu(10, 6), name="relu1"),
            q.QDense(1, use_bias=False, kernel_quantizer=wide, name="dense2"),
            q.QActivation(q.quantized_relu(16, 8), name="outputs"),
        ],
        name="cicada",
    )


def bit_operations(shape: QKerasShape, width: int) -> int:
    """Count products of declared widths, without signs: what every weight of the format costs.

    HGQ2 counts the same, of the widths that it has learned.
    """
    if shape.architecture == "dense":
        return 252 * shape.hidden * width * 7 + shape.hidden * 10 * 11
    places = 9 * 7 * shape.filters
    return places * 4 * width * 11 + places * shape.hidden * 10 * 7 + shape.hidden * 10 * 11


def score(model: Any) -> Callable[[Images], Singles]:
    """Return a function that gives the score of a student for images uint16[n, 18, 14]."""
    predict = run_in_chunks(lambda x: model(x, training=False)[:, 0], (252,))
    return lambda images: predict(images.reshape(-1, 252))
