"""Rows of working memory for a program: who needs them, when, and where they lie.

One tile is `TILE` events. Every tensor element owns a row: its values in all events of the tile,
side by side.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from l1kd.emulators.array_types import Indices, Integers

__all__ = ["TILE", "Memory", "Places", "Rows", "Step", "bits_for"]

TILE = 128
Rows: TypeAlias = Integers
# A row is named by its block and its position in it, until blocks have addresses.
_BLOCK = 1 << 32
MAX_WORDS = 1 << 27


def bits_for(low: int, high: int) -> int:
    """Return the narrowest of 16, 32 and 64 bits that holds both numbers; 128 where none does."""
    for bits in (16, 32, 64):
        if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1):
            return bits
    return 128


@dataclass
class Step:
    """One step of a program: its code words, and the rows it reads and writes.

    A back end whose code words name rows finds here which word names which.
    """

    words: list[int]
    reads: dict[int, Rows] = field(default_factory=dict)
    writes: dict[int, Rows] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Places:
    """Where the blocks begin, and how many 64-bit words there are in all."""

    starts: Integers
    widths: Integers
    words: int

    def address(self, rows: Rows) -> Indices:
        """Return byte offsets in the arena."""
        block, position = rows // _BLOCK, rows % _BLOCK
        return (self.starts[block] + position * (self.widths[block] * TILE // 8)).astype(np.int32)


@dataclass
class Memory:
    """Blocks, constant rows and steps of a program under construction."""

    steps: list[Step] = field(default_factory=list)
    blocks: list[tuple[int, int]] = field(default_factory=list)
    fixed: dict[tuple[int, int], int] = field(default_factory=dict)

    def rows(self, count: int, width: int) -> Rows:
        """Reserve a block of rows of ``width`` bits."""
        self.blocks.append((count, width))
        return np.arange(count, dtype=np.int64) + (len(self.blocks) - 1) * _BLOCK

    def constant(self, value: int, width: int) -> Rows:
        """Return a row that always holds one value."""
        key = (value, width)
        if key not in self.fixed:
            self.blocks.append((1, width))
            self.fixed[key] = len(self.blocks) - 1
        return np.array([self.fixed[key] * _BLOCK])

    def places(self, rows_in: Rows, rows_out: Rows) -> Places:
        """Give every block an address, for tiles of `TILE` events.

        Raises
        ------
        ValueError
            If one tile would need more than a gigabyte.
        """
        count, never = len(self.blocks), len(self.steps)
        born, dies = np.full(count, never), np.full(count, -1)
        born[np.unique(rows_in // _BLOCK)] = -1
        for number, step in enumerate(self.steps):
            for rows in step.writes.values():
                block = np.unique(rows // _BLOCK)
                born[block] = np.minimum(born[block], number)
                dies[block] = np.maximum(dies[block], number)
            for rows in step.reads.values():
                block = np.unique(rows // _BLOCK)
                dies[block] = np.maximum(dies[block], number)
        dies[np.unique(rows_out // _BLOCK)] = never
        always = list(self.fixed.values())
        born[always], dies[always] = -1, never
        starts, top = np.zeros(count, np.int64), 0
        busy: list[tuple[int, int, int]] = []
        for block in np.argsort(born, kind="stable").tolist():
            busy = [entry for entry in busy if entry[2] >= born[block]]
            size = self.blocks[block][0] * self.blocks[block][1] * TILE // 8
            start = 0
            for first, last, _ in sorted(busy):
                if first - start >= size:
                    break
                start = max(start, last)
            busy.append((start, start + size, int(dies[block])))
            starts[block], top = start, max(top, start + size)
        words = -(-top // 8)
        if words > MAX_WORDS:
            raise ValueError("the network needs more than a gigabyte of working memory")
        return Places(starts, np.array([width for _, width in self.blocks], np.int64), words)
