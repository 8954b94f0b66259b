"""The code words and the two pools of constants of a program."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Indices, Integers
from l1kd.emulators.network.analysis.memory import TILE, Memory, Places, Rows
from l1kd.emulators.network.interpreter.machine import WORDS

__all__ = ["Placed", "Pools"]


@dataclass(frozen=True, eq=False)
class Placed:
    """The finished parts of a program."""

    code: Integers
    small: Indices
    large: Integers
    constants: tuple[tuple[int, int, int], ...]
    places: Places


@dataclass
class Pools(Memory):
    """Memory of a program whose code words point into pools of 32- and 64-bit constants."""

    small: list[Indices] = field(default_factory=list)
    large: list[Integers] = field(default_factory=list)
    sizes: list[int] = field(default_factory=lambda: [0, 0])

    def keep32(self, values: npt.ArrayLike) -> int:
        """Store 32-bit constants; return where they begin."""
        array = np.asarray(values).astype(np.int32).reshape(-1)
        self.small.append(array)
        self.sizes[0] += array.size
        return self.sizes[0] - array.size

    def keep64(self, values: npt.ArrayLike) -> int:
        """Store 64-bit constants; return where they begin."""
        array = np.asarray(values).astype(np.int64).reshape(-1)
        self.large.append(array)
        self.sizes[1] += array.size
        return self.sizes[1] - array.size

    def place(self, rows_in: Rows, rows_out: Rows) -> Placed:
        """Give every block an address, reusing those whose last reader has run.

        Raises
        ------
        ValueError
            If one tile would need more than a gigabyte.
        """
        places = self.places(rows_in, rows_out)
        code = np.zeros((len(self.steps), WORDS), np.int64)
        for number, step in enumerate(self.steps):
            for position, rows in {**step.reads, **step.writes}.items():
                step.words[position] = self.keep32(places.address(rows))
            code[number, : len(step.words)] = step.words
        constants = []
        for (value, width), block in self.fixed.items():
            fill = np.full(64 // width, value, f"i{width // 8}").view(np.int64)[0]
            constants.append((int(places.starts[block]) // 8, TILE * width // 64, int(fill)))
        small = np.concatenate([*self.small, np.zeros(1, np.int32)])
        large = np.concatenate([*self.large, np.zeros(1, np.int64)])
        return Placed(code, small, large, tuple(constants), places)
