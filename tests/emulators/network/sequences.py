"""A model that hls4ml splits into three projects; run as a module to write it."""

import ctypes
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.emulators.network.firmware import HLS4ML
from tests.emulators.network.graphs import Model


def write(folder):
    from hls4ml.model.graph import ModelGraph, to_multi_model_graph

    model = Model(seed=5)
    name = model.input((6,), "fixed<9,4>")
    for n_in, n_out in ((6, 7), (7, 5), (5, 3)):
        name = model.layer("Dense", name, {"accum": "fixed<22,12>"}, n_in=n_in, n_out=n_out,
                           weight_data=model.values(n_in, n_out), output=n_out == 3,
                           bias_data=model.values(n_out))  # fmt: skip
    whole = {"Precision": {"default": "fixed<16,6>"}, "ReuseFactor": 1, "Strategy": "Latency"}
    whole |= {"TraceOutput": False, "BramFactor": 10**9}
    config = {
        "OutputDir": str(folder), "ProjectName": "myproject", "Backend": "Vitis",
        "IOType": "io_parallel", "Stamp": "stamp", "Part": "xcvu9p", "ClockPeriod": 5,
        "ClockUncertainty": "12.5%", "Version": "1.0",
        "HLSConfig": {"Model": whole, "LayerName": model.names},
    }  # fmt: skip
    graph = ModelGraph.from_layer_list(config, model.layers, model.inputs, model.outputs)
    to_multi_model_graph(graph, ["dense2", "dense3"]).write()


HARNESS = """#include "firmware/{top}.h"
template <class F> struct signature;
template <class A, class B> struct signature<void (*)(A *, B *)> {{
    typedef A from; typedef B to;
}};
extern "C" void run(long n, const long long *in, long long *out) {{
    typedef signature<decltype(&{top})> kinds;
    static kinds::from x[{n_in}];
    static kinds::to y[{n_out}];
    for (long e = 0; e < n; e++) {{
        for (int i = 0; i < {n_in}; i++) x[i].range() = in[e * {n_in} + i];
        {top}(x, y);
        for (int i = 0; i < {n_out}; i++) {{
            ap_int<kinds::to::width + 1> r = y[i].range();
            out[e * {n_out} + i] = y[i] < 0 ? r.to_int64() - (1LL << kinds::to::width)
                                            : r.to_int64();
        }}
    }}
}}
"""
SIZES = {1: (6, 7), 2: (7, 5), 3: (5, 3)}


def compile_part(part, scratch):
    """Compile one part; return a function of raw rows."""
    n_in, n_out = SIZES[int(part.name.removeprefix("graph"))]
    (source,) = (part / "firmware").glob("*.cpp")
    harness, library = scratch / f"{part.name}.cpp", scratch / f"{part.name}.so"
    harness.write_text(HARNESS.format(top=source.stem, n_in=n_in, n_out=n_out))
    command = [
        "g++", "-O1", "-w", "-std=c++17", "-fPIC", "-shared", "-fno-gnu-unique",
        f'-DWEIGHTS_DIR="{part}/firmware/weights"', f"-I{part}",
        f"-I{HLS4ML / 'templates/vivado/ap_types'}", str(harness), str(source), "-o", str(library),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    run = ctypes.CDLL(str(library)).run

    def reference(x):
        x = np.ascontiguousarray(x, np.int64)
        y = np.empty((len(x), n_out), np.int64)
        run(ctypes.c_long(len(x)), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data))
        return y

    return reference


if __name__ == "__main__":
    sys.modules["keras"] = None
    vars(np)["product"] = np.prod
    write(Path(sys.argv[1]))
