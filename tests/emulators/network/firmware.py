"""Write small firmware folders with hls4ml's own library, and compile them as references.

A `Firmware` collects layers, each reading an input and writing an output of its own, so that one
compilation covers many layers. The compiled function takes and returns raw integers.
"""

import ctypes
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from l1kd.emulators.network import FixedPoint, Network

HLS4ML = Path(find_spec("hls4ml").origin).parent if find_spec("hls4ml") else None
EVENTS = 10_000
HEADERS = ("activation", "batchnorm", "dense", "dense_compressed", "merge")


class Firmware:
    """A firmware folder under construction."""

    def __init__(self, headers=HEADERS, name="myproject"):
        self.name, self.headers = name, headers
        self.types, self.configs, self.calls, self.weights = [], [], [], []
        self.inputs, self.outputs, self.code = [], [], []

    def typedef(self, name, text):
        self.types.append(f"typedef {text} {name};")
        return name

    def input(self, name, size, form):
        self.typedef(f"{name}_t", form)
        self.inputs.append((name, size, form))
        return name

    def output(self, name, size, form):
        self.typedef(f"{name}_t", form)
        self.outputs.append((name, size, form))
        return name

    def weight(self, name, form, values):
        """Add a header of weights, written as hls4ml writes them."""
        self.typedef(f"{name}_t", form)
        flat = np.asarray(values, float).reshape(-1)
        numbers = ", ".join(f"{value:.18g}" for value in flat)
        guard = name.upper()
        self.weights.append(
            (
                name,
                f"#ifndef {guard}_H_\n#define {guard}_H_\n\n{name}_t {name}[{flat.size}] = "
                f"{{{numbers}}};\n\n#endif\n",
            )
        )
        return name

    def config(self, name, base, types=(), **constants):
        lines = [f"struct {name} : nnet::{base} {{"]
        for key, value in constants.items():
            kind = "bool" if isinstance(value, bool) else "unsigned"
            text = str(value).lower() if isinstance(value, bool) else value
            lines.append(f"    static const {kind} {key} = {text};")
        lines += [f"    typedef {value} {key};" for key, value in dict(types).items()]
        lines.append("};")
        self.configs.append("\n".join(lines))
        return name

    def raw_config(self, text):
        self.configs.append(text)

    def call(self, text, declare=""):
        if declare:
            self.calls.append(declare)
        self.calls.append(text)

    def write(self, folder):
        """Write the folder in the layout of hls4ml."""
        firmware = Path(folder) / "firmware"
        (firmware / "weights").mkdir(parents=True)
        library = HLS4ML / "templates"
        for part in ("vivado/nnet_utils", "vitis/nnet_utils"):
            target = firmware / "nnet_utils"
            target.mkdir(exist_ok=True)
            for header in (library / part).iterdir():
                (target / header.name).write_text(header.read_text())
        if self.code:
            (firmware / "nnet_utils" / "nnet_code_gen.h").write_text(
                _CODE_GEN.format(code="\n".join(self.code))
            )
        (firmware / "defines.h").write_text(
            '#ifndef DEFINES_H_\n#define DEFINES_H_\n\n#include "ap_fixed.h"\n'
            '#include "ap_int.h"\n#include "nnet_utils/nnet_types.h"\n\n'
            + "\n".join(self.types)
            + "\n\n#endif\n"
        )
        includes = [
            f'#include "nnet_utils/nnet_{h}.h"' for h in ("code_gen", "helpers", *self.headers)
        ]
        includes += [f'#include "weights/{name}.h"' for name, _ in self.weights]
        (firmware / "parameters.h").write_text(
            '#ifndef PARAMETERS_H_\n#define PARAMETERS_H_\n\n#include "defines.h"\n'
            + "\n".join(includes)
            + "\n\n"
            + "\n\n".join(self.configs)
            + "\n\n#endif\n"
        )
        for name, text in self.weights:
            (firmware / "weights" / f"{name}.h").write_text(text)
        arguments = ", ".join(
            f"{name}_t {name}[{size}]" for name, size, _ in [*self.inputs, *self.outputs]
        )
        (firmware / f"{self.name}.h").write_text(
            f'#ifndef MYPROJECT_H_\n#define MYPROJECT_H_\n\n#include "ap_fixed.h"\n'
            f'#include "ap_int.h"\n#include "defines.h"\n\n'
            f"void {self.name}({arguments});\n\n#endif\n"
        )
        body = "\n    ".join(self.calls)
        (firmware / f"{self.name}.cpp").write_text(
            f'#include "{self.name}.h"\n#include "parameters.h"\n\n'
            f"void {self.name}({arguments}) {{\n    {body}\n}}\n"
        )
        return Path(folder)

    def compile(self, folder):
        """Compile the folder; return a function from lists of raw arrays to such a list."""
        firmware = Path(folder) / "firmware"
        names = [*self.inputs, *self.outputs]
        lines = [f"    static {name}_t {name}[{size}];" for name, size, _ in names]
        lines.append("    for (long e = 0; e < n; e++) {")
        for i, (name, size, _) in enumerate(self.inputs):
            lines.append(
                f"        for (int i = 0; i < {size}; i++) "
                f"{name}[i].range() = from[{i}][e * {size} + i];"
            )
        arguments = ", ".join(name for name, _, _ in names)
        lines.append(f"        {self.name}({arguments});")
        for i, (name, size, _) in enumerate(self.outputs):
            lines.append(
                f"        for (int i = 0; i < {size}; i++) "
                f"to[{i}][e * {size} + i] = raw({name}[i]);"
            )
        lines.append("    }")
        (firmware / "harness.cpp").write_text(
            f'#include "{self.name}.h"\n'
            "template <class T> long long raw(T v) {\n"
            "    ap_int<T::width + 1> r = v.range();\n"
            "    long long u = r.to_int64();\n"
            "    bool negative = v < 0;\n"
            "    return negative && T::width < 64 ? u - (1LL << T::width) : u;\n}\n"
            'extern "C" void run(long n, long long **from, long long **to) {\n'
            + "\n".join(lines)
            + "\n}\n"
        )
        library = firmware / "reference.so"
        command = [
            "g++", "-O1", "-w", "-std=c++14", "-fPIC", "-shared", "-fno-strict-aliasing",
            f"-I{firmware}", f"-I{HLS4ML / 'templates/vivado/ap_types'}",
            str(firmware / "harness.cpp"), str(firmware / f"{self.name}.cpp"), "-o", str(library),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[:4000]
        return self._runner(library)

    def _runner(self, library):
        run = ctypes.CDLL(str(library)).run

        def reference(*inputs):
            count = len(inputs[0])
            x = [np.ascontiguousarray(i, np.int64).reshape(count, -1) for i in inputs]
            y = [np.empty((count, size), np.int64) for _, size, _ in self.outputs]
            pointers = [
                (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays))
                for arrays in (x, y)
            ]
            run(ctypes.c_long(count), *pointers)
            return y

        return reference


