"""Time of the whole insertion against the time that uproot needs to read the same columns.

Usage: python benchmarks/insertion.py [FILE] [--repeats N]
One thread. Every repeat opens the file anew; medians are printed with the smallest and largest.
"""

import argparse
import os
import statistics
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import awkward as ak
import uproot
from coffea.nanoevents import DelphesSchema, NanoEventsFactory

import l1kd
from l1kd.algorithms import Cicada, Puppi, QDistillNet

ALGORITHMS = ("puppi", "qdistillnet", "cicada")
DEFAULT = Path(__file__).resolve().parents[1] / "tests" / "data" / "ttbar2l_PU140.root"


def opened(path, log=None):
    return NanoEventsFactory.from_root(
        {str(path): "Delphes"}, schemaclass=DelphesSchema, access_log=log
    ).events()


def columns_read(path):
    """Branches that the insertion reads."""
    log = []
    l1kd.insert(opened(path, log), ALGORITHMS)
    return sorted({entry.branch for entry in log})


def timed(functions, repeats):
    """Wall and processor times [s] of functions called in turn, so that load hits all alike."""
    times = {name: ([], []) for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            function()
            times[name][0].append(time.perf_counter() - start)
            times[name][1].append(time.process_time() - start_cpu)
    return times


def show(name, times, n_events, unit):
    wall, cpu = times
    median = statistics.median(cpu)
    print(
        f"{name:34s} {median / n_events * 1e3:7.3f} ms/event processor time "
        f"({min(cpu) / n_events * 1e3:.3f} to {max(cpu) / n_events * 1e3:.3f}), "
        f"wall {statistics.median(wall) / n_events * 1e3:7.3f}  {median / unit:5.2f} x reading"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    path, repeats = arguments.file, arguments.repeats
    branches = columns_read(path)  # also compiles or loads every kernel
    n_events = len(opened(path))

    def read():
        with uproot.open(path) as file:
            file["Delphes"].arrays([b.split("/")[-1] for b in branches])

    def whole():
        l1kd.insert(opened(path), ALGORITHMS)

    print(
        f"{path.name}: {n_events} events, {len(branches)} branches, load {os.getloadavg()[0]:.1f}"
    )
    loaded = opened(path)
    particles = ak.materialize(l1kd.candidates(loaded))
    with_puppi = l1kd.insert(loaded, ["puppi", "cicada"])
    times = timed(
        {
            "uproot reads the same columns": read,
            "coffea opens the file": lambda: opened(path),
            "open, read and insert": whole,
            "candidates, columns in memory": lambda: ak.materialize(l1kd.candidates(loaded)),
            "puppi": lambda: Puppi()(loaded),
            "qdistillnet": lambda: QDistillNet()(with_puppi),
            "cicada": lambda: Cicada()(loaded),
        },
        repeats,
    )
    reading = statistics.median(times["uproot reads the same columns"][1])
    for name, measured in times.items():
        show(name, measured, n_events, reading)
    inserting = statistics.median(times["open, read and insert"][1])
    opening = statistics.median(times["coffea opens the file"][1])
    print(
        f"insertion: {(inserting - opening) / reading:.2f} x the time of reading alone (aim: at "
        f"most 1.5), {inserting / reading:.2f} x with coffea's opening of this file, "
        f"{n_events / inserting:.0f} events/s, "
        f"{len(ak.flatten(particles.pt)) / n_events:.0f} particles an event"
    )


if __name__ == "__main__":
    main()
