"""The file format of a network: an uncompressed ``.npz`` with a JSON header.

Two members: ``header`` holds JSON as bytes, ``data`` all integer arrays of the graph one after the
other. The header carries the schema version and the SHA-256 of everything else. Nothing is pickled,
nothing is compressed: a file cannot make its reader allocate more than a few times its own size.
"""

import hashlib
import io
import json
import zipfile
from dataclasses import fields
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Gather,
    Graph,
    Layer,
    Lookup,
    Operation,
    Piecewise,
    Tensor,
)

__all__ = ["SCHEMA", "digest", "read_graph", "read_members", "write_graph"]

SCHEMA = 1
MAX_BYTES = 1 << 31
_KINDS = {kind.__name__: kind for kind in (Affine, Piecewise, Lookup, Binary, Divide, Gather)}
# Fields by type; what is not listed is an array.
_TEXTS = {"source", "kind", "left", "right"}
_NUMBERS = {"weight_fraction", "fraction", "multiplier", "shift", "offset", "halvings", "fill"}
_FLAGS = {"late", "toward_zero"}
_INDICES = {"index", "group", "choice", "column", "left_index", "right_index"}


class _Writer:
    """Collects arrays while a graph becomes JSON."""

    def __init__(self) -> None:
        self.parts: list[npt.NDArray[np.int64]] = []
        self.size = 0

    def array(self, values: npt.NDArray[Any]) -> list[int]:
        self.parts.append(values.astype(np.int64).reshape(-1))
        start, self.size = self.size, self.size + values.size
        return [start, *values.shape]

    def operation(self, operation: Operation) -> dict[str, Any]:
        text: dict[str, Any] = {"operation": type(operation).__name__}
        for entry in fields(operation):
            value = getattr(operation, entry.name)
            if value is None:
                continue
            if isinstance(value, np.ndarray):
                value = self.array(value)
            elif isinstance(value, Tensor):
                value = _tensor_text(value)
            elif isinstance(value, FixedPoint):
                value = str(value)
            elif entry.name == "formats":
                value = [str(form) for form in value]
            text[entry.name] = value
        return text

    def layer(self, layer: Layer) -> dict[str, Any]:
        return {
            "name": layer.name,
            "kind": layer.kind,
            "operations": [self.operation(operation) for operation in layer.operations],
            "formats": {role: str(form) for role, form in layer.formats.items()},
            "counts": [layer.parameters, layer.zeros, layer.multiplications],
        }


def _tensor_text(tensor: Tensor) -> dict[str, Any]:
    return {"name": tensor.name, "shape": list(tensor.shape), "format": str(tensor.format)}


def write_graph(path: Path, graph: Graph) -> None:
    """Write a graph to a file."""
    writer = _Writer()
    content = {
        "name": graph.name,
        "inputs": [_tensor_text(tensor) for tensor in graph.inputs],
        "outputs": list(graph.outputs),
        "layers": [writer.layer(layer) for layer in graph.layers],
    }
    data = np.concatenate([np.zeros(0, np.int64), *writer.parts])
    data = data.astype(np.int32) if not data.size or _fits_int32(data) else data
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    envelope = {"l1kd network": SCHEMA, "sha256": digest(text, data), "graph": text}
    header = json.dumps(envelope).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in (("header", np.frombuffer(header, np.uint8)), ("data", data)):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, allow_pickle=False)
            # A fixed date makes equal networks equal files.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), buffer.getvalue())


def _fits_int32(data: npt.NDArray[np.int64]) -> bool:
    return bool(data.min() >= -(1 << 31) and data.max() < 1 << 31)


