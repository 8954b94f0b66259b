"""Symbolic integers of the distributed-arithmetic tools, behind one small interface.

da4ml and alkaid trace fixed-point expressions on variables of their own. A `Wire` here is such a
variable that holds a raw integer of the network: rounding to another format is an explicit loss of
bits, so that nothing depends on how a tool rounds or saturates. Only operations whose meaning is
the same in both tools are used; everything else is built from them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.models.firmware.adders.graph import Dialect, retimed
from l1kd.models.firmware.adders.text import Bits, with_sums_of_three
from l1kd.models.firmware.rtl.distributed.internals import factor_of

__all__ = ["Port", "Tool", "Wire"]

Wire = Any
"""A variable of the tool in use, or a Python integer where the value is a constant."""

# The tools solve constant matrices in single precision and keep constants in 32 bits.
MAX_WEIGHT = 1 << 24
MAX_CONSTANT = 1 << 31


class Port(NamedTuple):
    """The bits of one output that a tool drives: the format's other bits are copies or zeros."""

    width: int
    signed: bool
    fraction: int


class Tool(ABC):
    """What both tools can do with wires. Constants are plain integers throughout."""

    name: str
    dialect: Dialect

    @abstractmethod
    def variable(self, low: float, high: float, step: float) -> Wire:
        """Return a new input with real bounds and step."""

    @abstractmethod
    def _solve(self, wires: Sequence[Wire], matrix: npt.NDArray[np.float64]) -> list[Wire]:
        """Return a vector times a constant matrix, with shared sub-expressions."""

    @abstractmethod
    def _unscaled(self, wire: Wire) -> Wire:
        """Return the wire, shifted so that its least bit has the tool's own unit."""

    @abstractmethod
    def trace(self, inputs: Sequence[Wire], outputs: Sequence[Wire]) -> Any:
        """Return the operation list of everything between inputs and outputs."""

    def stages(self, logic: Any, cutoff: float) -> list[Any]:
        """Split an operation list into the stages of a pipeline, at most ``cutoff`` long each.

        The stages are as many as that takes, and then as short as so many can be.
        """
        most = _balanced(lambda length: self._timed(logic, length)[1], cutoff)
        timed, count = self._timed(logic, most)
        return self._split(timed, count, most)

    def _timed(self, logic: Any, cutoff: float) -> tuple[Any, int]:
        """Return the list with the times of a pipeline, and the number of its stages."""
        timed = retimed(logic, self.dialect, cutoff)
        last = max(op.latency for op in timed.ops)
        return timed, max(ceil(last / cutoff - 1e-6), 1)

    @abstractmethod
    def _split(self, timed: Any, count: int, cutoff: float) -> list[Any]:
        """Split an operation list at multiples of ``cutoff``."""

    @abstractmethod
    def ports(self, logic: Any) -> tuple[list[int], list[Port]]:
        """Return the width of every input and the shape of every output."""

    def source(self, logic: Any, module: str, language: str) -> str:
        """Return the text of one module, and of its tables, in ``verilog`` or ``vhdl``."""
        text = self._source(logic, module, language)
        return with_sums_of_three(text, logic, self.dialect, self._bits(logic), language)

    @abstractmethod
    def _source(self, logic: Any, module: str, language: str) -> str:
        """Return the text as the tool writes it, operations of two operands only."""

    @abstractmethod
    def _bits(self, logic: Any) -> list[Bits]:
        """Return the bits of every operation."""

    @abstractmethod
    def library(self, language: str) -> list[Path]:
        """Return the tool's fixed modules that the generated ones instantiate."""

    def save(self, logic: Any, path: Path) -> None:
        """Write an operation list as the tool itself does."""
        logic.save(path)

    def input(self, form: FixedPoint) -> tuple[Wire, Wire]:
        """Return a new input of a format as the tool's variable, and its raw integer."""
        port = self.variable(form.minimum * form.step, form.maximum * form.step, form.step)
        return port, port * 2.0**form.fraction

    def bounds(self, wire: Wire) -> tuple[int, int]:
        """Return the smallest and the largest value."""
        if isinstance(wire, int):
            return wire, wire
        return int(wire.low), int(wire.high)

    def simplified(self, wire: Wire) -> Wire:
        """Return a Python integer for a wire that can have one value only."""
        if isinstance(wire, int):
            return wire
        return int(wire.low) if wire.low == wire.high else wire

    def add(self, left: Wire, right: Wire) -> Wire:
        """Return the exact sum."""
        if isinstance(left, int):
            left, right = right, left
        if isinstance(right, int):
            if isinstance(left, int) or right == 0:
                return left + right if isinstance(left, int) else left
            odd = right // (right & -right)
            if abs(odd) >= MAX_CONSTANT:
                raise OverflowError(f"constant {right} exceeds what {self.name} can add")
            return self.simplified(left + float(right))
        return self.simplified(left + right)

    def negative(self, wire: Wire) -> Wire:
        """Return the exact negative."""
        return -wire

    def subtract(self, left: Wire, right: Wire) -> Wire:
        """Return the exact difference."""
        return self.add(left, -right)

    def shift(self, wire: Wire, bits: int) -> Wire:
        """Return the wire times ``2**bits``; a wire divided so must have no bits to lose."""
        if isinstance(wire, int):
            return wire << bits if bits >= 0 else wire >> -bits
        return wire * 2.0**bits if bits else wire

    def scale(self, wire: Wire, factor: int) -> Wire:
        """Return the wire times an integer."""
        if isinstance(wire, int):
            return wire * factor
        if factor == 0:
            return 0
        twos = (factor & -factor).bit_length() - 1
        odd = factor >> twos
        if odd in (1, -1):
            return self.shift(wire if odd == 1 else -wire, twos)
        return self.shift(self.matrix([wire], np.array([[odd]], np.int64))[0], twos)

    def multiply(self, left: Wire, right: Wire) -> Wire:
        """Return the exact product of two wires."""
        if isinstance(left, int) or isinstance(right, int):
            return self.scale(right, left) if isinstance(left, int) else self.scale(left, right)
        return self.simplified(left * right)

    def floor(self, wire: Wire, bits: int) -> Wire:
        """Return the wire divided by ``2**bits`` and rounded down."""
        if isinstance(wire, int):
            return wire >> bits
        if bits <= 0:
            return wire
        low, high = self.bounds(wire)
        if low >> bits == high >> bits:
            return low >> bits
        wire = self.unsigned_factor(wire)
        signed, integer = self._extent(wire)
        if integer - bits < 0 and signed:
            return self.negative(self.sign(wire))
        return self.shift(self._kept(wire, signed, integer, bits), -bits)

    def wrap(self, wire: Wire, width: int, signed: bool) -> Wire:
        """Return the lowest ``width`` bits, as two's complement where signed."""
        if isinstance(wire, int):
            return FixedPoint(width, width, signed).cast_int(wire, 0)
        low, high = self.bounds(wire)
        form = FixedPoint(width, width, signed)
        if form.minimum <= low and high <= form.maximum:
            return wire
        trailing = int(wire.step).bit_length() - 1
        if trailing >= width:
            return 0
        return self._wrapped(self.unsigned_factor(wire), width, signed)

    def lowest_bits(self, wire: Wire, width: int) -> Wire:
        """Return a number equal to the wire in its lowest bits: shorter where that is free."""
        if isinstance(wire, int) or factor_of(wire) < 0:
            return wire
        signed, integer = self._extent(wire)
        return wire if width >= integer + signed else self.wrap(wire, width, signed=False)

    def _wrapped(self, wire: Wire, width: int, signed: bool) -> Wire:
        return self._kept(wire, signed, width - signed, 0)

    def _kept(self, wire: Wire, signed: bool, integer: int, bits: int) -> Wire:
        """Return bits ``bits`` and above of a wire, in place; ``integer`` is where they end.

        The bits are taken in the tool's own unit: alkaid 0.8 mistakes a shifted single bit for the
        highest one where their values happen to agree.
        """
        factor = abs(factor_of(wire))
        unit = int(np.log2(factor))
        kept = self._unscaled(wire).quantize(signed, integer - unit, unit - bits, "WRAP", "TRN")
        return self.simplified(kept * factor)

    def unsigned_factor(self, wire: Wire) -> Wire:
        """Return the wire without the negation that a tool remembers for later.

        The complement of a number less one is its negative: the subtraction of the one merges with
        the constant added before, and inverting bits is free, where a negation is an adder.
        """
        if isinstance(wire, int) or factor_of(wire) > 0:
            return wire
        low, high = self.bounds(wire)
        less = -wire - float(wire.step)
        # Where the one was the last odd bit, the complement is off by the bit that is dropped;
        # the complement of an unsigned number lacks the sign.
        offset = float(less.step - wire.step)
        offset -= 2.0 ** int(less.kif[1]) if less.low >= 0 else 0.0
        complement = less.unary_bit_op("not") + offset
        return self.within(complement, low, high)

    def within(self, wire: Wire, low: int, high: int) -> Wire:
        """Return a wire that is known to lie within bounds, with no more bits than those need."""
        signed = low < 0
        width = max(max(high, -low - 1).bit_length() + signed, 1)
        return self.wrap(wire, width, signed)

    def sign(self, wire: Wire) -> Wire:
        """Return 1 where the wire is negative, else 0."""
        low, high = self.bounds(wire)
        if low >= 0 or high < 0:
            return int(high < 0)
        return self.simplified(self._unscaled(self.unsigned_factor(wire)).is_negative())

    def positive_part(self, wire: Wire) -> Wire:
        """Return the wire where it is positive, else 0."""
        low, high = self.bounds(wire)
        if low >= 0 or high <= 0:
            return wire if low >= 0 else 0
        return self.simplified(self.unsigned_factor(wire).relu())

    def nonzero(self, wire: Wire) -> Wire:
        """Return 1 where any bit is set, else 0."""
        low, high = self.bounds(wire)
        if isinstance(wire, int) or low > 0 or high < 0:
            return int(low != 0)
        if (low, high) == (0, 1):
            return wire
        return self.simplified(self._unscaled(wire).unary_bit_op("any"))

    def both(self, left: Wire, right: Wire) -> Wire:
        """Return the logical product of two wires that are 0 or 1."""
        return self._bitwise(left, right, 0, "and")

    def either(self, left: Wire, right: Wire) -> Wire:
        """Return the logical sum of two wires that are 0 or 1."""
        return self._bitwise(left, right, 1, "or")

    def _bitwise(self, left: Wire, right: Wire, absorbing: int, kind: str) -> Wire:
        for one, other in ((left, right), (right, left)):
            if isinstance(one, int):
                return absorbing if one == absorbing else other
        return self.simplified(left.binary_bit_op(right, kind))

    def joined(self, high: Wire, low: Wire) -> Wire:
        """Return ``2 * high + low`` for a ``low`` of 0 or 1: bits side by side, no adder."""
        if isinstance(low, int) or isinstance(high, int):
            return self.add(self.shift(high, 1), low)
        return self.simplified(self.shift(high, 1).binary_bit_op(low, "or"))

    def inverted(self, wire: Wire) -> Wire:
        """Return ``-1 - wire``."""
        if isinstance(wire, int):
            return -1 - wire
        if wire.low >= 0:
            return self.add(-wire, -1)
        return self.simplified(wire.unary_bit_op("not"))

    def choose(self, condition: Wire, yes: Wire, no: Wire) -> Wire:
        """Return ``yes`` where the condition, 0 or 1, holds, else ``no``."""
        if isinstance(condition, int):
            return yes if condition else no
        if isinstance(yes, int) and isinstance(no, int):
            if yes == no:
                return yes
            return self.add(self.scale(condition, yes - no), no)
        # The tools lose a remembered negation beside a constant.
        yes, no = self.unsigned_factor(yes), self.unsigned_factor(no)
        return self.simplified(self._choose(condition, self._plain(yes), self._plain(no)))

    def _choose(self, condition: Wire, yes: Any, no: Any) -> Wire:
        return condition.msb_mux(yes, no)

    def extreme(self, left: Wire, right: Wire, largest: bool) -> Wire:
        """Return the larger or the smaller of two wires."""
        if isinstance(left, int) and isinstance(right, int):
            return max(left, right) if largest else min(left, right)
        if isinstance(left, int):
            left, right = right, left
        (low, high), (other_low, other_high) = self.bounds(left), self.bounds(right)
        if low >= other_high or high <= other_low:
            return left if (low >= other_high) == largest else right
        if largest and right == 0:
            return self.positive_part(left)
        smaller = self.sign(self.subtract(left, right))
        chosen = self.choose(smaller, *((right, left) if largest else (left, right)))
        limit = max if largest else min
        return self.within(chosen, limit(low, other_low), limit(high, other_high))

    def lookup(self, wire: Wire, table: Sequence[int]) -> Wire:
        """Return ``table[wire - low]``, one entry for every integer within the bounds."""
        _low, _high = self.bounds(wire)
        if isinstance(wire, int) or len(set(table)) == 1:
            return int(table[0])
        values = np.asarray(table[:: int(wire.step)], np.float64)
        if np.abs(values).max() >= MAX_CONSTANT:
            raise OverflowError(f"a table entry exceeds what {self.name} can hold")
        return self.simplified(self._unscaled(wire).lookup(values))

    def matrix(self, wires: Sequence[Wire], weights: Integers) -> list[Wire]:
        """Return a vector times a matrix of integers, shape (len(wires), columns)."""
        constant = np.zeros(weights.shape[1], object)
        rows = []
        for row, wire in enumerate(wires):
            if isinstance(wire, int):
                constant += wire * weights[row].astype(object)
            elif weights[row].any():
                rows.append(row)
        sums: list[Wire] = [0] * weights.shape[1]
        if rows:
            used, factors = [wires[row] for row in rows], weights[rows]
            if np.abs(factors).max() >= MAX_WEIGHT:
                twos = [_common_twos(row) for row in factors]
                factors = np.array([row >> n for row, n in zip(factors, twos, strict=True)])
                used = [self.shift(wire, n) for wire, n in zip(used, twos, strict=True)]
            if np.abs(factors).max() >= MAX_WEIGHT:
                raise OverflowError(f"a weight exceeds what {self.name} can multiply with")
            sums = self._solve(used, factors.astype(np.float64))
        return [self.add(self._plain_sum(s), int(c)) for s, c in zip(sums, constant, strict=True)]

    def _plain_sum(self, value: Any) -> Wire:
        return int(value) if isinstance(value, (int, float)) else self.simplified(value)

    def _plain(self, wire: Wire) -> Any:
        return float(wire) if isinstance(wire, int) else wire

    def _extent(self, wire: Wire) -> tuple[bool, int]:
        """Return whether a wire is signed, and its bits without the sign."""
        signed, integer, _ = wire.kif
        return bool(signed), int(integer)


def _common_twos(row: Integers) -> int:
    """Return how often two divides all numbers, at least one of which is not zero."""
    bits = int(np.bitwise_or.reduce(row))
    return (bits & -bits).bit_length() - 1


def _balanced(count: Callable[[float], int], cutoff: float) -> float:
    """Return the shortest length, within a percent, with no more stages than ``cutoff`` has."""
    most, least = cutoff, 0.0
    stages = count(cutoff)
    while most - least > 0.01 * cutoff:
        middle = (most + least) / 2
        if count(middle) <= stages:
            most = middle
        else:
            least = middle
    return most
