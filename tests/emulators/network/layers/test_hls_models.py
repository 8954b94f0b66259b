"""Whole models: Keras and QKeras, through hls4ml's conversion, against its compiled C++."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

NEEDED = ("hls4ml", "qkeras", "tf_keras")
CASES = ("dense latency", "image parallel")
HEAVY = ("sequence", "dense resource", "image resource", "image stream")


@pytest.mark.slow
@pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs hls4ml, QKeras and tf-keras")
@pytest.mark.parametrize(
    "case", [*CASES, *(pytest.param(x, marks=pytest.mark.heavy) for x in HEAVY)]
)
def test_model_equals_its_compiled_firmware(tmp_path, case):
    script = Path(__file__).parents[1] / "hls_models.py"
    command = [sys.executable, str(script), str(tmp_path), case]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith("REPORT ")]
    assert lines, done.stderr[-2000:]
    report = json.loads(lines[0].removeprefix("REPORT "))[case]
    assert report == {"mismatches": 0, "model equals project": True, "kept its folder": True}
