"""Rates: memory and time of the accumulators from one to ten million events; one and two workers.

    python benchmarks/rates.py                        # memory
    python benchmarks/rates.py MENU FILE --copies 40  # workers, on copies of a file's events

Events of the first part are drawn: 42 seeds of rising rate that share what an event holds. The
second part writes the events of FILE `--copies` times into files and evaluates MENU on them.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from l1kd.processors.rate_columns import RateColumns
from l1kd.trigger.counts.decisions import Decisions, pack
from l1kd.trigger.counts.spectra import Spectrum
from l1kd.trigger.rates.classes import zero_bias
from l1kd.trigger.rates.curves import normalisation
from l1kd.trigger.rates.tables import menu_rates

CHUNK = 100_000
SEEDS = tuple(f"L1_Seed{i}" for i in range(42))


def peak():
    """Largest resident memory so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(n_chunks=100):
    generator = np.random.default_rng(1)
    cuts = np.linspace(3.0, 9.0, len(SEEDS))
    table, met, columns = Decisions(SEEDS), Spectrum(step=0.5), RateColumns()
    seconds = 0.0
    print(f"{'events':>12} {'peak [MB]':>10} {'patterns':>9} {'values':>8} {'events/s':>11}")
    for i in range(n_chunks):
        hard = generator.exponential(1.0, CHUNK)
        own = hard[:, None] + generator.normal(0.0, 0.5, (CHUNK, len(SEEDS)))
        value = 20.0 * hard
        start = time.perf_counter()
        table = table + Decisions.of(SEEDS, pack(own >= cuts))
        met = met + Spectrum.of(value, step=0.5)
        chunk = {"event_weight": np.ones(CHUNK), "met:puppi": value}
        columns = columns + RateColumns({("f", i * CHUNK): chunk})
        seconds += time.perf_counter() - start
        if i + 1 in (1, 10, 20, 50, n_chunks):
            n = (i + 1) * CHUNK
            held = columns.distributions()["met:puppi"].values.size
            print(f"{n:>12,} {peak():>10.0f} {len(table):>9,} {held:>8,} {n / seconds:>11,.0f}")
    start = time.perf_counter()
    rates = menu_rates(zero_bias({"zb": table}, normalisation("hl_lhc")))
    print(
        f"table of {len(SEEDS)} seeds from {rates.n_events:,} events: "
        f"{time.perf_counter() - start:.2f} s, total {rates.total.value / 1e3:.0f} kHz"
    )


def workers(menu, file, copies, per_file):
    import uproot

    from l1kd.study.menu_rates import MenuRequest, accumulate

    with tempfile.TemporaryDirectory() as folder:
        with uproot.open(file) as root:
            tree = root["Events"]
            arrays = tree.arrays(library="ak")
        counters = {f"n{name.split('_')[0]}" for name in arrays.fields if arrays[name].ndim == 2}
        paths = []
        for i in range(copies):
            path = Path(folder) / f"copy{i}.root"
            with uproot.recreate(path) as out:
                out["Events"] = {n: arrays[n] for n in arrays.fields if n not in counters}
                for _ in range(per_file - 1):
                    out["Events"].extend({n: arrays[n] for n in arrays.fields if n not in counters})
            paths.append(str(path))
        seconds, records = {}, {}
        for n in (1, 2):
            request = MenuRequest(executor="futures", workers=n, weights="none", chunksize=20_000)
            accumulate(menu, [f"zb={p}" for p in paths[:2]], request)  # everything compiled
            start, start_own = time.perf_counter(), time.process_time()
            records[n] = accumulate(menu, [f"zb={p}" for p in paths], request)
            seconds[n] = time.perf_counter() - start
            own = time.process_time() - start_own
            events = records[n].datasets["zb"].used
            print(
                f"{n} workers: {events:,} events in {seconds[n]:.1f} s, of which {own:.1f} s of "
                "processor time to send, merge and wait"
            )
        assert records[1] == records[2]
        print(f"two workers are {seconds[1] / seconds[2]:.2f} times as fast, with the same result")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("menu", nargs="?")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--per-file", type=int, default=5, help="times the events of FILE a file")
    given = parser.parse_args()
    if given.menu:
        workers(given.menu, given.file, given.copies, given.per_file)
    else:
        memory()
