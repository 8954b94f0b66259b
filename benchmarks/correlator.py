"""Speed of the correlator emulators against the compiled reference, one thread.

Usage: benchmarks/correlator.py [--shared ../shared] [--repeats 15] [--reference COMMAND]

The reference numbers are those of golden/correlator/speed_reference_cpp.json. `--reference` names
a program, built by the user from his own CMSSW checkout, that takes the golden folder as its
argument, measures, and prints a JSON document of the same form; its figures, from the same run,
take the place of the recorded ones. Times are process CPU times, the best of the repeats, as for
the reference, and LinPuppi writes into the arrays of an earlier call.

Whole events follow: LinPuppi's chain step by step, and the chain with the shipped network in its
regions beside the same steps in float (`benchmarks/regions.py`).
"""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import numba
import numpy as np
import regions

from l1kd.algorithms.correlator import SHIPPED
from l1kd.emulators.correlator.chain import (
    BATCH,
    FINAL_SLOTS,
    ORDER,
    _algorithms,
    _lists,
    _result,
    _rows,
    correlate,
)
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.linpuppi.output_lists import final_arrays
from l1kd.emulators.correlator.regionizer import (
    Batch,
    Regionizer,
    read_particles,
    read_vertices,
)
from l1kd.emulators.correlator.regionizer.kernels import LOSSES, collect
from l1kd.emulators.correlator.regionizer.regionizer import PUPPI_TRACKS
from l1kd.emulators.correlator.sums import ht, met

Arrays = dict[str, np.ndarray]


def best(function: Callable[[], object], repeats: int) -> float:
    """Return the shortest CPU time [s] of one call, after one call that compiles."""
    function()
    shortest = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        function()
        shortest = min(shortest, time.process_time() - start)
    return shortest


