"""What a training leaves beside the network: metrics and provenance."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from l1kd._version import __version__, commit
from l1kd.artefacts import sha256
from l1kd.models.config import Training
from l1kd.models.recipe import Product
from l1kd.models.training import history_seconds

__all__ = ["COMMON_FILES", "fingerprint", "unchanged", "write_records"]

COMMON_FILES = ("card.md", "config.yaml", "metrics.json", "provenance.json")
"""What every artefact holds beside its network."""

_PACKAGES = (
    "numpy",
    "numba",
    "tensorflow",
    "tf-keras",
    "qkeras",
    "keras",
    "hgq2",
    "da4ml",
    "tensorflow-model-optimization",
    "hls4ml",
    "onnx",
    "onnxruntime",
)


def fingerprint(config: Training, without: Iterable[str] = ()) -> str:
    """Return a hash of a configuration, without what does not change the result.

    Parameters
    ----------
    config : Training
        Configuration.
    without : iterable of str
        Further fields that do not matter here.
    """
    ignored = {"name", "version", "threads", "check_vectors", *without}
    return hashlib.sha256(config.model_dump_json(exclude=ignored).encode()).hexdigest()


def write_json(path: Path, content: Any) -> None:
    """Write JSON that people can read."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def unchanged(out: Path, network: str) -> bool:
    """Tell whether a network's file is that of the artefact which lies in the folder already."""
    manifest = out / "manifest.json"
    if not manifest.is_file():
        return False
    before = json.loads(manifest.read_text(encoding="utf-8"))["files"].get(network, {})
    return bool(before.get("sha256") == sha256(out / network))


def _provenance(
    config: Training, out: Path, product: Product, seconds: Mapping[str, float]
) -> dict[str, Any]:
    versions = {package: _version(package) for package in _PACKAGES}
    now = {"l1kd": __version__, "commit": commit()}
    trained = now
    if unchanged(out, product.files[0]):  # a finished training that was only tested again
        before = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
        trained = before.get("trained", {key: before[key] for key in now})
    return {
        "command": f"l1kd train {config.kind} --config config.yaml --out {out.name}",
        **now,
        "trained": trained,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "versions": {name: version for name, version in versions.items() if version},
        "configuration": config.model_dump(mode="json"),
        "configuration_sha256": fingerprint(config),
        "data": {path.name: sha256(path) for path in sorted(set(product.data))},
        "seconds": {stage: round(value, 1) for stage, value in seconds.items()},
    }


def write_records(out: Path, config: Training, config_path: Path, product: Product) -> None:
    """Write what belongs to every artefact: `COMMON_FILES`.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the artefact, as the training before left it, with the new network.
    config, config_path
        The validated configuration, with every default written out, and the file as it was given.
    product : Product
        What the training gave: metrics with their history, card, and the data files that were
        read, whose hashes are recorded.
    """
    text = config_path.read_text(encoding="utf-8")
    history = product.metrics["history"]
    seconds = {stage: history_seconds(entries) for stage, entries in history.items()}
    (out / "config.yaml").write_text(text, encoding="utf-8")
    write_json(out / "metrics.json", product.metrics)
    write_json(out / "provenance.json", _provenance(config, out, product, seconds))
    (out / "card.md").write_text(product.card, encoding="utf-8")
