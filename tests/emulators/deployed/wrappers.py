"""The published wrapper classes, compiled: the emulators that CMSSW loads.

They are looked for in the folder that the environment variable `L1KD_DEPLOYED` names: clones of
cms-hls4ml/AXOL1TL, CICADA, TOPO and so on, each under its own name.
"""

import ctypes
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.emulators.network.firmware import HLS4ML

__all__ = ["checkout", "compile_wrapper"]

VARIABLE = "L1KD_DEPLOYED"
MODEL = """#ifndef EMULATOR_H_
#define EMULATOR_H_
#include <any>
namespace hls4mlEmulator {
class Model {
public:
    virtual void prepare_input(std::any) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any) = 0;
    virtual ~Model() = default;
};
}
#endif
"""
HARNESS = """#include <any>
#include <array>
#include <utility>
#include "ap_fixed.h"
#include "ap_int.h"
#include "emulator.h"
extern "C" hls4mlEmulator::Model* create_model();
template <class T> long long raw(T v) {{
    long long bits = ap_uint<64>(v.range()).to_int64();
    return v < 0 && T::width < 64 ? bits - (1LL << T::width) : bits;
}}
typedef {passed} passed_t;
typedef {result} result_t;
extern "C" void run(long n, long size, const long long *from, long width, long long *to) {{
    hls4mlEmulator::Model *model = create_model();
    static passed_t passed[4096];
    for (long e = 0; e < n; e++) {{
        for (long i = 0; i < size; i++) passed[i].range() = from[e * size + i];
        model->prepare_input((passed_t *)passed);
        model->predict();
        static result_t result{array};
        model->read_result((result_t *){reference}result);
        long long *out = to + e * width;
{reading}
    }}
    delete model;
}}
"""


def checkout(*names):
    """Return a folder of a user's checkouts, or skip."""
    root = os.environ.get(VARIABLE)
    if not root:
        pytest.skip(f"{VARIABLE} does not name a folder with clones of the public networks")
    folder = Path(root).joinpath(*names)
    if not folder.is_dir():
        pytest.skip(f"{VARIABLE} has no {folder.relative_to(root)}")
    return folder


def compile_wrapper(folder, target, passed, result, reading, *, array="[4]", width):
    """Compile a version's wrapper; return a function of raw int64 rows to raw int64 rows.

    `passed` and `result` are the C++ types that the caller passes and gets, `reading` C++ that
    writes `out` from `result`, `array` its extent where the caller passes an array.
    """
    target.mkdir(exist_ok=True)
    (target / "emulator.h").write_text(MODEL)
    source, library = target / "harness.cpp", target / "wrapper.so"
    source.write_text(
        HARNESS.format(
            passed=passed,
            result=result,
            array=array,
            reference="" if array else "&",
            reading=reading,
        )
    )
    ap_types = next(folder.rglob("ap_fixed.h"), None)
    types = HLS4ML / "templates" / "vivado" / "ap_types" if ap_types is None else ap_types.parent
    sources = [path for path in sorted(folder.rglob("*.cpp")) if not path.stem.endswith("_tb")]
    sources = [path for path in sources if path.stem not in ("algo_unpacked", "myproject_bridge")]
    # permissive: the jet tagger's wrapper includes a header that needs another one before it
    command = ["g++", "-O1", "-w", "-fpermissive", "-std=c++17", "-fPIC", "-shared",
               f"-I{target}", f"-I{types}",
               f"-I{folder}", f"-I{folder / 'NN'}", f"-I{folder / 'NN' / 'nnet_utils'}",
               str(source), *map(str, sources), "-o", str(library)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr[:3000]
    run = ctypes.CDLL(str(library)).run

    def wrapper(rows):
        rows = np.ascontiguousarray(rows, np.int64)
        out = np.zeros((len(rows), width), np.int64)
        run(*(ctypes.c_long(x) for x in (len(rows), rows.shape[1])),
            ctypes.c_void_p(rows.ctypes.data), ctypes.c_long(width),
            ctypes.c_void_p(out.ctypes.data))  # fmt: skip
        return out

    return wrapper
