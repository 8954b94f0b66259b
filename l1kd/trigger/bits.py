"""The decisions of a menu, one bit a seed and event; and which seeds can be decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l1kd.errors import MenuError

__all__ = ["Bits", "Check"]


@dataclass(frozen=True)
class Check:
    """Which seeds can be evaluated on some events.

    Attributes
    ----------
    reasons
        For every seed of the menu why it cannot be evaluated; empty if it can.
    """

    reasons: dict[str, str]

    @property
    def evaluable(self) -> tuple[str, ...]:
        """Names of the seeds that can be evaluated."""
        return tuple(name for name, reason in self.reasons.items() if not reason)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield every seed with its reason."""
        return iter(self.reasons.items())

    def __str__(self) -> str:
        """Return a table: one seed a line."""
        width = max(map(len, self.reasons), default=0)
        lines = [f"{name:{width}}  {why or 'evaluable'}" for name, why in self.reasons.items()]
        return "\n".join([*lines, f"{len(self.evaluable)} of {len(self.reasons)} evaluable"])


class Bits:
    """Decisions of the seeds that could be evaluated.

    Attributes
    ----------
    names : tuple of str
        Seeds in the order of the bits: those that could be evaluated.
    packed : ndarray of uint8, shape (n_events, ceil(n_seeds / 8))
        One bit a seed, the lowest bit first.
    reasons : dict
        {seed: why it could not be evaluated}, for the rest of the menu.
    """

    def __init__(
        self, names: Sequence[str], packed: NDArray[np.uint8], reasons: Mapping[str, str]
    ) -> None:
        self.names = tuple(names)
        self.packed = packed
        self.reasons = dict(reasons)
        self._position = {name: i for i, name in enumerate(self.names)}

    @classmethod
    def of(cls, decisions: Mapping[str, NDArray[np.bool_]], reasons: Mapping[str, str]) -> "Bits":
        """Pack boolean arrays, one a seed, all of one length."""
        columns = list(decisions.values())
        table = np.stack(columns, axis=1) if columns else np.zeros((0, 0), np.bool_)
        return cls(list(decisions), np.packbits(table, axis=1, bitorder="little"), reasons)

    @property
    def evaluable(self) -> tuple[str, ...]:
        """Names of the seeds that could be evaluated."""
        return self.names

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.packed)

    def __contains__(self, name: str) -> bool:
        return name in self._position

    def __getitem__(self, name: str) -> NDArray[np.bool_]:
        """Return one seed's decisions, bool of shape (n_events,).

        Raises
        ------
        MenuError
            If the seed is unknown or could not be evaluated; the message says why.
        """
        if name not in self._position:
            why = self.reasons.get(name, "no seed of this menu has this name")
            raise MenuError(f"seed {name!r} has no decisions: {why}")
        byte, bit = divmod(self._position[name], 8)
        return (self.packed[:, byte] >> bit & 1).astype(np.bool_)

    def any(self) -> NDArray[np.bool_]:
        """Return the OR of all seeds that could be evaluated, bool of shape (n_events,)."""
        return np.asarray(self.packed.any(axis=1))
