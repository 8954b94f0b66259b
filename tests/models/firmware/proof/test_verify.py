"""A proof repeated: what was changed, added or damaged, and what is refused."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from l1kd.cli import app
from l1kd.errors import FirmwareError, ToolError
from l1kd.models.firmware.proof import checks
from l1kd.models.firmware.tools import cpp, verilator
from l1kd.models.firmware.vectors import vectors


@pytest.mark.heavy
def test_a_changed_weight_is_found_and_its_layer_named(built, tmp_path):
    out = tmp_path / "broken"
    shutil.copytree(built[0], out)
    header = out / "hls" / "firmware" / "weights" / "w2.h"
    header.write_text(re.sub(r"\{(-?[\d.]+),", "{1.875,", header.read_text()))
    result = CliRunner().invoke(
        app, ["verify", str(out), "--vectors", "300", "--json", "--allow-changed"]
    )
    told = json.loads(result.output.splitlines()[0])
    assert result.exit_code == 1
    assert not told["good"]
    assert told["changed"] == ["hls/firmware/weights/w2.h"]
    assert not told["refused"]
    assert told["stored"][checks.CPP]["mismatches"] > 0
    assert told["stored"][checks.RTL]["mismatches"] == 0
    assert told["stored"]["stored results"]["mismatches"] == 0
    found = json.loads((out / "mismatches.json").read_text())
    first = next(entry for entry in found if entry["implementation"] == checks.CPP)
    assert first["first_differing_layer"] == "first"
    assert len(first["input"]) == 4
    assert first["emulator"] != first["found"]


def test_a_project_that_is_damaged_is_refused(tmp_path):
    with pytest.raises(FirmwareError, match="is no built project"):
        checks.verify(tmp_path)
    for text in ("{", '{"schema": 9}', '{"schema": 1}'):
        (tmp_path / "project.json").write_text(text)
        with pytest.raises(FirmwareError, match="build"):
            checks.verify(tmp_path)


@pytest.fixture
def project(built, tmp_path, monkeypatch):
    """A copy of the built project under a relative path, and no compiler for it."""
    shutil.copytree(built[0], tmp_path / "project")
    monkeypatch.chdir(tmp_path)
    return Path("project")


@pytest.fixture
def never_run(monkeypatch):
    """No code of a project is compiled, simulated or run."""

    def refuse(*_):
        raise AssertionError("the project's code was used")

    monkeypatch.setattr(checks, "_compiled", refuse)
    monkeypatch.setattr(checks, "_simulated", refuse)


def verify_json(*arguments):
    result = CliRunner().invoke(app, ["verify", *map(str, arguments), "--json"])
    return result.exit_code, json.loads(result.stdout.splitlines()[0])


@pytest.mark.usefixtures("unproved")
def test_a_relative_path_is_as_good_as_an_absolute_one(project):
    code, told = verify_json(project, "--vectors", "200")
    assert code == 0, told
    assert told["good"]
    assert told["changed"] == told["added"] == []


def test_rtl_under_a_relative_path_is_simulated(project, monkeypatch):
    """The simulator is given the sources themselves, not the path to them twice."""
    seen = []

    def compiled(folder, design, build_dir, traced):
        seen.extend((folder / path).resolve() for path in design.sources)
        raise ToolError("enough")

    monkeypatch.setattr(verilator, "compile_simulation", compiled)
    monkeypatch.setattr(checks, "_compiled", lambda folder, network, build: None)
    monkeypatch.setattr(checks, "prove", lambda network, given, used, *_: used[-1].run(given.raw))
    with pytest.raises(ToolError, match="enough"):
        checks.verify(project)
    assert seen
    assert all(path.is_file() for path in seen)


@pytest.mark.usefixtures("never_run")
@pytest.mark.parametrize(
    "name", ["hls/firmware/weights/w2.h", "rtl/verilog/network_small.v", "network.npz", "Makefile"]
)
@pytest.mark.parametrize("how", ["edited", "removed", "linked"])
def test_a_changed_project_is_not_run(project, name, how):
    path = project / name
    content = path.read_bytes()
    path.unlink()
    if how == "edited":
        path.write_bytes(content + b"\n")
    elif how == "linked":
        Path("elsewhere").write_bytes(content)
        path.symlink_to(Path("elsewhere").resolve())
    code, told = verify_json(project)
    assert code == 1
    assert told["changed"] == [name]
    assert told["refused"]
    assert told["stored"] is None


@pytest.mark.usefixtures("never_run")
@pytest.mark.parametrize("name", ["hls/firmware/extra.h", "rtl/verilog/more.v", "vectors/more.npy"])
def test_a_file_added_to_what_is_compiled_is_not_run(project, name):
    (project / name).write_text("")
    code, told = verify_json(project)
    assert code == 1
    assert told["added"] == [name]
    assert told["changed"] == []
    assert told["refused"]


@pytest.mark.usefixtures("never_run")
@pytest.mark.parametrize("name", ["hls", "hls/firmware", "rtl/verilog"])
def test_a_link_in_place_of_a_folder_is_not_run(project, name):
    """Behind it could be more than the files that are named."""
    (project / name).rename("elsewhere")
    (project / name).symlink_to(Path("elsewhere").resolve())
    (Path("elsewhere") / "more.h").write_text("")
    code, told = verify_json(project)
    assert code == 1
    assert name in told["added"]
    assert told["refused"]


@pytest.mark.usefixtures("unproved")
def test_other_added_files_are_named(project):
    (project / "notes.txt").write_text("mine")
    (project / "build").mkdir()
    (project / "build" / "hls").write_text("made by make")
    code, told = verify_json(project, "--vectors", "50")
    assert code == 0
    assert told["added"] == ["build/hls", "notes.txt"]
    assert told["good"]
    said = CliRunner().invoke(app, ["verify", str(project), "--vectors", "50"])
    assert "added since the build: notes.txt" in said.output


@pytest.mark.usefixtures("unproved")
def test_changed_files_are_run_when_told_to_and_stay_no_success(project):
    (project / "Makefile").write_text("all:\n")
    code, told = verify_json(project, "--vectors", "50", "--allow-changed")
    assert code == 1
    assert told["changed"] == ["Makefile"]
    assert not told["refused"]
    assert told["stored"][checks.CPP]["mismatches"] == 0
    said = CliRunner().invoke(app, ["verify", str(project)])
    assert said.exit_code == 1
    assert "changed since the build: Makefile" in said.output
    assert "--allow-changed" in said.output


def test_vectors_that_were_changed_are_refused_even_then(project):
    np.save(project / "vectors" / "inputs.npy", np.zeros((3, 4)))
    with pytest.raises(FirmwareError, match=r"inputs\.npy is not the file that was built"):
        checks.verify(project, allow_changed=True)


@pytest.mark.usefixtures("never_run")
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"files": {}}, "'files' names no file"),
        ({"files": None}, "'files' is NoneType"),
        ({"files": {"../secret": "0" * 64}}, "outside the project"),
        ({"files": {"/etc/passwd": "0" * 64}}, "outside the project"),
        ({"files": {"network.npz": None}}, "no sha256 for 'network.npz'"),
        ({"vectors": {"real": None}}, "'vectors' does not count"),
        ({"vectors": []}, "'vectors' is list"),
        ({"seed": "one"}, "'seed' is str"),
        ({"rtl": []}, "'rtl' is list"),
        ({"rtl": {"sources": None}}, "must list sources within the project"),
        ({"rtl": {"sources": ["../evil.v"]}}, "must list sources within the project"),
        ({"rtl": {"sources": []}}, "'rtl' is damaged"),
    ],
)
def test_odd_descriptions_are_refused(project, change, message):
    path = project / "project.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    result = CliRunner().invoke(app, ["verify", str(project)])
    assert result.exit_code == 1
    assert "FirmwareError" in result.output
    assert message in result.output.replace("\n", " ")


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 200_000, b'{"schema": 1, "files": 3}'])
def test_descriptions_that_are_no_json_are_refused(project, content):
    (project / "project.json").write_bytes(content)
    with pytest.raises(FirmwareError, match=r"project\.json"):
        checks.verify(project)


SPY = """
#include <cstdlib>
struct spy { spy() { if (std::getenv("L1KD_SECRET") || std::getenv("HOME")) std::abort(); } };
static spy found;
"""


def test_compiled_firmware_does_not_see_the_environment(built, network, tmp_path, monkeypatch):
    shutil.copytree(built[0] / "hls", tmp_path / "hls")
    (source,) = (tmp_path / "hls" / "firmware").glob("network_*.cpp")
    monkeypatch.setenv("L1KD_SECRET", "a token")
    compiled = cpp.compile_project(tmp_path / "hls", tmp_path / "build")
    raw = vectors.make(network, 50, 1).raw
    np.testing.assert_array_equal(compiled.run(raw), vectors.emulate(network, raw))
    driver = tmp_path / "build" / "driver.cpp"
    driver.write_text(driver.read_text() + SPY)
    include = [f"-I{tmp_path / 'build'}", f"-I{source.parent}", f"-I{source.parent / 'ap_types'}"]
    command = ["g++", "-O0", "-std=c++17", "-w", *include, str(driver), str(source)]
    cpp.run_tool([*command, "-o", str(compiled.program)], "the C++ compiler")
    np.testing.assert_array_equal(compiled.run(raw), vectors.emulate(network, raw))
