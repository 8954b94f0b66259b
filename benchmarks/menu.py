"""A menu of the Global Trigger on events in memory: time an event, and memory beyond the events.

    python benchmarks/menu.py MENU VECTOR... --events 1000000

MENU is a menu's file, VECTOR a test vector (real objects of one orbit); its crossings are drawn
with replacement. Times are those of the processor, for one thread. The interpreter that is compared
evaluates the same seeds one by one in NumPy where they are thresholds on single objects, which is
the least that any evaluator has to do.
"""

import argparse
import resource
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np

from l1kd.emulators.global_trigger.objects import KINDS
from l1kd.emulators.global_trigger.scales import threshold
from l1kd.trigger.hardware import HardwareEvents
from l1kd.trigger.menu import Menu
from l1kd.trigger.menu.expression import ObjectTerm
from l1kd.trigger.vectors import read_vector


def resident() -> float:
    """Return the resident memory in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def single_thresholds(menu: Menu, names: tuple[str, ...], events: HardwareEvents) -> int:
    """Evaluate the seeds that are one threshold in NumPy; return their number."""
    done = 0
    for name in names:
        tree = menu[name].tree
        if not isinstance(tree, ObjectTerm) or tree.cuts or tree.threshold is None:
            continue
        kind = KINDS[tree.kind]
        values = events.lists[tree.kind][kind.lead]
        (values >= threshold(kind, tree.threshold)).any(axis=1)
        done += 1
    return done


def measure(menu: Menu, vector: Path, events: int) -> dict[str, Any]:
    """Return the figures of one vector."""
    read, _ = read_vector(vector)
    menu.evaluate(read[:100])  # compiles
    drawn = read[np.random.default_rng(1).integers(0, len(read), events)]
    before = resident()
    start = time.process_time()
    bits = menu.evaluate(drawn)
    seconds = time.process_time() - start
    grown = resident() - before
    start = time.process_time()
    simple = single_thresholds(menu, bits.names, drawn)
    simple_seconds = time.process_time() - start
    objects = {
        k: float((read.lists[k]["pt"] > 0).sum() / len(read)) for k in ("MU", "EG", "TAU", "JET")
    }
    return {
        "events": events,
        "seeds": len(bits.names),
        "seconds": seconds,
        "us_an_event": 1e6 * seconds / events,
        "memory_mb": grown,
        "result_mb": bits.packed.nbytes / 2**20,
        "ratio": (seconds / len(bits.names)) / (simple_seconds / simple),
        "objects": objects,
    }


def main() -> None:
    """Print one line a vector and number of events."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("menu", type=Path)
    parser.add_argument("vector", type=Path, nargs="+")
    parser.add_argument("--events", type=int, nargs="+", default=[100_000])
    arguments = parser.parse_args()
    menu = Menu.read(arguments.menu)
    if not isinstance(menu, Menu):
        parser.error("a menu of the Global Trigger is needed")
    print(f"{menu.name}: {len(menu)} seeds; numba {numba.__version__}, numpy {np.__version__}")
    for vector in arguments.vector:
        for events in arguments.events:
            found = measure(menu, vector, events)
            objects = ", ".join(f"{n:.1f} {name}" for name, n in found["objects"].items())
            print(f"{vector.name}: {found['events']} events ({objects} each)")
            print(f"  {found['seeds']} seeds: {found['seconds']:.1f} s")
            print(f"  {found['us_an_event']:.1f} us an event")
            print(f"  memory +{found['memory_mb']:.0f} MB, decisions {found['result_mb']:.0f} MB")
            print(f"  a seed costs {found['ratio']:.2f} times a single threshold in NumPy")


if __name__ == "__main__":
    main()
