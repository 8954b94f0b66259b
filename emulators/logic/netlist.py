"""The gates of a stage without those that do nothing, and what of them is counted.

Layers of gates hold wires, inverters, gates that nobody reads and gates that equal another one. A
netlist has none of them: every bit is zero, a comparison or one of four gates, or the inverse of
such. Inverses are never formed: they change the tables of gates that read them, and are counted as
one less the bit.
"""

from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import Integers, Mask
from l1kd.emulators.logic.stages import GateLayer, LogicStage

__all__ = ["AND", "AND_NOT", "OR", "XOR", "Group", "Netlist"]

AND, OR, XOR, AND_NOT = 8, 14, 6, 4
"""The gates, by their tables: a & b, a | b, a ^ b, a & ~b."""


class Group(NamedTuple):
    """Bits whose ones are counted, and what one adds to each output."""

    bits: Integers
    weight: Integers


class Netlist:
    """Bits by number: zero, comparisons, then gates, each after what it reads.

    Attributes
    ----------
    source, threshold : numpy.ndarray, shape (comparisons,), int64
        A comparison is one where this number is at least this; sorted.
    table, a, b, depth : numpy.ndarray, shape (1 + comparisons + gates,), int64
        Kind of a gate, bits that it reads, and how many gates lie between it and comparisons; zero
        for all else.
    groups : list of Group
        What is counted: no zeros, no group without a weight, no two groups of the same bits.
    offset : numpy.ndarray, shape (outputs,), int64
        Outputs without any of that.
    """

    def __init__(self, stage: LogicStage) -> None:
        compared, place = np.unique(
            np.stack([stage.source, stage.threshold], axis=1), axis=0, return_inverse=True
        )
        self.source, self.threshold = compared.T
        self.first = 1 + len(compared)
        self._gates: dict[tuple[int, ...], int] = {}
        self.table, self.a, self.b, self.depth = (np.zeros(self.first, np.int64) for _ in range(4))
        bit, inverse = 1 + place.reshape(-1), np.zeros(len(place), bool)
        for layer in stage.layers:
            bit, inverse = self._add(bit, inverse, layer)
        # the count of ones of inverses is their number less the count of the bits
        ones = np.bincount(stage.group[inverse], minlength=stage.weight.shape[1])
        self.offset = stage.offset + stage.weight @ ones
        self.groups = _groups(bit, inverse, stage)

    def _add(self, bit: Integers, inverse: Mask, layer: GateLayer) -> tuple[Integers, Mask]:
        """Add a layer that reads bits or their inverses; return its bits and which are inverse."""
        a, b, table = bit[layer.a], bit[layer.b], layer.table.astype(np.int64)
        # bit 2 a + b of a table is what it gives
        table = np.where(inverse[layer.a], table >> 2 | (table & 3) << 2, table)
        table = np.where(inverse[layer.b], (table >> 1) & 5 | (table & 5) << 1, table)
        table = np.where(a == 0, (table & 3) * 5, table)
        table = np.where(b == 0, (table & 5) * 3, table)
        table = np.where(a == b, (table & 1) * 3 | (table >> 3) * 12, table)
        swapped = a > b
        a, b = np.where(swapped, b, a), np.where(swapped, a, b)
        table = np.where(swapped, table & 9 | (table & 2) << 1 | (table & 4) >> 1, table)
        inverted = (table & 1).astype(bool)
        table = np.where(inverted, 15 - table, table)
        result = np.select([table == 0, table == 12, table == 10], [0 * a, a, b], -1)
        turned = table == 2  # not a, and b
        a, b = np.where(turned, b, a), np.where(turned, a, b)
        table[turned] = AND_NOT
        real = result < 0
        gates, place = np.unique(
            np.stack([table[real], a[real], b[real]], axis=1), axis=0, return_inverse=True
        )
        numbers = np.array([self._number(gate) for gate in gates.tolist()], np.int64)
        result[real] = numbers[place.reshape(-1)]
        table, a, b = gates[numbers >= len(self.table)].T
        self.depth = np.append(self.depth, 1 + np.maximum(self.depth[a], self.depth[b]))
        self.table = np.append(self.table, table)
        self.a, self.b = np.append(self.a, a), np.append(self.b, b)
        return result, inverted

    def _number(self, gate: list[int]) -> int:
        """Return the number of a gate of this table and these inputs."""
        return self._gates.setdefault(tuple(gate), self.first + len(self._gates))

    def read(self) -> Mask:
        """Tell which bits are counted, or what is counted is computed from them."""
        used = np.zeros(len(self.table), bool)
        for group in self.groups:
            used[group.bits] = True
        for depth in range(int(self.depth.max()), 0, -1):
            gates = np.flatnonzero(used & (self.depth == depth))
            used[self.a[gates]] = used[self.b[gates]] = True
        return used


def _groups(bit: Integers, inverse: Mask, stage: LogicStage) -> list[Group]:
    weights: dict[bytes, Integers] = {}
    for group, weight in enumerate(stage.weight.T):
        for sign, chosen in ((1, ~inverse), (-1, inverse)):
            bits = np.sort(bit[chosen & (stage.group == group) & (bit > 0)])
            if bits.size:
                key = bits.tobytes()
                weights[key] = weights.get(key, 0) + sign * weight
    return [Group(np.frombuffer(k, np.int64), w) for k, w in weights.items() if w.any()]
