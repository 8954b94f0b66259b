"""All sums of an operation list put together anew, three operands an adder.

The tools share what sums have in common, two operands at a time. Here every sum is written out in
full first, and what is shared is found anew, with the cost of adders of three operands.

Lists hold operations of two operands only: an adder of three is an inner sum that one other sum
uses, at the same time.
"""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction
from math import ceil, log2
from typing import Any, Protocol

from l1kd.models.firmware.adders.sharing import Part, anchor_of, share
from l1kd.models.firmware.adders.trees import ADDER, THREE, Adder, Term, add_up, lowest_bit

# Adders inside a sum are numbered from here on.
INNER = 1 << 40

__all__ = ["Dialect", "Part", "inner_sums", "joined", "rebuilt", "retimed"]


class Dialect(Protocol):
    """How a tool writes its operations. Nodes are real numbers within an interval.

    Attributes
    ----------
    steps_of_operands : bool
        Whether the step of a sum is taken to be the smallest of its operands, whatever it says.
    """

    steps_of_operands: bool

    def operands(self, op: Any) -> tuple[int, ...]:
        """Return the nodes that an operation reads."""

    def sum_of(self, op: Any) -> tuple[list[Part], Fraction] | None:
        """Return what an operation adds, the first operand as it is; None for all others."""

    def is_constant(self, op: Any) -> bool:
        """Return whether an operation is a number."""

    def delay(self, op: Any, ops: list[Any]) -> float:
        """Return the delay of an operation that is no sum."""

    def moved(self, op: Any, places: Mapping[int, int]) -> Any:
        """Return an operation with its operands at new places."""

    def interval(self, low: float, high: float, step: float) -> Any:
        """Return an interval of values."""

    def added(self, one: int, other: Part, interval: Any, cost: float) -> Any:
        """Return the operation ``one + other``."""

    def offset(self, one: int, constant: Fraction, interval: Any, cost: float) -> Any:
        """Return the operation ``one + constant``."""


def rebuilt(logic: Any, dialect: Dialect) -> Any:
    """Return an equal operation list with rebuilt sums, and with the time of every operation."""
    return _Rebuild(logic, dialect).run()


def inner_sums(logic: Any, dialect: Dialect) -> dict[int, int]:
    """Return the inner sum of every adder of three operands, or of two and a constant."""
    uses = Counter(o for op in logic.ops for o in dialect.operands(op))
    outputs = set(logic.out_idxs)
    found = {}
    for number, op in enumerate(logic.ops):
        if dialect.sum_of(op) is None:
            continue
        for operand in dialect.operands(op):
            inner = logic.ops[operand]
            once = uses[operand] == 1 and operand not in outputs and operand not in found
            if once and inner.latency == op.latency and dialect.sum_of(inner) is not None:
                parts, _ = joined(logic, dialect, number, operand)
                steps = (logic.ops[part.node].qint.step * 2.0**part.shift for part in parts)
                # A tool may know that the lowest bits of a sum are zero, and leave them out.
                if op.qint.step <= min(steps):
                    found[number] = operand
    return found


def joined(logic: Any, dialect: Dialect, outer: int, inner: int) -> tuple[list[Part], Fraction]:
    """Return the operands of a sum and of its inner sum, and their constant."""
    own, other = dialect.sum_of(logic.ops[outer]), dialect.sum_of(logic.ops[inner])
    assert own is not None
    assert other is not None
    parts, constant = [], own[1]
    for part in own[0]:
        if part.node != inner:
            parts.append(part)
            continue
        parts += [p.moved(part.shift, part.negative) for p in other[0]]
        constant += other[1] * Fraction(2) ** part.shift * (-1 if part.negative else 1)
    return parts, constant


