"""Models like those of the test suites of hls4ml, QKeras and HGQ2, against compiled C++."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HLS4ML = (
    "jet tagger", "single dense, alpha auto_po2", "single dense, alpha auto", "btnn ternary",
    "btnn binary", "btnn ternary auto, batchnorm", "btnn binary, binary",
    "quantised po2 bit width", "relu negative slope", "conv2d batchnorm", "depthwise conv2d",
    "separable conv1d",
)  # fmt: skip
KERAS = (
    "test_batchnorm", "test_softmax legacy", "test_softsign", "test_multiout_network",
    "test_graph skip connection", "test_merge average", "test_merge maximum", "test_causalpadding",
    "test_pointwiseconv", "test_rnn LSTM", "test_rnn GRU", "test_transpose_concat",
    "test_upsampling", "test_cropping", "qkeras bn_folding conv1d",
    "qkeras qlayers po2 convolution", "qkeras qnetwork batchnorm",
)  # fmt: skip
HGQ = (
    "test_dense", "test_dense batchnorm", "test_conv 1d", "test_conv 2d", "test_einsum_dense",
    "test_ops add", "test_softmax", "test_activation table",
)  # fmt: skip
GROUPS = {
    "published_models.py": (*(f"test_qkeras {name}" for name in HLS4ML), *KERAS),
    "published_hgq.py": tuple(
        f"hgq2 {name}, {way}" for name in HGQ for way in ("latency", "distributed_arithmetic")
    ),
}
NEEDED = ("hls4ml", "qkeras", "tf_keras", "hgq")
SCRIPTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Run both scripts once; each runs in a process of its own."""
    found = {}
    for script in GROUPS:
        command = [sys.executable, str(SCRIPTS / script), str(tmp_path_factory.mktemp("models"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        for line in done.stdout.splitlines():
            if line.startswith("REPORT "):
                found |= json.loads(line.removeprefix("REPORT "))
        assert found, done.stderr[-2000:]
    return found


@pytest.mark.heavy
@pytest.mark.skipif(not all(map(find_spec, NEEDED)), reason="needs hls4ml, QKeras and HGQ2")
@pytest.mark.parametrize("name", [name for names in GROUPS.values() for name in names])
def test_model_equals_its_compiled_firmware(reports, name):
    assert reports[name].get("mismatches") == 0, reports[name]
