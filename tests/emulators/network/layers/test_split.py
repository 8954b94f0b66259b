"""Models that hls4ml writes as several projects."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from l1kd.emulators.network import Network
from l1kd.emulators.network.cpp.model import FirmwareSourceError

pytest.importorskip("hls4ml")
from tests.emulators.network.firmware import HLS4ML, assert_equal, edge_vectors
from tests.emulators.network.hls_projects import ROOT
from tests.emulators.network.sequences import compile_part

EVENTS = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("split")
    command = [sys.executable, "-m", "tests.emulators.network.sequences", str(where)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]
    return where


def test_split_model_is_one_network_equal_to_its_compiled_parts(folder, tmp_path):
    assert HLS4ML is not None
    network = Network.from_hls_project(folder)
    (tensor,) = network.inputs
    x = edge_vectors(tensor.format, EVENTS, tensor.size, 0)
    y = x
    for number in (1, 2, 3):
        y = compile_part(folder / f"graph{number}", tmp_path)(y)
    assert_equal([network.predict_raw(x)], [y], ["output"])
    assert {layer.name.partition(".")[0] for layer in network.graph.layers} >= {"graph2", "graph3"}


def test_parts_that_do_not_fit_or_are_missing_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "whole")
    shutil.rmtree(tmp_path / "whole" / "graph2")
    with pytest.raises(FirmwareSourceError, match=r"parts \[1, 3\] of a split model"):
        Network.from_hls_project(tmp_path / "whole")
    (tmp_path / "whole" / "graph3").rename(tmp_path / "whole" / "graph2")
    with pytest.raises(FirmwareSourceError, match="part 2 of a split model takes 5 x "):
        Network.from_hls_project(tmp_path / "whole")


def test_one_part_is_a_network_by_itself(folder):
    network = Network.from_hls_project(folder / "graph2")
    assert network.predict_raw(np.zeros((1, 7), int)).shape == (1, 5)
