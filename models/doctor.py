"""Find what is wrong with the training environment, and say how to repair it.

Nothing heavy is imported here: the files of the installed packages tell enough.
"""

import importlib.util
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

__all__ = ["Finding", "check", "qkeras_problem"]

_REPAIR = (
    "repair: pip uninstall -y qkeras; remove the folder {folder}; "
    "pip install --no-deps qkeras==0.9.0 (hgq2 itself goes on working)"
)
_NEEDED = {
    "tensorflow": "tensorflow",
    "tf_keras": "tf-keras",
    "qkeras": "qkeras",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
    "hls4ml": "hls4ml",
    "onnx": "onnx",
}


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
    """

    subject: str
    ok: bool
    message: str


def _folder(module: str) -> Path | None:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def qkeras_problem(folder: Path | None = None) -> str | None:
    """Say what is wrong with the installed QKeras, if anything is.

    The wheel of hgq2 holds a top-level folder `qkeras`, a shim that redirects to HGQ2. Installed
    after QKeras it overwrites QKeras' own files; installed before, it is mixed with them.

    Parameters
    ----------
    folder : pathlib.Path, optional
        The package folder to judge; the one that Python would import by default.

    Returns
    -------
    str or None
        The problem with its repair, None where QKeras is itself.
    """
    folder = folder or _folder("qkeras")
    if folder is None:
        return "QKeras is not installed: install l1kd[train]"
    opening = folder / "__init__.py"
    text = opening.read_text(encoding="utf-8") if opening.is_file() else ""
    if not (folder / "qlayers.py").is_file() or "qlayers" not in text:
        repair = _REPAIR.format(folder=folder)
        return f"the folder {folder} is not QKeras but the shim of hgq2's wheel; {repair}"
    return None


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check() -> list[Finding]:
    """Look at everything that training needs.

    Returns
    -------
    list of Finding
        One entry a package, then the known conflicts. All `ok` means that training can start.
    """
    findings = []
    for module, distribution in _NEEDED.items():
        found = importlib.util.find_spec(module) is not None
        version = _version(distribution) or "version unknown"
        text = version if found else f"'{module}' is not installed: install l1kd[train]"
        findings.append(Finding(distribution, found, text))
    if importlib.util.find_spec("qkeras") is not None:
        problem = qkeras_problem()
        message = problem or "QKeras' own files are in place"
        findings.append(Finding("qkeras and hgq2", problem is None, message))
    both = _version("tensorflow") and _version("tensorflow-cpu")
    if both:
        message = (
            "tensorflow and tensorflow-cpu are both installed and overwrite each other; repair: "
            "pip uninstall -y tensorflow tensorflow-cpu; pip install tensorflow"
        )
        findings.append(Finding("tensorflow and tensorflow-cpu", False, message))
    return findings
