"""Architectures of the test suites of hls4ml and QKeras, through hls4ml's conversion; print JSON.

Run as a script, in a process of its own: ``python published_models.py FOLDER NAME...``. The names
say which test file has a model of that kind; the models themselves are written anew.
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
from qkeras import (
    QActivation,
    QBatchNormalization,
    QConv1D,
    QConv2D,
    QConv2DBatchnorm,
    QDense,
    QDepthwiseConv2D,
    QSeparableConv1D,
    binary,
    quantized_bits,
    quantized_po2,
    quantized_relu,
    ternary,
)
from tf_keras import layers

sys.modules["keras"] = tf_keras
vars(np)["product"] = np.prod
import hls4ml

from l1kd.emulators.network import Network

BITS = quantized_bits(5, 2, alpha=1)


def chain(shape, *parts):
    return tf_keras.Sequential([layers.Input(shape), *parts])


def dense(kernel, activation=None, batchnorm=False, bias=BITS, n=10):
    parts = [QDense(n, kernel_quantizer=kernel, bias_quantizer=bias)]
    parts += [layers.BatchNormalization()] if batchnorm else []
    return chain((10,), *parts, *([QActivation(activation)] if activation is not None else []))


def jets():
    bits = quantized_bits(6, 0, alpha=1)
    parts = []
    for n in (16, 12, 8):
        parts += [QDense(n, kernel_quantizer=bits, bias_quantizer=bits),
                  QActivation(quantized_relu(6, 0))]  # fmt: skip
    last = QDense(5, kernel_quantizer=bits, bias_quantizer=bits)
    return chain((16,), *parts, last, layers.Activation("softmax"))


def digits():
    bits = quantized_bits(6, 0, alpha=1)
    return chain(
        (12, 12, 1),
        QConv2DBatchnorm(4, (3, 3), kernel_quantizer=bits, bias_quantizer=bits),
        QActivation(quantized_relu(6, 0)), layers.MaxPooling2D((2, 2)), layers.Flatten(),
        QDense(4, kernel_quantizer=bits, bias_quantizer=bits), layers.Activation("softmax"),
    )  # fmt: skip


def skipped():
    first = layers.Input((8,))
    x = layers.Dense(8, activation="relu")(first)
    y = layers.Dropout(0.3)(x)
    x = layers.Dense(8)(y)
    return tf_keras.Model(first, layers.Dense(3)(layers.Concatenate()([x, first])))


def several():
    first = layers.Input((10,))
    y = layers.Dense(6, activation="relu")(first)
    return tf_keras.Model(first, [layers.Dense(4)(y), layers.Dense(3, activation="tanh")(y)])


def merged(kind):
    first = layers.Input((4, 4, 2))
    x = layers.Conv2D(3, (2, 2), padding="same")(first)
    y = layers.Conv2D(3, (1, 1))(first)
    return tf_keras.Model(first, getattr(layers, kind)()([x, y]))


HLS4ML = {
    "test_qkeras jet tagger": jets,
    "test_qkeras single dense, alpha auto_po2": lambda: chain(
        (16,), QDense(16, kernel_quantizer=quantized_bits(4, 0, alpha="auto_po2"),
                      bias_quantizer=quantized_bits(4, 0, alpha=1)),
        QActivation(quantized_relu(4, 0))),
    "test_qkeras single dense, alpha auto": lambda: chain(
        (16,), QDense(16, kernel_quantizer=quantized_bits(8, 0, alpha="auto"),
                      bias_quantizer=quantized_bits(8, 0, alpha=1)),
        QActivation(quantized_relu(8, 0))),
    "test_qkeras btnn ternary": lambda: dense(ternary(alpha=1), "binary_tanh"),
    "test_qkeras btnn binary": lambda: dense(binary(), "binary_tanh"),
    "test_qkeras btnn ternary auto, batchnorm": lambda: dense(
        ternary(alpha="auto"), ternary(threshold=0.2), True),
    "test_qkeras btnn binary, binary": lambda: dense(binary(), binary()),
    "test_qkeras quantised po2 bit width": lambda: dense(
        quantized_po2(6, max_value=8), bias=quantized_bits(8, 3, alpha=1)),
    "test_qkeras relu negative slope": lambda: chain(
        (6,), QActivation(quantized_relu(8, 4, negative_slope=0.25))),
    "test_qkeras conv2d batchnorm": digits,
    "test_qkeras depthwise conv2d": lambda: chain(
        (8, 8, 3), QDepthwiseConv2D((3, 3), depthwise_quantizer=quantized_bits(6, 0, alpha=1),
                                    bias_quantizer=quantized_bits(4, 0, alpha=1)),
        QActivation(quantized_relu(3, 0))),
    "test_qkeras separable conv1d": lambda: chain(
        (10, 3), QSeparableConv1D(4, 3, depthwise_quantizer=quantized_bits(8, 3, alpha=1),
                                  pointwise_quantizer=quantized_bits(8, 3, alpha=1),
                                  bias_quantizer=quantized_bits(8, 3, alpha=1))),
    "test_batchnorm": lambda: chain((5, 4), layers.BatchNormalization(center=True, scale=False)),
    "test_softmax legacy": lambda: chain((8,), layers.Activation("softmax")),
    "test_softsign": lambda: chain((10,), layers.Activation("softsign")),
    "test_multiout_network": several,
    "test_graph skip connection": skipped,
    "test_merge average": lambda: merged("Average"),
    "test_merge maximum": lambda: merged("Maximum"),
    "test_causalpadding": lambda: chain((10, 4), layers.Conv1D(3, 3, padding="causal")),
    "test_pointwiseconv": lambda: chain((9, 4), layers.Conv1D(5, 1, activation="relu")),
    "test_rnn LSTM": lambda: chain((4, 3), layers.LSTM(4, return_sequences=True)),
    "test_rnn GRU": lambda: chain((4, 3), layers.GRU(4)),
    "test_transpose_concat": lambda: chain((3, 4, 2), layers.Permute((3, 1, 2))),
    "test_upsampling": lambda: chain((3, 4, 2), layers.UpSampling2D((2, 3))),
    "test_cropping": lambda: chain((6, 7, 2), layers.Cropping2D(((1, 2), (2, 1)))),
}  # fmt: skip
QKERAS = {
    "qkeras bn_folding conv1d": lambda: chain(
        (10, 2), QConv1D(4, 3, kernel_quantizer=quantized_bits(6, 2, alpha="auto_po2"),
                         bias_quantizer=quantized_bits(6, 2, alpha=1)),
        QActivation(quantized_relu(6, 2))),
    "qkeras qlayers po2 convolution": lambda: chain(
        (6, 6, 2), QConv2D(3, (2, 2), kernel_quantizer=quantized_po2(4, max_value=1),
                           bias_quantizer=quantized_bits(6, 2, alpha=1))),
    "qkeras qnetwork batchnorm": lambda: chain(
        (8,), QDense(6, kernel_quantizer=BITS, bias_quantizer=BITS), QBatchNormalization(),
        QActivation(quantized_bits(8, 3, alpha=1))),
}  # fmt: skip
MODELS = HLS4ML | QKERAS
EVENTS = 10_000


def compare(name, folder):
    """Return how many results of how many differ between the emulator and the compiled C++."""
    rng = np.random.default_rng(3)
    model = MODELS[name]()
    for weight in model.weights:
        values = rng.normal(0, 0.6, weight.shape)
        positive = "variance" in weight.name or "gamma" in weight.name
        weight.assign(np.abs(values) + 0.3 if positive else values)
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend="Vitis")
    hls = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, output_dir=str(folder), backend="Vitis", io_type="io_parallel"
    )
    hls.write()
    script = Path(folder) / "build_lib.sh"
    script.write_text(script.read_text().replace("-O3", "-O0"))
    hls._compile()
    network = Network.from_hls_project(folder)
    form, shape = network.inputs[0].format, model.input_shape[1:]
    raw = rng.integers(form.minimum, form.maximum, (EVENTS, *shape), endpoint=True)
    raw[::3] //= 64
    raw[1::3] //= 16
    expected = hls.predict(form.to_float(raw))
    expected = expected if isinstance(expected, list) else [expected]
    results = network.predict(form.to_float(raw))
    results = results if isinstance(results, tuple) else (results,)
    wrong = sum(
        int((a.reshape(b.shape) != b).sum()) for a, b in zip(results, expected, strict=True)
    )
    return {"mismatches": wrong, "values": sum(part.size for part in expected)}


if __name__ == "__main__":
    report = {}
    for number, name in enumerate(sys.argv[2:] or MODELS):
        try:
            report[name] = compare(name, Path(sys.argv[1]) / f"m{number}")
        except Exception as error:
            report[name] = {"error": f"{type(error).__name__}: {error}"[:300]}
        print("REPORT " + json.dumps({name: report[name]}), flush=True)
