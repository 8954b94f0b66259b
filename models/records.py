"""What a training leaves beside the network: metrics and provenance."""

import hashlib
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from l1kd._version import __version__
from l1kd.models.artefacts import sha256

__all__ = ["fingerprint", "write_config", "write_json", "write_provenance"]

_PACKAGES = (
    "numpy",
    "numba",
    "tensorflow",
    "tf-keras",
    "qkeras",
    "tensorflow-model-optimization",
    "hls4ml",
    "onnx",
    "onnxruntime",
)


def fingerprint(config: BaseModel) -> str:
    """Return a hash of a configuration, leaving out what does not change the result."""
    text = config.model_dump_json(exclude={"threads", "check_vectors"})
    return hashlib.sha256(text.encode()).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write JSON that people can read."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def write_config(folder: Path, source: Path) -> None:
    """Copy the configuration as it was given."""
    (folder / "config.yaml").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def write_provenance(
    folder: Path,
    config: BaseModel,
    files: Iterable[Path],
    seconds: Mapping[str, float],
) -> dict[str, Any]:
    """Write where a model comes from.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the artefact.
    config : pydantic.BaseModel
        The validated configuration, with every default written out.
    files : iterable of pathlib.Path
        Data files that were read.
    seconds : mapping
        Wall time of each stage.

    Returns
    -------
    dict
        The content of ``provenance.json``.
    """
    versions = {package: _version(package) for package in _PACKAGES}
    content = {
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "l1kd": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: version for name, version in versions.items() if version},
        "configuration": config.model_dump(mode="json"),
        "configuration_sha256": fingerprint(config),
        "data": {path.name: sha256(path) for path in sorted(set(files))},
        "seconds": {stage: round(value, 1) for stage, value in seconds.items()},
    }
    write_json(folder / "provenance.json", content)
    return content
