"""What is installed: every sub-package and data file of the tree, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LINKED = ("emulators", "models", "processors")
"""Folders of the repository that the package reaches through links."""
LARGEST_MB = 13.0
"""Unpacked; three teachers are 3.7 MB of it."""

BUILD = """
import sys
from setuptools import Distribution
distribution = Distribution({"script_name": "setup.py"})
distribution.parse_config_files(["setup.cfg"])
command = distribution.get_command_obj("build_py")
command.build_lib = sys.argv[1]
command.ensure_finalized()
command.run()
"""
"""What a wheel is made of, as setuptools collects it from setup.cfg."""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    pytest.importorskip("setuptools")
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-W", "ignore", "-c", BUILD, str(out)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    return out


def tracked():
    """Return the files of the package that git knows, under the names that they are imported by."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "l1kd", *LINKED]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("this is no git checkout")
    files = (name for name in done.stdout.splitlines() if (REPOSITORY / name).is_file())
    return {name if name.startswith("l1kd/") else f"l1kd/{name}" for name in files}


def installed(built):
    return {p.relative_to(built).as_posix() for p in built.rglob("*") if p.is_file()}


def test_every_file_of_the_tree_is_installed_and_no_other(built):
    wanted, found = tracked(), installed(built)
    assert sorted(wanted - found) == []
    assert sorted(found - wanted) == []


def test_nothing_generic_lies_on_top_level(built):
    assert [path.name for path in built.iterdir()] == ["l1kd"]


def test_every_folder_with_code_is_a_package(built):
    """A folder without ``__init__.py`` is missing from a wheel without a word."""
    folders = {PurePosixPath(name).parent for name in tracked() if name.endswith(".py")}
    missing = [str(f) for f in folders if not (built / f / "__init__.py").is_file()]
    assert missing == []


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "models/firmware/tools/driver.cpp",
        "models/firmware/adders/sum_of_three.v",
        "models/firmware/adders/sum_of_three.vhd",
        "models/firmware/adders/sum_of_three_xilinx.v",
        "models/firmware/vectors/real_events.npz",
        "models/configs/teacher.yaml",
        "models/zoo/teacher-v2/weights.npz",
        "models/zoo/cicada_logic-v3/logic.npz",
    ],
)
def test_data_of_known_names_is_there(built, name):
    assert (built / "l1kd" / name).is_file()


def test_it_is_small(built):
    size = sum(path.stat().st_size for path in built.rglob("*") if path.is_file())
    assert size < LARGEST_MB * 1e6


INPUTS = """
import hashlib, sys
import numpy as np
from l1kd import models
from l1kd.artefacts import load
from l1kd.emulators.network import Network
from l1kd.models.firmware.vectors import events
network = Network.load(load("cicada-v1").file("network.npz"))
raw, origin = events.packaged_inputs(network, "cicada", 100)
digest = hashlib.sha256(np.ascontiguousarray(raw).tobytes())
for sample in ("ttbar2l", "minbias"):
    for name, column in events.PackagedEvents.read(sample, "particles").columns.items():
        digest.update(name.encode() + column.tobytes())
print(models.__file__, digest.hexdigest(), *origin.items())
"""
"""What a proof takes from real events, and where l1kd was found."""


def test_real_events_of_a_wheel_are_those_of_the_checkout(built, tmp_path):
    found = []
    for home in (built, REPOSITORY):
        command = [sys.executable, "-W", "ignore", "-c", INPUTS]
        environment = {**os.environ, "PYTHONPATH": str(home)}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
        )
        place, *said = done.stdout.split()
        assert Path(place).resolve().is_relative_to(home)
        found.append(said)
    assert found[0] == found[1]
