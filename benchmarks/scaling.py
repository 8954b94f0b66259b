"""Two workers against one, and the memory of a worker over many chunks.

Usage: python benchmarks/scaling.py [FILE] [--copies N] [--chunks N]
The insertion runs over links to one file, so that workers share the disk's cache.
"""

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import psutil
from coffea import processor

import l1kd
from l1kd.execution import run

DEFAULT = Path(__file__).resolve().parents[1] / "tests" / "data" / "ttbar2l_PU140.root"


class Insert(processor.ProcessorABC):
    """Insert, and note the worker's memory after every chunk."""

    def process(self, events):
        l1kd.insert(events, ["puppi", "qdistillnet", "cicada"])
        memory = psutil.Process().memory_info().rss / 2**20
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        return {"chunks": [(time.time(), psutil.Process().pid, memory, peak)]}

    def postprocess(self, accumulator):
        return accumulator


def measured(files, **how):
    """Seconds from the first to the last finished chunk, and the notes of all chunks."""
    start = time.perf_counter()
    notes = run(Insert(), files, **how).output["chunks"]
    return time.perf_counter() - start, sorted(notes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--copies", type=int, default=16)
    parser.add_argument("--chunks", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{i}.root" for i in range(arguments.copies)]
        for file in files:
            file.symlink_to(arguments.file.resolve())
        names = [str(file) for file in files]
        for executor in ("futures", "dask"):
            times = {}
            for workers in (1, 2):
                _, notes = measured(names, executor=executor, workers=workers, chunksize=50)
                # from chunk to chunk, so that starting workers does not count
                times[workers] = (notes[-1][0] - notes[0][0]) / (len(notes) - workers)
            print(f"{executor}: {times[1] / times[2]:.2f} x with two workers (aim: 1.7)")
        size = max(1, 50 * arguments.copies // arguments.chunks)
        _, notes = measured(names, executor="futures", workers=2, chunksize=size)
        by_worker = {pid: [n for n in notes if n[1] == pid] for pid in {n[1] for n in notes}}
        for pid, own in by_worker.items():
            early = statistics.median(n[2] for n in own[len(own) // 10 : len(own) // 5])
            late = statistics.median(n[2] for n in own[-len(own) // 10 :])
            print(
                f"worker {pid}: {len(own)} chunks, memory {early:.0f} MiB early, {late:.0f} MiB "
                f"late ({late - early:+.0f}), peak {own[-1][3]:.0f} MiB"
            )


if __name__ == "__main__":
    main()
