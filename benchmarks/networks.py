"""Speed of quantized networks against onnxruntime and hls4ml's C++, one thread, in the same run.

Run as ``python benchmarks/networks.py [FOLDER or NETWORK.npz ...]``. For every network it prints
how long its machine code takes to compile, events per second of `Network.predict_raw`, and the
ratio to the compiled C++ of the same network, whose results must be equal; for the dense network of
DistillNet's shape (16-64-32-1, three quarters zeros) also the ratio to onnxruntime in float32 at
its best batch. Peers run alternately with the emulator, and medians are taken. The rooflines are
what this machine multiplies and adds at most when all numbers stay in registers.
"""

import ctypes
import platform
import statistics
import sys
import tempfile
import time
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from networks_cpp import compile_network

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Affine, Graph, Layer, Piecewise
from l1kd.emulators.network.native import code as native_code

REPEATS = 9


def seconds(*actions):
    """Return the median processor time of every action; they take turns, after one to warm up."""
    for action in actions:
        action()
    times = [[] for _ in actions]
    for _ in range(REPEATS):
        for action, mine in zip(actions, times, strict=True):
            start = time.thread_time()
            action()
            mine.append(time.thread_time() - start)
    medians = [statistics.median(mine) for mine in times]
    return medians[0] if len(actions) == 1 else medians


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


def cicada(density=0.5):
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
        affine("c", "b", np.arange(252)[None], sparse(rng, (1, 252, 16), 16, density), 6, two, two),
        relu("d", "c", 16, act, 14),
        affine("e", "d", np.arange(16)[None], sparse(rng, (1, 16, 1), 100, 1.0), 8, two, act),
    )  # fmt: skip


def cicada_floors():
    """Convolution 3 x 3 stride 2 into 3 channels, dense 20, dense 1, as CICADA v2p1.

    The accumulators hold fewer fraction bits than the products, every one of which is floored.
    """
    rng = np.random.default_rng(0)
    rows, columns = np.arange(8) * 2, np.arange(6) * 2
    corners = (rows[:, None] * 14 + columns).reshape(-1, 1)
    windows = corners + (np.arange(3)[:, None] * 14 + np.arange(3)).reshape(-1)
    act = FixedPoint(10, 4, False, "RND", "SAT")
    one, two, three = FixedPoint(20, 8), FixedPoint(22, 8), FixedPoint(17, 8)
    return network_of(
        "CICADA-v2p1-like", FixedPoint(10, 10, False), 252,
        affine("a", "x", windows, sparse(rng, (1, 9, 3), 400, 1.0), 10, one, FixedPoint(15, 8)),
        relu("b", "a", 144, act, 7),
        affine("c", "b", np.arange(144)[None], sparse(rng, (1, 144, 20), 2000, 1.0), 12, two,
               FixedPoint(14, 8)),
        relu("d", "c", 20, act, 6),
        affine("e", "d", np.arange(20)[None], sparse(rng, (1, 20, 1), 900, 1.0), 10, three, three),
        relu("f", "e", 1, FixedPoint(16, 8, False), 9),
    )  # fmt: skip


# Type of a register, one multiply-add of chain {i}, and how many numbers it works on.
ROOFS = {
    "16-bit integer": (
        "<16 x i16>",
        "  %m{i} = mul <16 x i16> %p{i}, %x\n  %n{i} = add <16 x i16> %m{i}, %y",
        16,
    ),
    "single-precision": (
        "<8 x float>",
        "  %n{i} = call <8 x float> @llvm.fma.v8f32(<8 x float> %p{i}, <8 x float> %x, "
        "<8 x float> %y)",
        8,
    ),
}


def roofline(kind):
    """Multiply-adds per second of twelve independent chains that stay in registers."""
    from llvmlite import binding

    vector, step, lanes = ROOFS[kind]
    chains, steps = 12, 20_000_000
    phis, body = [], []
    for i in range(chains):
        phis.append(f"  %p{i} = phi {vector} [ %x, %entry ], [ %n{i}, %loop ]")
        body.append(step.format(i=i))
    sums, last = [], "%n0"
    add = "add" if "i16" in vector else "fadd"
    for i in range(1, chains):
        sums.append(f"  %s{i} = {add} {vector} {last}, %n{i}")
        last = f"%s{i}"
    text = f"""declare <8 x float> @llvm.fma.v8f32(<8 x float>, <8 x float>, <8 x float>)
define void @run(ptr %data) {{
entry:
  %x = load {vector}, ptr %data, align 2
  %next = getelementptr i8, ptr %data, i64 32
  %y = load {vector}, ptr %next, align 2
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %j, %loop ]
{chr(10).join(phis + body)}
  %j = add i64 %i, 1
  %more = icmp ult i64 %j, {steps}
  br i1 %more, label %loop, label %done
done:
{chr(10).join(sums)}
  store {vector} {last}, ptr %data, align 2
  ret void
}}"""
    engine = binding.create_mcjit_compiler(binding.parse_assembly(text), native_code.target())
    engine.finalize_object()
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(engine.get_function_address("run"))
    data = np.ones(64, np.int8)
    return chains * steps * lanes / seconds(lambda: run(data.ctypes.data))


