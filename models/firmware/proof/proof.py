"""The proof: every implementation of a network against its emulator, in every bit.

What differs is written to ``mismatches.json``, with the input, both outputs, and the first layer
whose result differs.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Graph
from l1kd.models.firmware.sources.frameworks import INEXACT, Reference
from l1kd.models.firmware.tools.cpp import compile_project
from l1kd.models.firmware.vectors import vectors
from l1kd.models.firmware.vectors.vectors import Emulator, Vectors

__all__ = ["Implementation", "Proof", "cpp_layer", "framework_layer", "prove", "rtl_layer"]

MAX_RECORDED = 20
"""Mismatches of one implementation that are written down one by one; all are counted."""


@dataclass(frozen=True)
class Implementation:
    """Something that should give the emulator's bits.

    Attributes
    ----------
    name : str
        For the report.
    run : callable
        From raw inputs, shape (n, elements), to raw outputs.
    layer : callable
        From raw inputs of mismatches to the name of the first layer that differs, one for each.
    """

    name: str
    run: Callable[[npt.NDArray[np.signedinteger]], Integers]
    layer: Callable[[npt.NDArray[np.signedinteger]], list[str]]


@dataclass
class Proof:
    """What was compared, and what differs.

    Attributes
    ----------
    vectors : dict
        How many of which kind.
    compared : dict
        By implementation: ``{"vectors": n, "mismatches": m}``, or ``{"skipped": reason}``.
    mismatches : list of dict
        At most 20 for each implementation.
    """

    vectors: dict[str, int]
    compared: dict[str, dict[str, Any]] = field(default_factory=dict)
    mismatches: list[dict[str, Any]] = field(default_factory=list)

    @property
    def differing(self) -> int:
        """Number of mismatches of all implementations together."""
        return sum(int(entry.get("mismatches", 0)) for entry in self.compared.values())

    def skip(self, name: str, reason: str) -> None:
        """Record that an implementation could not be compared, and why."""
        self.compared[name] = {"skipped": reason}

    def check(self, implementation: Implementation, given: Vectors, expected: Integers) -> None:
        """Compare one implementation on all vectors."""
        name = implementation.name
        found = implementation.run(given.raw)
        rows = np.flatnonzero((found != expected).any(axis=1))
        self.compared[name] = {"vectors": len(expected), "mismatches": len(rows)}
        if not rows.size:
            return
        shown = rows[:MAX_RECORDED]
        layers = implementation.layer(given.raw[shown])
        for row, layer in zip(shown, layers, strict=True):
            self.mismatches.append(
                {
                    "implementation": name,
                    "vector": int(row),
                    "kind": given.kind(int(row)),
                    "input": [int(value) for value in given.raw[row]],
                    "emulator": [int(value) for value in expected[row]],
                    "found": [None if v == INEXACT else int(v) for v in found[row]],
                    "first_differing_layer": layer,
                }
            )


def prove(
    network: Emulator,
    given: Vectors,
    implementations: list[Implementation],
    skipped: dict[str, str],
    progress: Callable[[str], None],
) -> tuple[Proof, Integers]:
    """Compare implementations with the emulator.

    Parameters
    ----------
    skipped : dict
        Names of what cannot be compared, with the reason.
    progress : callable
        Told what is being done.

    Returns
    -------
    proof : Proof
    expected : int64 array, shape (n, outputs)
        What the emulator gives.
    """
    progress("emulator")
    expected = vectors.emulate(network, given.raw)
    proof = Proof({**given.counts, "total": len(expected)})
    for implementation in implementations:
        progress(f"{implementation.name}: {len(expected):,} vectors")
        proof.check(implementation, given, expected)
    for name, reason in skipped.items():
        proof.skip(name, reason)
    return proof, expected


def _first(names: list[str], ends: Integers, mine: Integers, theirs: Integers) -> list[str]:
    """Return the layer of the first column that differs, for every row."""
    result = []
    for row in mine != theirs:
        columns = np.flatnonzero(row)
        layer = int(np.searchsorted(ends, columns[0], side="right")) if columns.size else -1
        result.append(names[layer] if columns.size else "none: every layer agrees")
    return result


def cpp_layer(network: Emulator, hls: Path, raw: npt.NDArray[np.signedinteger]) -> list[str]:
    """Find the first layer in which compiled C++ differs from the emulator."""
    if not isinstance(network, Network):
        return ["unknown: logic gates have no C++"] * len(raw)
    from l1kd.emulators.network.cpp.source import read_project

    with TemporaryDirectory() as folder:
        found = compile_project(hls, Path(folder), trace=True).run(raw)
    project = read_project(hls)
    traced = network.trace(*vectors.split(network, raw))
    # The project may have layers that the graph has not (reshapes), or others: match by name.
    names, mine, theirs, place = [], [], [], 0
    for call in project.calls:
        size = project.tensors[call.outputs[0]].size or 0
        name = call.comment or call.outputs[0]
        if name in traced and traced[name].size == size * len(raw):
            names.append(name)
            mine.append(traced[name].reshape(len(raw), -1))
            theirs.append(found[:, place : place + size])
        place += size
    if not names:
        return ["unknown: the project names its layers differently"] * len(raw)
    ends = np.cumsum([part.shape[1] for part in mine])
    return _first(names, ends, np.concatenate(mine, 1), np.concatenate(theirs, 1))


def framework_layer(
    network: Emulator, framework: Reference, raw: npt.NDArray[np.signedinteger]
) -> list[str]:
    """Find the first layer in which the training framework differs from the emulator."""
    if not isinstance(network, Network):
        return ["unknown: logic gates are compared as a whole"] * len(raw)
    traced = network.trace(*vectors.split(network, raw))
    formats = {layer.name: layer.output.format for layer in network.graph.layers}
    found = framework.trace(network, raw, list(traced))
    names = [name for name in traced if name in found]
    if not names:
        return ["unknown: the framework names its layers differently"] * len(raw)
    mine = [formats[name].to_float(traced[name]).reshape(len(raw), -1) for name in names]
    ends = np.cumsum([part.shape[1] for part in mine])
    theirs = [found[name].reshape(len(raw), -1) for name in names]
    return _first(names, ends, np.concatenate(mine, 1), np.concatenate(theirs, 1))


def rtl_layer(
    network: Emulator,
    simulate: Callable[[Network, npt.NDArray[np.signedinteger]], Integers],
    raw: npt.NDArray[np.signedinteger],
) -> list[str]:
    """Find the first layer whose RTL, generated anew up to there, differs from the emulator.

    RTL itself has no layers any more. Where every prefix of the network is right when it is
    generated again, the stored files are not what was generated.
    """
    if not isinstance(network, Network):
        return ["unknown: logic gates are compared as a whole"] * len(raw)
    graph = network.graph
    result: list[str | None] = [None] * len(raw)
    for number, layer in enumerate(graph.layers):
        part = Network(
            Graph(graph.name, graph.inputs, (layer.output.name,), graph.layers[: number + 1])
        )
        wrong = (simulate(part, raw) != vectors.emulate(part, raw)).any(axis=1)
        for row in np.flatnonzero(wrong):
            result[row] = result[row] or layer.name
        if all(result):
            break
    return [name or "none: RTL generated anew is right, the stored files differ" for name in result]
