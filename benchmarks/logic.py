"""Speed of logic-gate networks against their C++ for CMSSW and against NumPy, one thread, one run.

Run as ``python benchmarks/logic.py [NETWORK.npz ...] [--events 200000]``; without a file, the
shipped network of CICADA. All three read uint16 and give the numbers of the last stage, which must
be equal. The C++ is what `l1kd build` writes for CMSSW, compiled by g++ -O3 -march=native and
called event by event; NumPy compares, packs eight events into a byte and computes the gates of one
kind together. They take turns; medians of processor time.
"""

import argparse
import ctypes
import platform
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from networks import seconds

from l1kd.emulators.logic import LogicNetwork
from l1kd.models.firmware.gates.cmssw import write_gates

SHIPPED = Path(__file__).parents[1] / "models" / "zoo" / "cicada_logic-v3" / "logic.npz"
SLOW = 40
"""The peers get so many times fewer events."""
DRIVER = """
extern "C" void run(long events, const unsigned short *x, long *y) {
    hls4mlEmulator::Model *model = create_model();
    static input_t numbers[%d];
    static result_t results[%d];
    for (long event = 0; event < events; event++) {
        for (int i = 0; i < %d; i++)
            numbers[i] = x[event * %d + i];
        model->prepare_input(static_cast<input_t *>(numbers));
        model->predict();
        model->read_result(static_cast<result_t *>(results));
        for (int i = 0; i < %d; i++)
            y[event * %d + i] = results[i].range().to_int();
    }
    destroy_model(model);
}
"""


def compiled(network: LogicNetwork, folder: Path):
    """Return the C++ as a function; None without hls4ml's types or g++."""
    found = find_spec("hls4ml")
    if found is None or found.origin is None:
        return None
    write_gates(network, "gates", folder, Path(found.origin).parent / "templates/vivado/ap_types")
    inputs, outputs = network.inputs[0].size, network.outputs[0].size
    source = folder / "emulator.cpp"
    sizes = (inputs, outputs, inputs, inputs, outputs, outputs)
    source.write_text(source.read_text() + DRIVER % sizes)
    command = ["g++", "-O3", "-march=native", "-w", "-std=c++17", "-fPIC", "-shared",
               f"-I{folder}", f"-I{folder / 'ap_types'}", str(source),
               "-o", str(folder / "gates.so")]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        return None
    run = ctypes.CDLL(str(folder / "gates.so")).run

    def predict(x: np.ndarray) -> np.ndarray:
        y = np.empty((len(x), outputs), np.int64)
        run(ctypes.c_long(len(x)), ctypes.c_void_p(x.ctypes.data), ctypes.c_void_p(y.ctypes.data))
        return y

    return predict


GATES = {
    0: lambda a, b: np.zeros_like(a), 1: lambda a, b: ~(a | b), 2: lambda a, b: ~a & b,
    3: lambda a, b: ~a, 4: lambda a, b: a & ~b, 5: lambda a, b: ~b, 6: lambda a, b: a ^ b,
    7: lambda a, b: ~(a & b), 8: lambda a, b: a & b, 9: lambda a, b: ~(a ^ b),
    10: lambda a, b: b, 11: lambda a, b: ~a | b, 12: lambda a, b: a, 13: lambda a, b: a | ~b,
    14: lambda a, b: a | b, 15: lambda a, b: ~np.zeros_like(a),
}  # fmt: skip


def in_numpy(network: LogicNetwork, x: np.ndarray) -> np.ndarray:
    numbers = x.reshape(len(x), -1).T
    for stage in network.stages:
        bits = np.packbits(numbers[stage.source] >= stage.threshold[:, None], axis=1)
        for layer in stage.layers:
            after = np.empty((len(layer), bits.shape[1]), np.uint8)
            for table, gate in GATES.items():
                chosen = layer.table == table
                after[chosen] = gate(bits[layer.a[chosen]], bits[layer.b[chosen]])
            bits = after
        groups = range(stage.weight.shape[1])
        counts = [
            np.unpackbits(bits[stage.group == group], axis=1, count=len(x)).sum(axis=0, dtype=int)
            for group in groups
        ]
        totals = stage.offset[:, None] + stage.weight @ np.stack(counts)
        numbers = np.clip(totals, 0, (1 << stage.output_width) - 1)
    return numbers.T


def compare(path: Path, events: int) -> None:
    network = LogicNetwork.load(path)
    first = network.stages[0]
    rng = np.random.default_rng(0)
    # most numbers below the thresholds, some above, as in images of pile-up
    x = rng.exponential(np.percentile(first.threshold, 10), (events, first.inputs))
    x = np.minimum(x, (1 << first.width) - 1).astype(np.uint16)
    few = x[: max(events // SLOW, 1)]
    wanted = network.predict_raw(few)
    print(f"{path.parent.name}: {network.gates} gates, {events} events, "
          f"{len(np.unique(wanted))} different results")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        peers = {"its C++ for CMSSW": compiled(network, Path(folder)),
                 "NumPy": lambda values: in_numpy(network, values)}  # fmt: skip
        peers = {name: peer for name, peer in peers.items() if peer is not None}
        for name, peer in peers.items():
            differ = int((peer(few) != wanted).any(axis=1).sum())
            print(f"  {name}: {differ} of {len(few)} events differ")
        works = [lambda peer=peer: peer(few) for peer in peers.values()]
        times = seconds(lambda: network.predict_raw(x), *works)
    rate = events / times[0]
    print(f"  {1e-6 * rate:.2f} million events/s")
    for name, spent in zip(peers, times[1:], strict=True):
        peer = len(few) / spent
        print(f"  {name}: {peer:,.0f} events/s, ratio {rate / peer:.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", type=Path, default=[SHIPPED])
    parser.add_argument("--events", type=int, default=200_000)
    options = parser.parse_args()
    print(f"{platform.processor() or platform.machine()}, NumPy {np.__version__}")
    for path in options.networks or [SHIPPED]:
        compare(path, options.events)


if __name__ == "__main__":
    main()