def onnx_session():
    """Return a session for the same shape in float32, one thread."""
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
    print(f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}")
    return session


def against_onnx(network):
    """Print the ratios to onnxruntime at its best batch, measured in turns."""
    session, rng = onnx_session(), np.random.default_rng(0)
    x, count = events(network, 200_000), 65536
    actions = kinds_of_rows(network, x)
    best = (0.0, 0)
    for batch in (128, 256, 512, 1024, 2048, 4096, 8192):
        part = rng.normal(size=(batch, 16)).astype(np.float32)
        run = partial(batches, session, part, count // batch)
        best = max(best, (count / seconds(run), batch))
    _, batch = best
    part = rng.normal(size=(batch, 16)).astype(np.float32)
    theirs, *mine = seconds(partial(batches, session, part, count // batch), *actions.values())
    rate = count // batch * batch / theirs
    print(f"  onnxruntime {rate:.3g} rows/s at its best batch, {batch}")
    for kind, time_used in zip(actions, mine, strict=True):
        own = len(x) / time_used
        print(f"    rows of {kind}: {own:.3g} rows/s, ratio {own / rate:.2f}")


def batches(session, part, steps):
    for _ in range(steps):
        session.run(None, {"x": part})


def kinds_of_rows(network, x):
    """Return predictions of the same rows as integers and as floating-point numbers, by type."""
    values = network.inputs[0].format.to_float(x)
    found = {kind: partial(network.predict_raw, x.astype(kind)) for kind in ("int16", "int64")}
    found |= {
        kind: partial(network.predict, values.astype(kind)) for kind in ("float32", "float64")
    }
    return found


def events(network, count):
    rng, (tensor,) = np.random.default_rng(1), network.inputs
    low, high = max(tensor.format.minimum, -(1 << 15)), min(tensor.format.maximum, (1 << 15) - 1)
    return rng.integers(low, high, (count, tensor.size), endpoint=True).astype(np.int16)


def report(network, count, roofs):
    start = time.perf_counter()
    special = network.specialise()
    compiled = time.perf_counter() - start
    x = events(network, count)
    rate = count / seconds(lambda: network.predict_raw(x))
    used = sum(
        int(np.count_nonzero(op.weight[op.group])) for op in network.graph.operations
        if isinstance(op, Affine)
    )  # fmt: skip
    how = f"compiled in {compiled:.1f} s" if special else "by the general machine"
    print(f"{network.graph.name}: {rate:.3g} events/s ({how}), {used} products that are not zero")
    for kind, roof in roofs.items():
        print(f"  {rate * used / roof:.2f} of the {kind} roofline")


def against_cpp(network, slower=500):
    """Print the ratio to hls4ml's compiled C++, measured in turns, results compared."""
    x = events(network, 50_000)
    with tempfile.TemporaryDirectory() as folder:
        peer = compile_network(network, Path(folder))
        if peer is None:
            print("  no C++ peer: hls4ml and g++ are needed")
            return
        few = x[: len(x) // slower * 10]
        equal = np.array_equal(peer(few), network.predict_raw(few).reshape(len(few), -1))
        actions = kinds_of_rows(network, x)
        theirs, *mine = seconds(lambda: peer(few), *actions.values())
    reference = len(few) / theirs
    print(f"  hls4ml C++ {reference:.3g} events/s, results {'equal' if equal else 'DIFFER'}")
    for kind, time_used in zip(actions, mine, strict=True):
        ours = len(x) / time_used
        print(f"    rows of {kind}: {ours:.3g} events/s, ratio {ours / reference:.0f}")


def main(paths):
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
          f"NumPy {np.__version__}; one thread, processor time, medians of {REPEATS}")  # fmt: skip
    roofs = {kind: roofline(kind) for kind in ROOFS}
    for kind, roof in roofs.items():
        print(f"{kind} roofline: {roof:.3g} multiply-adds/s")
    small = distillnet()
    report(small, 200_000, roofs)
    against_onnx(small)
    against_cpp(small)
    for network in (cicada(), cicada(1.0), cicada_floors()):
        report(network, 50_000, roofs)
        against_cpp(network)
    for path in paths:
        folder = Path(path)
        network = Network.from_hls_project(folder) if folder.is_dir() else Network.load(folder)
        report(network, 50_000, roofs)


if __name__ == "__main__":
    main(sys.argv[1:])
