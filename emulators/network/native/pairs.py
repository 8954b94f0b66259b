"""Generated code for sums of products of numbers of 16 bits, two products an instruction.

Where a tensor and its weights fit 16 bits, two elements of an event share the 32 bits of a row, and
so do their two weights: one instruction multiplies both and adds them up in 32 bits, which is twice
the work of one in floating point. Pairs of weights that are both zero do not appear in the code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.network.native.accumulation import (
    INTEGER,
    PAIRS,
    Accumulation,
    Shapes,
    row_data,
)
from l1kd.emulators.network.native.casts import EXACT
from l1kd.emulators.network.native.ir import Code, Number, Placed, WeightTable
from l1kd.emulators.network.native.sums import Sums, largest_sum

__all__ = ["Pairs"]

_LARGEST = (1 << 15) - 1
# To join two elements costs about as much as so many products. Pairs are worth it where they leave
# two thirds of the work or less; sums in single precision need no conversion before their casts.
_JOINED = 4


@dataclass
class Pairs(Accumulation):
    """How one `Affine` is computed whose sums may wrap around in 32 bits.

    Attributes
    ----------
    joined : int array, shape (pairs, 2)
        Elements of the source that share a row; -1 stands for zero.
    index : int array, shape (positions, half the terms)
        Which pairs each position reads.
    exact : bool
        Whether single precision holds every sum, as it does for casts in it.
    """

    joined: Indices
    index: Indices
    exact: bool

    SHAPES: ClassVar[Shapes] = {8: {PAIRS: (2, 5)}, 16: {PAIRS: (2, 10)}}

    @classmethod
    def of(cls, part: Sums) -> "Pairs | None":
        """Take a plan over; None where it is better as it is."""
        operation, source, index = part.operation, part.source, part.operation.index
        weights, stages = part.weights, part.stages
        if part.shift or part.word > 32 or index.shape[1] < 2:
            return None
        if max(source.reach(), int(abs(weights).max(initial=0))) > _LARGEST:
            return None
        if index.shape[1] % 2:
            index = np.append(index, np.full((len(index), 1), -1, index.dtype), 1)
            weights = np.append(weights, np.zeros((len(weights), 1, weights.shape[2]), int), 1)
        joined, which = np.unique(index.reshape(-1, 2), axis=0, return_inverse=True)
        low, high = weights[:, ::2], weights[:, 1::2]
        packed = (low % (1 << 16)) + (high % (1 << 16)) * (1 << 16)
        single = sum(np.count_nonzero(part.weights[g]) for g in operation.group)
        double = sum(np.count_nonzero(packed[g]) for g in operation.group)
        if 3 * (double + _JOINED * len(joined)) > 2 * single:
            return None
        half = 1 << max(stages[0].fraction - stages[0].form.fraction, 0)
        total = largest_sum(operation, source, part.weights)
        exact = stages[0].real and total + half < EXACT
        return cls(operation, stages, PAIRS, "i32", packed, 0, joined,
                   which.reshape(len(index), -1).astype(np.int32), exact)  # fmt: skip

    def join(self, code: Code, source: Placed, target: Placed) -> None:
        """Write the code that joins elements; ``source`` are those of `joined`."""
        for number in range(len(self.joined)):
            parts = []
            for side in range(2):
                row, wide = source.at(number, side)
                parts.append(code.splat("i32", 0) if row < 0
                             else row_data(code, row, wide, 0, INTEGER, "i32"))  # fmt: skip
            low = code.binary("and", "i32", parts[0], code.splat("i32", 0xFFFF))
            high = code.binary("shl", "i32", parts[1], code.splat("i32", 16))
            word = code.binary("or", "i32", low, high)
            code.store("float", code.cast("i32", word, "float"), *target.at(number)[:1])
            code.finish()

    def sums(
        self, code: Code, outputs: Sequence[int], source: Placed, table: WeightTable
    ) -> dict[tuple[int, int], tuple[Number, float]]:
        """Add all pairs of terms of some outputs, row by row."""
        operation, filters = self.operation, self.weights.shape[2]
        users: dict[int, list[tuple[int, int]]] = {}
        totals: dict[tuple[int, int], str] = {}
        for place, output in enumerate(outputs):
            position, f = divmod(output, filters)
            group = operation.group[position]
            bias = (int(operation.bias[group, f]) + (1 << 31)) % (1 << 32) - (1 << 31)
            totals |= {(place, b): code.splat("i32", bias) for b in range(code.blocks)}
            column = self.weights[group, :, f]
            for k in np.flatnonzero(column != 0).tolist():
                row, _ = source.at(position, k)
                users.setdefault(row, []).append((place, int(column[k])))
        for row, mine in sorted(users.items()):
            if code.lanes == 16:
                # As in `sums`: else the compiler keeps weights in registers, and sums do not fit.
                code.barrier()
            values = [code.cast("float", code.load("float", row, block), "i32")
                      for block in range(code.blocks)]  # fmt: skip
            for place, weight in mine:
                factor = code.weight("i32", table.word(weight))
                for block, value in enumerate(values):
                    totals[place, block] = code.pairs(value, factor, totals[place, block])
        unit = operation.accumulator.fraction
        return {key: (self._number(code, total, unit), 0.0) for key, total in totals.items()}

    def _number(self, code: Code, total: str, unit: int) -> Number:
        if not self.exact:
            return Number(total, "i32", unit)
        return Number(code.convert("sitofp", "i32", total, "float"), "float", unit)
