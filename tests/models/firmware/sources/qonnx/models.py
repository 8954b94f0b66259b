"""Small models with nodes of QONNX, and their evaluation in NumPy by the rules of qonnx."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

DOMAIN = "qonnx.custom_op.general"
CUSTOM = ("Quant", "BipolarQuant", "Trunc")
ROUND = {"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil}


class Writer:
    """Collects nodes and constants; every method returns the name of a value."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.nodes, self.tensors, self.number = [], [], 0

    def constant(self, values, kind=np.float32):
        self.number += 1
        name = f"c{self.number}"
        self.tensors.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, kind, *reads, **attributes):
        self.number += 1
        name = f"{kind.lower()}{self.number}"
        domain = DOMAIN if kind in CUSTOM else ""
        self.nodes.append(
            helper.make_node(kind, list(reads), [f"{name}.out"], name, domain=domain, **attributes)
        )
        return f"{name}.out"

    def quant(self, value, scale, bits, *, zero=0.0, signed=1, narrow=0, mode="ROUND"):
        reads = [self.constant(part) for part in (scale, zero, bits)]
        return self.node("Quant", value, *reads, signed=signed, narrow=narrow, rounding_mode=mode)

    def bipolar(self, value, scale=1.0):
        return self.node("BipolarQuant", value, self.constant(scale))

    def trunc(self, value, *parts, mode="FLOOR", **options):
        reads = [self.constant(part) for part in parts]
        return self.node("Trunc", value, *reads, rounding_mode=mode, **options)

    def random(self, *shape):
        return self.constant(self.rng.normal(size=shape))

    def weight(self, *shape, scale=1 / 16, bits=6, narrow=1):
        return self.quant(self.random(*shape), scale, bits, narrow=narrow)

    def linear(self, value, inputs, outputs, **options):
        """Return a linear layer as brevitas exports it, with a quantized bias."""
        bias = self.quant(self.random(outputs), 1 / 64, 8)
        return self.node("Gemm", value, self.weight(outputs, inputs, **options), bias, transB=1)

    def save(self, path, output, inputs=(6,), outputs=(3,)):
        values = [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", *shape])
            for name, shape in (("x", inputs), (output, outputs))
        ]
        graph = helper.make_graph(self.nodes, "net", values[:1], values[1:], self.tensors)
        domains = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 1)]
        onnx.save(helper.make_model(graph, opset_imports=domains, ir_version=8), path)
        return path


def evaluate(path, rows):
    """Evaluate a model in double precision, node by node."""
    graph = onnx.load(str(path)).graph
    known = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in graph.initializer}
    known["x"] = rows
    for node in graph.node:
        options = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        given = [known[name] for name in node.input]
        known[node.output[0]] = _NODES[node.op_type](options, *given)
    return known[graph.output[0].name]


def _bounds(bits, options):
    if options["signed"]:
        return -(2 ** (bits - 1)) + options["narrow"], 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - options["narrow"]


def _quant(options, x, scale, zero, bits):
    y = x / scale + zero
    if bits == 1 and options["signed"]:
        y = np.where(y >= 0, 1.0, -1.0)
    else:
        y = ROUND[options["rounding_mode"].decode()](np.clip(y, *_bounds(bits, options)))
    return (y - zero) * scale


def _trunc(options, x, scale, zero, bits, *rest):
    mode = ROUND[options["rounding_mode"].decode()]
    y = np.round(x / scale + zero)
    if len(rest) == 1:
        return (mode(y / 2.0 ** (bits - rest[0])) - zero) * scale
    out_scale, _, out_bits = rest
    less = 2.0 ** np.round(np.log2(out_scale / scale))
    return (mode(np.clip(y / less, *_bounds(out_bits, options))) - zero / less) * out_scale


def _windows(options, x, kernel, value):
    height, width = options.get("strides", [1, 1])
    top, left, bottom, right = options.get("pads", [0, 0, 0, 0])
    x = np.pad(x, [(0, 0), (0, 0), (top, bottom), (left, right)], constant_values=value)
    seen = np.lib.stride_tricks.sliding_window_view(x, kernel, (2, 3))
    return seen[:, :, ::height, ::width]


def _conv(options, x, weight, bias=0.0):
    groups = options.get("group", 1)
    seen = _windows(options, x, weight.shape[2:], 0.0)
    parts = zip(np.split(seen, groups, 1), np.split(weight, groups, 0), strict=True)
    total = [np.einsum("nchwij,fcij->nfhw", part, kernel) for part, kernel in parts]
    return np.concatenate(total, 1) + np.reshape(bias, (1, -1, 1, 1))


_NODES = {
    "Quant": _quant,
    "Trunc": _trunc,
    "BipolarQuant": lambda _, x, scale: np.where(x >= 0, 1.0, -1.0) * scale,
    "Gemm": lambda _, x, w, b: x @ w.T + b,
    "MatMul": lambda _, x, w: x @ w,
    "Conv": _conv,
    "Relu": lambda _, x: np.maximum(x, 0),
    "Add": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "Mul": lambda _, a, b: a * b,
    "MaxPool": lambda o, x: _windows(o, x, o["kernel_shape"], -np.inf).max((-1, -2)),
    "AveragePool": lambda o, x: _windows(o, x, o["kernel_shape"], 0.0).mean((-1, -2)),
    "GlobalAveragePool": lambda _, x: x.mean((2, 3), keepdims=True),
    "Flatten": lambda _, x: x.reshape(len(x), -1),
    "Reshape": lambda _, x, shape: x.reshape(len(x), *shape[1:].astype(int)),
    "Transpose": lambda o, x: x.transpose(o["perm"]),
    "Concat": lambda o, *parts: np.concatenate(parts, o["axis"]),
}