_CODE_GEN = """#ifndef NNET_INSTR_GEN_H_
#define NNET_INSTR_GEN_H_
#include "nnet_helpers.h"
#include "hls_stream.h"
#include "nnet_common.h"
#include "nnet_function_stubs.h"
#include "nnet_mult.h"
namespace nnet {{
{code}
}}
#endif
"""


def edge_vectors(form, count, size, seed):
    """Return raw inputs: uniform, small, extreme, and single-element events."""
    rng = np.random.default_rng(seed)
    low, high = form.minimum, form.maximum
    x = rng.integers(low, high, (count, size), endpoint=True)
    small = rng.integers(max(low, -40), min(high, 40), (count, size), endpoint=True)
    edges = np.array([low, high, 0, max(low, -1), min(high, 1), low // 2, high // 2])
    kind = rng.integers(0, 4, count)
    x = np.where((kind == 1)[:, None], small, x)
    x = np.where((kind == 2)[:, None], edges[rng.integers(0, len(edges), (count, size))], x)
    alone = np.zeros((count, size), np.int64)
    alone[np.arange(count), rng.integers(0, size, count)] = x[:, 0]
    return np.where((kind == 3)[:, None], alone, x)


def assert_equal(results, references, names):
    """Compare exactly; name the first mismatches."""
    for result, reference, name in zip(results, references, names, strict=True):
        flat = np.asarray(result).reshape(reference.shape)
        rows, columns = np.nonzero(flat != reference)
        first = [
            (int(r), int(c), int(flat[r, c]), int(reference[r, c]))
            for r, c in zip(rows[:5], columns[:5], strict=True)
        ]
        assert not first, f"{name}: {len(rows)} mismatches (event, element, got, expected): {first}"


def check(fw, tmp_path, seed=0, events=EVENTS):
    """Compare the firmware's network with its compiled C++ on random and extreme vectors."""
    folder = fw.write(tmp_path / "project")
    network = Network.from_hls_project(folder)
    reference = fw.compile(folder)
    inputs = [
        edge_vectors(FixedPoint.parse(form), events, size, seed + i)
        for i, (_, size, form) in enumerate(fw.inputs)
    ]
    expected = reference(*inputs)
    results = network.predict_raw(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    assert_equal(results, expected, [name for name, _, _ in fw.outputs])
    return network
