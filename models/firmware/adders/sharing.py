"""What sums have in common, worth an adder of its own.

Sums are lists of signed and shifted nodes. Two of them, one shifted against the other, have some of
these in common; what enough sums hold becomes a sum of its own. An operand costs half an adder of
three, so that a pair must serve three sums and a triple two; then the tables are counted.
"""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

__all__ = ["Part", "anchor_of", "share"]

# Overlaps of two sums that are looked at, the largest first.
MOST = 30_000


class Part(NamedTuple):
    """An operand of a sum: ``node * 2**shift``, or the negative of that."""

    node: int
    shift: int
    negative: bool

    def moved(self, shift: int, negative: bool) -> "Part":
        """Return the operand of a sum that is itself shifted, or subtracted."""
        return Part(self.node, self.shift + shift, self.negative != negative)


class _Overlap(NamedTuple):
    """Two sums, the first shifted and negated so that operands of it are in the second."""

    one: int
    other: int
    shift: int
    negative: bool


Tables = Callable[[list[Part], int], int]
"""Tables of a sum of operands with the constant of a node; -1 where none is possible."""


def anchor_of(parts: list[Part]) -> int:
    """Return the place of an operand with the scale and the sign of its sum, -1 without one."""
    return next((i for i, p in enumerate(parts) if p.shift == 0 and not p.negative), -1)


def share(sums: dict[int, list[Part]], new: int, tables: Tables) -> None:
    """Move common operands of sums to new sums.

    Parameters
    ----------
    sums : dict
        Operands of every sum, by its node; changed in place, and new ones added.
    new : int
        Node of the first new sum.
    tables : callable
        Called with the operands of a new sum before its node is used elsewhere.
    """
    _Sharing(sums, new, tables).run()


class _Sharing:
    def __init__(self, sums: dict[int, list[Part]], new: int, tables: Tables) -> None:
        self.sums, self.new, self.tables = sums, new, tables
        self.cost = {node: tables(parts, node) for node, parts in sums.items()}
        self.holders: dict[int, set[int]] = defaultdict(set)
        for node in sums:
            self._enter(node)
        self.queue: list[tuple[int, _Overlap]] = []

    def _enter(self, node: int) -> None:
        for part in self.sums[node]:
            self.holders[part.node].add(node)

    def run(self) -> None:
        sizes = Counter(overlap for node in self.sums for overlap in self._overlaps(node))
        large = [(-size, overlap) for overlap, size in sizes.items() if size > 1]
        self.queue = heapq.nsmallest(MOST, large)
        heapq.heapify(self.queue)
        while self.queue:
            size, overlap = heapq.heappop(self.queue)
            common = self._common(overlap)
            if len(common) < -size:
                if len(common) > 1:
                    heapq.heappush(self.queue, (-len(common), overlap))
            elif self._try(common, overlap.one):
                for again, count in Counter(self._overlaps(self.new - 1, both=True)).items():
                    if count > 1:
                        heapq.heappush(self.queue, (-count, again))

    def _overlaps(self, node: int, both: bool = False) -> Iterator[_Overlap]:
        """Give an overlap with another sum once for every operand in it."""
        for part in self.sums[node]:
            for other in sorted(self.holders[part.node]):
                if other > node or (both and other != node):
                    for found in self.sums[other]:
                        if found.node == part.node:
                            shift = found.shift - part.shift
                            yield _Overlap(node, other, shift, found.negative != part.negative)

    def _common(self, overlap: _Overlap) -> list[Part]:
        left = Counter(self.sums[overlap.other])
        found = []
        for part in self.sums[overlap.one]:
            there = part.moved(overlap.shift, overlap.negative)
            if left[there]:
                left[there] -= 1
                found.append(part)
        return found

    def _try(self, common: list[Part], home: int) -> bool:
        """Make a sum of common operands if that saves tables."""
        anchor = self.sums[home][anchor_of(self.sums[home])]
        base = anchor if anchor in common else min(common, key=lambda p: (p.shift, p.negative))
        parts = [_relative(part, base) for part in common]
        parts.sort(key=lambda part: part != Part(base.node, 0, False))
        places = self._places(parts)
        if len(places) * (len(parts) - 1) <= 2 * (len(parts) // 2):
            return False
        own = self.tables(parts, self.new)
        changed = {}
        for node, (shift, negative) in places.items():
            rest = Counter(self.sums[node])
            rest.subtract(part.moved(shift, negative) for part in parts)
            content = [Part(self.new, shift, negative), *rest.elements()]
            tables = self.tables(content, node)
            if 0 <= tables < self.cost[node]:
                changed[node] = content, tables
        saved = sum(self.cost[node] - tables for node, (_, tables) in changed.items())
        if len(changed) < 2 or saved <= own:
            return False
        self.sums[self.new], self.cost[self.new] = parts, own
        for node, (content, tables) in changed.items():
            self.sums[node], self.cost[node] = content, tables
            self._enter(node)
        self._enter(self.new)
        self.new += 1
        return True

    def _places(self, parts: list[Part]) -> dict[int, tuple[int, bool]]:
        """Return the sums that hold all operands, with their shift and sign there."""
        found: dict[int, tuple[int, bool]] = {}
        for node in sorted(set.intersection(*(self.holders[part.node] for part in parts))):
            held = Counter(self.sums[node])
            for part in self.sums[node]:
                shift, negative = part.shift, part.negative
                moved = Counter(p.moved(shift, negative) for p in parts)
                if part.node == parts[0].node and moved <= held:
                    found[node] = shift, negative
                    break
        return found


def _relative(part: Part, base: Part) -> Part:
    return Part(part.node, part.shift - base.shift, part.negative != base.negative)