def digest(text: str, data: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of a description and its numbers, in hexadecimal digits."""
    return hashlib.sha256(text.encode() + str(data.dtype).encode() + data.tobytes()).hexdigest()


def read_graph(path: Path) -> Graph:
    """Read a graph from a file.

    Raises
    ------
    ValueError
        If the file is not a network of this schema, is damaged, or describes no possible network.
    FileNotFoundError
        If there is no such file.
    """
    try:
        header, data = read_members(path)
        envelope = json.loads(header.tobytes())
        if not isinstance(envelope, dict) or "l1kd network" not in envelope:
            raise ValueError("it is not an l1kd network")
        if envelope["l1kd network"] != SCHEMA:
            raise ValueError(f"its schema is {envelope['l1kd network']!r}, not {SCHEMA}")
        text = str(envelope["graph"])
        if envelope["sha256"] != digest(text, data):
            raise ValueError("its SHA-256 does not match its content")
        return _Reader(data).graph(json.loads(text))
    except FileNotFoundError:
        raise
    except Exception as error:
        # Whatever a damaged file provokes in zipfile, json or the checks is one error to the user.
        raise ValueError(f"{path} cannot be read: {error or type(error).__name__}") from error


def read_members(path: Path) -> tuple[npt.NDArray[np.uint8], npt.NDArray[Any]]:
    """Return the header and the numbers of an archive, refused before they can fill the memory."""
    if path.stat().st_size > MAX_BYTES:
        raise ValueError("it is too large")
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if set(members) != {"header.npy", "data.npy"} or len(archive.infolist()) != 2:
            raise ValueError("its members are not a header and data")
        arrays = []
        for name in ("header.npy", "data.npy"):
            info = members[name]
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > path.stat().st_size:
                raise ValueError(f"{name} is compressed")
            arrays.append(_array(archive.read(name)))
    header, data = arrays
    if header.dtype != np.uint8 or data.dtype not in (np.int32, np.int64):
        raise ValueError("its arrays have other types than expected")
    return header, data


def _array(content: bytes) -> npt.NDArray[Any]:
    """Return the one-dimensional array of an ``.npy`` file whose size must match its header."""
    stream = io.BytesIO(content)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("an array has an unknown version")
    shape, _, kind = np.lib.format.read_array_header_1_0(stream)
    start = stream.tell()
    if kind.hasobject or len(shape) != 1 or shape[0] * kind.itemsize != len(content) - start:
        raise ValueError("an array does not have the size it claims")
    return np.frombuffer(content, kind, offset=start)


class _Reader:
    """Builds a graph from JSON and the flat data."""

    def __init__(self, data: npt.NDArray[Any]) -> None:
        self.data = data
        self.taken = 0

    def graph(self, text: dict[str, Any]) -> Graph:
        return Graph(
            str(text["name"]),
            tuple(self.tensor(entry) for entry in text["inputs"]),
            tuple(str(name) for name in text["outputs"]),
            tuple(self.layer(entry) for entry in text["layers"]),
        )

    def tensor(self, text: dict[str, Any]) -> Tensor:
        shape = tuple(_integer(axis) for axis in text["shape"])
        return Tensor(str(text["name"]), shape, FixedPoint.parse(text["format"]))

    def layer(self, text: dict[str, Any]) -> Layer:
        formats = {str(role): FixedPoint.parse(form) for role, form in text["formats"].items()}
        operations = tuple(self.operation(entry) for entry in text["operations"])
        counts = [_integer(count) for count in text["counts"]]
        return Layer(str(text["name"]), str(text["kind"]), operations, formats, *counts)

    def operation(self, text: dict[str, Any]) -> Operation:
        kind = _KINDS[text["operation"]]
        known = {entry.name for entry in fields(kind)}
        values = {name: self.value(name, value) for name, value in text.items() if name in known}
        if len(values) != len(text) - 1:
            raise ValueError("an operation has unknown fields")
        return kind(**values)

    def value(self, name: str, value: Any) -> Any:
        if name == "output":
            return self.tensor(value)
        if name in _TEXTS:
            return str(value)
        if name in _NUMBERS and not isinstance(value, list):
            return _integer(value)
        if name in _FLAGS:
            return bool(value)
        if name == "accumulator":
            return FixedPoint.parse(value)
        if name == "formats":
            return tuple(FixedPoint.parse(form) for form in value)
        if name == "sources":
            return tuple(str(entry) for entry in value)
        if name == "limits":
            low, high = value
            return _integer(low), _integer(high)
        return self.array(value, np.int32 if name in _INDICES else np.int64)

    def array(self, value: list[Any], kind: type[np.signedinteger[Any]]) -> npt.NDArray[Any]:
        start, *shape = (_integer(number) for number in value)
        size = prod(shape)
        # Every number belongs to one array, so the arrays together are no larger than the data.
        self.taken += size
        outside = start < 0 or min(shape, default=1) < 0 or start + size > self.data.size
        if outside or self.taken > self.data.size:
            raise ValueError("an array lies outside the data")
        return self.data[start : start + size].astype(kind).reshape(shape)


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not an integer")
    return value
