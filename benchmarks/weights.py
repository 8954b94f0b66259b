"""Processor time of the students against the teacher's, for 9,000 particles.

Usage: python benchmarks/weights.py FILE [--models NAME ...] [--rounds N]
One thread. In every round each network is measured once at each batch size, so that the load of the
machine hits all alike; medians over the rounds at the best batch size of each. Sums over neighbours
are inputs of the students and counted separately; the teacher forms its own.
"""

import argparse
import os
import platform
import statistics
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"
os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = "1"

import numpy as np

from l1kd.models.evaluation.cost import PARTICLES_AN_EVENT, operations
from l1kd.models.evaluation.networks import judged
from l1kd.models.weights.particles import read_particles
from l1kd.models.weights.trained_teacher import open_teacher

MODELS = (
    "teacher-v2",
    "distillnet_local-v1",
    "distillnet_small-v1",
    "distillnet_tiny-v1",
    "qdistillnet_local-v1",
    "qdistillnet_hgq-v1",
    "qdistillnet_small-v1",
)
TEACHER_EVENTS = (1, 2, 4, 8)
ROWS = (64, 256, 1024, 4096, 16384, 65536)
LEAST_SECONDS = 0.02
"""A processor's clock ticks coarsely: calls are repeated until they last this long."""


def calls(networks, particles):
    """Return what is measured: {(network, batch): (call, particles, calls a measurement)}."""
    found = {}
    for network in networks:
        if network.kind == "teacher":
            weigh = open_teacher(network.artefact)
            for events in TEACHER_EVENTS:
                block = particles.events(0, events)
                found[network.name, f"{events} events"] = (partial(weigh, block), len(block))
            continue
        rows = network.features(particles)
        for size in ROWS:
            few = np.ascontiguousarray(np.resize(rows, (size, rows.shape[1])))
            found[network.name, f"{size} rows"] = (partial(network.infer, few), size)
        name = f"inputs of {network.name}"
        every = f"{particles.n_events} events"
        found[name, every] = (
            partial(network.features, particles),
            len(particles),
        )
    return {key: (*call, repeats(call[0])) for key, call in found.items()}


def repeats(call):
    """Count calls that last long enough together, after one that loads and compiles."""
    call()
    begun = time.process_time()
    call()
    return max(1, round(LEAST_SECONDS / max(time.process_time() - begun, 1e-6)))


def measured(found, rounds):
    """Return processor times [ms] for 9,000 particles, a list for each key."""
    times = {key: [] for key in found}
    for _ in range(rounds):
        for key, (call, size, number) in found.items():
            begun = time.process_time()
            for _ in range(number):
                call()
            spent = (time.process_time() - begun) / number
            times[key].append(1e3 * spent * PARTICLES_AN_EVENT / size)
    return times


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    networks = judged(options.models)
    particles, _ = read_particles([options.file], max(TEACHER_EVENTS))
    times = measured(calls(networks, particles), options.rounds)
    best = {}
    for (name, batch), values in times.items():
        median = statistics.median(values)
        if name not in best or median < best[name][0]:
            best[name] = (median, min(values), max(values), batch)
    flops = {network.name: operations(network) for network in networks}
    teacher = networks[0].name
    for name, (median, low, high, batch) in best.items():
        line = f"{name:32s} {median:9.3f} ms ({low:.3f} to {high:.3f}) at {batch:12s}"
        if name in flops:
            count = flops[name]["flops_without_zeros"]
            rate = count * PARTICLES_AN_EVENT / median / 1e6
            line += (
                f" teacher / this {best[teacher][0] / median:7.1f}, in operations "
                f"{flops[teacher]['flops_per_particle'] / count:6.1f}; {rate:5.1f} G operations/s"
            )
        print(line)
    packages = ("numpy", "numba", "onnxruntime", "tensorflow")
    print(", ".join(f"{name} {version(name)}" for name in packages), platform.machine())
    print(f"processor time for {PARTICLES_AN_EVENT:,} particles; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
