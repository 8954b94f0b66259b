"""Finished chunks on disk, from which an interrupted run goes on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import cloudpickle
import lz4.frame

from l1kd.datasets import InputFile
from l1kd.datasets.manifest import written
from l1kd.execution.fingerprint import fingerprint

__all__ = ["Store", "pack", "unpack"]

_MAGIC = b"l1kd chunk 1\n"


def pack(value: Any) -> bytes:
    """Bytes of a result, compressed."""
    packed: bytes = lz4.frame.compress(cloudpickle.dumps(value))
    return packed


def unpack(content: bytes) -> Any:
    """Return the result that `pack` packed."""
    return cloudpickle.loads(lz4.frame.decompress(content))


class Store:
    """The finished chunks of one processor, each in a file that is whole or not there.

    What a chunk's result depends on makes its name: the processor with its code and files, this
    l1kd, and of the input its path, UUID, tree and entries, its truth file, and its metadata.
    Failures are not kept.
    """

    def __init__(self, folder: str | Path, processor: Any) -> None:
        name = f"{type(processor).__name__}-{fingerprint(processor)[:16]}"
        self.folder = Path(folder) / name

    def path(self, file: InputFile, start: int, stop: int) -> Path:
        """File of one chunk."""
        truth = (file.truth, file.truth_uuid.hex())
        metadata = hashlib.sha256(
            json.dumps(dict(file.metadata), sort_keys=True, default=repr).encode()
        ).hexdigest()
        about = (file.dataset, file.path, file.uuid.hex(), file.tree, file.kind, file.digest)
        key = hashlib.sha256(repr((*about, *truth, metadata, start, stop)).encode())
        return self.folder / f"{key.hexdigest()[:32]}.chunk"

    def load(self, file: InputFile, start: int, stop: int) -> Any:
        """Return the result of a chunk, or None if there is none that is whole."""
        path = self.path(file, start, stop)
        try:
            content = path.read_bytes()
        except OSError:
            return None
        digest, packed = content[len(_MAGIC) : len(_MAGIC) + 32], content[len(_MAGIC) + 32 :]
        if not content.startswith(_MAGIC) or hashlib.sha256(packed).digest() != digest:
            return None
        return unpack(packed)

    def save(self, file: InputFile, start: int, stop: int, packed: bytes) -> None:
        """Keep a result.

        Raises
        ------
        OutputError
            If it cannot be written: a full disk, for instance.
        """
        content = _MAGIC + hashlib.sha256(packed).digest() + packed
        written(self.path(file, start, stop), content)
