"""Speed of the shipped students of objects against hls4ml's C++, one thread, in the same run.

Run as ``python benchmarks/object_anomaly.py [ARTEFACT ...]``, by default with all that l1kd ships.
The peer is what hls4ml makes of the trained model (Vitis, latency) and compiles itself, called by
its `predict`; it must give the same scores. The emulator gets the same rows, more of them: as
arrays (n, 19, 3) of whole events in GeV, eta and phi, in single and double precision, which
`ObjectAnomaly.score` checks and scales besides, and as a network's inputs, in single precision and
as raw integers. Processor time, medians of turns after one to warm up, and the load of the machine.
"""

import os
import platform
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
from networks import REPEATS, seconds

from l1kd.algorithms import ObjectAnomaly
from l1kd.algorithms.object_inputs import PREPARATION, object_inputs
from l1kd.artefacts import load, shipped
from l1kd.models import mixed_precision
from l1kd.models.export import compile_firmware
from l1kd.models.firmware.sources.keras_models import read_keras
from l1kd.models.objects.students import qkeras_student

EVENTS, FEW = 100_000, 2_000


def events(count):
    """Return objects at random: falling pt, up to as many of each kind as fit."""
    rng = np.random.default_rng(1)
    x = np.zeros((count, 19, 3))
    for first, last in ((0, 4), (4, 8), (8, 18), (18, 19)):
        size = last - first
        pt = np.sort(rng.exponential(40.0, (count, size)))[:, ::-1]
        present = np.arange(size) < rng.integers(0, size, (count, 1), endpoint=True)
        x[:, first:last, 0] = pt
        x[:, first:last, 1] = rng.uniform(-4.0, 4.0, (count, size))
        x[:, first:last, 2] = rng.uniform(-np.pi, np.pi, (count, size))
        x[:, first:last] *= present[..., None]
    return x


def peer(artefact, folder):
    """Convert the trained model and compile it."""
    if "model.h5" in artefact.manifest["files"]:
        model = read_keras(artefact.file("model.h5")).firmware_model
        return compile_firmware(model, qkeras_student.precisions(), folder)
    return mixed_precision.firmware(read_keras(artefact.file("model.keras")).firmware_model, folder)


def report(title, x):
    """Print rates and ratios of one student."""
    score = ObjectAnomaly(title)
    network = score.network
    inputs = object_inputs(x).astype(np.float32)
    raw = network.inputs[0].format.from_float(inputs)
    actions = {
        "events in single precision": partial(score.score, x.astype(np.float32)),
        "events in double precision": partial(score.score, x),
        "inputs in single precision": partial(network.predict, inputs),
        f"raw {raw.dtype}": partial(network.predict_raw, raw),
    }
    network.specialise(PREPARATION)
    network.specialise()
    few = np.ascontiguousarray(inputs[:FEW])
    with tempfile.TemporaryDirectory() as folder:
        compiled = peer(load(title), Path(folder) / "hls")
        theirs = np.asarray(compiled.predict(few)).reshape(-1)
        equal = np.array_equal(theirs, network.predict(few)[:, 0])
        equal &= np.array_equal(theirs, score.score(x[:FEW]))
        spent, *mine = seconds(partial(compiled.predict, few), *actions.values())
    reference = FEW / spent
    verdict = "equal" if equal else "DIFFER"
    print(f"{title}: hls4ml's C++ {reference:.3g} events/s, scores {verdict}")
    for kind, used in zip(actions, mine, strict=True):
        print(f"  {kind}: {len(x) / used:.3g} events/s, ratio {len(x) / used / reference:.0f}")


def main(names):
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}, hls4ml {version('hls4ml')}; one thread, processor time, "
        f"medians of {REPEATS}; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    x = events(EVENTS)
    for name in names or [name for name in shipped() if name.startswith("object_anomaly")]:
        report(name, x)
    print(f"load at the end {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(sys.argv[1:])
