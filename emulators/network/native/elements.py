"""Generated code for operations that treat every element by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.network.analysis.intervals import Bounds
from l1kd.emulators.network.graph import Binary, Divide, Lookup, Piecewise
from l1kd.emulators.network.native.casts import Stage, cast, keep, narrowest, raw
from l1kd.emulators.network.native.ir import Code, Number, Placed

__all__ = [
    "Elements",
    "PrologueWriter",
    "binary",
    "copied",
    "divide",
    "filled",
    "lookup",
    "segments",
]

PrologueWriter = Callable[[Code, int, Sequence[Number]], Number]
_WORDS = {"add": "add", "subtract": "sub", "multiply": "mul"}


@dataclass
class Elements:
    """Elements computed one by one: a prologue that is exact, then casts.

    Parameters
    ----------
    prologue : function
        Writes the exact value of an element from the numbers it reads.
    stages : sequence of sequences of Stage
        Alternative chains of casts.
    choice : int array, shape (E,)
        Which chain each element takes.
    unit : int
        Fraction bits of the result.
    """

    prologue: PrologueWriter
    stages: Sequence[Sequence[Stage]]
    choice: AnyArray
    unit: int

    def write(self, code: Code, sources: Sequence[tuple[Placed, int]], target: Placed) -> None:
        """Write the code of all elements; sources come with their fraction bits."""
        for element in range(target.rows.size):
            numbers = [_number(code, source, element, unit) for source, unit in sources]
            value = self.prologue(code, element, numbers)
            stages = self.stages[int(self.choice[element])]
            value = cast(code, value, stages, element, value.unit)
            keep(code, value, self.unit, target, element)
            code.finish()


def _number(code: Code, source: Placed, element: int, unit: int) -> Number:
    row, wide = source.at(element)
    if row < 0:
        return Number(code.splat("float", 0), "float", unit)
    kind = "i64" if wide else "float"
    return Number(code.load(kind, row), kind, unit)


def segments(operation: Piecewise, bounds: Bounds) -> PrologueWriter:
    """Return the prologue of a `Piecewise` that needs arithmetic; ``bounds`` are its source's."""
    columns = [operation.scale_above, operation.offset_above, operation.scale_below,
               operation.offset_below, operation.threshold]  # fmt: skip
    slope = np.maximum(abs(columns[0]), abs(columns[2])).astype(object)
    start = np.maximum(abs(columns[1]), abs(columns[3])).astype(object)
    widest = np.maximum(abs(bounds.low), abs(bounds.high))
    largest = [int((widest * slope + start).max()), bounds.reach()]
    largest += [int(abs(column.astype(object)).max()) for column in columns[:4]]
    kind = narrowest(max(largest))
    reach = (1 << (int(kind[1:]) - 1)) - 1

    def line(code: Code, x: str, scale: int, offset: int) -> str:
        if scale != 1:
            x = code.binary("mul", kind, x, code.splat(kind, scale))
        return code.binary("add", kind, x, code.splat(kind, offset)) if offset else x

    def prologue(code: Code, element: int, numbers: Sequence[Number]) -> Number:
        x = raw(code, numbers[0], 0, kind)
        above, rise, below, base, threshold = (int(column[element]) for column in columns)
        y = line(code, x, above, rise)
        if (above, rise) != (below, base):
            other = line(code, x, below, base)
            bound = code.splat(kind, min(max(threshold, -reach), reach))
            y = code.choose("sgt", kind, x, bound, y, other)
        if operation.limits is not None:
            low, high = (min(max(limit, -reach), reach) for limit in operation.limits)
            y = code.least(kind, code.most(kind, y, low), high)
        return Number(y, kind, operation.fraction)

    return prologue


def binary(operation: Binary, shifts: tuple[int, int], reach: int, unit: int) -> PrologueWriter:
    """Return the prologue that joins two operands, brought to one unit by ``shifts``."""
    kind = narrowest(reach)

    def prologue(code: Code, element: int, numbers: Sequence[Number]) -> Number:
        left, right = (
            raw(code, number, shift, kind) for number, shift in zip(numbers, shifts, strict=True)
        )
        if operation.kind in _WORDS:
            return Number(code.binary(_WORDS[operation.kind], kind, left, right), kind, unit)
        test = "sgt" if operation.kind == "maximum" else "slt"
        return Number(code.choose(test, kind, left, right, left, right), kind, unit)

    return prologue


def divide(operation: Divide, reach: int) -> PrologueWriter:
    """Return the prologue that divides by constants, towards zero."""
    largest = max(reach, int(operation.divisor.max()))
    kind = narrowest(largest)

    def prologue(code: Code, element: int, numbers: Sequence[Number]) -> Number:
        x = raw(code, numbers[0], 0, kind)
        divisor = code.splat(kind, int(operation.divisor[element]))
        unit = operation.output.format.fraction
        return Number(code.binary("sdiv", kind, x, divisor), kind, unit)

    return prologue


def lookup(operation: Lookup, reach: int, tables: Sequence[str], real: bool) -> PrologueWriter:
    """Return the prologue that reads a table; ``tables`` name the columns as global constants."""
    entries = operation.table.shape[0]
    largest = reach * abs(operation.multiplier) + (1 << operation.shift) + abs(operation.offset)
    kind = narrowest(max(largest, reach, abs(operation.multiplier), entries))
    held = "float" if real else "i64"

    def prologue(code: Code, element: int, numbers: Sequence[Number]) -> Number:
        x = raw(code, numbers[0], 0, kind)
        if operation.multiplier != 1:
            x = code.binary("mul", kind, x, code.splat(kind, operation.multiplier))
        if operation.toward_zero and operation.shift:
            sign = code.binary("ashr", kind, x, code.splat(kind, int(kind[1:]) - 1))
            lift = code.splat(kind, (1 << operation.shift) - 1)
            x = code.binary("add", kind, x, code.binary("and", kind, sign, lift))
        if operation.shift:
            x = code.binary("ashr", kind, x, code.splat(kind, operation.shift))
        if operation.offset:
            x = code.binary("add", kind, x, code.splat(kind, operation.offset))
        x = code.least(kind, code.most(kind, x, 0), entries - 1)
        value = code.gather(held, tables[int(operation.column[element])], kind, x)
        return Number(value, held, operation.output.format.fraction)

    return prologue


def copied(code: Code, element: int, numbers: Sequence[Number]) -> Number:
    """Prologue that changes nothing."""
    return numbers[0]


def filled(value: int, unit: int, real: bool) -> PrologueWriter:
    """Return the prologue of a constant."""
    kind = "float" if real else "i64"

    def prologue(code: Code, element: int, numbers: Sequence[Number]) -> Number:
        return Number(code.splat(kind, value), kind, unit)

    return prologue
