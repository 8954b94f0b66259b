"""Time of the whole correlator with a network in its regions, an event, beside the same in float.

    python benchmarks/regions.py MODEL FILE [--events 64] [--repeats 5]

MODEL is an artefact of kind "correlator", FILE holds Delphes events. One thread; processor time, of
which the least of the repeats counts. The float chain forms clusters, inputs, weights, jets, MET
and HT in NumPy and in double precision; regions and lists are those of the integers, and their time
is in both.
"""

import argparse
import os
from collections.abc import Callable
from time import process_time

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np

from l1kd._edge import flat, offsets_of
from l1kd.algorithms.region_networks import RegionNetwork, region_network
from l1kd.candidates import candidates
from l1kd.datasets import inspect_file
from l1kd.emulators.correlator.chain import CorrelatorResult, correlate
from l1kd.emulators.correlator.clusters.floating import cluster_float
from l1kd.emulators.correlator.floating import ht_float, met_float, seeded_cone_float
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.sums import select_jets
from l1kd.emulators.correlator.weighing import region_inputs
from l1kd.emulators.correlator.weighing.floating import network_float, region_inputs_float
from l1kd.emulators.correlator.weighing.input_kernels import NUMBERS


def fastest(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = process_time()
        work()
        times.append(process_time() - start)
    return min(times)


def columns_of(file: str, events: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    particles = candidates(inspect_file(file).open(0, events))
    names = ("pt", "eta", "phi", "charge", "pid", "dz")
    columns = {name: flat(particles[name], None) for name in names}
    columns["z0"] = np.clip(np.nan_to_num(columns.pop("dz"), nan=25.0), -25.0, 25.0)
    return columns, offsets_of(particles["pt"])


def in_float(
    model: RegionNetwork, columns: dict[str, np.ndarray], offsets: np.ndarray,
    result: CorrelatorResult,
) -> None:  # fmt: skip
    """The steps in double precision; jets and sums are those of the integers' list."""
    formed = result.clusters
    if formed is not None:
        cluster_float(columns, offsets, windows=model.clusters.windows)
        columns, offsets = formed.particles, formed.offsets
    regions, _ = Regionizer().run(columns, offsets)
    n = len(offsets) - 1
    for board in BOARDS:
        puppi = model.puppi.get(board.name) or LinPuppi.preset(board.name)
        words = np.zeros((n * board.n_regions, NUMBERS))
        values = region_inputs_float(
            regions[board.name], puppi.parameters, words, model.weight.names
        )
        network_float(model.weight.network, values.reshape(-1, values.shape[2]))
    seeded_cone_float(result.candidates, SeededCone())
    met_float(result.candidates)
    ht_float(select_jets(result.jets))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file")
    parser.add_argument("--events", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    compare(options.model, options.file, options.events, options.repeats)


def compare(name: str, file: str, events: int, repeats: int) -> None:
    """Print the times of the steps and the ratio of the chains in float and in integers."""
    model = region_network(name)
    columns, offsets = columns_of(file, events)
    clusterer = model.clusters
    chain = {"clusters": clusterer, "puppi": model.puppi}
    model.weight.network.specialise()
    n = len(offsets) - 1

    def whole() -> CorrelatorResult:
        return correlate(columns, offsets, weight=model.weight, **chain)

    result = whole()
    given = (columns, offsets)
    if clusterer is not None:
        formed = clusterer.run(columns, offsets)
        given = (formed.particles, formed.offsets)
    rows = region_inputs(
        *given, names=model.weight.names, tracks=model.weight.tracks, puppi=model.puppi
    )
    steps = {
        "whole chain with the network": whole,
        "the same with LinPUPPI": lambda: correlate(columns, offsets, **chain),
        "clusters": lambda: clusterer.run(columns, offsets) if clusterer else None,
        "network alone": lambda: model.weight.weigh(rows.values),
        "chain in float": lambda: in_float(model, columns, offsets, result),
    }
    print(f"{n} events, {offsets[-1] / n:.0f} particles, {len(rows.source) / n:.0f} weighed")
    spent = {}
    for step, work in steps.items():
        work()
        spent[step] = fastest(work, repeats) / n
        print(f"  {step:32s} {1e6 * spent[step]:9.1f} us an event")
    ratio = spent["chain in float"] / spent["whole chain with the network"]
    print(f"  {'in float over in integers':32s} {ratio:9.1f}")


if __name__ == "__main__":
    main()
