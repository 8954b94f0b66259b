"""Model artefacts: a folder with a manifest, whose files are checked before they are used.

An artefact `<name>-v<N>` holds the network itself and what a user must know of it: `card.md`,
`metrics.json`, `provenance.json` and `config.yaml`. `manifest.json` names every file with its
sha256. The shipped ones lie in `l1kd/models/zoo`; a user's own may lie anywhere.
TensorFlow is not needed here.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from l1kd._documents import read_document
from l1kd.errors import ArtefactError, ConfigurationError, UnreadableFileError
from l1kd.registry import nearest

__all__ = [
    "READERS",
    "SCHEMA",
    "Artefact",
    "load",
    "nearest_shipped",
    "refuse_other_kind",
    "sha256",
    "shipped",
    "write_manifest",
]

SCHEMA = 1
_MANIFEST = "manifest.json"
_KINDS: dict[str, type] = {
    "name": str,
    "version": int,
    "kind": str,
    "description": str,
    "inputs": dict,
    "outputs": dict,
    "files": dict,
}
"""Keys of a manifest and what they hold."""
READERS: Mapping[str, str] = {
    "cicada": "Cicada",
    "cicada_teacher": "CicadaTeacher",
    "correlator": "NetworkCorrelator",
    "distillnet": "DistillNet",
    "object_anomaly": "ObjectAnomaly",
    "qdistillnet": "QDistillNet",
}
"""Classes of `l1kd.algorithms` that read artefacts, by kind; the others only teach."""


@dataclass(frozen=True)
class Artefact:
    """A model folder whose files have the hashes that its manifest states.

    Attributes
    ----------
    name : str
        Name without version, for instance ``qdistillnet``.
    version : int
        Version of the artefact.
    kind : str
        What it computes: ``distillnet``, ``qdistillnet`` or ``cicada``.
    folder : pathlib.Path
        Where its files lie.
    manifest : dict
        The whole manifest, with `inputs` and `outputs` described.
    """

    name: str
    version: int
    kind: str
    folder: Path
    manifest: dict[str, Any]

    @property
    def title(self) -> str:
        """Name and version as one word, for instance ``qdistillnet_paper-v1``."""
        return f"{self.name}-v{self.version}"

    def file(self, name: str) -> Path:
        """Return the path of one of the files that the manifest lists.

        Raises
        ------
        ArtefactError
            The manifest does not list this file.
        """
        if name not in self.manifest["files"]:
            listed = ", ".join(sorted(self.manifest["files"]))
            raise ArtefactError(f"artefact {self.title} has no file '{name}'; it has {listed}")
        return self.folder / name

    def json(self, name: str) -> Any:
        """Return the content of one of its JSON files."""
        return json.loads(self.file(name).read_text(encoding="utf-8"))

    @property
    def card(self) -> str:
        """The model card, Markdown."""
        return self.file("card.md").read_text(encoding="utf-8")


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    path = Path(path)
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _zoo() -> Path:
    return Path(str(resources.files("l1kd"))) / "models" / "zoo"


def shipped() -> tuple[str, ...]:
    """Return the names of the artefacts that come with the package, for instance ``cicada-v1``."""
    zoo = _zoo()
    if not zoo.is_dir():
        return ()
    return tuple(sorted(folder.name for folder in zoo.iterdir() if (folder / _MANIFEST).is_file()))


def nearest_shipped(name: str) -> str:
    """Say which shipped artefact is meant, and how to list them, for a message."""
    return f"{nearest(name, shipped())}; `l1kd models` lists them"


def _locate(name: str | Path) -> Path:
    path = Path(name)
    if (path / _MANIFEST).is_file():
        return path
    if isinstance(name, str) and name in shipped():
        return _zoo() / name
    if path.exists():
        raise ArtefactError(f"there is no artefact in '{name}': expected a folder with {_MANIFEST}")
    missing = "the folder does not exist, and " if len(path.parts) > 1 else ""
    raise ArtefactError(
        f"there is no artefact '{name}': {missing}no shipped one has this name"
        f"{nearest_shipped(str(name))}"
    )


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / _MANIFEST
    try:
        manifest = read_document(path)
    except (ConfigurationError, UnreadableFileError) as error:
        raise ArtefactError(str(error)) from error
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        found = manifest.get("schema") if isinstance(manifest, dict) else type(manifest).__name__
        message = (
            f"{path} has schema {found!r}; this version of l1kd reads schema {SCHEMA}: "
            "train the model again or install the version that wrote it"
        )
        raise ArtefactError(message)
    missing = _KINDS.keys() - manifest.keys()
    if missing:
        raise ArtefactError(f"{path} lacks {', '.join(sorted(missing))}")
    for key, kind in _KINDS.items():
        if not isinstance(manifest[key], kind):
            found = type(manifest[key]).__name__
            raise ArtefactError(f"{path}: expected {kind.__name__} under '{key}', found {found}")
    if not manifest["files"]:
        raise ArtefactError(f"{path}: expected files and their hashes under 'files', found none")
    for name, entry in manifest["files"].items():
        if not isinstance(entry, dict) or not isinstance(entry.get("sha256"), str):
            raise ArtefactError(f"{path}: expected a sha256 for the file '{name}', found none")
    return manifest


def _other_kind(title: str, found: str, expected: str) -> ArtefactError:
    reader = READERS.get(found)
    remedy = f": read it by l1kd.algorithms.{reader}({title!r}), or its folder" if reader else ""
    return ArtefactError(f"artefact {title} is of kind '{found}', not '{expected}'{remedy}")


def refuse_other_kind(name_or_path: str | Path, kind: str) -> None:
    """Refuse an artefact of another kind by its manifest alone; no artefact is left to `load`.

    Raises
    ------
    ArtefactError
        It is of another kind; the message names the class that reads it, where there is one.
    """
    folder = Path(name_or_path)
    if not (folder / _MANIFEST).is_file():
        if str(name_or_path) not in shipped():
            return
        folder = _zoo() / str(name_or_path)
    manifest = _read_manifest(folder)
    if manifest["kind"] != kind:
        raise _other_kind(f"{manifest['name']}-v{manifest['version']}", manifest["kind"], kind)


def load(name_or_path: str | Path, kind: str | None = None) -> Artefact:
    """Find an artefact and check every file of it against its manifest.

    Parameters
    ----------
    name_or_path : str or pathlib.Path
        Name of a shipped artefact (``cicada-v1``) or a folder with a manifest.
    kind : str, optional
        The kind that the caller can use.

    Returns
    -------
    Artefact
        Checked; its files may be read.

    Raises
    ------
    ArtefactError
        It does not exist, has another schema or kind, or one of its files is missing or differs
        from its hash; the message gives the file, the expected and the found hash.
    """
    folder = _locate(name_or_path)
    manifest = _read_manifest(folder)
    artefact = Artefact(manifest["name"], manifest["version"], manifest["kind"], folder, manifest)
    if kind is not None and artefact.kind != kind:
        raise _other_kind(artefact.title, artefact.kind, kind)
    for name, entry in manifest["files"].items():
        path = folder / name
        if Path(name).name != name:
            raise ArtefactError(f"artefact {artefact.title} lists '{name}' outside its folder")
        if not path.is_file():
            message = (
                f"artefact {artefact.title} lacks its file '{name}' "
                f"(expected sha256 {entry['sha256']}, found no file): install it again"
            )
            raise ArtefactError(message)
        found = sha256(path)
        if found != entry["sha256"]:
            message = (
                f"file '{name}' of artefact {artefact.title} is not the one that was shipped: "
                f"expected sha256 {entry['sha256']}, found {found}: install it again"
            )
            raise ArtefactError(message)
    return artefact


def write_manifest(
    folder: str | Path,
    *,
    name: str,
    version: int,
    kind: str,
    description: str,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    files: tuple[str, ...],
) -> Artefact:
    """Write the manifest of a finished model folder.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the artefact; all of `files` must lie in it.
    name, version, kind, description
        As in `Artefact`; the description is one sentence.
    inputs, outputs : mapping
        What the network reads and gives: shapes, units, number formats.
    files : tuple of str
        Names of the files that belong to the artefact.

    Returns
    -------
    Artefact
        The artefact, as `load` gives it.
    """
    folder = Path(folder)
    entries = {
        file: {"sha256": sha256(folder / file), "bytes": (folder / file).stat().st_size}
        for file in sorted(files)
    }
    manifest = {
        "schema": SCHEMA,
        "name": name,
        "version": version,
        "kind": kind,
        "description": description,
        "inputs": dict(inputs),
        "outputs": dict(outputs),
        "files": entries,
    }
    text = json.dumps(manifest, indent=2) + "\n"
    (folder / _MANIFEST).write_text(text, encoding="utf-8")
    return load(folder, kind)
