"""Layers as hls4ml writes them, in every strategy and kind of connection, against compiled C++."""

import shutil

import numpy as np
import pytest

from l1kd.emulators.network import Network
from l1kd.emulators.network.cpp.model import FirmwareSourceError

pytest.importorskip("hls4ml")
from tests.emulators.network.compiled import compile_folder
from tests.emulators.network.firmware import assert_equal, edge_vectors
from tests.emulators.network.graph_cases import CASES, QUICK
from tests.emulators.network.hls_projects import ROOT, several, write
from tests.emulators.network.layer_table import table

EVENTS = 10_000


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


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    cases = ("recurrent", "dense unrolled", "einsum da", "convolution 1d", "softmax", "others")
    written = write(tmp_path_factory.mktemp("written"), *cases)
    return dict(zip(cases, written, strict=True))


def test_misnamed_softmax_is_read_as_meant(folders, tmp_path):
    """The Keras layer of that name gives a structure that its call does not find."""
    shutil.copytree(folders["softmax"] / "firmware", tmp_path / "firmware")
    header = tmp_path / "firmware" / "parameters.h"
    header.write_text(header.read_text().replace("struct softmax_config", "struct Softmax_config"))
    network = Network.from_hls_project(tmp_path)
    known = Network.load(folders["softmax"] / "model.npz")
    inputs = [edge_vectors(t.format, 100, t.size, 0) for t in network.inputs]
    for one, other in zip(network.predict_raw(*inputs), known.predict_raw(*inputs), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("case", "file", "old", "new", "message"),
    [
        ("recurrent", "myproject.cpp", "lstm_stack", "simple_rnn_stack", "not known"),
        ("recurrent", "parameters.h", "activation::tanh", "activation::softsign", "softsign"),
        ("recurrent", "parameters.h", "n_sequence_out = 4", "n_sequence_out = 3", "3 of 4 steps"),
        ("recurrent", "parameters.h", "n_state = 3", "n_state = 4", "writes 16 of 12 elements"),
        ("dense unrolled", "nnet_utils/nnet_code_gen.h", "acc[0] +=", "acc[0] -=", "understood"),
        ("dense unrolled", "nnet_utils/nnet_code_gen.h", "data[2]", "data[99]", "understood"),
        ("einsum da", "nnet_utils/nnet_code_gen.h", "* 3 + l0)", "* 2 + l0)", "not understood"),
        ("convolution 1d", "parameters.h", "n_chan = 2", "n_chan = 1", "14 elements instead of 7"),
        ("others", "parameters.h", "seq_len = 3", "seq_len = 5", "out of range"),
    ],
)
def test_other_firmware_is_refused_with_its_place(folders, tmp_path, case, file, old, new, message):
    shutil.copytree(folders[case] / "firmware", tmp_path / "firmware")
    path = tmp_path / "firmware" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(FirmwareSourceError, match=message) as caught:
        Network.from_hls_project(tmp_path)
    assert caught.value.location is not None


def test_user_guide_has_the_table_of_what_is_compared():
    assert table() in (ROOT / "docs" / "networks.md").read_text(), table()
