"""Models like those of the test suites of hls4ml and HGQ2, against compiled C++."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

NAMES = {
    "published_models.py": [
        "qkeras test qdepthwiseconv2d",
        "test_batchnorm",
        "test_cropping",
        "test_globalpooling",
        "test_keras_api conv1d",
        "test_leakyrelu",
        "test_merge add",
        "test_merge concatenate",
        "test_merge maximum",
        "test_pooling max 1d",
        "test_qkeras btnn binary",
        "test_qkeras btnn binary, binary",
        "test_qkeras btnn ternary",
        "test_qkeras btnn ternary auto, batchnorm",
        "test_qkeras jet tagger",
        "test_qkeras quantised po2 bit width",
        "test_qkeras single dense, alpha auto",
        "test_qkeras single dense, alpha auto_po2",
        "test_transpose_concat",
        "test_upsampling",
        "test_zeropadding",
    ],
    "published_hgq.py": [
        "hgq2 test_dense, latency",
        "hgq2 test_dense, distributed_arithmetic",
        "hgq2 test_dense batchnorm, latency",
        "hgq2 test_dense batchnorm, distributed_arithmetic",
    ],
}
NEEDED = ("hls4ml", "qkeras", "tf_keras", "hgq")
SCRIPTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Run both scripts once; each runs in a process of its own."""
    found = {}
    for script in NAMES:
        command = [sys.executable, str(SCRIPTS / script), str(tmp_path_factory.mktemp("models"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            if line.startswith("REPORT "):
                found |= json.loads(line.removeprefix("REPORT "))
        assert found, done.stderr[-2000:]
    return found


@pytest.mark.heavy
@pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs hls4ml, QKeras and HGQ2")
@pytest.mark.parametrize("name", [name for names in NAMES.values() for name in names])
def test_model_equals_its_compiled_firmware(reports, name):
    assert reports[name].get("mismatches") == 0, reports[name]
