"""All sums of an operation list put together anew, three operands an adder.

The tools share what sums have in common, two operands at a time. Here every sum that is used once
is part of the sum that uses it, and so is one that few use, where this saves tables: what is shared
costs an adder, and an operand more of a sum only half of one.

Lists hold operations of two operands only: an adder of three is an inner sum that one other sum
uses, at the same time.
"""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from math import ceil, log2
from typing import Any, NamedTuple, Protocol

from l1kd.models.firmware.sum_trees import ADDER, THREE, Adder, Term, add_up, lowest_bit

__all__ = ["Dialect", "Part", "inner_sums", "joined", "rebuilt", "retimed"]


class Part(NamedTuple):
    """An operand of a sum: ``node * 2**shift``, or the negative of that."""

    node: int
    shift: int
    negative: bool


class Dialect(Protocol):
    """How a tool writes its operations. Nodes are real numbers within an interval."""

    def operands(self, op: Any) -> tuple[int, ...]:
        """Return the nodes that an operation reads."""

    def sum_of(self, op: Any) -> tuple[list[Part], Fraction] | None:
        """Return what an operation adds, the first operand as it is; None for all others."""

    def is_constant(self, op: Any) -> bool:
        """Return whether an operation is a number."""

    def delay(self, op: Any, ops: list[Any]) -> float:
        """Return the delay of an operation that is no sum."""

    def moved(self, op: Any, places: list[int]) -> Any:
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
            once = uses[operand] == 1 and operand not in outputs
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
        for node, shift, negative in other[0]:
            parts.append(Part(node, shift + part.shift, negative != part.negative))
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
    if dialect.sum_of(logic.ops[number]) is None:
        return dialect.delay(logic.ops[number], logic.ops)
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
        self.times = [float(op.latency) for op in self.ops]
        self.new: list[Any] = []
        self.places = [-1] * len(self.ops)

    def run(self) -> Any:
        self.dissolved = {n for n in self._inside() if len(self.users[n]) == 1}
        self._dissolve()
        for number, op in enumerate(self.ops):
            if number in self.dissolved:
                continue
            if self.sums[number] is not None:
                self._write_sum(number)
            elif number in self.outputs or not self.dialect.is_constant(op):
                self._write_other(number)
        outputs = [self.places[i] if i >= 0 else i for i in self.logic.out_idxs]
        return self.logic._replace(ops=self.new, out_idxs=outputs)

    def _inside(self) -> Iterable[int]:
        """Give the sums that only sums use, the last first."""
        for number in reversed(range(len(self.ops))):
            users = self.users[number]
            if self.sums[number] is None or number in self.outputs or not users:
                continue
            if all(self.sums[user] is not None for user in users):
                yield number

    def _dissolve(self) -> None:
        """Take shared sums apart where all sums together then need fewer tables."""
        known: dict[int, int] = {}

        def tables(root: int) -> int:
            if root not in known:
                known[root] = sum(adder.tables for adder in self._adders(root)[0])
            return known[root]

        for number in self._inside():
            if number in self.dissolved:
                continue
            roots = self._roots(number)
            before = tables(number) + sum(map(tables, roots))
            saved = {root: known.pop(root) for root in roots}
            self.dissolved.add(number)
            if sum(map(tables, roots)) > before:
                self.dissolved.discard(number)
                known |= saved

    def _roots(self, number: int) -> set[int]:
        """Return the sums that a sum is part of."""
        found: set[int] = set()
        for user in self.users[number]:
            found |= self._roots(user) if user in self.dissolved else {user}
        return found

    def _parts(self, number: int) -> tuple[list[Part], Fraction]:
        """Return a sum in terms of what is not dissolved; the first part has the sum's scale."""
        own = self.sums[number]
        assert own is not None
        parts, constant = [], own[1]
        for part in own[0]:
            if part.node not in self.dissolved:
                parts.append(part)
                continue
            inner, offset = self._parts(part.node)
            for node, shift, negative in inner:
                parts.append(Part(node, shift + part.shift, negative != part.negative))
            constant += offset * Fraction(2) ** part.shift * (-1 if part.negative else 1)
        return parts, constant

    def _adders(self, number: int) -> tuple[list[Adder], int]:
        """Return the adders of a sum, numbered beyond all nodes, and the exponent of its unit."""
        parts, constant = self._parts(number)
        steps = [round(log2(self.ops[p.node].qint.step)) + p.shift for p in parts]
        unit = min(steps)
        if constant:
            unit = min(unit, 1 - constant.denominator.bit_length())
        terms = []
        for position, (part, step) in enumerate(zip(parts, steps, strict=True)):
            scale = (-1 if part.negative else 1) * 2.0 ** (part.shift - unit)
            low, high = sorted(int(bound * scale) for bound in self.ops[part.node].qint[:2])
            time = self.times[part.node]
            terms.append(Term(*part, low, high, step - unit, time, position == 0))
        return add_up(terms, int(constant / Fraction(2) ** unit), len(self.ops)), unit

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
        """Write the adders of a sum; the last one has the interval that the sum had before."""
        adders, unit = self._adders(number)
        inner: dict[int, int] = {}
        for adder in adders:
            first, *others = adder.terms
            last = adder is adders[-1]
            steps: list[Term | None] = [*others, *([None] if adder.constant else [])]
            node = inner.get(first.node, -1) if first.node in inner else self.places[first.node]
            low, high, bit = first.low, first.high, first.bit
            scale = 2.0 ** (unit - first.shift)
            for position, term in enumerate(steps):
                done = position == len(steps) - 1
                add = (adder.constant,) * 2 if term is None else (term.low, term.high)
                low, high = low + add[0], high + add[1]
                bit = min(bit, lowest_bit(adder.constant) if term is None else term.bit)
                interval = self.dialect.interval(low * scale, high * scale, 2.0**bit * scale)
                if done and last:
                    interval = self.ops[number].qint
                cost = float(adder.tables) if done else 0.0
                if term is None:
                    offset = adder.constant * Fraction(2) ** (unit - first.shift)
                    op = self.dialect.offset(node, offset, interval, cost)
                else:
                    place = inner[term.node] if term.node in inner else self.places[term.node]
                    other = Part(place, term.shift - first.shift, term.negative)
                    op = self.dialect.added(node, other, interval, cost)
                node = self._append(op, adder.result.time)
            inner[adder.result.node] = node
        self.places[number], self.times[number] = node, adders[-1].result.time
