"""CICADA's student in floating point and quantized, which mimics the teacher's score.

It has the architecture and number formats of the deployed line (X.2.0 with the X.1.2
outputs): 252 regions, 4 filters 2x2 with stride 2, 16 neurons, one score in steps of 1/256.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.image_scores import LARGEST_SCORE
from l1kd.models import backend
from l1kd.models.training import run_in_chunks

__all__ = [
    "INPUT_PRECISION",
    "OUTPUT_PRECISION",
    "quantized_student",
    "score",
    "student",
]

INPUT_PRECISION = "ap_ufixed<10,10>"
OUTPUT_PRECISION = "ap_ufixed<16,8,AP_RND_CONV,AP_SAT>"
# both hidden layers of the student are ap_ufixed<10,6>: they saturate one step below 64
_HIDDEN_LIMIT = 64.0 - 1.0 / 16.0


def _within(limit: float) -> Callable[[Any], Any]:
    tf = backend.tensorflow()
    return lambda weights: tf.clip_by_value(weights, -limit, limit)


def student() -> Any:
    """Build the student in floating point, with the saturation of the quantized one.

    Layers and the weights of the inner layer stay within the ranges of the quantized formats.

    Returns
    -------
    tf_keras.Model
        float32[n, 252] counts to float32[n, 1] scores.
    """
    keras = backend.keras()
    layers = keras.layers
    # filters of both signs see contrast, and start well inside the saturation
    start = keras.initializers.RandomUniform(-0.1, 0.1)
    model = keras.Sequential(
        [
            layers.Input((252,)),
            layers.Reshape((18, 14, 1)),
            layers.Conv2D(4, 2, strides=2, use_bias=False, kernel_initializer=start, name="conv"),
            layers.ReLU(max_value=_HIDDEN_LIMIT),
            layers.Flatten(),
            layers.Dense(
                16,
                kernel_constraint=_within(2.0),
                bias_constraint=_within(8.0),
                name="dense1",
            ),
            layers.ReLU(max_value=_HIDDEN_LIMIT),
            layers.Dense(1, use_bias=False, name="dense2"),
            layers.ReLU(max_value=LARGEST_SCORE),
        ],
        name="student",
    )
    # every neuron alive, and scores of the right size from the first step: 16 * 7 * 1.3 = 146
    kernel, bias = model.get_layer("dense1").get_weights()
    model.get_layer("dense1").set_weights([0.2 * kernel, np.full_like(bias, 7.0)])
    (kernel,) = model.get_layer("dense2").get_weights()
    model.get_layer("dense2").set_weights([1.3 + 0.4 * kernel])
    return model


def quantized_student() -> Any:
    """Build the student with QKeras quantizers in the number formats of the deployed line.

    Returns
    -------
    tf_keras.Model
        float32[n, 252] counts to float32[n, 1] scores, multiples of 1/256 in [0, 256). Its
        layers have the names and weights of `student`.
    """
    layers = backend.keras().layers
    q = backend.qkeras()
    wide = {"bits": 12, "integer": 3, "symmetric": 0, "alpha": 1.0}
    return backend.keras().Sequential(
        [
            layers.Input((252,), name="inputs"),
            layers.Reshape((18, 14, 1), name="image"),
            q.QConv2D(
                4,
                2,
                strides=2,
                use_bias=False,
                kernel_quantizer=q.quantized_bits(**wide),
                name="conv",
            ),
            q.QActivation(q.quantized_relu(10, 6), name="relu0"),
            layers.Flatten(name="flatten"),
            q.QDense(
                16,
                kernel_quantizer=q.quantized_bits(8, 1, symmetric=0, alpha=1.0),
                bias_quantizer=q.quantized_bits(8, 3, symmetric=0, alpha=1.0),
                name="dense1",
            ),
            q.QActivation(q.quantized_relu(10, 6), name="relu1"),
            q.QDense(1, use_bias=False, kernel_quantizer=q.quantized_bits(**wide), name="dense2"),
            q.QActivation(q.quantized_relu(16, 8), name="outputs"),
        ],
        name="cicada",
    )


def score(model: Any) -> Callable[[NDArray[np.uint16]], NDArray[np.float32]]:
    """Return a function that gives the score of a student for images uint16[n, 18, 14]."""
    predict = run_in_chunks(lambda x: model(x, training=False)[:, 0], (252,))
    return lambda images: predict(images.reshape(-1, 252))
