"""The peer of `benchmarks/networks.py`: hls4ml's own C++ library, compiled for a network.

Matrices run through ``nnet::dense_latency`` window by window, as hls4ml's convolutions do after
they have gathered a window; relus through ``nnet::relu``. Compiled by g++ with -O3 -march=native.
"""

import ctypes
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from l1kd.emulators.network.graph import Affine, Piecewise

__all__ = ["compile_network"]


def compile_network(network, folder):
    """Return a function from raw int64 events to raw int64 results; None without hls4ml or g++."""
    specification = find_spec("hls4ml")
    if specification is None or specification.origin is None:
        return None
    templates = Path(specification.origin).parent / "templates" / "vivado"
    source, library = folder / "network.cpp", folder / "network.so"
    source.write_text(_source(network))
    command = ["g++", "-O3", "-march=native", "-w", "-std=c++14", "-fPIC", "-shared",
               f"-I{templates}", f"-I{templates / 'ap_types'}", str(source),
               "-o", str(library)]  # fmt: skip
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    if done.returncode:
        print(done.stderr[:1500])
        return None
    run = ctypes.CDLL(str(library)).run
    size = network.outputs[0].size

    def predict(x):
        x = np.ascontiguousarray(x, np.int64)
        y = np.empty((len(x), size), np.int64)
        run(ctypes.c_long(len(x)), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data))
        return y

    return predict


def _source(network):
    """Return the C++ text of a network of matrices and relus."""
    (tensor,) = network.inputs
    parts = ["#include <cmath>", '#include "ap_fixed.h"', '#include "nnet_utils/nnet_dense.h"',
             '#include "nnet_utils/nnet_activation.h"', _type("x", tensor)]  # fmt: skip
    body, declared = [], [f"    static x_t x[{tensor.size}];"]
    for op in network.graph.operations:
        name, size = op.output.name, op.output.size
        parts.append(_type(name, op.output))
        declared.append(f"    static {name}_t {name}[{size}];")
        body.append(_matrix(parts, op) if isinstance(op, Affine) else _relu(parts, op))
    last = network.outputs[0]
    loops = f"""
template <class T> long long raw(T value) {{
    long long bits = ap_uint<64>(value.range()).to_int64();
    return value < 0 ? bits - (1LL << T::width) : bits;
}}
extern "C" void run(long n, const long long *from, long long *to) {{
{chr(10).join(declared)}
    for (long event = 0; event < n; event++) {{
        for (int i = 0; i < {tensor.size}; i++) x[i].range() = from[event * {tensor.size} + i];
{chr(10).join(body)}
        for (int i = 0; i < {last.size}; i++) to[event * {last.size} + i] = raw({last.name}[i]);
    }}
}}
"""
    return "\n".join(parts) + loops


def _type(name, tensor):
    form = tensor.format
    kind = "ap_fixed" if form.signed else "ap_ufixed"
    modes = f"AP_{form.rounding}, AP_{form.overflow}"
    return f"typedef {kind}<{form.width}, {form.integer}, {modes}> {name}_t;"


def _matrix(parts, op):
    name, (positions, terms) = op.output.name, op.index.shape
    filters, fraction = op.weight.shape[2], op.weight_fraction
    width = int(np.abs(op.weight).max()).bit_length() + 1
    parts.append(f"typedef ap_fixed<{width}, {width - fraction}> {name}_w_t;")
    accumulator = str(op.accumulator)
    parts.append(f"typedef {accumulator} {name}_a_t;")
    weights = ", ".join(repr(v) for v in (op.weight[0].reshape(-1) * 2.0**-fraction).tolist())
    bias = ", ".join(repr(v) for v in (op.bias[0] * 2.0**-op.accumulator.fraction).tolist())
    index = ", ".join(map(str, op.index.reshape(-1).tolist()))
    parts.append(f"""static {name}_w_t {name}_w[{terms * filters}] = {{{weights}}};
static {name}_a_t {name}_b[{filters}] = {{{bias}}};
static const int {name}_index[{positions * terms}] = {{{index}}};
struct {name}_config : nnet::dense_config {{
    static const unsigned n_in = {terms}, n_out = {filters}, reuse_factor = 1;
    static const unsigned strategy = nnet::latency;
    typedef {name}_w_t weight_t; typedef {name}_a_t bias_t, accum_t;
}};""")
    return f"""        for (int p = 0; p < {positions}; p++) {{
            {op.source}_t window[{terms}];
            for (int k = 0; k < {terms}; k++)
                window[k] = {op.source}[{name}_index[p * {terms} + k]];
            nnet::dense_latency<{op.source}_t, {name}_t, {name}_config>(
                window, {name} + p * {filters}, {name}_w, {name}_b);
        }}"""


def _relu(parts, op):
    assert isinstance(op, Piecewise)
    name, size = op.output.name, op.output.size
    parts.append(
        f"struct {name}_config : nnet::activ_config {{ static const unsigned n_in = {size}; }};"
    )
    return f"        nnet::relu<{op.source}_t, {name}_t, {name}_config>({op.source}, {name});"
