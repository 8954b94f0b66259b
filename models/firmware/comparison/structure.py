"""What differs in two descriptions: layers, formats, constants."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Floats, Integers
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine, Graph, Layer, Lookup, Operation, Piecewise
from l1kd.models.firmware.comparison.result import Difference

__all__ = ["input_formats", "pairs", "structure", "title_of"]


def input_formats(first: Network, second: Network) -> Iterator[Difference]:
    """Return inputs whose formats differ."""
    for mine, theirs in zip(first.inputs, second.inputs, strict=False):
        if mine.format != theirs.format:
            yield Difference(mine.name, "input", str(mine.format), str(theirs.format))


def pairs(first: Graph, second: Graph) -> list[tuple[Layer | None, Layer | None]]:
    """Match layers: by name where the networks share names, else by kind and shape."""
    names = {layer.name for layer in first.layers} & {layer.name for layer in second.layers}
    by_name = 2 * len(names) >= min(len(first.layers), len(second.layers))

    def keys(graph: Graph) -> list[Any]:
        if by_name:
            return [layer.name for layer in graph.layers]
        return [(layer.kind, layer.output.shape) for layer in graph.layers]

    matcher = SequenceMatcher(None, keys(first), keys(second), autojunk=False)
    found: list[tuple[Layer | None, Layer | None]] = []
    for tag, a, b, c, d in matcher.get_opcodes():
        mine, theirs = first.layers[a:b], second.layers[c:d]
        if tag in ("equal", "replace") and len(mine) == len(theirs):
            found += zip(mine, theirs, strict=True)
        else:
            found += [(layer, None) for layer in mine]
            found += [(None, layer) for layer in theirs]
    return found


def title_of(mine: Layer, theirs: Layer) -> str:
    """Return the name of a pair of layers."""
    return mine.name if mine.name == theirs.name else f"{mine.name} / {theirs.name}"


def structure(first: Graph, second: Graph) -> Iterator[Difference]:
    """Return what differs of layers, their formats and their constants."""
    for mine, theirs in pairs(first, second):
        if mine is None or theirs is None:
            layer = mine or theirs
            assert layer is not None
            there = f"{layer.kind}, {layer.output.format}"
            yield Difference(layer.name, "layer", *((there, "-") if mine else ("-", there)))
            continue
        title = title_of(mine, theirs)
        facts = [
            ("kind", mine.kind, theirs.kind),
            ("shape", mine.output.shape, theirs.output.shape),
            ("result", mine.output.format, theirs.output.format),
        ]
        for role in [*mine.formats, *(r for r in theirs.formats if r not in mine.formats)]:
            facts.append((role, mine.formats.get(role, "-"), theirs.formats.get(role, "-")))
        for what, a, b in facts:
            if a != b:
                yield Difference(title, what, str(a), str(b))
        yield from _constants(title, (mine, first), (theirs, second))


def _constants(
    title: str, mine_in: tuple[Layer, Graph], theirs_in: tuple[Layer, Graph]
) -> Iterator[Difference]:
    (mine, first), (theirs, second) = mine_in, theirs_in
    kinds = [[type(op) for op in layer.operations] for layer in (mine, theirs)]
    if kinds[0] != kinds[1]:
        counts = [
            f"{layer.parameters} in {len(layer.operations)} steps" for layer in (mine, theirs)
        ]
        yield Difference(title, "constants", *counts)
        return
    for one, other in zip(mine.operations, theirs.operations, strict=True):
        numbers = zip(_numbers(one, first), _numbers(other, second), strict=True)
        for (what, a), (_, b) in numbers:
            if a.shape != b.shape:
                yield Difference(title, what, f"shape {a.shape}", f"shape {b.shape}")
            elif (wrong := a != b).any():
                gap = float(np.abs(a - b).max())
                text = f"{int(wrong.sum())} of {a.size} differ"
                yield Difference(title, what, text, f"by up to {gap:g}")


def _numbers(operation: Operation, graph: Graph) -> list[tuple[str, Floats]]:
    """Return the constants of an operation as numbers."""

    def real(raw: Integers, fraction: int) -> Floats:
        return np.ldexp(raw.astype(np.float64), -fraction)

    if isinstance(operation, Affine):
        weight = real(operation.weight, operation.weight_fraction)
        return [
            ("weights", weight),
            ("biases", real(operation.bias, operation.accumulator.fraction)),
        ]
    if isinstance(operation, Lookup):
        return [("table", real(operation.table, operation.output.format.fraction))]
    if isinstance(operation, Piecewise):
        scales = [operation.scale_above, operation.scale_below]
        shifts = [operation.offset_above, operation.offset_below]
        # a scale turns raw values of the source into steps of 2^-fraction
        source = graph.tensors[operation.source].format.fraction
        return [
            ("scales", real(np.stack(scales), operation.fraction - source)),
            ("offsets", real(np.stack(shifts), operation.fraction)),
        ]
    return []