def load(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def reference_rate(results: list[dict], **wanted: object) -> float:
    """Return the fastest recorded rate per second of the compiled reference."""
    rates = [
        r.get("regions_per_s", r.get("events_per_s", 0.0))
        for r in results
        if all(r.get(k) == v for k, v in wanted.items())
    ]
    return max(rates, default=float("nan"))


def report(name: str, rate: float, reference: float) -> None:
    print(f"{name:34s} {rate:12,.0f}/s   reference {reference:10,.0f}/s   {rate / reference:8.1f}x")


def compare(folder: Path, results: list[dict], repeats: int) -> None:
    """Print the rates on the golden mix ("dev") and on realistic occupancy ("real")."""
    for name in PRESETS:
        golden = load(folder / f"linpuppi_{name}_dev.npz")
        for data, chosen in (("dev", slice(None)), ("real", golden["category"] == 0)):
            inputs = {k: v[chosen] for k, v in golden.items()}
            algorithm = LinPuppi.preset(name)
            out = algorithm.run(inputs)
            seconds = best(lambda a=algorithm, i=inputs, o=out: a.run(i, o), repeats)
            rate = reference_rate(results, algo="LinPuppi.run", config=name, data=data)
            report(f"LinPuppi {name} {data}", len(inputs["n_neu"]) / seconds, rate)
    golden = load(folder / "scjets_dev.npz")
    for data, chosen in (("dev", slice(None)), ("real", golden["category"] == 0)):
        inputs = {k: v[chosen] for k, v in golden.items()}
        for cone in (0.4, 0.8):
            jets = SeededCone(cone)
            seconds = best(lambda j=jets, i=inputs: j.run(i), repeats)
            rate = reference_rate(
                results, algo="L1SCJetEmu.emulateEvent", cone=cone, doMass=1, data=data
            )
            report(f"jets {cone} with mass {data}", len(inputs["n_cand"]) / seconds, rate)
        seconds = best(lambda i=inputs: met(i), repeats)
        rate = reference_rate(results, algo="met", data=data)
        report(f"MET {data}", len(inputs["n_cand"]) / seconds, rate)
    golden = load(folder / "htmht_dev.npz")
    seconds = best(lambda: ht(golden), repeats)
    report("HT and MHT dev", len(golden["n_jets"]) / seconds, reference_rate(results, algo="ht"))


def delphes(path: Path) -> tuple[Arrays, np.ndarray]:
    """Read the particles of a Delphes file into flat columns."""
    import awkward as ak
    import uproot

    fields = {
        "EFlowTrack": ("PT", "Eta", "Phi", "Charge", "PID", "DZ"),
        "EFlowPhoton": ("ET", "Eta", "Phi"),
        "EFlowNeutralHadron": ("ET", "Eta", "Phi"),
    }
    with uproot.open({path: "Delphes"}) as tree:
        names = [f"{c}.{f}" for c, columns in fields.items() for f in columns]
        a = tree.arrays(names, entry_stop=500)
    parts = []
    for kind, (collection, columns) in zip((0, 3, 4), fields.items(), strict=True):
        part = dict(
            zip(("pt", "eta", "phi"), (a[f"{collection}.{c}"] for c in columns), strict=False)
        )
        zero = ak.zeros_like(part["pt"], dtype=np.int64)
        part["charge"], part["pid"], part["z0"] = zero, zero + kind, zero * 1.0
        if kind == 0:
            part["charge"] = a["EFlowTrack.Charge"]
            size = abs(a["EFlowTrack.PID"])
            part["pid"] = ak.where(size == 11, 1, ak.where(size == 13, 2, 0))
            part["z0"] = a["EFlowTrack.DZ"] / 10  # mm to cm
        parts.append(part)
    joined = {k: ak.concatenate([p[k] for p in parts], axis=1) for k in parts[0]}
    counts = ak.to_numpy(ak.num(joined["pt"]))
    return {k: ak.to_numpy(ak.flatten(v)) for k, v in joined.items()}, np.concatenate(
        [[0], np.cumsum(counts)]
    )


def chain(path: Path, repeats: int) -> None:
    """Print where the time of a whole event goes."""
    particles, offsets = delphes(path)
    n = len(offsets) - 1
    total = best(lambda: correlate(particles, offsets), repeats) / n
    columns, bounds = read_particles(particles, offsets)
    batch, limits = Batch(BATCH), Regionizer().limits
    lost, weights = np.zeros((n, len(LOSSES)), np.int64), np.zeros(len(columns[0]), np.float32)
    lists, algorithms = _lists(n), _algorithms({})
    arguments = [batch.arguments(kind) for kind in range(len(algorithms))]
    final = final_arrays(batch.rows[-1].stop, FINAL_SLOTS, algorithms[0].parameters)
    parts = [_rows(final, rows) for rows in batch.rows]
    collected = ((*final[0][:3], final[0][5]), final[1][0], *final[3:])
    shortest = {"regionizer": np.inf, "108 regions": np.inf, "list": np.inf, "jets, sums": np.inf}
    for _ in range(repeats):
        spent, vertices = dict.fromkeys(shortest, 0.0), read_vertices(None, columns, bounds)
        for first in range(0, n, BATCH):
            last = min(first + BATCH, n)
            t0 = time.process_time()
            batch.fill(first, last, bounds, columns, limits, vertices, lost)
            t1 = time.process_time()
            for algorithm, inputs, out in zip(algorithms, arguments, parts, strict=True):
                algorithm.run_final(*inputs, out)
            t2 = time.process_time()
            collect(
                first, last, ORDER, batch.boards, PUPPI_TRACKS, collected, batch.tracks[1],
                batch.neutrals[1], batch.whole, weights, lists, lost,
            )  # fmt: skip
            t3 = time.process_time()
            for key, seconds in zip(spent, (t1 - t0, t2 - t1, t3 - t2), strict=False):
                spent[key] += seconds
        t4 = time.process_time()
        _result(weights, vertices, lists, SeededCone(), lost)
        spent["jets, sums"] = time.process_time() - t4
        shortest = {k: min(v, spent[k]) for k, v in shortest.items()}
    print(f"\n{path.name}: {n} events, {offsets[-1] / n:.0f} particles each, microseconds an event")
    for key, seconds in shortest.items():
        print(f"  {key:34s} {1e6 * seconds / n:8.1f}")
    after = sum(v for k, v in shortest.items() if k != "regionizer")
    print(f"  {'regions, list, jets, MET, HT':34s} {1e6 * after / n:8.1f}   (aim: below 150)")
    print(f"  {'correlate(), from flat columns':34s} {1e6 * total:8.1f}")
    clusterer = Clusterer()
    formed = best(lambda: clusterer.run(particles, offsets), repeats) / n
    whole = best(lambda: correlate(particles, offsets, clusters=clusterer), repeats) / n
    print(f"  {'clusters':34s} {1e6 * formed:8.1f}")
    print(f"  {'correlate() with clusters':34s} {1e6 * whole:8.1f}   (aim: below 1000)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(__file__).resolve().parents[2] / "shared"
    parser.add_argument("--shared", type=Path, default=default)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--reference", help="program that measures the compiled reference now")
    arguments = parser.parse_args()
    folder = arguments.shared / "golden" / "correlator"
    if arguments.reference:
        done = subprocess.run(
            [arguments.reference, str(folder)], check=True, capture_output=True, text=True
        )
        recorded, origin = json.loads(done.stdout), arguments.reference
    else:
        recorded = json.loads((folder / "speed_reference_cpp.json").read_text())
        origin = f"recorded, {recorded['conditions']['cpu']}"
    print(
        f"l1kd: {platform.processor() or platform.machine()}, numba {numba.__version__}, 1 thread"
    )
    print(f"reference: {origin}\n")
    compare(folder, recorded["results"], arguments.repeats)
    sample = arguments.shared / "samples" / "pu200" / "test_minbias.root"
    if sample.is_file():
        chain(sample, arguments.repeats)
        print(f"\n{sample.name} with {SHIPPED} in the regions")
        regions.compare(SHIPPED, str(sample), events=64, repeats=arguments.repeats)


if __name__ == "__main__":
    main()