def retimed(logic: Any, dialect: Dialect, cutoff: float) -> Any:
    """Return the list with times for pipeline stages of a length, which no operation crosses."""
    inner = inner_sums(logic, dialect)
    waiting = set(inner.values())
    times = [0.0] * len(logic.ops)
    for number, op in enumerate(logic.ops):
        if number in waiting or dialect.is_constant(op):
            continue
        operands = list(dialect.operands(op))
        start = max((times[o] for o in _leaves(logic, dialect, number, inner)), default=0.0)
        delay = _delay(logic, dialect, number, inner)
        stage = max(ceil(start / cutoff - 1e-6), 1)
        if start + delay > stage * cutoff * (1 + 1e-9):
            start = stage * cutoff
        times[number] = start + delay
        for operand in operands:
            if operand in waiting or dialect.is_constant(logic.ops[operand]):
                times[operand] = times[number]
    ops = [op._replace(latency=time) for op, time in zip(logic.ops, times, strict=True)]
    return logic._replace(ops=ops)


def _leaves(logic: Any, dialect: Dialect, number: int, inner: dict[int, int]) -> list[int]:
    """Return what an operation reads from outside its adder."""
    operands = list(dialect.operands(logic.ops[number]))
    if number in inner:
        operands.remove(inner[number])
        operands += dialect.operands(logic.ops[inner[number]])
    return operands


def _delay(logic: Any, dialect: Dialect, number: int, inner: dict[int, int]) -> float:
    own = dialect.sum_of(logic.ops[number])
    if own is None:
        return dialect.delay(logic.ops[number], logic.ops)
    if len(own[0]) == 1 and not own[1] and number not in inner:
        return 0.0
    return THREE if len(_leaves(logic, dialect, number, inner)) == 3 else ADDER


