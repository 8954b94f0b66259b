"""Batches of whole events of all kinds, each kind with its rate or its share of the efficiency."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.correlator.weighing import FORMAT
from l1kd.models import backend
from l1kd.models.correlator.crossings import REGIONS, Crossings

__all__ = ["Batches", "Kind", "rows_of"]

_FIELDS = ("values", "pt", "px", "py", "share", "target", "neutral", "region")


class Kind:
    """Events of one kind that take part.

    Parameters
    ----------
    crossings : Crossings
        Its events.
    chosen : ndarray of int64
        Those that may be drawn.
    size : int
        How many an epoch draws.
    share : float
        Share in the efficiency of the loss; 0 for zero bias.
    ht_share : float
        Share in the efficiency of HT; 0 for zero bias.
    mixed : int
        Crossings made of each one's tracker and another one's forward calorimeter.
    """

    def __init__(
        self, crossings: Crossings, chosen: NDArray[np.int64], size: int, share: float,
        ht_share: float = 0.0, mixed: int = 0,
    ) -> None:  # fmt: skip
        self.crossings, self.chosen, self.size = crossings, chosen, size
        self.share, self.ht_share, self.mixed = share, ht_share, mixed


def rows_of(crossings: Crossings, events: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Gather the candidates of some events; `event` numbers them in the order given."""
    start, stop = crossings.start[events], crossings.start[events + 1]
    sizes = stop - start
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    place = np.repeat(start - first, sizes) + np.arange(int(sizes.sum()))
    found = {name: getattr(crossings, name)[place] for name in _FIELDS}
    found["event"] = np.repeat(np.arange(len(events)), sizes)
    return found


def _mixtures(first: int, n: int, times: int, generator: np.random.Generator) -> Any:
    """Pairs of n events from number `first` on, `times` for each, none with itself; and turns."""
    own = np.tile(np.arange(n), times)
    other = (own + generator.integers(1, max(n, 2), len(own))) % n if n else own
    angle = generator.uniform(-np.pi, np.pi, len(own))
    return first + np.stack([own, other], axis=1), np.stack([np.cos(angle), np.sin(angle)], axis=1)


class Batches:
    """Callable that yields the batches of an epoch, the same for the same epoch.

    Parameters
    ----------
    kinds : sequence of Kind
        What is drawn.
    steps : int
        Batches an epoch; each has the same share of every kind.
    seed : int
        Of the draws.
    """

    def __init__(self, kinds: Sequence[Kind], steps: int, seed: int) -> None:
        self.kinds, self.steps, self.seed = kinds, steps, seed

    def __call__(self, epoch: int) -> Iterator[tuple[Any, ...]]:
        """Yield inputs and what `RateLoss.of` takes."""
        tf = backend.tensorflow()
        generator = np.random.default_rng([self.seed, epoch])
        drawn = [generator.permutation(k.chosen)[: k.size] for k in self.kinds]
        for step in range(self.steps):
            parts, hertz, signal, ht, n = [], [], [], [], 0
            pairs, turns = [np.zeros((0, 2), np.int64)], [np.zeros((0, 2))]
            for kind, events in zip(self.kinds, drawn, strict=True):
                mine = events[step :: self.steps]
                rows = rows_of(kind.crossings, mine)
                rows["event"] += n
                if kind.mixed:
                    pair, turn = _mixtures(n, len(mine), kind.mixed, generator)
                    pairs.append(pair)
                    turns.append(turn)
                n += len(mine)
                parts.append(rows)
                each = max(len(mine), 1)
                hertz.append(np.full(len(mine), kind.crossings.rate / each))
                signal.append(np.full(len(mine), kind.share / each))
                ht.append(np.full(len(mine), kind.ht_share / each))
            joined = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
            values = joined.pop("values").astype(np.float32) * np.float32(2.0**-FORMAT.fraction)
            event = joined.pop("event").astype(np.int32)
            joined["region"] = joined["region"].astype(np.int32) + REGIONS * event
            columns = [
                joined[name].astype(np.int32 if name == "region" else np.float32)
                for name in _FIELDS[1:]
            ]
            given = (values, *columns, event, *(np.concatenate(x).astype(np.float32)
                                                 for x in (hertz, signal, ht)),
                     np.concatenate(pairs).astype(np.int32),
                     np.concatenate(turns).astype(np.float32))  # fmt: skip
            yield tuple(tf.constant(x) for x in given)
