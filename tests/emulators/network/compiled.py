"""Compile the firmware folders that `graphs.py` writes, as references.

Run as a module, in a process of its own, it computes the events in ``inputs.npz`` of a folder:
``python -m tests.emulators.network.compiled FOLDER``
"""

import ctypes
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.emulators.network.firmware import HLS4ML


def lines_of(ports):
    """Yield the C++ that moves raw integers into and out of one event's tensors."""
    stream = ports["stream"]
    for i, port in enumerate(ports["inputs"]):
        name, kind, size = port["name"], port["type"], port["size"]
        if stream:
            yield f"hls::stream<{kind}> {name};"
            yield (
                f"for (long k = 0; k < {size}; k += {kind}::size) {{ {kind} p; "
                f"for (unsigned j = 0; j < {kind}::size; j++) "
                f"p[j].range() = from[{i}][e * {size} + k + j]; {name}.write(p); }}"
            )
        else:
            yield f"static {kind} {name}[{size}];"
            loop = f"for (long k = 0; k < {size}; k++)"
            yield f"{loop} {name}[k].range() = from[{i}][e * {size} + k];"
    for port in ports["outputs"]:
        name, kind, size = port["name"], port["type"], port["size"]
        yield f"hls::stream<{kind}> {name};" if stream else f"static {kind} {name}[{size}];"
    names = [port["name"] for port in [*ports["inputs"], *ports["outputs"]]]
    yield f"myproject({', '.join(names)});"
    for i, port in enumerate(ports["outputs"]):
        name, kind, size = port["name"], port["type"], port["size"]
        if stream:
            yield (
                f"for (long k = 0; k < {size}; k += {kind}::size) {{ {kind} p = {name}.read(); "
                f"for (unsigned j = 0; j < {kind}::size; j++) "
                f"to[{i}][e * {size} + k + j] = raw(p[j]); }}"
            )
        else:
            yield f"for (long k = 0; k < {size}; k++) to[{i}][e * {size} + k] = raw({name}[k]);"
    for name in names if stream else ():
        yield f"left += {name}.size();"


HARNESS = """#include "firmware/myproject.h"
template <class T> long long raw(T v) {{
    ap_int<T::width + 1> r = v.range();
    long long u = r.to_int64();
    return v < 0 && T::width < 64 ? u - (1LL << T::width) : u;
}}
extern "C" long run(long n, long long **from, long long **to) {{
    long left = 0;
    for (long e = 0; e < n; e++) {{
        {body}
    }}
    return left;
}}
"""


def compile_folder(folder, optimise="-O1"):
    """Compile the folder; return its ports and a function from raw arrays to raw arrays."""
    folder = Path(folder)
    ports = json.loads((folder / "ports.json").read_text())
    body = "\n        ".join(lines_of(ports))
    (folder / "harness.cpp").write_text(HARNESS.format(body=body))
    library = folder / "reference.so"
    types = HLS4ML / "templates/vivado/ap_types"
    command = [
        "g++", optimise, "-w", "-std=c++17", "-fPIC", "-shared", "-fno-gnu-unique", f"-I{types}",
        f'-DWEIGHTS_DIR="{folder}/firmware/weights"', f"-I{folder}", str(folder / "harness.cpp"),
        str(folder / "firmware/myproject.cpp"), "-o", str(library),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:4000]
    run = ctypes.CDLL(str(library)).run
    run.restype = ctypes.c_long

    def reference(*inputs):
        count = len(inputs[0])
        x = [np.ascontiguousarray(i, np.int64).reshape(count, -1) for i in inputs]
        y = [np.empty((count, port["size"]), np.int64) for port in ports["outputs"]]
        pointers = [
            (ctypes.c_void_p * len(arrays))(*(a.ctypes.data for a in arrays)) for arrays in (x, y)
        ]
        left = run(ctypes.c_long(count), *pointers)
        assert left == 0, f"{left} packets were left in streams"
        return y

    return ports, reference


if __name__ == "__main__":
    where = Path(sys.argv[1])
    with np.load(where / "inputs.npz") as arrays:
        np.savez(where / "results.npz", *compile_folder(where, "-O0")[1](*arrays.values()))