class _Rebuild:
    def __init__(self, logic: Any, dialect: Dialect) -> None:
        self.logic, self.dialect = logic, dialect
        self.ops = list(logic.ops)
        self.sums = [dialect.sum_of(op) for op in self.ops]
        self.outputs = set(logic.out_idxs)
        self.users: list[list[int]] = [[] for _ in self.ops]
        for number, op in enumerate(self.ops):
            for operand in dialect.operands(op):
                self.users[operand].append(number)
        self.inside = {n for n in range(len(self.ops)) if self._is_inside(n)}
        self.constants: dict[int, Fraction] = {}
        self.parts: dict[int, list[Part]] = {}
        self.intervals = {n: tuple(map(float, op.qint)) for n, op in enumerate(self.ops)}
        self.times = {n: float(op.latency) for n, op in enumerate(self.ops)}
        self.new: list[Any] = []
        self.places: dict[int, int] = {}

    def _is_inside(self, number: int) -> bool:
        """Tell whether only sums use a sum."""
        users = self.users[number]
        if self.sums[number] is None or number in self.outputs:
            return False
        return all(self.sums[user] is not None for user in users)

    def run(self) -> Any:
        for number in range(len(self.ops)):
            if self.sums[number] is not None and number not in self.inside:
                self.parts[number], self.constants[number] = self._expanded(number)
        share(self.parts, len(self.ops), self._tables)
        for number, op in enumerate(self.ops):
            if number in self.parts:
                self._write_sum(number)
            elif self.sums[number] is None and (
                number in self.outputs or not self.dialect.is_constant(op)
            ):
                self._write_other(number)
        outputs = [self.places[i] if i >= 0 else i for i in self.logic.out_idxs]
        return self.logic._replace(ops=self.new, out_idxs=outputs)

    def _expanded(self, number: int) -> tuple[list[Part], Fraction]:
        """Return a sum in terms of what is no sum inside others; the first has its scale."""
        own = self.sums[number]
        assert own is not None
        parts, constant = [], own[1]
        for part in own[0]:
            if part.node not in self.inside:
                parts.append(part)
                continue
            inner, offset = self._expanded(part.node)
            parts += [p.moved(part.shift, part.negative) for p in inner]
            constant += offset * Fraction(2) ** part.shift * (-1 if part.negative else 1)
        return parts, constant

    def _tables(self, parts: list[Part], node: int) -> int:
        """Return the tables of a sum; a new one gets its interval and its time."""
        constant = self.constants.get(node, Fraction(0))
        if anchor_of(parts) < 0 or (len(parts) == 1 and not constant):
            return -1
        adders, unit = self._adders(parts, constant)
        if node >= len(self.ops):
            result = adders[-1].result
            low, high, step = result.low, result.high, 1 << result.bit
            scale = 2.0**unit
            self.intervals[node] = low * scale, high * scale, step * scale
            self.times[node] = result.time
        return sum(adder.tables for adder in adders)

    def _adders(self, parts: list[Part], constant: Fraction) -> tuple[list[Adder], int]:
        """Return the adders of a sum, their nodes negative, and the exponent of its unit."""
        steps = [round(log2(self.intervals[p.node][2])) + p.shift for p in parts]
        unit = min(steps)
        if constant:
            unit = min(unit, 1 - constant.denominator.bit_length())
        anchor = anchor_of(parts)
        terms = []
        for position, (part, step) in enumerate(zip(parts, steps, strict=True)):
            scale = (-1 if part.negative else 1) * 2.0 ** (part.shift - unit)
            low, high = sorted(int(bound * scale) for bound in self.intervals[part.node][:2])
            time = self.times[part.node]
            terms.append(Term(*part, low, high, step - unit, time, position == anchor))
        return add_up(terms, int(constant / Fraction(2) ** unit), INNER), unit

    def _write_other(self, number: int) -> None:
        """Write an operation with its own copies of the constants that it reads."""
        op = self.ops[number]
        operands = self.dialect.operands(op)
        constants = [o for o in operands if self.dialect.is_constant(self.ops[o])]
        start = max((self.times[o] for o in operands if o not in constants), default=0.0)
        self.times[number] = start + self.dialect.delay(op, self.ops)
        for operand in constants:
            self.places[operand] = self._append(self.ops[operand], self.times[number])
        self.places[number] = self._append(self.dialect.moved(op, self.places), self.times[number])

    def _append(self, op: Any, time: float) -> int:
        self.new.append(op._replace(latency=time))
        return len(self.new) - 1

    def _write_sum(self, number: int) -> None:
        """Write the adders of a sum, shared sums first; a sum of the list keeps its interval."""
        for part in self.parts[number]:
            if part.node not in self.places:
                self._write_sum(part.node)
        constant = self.constants.get(number, Fraction(0))
        adders, unit = self._adders(self.parts[number], constant)
        places = dict(self.places)
        for adder in adders:
            node = self._write_adder(adder, unit, places, number if adder is adders[-1] else -1)
            places[adder.result.node] = node
        self.places[number], self.times[number] = node, adders[-1].result.time

    def _write_adder(self, adder: Adder, unit: int, places: dict[int, int], number: int) -> int:
        """Write one adder; ``number`` is the sum that it completes, if any."""
        first, *others = adder.terms
        steps: list[Term | None] = [*others, *([None] if adder.constant else [])]
        node = places[first.node]
        low, high, bit = first.low, first.high, first.bit
        scale = 2.0 ** (unit - first.shift)
        for position, term in enumerate(steps):
            done = position == len(steps) - 1
            add = (adder.constant,) * 2 if term is None else (term.low, term.high)
            low, high = low + add[0], high + add[1]
            bit = min(bit, lowest_bit(adder.constant) if term is None else term.bit)
            interval = self.dialect.interval(low * scale, high * scale, 2.0**bit * scale)
            ends = done and 0 <= number < len(self.ops)
            # Where constants have cancelled, all bits of a sum may lie higher than in the list.
            coarser = ends and 2.0**bit * scale > self.ops[number].qint.step
            if ends and not (coarser and self.dialect.steps_of_operands):
                interval, coarser = self.ops[number].qint, False
            cost = float(adder.tables) if done else 0.0
            if term is None:
                offset = adder.constant * Fraction(2) ** (unit - first.shift)
                op = self.dialect.offset(node, offset, interval, cost)
            else:
                other = Part(places[term.node], term.shift - first.shift, term.negative)
                op = self.dialect.added(node, other, interval, cost)
            node = self._append(op, adder.result.time)
            if coarser:
                op = self.dialect.offset(node, Fraction(0), self.ops[number].qint, 0.0)
                node = self._append(op, adder.result.time)
        return node
