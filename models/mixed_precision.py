"""What the networks of learned bit widths share: HGQ2 on Keras 3, and the cost of their bits."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.errors import ConfigurationError
from l1kd.models import backend

__all__ = ["adam", "compiled", "ebops", "firmware", "frameworks", "fused", "regularise_ebops"]

_ROWS = 12288
"""XLA compiles for a fixed number of rows: this many, or two, four, ... times as many."""


_BITS = ("b", "f", "i")
"""Names of the variables of HGQ2's quantizers that are widths."""


def frameworks() -> tuple[Any, Any, Any]:
    """Import Keras 3 on TensorFlow, and HGQ2's layers and configuration.

    Raises
    ------
    ConfigurationError
        HGQ2 is not installed, or Keras 3 runs on another backend already.
    """
    backend.tensorflow()
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    try:
        with backend.quiet():
            import hgq.config
            import hgq.layers
            import keras
    except ImportError as error:
        raise ConfigurationError(f"HGQ2 does not import ({error}): install l1kd[train]") from error
    if keras.backend.backend() != "tensorflow":
        raise ConfigurationError("set KERAS_BACKEND=tensorflow in the environment and start again")
    return keras, hgq.layers, hgq.config


def adam(learning_rate: float, steps: int, bits_pace: float = 1.0) -> Any:
    """Return Keras 3's Adam, its pace falling as a cosine to a twentieth.

    Parameters
    ----------
    learning_rate, steps
        First pace, and number of steps.
    bits_pace
        Factor on the pace of bit widths. A width changes a rounding only when it has moved by a
        whole bit, so that at the pace of weights a short training ends before any has.
    """
    keras, _, _ = frameworks()
    usual: Any = keras.optimizers.Adam

    class Adam(usual):
        def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
            path = self._trainable_variables[self._get_variable_index(variable)].path
            bits = path.rsplit("/", 1)[-1] in _BITS
            super().update_step(gradient, variable, learning_rate * (bits_pace if bits else 1.0))

    schedule = keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.05)
    return (usual if bits_pace == 1.0 else Adam)(schedule)


def compiled(model: Any) -> Callable[[Any], tuple[Any, Any]]:
    """Compile a model with XLA, for training on batches of one length.

    Returns
    -------
    callable
        Tensor [n, inputs] to outputs [n, outputs] and the cost of the model's bits, a scalar.
    """
    tf = backend.tensorflow()

    @tf.function(jit_compile=True, autograph=False)
    def whole(rows: Any) -> tuple[Any, Any]:
        return model(rows, training=True), tf.add_n(model.losses)

    return whole


def fused(model: Any) -> Callable[[Any], tuple[Any, Any]]:
    """Compile a model with XLA, for training on batches of any length.

    Rounding takes most of its time, step by step.

    Returns
    -------
    callable
        Tensor [n, inputs] to outputs [n, outputs] and the cost of the model's bits, a scalar.
    """
    tf = backend.tensorflow()

    whole = compiled(model)

    def call(inputs: Any) -> tuple[Any, Any]:
        count = tf.shape(inputs)[0]
        blocks = tf.cast(count, tf.float64) / _ROWS
        doublings = tf.math.ceil(tf.math.log(blocks) / np.log(2.0))
        size = _ROWS * tf.cast(2.0 ** tf.maximum(doublings, 0.0), tf.int32)
        # rows come again rather than zeros: ranges that are measured in training stay as they are
        outputs, cost = whole(tf.gather(inputs, tf.range(size) % count))
        return outputs[:count], cost

    return call


def ebops(model: Any) -> int:
    """Return the effective bit operations of the model, as of its last training step."""
    return round(sum(float(layer.ebops) for layer in model.layers if hasattr(layer, "ebops")))


def regularise_ebops(model: Any, beta: float, factors: Mapping[str, float] | None = None) -> None:
    """Set what one effective bit operation adds to the loss, times a factor by layer's name."""
    for layer in model.layers:
        if hasattr(layer, "ebops"):
            layer._beta.assign(beta * (factors or {}).get(layer.name, 1.0))


def firmware(model: Any, folder: Path) -> Any:
    """Convert with hls4ml (Vitis backend, latency strategy) and compile: a `ModelGraph`."""
    hls4ml = backend.hls4ml()

    with backend.quiet():
        hls_model = hls4ml.converters.convert_from_keras_model(
            model,
            output_dir=str(folder),
            project_name=model.name,
            backend="Vitis",
            hls_config={"Model": {"Precision": "ap_fixed<1,0>", "ReuseFactor": 1}},
            io_type="io_parallel",
        )
        hls_model.compile()
    return hls_model
