"""Speed of firmware folders against their own C++, one thread, in the same run.

Run as ``python benchmarks/folders.py FOLDER...``, with folders as hls4ml writes them or as CMS
publishes them. The C++ of a folder is compiled with -O1 and called in this process, on the same raw
integers, and must give the same results. The emulator gets its rows as a user has them: int64, the
smallest integers that hold the inputs' formats, and float32 where there is one input. Processor
time, medians of turns after one to warm up; time to compile is told apart.
"""

import ctypes
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from l1kd.emulators.network import Network
from l1kd.emulators.network.cpp.source import read_project
from l1kd.models.firmware.vectors import vectors

REPEATS = 5
FLAGS = ("-O1", "-w", "-std=c++17", "-fPIC", "-shared", "-fno-gnu-unique", "-fno-strict-aliasing")

HARNESS = """#include <cstdint>
#include <tuple>
#include <type_traits>
#include "{source}"
template <class F> struct signature;
template <class... A> struct signature<void (*)(A...)> {{
    template <int N> using port = typename std::remove_pointer<
        typename std::tuple_element<N, std::tuple<A...>>::type>::type;
}};
template <class T> int64_t raw(const T &value) {{
    T copy = value;
    uint64_t bits = copy.range().to_uint64();
    return T::width < 64 && value < 0 ? (int64_t)(bits | (~0ULL << (T::width % 64))) : bits;
}}
extern "C" void run(long n, const int64_t *in, int64_t *out) {{
    using top = signature<decltype(&{top})>;
{ports}
    for (long e = 0; e < n; e++) {{
{fill}
        {top}({names});
{keep}
    }}
}}
"""


def harness(project):
    """Return C++ that runs many events of raw integers."""
    names = [*project.inputs, *project.outputs]
    sizes = [project.tensors[name].size for name in names]
    count = len(project.inputs)
    fill = [
        f"        for (int i = 0; i < {size}; i++) p{n}[i].range() = *in++;"
        for n, size in enumerate(sizes[:count])
    ]
    keep = [
        f"        for (int i = 0; i < {size}; i++) *out++ = raw(p{n}[i]);"
        for n, size in list(enumerate(sizes))[count:]
    ]
    scope = f"{project.namespace}::" if project.namespace else ""
    return HARNESS.format(
        source=Path(project.location.path).name,
        top=f"{scope}{project.name}",
        ports="\n".join(f"    static top::port<{n}> p{n}[{s}];" for n, s in enumerate(sizes)),
        fill="\n".join(fill),
        names=", ".join(f"p{n}" for n in range(len(sizes))),
        keep="\n".join(keep),
    )


def compiled(folder, scratch):
    """Return a function from raw rows to raw results, and the seconds it took to compile."""
    project = read_project(folder)
    root = folder if folder.is_dir() else folder.parent
    source = (root / project.location.path).parent
    start = time.perf_counter()
    (scratch / "harness.cpp").write_text(harness(project))
    library = scratch / "reference.so"
    headers = {path.parent for path in root.rglob("ap_fixed.h")} or {_types()}
    include = [f"-I{path}" for path in (source, *sorted(headers))]
    command = ["g++", *FLAGS, *include, str(scratch / "harness.cpp"), "-o", str(library)]
    subprocess.run(command, check=True)
    run = ctypes.CDLL(str(library)).run
    size = sum(project.tensors[name].size for name in project.outputs)

    def reference(x):
        x = np.ascontiguousarray(x, np.int64)
        y = np.empty((len(x), size), np.int64)
        run(ctypes.c_long(len(x)), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data))
        return y

    return reference, time.perf_counter() - start


def _types():
    import hls4ml

    return Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"


def seconds(*actions):
    """Return the median processor time of every action; they take turns."""
    times = [[] for _ in actions]
    for action in actions:
        action()
    for _ in range(REPEATS):
        for action, mine in zip(actions, times, strict=True):
            start = time.thread_time()
            action()
            mine.append(time.thread_time() - start)
    return [statistics.median(mine) for mine in times]


def smallest(form):
    """Return the smallest type that holds a format."""
    for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32"):
        info = np.iinfo(name)
        if info.min <= form.minimum and form.maximum <= info.max:
            return name
    return "int64"


def rows(network, count):
    """Return raw inputs over the whole range of their formats, a third of them small.

    Codes of an embedding stay inside its table: C++ does not define what others give.
    """
    rng, parts = np.random.default_rng(0), []
    for low, high in vectors.split(network, np.stack(vectors.limits(network))):
        x = rng.integers(low, high, (count, low.size), endpoint=True)
        x[::3] //= 64
        parts.append(np.maximum(x, low))
    return parts


def joined(results):
    parts = results if isinstance(results, tuple) else (results,)
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def report(folder):
    """Print the speed of one folder."""
    network = Network.from_hls_project(folder)
    start = time.perf_counter()
    special = network.specialise()
    took = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as scratch:
        reference, compile_time = compiled(folder, Path(scratch))
        parts = rows(network, 20_000)
        side_by_side = np.concatenate(parts, axis=1)
        few = side_by_side[:300]
        start = time.thread_time()
        reference(few)
        count = max(min(int(len(few) * 0.3 / (time.thread_time() - start)), 10_000), 50)
        few = side_by_side[:count]
        wrong = (joined(network.predict_raw(*parts))[:count] != reference(few)).any(1).sum()
        kinds = {"int64": parts}
        kinds["smallest"] = [
            x.astype(smallest(tensor.format))
            for x, tensor in zip(parts, network.inputs, strict=True)
        ]
        actions = [lambda few=few: reference(few)]
        actions += [lambda mine=mine: network.predict_raw(*mine) for mine in kinds.values()]
        floats = [
            tensor.format.to_float(x).astype(np.float32)
            for x, tensor in zip(parts, network.inputs, strict=True)
        ]
        actions.append(lambda: network.predict(*floats))
        peer, *mine = seconds(*actions)
    how = f"machine code, {took:.1f} s" if special else "general machine"
    base = count / peer
    print(f"{folder}: {how}; C++ compiled in {compile_time:.0f} s, {base:.3g} events/s; "
          f"{wrong} of {count} rows differ")  # fmt: skip
    for kind, time_used in zip((*kinds, "float32"), mine, strict=True):
        rate = len(side_by_side) / time_used
        print(f"  {kind}: {rate:.3g} events/s, {rate / base:.0f} times its C++", flush=True)


def main(paths):
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
          f"NumPy {np.__version__}; one thread, medians of {REPEATS}")  # fmt: skip
    print(f"g++ {' '.join(FLAGS)}")
    for path in paths:
        report(Path(path))


if __name__ == "__main__":
    main(sys.argv[1:])
