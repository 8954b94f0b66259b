"""Models that hls4ml splits into several projects, read as one network.

`to_multi_model_graph` writes the parts into folders ``graph1``, ``graph2``, ...; the outputs of
each are the inputs of the next, in their order.
"""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from l1kd.emulators.network.cpp.model import FirmwareSourceError
from l1kd.emulators.network.cpp.source import read_project
from l1kd.emulators.network.graph import Gather, Graph, Layer, renamed
from l1kd.emulators.network.layers.lowering import lower_project

__all__ = ["is_split", "read_parts"]

_PART = re.compile(r"graph([1-9][0-9]*)$")


def parts_of(folder: Path) -> list[Path]:
    """Return the folders of the parts in their order."""
    found = {
        int(match.group(1)): path
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := _PART.match(path.name)) and (path / "firmware" / "parameters.h").is_file()
    }
    return [found[number] for number in sorted(found)]


def is_split(folder: Path) -> bool:
    """Tell whether a folder holds the parts of a split model and no network besides."""
    own = (folder / "parameters.h", folder / "firmware" / "parameters.h")
    return len(parts_of(folder)) > 1 and not any(path.is_file() for path in own)


def read_parts(folder: Path) -> Graph:
    """Return the graph of all parts one after the other.

    Raises
    ------
    FirmwareSourceError
        If a part is missing or not understood, or two neighbours do not fit together.
    """
    parts = parts_of(folder)
    numbers = [int(part.name.removeprefix("graph")) for part in parts]
    if numbers != list(range(1, len(parts) + 1)):
        raise FirmwareSourceError(f"parts {numbers} of a split model below {folder.name}")
    whole = lower_project(read_project(parts[0]))
    for number, part in enumerate(parts[1:], 2):
        whole = _joined(whole, lower_project(read_project(part)), number)
    return whole


def _joined(first: Graph, second: Graph, number: int) -> Graph:
    """Return two graphs as one; the tensors of the second get its number."""
    outputs = [first.tensors[name] for name in first.outputs]
    if [(t.size, t.format) for t in outputs] != [(t.size, t.format) for t in second.inputs]:
        kinds = [", ".join(f"{t.size} x {t.format}" for t in side)
                 for side in (outputs, second.inputs)]  # fmt: skip
        raise FirmwareSourceError(
            f"part {number} of a split model takes {kinds[1]}, the one before gives {kinds[0]}"
        )
    names = {name: f"graph{number}.{name}" for name in second.tensors}
    passed = [
        Gather(replace(tensor, name=names[tensor.name]), (output.name,),
               np.arange(tensor.size, dtype=np.int32))
        for output, tensor in zip(outputs, second.inputs, strict=True)
    ]  # fmt: skip
    layers = [Layer(gather.output.name, "passed on", (gather,)) for gather in passed]
    layers += [_renamed(layer, names, number) for layer in second.layers]
    results = tuple(names[name] for name in second.outputs)
    return Graph(first.name, first.inputs, results, (*first.layers, *layers))


def _renamed(layer: Layer, names: dict[str, str], number: int) -> Layer:
    operations = tuple(
        renamed(operation, replace(operation.output, name=names[operation.output.name]), names)
        for operation in layer.operations
    )
    return replace(layer, name=f"graph{number}.{layer.name}", operations=operations)
