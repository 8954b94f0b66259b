"""The file format of a logic-gate network: the envelope of `network.archive`, other content."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic.network import GateLayer, LogicNetwork, LogicStage
from l1kd.emulators.network.archive import digest, read_members

__all__ = ["SCHEMA", "read_logic", "write_logic"]

SCHEMA = 1
_KEY = "l1kd logic network"
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
        self.parts: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
        self.size = 0

    def place(self, owner: Any, names: Any) -> dict[str, list[int]]:
        places = {}
        for name in names:
            values = getattr(owner, name)
            self.parts.append(values.astype(np.int64).reshape(-1))
            places[name] = [self.size, *values.shape]
            self.size += values.size
        return places


def write_logic(path: Path, network: LogicNetwork) -> None:
    """Write a network to a file; equal networks give equal bytes."""
    writer = _Writer()
    content = {
        "name": network.name,
        "shape": list(network.inputs[0].shape),
        "output": str(network.outputs[0].format),
        "stages": [
            {
                "numbers": {name: getattr(stage, name) for name in _STAGE_NUMBERS},
                "arrays": writer.place(stage, _STAGE_ARRAYS),
                "layers": [writer.place(layer, _LAYER_ARRAYS) for layer in stage.layers],
            }
            for stage in network.stages
        ],
    }
    data = np.concatenate(writer.parts)
    text = json.dumps(content, separators=(",", ":"), sort_keys=True)
    header = json.dumps({_KEY: SCHEMA, "sha256": digest(text, data), "network": text}).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in (("header", np.frombuffer(header, np.uint8)), ("data", data)):
            # a fixed date makes equal networks equal files
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def read_logic(path: Path) -> LogicNetwork:
    """Read a network from a file.

    Raises
    ------
    ValueError
        If the file is no logic network of this schema, is damaged, or describes no possible one.
    FileNotFoundError
        If there is no such file.
    """
    try:
        header, data = read_members(path)
        envelope = json.loads(header.tobytes())
        if not isinstance(envelope, dict) or _KEY not in envelope:
            raise ValueError("it is not an l1kd logic network")
        if envelope[_KEY] != SCHEMA:
            raise ValueError(f"its schema is {envelope[_KEY]!r}, not {SCHEMA}")
        text = str(envelope["network"])
        if envelope["sha256"] != digest(text, data):
            raise ValueError("its SHA-256 does not match its content")
        content = json.loads(text)
        return LogicNetwork(
            str(content["name"]),
            tuple(int(axis) for axis in content["shape"]),
            [_stage(stage, data) for stage in content["stages"]],
            FixedPoint.parse(content["output"]),
        )
    except FileNotFoundError:
        raise
    except Exception as error:
        # whatever a damaged file provokes in zipfile, json or the checks is one error to the user
        raise ValueError(f"{path} cannot be read: {error or type(error).__name__}") from error


def _stage(text: dict[str, Any], data: npt.NDArray[Any]) -> LogicStage:
    numbers: dict[str, Any] = {name: int(text["numbers"][name]) for name in _STAGE_NUMBERS}
    arrays: dict[str, Any] = {
        name: _array(text["arrays"][name], data, kind) for name, kind in _STAGE_ARRAYS.items()
    }
    layers = tuple(
        GateLayer(**{name: _array(layer[name], data, kind) for name, kind in _LAYER_ARRAYS.items()})
        for layer in text["layers"]
    )
    return LogicStage(**numbers, **arrays, layers=layers)


def _array(place: list[int], data: npt.NDArray[Any], kind: Any) -> npt.NDArray[Any]:
    start, *shape = (int(number) for number in place)
    size = int(np.prod(shape, dtype=np.int64))
    if start < 0 or min(shape) < 0 or start + size > data.size:
        raise ValueError("an array lies outside the data")
    values = data[start : start + size]
    if size and not np.iinfo(kind).min <= values.min() <= values.max() <= np.iinfo(kind).max:
        raise ValueError("an array holds numbers that do not fit its type")
    return values.astype(kind).reshape(shape)