def perceptron(w):
    """Two linear layers with relu, as brevitas exports them."""
    h = w.linear(w.quant("x", 1 / 16, 8), 6, 5)
    h = w.quant(w.node("Relu", h), 1 / 8, 5, signed=0)
    return {"output": w.linear(h, 5, 3)}


def roundings(w):
    """Every rounding, narrow ranges, and a last quantizer."""
    h = w.linear(w.quant("x", 1 / 16, 8, narrow=1), 6, 5)
    h = w.quant(h, 1 / 4, 5, narrow=1, mode="FLOOR")
    h = w.quant(w.linear(h, 5, 4), 1 / 2, 4, signed=0, narrow=1, mode="CEIL")
    return {"output": w.quant(w.linear(h, 4, 3), 2.0, 6, mode="CEIL")}


def channels(w):
    """One scale for each channel of weights and activations, and zero points."""
    h = w.quant("x", 1 / 16, 8)
    h = w.linear(h, 6, 4, scale=2.0 ** np.array([[-3], [-4], [-5], [-6]]))
    h = w.quant(h, 2.0 ** np.array([[-1, -2, -3, -4]]), 6)
    h = w.linear(h, 4, 4)
    h = w.quant(h, 1 / 8, 6, zero=11.0, signed=0)
    return {"output": w.linear(h, 4, 3)}


def bipolar(w):
    """Signs of weights and activations, of one bit as well, with and without scale."""
    h = w.node("MatMul", w.quant("x", 1 / 8, 6), w.bipolar(w.random(6, 5), 0.5))
    h = w.node("MatMul", w.bipolar(h), w.bipolar(w.random(5, 4)))
    h = w.bipolar(w.node("Add", h, w.constant([0.0, 1.0, -1.0, 0.5])), 0.25)
    h = w.quant(w.linear(h, 4, 4), 0.5, 1)
    return {"output": w.linear(h, 4, 3)}


def truncation(w):
    """Averages whose lowest bits are cut off, in both versions of the node."""
    h = w.linear(w.quant("x", 1 / 16, 8), 6, 4)
    h = w.quant(h, 1 / 16, 10)
    h = w.trunc(h, 1 / 16, 0.0, 10, 6)
    h = w.trunc(w.linear(h, 4, 4), 1 / 256, 4.0, 16, 1 / 8, 0.0, 8, mode="ROUND", signed=1,
                narrow=0)  # fmt: skip
    h = w.linear(h, 4, 4)
    h = w.trunc(h, 1 / 8, 0.0, 9, 1.0, 0.0, 4, mode="CEIL", signed=1, narrow=1)
    return {"output": w.linear(h, 4, 3)}


def image(w):
    """Convolutions of images with the channels first, pools, and a linear layer."""
    h = w.quant("x", 1 / 16, 7)
    kernel, bias = w.weight(4, 2, 3, 3), w.quant(w.random(4), 1 / 64, 8)
    h = w.node("Conv", h, kernel, bias, pads=[1, 1, 1, 1], kernel_shape=[3, 3])
    h = w.quant(w.node("Relu", h), 1 / 8, 5, signed=0)
    h = w.node("MaxPool", h, kernel_shape=[2, 2], strides=[2, 2])
    h = w.node("Conv", h, w.weight(6, 2, 2, 2), group=2, kernel_shape=[2, 2])
    h = w.quant(h, 1 / 4, 6)
    h = w.node("AveragePool", h, kernel_shape=[2, 1])
    h = w.node("Flatten", w.trunc(h, 1 / 8, 0.0, 7, 6))
    return {"output": w.linear(h, 12, 3), "inputs": (2, 6, 6)}


def picture(w):
    """One channel, so that the image is hls4ml's as well."""
    h = w.node("Conv", w.quant("x", 1 / 16, 7), w.weight(3, 1, 3, 3), kernel_shape=[3, 3])
    h = w.quant(w.node("Relu", h), 1 / 8, 5, signed=0)
    h = w.node("MaxPool", h, kernel_shape=[2, 2], strides=[2, 2])
    h = w.node("Reshape", h, w.constant([1, 12], np.int64))
    return {"output": w.linear(h, 12, 3), "inputs": (1, 6, 6)}


def joined(w):
    """Sums, differences and products of activations, constants, and tensors side by side."""
    a = w.quant("x", 1 / 16, 8)
    b = w.quant(w.linear(a, 6, 6), 1 / 4, 6)
    h = w.node("Sub", w.node("Add", a, b), w.node("Mul", a, w.constant(0.375)))
    h = w.quant(w.node("Mul", h, b), 1 / 2, 7)
    h = w.node("Concat", h, a, axis=1)
    return {"output": w.linear(h, 12, 3)}


MODELS = {f.__name__: f for f in (perceptron, roundings, channels, bipolar, truncation, image,
                                  picture, joined)}  # fmt: skip


def write(name, path, seed=3):
    """Write one of the models."""
    w = Writer(seed)
    return w.save(path, **MODELS[name](w))
