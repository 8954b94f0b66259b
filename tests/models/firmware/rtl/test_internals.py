"""da4ml and alkaid are read beyond their interface: only in the versions that were tested."""

import configparser
import re
from importlib import metadata

import pytest

from l1kd.errors import ToolError
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.rtl.distributed import internals
from l1kd.models.firmware.rtl.distributed.adapters import load_tool

TOOLS = sorted(internals.VERSIONS)


@pytest.fixture
def another_version(monkeypatch):
    """Pretend that every tool was upgraded."""
    version = metadata.version

    def upgraded(name):
        return "9.9.9" if name in internals.VERSIONS else version(name)

    monkeypatch.setattr(metadata, "version", upgraded)


@pytest.mark.parametrize("tool", TOOLS)
def test_this_environment_has_the_tested_version(tool):
    try:
        found = metadata.version(tool)
    except metadata.PackageNotFoundError:
        pytest.skip(f"{tool} is not installed")
    assert found == internals.VERSIONS[tool], (
        f"{tool} {found} is installed, l1kd was tested with {internals.VERSIONS[tool]}: read "
        "`l1kd.models.firmware.rtl.distributed.internals`, run the tests of the RTL with the new "
        "version, and change both `VERSIONS` and setup.cfg"
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_the_extra_pins_what_the_code_asks_for(tool, data):
    setup = configparser.ConfigParser()
    setup.read(data.parents[1] / "setup.cfg")
    lines = setup["options.extras_require"]["firmware"].split("\n")
    assert f"{tool} == {internals.VERSIONS[tool]}" in lines
    constraints = (data.parents[1] / "constraints.txt").read_text()
    assert re.search(rf"^{tool}=={re.escape(internals.VERSIONS[tool])}$", constraints, re.M)


@pytest.mark.usefixtures("another_version")
@pytest.mark.parametrize("tool", TOOLS)
def test_another_version_is_refused(tool):
    message = rf"{tool} 9\.9\.9 is installed.*pip install {tool}=={internals.VERSIONS[tool]}"
    with pytest.raises(ToolError, match=message):
        load_tool(tool)


@pytest.mark.usefixtures("another_version")
@pytest.mark.parametrize("tool", TOOLS)
def test_a_build_with_another_version_leaves_nothing(tool, network_file, tmp_path):
    with pytest.raises(ToolError, match=r"9\.9\.9 is installed"):
        build(str(network_file), tmp_path / "out", BuildOptions(tool, vectors=16))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_tool_says_what_to_install(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(ToolError, match=r"da4ml is not installed: pip install da4ml==0\.6\.0"):
        load_tool("da4ml")
