"""In which order a stage is computed, and in which registers: what the kernels read.

Numbers come four at a time. After each such tile all gates are computed that can be, and all bits
counted of which eight wait; their registers are taken again by later ones, so that what is at work
stays in the cache next to the processor. At the end full adders sum the weighted counts.
"""

from typing import Any, NamedTuple

import numpy as np

from l1kd.emulators.array_types import Indices, Integers
from l1kd.emulators.logic.digits import digits
from l1kd.emulators.logic.netlist import Netlist
from l1kd.emulators.logic.planes import NUMBERS, TILE
from l1kd.emulators.logic.registers import SIZE
from l1kd.emulators.logic.stages import LogicStage

__all__ = ["COUNTED", "DIGIT", "DIGITS", "STEPS", "Plan", "plan_of"]

DIGIT = 3
"""Bits of a number that are compared in one step."""
DIGITS = 4
"""Digits are compared so many at a time; the number is filled up with zeros."""
STEPS = (1 << DIGIT) + 1
"""Registers that say where a digit is at least 0, 1, 2, ... and 8, which it never is."""
COUNTED = 8
"""Bits that are counted in one step, which gives a bit that counts eightfold."""
_LEVEL = 3
"""Registers of a counter: ones, twos and fours."""
_ZEROS, _ONES = 0, 1
"""Registers that never change."""
_FOR_EVER = 1 << 62


class Plan(NamedTuple):
    """Arrays that the kernels read; registers are given by their offset in bytes.

    Attributes
    ----------
    inputs, width, outputs, output_width : int
        Of the stage.
    tile : numpy.ndarray, shape (tiles, 3), int64
        Ends of a tile's numbers, runs of gates and steps of counting.
    number, last : numpy.ndarray, shape (numbers,), int64
        Which number is compared, and the end of its comparisons.
    step : numpy.ndarray, shape (comparisons, digits), int32
        For every digit, the lowest first, where it is at least what the threshold's is.
    compared : numpy.ndarray, shape (comparisons,), int32
        Where the result goes.
    gate : numpy.ndarray, shape (gates, 3), int32
        What a gate reads, and where its result goes.
    gates : numpy.ndarray, shape (runs, 2), int64
        Kind of the gates of a run, and its end.
    counted : numpy.ndarray, shape (steps, 10), int32
        Bits that are counted, where what counts eightfold goes, and the counter.
    adder : numpy.ndarray, shape (adders, 5), int32
        Bits that a full adder reads, and where sum and carry go.
    adders : numpy.ndarray, shape (outputs,), int64
        End of an output's adders.
    total : numpy.ndarray, shape (outputs, 4, planes), int32
        Bits of two numbers of which an output is the sum, and of two that are subtracted from it.
    counters, registers : int
        Registers from the third up to this are counters; so many there are at all.
    """

    inputs: int
    width: int
    outputs: int
    output_width: int
    tile: Integers
    number: Integers
    last: Integers
    step: Indices
    compared: Indices
    gate: Indices
    gates: Integers
    counted: Indices
    adder: Indices
    adders: Integers
    total: Indices
    counters: int
    registers: int


