"""Parameters chosen one after the other: a change stays if the figure grows.

One search for every algorithm whose parameters are tuned; the algorithm says what is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["Climb", "Search", "Trial", "climb"]


class Trial(NamedTuple):
    """Parameters after one change: the figure, what changed, and what `Search.keep` needs."""

    figure: float
    change: tuple[Any, ...]
    kept: Any


class Search(Protocol):
    """What is searched.

    `groups` are searched one after the other, the moves of each in random order.
    """

    @property
    def groups(self) -> Sequence[Any]:
        """What is searched by itself."""

    def figure(self) -> float:
        """Figure of the present parameters."""

    def moves(self, group: Any) -> Sequence[Any]:
        """All moves that may be tried in one group."""

    def trial(self, group: Any, move: Any) -> Trial | None:
        """Try a move; None where the parameters would be the same, or none that are allowed."""

    def keep(self, trial: Trial) -> None:
        """Go on from a trial."""


@dataclass
class Climb:
    """What a search did.

    Attributes
    ----------
    before, after : float
        Figure of the first parameters and of what was found, on the events that chose.
    tried : int
        How many changes were tried.
    history : list of tuple
        Changes that stayed, each with the figure behind it.
    """

    before: float
    after: float
    tried: int = 0
    history: list[tuple[Any, ...]] = field(default_factory=list)


def climb(search: Search, *, rounds: int, seed: int) -> Climb:
    """Try every move of a search, so many times; a move that helps is taken again.

    Parameters
    ----------
    search
        What is searched; it holds what was found afterwards.
    rounds
        How often every move is tried; the search ends with a round in which nothing stayed.
    seed
        Of the order of the moves.
    """
    start = search.figure()
    found, generator = Climb(start, start), np.random.default_rng(seed)
    for _ in range(rounds):
        kept = len(found.history)
        for group in search.groups:
            moves = search.moves(group)
            for i in generator.permutation(len(moves)):
                while trial := search.trial(group, moves[i]):
                    found.tried += 1
                    if trial.figure <= found.after:
                        break
                    found.after = trial.figure
                    search.keep(trial)
                    found.history.append((*trial.change, trial.figure))
        if len(found.history) == kept:
            break
    return found
