"""Generated code for sums of products with constant weights, whatever the order of their terms."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from l1kd.emulators.array_types import Exact, Indices, Mask
from l1kd.emulators.network.graph import Affine
from l1kd.emulators.network.native.casts import Stage, cast, keep
from l1kd.emulators.network.native.ir import Code, Number, Placed, WeightTable

__all__ = ["FLOORED", "INTEGER", "PAIRS", "REAL", "Accumulation", "Shapes", "row_data"]

REAL, FLOORED, INTEGER, PAIRS = "real", "floored", "integer", "pairs"
Shapes: TypeAlias = dict[int, dict[str, tuple[int, int]]]


@dataclass
class Accumulation(ABC):
    """How the sums of one `Affine` are computed, a few outputs at once.

    Attributes
    ----------
    stages : sequence of Stage
        The casts of a sum.
    way : str
        ``real``: in single precision, which holds all sums; ``floored``: in single precision whose
        last bit is one unit; ``integer``; ``pairs``: integers of 32 bits, two products at once.
    kind : str
        What holds the sums.
    weights : object array, shape (groups, terms, filters)
    shift : int
        What every product is shifted to the right.
    """

    operation: Affine
    stages: Sequence[Stage]
    way: str
    kind: str
    weights: Exact
    shift: int

    SHAPES: ClassVar[Shapes]
    """Registers of events, and outputs, whose sums are held at once, by the numbers in a register
    and the way: as many as there are registers for, of which processors have twice as many where
    they are of 16 numbers."""

    def blocks(self, lanes: int) -> int:
        """Return how many registers of events are worked on at once."""
        return self.SHAPES[lanes][self.way][0]

    def groups(self, lanes: int, multiple: int = 1) -> list[list[int]]:
        """Group the outputs whose sums are held at once, at most a multiple of a number of them."""
        most = self.SHAPES[lanes][self.way][1] // multiple * multiple
        return list(output_groups(self.weights, self.operation.group, most))

    def write(self, code: Code, source: Placed, target: Placed, table: WeightTable) -> None:
        """Write the code of all outputs.

        Parameters
        ----------
        source, target : Placed
            Rows of the terms, shape (positions, terms), and of the outputs.
        table : WeightTable
            Where weights go.
        """
        fraction, unit = self.operation.accumulator.fraction, self.stages[-1].form.fraction
        for outputs in self.groups(code.lanes):
            code.barrier()
            sums = self.sums(code, outputs, source, table)
            for place, output in enumerate(outputs):
                for block in range(code.blocks):
                    value, half = sums[place, block]
                    value = cast(code, value, self.stages, output, fraction, half)
                    keep(code, value, unit, target, output, block)
            code.finish()

    @abstractmethod
    def sums(
        self, code: Code, outputs: Sequence[int], source: Placed, table: WeightTable
    ) -> dict[tuple[int, int], tuple[Number, float]]:
        """Add all terms of some outputs.

        Returns
        -------
        dict
            Of every output's place in ``outputs`` and register of events: the sum, and what it
            carries for the first rounding.
        """


def output_groups(weights: Exact, groups: Indices, most: int) -> Iterator[list[int]]:
    """Group outputs that share terms; few enough for the registers."""
    filters = weights.shape[2]
    chosen = [clusters(matrix != 0, most) for matrix in weights]
    pending: list[int] = []
    for position, group in enumerate(groups):
        for cluster in chosen[group]:
            if len(pending) + len(cluster) > most:
                yield pending
                pending = []
            pending += [position * filters + f for f in cluster]
    if pending:
        yield pending


def clusters(used: Mask, most: int) -> list[list[int]]:
    """Group columns so that the columns of a group use few rows in all; greedily."""
    left, found = set(range(used.shape[1])), []
    sizes = used.sum(0)
    while left:
        first = max(left, key=lambda column: int(sizes[column]))
        left.remove(first)
        group, rows = [first], used[:, first].copy()
        while left and len(group) < most:
            extra = {c: int((rows | used[:, c]).sum() - sizes[c]) for c in left}
            best = min(left, key=lambda column: extra[column])
            left.remove(best)
            group.append(best)
            rows |= used[:, best]
        found.append(group)
    return found


def row_data(code: Code, row: int, long: bool, block: int, way: str, kind: str) -> str:
    """Load a row as the factors of a sum: floating point, or integers of ``kind``."""
    value = code.load("i64" if long else "float", row, block)
    if way != INTEGER:
        if long:
            value = code.convert("trunc", "i64", value, "i32")
            value = code.convert("sitofp", "i32", value, "float")
        return value
    if not long:
        value = code.convert("fptosi", "float", value, "i32")
        return value if kind == "i32" else code.convert("sext", "i32", value, "i64")
    return value if kind == "i64" else code.convert("trunc", "i64", value, "i32")
