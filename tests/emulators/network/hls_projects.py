"""Firmware that hls4ml writes for the models of `graph_cases`."""

import subprocess
import sys
from pathlib import Path

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
