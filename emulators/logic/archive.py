"""The file of a logic-gate network: its stages as JSON, their arrays in one pool of integers.

`l1kd.emulators.archive` says how both are kept and sealed.
"""

from pathlib import Path
from typing import Any

import numpy as np

from l1kd.emulators import archive
from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic.stages import GateLayer, LogicContent, LogicStage

__all__ = ["KIND", "read_logic", "write_logic"]

KIND = archive.Kind("l1kd logic network", "network", 1)
_STAGE_NUMBERS = ("inputs", "width", "output_width")
_STAGE_ARRAYS = {
    "source": np.int32,
    "threshold": np.int64,
    "group": np.int32,
    "weight": np.int64,
    "offset": np.int64,
}
_LAYER_ARRAYS = {"a": np.int32, "b": np.int32, "table": np.uint8}


class _Writer:
    """Collects arrays one after the other; their places go into the header."""

    def __init__(self) -> None:
        self.parts: list[Integers] = [np.zeros(0, np.int64)]
        self.size = 0

    def place(self, owner: Any, names: Any) -> dict[str, list[int]]:
        places = {}
        for name in names:
            values = getattr(owner, name)
            self.parts.append(values.astype(np.int64).reshape(-1))
            places[name] = [self.size, *values.shape]
            self.size += values.size
        return places


def write_logic(path: Path, network: LogicContent) -> None:
    """Write a network to a file; equal networks give equal bytes."""
    writer = _Writer()
    content = {
        "name": network.name,
        "shape": list(network.shape),
        "output": str(network.output),
        "stages": [
            {
                "numbers": {name: getattr(stage, name) for name in _STAGE_NUMBERS},
                "arrays": writer.place(stage, _STAGE_ARRAYS),
                "layers": [writer.place(layer, _LAYER_ARRAYS) for layer in stage.layers],
            }
            for stage in network.stages
        ],
    }
    archive.write(path, KIND, content, np.concatenate(writer.parts))


def read_logic(path: Path) -> LogicContent:
    """Read what a file holds.

    Raises
    ------
    ValueError
        If the file is no logic network of this schema, is damaged, or describes no possible stage.
    FileNotFoundError
        If there is no such file.
    """
    return archive.read(path, KIND, _content)


def _content(text: dict[str, Any], data: AnyArray) -> LogicContent:
    return LogicContent(
        str(text["name"]),
        tuple(int(axis) for axis in text["shape"]),
        tuple(_stage(stage, data) for stage in text["stages"]),
        FixedPoint.parse(text["output"]),
    )


def _stage(text: dict[str, Any], data: AnyArray) -> LogicStage:
    numbers: dict[str, Any] = {name: int(text["numbers"][name]) for name in _STAGE_NUMBERS}
    arrays: dict[str, Any] = {
        name: _array(text["arrays"][name], data, kind) for name, kind in _STAGE_ARRAYS.items()
    }
    layers = tuple(
        GateLayer(**{name: _array(layer[name], data, kind) for name, kind in _LAYER_ARRAYS.items()})
        for layer in text["layers"]
    )
    return LogicStage(**numbers, **arrays, layers=layers)


def _array(place: list[int], data: AnyArray, kind: Any) -> AnyArray:
    start, *shape = (int(number) for number in place)
    size = int(np.prod(shape, dtype=np.int64))
    if start < 0 or min(shape) < 0 or start + size > data.size:
        raise ValueError("an array lies outside the data")
    values = data[start : start + size]
    if size and not np.iinfo(kind).min <= values.min() <= values.max() <= np.iinfo(kind).max:
        raise ValueError("an array holds numbers that do not fit its type")
    return values.astype(kind).reshape(shape)
