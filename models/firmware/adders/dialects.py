"""Operations of da4ml and alkaid, as far as sums are concerned."""

from collections.abc import Mapping
from fractions import Fraction
from math import ceil
from typing import Any

from l1kd.models.firmware.adders.sharing import Part
from l1kd.models.firmware.adders.trees import ADDER, WIRED_TABLE

__all__ = ["AlkaidOperations", "Da4mlOperations"]

# Codes that both tools share.
ADD, SUBTRACT, RELU, OFFSET, CONSTANT, CHOICE, PRODUCT, LOOKUP, UNARY, BINARY = (
    0, 1, 2, 4, 5, 6, 7, 8, 9, 10,
)  # fmt: skip
INPUT = -1
# alkaid's own.
NEGATION = -2
# Of unary operations.
NOT = 0


def _levels(width: int) -> int:
    """Return the levels of lookup tables that a function of many bits takes."""
    return 0 if width <= 1 else 1 + _levels(ceil(width / 6))


def _delay(code: int, data: int, width: int, signed: bool, before: float) -> float:
    """Return the delay of an operation that is no sum; ``before`` is the tool's own."""
    if code == UNARY:
        return 0.0 if data == NOT else WIRED_TABLE * _levels(width)
    if code in (CHOICE, BINARY) or (code == RELU and signed):
        return WIRED_TABLE
    if code == LOOKUP:
        return WIRED_TABLE * max(width - 6, 1)
    return before if code == PRODUCT else 0.0


def _apart(one: Any, other: Any, shift: int) -> bool:
    """Return whether two numbers have no bit in common, so that joining them takes no table."""
    scale = 2.0**shift
    low, high, step = other.min * scale, other.max * scale, other.step * scale
    return bool(low >= 0 and high < one.step) or bool(one.min >= 0 and one.max < step)


class Da4mlOperations:
    """``(id0, id1, opcode, data, qint, latency, cost)``; a negative code negates an operand."""

    steps_of_operands = True

    def operands(self, op: Any) -> tuple[int, ...]:
        """Do what `Dialect` says."""
        code = abs(op.opcode)
        if op.opcode == INPUT or code == CONSTANT:
            return ()
        two = code in (ADD, SUBTRACT, CHOICE, PRODUCT, BINARY) and op.opcode != INPUT
        key = (op.data & 0xFFFFFFFF,) if code == CHOICE else ()
        return (op.id0, *((op.id1,) if two else ()), *key)

    def sum_of(self, op: Any) -> tuple[list[Part], Fraction] | None:
        """Do what `Dialect` says."""
        first = Part(op.id0, 0, False)
        if op.opcode in (ADD, SUBTRACT):
            return [first, Part(op.id1, int(op.data), op.opcode == SUBTRACT)], Fraction(0)
        if op.opcode == OFFSET:
            return [first], Fraction(int(op.data)) * Fraction(op.qint.step)
        return None

    def is_constant(self, op: Any) -> bool:
        """Do what `Dialect` says."""
        return bool(op.opcode == CONSTANT)

    def delay(self, op: Any, ops: list[Any]) -> float:
        """Do what `Dialect` says."""
        from da4ml.types import minimal_kif

        operands = self.operands(op)
        if not operands:
            return 0.0
        source = ops[operands[0]].qint
        before = op.latency - max(ops[o].latency for o in operands)
        width = sum(minimal_kif(source))
        negation = ADDER if op.opcode < 0 else 0.0
        if op.opcode == BINARY:
            shift = (int(op.data) + (1 << 31)) % (1 << 32) - (1 << 31)
            if _apart(source, ops[op.id1].qint, shift):
                return 0.0
        return negation + _delay(abs(op.opcode), int(op.data), width, source.min < 0, before)

    def moved(self, op: Any, places: Mapping[int, int]) -> Any:
        """Do what `Dialect` says."""
        operands = [places[o] for o in self.operands(op)]
        if not operands:
            return op
        new = op._replace(id0=operands[0])
        if len(operands) > 1:
            new = new._replace(id1=operands[1])
        if len(operands) > 2:
            new = new._replace(data=(op.data >> 32 << 32) | operands[2])
        return new

    def interval(self, low: float, high: float, step: float) -> Any:
        """Do what `Dialect` says."""
        from da4ml.types import QInterval

        return QInterval(low, high, step)

    def added(self, one: int, other: Part, interval: Any, cost: float) -> Any:
        """Do what `Dialect` says."""
        from da4ml.types import Op

        return Op(one, other.node, int(other.negative), other.shift, interval, 0.0, cost)

    def offset(self, one: int, constant: Fraction, interval: Any, cost: float) -> Any:
        """Do what `Dialect` says."""
        from da4ml.types import Op

        data = int(constant / Fraction(interval.step))
        return Op(one, -1, OFFSET, data, interval, 0.0, cost)


class AlkaidOperations:
    """``(addr, opcode, data, qint, latency, cost)``."""

    steps_of_operands = False

    def operands(self, op: Any) -> tuple[int, ...]:
        """Do what `Dialect` says."""
        return tuple(op.addr)

    def sum_of(self, op: Any) -> tuple[list[Part], Fraction] | None:
        """Do what `Dialect` says."""
        if op.opcode in (ADD, SUBTRACT):
            one, other = op.addr
            parts = [Part(one, 0, False), Part(other, int(op.data[0]), op.opcode == SUBTRACT)]
            return parts, Fraction(0)
        if op.opcode == OFFSET:
            value, fraction = op.data
            return [Part(op.addr[0], 0, False)], Fraction(int(value)) / Fraction(2) ** int(fraction)
        return None

    def is_constant(self, op: Any) -> bool:
        """Do what `Dialect` says."""
        return bool(op.opcode == CONSTANT)

    def delay(self, op: Any, ops: list[Any]) -> float:
        """Do what `Dialect` says."""
        if not op.addr:
            return 0.0
        source = ops[op.addr[0]].qint
        before = op.latency - max(ops[o].latency for o in op.addr)
        data = int(op.data[0]) if op.data else 0
        if op.opcode == NEGATION:
            return ADDER
        if op.opcode == BINARY and _apart(source, ops[op.addr[1]].qint, data):
            return 0.0
        return _delay(op.opcode, data, sum(source.kif), source.min < 0, before)

    def moved(self, op: Any, places: Mapping[int, int]) -> Any:
        """Do what `Dialect` says."""
        return op._replace(addr=tuple(places[o] for o in op.addr))

    def interval(self, low: float, high: float, step: float) -> Any:
        """Do what `Dialect` says."""
        from alkaid.types import QInterval

        return QInterval(low, high, step)

    def added(self, one: int, other: Part, interval: Any, cost: float) -> Any:
        """Do what `Dialect` says."""
        from alkaid.types import Op

        return Op((one, other.node), int(other.negative), (other.shift,), interval, 0.0, cost)

    def offset(self, one: int, constant: Fraction, interval: Any, cost: float) -> Any:
        """Do what `Dialect` says."""
        from alkaid.types import Op

        fraction = constant.denominator.bit_length() - 1
        data = int(constant * 2**fraction), fraction
        return Op((one,), OFFSET, data, interval, 0.0, cost)