def plan_of(stage: LogicStage) -> Plan:
    """Plan the computation of a stage."""
    netlist = Netlist(stage)
    order = _Order(netlist)
    tiles = NUMBERS // TILE * -(-stage.inputs // NUMBERS)
    for tile in range(tiles):
        order.compute(tile)
        order.count(tile, last=tile == tiles - 1)
    sizes = np.bincount(stage.group, minlength=stage.weight.shape[1])
    reach = np.abs(stage.offset) + (np.abs(stage.weight) * sizes).sum(axis=1)
    planes = max(int(reach.max()).bit_length(), stage.output_width) + 1  # one is the sign
    for output, offset in enumerate(netlist.offset.tolist()):
        order.sum(output, offset, planes)
    bits = _table(order.compared, 2)[:, 0] - 1
    source, threshold = netlist.source[bits], netlist.threshold[bits]
    shifts = DIGIT * np.arange(DIGITS * -(-stage.width // (DIGIT * DIGITS)))
    digit = threshold[:, None] >> shifts & ((1 << DIGIT) - 1)
    ends = np.flatnonzero(np.diff(source, append=-1))
    return Plan(
        inputs=stage.inputs,
        width=stage.width,
        outputs=stage.outputs,
        output_width=stage.output_width,
        tile=_table(order.tile, 3),
        number=source[ends],
        last=ends + 1,
        step=_places(STEPS * np.arange(len(shifts)) + digit),
        compared=_places(_table(order.compared, 2)[:, 1]),
        gate=_places(_table(order.gate, 3)),
        gates=_table(order.gates, 2),
        counted=_places(_table(order.steps, COUNTED + 2)),
        adder=_places(_table(order.adder, 5)),
        adders=np.array(order.adders, np.int64),
        total=_places(_table(order.total, planes).reshape(-1, 4, planes)),
        counters=order.counters,
        registers=len(order.readers),
    )


class _Order:
    """Writes down what is done, in order, and where results go.

    A register is taken again when all that reads it has been written down.
    """

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        used = netlist.read()
        self.uses = np.zeros(len(used), np.int64)
        known = np.zeros(len(used), np.int64)
        known[1 : netlist.first] = _tile(netlist.source)
        for gate in range(netlist.first, len(used)):
            inputs = [netlist.a[gate], netlist.b[gate]]
            known[gate] = known[inputs].max()
            self.uses[inputs] += used[gate]
        for group in netlist.groups:
            np.add.at(self.uses, group.bits, 1)
        self.known, self.at = known, [_ZEROS] * len(used)
        bits = np.flatnonzero(used)
        keys = netlist.a[bits], netlist.table[bits], netlist.depth[bits], known[bits]
        self.bits = bits[np.lexsort(keys)]
        # counters of counters of bits, and so on, as far as the largest count goes
        levels = [-(-len(group.bits).bit_length() // _LEVEL) for group in netlist.groups]
        self.readers, self.free = [_FOR_EVER] * 2, list[int]()
        self.counter = [[self._new(_FOR_EVER) for _ in range(_LEVEL * n)] for n in levels]
        self.counters = len(self.readers)
        self.nowhere = self._new(_FOR_EVER)
        self.waiting: list[list[list[int]]] = [[[] for _ in range(n)] for n in levels]
        self.tile: list[tuple[int, int, int]] = []
        self.compared: list[tuple[int, int]] = []
        self.numbers = 0
        self.gate: list[tuple[int, int, int]] = []
        self.gates: list[list[int]] = []
        self.steps: list[list[int]] = []
        self.adder: list[list[int]] = []
        self.adders: list[int] = []
        self.total: list[list[int]] = []

    def _new(self, readers: int) -> int:
        """Take a register that is read so many times."""
        if not self.free:
            self.readers.append(readers)
            return len(self.readers) - 1
        register = self.free.pop()
        self.readers[register] = readers
        return register

    def _read(self, register: int) -> int:
        self.readers[register] -= 1
        if not self.readers[register]:
            self.free.append(register)
        return register

    def compute(self, tile: int) -> None:
        """Compare the numbers of a tile, and compute all gates that wait for nothing else."""
        net, runs = self.netlist, list[list[int]]()
        first, last = np.searchsorted(self.known[self.bits], [tile, tile + 1])
        compared = self.bits[first:last][self.bits[first:last] < net.first]
        self.numbers += len(np.unique(net.source[compared - 1]))
        for bit in self.bits[first:last].tolist():
            uses = int(self.uses[bit])
            if bit < net.first:
                self.at[bit] = self._new(uses)
                self.compared.append((bit, self.at[bit]))
            else:
                a, b = (self._read(self.at[x[bit]]) for x in (net.a, net.b))
                self.at[bit] = self._new(uses)
                self.gate.append((a, b, self.at[bit]))
                _extend(runs, int(net.table[bit]), len(self.gate))
        self.gates += runs

    def count(self, tile: int, last: bool) -> None:
        """Count the bits of a tile, by eights; after the last one what is left, too."""
        for group, waiting in zip(self.netlist.groups, self.waiting, strict=True):
            new = group.bits[self.known[group.bits] == tile]
            waiting[0] += [self.at[bit] for bit in new.tolist()]
        for level in range(max(map(len, self.waiting), default=0)):
            # counters take turns, so that a step need not wait for the one before
            ready = [group for group, waiting in enumerate(self.waiting) if level < len(waiting)]
            while ready:
                ready = [group for group in ready if self._count(group, level, last)]
        self.tile.append((self.numbers, len(self.gates), len(self.steps)))

    def _count(self, group: int, level: int, last: bool) -> bool:
        """Count eight bits of a group, if so many wait or no more come; tell whether it did."""
        waiting = self.waiting[group]
        bits = waiting[level][:COUNTED]
        if len(bits) < COUNTED and not (last and bits):
            return False
        del waiting[level][:COUNTED]
        bits = [self._read(bit) for bit in bits] + [_ZEROS] * (COUNTED - len(bits))
        carry = self.nowhere
        if level + 1 < len(waiting):
            carry = self._new(1)
            waiting[level + 1].append(carry)
        self.steps.append([*bits, carry, self.counter[group][_LEVEL * level]])
        return True

    def sum(self, output: int, offset: int, planes: int) -> None:
        """Add what has a positive weight, and what has a negative one, down to two numbers each."""
        columns: list[list[list[int]]] = [[[] for _ in range(planes)] for _ in range(2)]
        terms = [([_ONES], offset)]
        for group, counter in zip(self.netlist.groups, self.counter, strict=True):
            terms.append((counter[: len(group.bits).bit_length()], int(group.weight[output])))
        for registers, factor in terms:
            for sign, exponent in digits(factor):
                for column, register in zip(columns[sign < 0][exponent:], registers, strict=False):
                    column.append(register)
        while max(len(column) for side in columns for column in side) > 2:
            columns = [self._less(side) for side in columns]
        rows = [
            [(*column, _ZEROS, _ZEROS)[k] for column in side] for side in columns for k in (0, 1)
        ]
        for row in rows:
            for register in row:
                self._read(register)
        self.total += rows
        self.adders.append(len(self.adder))

    def _less(self, columns: list[list[int]]) -> list[list[int]]:
        """Add three bits of a column each, which leaves a bit and a carry."""
        less: list[list[int]] = [[] for _ in [*columns, None]]
        for exponent, column in enumerate(columns):
            whole = len(column) // 3 * 3
            less[exponent] += column[whole:]
            for first in range(0, whole, 3):
                bits = [self._read(bit) for bit in column[first : first + 3]]
                total, carry = self._new(1), self._new(1)
                less[exponent].append(total)
                less[exponent + 1].append(carry)
                self.adder.append([*bits, total, carry])
        for bit in less.pop():
            self._read(bit)
        return less


def _extend(runs: list[list[int]], kind: int, end: int) -> None:
    """Let the last run of a tile go on if it is of a kind, else begin another."""
    if runs and runs[-1][0] == kind:
        runs[-1][1] = end
    else:
        runs.append([kind, end])


def _tile(number: Integers) -> Integers:
    """Return with which tile the planes of a number are ready."""
    return number // NUMBERS * (NUMBERS // TILE) + number % (NUMBERS // 2) // 2


def _table(rows: Any, columns: int) -> Integers:
    return np.array(rows, np.int64).reshape(-1, columns)


def _places(registers: Integers) -> Indices:
    return (SIZE * registers).astype(np.int32)
