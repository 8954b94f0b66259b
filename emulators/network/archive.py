"""The file of a network: its graph as JSON, its arrays in one pool of integers.

`l1kd.emulators.archive` says how both are kept and sealed.
"""

from dataclasses import fields
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.emulators import archive
from l1kd.emulators.array_types import AnyArray, Integers
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

__all__ = ["KIND", "read_graph", "write_graph"]

KIND = archive.Kind("l1kd network", "graph", 1)
_KINDS = {kind.__name__: kind for kind in (Affine, Piecewise, Lookup, Binary, Divide, Gather)}
# Fields by type; what is not listed is an array.
_TEXTS = {"source", "kind", "left", "right"}
_NUMBERS = {"weight_fraction", "fraction", "multiplier", "shift", "offset", "halvings", "fill"}
_FLAGS = {"late", "toward_zero"}
_INDICES = {"index", "group", "choice", "column", "left_index", "right_index"}


class _Writer:
    """Collects arrays while a graph becomes JSON."""

    def __init__(self) -> None:
        self.parts: list[Integers] = []
        self.size = 0

    def array(self, values: AnyArray) -> list[int]:
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
    archive.write(path, KIND, content, data)


def _fits_int32(data: Integers) -> bool:
    return bool(data.min() >= -(1 << 31) and data.max() < 1 << 31)


def read_graph(path: Path) -> Graph:
    """Read a graph from a file.

    Raises
    ------
    ValueError
        If the file is not a network of this schema, is damaged, or describes no possible network.
    FileNotFoundError
        If there is no such file.
    """
    return archive.read(path, KIND, lambda text, data: _Reader(data).graph(text))


class _Reader:
    """Builds a graph from JSON and the flat data."""

    def __init__(self, data: AnyArray) -> None:
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

    def array(self, value: list[Any], kind: type[np.signedinteger[Any]]) -> AnyArray:
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
