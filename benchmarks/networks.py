"""Speed of quantized networks against onnxruntime, one thread, in the same run.

Run as ``python benchmarks/networks.py [FOLDER or NETWORK.npz ...]``. For every network it prints
events per second of `Network.predict_raw`, and for the dense network of DistillNet's shape
(16-64-32-1, three quarters zeros) the ratio to onnxruntime in float32 at its best batch, measured
alternately. The roofline is what this machine multiplies and adds with 16-bit integers when next to
nothing else is to be done.
"""

import platform
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Affine, Graph, Layer, Piecewise

REPEATS = 9


def seconds(action):
    """Return the median time of several runs after one to warm up."""
    action()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def affine(name, source, index, weight, fraction, accumulator, result):
    group = np.zeros(len(index), np.int32)
    bias = np.zeros((1, weight.shape[2]), np.int64)
    output = Tensor(name, (len(index) * weight.shape[2],), result)
    index = index.astype(np.int32)
    return Affine(output, source, index, group, weight, fraction, bias, accumulator)


def relu(name, source, size, form, fraction):
    zero, one = np.zeros(size, np.int64), np.ones(size, np.int64)
    each = np.arange(size, dtype=np.int32)
    tensor = Tensor(name, (size,), form)
    return Piecewise(tensor, source, each, zero, one, zero, zero, zero, fraction)


def network_of(name, form, size, *operations):
    layers = tuple(Layer(op.output.name, "layer", (op,)) for op in operations)
    return Network(
        Graph(name, (Tensor("x", (size,), form),), (operations[-1].output.name,), layers)
    )


def sparse(rng, shape, reach, density):
    return rng.integers(-reach, reach + 1, shape) * (rng.random(shape) < density)


def distillnet(density=0.25):
    """Dense 16-64-32-1 with 8-bit weights in the first layer, 6-bit ones after it."""
    rng = np.random.default_rng(0)
    act = FixedPoint(8, 2, False, "RND_CONV", "SAT")
    one = FixedPoint(27, 12)
    two, last = FixedPoint(21, 10), FixedPoint(16, 6, True, "RND", "SAT")
    window = [np.arange(n)[None] for n in (16, 64, 32)]
    return network_of(
        "16-64-32-1", FixedPoint(12, 5), 16,
        affine("a", "x", window[0], sparse(rng, (1, 16, 64), 60, density), 6, one, one),
        relu("b", "a", 64, act, 15),
        affine("c", "b", window[1], sparse(rng, (1, 64, 32), 30, density), 5, two, two),
        relu("d", "c", 32, act, 11),
        affine("e", "d", window[2], sparse(rng, (1, 32, 1), 30, 1.0), 5, two, last),
    )  # fmt: skip


def cicada():
    """Convolution 2 x 2 stride 2 into 4 channels, dense 16, dense 1, as CICADA v2p1p2."""
    rng = np.random.default_rng(0)
    pixels = np.arange(252).reshape(18, 14)
    blocks = pixels.reshape(9, 2, 7, 2).transpose(0, 2, 1, 3).reshape(63, 4)
    act = FixedPoint(10, 4, False, "RND_CONV", "SAT")
    one, two = FixedPoint(24, 14), FixedPoint(26, 12)
    return network_of(
        "CICADA-like", FixedPoint(10, 10, False), 252,
        affine("a", "x", blocks, sparse(rng, (1, 4, 4), 100, 1.0), 8, one, one),
        relu("b", "a", 252, act, 10),
        affine("c", "b", np.arange(252)[None], sparse(rng, (1, 252, 16), 100, 1.0), 8, two, two),
        relu("d", "c", 16, act, 14),
        affine("e", "d", np.arange(16)[None], sparse(rng, (1, 16, 1), 100, 1.0), 8, two, act),
    )  # fmt: skip


def roofline():
    """Multiply-adds per second with 16-bit integers: full matrices, next to nothing else."""
    rng, word = np.random.default_rng(0), FixedPoint(16, 16)
    layers, name = [], "x"
    for number in range(4):
        weight = rng.integers(1, 100, (1, 256, 256 if number < 3 else 1))
        index = np.arange(256)[None]
        layers.append(affine(f"y{number}", name, index, weight, 0, word, word))
        name = f"y{number}"
    network = network_of("roofline", word, 256, *layers)
    x = rng.integers(-128, 128, (8192, 256)).astype(np.int16)
    products = sum(layer.weight.size for layer in layers)
    return len(x) * products / seconds(lambda: network.predict_raw(x))


def onnx_rate():
    """Rows per second of onnxruntime for the same shape in float32, best batch, one thread."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    rng, sizes = np.random.default_rng(0), (16, 64, 32, 1)
    nodes, constants, name = [], [], "x"
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weight = rng.normal(size=(n_in, n_out)).astype(np.float32)
        constants.append(numpy_helper.from_array(weight, f"w{i}"))
        constants.append(numpy_helper.from_array(np.zeros(n_out, np.float32), f"b{i}"))
        nodes.append(helper.make_node("Gemm", [name, f"w{i}", f"b{i}"], [f"g{i}"]))
        nodes.append(helper.make_node("Relu", [f"g{i}"], [f"r{i}"]))
        name = f"r{i}"
    tensors = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", size])
        for n, size in (("x", 16), (name, 1))
    ]
    graph = helper.make_graph(nodes, "g", tensors[:1], tensors[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    rates = {}
    for batch in (128, 256, 512, 1024, 2048, 4096, 8192):
        x = rng.normal(size=(batch, 16)).astype(np.float32)
        steps = max(65536 // batch, 1)
        rates[batch] = (
            batch
            * steps
            / seconds(lambda x=x, steps=steps: [session.run(None, {"x": x}) for _ in range(steps)])
        )
    best = max(rates, key=rates.get)
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}: best batch {best}")
    return rates[best]


def events(network, count):
    rng, (tensor,) = np.random.default_rng(1), network.inputs
    low, high = max(tensor.format.minimum, -(1 << 15)), min(tensor.format.maximum, (1 << 15) - 1)
    return rng.integers(low, high, (count, tensor.size), endpoint=True).astype(np.int16)


def report(network, count):
    x = events(network, count)
    rate = count / seconds(lambda: network.predict_raw(x))
    used = sum(
        int(np.count_nonzero(op.weight[op.group])) for op in network.graph.operations
        if isinstance(op, Affine)
    )  # fmt: skip
    print(f"{network.graph.name}: {rate:.3g} events/s, {used} products that are not zero, "
          f"{rate * used:.3g} multiply-adds/s")  # fmt: skip
    return rate, used


def main(paths):
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
          f"NumPy {np.__version__}; one thread, median of {REPEATS} runs")  # fmt: skip
    peak = roofline()
    print(f"roofline: {peak:.3g} 16-bit multiply-adds/s")
    small = distillnet()
    rate, used = report(small, 200_000)
    print(f"  {rate * used / peak:.2f} of the roofline")
    reference = onnx_rate()
    again, _ = report(small, 200_000)
    ratio = statistics.mean((rate, again)) / reference
    print(f"  onnxruntime {reference:.3g} rows/s: ratio {ratio:.2f}")
    rate, used = report(cicada(), 50_000)
    print(f"  {rate * used / peak:.2f} of the roofline; {rate / 17_000:.0f} times 17,000/s, "
          "the compiled C++ of CICADA v2p1p2 as specified")  # fmt: skip
    for path in paths:
        folder = Path(path)
        network = Network.from_hls_project(folder) if folder.is_dir() else Network.load(folder)
        report(network, 50_000)


if __name__ == "__main__":
    main(sys.argv[1:])
