"""Convert Keras models with hls4ml and compare its compiled C++ with `Network`; print JSON.

Run as a script, in a process of its own: QKeras and Keras 3 do not share one.
"""

# ruff: noqa: E402, T201
import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import json
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import numpy as np
import tf_keras
from qkeras import QActivation, QConv2D, QDense, quantized_bits, quantized_relu
from tf_keras import layers

sys.modules["keras"] = tf_keras
import hls4ml

from l1kd.emulators.network import Network

BITS = quantized_bits(6, 1, alpha=1)
COMMON = {"kernel_quantizer": BITS, "bias_quantizer": BITS}


def dense():
    return tf_keras.Sequential(
        [
            layers.Input((16,)),
            QDense(24, **COMMON),
            QActivation(quantized_relu(7, 2)),
            QDense(12, **COMMON),
            layers.BatchNormalization(),
            QActivation("quantized_bits(8, 3)"),
            layers.Dense(5),
            layers.Activation("softmax"),
        ]
    )


def image():
    return tf_keras.Sequential(
        [
            layers.Input((9, 8, 2)),
            QConv2D(4, (3, 3), strides=(2, 1), padding="same", **COMMON),
            QActivation(quantized_relu(8, 3)),
            layers.MaxPooling2D((2, 2)),
            QConv2D(3, (1, 1), **COMMON),
            layers.LeakyReLU(0.25),
            layers.AveragePooling2D((2, 2)),
            layers.Flatten(),
            QDense(3, **COMMON),
            layers.Activation("tanh"),
        ]
    )


def sequence():
    first = layers.Input((12, 3))
    x = layers.Conv1D(4, 3, padding="same")(first)
    x = layers.Activation("relu")(x)
    y = layers.Conv1D(4, 1)(first)
    x = layers.Add()([x, y])
    x = layers.UpSampling1D(2)(x)
    x = layers.Permute((2, 1))(x)
    x = layers.Conv1D(3, 2, strides=2)(x)
    x = layers.GlobalAveragePooling1D()(x)
    out = layers.Dense(2, activation="sigmoid")(x)
    return tf_keras.Model(first, [out, layers.Dense(1)(x)])


CASES = {
    "dense latency": (dense, "io_parallel", "Latency", 1, "Vitis"),
    "dense resource": (dense, "io_parallel", "Resource", 4, "Vivado"),
    "image parallel": (image, "io_parallel", "Latency", 1, "Vitis"),
    "image resource": (image, "io_parallel", "Resource", 2, "Vitis"),
    "image stream": (image, "io_stream", "Latency", 1, "Vitis"),
    "sequence": (sequence, "io_parallel", "Latency", 1, "Vivado"),
}


def compare(case, folder):
    build, io_type, strategy, reuse, backend = CASES[case]
    rng = np.random.default_rng(7)
    model = build()
    for weight in model.weights:
        spread = rng.normal(0, 0.6, weight.shape)
        positive = "variance" in weight.name or "gamma" in weight.name
        weight.assign(np.abs(spread) + 0.3 if positive else spread)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=backend)
    config["Model"]["Strategy"] = strategy
    for layer in config["LayerName"].values():
        layer["Strategy"], layer["ReuseFactor"] = strategy, reuse
    hls = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, output_dir=str(folder), backend=backend, io_type=io_type
    )
    hls.compile()
    network = Network.from_hls_project(folder)
    again = Network.from_hls_model(hls)
    form, shape = network.inputs[0].format, model.input_shape[1:]
    raw = rng.integers(form.minimum, form.maximum, (10_000, *shape), endpoint=True)
    raw[::3] //= 64
    raw[1::3] //= 16
    expected = hls.predict(form.to_float(raw))
    results, seconds = network.predict(form.to_float(raw)), again.predict_raw(raw)
    single = not isinstance(results, tuple)
    pairs = [(results, expected)] if single else zip(results, expected, strict=True)
    wrong = sum(int((a.reshape(b.shape) != b).sum()) for a, b in pairs)
    firsts = network.predict_raw(raw)
    same = (
        np.array_equal(firsts, seconds)
        if not isinstance(firsts, tuple)
        else all(np.array_equal(a, b) for a, b in zip(firsts, seconds, strict=True))
    )
    kept = hls.config.get_output_dir() == str(folder)
    return {"mismatches": wrong, "model equals project": same, "kept its folder": kept}


if __name__ == "__main__":
    report = {}
    for name in sys.argv[2:] or CASES:
        folder = Path(sys.argv[1]) / name.replace(" ", "_")
        try:
            report[name] = compare(name, folder)
        except Exception as error:
            report[name] = {"error": f"{type(error).__name__}: {error}"}
    print("REPORT " + json.dumps(report))
