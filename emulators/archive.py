"""Files of networks: an uncompressed ``.npz`` of JSON and integers, sealed by a SHA-256.

Two members: ``header`` holds JSON as bytes (the kind of content and its schema, a description, and
the SHA-256 of description and numbers), ``data`` all integer arrays one after the other. Nothing is
pickled, nothing is compressed: a file cannot make its reader allocate more than a few times its own
size.
"""

import hashlib
import io
import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from l1kd.emulators.array_types import AnyArray, Bytes

__all__ = ["Kind", "digest", "read", "write"]

MAX_BYTES = 1 << 31
_Content = TypeVar("_Content")


class Kind(NamedTuple):
    """What a file holds: ``title`` names it in the header, which keeps it under ``key``."""

    title: str
    key: str
    schema: int


def digest(text: str, data: AnyArray) -> str:
    """Return the SHA-256 of a description and its numbers, in hexadecimal digits."""
    return hashlib.sha256(text.encode() + str(data.dtype).encode() + data.tobytes()).hexdigest()


def write(path: Path, kind: Kind, content: dict[str, Any], data: AnyArray) -> None:
    """Write a description and its integers to a file; equal ones give equal bytes."""
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    envelope = {kind.title: kind.schema, "sha256": digest(text, data), kind.key: text}
    header = np.frombuffer(json.dumps(envelope).encode(), np.uint8)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in (("header", header), ("data", data)):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            # A fixed date makes equal networks equal files.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue())


def read(path: Path, kind: Kind, build: Callable[[dict[str, Any], AnyArray], _Content]) -> _Content:
    """Return what ``build`` makes of the description and the integers of a file.

    Raises
    ------
    ValueError
        If the file is not of this kind and schema, is damaged, or ``build`` raises anything.
    FileNotFoundError
        If there is no such file.
    """
    try:
        header, data = _members(path)
        envelope = json.loads(header.tobytes())
        if not isinstance(envelope, dict) or kind.title not in envelope:
            raise ValueError(f"it is not an {kind.title}")
        if envelope[kind.title] != kind.schema:
            raise ValueError(f"its schema is {envelope[kind.title]!r}, not {kind.schema}")
        text = str(envelope[kind.key])
        if envelope["sha256"] != digest(text, data):
            raise ValueError("its SHA-256 does not match its content")
        return build(json.loads(text), data)
    except FileNotFoundError:
        raise
    except Exception as error:
        # Whatever a damaged file provokes in zipfile, json or the checks is one error to the user.
        raise ValueError(f"{path} cannot be read: {error or type(error).__name__}") from error


def _members(path: Path) -> tuple[Bytes, AnyArray]:
    """Return the header and the numbers of an archive, refused before they can fill the memory."""
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError("it is no file")
    if facts.st_size > MAX_BYTES:
        raise ValueError("it is too large")
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if set(members) != {"header.npy", "data.npy"} or len(archive.infolist()) != 2:
            raise ValueError("its members are not a header and data")
        arrays = []
        for name in ("header.npy", "data.npy"):
            info = members[name]
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > facts.st_size:
                raise ValueError(f"{name} is compressed")
            arrays.append(_array(archive.read(name)))
    header, data = arrays
    if header.dtype != np.uint8 or data.dtype not in (np.int32, np.int64):
        raise ValueError("its arrays have other types than expected")
    return header, data


def _array(content: bytes) -> AnyArray:
    """Return the one-dimensional array of an ``.npy`` file whose size must match its header."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array has an unknown version")
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    start = stream.tell()
    if kind.hasobject or len(shape) != 1 or shape[0] * kind.itemsize != len(content) - start:
        raise ValueError("an array does not have the size it claims")
    return np.frombuffer(content, kind, offset=start)
