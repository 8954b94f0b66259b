import importlib.util

import pytest

from l1kd.models.doctor import check, qkeras_problem

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
    assert [finding for finding in check() if not finding.ok] == []
