"""From a graph to a program of the machine.

The facts proven by `l1kd.emulators.network.analysis.intervals` choose the narrowest machine
integer of every step; what could leave 64 bits is refused. Casts that change nothing vanish,
and elements that only move are renamed instead of copied.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from l1kd.emulators.array_types import Indices, Integers
from l1kd.emulators.network.analysis.fusion import fused_consumers
from l1kd.emulators.network.analysis.intervals import analyse
from l1kd.emulators.network.graph import Graph
from l1kd.emulators.network.interpreter.steps import Builder, emit

__all__ = ["Program", "build_program"]


@dataclass(frozen=True, eq=False)
class Program:
    """A program and everything `machine.run_program` needs besides the events.

    ``constants`` are (first 64-bit word, words, value) of rows that never change.
    """

    code: Integers
    small: Indices
    large: Integers
    rows_in: Indices
    width_in: int
    rows_out: Indices
    widths_out: Indices
    arena_words: int
    constants: tuple[tuple[int, int, int], ...]


def build_program(graph: Graph, outputs: Sequence[str]) -> Program:
    """Translate a graph into a program that gives the named tensors, one after the other.

    Raises
    ------
    ValueError
        If exact results could need more than 64 bits, or the tile more than a gigabyte.
    """
    formats = {name: tensor.format for name, tensor in graph.tensors.items()}
    builder = Builder(formats, analyse(graph), fused_consumers(graph, outputs))
    first = [builder.width_of(tensor.name) for tensor in graph.inputs]
    inputs = [builder.new(tensor.name, max(first)) for tensor in graph.inputs]
    for operation in graph.operations:
        try:
            emit(operation, builder)
        except ValueError as error:
            raise ValueError(f"{operation.output.name}: {error}") from error
    results = [builder.held[name] for name in outputs]
    rows_in = np.concatenate([held.rows for held in inputs])
    rows_out = np.concatenate([held.rows for held in results])
    widths = np.concatenate([np.full(held.rows.size, held.width) for held in results])
    placed = builder.memory.place(rows_in, rows_out)
    return Program(
        placed.code,
        placed.small,
        placed.large,
        placed.places.address(rows_in),
        max(first),
        placed.places.address(rows_out),
        widths.astype(np.int32),
        placed.places.words,
        placed.constants,
    )
