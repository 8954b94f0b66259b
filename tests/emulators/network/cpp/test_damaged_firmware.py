"""Firmware of every layer with damaged text: refused, or what the damaged C++ computes."""

import json
import random
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from l1kd.emulators.network import Network
from l1kd.emulators.network.cpp.model import FirmwareSourceError

pytest.importorskip("hls4ml")
from tests.emulators.network.damage import damaged
from tests.emulators.network.firmware import edge_vectors
from tests.emulators.network.graph_cases import CASES
from tests.emulators.network.hls_projects import ROOT, several, write

FIRST = ("einsum", "softmax", "others", "dense da")
TEXTS = ("parameters.h", "defines.h", "myproject.cpp", "nnet_utils/nnet_code_gen.h")
NUMBER = re.compile(r"(?<![\w.])\d+(?![\w.])")
WORDS = (
    ("AP_TRN", "AP_RND"), ("AP_WRAP", "AP_SAT"), ("AP_SAT", "AP_SAT_SYM"), ("true", "false"),
    ("AP_RND", "AP_TRN_ZERO"), ("ap_fixed", "ap_ufixed"), ("ap_ufixed", "ap_fixed"),
    ("relu", "tanh"), ("Max", "Average"), ("latency", "stable"), ("multiply", "add"),
    ("maximum", "minimum"),
)  # fmt: skip
EVENTS = 300


def sensible(text, chance):
    """Exchange one number or one word by another that may well compile."""
    if chance.random() < 0.3:
        old, new = chance.choice(WORDS)
        places = [found.start() for found in re.finditer(rf"\b{old}\b", text)]
        if places:
            start = chance.choice(places)
            return text[:start] + new + text[start + len(old) :]
    numbers = list(NUMBER.finditer(text))
    if not numbers:
        return text
    found = chance.choice(numbers)
    number = int(found[0])
    other = chance.choice([0, 1, number + 1, max(number - 1, 0), 2 * number, number // 2])
    return text[: found.start()] + str(other) + text[found.end() :]


class Damage:
    """A folder that is damaged, read, and mended again and again."""

    def __init__(self, folder, seed, weights=True):
        self.folder, self.chance = folder, random.Random(seed)
        firmware = folder / "firmware"
        paths = [firmware / name for name in TEXTS]
        if weights:
            paths += sorted((firmware / "weights").glob("*.h"))
        self.texts = {path: path.read_text() for path in paths if path.exists()}
        network = Network.from_hls_project(folder)
        ports = json.loads((folder / "ports.json").read_text())["inputs"]
        self.inputs = [
            np.maximum(edge_vectors(tensor.format, EVENTS, tensor.size, n), port["least"])
            for n, (tensor, port) in enumerate(zip(network.inputs, ports, strict=True))
        ]
        self.known = self.results(network)

    def results(self, network):
        return [np.asarray(y) for y in several(network.predict_raw(*self.inputs))]

    def once(self, change):
        """Read the folder with one change; return its results, or None where it is refused."""
        path = self.chance.choice(sorted(self.texts))
        path.write_text(change(self.texts[path], self.chance), errors="replace")
        try:
            network = Network.from_hls_project(self.folder)
            sizes = [t.size for t in network.inputs]
            if sizes != [x.shape[1] for x in self.inputs]:
                return None
            return self.results(network)
        except (FirmwareSourceError, ValueError):
            return None

    def mend(self):
        for path, text in self.texts.items():
            if path.read_text() != text:
                path.write_text(text)

    def changed(self, results):
        """Tell whether the change reached the results, and left their sizes."""
        if results is None or [y.shape for y in results] != [y.shape for y in self.known]:
            return False
        return not all(map(np.array_equal, results, self.known))


def reference(folder, inputs):
    """Compile and run a folder in a process of its own; None where it does not compile."""
    np.savez(folder / "inputs.npz", *inputs)
    command = [sys.executable, "-m", "tests.emulators.network.compiled", str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=120
    )
    if " error: " in done.stderr:
        return None
    assert done.returncode == 0, done.stderr[-500:]
    with np.load(folder / "results.npz") as results:
        return [results[name] for name in results.files]


def cases(first):
    return [case if case in first else pytest.param(case, marks=pytest.mark.heavy)
            for case in CASES]  # fmt: skip


@pytest.mark.parametrize("case", cases(FIRST))
def test_damaged_firmware_is_refused_or_read(tmp_path, case):
    """In all, with the heavy ones, more than 10,000 folders: no other exception and no hang."""
    (folder,) = write(tmp_path, case)
    damage, count = Damage(folder, case), 40 if case in FIRST else 270
    accepted = 0
    for _ in range(count):
        accepted += damage.once(damaged) is not None
        damage.mend()
    assert 0 < accepted < count


@pytest.mark.heavy
@pytest.mark.parametrize("case", CASES)
def test_what_is_read_of_changed_firmware_is_what_it_computes(tmp_path, case):
    """Folders whose results change are compiled; what does not compile is no firmware."""
    (folder,) = write(tmp_path, case)
    # A simulation in C++ reads weights from other files than the synthesis does.
    damage, compared = Damage(folder, f"sensible {case}", weights=False), 0
    for _ in range(240):
        results = damage.once(sensible)
        if damage.changed(results):
            copy = tmp_path / "copy"
            shutil.copytree(folder, copy)
            expected = reference(copy, damage.inputs)
            if expected is not None:
                compared += 1
                for mine, theirs in zip(results, expected, strict=True):
                    np.testing.assert_array_equal(mine.reshape(theirs.shape), theirs)
            shutil.rmtree(copy)
        damage.mend()
        if compared == 2:
            break
    assert compared
