"""Layers as hls4ml writes them, in every strategy and kind of connection, against compiled C++."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from l1kd.emulators.network import Network

pytest.importorskip("hls4ml")
from .compiled import compile_folder
from .coverage import table
from .firmware import assert_equal, edge_vectors
from .graph_cases import CASES, QUICK

EVENTS = 10_000
ROOT = Path(__file__).resolve().parents[3]


def write(folder, *cases):
    """Let hls4ml write the firmware of some models, in a process of its own."""
    module = "tests.emulators.network.graph_cases"
    command = [sys.executable, "-m", module, str(folder), *cases]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return [folder / case.replace(" ", "_") for case in cases]


def several(results):
    return results if isinstance(results, tuple) else (results,)


@pytest.mark.parametrize(
    "case",
    [case if case in QUICK else pytest.param(case, marks=pytest.mark.heavy) for case in CASES],
)
def test_layers_equal_their_compiled_firmware(tmp_path, case):
    (folder,) = write(tmp_path, case)
    network = Network.from_hls_project(folder)
    ports, reference = compile_folder(folder)
    inputs = [
        np.maximum(edge_vectors(tensor.format, EVENTS, tensor.size, seed), port["least"])
        for seed, (tensor, port) in enumerate(zip(network.inputs, ports["inputs"], strict=True))
    ]
    results = several(network.predict_raw(*inputs))
    assert_equal(results, reference(*inputs), [port["name"] for port in ports["outputs"]])
    in_memory = Network.load(folder / "model.npz")
    for one, other in zip(results, several(in_memory.predict_raw(*inputs)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_user_guide_has_the_table_of_what_is_compared():
    assert table() in (ROOT / "docs" / "networks.md").read_text(), table()
