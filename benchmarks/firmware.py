"""Events per second of the emulator, of hls4ml's C++ and of the RTL in Verilator, in the same run.

Run as ``python benchmarks/firmware.py PROJECT...`` with folders that `l1kd build` made; a project
of da4ml or alkaid has all three. They take the vectors that lie in the project and must give what
lies beside them. C++ and RTL are compiled as the proof compiles them, C++ with -O1, Verilator's
without optimization, and time to compile is told apart. All times are processor time, medians of
turns after one to warm up; programs read and write their vectors in files, which counts.
"""

import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from l1kd.models.firmware import project
from l1kd.models.firmware.rtl.rtl import pack, unpack
from l1kd.models.firmware.tools import cpp, verilator
from l1kd.models.firmware.vectors import vectors

REPEATS = 5


def own_time():
    return time.thread_time()


def child_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cplusplus(folder, scratch):
    """Return a function from raw inputs to raw results."""
    return cpp.compile_project(folder / "hls", scratch).run


def simulated(folder, scratch, network, design):
    """Return a function from raw inputs to raw results, as `verilator.simulate` has it."""
    program = verilator.compile_simulation(folder, design, scratch)
    inputs = vectors.element_formats(network)
    outputs = vectors.element_formats(network, "outputs")
    source, target = scratch / "stimulus.bin", scratch / "response.bin"

    def run(raw):
        pack(raw, inputs).tofile(source)
        subprocess.run([str(program), str(source), str(target)], check=True)
        words = -(-design.output_bits // 32)
        return unpack(np.fromfile(target, np.uint32).reshape(-1, words), outputs)

    return run


def timed(clock, action):
    start = clock()
    result = action()
    return clock() - start, result


def measure(folder):
    description = project.read_description(folder)
    network = project.read_network(folder)
    given, expected = project.read_vectors(folder, description)
    raw = np.asarray(given.raw, np.int64)
    print(f"{folder.name}: {len(raw):,} vectors of {raw.shape[1]} inputs")
    runs = {"emulator": (own_time, lambda: vectors.emulate(network, raw))}
    with tempfile.TemporaryDirectory() as scratch:
        makers = {}
        if description.get("hls"):
            makers["hls4ml C++"] = lambda where: cplusplus(folder, where)
        if description.get("rtl") and verilator.available() is None:
            design = project.design_from(description["rtl"], folder)
            makers["Verilator"] = lambda where: simulated(folder, where, network, design)
        for name, make in makers.items():
            where = Path(scratch, name.split()[-1])
            where.mkdir()
            taken, run = timed(child_time, lambda make=make, where=where: make(where))
            print(f"  {name}: compiled in {taken:.1f} s")
            runs[name] = (child_time, lambda run=run: run(raw))
        compare(runs, expected)


def compare(runs, expected):
    times = {name: [] for name in runs}
    for turn in range(REPEATS + 1):
        for name, (clock, action) in runs.items():
            taken, result = timed(clock, action)
            if not np.array_equal(result, expected):
                print(f"  {name}: results DIFFER")
            if turn:
                times[name].append(taken)
    rates = {name: len(expected) / statistics.median(mine) for name, mine in times.items()}
    for name, rate in rates.items():
        ratio = rates["emulator"] / rate
        beside = "" if name == "emulator" else f": the emulator is {ratio:.1f} times as fast"
        print(f"  {name}: {rate:.3g} events/s{beside}")


def main(folders):
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
          f"NumPy {np.__version__}; one thread, processor time, medians of {REPEATS}")  # fmt: skip
    for folder in folders:
        measure(Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
