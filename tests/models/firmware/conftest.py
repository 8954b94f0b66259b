"""The small network, and a project that was built of it."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from l1kd.cli import app
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.proof.proof import Implementation
from l1kd.models.firmware.tools import verilator
from l1kd.models.firmware.vectors import vectors
from tests.models.firmware.networks import VECTORS, make_network


@pytest.fixture(scope="session")
def network():
    return make_network()


@pytest.fixture(scope="session")
def network_file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "small.npz"
    network.save(path)
    return path


@pytest.fixture
def unsimulated(monkeypatch):
    """Skip the simulation of RTL."""
    monkeypatch.setattr(verilator, "available", lambda: "skipped in this test")


@pytest.fixture
def unproved(unsimulated, monkeypatch):
    """Skip the slow parts: the comparison compares the emulator with itself."""

    def same(folder, network, build):
        return Implementation(checks.CPP, lambda raw: vectors.emulate(network, raw), list)

    monkeypatch.setattr(checks, "_compiled", same)


@pytest.fixture(scope="session")
def built(network_file, tmp_path_factory):
    """Build the small network with everything that is installed, from the command line."""
    pytest.importorskip("hls4ml", reason="hls4ml is not installed")
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    reason = verilator.available()
    if reason is not None:
        pytest.skip(reason)
    out = tmp_path_factory.mktemp("built") / "small"
    arguments = ["build", str(network_file), "--backend", "da4ml", "--out", str(out)]
    arguments += ["--vectors", str(VECTORS), "--clock", "240MHz", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return out, json.loads(result.output)
