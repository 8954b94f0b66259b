"""Generated code for sums whose every addition may saturate, or rounds its product.

Their order is the firmware's. After each term the bounds of the sum so far tell whether it can have
left the accumulator's format: only there do limits appear in the code. Where products are floored
the sum lies around a number whose last bit is one unit, and the processor rounds down, so that one
instruction multiplies, floors and adds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from l1kd.emulators.network.analysis.intervals import Bounds, PartialSums, partial_sums
from l1kd.emulators.network.graph import Affine
from l1kd.emulators.network.native.accumulation import (
    FLOORED,
    INTEGER,
    REAL,
    Accumulation,
    Shapes,
    row_data,
)
from l1kd.emulators.network.native.casts import EXACT, Stage, narrowest, rounded_integer
from l1kd.emulators.network.native.ir import Code, Number, Placed, WeightTable

__all__ = ["Ordered"]

# In the middle of the numbers whose last bit is one unit, and how far these reach from there.
MIDDLE, REACH = 3 << 22, 1 << 22


class Term(NamedTuple):
    """The limits that one term needs: of its product and of the sum, below and above."""

    product: tuple[bool, bool]
    total: tuple[bool, bool]


@dataclass
class Ordered(Accumulation):
    """How one `Affine` is computed term by term."""

    partial: PartialSums

    SHAPES: ClassVar[Shapes] = {
        8: dict.fromkeys((REAL, FLOORED, INTEGER), (2, 4)),
        16: dict.fromkeys((REAL, FLOORED, INTEGER), (2, 8)),
    }

    @classmethod
    def plan(
        cls, operation: Affine, source: Bounds, fraction: int, stages: Sequence[Stage]
    ) -> "Ordered":
        """Choose the way.

        Raises
        ------
        ValueError
            If 64 bits are too few, or the rounding of the sum depends on its parts.
        """
        accumulator = operation.accumulator
        shift = fraction + operation.weight_fraction - accumulator.fraction
        weights = operation.weight.astype(object) << max(-shift, 0)
        shift = max(shift, 0)
        if operation.late and shift and accumulator.rounding not in ("TRN", "RND", "RND_MIN_INF"):
            raise ValueError("a sum that is rounded after every addition")
        partial = partial_sums(operation, source, fraction)
        largest, heaviest = source.reach(), int(abs(weights).max(initial=0))
        total = partial.reach
        saturates = accumulator.overflow in ("SAT", "SAT_SYM")
        small = max(largest, heaviest) < EXACT and saturates
        if small and not shift and total < EXACT:
            return cls(operation, stages, REAL, "float", weights, 0, partial)
        if small and total < REACH and accumulator.rounding == "TRN":
            return cls(operation, stages, FLOORED, "float", weights, shift, partial)
        reach = max((largest * heaviest) + (1 << shift), total, largest, heaviest)
        kind = narrowest(reach)
        return cls(operation, stages, INTEGER, kind, weights, shift, partial)

    @property
    def _middle(self) -> int:
        return MIDDLE if self.way == FLOORED else 0

    def sums(
        self, code: Code, outputs: Sequence[int], source: Placed, table: WeightTable
    ) -> dict[tuple[int, int], tuple[Number, float]]:
        """Add the terms of some outputs, one place of all of them after the other."""
        operation, filters = self.operation, self.weights.shape[2]
        every = [(place, *divmod(output, filters)) for place, output in enumerate(outputs)]
        sums: dict[tuple[int, int], str] = {}
        for place, position, f in every:
            bias = int(operation.bias[operation.group[position], f])
            for block in range(code.blocks):
                sums[place, block] = code.splat(self.kind, self._middle + bias)
        for k in range(operation.index.shape[1]):
            held: dict[tuple[int, bool], list[str]] = {}
            for place, position, f in every:
                term = self._term(k, position, f)
                weight = int(self.weights[operation.group[position], k, f])
                if not weight or operation.index[position, k] < 0:
                    weight = 0
                elif (key := source.at(position, k)) not in held:
                    held[key] = [row_data(code, *key, block, self.way, self.kind)
                                 for block in range(code.blocks)]  # fmt: skip
                factor = self._factor(code, weight, table) if weight else ""
                for block in range(code.blocks):
                    total = sums[place, block]
                    if weight:
                        total = self._added(code, held[key][block], factor, total, term)
                    sums[place, block] = self._limited(code, total, term.total)
        return {key: (self._finished(code, total), 0.0) for key, total in sums.items()}

    def _term(self, k: int, position: int, f: int) -> Term:
        partial, late = self.partial, self.operation.late
        product = (
            bool(partial.product_below[k, position, f]) and not late,
            bool(partial.product_above[k, position, f]) and not late,
        )
        total = bool(partial.below[k, position, f]), bool(partial.above[k, position, f])
        return Term(product, total)

    def _factor(self, code: Code, weight: int, table: WeightTable) -> str:
        if self.way == INTEGER:
            return code.splat(self.kind, weight)
        return code.weight("float", table.place(weight * 2.0**-self.shift))

    def _added(self, code: Code, value: str, factor: str, total: str, term: Term) -> str:
        """Return the sum after one more product."""
        kind = self.kind
        if self.way != INTEGER and not any(term.product):
            return code.call("fma", "float", [value, factor, total])
        if self.way == REAL:
            product = self._limited(code, code.binary("fmul", kind, value, factor), term.product)
            return code.binary("fadd", kind, total, product)
        if self.way == FLOORED:
            middle = code.splat(kind, self._middle)
            product = code.call("fma", kind, [value, factor, middle])
            product = self._limited(code, product, term.product)
            return code.binary("fadd", kind, total, code.binary("fsub", kind, product, middle))
        product = code.binary("mul", kind, value, factor)
        if self.shift:
            rounding = self.operation.accumulator.rounding
            product = rounded_integer(code, product, kind, rounding, self.shift)
        return code.binary("add", kind, total, self._limited(code, product, term.product))

    def _limited(self, code: Code, name: str, passes: tuple[bool, bool]) -> str:
        """Apply the limits of the accumulator that a number can pass."""
        form, kind = self.operation.accumulator, self.kind
        if form.overflow == "WRAP":
            return name
        ends = form.lowest, form.maximum
        zero = code.splat(kind, self._middle)
        for test, outside, end in zip(("lt", "gt"), passes, ends, strict=True):
            if outside:
                bound = code.splat(kind, self._middle + end)
                other = zero if form.overflow == "SAT_ZERO" else bound
                word = ("o" if kind == "float" else "s") + test
                name = code.choose(word, kind, name, bound, other, name)
        return name

    def _finished(self, code: Code, name: str) -> Number:
        unit = self.operation.accumulator.fraction
        if self.way == FLOORED:
            name = code.binary("fsub", "float", name, code.splat("float", self._middle))
        return Number(name, self.kind, unit)
