"""A built project on disk: what its description says, and how it is read back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.artefacts import sha256
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.errors import FirmwareError
from l1kd.models.firmware.proof.vectors import Emulator, Vectors
from l1kd.models.firmware.rtl.rtl import RtlDesign

__all__ = [
    "SCHEMA",
    "design_from",
    "design_to",
    "read_description",
    "read_network",
    "read_vectors",
    "write_json",
]

SCHEMA = 1
DESCRIPTION = "project.json"
_KEYS = {"schema", "name", "backend", "part", "clock_mhz", "seed", "vectors", "files"}


def write_json(path: Path, content: Any) -> None:
    """Write JSON that depends on its content alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_description(folder: Path) -> dict[str, Any]:
    """Read ``project.json``.

    Raises
    ------
    FirmwareError
        The folder is no built project, of another schema, or damaged.
    """
    path = folder / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FirmwareError(
            f"{folder} is no built project: expected {DESCRIPTION}; `l1kd build` makes one"
        ) from None
    except (OSError, ValueError) as error:
        raise FirmwareError(f"{path} cannot be read: {error}; build the project again") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise FirmwareError(f"{path} has schema {found!r}, expected {SCHEMA}: build it again")
    missing = sorted(_KEYS - content.keys())
    if missing:
        raise FirmwareError(f"{path} lacks {', '.join(missing)}: build the project again")
    return dict(content)


def read_network(folder: Path) -> Emulator:
    """Read the emulator of a project.

    Raises
    ------
    FirmwareError
        The file is missing or damaged.
    """
    path, errors = folder / "network.npz", []
    kinds: tuple[type[Network] | type[LogicNetwork], ...] = (Network, LogicNetwork)
    for kind in kinds:
        try:
            return kind.load(path)
        except (OSError, ValueError) as error:
            errors.append(str(error))
    raise FirmwareError(f"{path}: expected the project's network, found: {errors[0]}")


def read_vectors(folder: Path, description: dict[str, Any]) -> tuple[Vectors, Any]:
    """Read the stored vectors and what the emulator gave for them.

    Raises
    ------
    FirmwareError
        A file is missing, or differs from the hash in the description.
    """
    arrays = []
    for name in ("vectors/inputs.npy", "vectors/expected.npy"):
        path, expected = folder / name, description["files"].get(name)
        if not path.is_file():
            raise FirmwareError(f"{path}: expected the stored vectors, found no file")
        found = sha256(path)
        if found != expected:
            raise FirmwareError(
                f"{path} is not the file that was built: expected sha256 {expected}, found {found}"
            )
        arrays.append(np.load(path, allow_pickle=False))
    counts = {name: int(description["vectors"][name]) for name in ("real", "edge", "random")}
    return Vectors(arrays[0], counts), arrays[1].astype(np.int64)


def design_to(design: RtlDesign, folder: Path) -> dict[str, Any]:
    """Describe an RTL design with paths relative to the project."""
    sources = [path.resolve().relative_to(folder.resolve()).as_posix() for path in design.sources]
    return {**asdict(design), "sources": sources}


def design_from(content: dict[str, Any], folder: Path) -> RtlDesign:
    """Return the design that a project describes.

    Raises
    ------
    FirmwareError
        A source file is missing.
    """
    sources = tuple(folder / name for name in content["sources"])
    missing = [str(path) for path in sources if not path.is_file()]
    if missing:
        raise FirmwareError(f"{missing[0]}: expected a source of the design, found no file")
    return RtlDesign(**{**content, "sources": sources})
