"""The 42-seed Phase-2 menu on random events: l1kd, and Phase2-L1MenuTools beside it.

    python benchmarks/object_menus.py --events 200000
    python benchmarks/object_menus.py --events 2000 --peer PATH    # a checkout of the peer

With a peer the decisions are compared seed by seed and event by event, too. The peer reads parquet
files and scalings from its own folder: the script writes them there. It is measured as shipped and
with its YAML files read once.
"""

import argparse
import contextlib
import copy
import io
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import yaml

from l1kd.trigger.menu import Menu
from l1kd.trigger.object_menu import schema

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/l1kd/trigger/object_menu"))
from events import l1nano

VERSION = "V44nano"


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    start = time.process_time()
    return call(), time.process_time() - start


def write_inputs(events: ak.Array, folder: Path) -> None:
    """Write the events and the scalings as the peer reads them."""
    cache = folder / "cache"
    if cache.is_symlink():
        cache.unlink()
    (cache / VERSION).mkdir(parents=True, exist_ok=True)
    for name in events.fields:
        array = events[name]
        if name == "L1puppiJetSC4sums":
            array = ak.zip({"pt": array.pt, "sumType": ak.local_index(array.pt)})
        columns = ak.zip({f"{name}_{field}": array[field] for field in array.fields})
        ak.to_parquet(columns, cache / VERSION / f"{VERSION}_MinBias_{name}.parquet")
    lines = json.loads((Path(schema.__file__).parent / "menus/scalings_v44.json").read_text())
    scalings = folder / "outputs" / VERSION / "object_performance/scalings"
    scalings.mkdir(parents=True, exist_ok=True)
    for collection, kinds in lines.items():
        for kind, regions in kinds.items():
            for region, line in regions.items():
                path = scalings / f"{collection}:{kind}:{region}.yaml"
                path.write_text(yaml.safe_dump(line))


def peer_masks(folder: Path) -> dict[str, np.ndarray]:
    from menu_tools.rate_table.menu_table import MenuTable

    config = yaml.safe_load((folder / f"configs/{VERSION}/rate_table/step1_cfg.yml").read_text())
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return MenuTable(config)._seed_masks


def read_once() -> None:
    """Let the peer read each of its YAML files once instead of for every object of every seed."""
    original, known = yaml.safe_load, {}

    def cached(stream: Any) -> Any:
        name = getattr(stream, "name", None)
        if name is None:
            return original(stream)
        if name not in known:
            known[name] = original(stream)
        return copy.deepcopy(known[name])

    yaml.safe_load = cached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--mean", type=float, default=2.0, help="objects a collection")
    parser.add_argument("--peer", type=Path, help="checkout of Phase2-L1MenuTools")
    options = parser.parse_args()
    events = l1nano(options.events, seed=11, mean=options.mean)
    menu = Menu.read("phase2_v44")
    menu.evaluate(events[:10])  # compiles
    bits, mine = timed(lambda: menu.evaluate(events))
    print(f"l1kd: {options.events} events, 42 seeds: {mine:.3f} s of processor time")
    if options.peer is None:
        return
    write_inputs(events, options.peer)
    sys.path.insert(0, str(options.peer.resolve()))
    os.chdir(options.peer)
    masks, shipped = timed(lambda: peer_masks(Path()))
    different = [name for name in bits.names if not np.array_equal(masks[name], bits[name])]
    print(f"decisions that differ: {len(different)} of {len(bits.names)} seeds {different or ''}")
    read_once()
    _, cached = timed(lambda: peer_masks(Path()))
    print(f"peer as shipped: {shipped:.2f} s, {shipped / mine:.0f} times l1kd's")
    print(f"peer with its YAML read once: {cached:.2f} s, {cached / mine:.0f} times l1kd's")


if __name__ == "__main__":
    main()
