"""The float network, and the quantized one that begins where it ended."""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import Floats, Shorts
from l1kd.emulators.correlator.weighing import COLUMNS, FORMAT
from l1kd.models import backend
from l1kd.models.correlator.config import CorrelatorConfig
from l1kd.models.mixed_precision import frameworks

__all__ = ["float_network", "kernels", "largest_inputs", "quantized_network", "standard"]

_LOGIT_BITS = (3, 4)
"""Integer and fraction bits of the sigmoid's argument."""


def standard(values: Shorts) -> tuple[Floats, Floats]:
    """Mean and standard deviation of inputs, as values (raw / 16)."""
    x = values * 2.0**-FORMAT.fraction
    return x.mean(axis=0), x.std(axis=0) + 1e-3


def largest_inputs(config: CorrelatorConfig) -> Floats:
    """Largest value of every input."""
    of = {column.name: column.largest for column in COLUMNS}
    return np.array([of[name] for name in config.inputs]) * 2.0**-FORMAT.fraction


def float_network(config: CorrelatorConfig, mean: Floats, deviation: Floats, seed: int) -> Any:
    """Build the float network: float32[n, inputs] to weights float32[n, 1]."""
    keras = backend.keras()
    layers = keras.layers
    stack = [
        layers.Input((len(config.inputs),), name="candidates"),
        layers.Normalization(mean=mean, variance=deviation**2, name="standard"),
        layers.GaussianNoise(config.loss.noise, seed=seed),
    ]
    for number, size in enumerate((*config.hidden, 1)):
        last = number == len(config.hidden)
        stack.append(
            layers.Dense(
                size,
                activation="sigmoid" if last else "relu",
                kernel_initializer=keras.initializers.HeNormal(seed=seed + number),
                bias_initializer=keras.initializers.Constant(-1.0 if last else 0.0),
                name="logit" if last else f"dense{number}",
            )
        )
    return keras.Sequential(stack, name="correlator")


def kernels(model: Any) -> list[Any]:
    """Trainable matrices of a float network."""
    return [v for v in model.trainable_variables if len(v.shape) == 2]


def quantized_network(
    config: CorrelatorConfig, trained: Any, mean: Floats, deviation: Floats
) -> Any:
    """Build the network of learned bit widths, with the weights of a trained float network.

    The standardisation of the inputs goes into the first layer, so that it costs nothing.

    Returns
    -------
    keras.Model
        float32[n, inputs] to weights float32[n, 1], multiples of 1/256 in [0, 1]; the sigmoid is a
        table.
    """
    keras, layers, hgq = frameworks()
    quantizer = hgq.QuantizerConfig

    def lane(integer: int, fraction: int, signed: int = 0, learned: bool = True) -> Any:
        return quantizer(
            "kif", "datalane", k0=signed, i0=integer, f0=fraction, round_mode="RND_CONV",
            overflow_mode="SAT", trainable=learned,
        )  # fmt: skip

    table = quantizer(
        "kif", "table", k0=0, i0=1, f0=8, trainable=False, round_mode="RND", overflow_mode="SAT"
    )
    dense = [layer for layer in trained.layers if layer.name[:5] in ("dense", "logit")]
    given = [layer.get_weights() for layer in dense]
    kernel, bias = given[0]
    given[0] = [kernel / deviation[:, None], bias - (mean / deviation) @ kernel]
    stack = [keras.layers.Input((len(config.inputs),), name="candidates")]
    with hgq.LayerConfigScope(enable_ebops=True):
        for number, (kernel, _) in enumerate(given):
            last = number == len(given) - 1
            whole = int(np.ceil(np.log2(np.abs(kernel).max() + 1e-6)))
            stack.append(
                layers.QDense(
                    kernel.shape[1],
                    activation=None if last else "relu",
                    iq_conf=lane(FORMAT.integer, FORMAT.fraction) if not number else lane(4, 5),
                    kq_conf=quantizer(
                        "kbi", "weight", b0=config.first_bits + max(whole, 0), i0=max(whole, 0)
                    ),
                    name="logit" if last else f"dense{number}",
                )
            )
        sigmoid = layers.QUnaryFunctionLUT(
            "sigmoid",
            iq_conf=lane(*_LOGIT_BITS, signed=1, learned=False),
            oq_conf=table,
            allow_heterogeneous_table=False,
            name="weight",
        )
    model = keras.Sequential([*stack, sigmoid], name="correlator")
    for layer, (kernel, bias) in zip(model.layers, given, strict=False):
        layer.kernel.assign(kernel.astype(np.float32))
        layer.bias.assign(bias.astype(np.float32))
    return model
