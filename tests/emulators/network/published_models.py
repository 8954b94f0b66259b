"""Architectures of the test suite of hls4ml, through hls4ml's conversion; print JSON.

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
    QDense,
    QDepthwiseConv2D,
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


def fork(merge):
    """Two dense layers of one input, merged."""
    x = layers.Input((6,))
    y = merge([layers.Dense(5, name="left")(x), layers.Dense(5, name="right")(x)])
    return tf_keras.Model(x, layers.Dense(3, name="last")(y))


def depthwise_image():
    bits = quantized_bits(6, 0, alpha=1)
    part = QDepthwiseConv2D((3, 3), depthwise_quantizer=bits, bias_quantizer=bits)
    return chain((6, 6, 2), part, QActivation(quantized_relu(3, 2)))


MODELS = {
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
    "test_transpose_concat": lambda: chain((3, 4, 2), layers.Permute((3, 1, 2))),
    "test_upsampling": lambda: chain((3, 4, 2), layers.UpSampling2D((2, 3))),
    "test_cropping": lambda: chain((6, 7, 2), layers.Cropping2D(((1, 2), (2, 1)))),
    "test_merge add": lambda: fork(layers.Add()),
    "test_merge concatenate": lambda: fork(layers.Concatenate()),
    "qkeras test qdepthwiseconv2d": depthwise_image,
    "test_merge maximum": lambda: fork(layers.Maximum()),
    "test_pooling max 1d": lambda: chain((9, 3), layers.MaxPooling1D(3, strides=2)),
    "test_keras_api conv1d": lambda: chain(
        (8, 3), layers.Conv1D(4, 3, strides=2, padding="same", activation="relu")),
    "test_globalpooling": lambda: chain((4, 5, 3), layers.GlobalAveragePooling2D()),
    "test_zeropadding": lambda: chain((3, 4, 2), layers.ZeroPadding2D(((1, 2), (0, 3)))),
    "test_leakyrelu": lambda: chain((6,), layers.Dense(4), layers.LeakyReLU(0.3)),
    "test_batchnorm": lambda: chain((7,), layers.BatchNormalization(), layers.Dense(3)),
}  # fmt: skip
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
    results = network.predict(form.to_float(raw).reshape(EVENTS, -1))
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
