"""The manifest of a folder of skims: which pieces are whole, and what each of them holds."""

import hashlib
import json
import os
import uuid
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from l1kd.errors import ConfigurationError, OutputError, UnreadableFileError

__all__ = [
    "MANIFEST",
    "Manifest",
    "Piece",
    "digest_of",
    "piece_of",
    "pieces",
    "read_manifest",
    "require_digest",
    "written",
]

MANIFEST = "manifest.json"
_BLOCK = 1 << 20


class Piece(BaseModel):
    """One file of a skim.

    Attributes
    ----------
    events
        Number of events in the piece.
    source, source_uuid
        The input file, and ROOT's UUID of it.
    entry_start, entry_stop
        The entries of the input file that it was made from.
    sha256
        Of the whole piece.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    events: int = Field(ge=0)
    source: str
    source_uuid: str
    entry_start: int = Field(ge=0)
    entry_stop: int = Field(ge=0)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class Manifest(BaseModel):
    """What a folder of skims holds.

    Attributes
    ----------
    settings
        Digest of what was inserted and kept; pieces of other settings do not mix.
    pieces
        By name of the file. A file of the folder that is not listed is not valid: it was left by
        a run that was interrupted or made its pieces otherwise.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(default=1, ge=1, le=1)
    settings: str
    pieces: dict[str, Piece]

    def write(self, folder: str | Path) -> None:
        """Write it into its folder, whole or not at all.

        Raises
        ------
        OutputError
            If the folder cannot be written.
        """
        text = json.dumps(self.model_dump(), indent=1, sort_keys=True)
        written(Path(folder) / MANIFEST, text.encode())


def written(path: str | Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that it is whole or not there.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        _forget(unfinished)


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:  # its folder cannot be written, which has been said
        return


@lru_cache(maxsize=1024)
def _read(path: Path, _changed: int, _size: int) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise ConfigurationError(
            f"{path} is no manifest of a skim: {error.errors()[0]['msg']}"
        ) from error


def read_manifest(folder: str | Path) -> Manifest | None:
    """Read the manifest of a folder, or None where there is none.

    Raises
    ------
    ConfigurationError
        If the file is not a manifest.
    UnreadableFileError
        If it cannot be read.
    """
    path = Path(folder) / MANIFEST
    try:
        status = path.stat()
        return _read(path, status.st_mtime_ns, status.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if isinstance(error, UnreadableFileError):
            raise
        raise UnreadableFileError(f"{path}: {error.strerror or error}") from error


def pieces(folder: str | Path) -> list[str]:
    """Paths of the valid pieces in a folder of skims.

    Raises
    ------
    ConfigurationError
        If it is no folder of skims, or holds none that is finished.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest is None:
        raise ConfigurationError(
            f"{folder} is a folder without {MANIFEST}, so not one of skims; name its files, or a "
            "pattern"
        )
    if not manifest.pieces:
        raise ConfigurationError(f"{folder} holds no finished skim; run `l1kd insert` again")
    return [str(folder / name) for name in sorted(manifest.pieces)]


def digest_of(path: str | Path) -> str:
    """SHA-256 of a file."""
    path = Path(path)
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=4096)
def _verified(path: Path, _changed: int, _size: int) -> str:
    return digest_of(path)


def require_digest(path: str | Path, sha256: str) -> None:
    """Check a piece against its manifest; a file that has not changed since is read once.

    Raises
    ------
    UnreadableFileError
        If the file differs.
    """
    status = Path(path).stat()
    found = _verified(Path(path), status.st_mtime_ns, status.st_size)
    if found != sha256:
        raise UnreadableFileError(
            f"{path}: expected the SHA-256 {sha256[:12]}... of its {MANIFEST}, found "
            f"{found[:12]}...: damaged, or another run wrote it; run `l1kd insert` again"
        )


def piece_of(path: str | Path) -> Piece | None:
    """Return what the manifest beside a file says of it; None where there is no manifest.

    Raises
    ------
    UnreadableFileError
        If the manifest does not list the file.
    """
    file = Path(path)
    manifest = read_manifest(file.parent)
    if manifest is None:
        return None
    if file.name not in manifest.pieces:
        raise UnreadableFileError(
            f"{path}: expected a piece that {MANIFEST} beside it lists, found one left by a run "
            "that was interrupted or cut its files otherwise; give the folder instead of its "
            "files, or run `l1kd insert` again"
        )
    return manifest.pieces[file.name]
