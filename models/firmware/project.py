"""A built project on disk: what its description says, and how it is read back."""

import json
import re
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from l1kd._documents import read_document
from l1kd.artefacts import sha256
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.errors import ConfigurationError, FirmwareError, UnreadableFileError
from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.stream import RegionStream
from l1kd.models.firmware.vectors.vectors import Emulator, Vectors

__all__ = [
    "SCHEMA",
    "Changes",
    "changes",
    "design_from",
    "design_to",
    "read_description",
    "read_network",
    "read_vectors",
    "write_json",
]

SCHEMA = 1
DESCRIPTION = "project.json"
_KINDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "backend": str,
    "part": str,
    "clock_mhz": (int, float),
    "seed": int,
    "vectors": dict,
    "files": dict,
}
"""Keys of a description and what they hold."""
_RUN = ("hls/firmware/", "rtl/verilog/", "rtl/vhdl/", "vectors/")
"""Folders whose files are compiled, simulated or read by a proof: none may be added there."""
_HASH = re.compile(r"[0-9a-f]{64}")
REWRITTEN = "mismatches.json"
"""A proof writes it anew."""


def write_json(path: Path, content: Any) -> None:
    """Write JSON that depends on its content alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_description(folder: str | Path) -> dict[str, Any]:
    """Read ``project.json``.

    Raises
    ------
    FirmwareError
        The folder is no built project, of another schema, or damaged.
    """
    folder = Path(folder)
    path = folder / DESCRIPTION
    if not path.is_file():
        raise FirmwareError(
            f"{folder} is no built project: expected {DESCRIPTION}; `l1kd build` makes one"
        )
    try:
        content = read_document(path)
    except (ConfigurationError, UnreadableFileError) as error:
        raise FirmwareError(f"{error}; build the project again") from error
    found = content.get("schema") if isinstance(content, dict) else None
    if found != SCHEMA:
        raise FirmwareError(f"{path} has schema {found!r}, expected {SCHEMA}: build it again")
    missing = sorted(_KINDS.keys() - content.keys())
    if missing:
        raise FirmwareError(f"{path} lacks {', '.join(missing)}: build the project again")
    _check(content, path)
    return dict(content)


def _check(content: dict[str, Any], path: Path) -> None:
    """Refuse a description whose values are not what a build writes."""
    problem = None
    for key, kind in _KINDS.items():
        if not isinstance(content[key], kind) or isinstance(content[key], bool):
            problem = f"'{key}' is {type(content[key]).__name__}"
    for key in ("hls", "rtl"):
        if not isinstance(content.get(key), dict | None):
            problem = f"'{key}' is {type(content[key]).__name__}"
    files = content["files"]
    if problem is None and not files:
        problem = "'files' names no file"
    if problem is None:
        for name, digest in files.items():
            if not _inside(name):
                problem = f"'files' names '{name}', outside the project"
            elif not isinstance(digest, str) or not _HASH.fullmatch(digest):
                problem = f"'files' gives no sha256 for '{name}'"
        for which in ("real", "edge", "random"):
            if not isinstance(content["vectors"].get(which), int):
                problem = f"'vectors' does not count those that are '{which}'"
    if problem is not None:
        raise FirmwareError(f"{path} is damaged: {problem}; build the project again")


def _inside(name: str) -> bool:
    """Tell whether a path stays within the project."""
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


class Changes(NamedTuple):
    """How a project's files differ from its description.

    Attributes
    ----------
    changed : tuple of str
        Files with another hash, and files that are missing.
    added : tuple of str
        Files that the description does not name.
    """

    changed: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def refused(self) -> tuple[str, ...]:
        """What stands against compiling and running the project's code."""
        return (*self.changed, *(name for name in self.added if _is_run(name)))


def _is_run(name: str) -> bool:
    """Tell whether an added file, or a link in place of a folder, could be compiled or read."""
    around = any(folder.startswith(f"{name}/") for folder in _RUN)
    return around or name.startswith(_RUN) or name == "network.npz"


def changes(folder: str | Path, description: dict[str, Any]) -> Changes:
    """Compare a project's files with the hashes in its description."""
    folder = Path(folder)
    expected = {name: h for name, h in description["files"].items() if name != REWRITTEN}
    changed = []
    for name, digest in expected.items():
        path = folder / name
        if path.is_symlink() or not path.is_file() or sha256(path) != digest:
            changed.append(name)
    found = (path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    names = {path.relative_to(folder).as_posix() for path in found}
    added = names - expected.keys() - {DESCRIPTION, REWRITTEN}
    return Changes(tuple(sorted(changed)), tuple(sorted(added)))


def read_network(folder: str | Path) -> Emulator:
    """Read the emulator of a project.

    Raises
    ------
    FirmwareError
        The file is missing or damaged.
    """
    folder = Path(folder)
    path, errors = folder / "network.npz", []
    kinds: tuple[type[Any], ...] = (RegionStream, Network, LogicNetwork)
    for kind in kinds:
        try:
            found: Emulator = kind.load(path)
            return found
        except (OSError, ValueError) as error:
            errors.append(str(error))
    raise FirmwareError(f"{path}: expected the project's network, found: {errors[-2]}")


def read_vectors(folder: str | Path, description: dict[str, Any]) -> tuple[Vectors, Any]:
    """Read the stored vectors and what the emulator gave for them.

    Raises
    ------
    FirmwareError
        A file is missing, or differs from the hash in the description.
    """
    folder = Path(folder)
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
        A source file is missing or lies outside the project, or the description is damaged.
    """
    names = content.get("sources")
    if not isinstance(names, list) or not all(isinstance(n, str) and _inside(n) for n in names):
        raise FirmwareError(
            f"{folder / DESCRIPTION}: 'rtl' must list sources within the project, found {names!r}"
        )
    sources = tuple(folder / name for name in names)
    missing = [str(path) for path in sources if not path.is_file()]
    if missing:
        raise FirmwareError(f"{missing[0]}: expected a source of the design, found no file")
    try:
        return RtlDesign(**{**content, "sources": sources})
    except TypeError as error:
        raise FirmwareError(f"{folder / DESCRIPTION}: 'rtl' is damaged: {error}") from error
