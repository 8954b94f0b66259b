"""Generated code for sums of products with constant weights.

Weights that are zero do not appear in the code at all. Sums that 24 bits hold are exact in single
precision, where one instruction multiplies, adds, and needs no pairs of terms; the last rounding is
an instruction of its own there. Products that must be floored one by one are added by the same
instruction to a sum whose last bit is one unit, while the processor rounds down: what it adds then
is the product's floor. Where such a sum could leave its 23 bits it is cut into parts, which are
joined as integers, as sums of more than 24 bits are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from l1kd.emulators.array_types import Exact
from l1kd.emulators.network.analysis import intervals
from l1kd.emulators.network.analysis.fusion import Kernel
from l1kd.emulators.network.analysis.intervals import Bounds, Facts
from l1kd.emulators.network.analysis.memory import bits_for
from l1kd.emulators.network.graph import Affine
from l1kd.emulators.network.native.accumulation import (
    FLOORED,
    INTEGER,
    REAL,
    Accumulation,
    Shapes,
    row_data,
)
from l1kd.emulators.network.native.casts import EXACT, Stage
from l1kd.emulators.network.native.ir import Code, Number, Placed, WeightTable

__all__ = ["Sums", "largest_sum", "word_of_sums"]

# From here to twice as far the last bit of floating-point numbers is one unit; its own bits.
ANCHOR, ANCHOR_BITS = 1 << 23, 0x4B000000


def word_of_sums(operation: Affine, sums: intervals.Sums) -> int:
    """Return the bits, 32 or 64, of a word in which sums may wrap around and still are right."""
    accumulator = operation.accumulator
    modular = not sums.never_overflows and accumulator.overflow == "WRAP"
    fits = modular and accumulator.width <= 32
    return 32 if fits or bits_for(*intervals.hull(sums.exact)) <= 32 else 64


def largest_sum(operation: Affine, source: Bounds, weights: Exact) -> int:
    """Return a number that no sum passes, whichever of its terms have been added."""
    sizes = np.maximum(abs(source.low), abs(source.high)).astype(object)
    windows = np.append(sizes, 0)[operation.index]
    return max(
        int((abs(operation.bias[g]) + windows[p] @ abs(weights[g])).max(initial=0))
        for p, g in enumerate(operation.group)
    )


@dataclass
class Sums(Accumulation):
    """How one `Affine` is computed whose terms may be added in any order."""

    source: Bounds
    word: int
    """What `word_of_sums` says."""

    SHAPES: ClassVar[Shapes] = {
        8: {REAL: (2, 5), FLOORED: (2, 5), INTEGER: (1, 4)},
        16: {REAL: (2, 10), FLOORED: (2, 10), INTEGER: (1, 4)},
    }

    @classmethod
    def plan(
        cls,
        operation: Affine,
        facts: dict[str, Facts],
        kernel: Kernel,
        stages: Sequence[Stage],
    ) -> "Sums":
        """Choose the way; the first stage begins with a sum in a word of `word_of_sums`."""
        source, weights = facts[operation.source].bounds, kernel.weights.astype(object)
        sizes = np.maximum(abs(source.low), abs(source.high)).astype(object)
        largest, heaviest = int(sizes.max()), int(abs(weights).max(initial=0))
        half = 1 << max(stages[0].fraction - stages[0].form.fraction, 0)
        sums = facts[operation.output.name].sums
        assert sums is not None
        word = word_of_sums(operation, sums)
        real = largest < EXACT and kernel.shift == 0
        if real and largest_sum(operation, source, weights) + half < EXACT:
            return cls(operation, stages, REAL, "float", weights, 0, source, word)
        small = max(largest, heaviest) < EXACT and word == 32
        if small and largest * heaviest >> kernel.shift < 1 << 22:
            return cls(operation, stages, FLOORED, "i32", weights, kernel.shift, source, word)
        kind = f"i{max(kernel.width, 32)}"
        return cls(operation, stages, INTEGER, kind, weights, kernel.shift, source, word)

    @property
    def _scale(self) -> int:
        """Power of two that real sums carry besides, so that the first cast needs none."""
        if self.way != REAL:
            return 0
        first = self.stages[0]
        return min(first.form.fraction - first.fraction, 0) if first.real else 0

    def sums(
        self, code: Code, outputs: Sequence[int], source: Placed, table: WeightTable
    ) -> dict[tuple[int, int], tuple[Number, float]]:
        """Add all terms of some outputs, row by row."""
        terms = self._terms(outputs, source)
        totals = [self._total(output, place, terms) for place, output in enumerate(outputs)]
        sums = {(o, b): Running(code, total) for o, total in enumerate(totals)
                for b in range(code.blocks)}  # fmt: skip
        for (row, long), users in terms.items():
            if code.lanes == 16:
                # Else the compiler fills the many registers with weights that later rows repeat,
                # and has to put sums aside.
                code.barrier()
            values = [self._value(code, row, long, block) for block in range(code.blocks)]
            for term in users:
                factor = self._factor(code, term.weight, table)
                for block in range(code.blocks):
                    running = sums[term.place, block]
                    running.begin(code)
                    running.name = self._added(code, values[block], factor, running.name)
        return {key: self._finished(code, running) for key, running in sums.items()}

    def _finished(self, code: Code, running: "Running") -> tuple[Number, float]:
        number, half = running.finished(code)
        if number.kind == "i64" and self.word == 32:
            number = Number(code.convert("trunc", "i64", number.name, "i32"), "i32", number.unit)
        return number, half

    def _value(self, code: Code, row: int, long: bool, block: int) -> str:
        value = row_data(code, row, long, block, self.way, self.kind)
        if self.kind == "i64" and long and self.source.reach() < 1 << 31:
            # Processors multiply 32 bits by 32 faster than 64 by 64.
            half = code.convert("trunc", "i64", value, "i32")
            return code.convert("sext", "i32", half, "i64")
        return value

    def _terms(
        self, outputs: Sequence[int], source: Placed
    ) -> dict[tuple[int, bool], list["Term"]]:
        """Return the terms of some outputs by the row they read, in the order of the rows."""
        terms: dict[tuple[int, bool], list[Term]] = {}
        for place, output in enumerate(outputs):
            position, f = divmod(output, self.weights.shape[2])
            index, group = self.operation.index[position], self.operation.group[position]
            column = self.weights[group, :, f]
            for k in np.flatnonzero((column != 0) & (index >= 0)).tolist():
                weight, element = int(column[k]), int(index[k])
                ends = [weight * int(side[element]) >> self.shift for side in self.source]
                term = Term(place, weight, min(0, *ends), max(0, *ends))
                terms.setdefault(source.at(position, k), []).append(term)
        return dict(sorted(terms.items()))

    def _total(
        self, output: int, place: int, terms: dict[tuple[int, bool], list["Term"]]
    ) -> "Total":
        """Return how the sum of one output begins and ends."""
        position, f = divmod(output, self.weights.shape[2])
        bias = int(self.operation.bias[self.operation.group[position], f])
        unit = self.operation.accumulator.fraction
        if self.way == REAL:
            start = bias * 2.0**self._scale + self._half
            return Total("float", unit + self._scale, {0: start}, bias, self._half, False)
        if self.way == INTEGER:
            return Total(self.kind, unit, {0: bias}, bias, 0.0, False)
        mine = [term for users in terms.values() for term in users if term.place == place]
        return Total("float", unit, parts(mine), bias, 0.0, True)

    @property
    def _half(self) -> float:
        return self.stages[0].half if self._scale else 0.0

    def _factor(self, code: Code, weight: int, table: WeightTable) -> str:
        if self.way == INTEGER:
            return code.splat(self.kind, weight)
        scale = self._scale if self.way == REAL else -self.shift
        return code.weight("float", table.place(weight * 2.0**scale))

    def _added(self, code: Code, value: str, factor: str, total: str) -> str:
        if self.way != INTEGER:
            return code.call("fma", "float", [value, factor, total])
        product = code.binary("mul", self.kind, value, factor)
        if self.shift:
            product = code.binary("ashr", self.kind, product, code.splat(self.kind, self.shift))
        return code.binary("add", self.kind, total, product)


class Term(NamedTuple):
    """A product of one of the outputs at work: its weight and bounds, with zero inside."""

    place: int
    weight: int
    low: int
    high: int


@dataclass(frozen=True)
class Total:
    """How one sum runs.

    Attributes
    ----------
    starts : dict of int to float
        With which number a part of the sum begins, by the number of its first term.
    half : float
        What the sum carries for the first rounding.
    floored : bool
        Whether parts are offset, to be joined as integers with the bias.
    """

    kind: str
    unit: int
    starts: dict[int, float]
    bias: int
    half: float
    floored: bool


class Running:
    """A sum in a register while its code is written."""

    def __init__(self, code: Code, total: Total) -> None:
        self.total, self.count, self.joined = total, 0, ""
        self.name = code.splat(total.kind, total.starts[0])

    def begin(self, code: Code) -> None:
        """Begin another part where the next term wants one."""
        if self.count and self.count in self.total.starts:
            self._join(code)
            self.name = code.splat(self.total.kind, self.total.starts[self.count])
        self.count += 1

    def _join(self, code: Code) -> None:
        bits = code.let(f"bitcast {code.vector('float')} {self.name} to {code.vector('i32')}")
        self.joined = code.binary("add", "i32", self.joined, bits) if self.joined else bits

    def finished(self, code: Code) -> tuple[Number, float]:
        """Return the sum and what it carries for the first rounding."""
        total = self.total
        if not total.floored:
            return Number(self.name, total.kind, total.unit), total.half
        self._join(code)
        excess = sum(ANCHOR_BITS + int(start) - ANCHOR for start in total.starts.values())
        excess = (excess - total.bias + (1 << 31)) % (1 << 32) - (1 << 31)
        name = code.binary("sub", "i32", self.joined, code.splat("i32", excess))
        return Number(name, "i32", total.unit), 0.0


def parts(terms: Sequence[Term]) -> dict[int, float]:
    """Cut a sum of floors into parts below 23 bits; return their first terms and first numbers."""
    starts: dict[int, float] = {}
    first = low = high = 0
    for number, term in enumerate(terms):
        if high + term.high - low - term.low >= ANCHOR:
            starts[first] = float(ANCHOR - low)
            first, low, high = number, 0, 0
        low, high = low + term.low, high + term.high
    return starts | {first: float(ANCHOR - low)}
