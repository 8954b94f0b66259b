"""Files that a person gives: YAML and JSON of which nothing is dropped, and arrays, read safely."""

import gzip
import json
import reprlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from l1kd.emulators.array_types import AnyArray
from l1kd.errors import ConfigurationError, L1KDError, UnreadableFileError

__all__ = [
    "MOST_BYTES",
    "content_of",
    "open_arrays",
    "read_array",
    "read_document",
    "shown_value",
]

MOST_BYTES = 1 << 28
"""Largest document that is read: devices have no end, and packed files may hide one."""


class _StrictLoader(yaml.SafeLoader):
    """A safe loader to which a key given twice is an error: plain YAML keeps the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping, see the class."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool | None) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key if isinstance(key, str | int | float | bool) else None)
        return super().construct_mapping(node, deep)


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the key {name!r} is given twice")
    return dict(pairs)


def content_of(path: Path) -> bytes:
    """Bytes of a file, unpacked if its name ends in `.gz`.

    Raises
    ------
    OSError, EOFError
        If it cannot be read.
    UnreadableFileError
        If it has more than `MOST_BYTES`.
    """
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UnreadableFileError(
            f"{path}: expected at most {MOST_BYTES >> 20} MiB, found more; is this the right file?"
        )
    return content


def read_document(path: Path) -> Any:
    """Read a YAML file, or a JSON file (`.json`, `.json.gz`).

    Raises
    ------
    UnreadableFileError
        If there is no such file, or it cannot be read.
    ConfigurationError
        If it is not UTF-8, not YAML or JSON, nested too deeply, or gives a key twice.
    """
    kind = "JSON" if path.name.endswith((".json", ".json.gz")) else "YAML"
    try:
        text = content_of(path).decode("utf-8")
        if kind == "JSON":
            return json.loads(text, object_pairs_hook=_pairs)
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506  (it is a SafeLoader)
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path}: expected text in UTF-8, found byte {error.object[error.start]:#x} at "
            f"position {error.start}"
        ) from error
    except RecursionError:
        raise ConfigurationError(f"{path}: expected {kind}, found one nested too deeply") from None
    except UnreadableFileError:
        raise
    except (OSError, EOFError) as error:
        raise UnreadableFileError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigurationError(f"{path} is not {kind}: {error}") from error


def shown_value(value: Any) -> str:
    """Short form of a value for a message, however large or deep it is."""
    return reprlib.repr(value)


@contextmanager
def open_arrays(path: Path) -> Iterator[Any]:
    """Open a NumPy archive (`.npz`) of plain arrays.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it, or an array that is taken from it, is none; the message does not name the file.
    """
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            raise ValueError("expected a NumPy archive (.npz), found a file that is no zip archive")
        stream.seek(0)
        with _plain("the archive"), np.load(stream, allow_pickle=False) as archive:
            yield archive


def read_array(path: str | Path) -> AnyArray:
    """Read a NumPy file (`.npy`) of a plain array.

    Raises
    ------
    OSError, ValueError
        As of `open_arrays`.
    """
    path = Path(path)
    with path.open("rb") as stream, _plain("the file"):
        if stream.read(len(_MAGIC)) != _MAGIC:
            raise ValueError("expected a NumPy file (.npy), found none")
        stream.seek(0)
        return np.asarray(np.load(stream, allow_pickle=False))


_MAGIC = b"\x93NUMPY"


@contextmanager
def _plain(what: str) -> Iterator[None]:
    """Say in our own words what NumPy answers with advice for files that one trusts."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{what} is damaged: {error}") from error
    except ValueError as error:
        if isinstance(error, L1KDError) or "pickle" not in str(error):
            raise
        raise ValueError(f"{what} holds Python objects where numbers are expected") from None
