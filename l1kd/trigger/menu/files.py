"""Files of events for a menu, in stretches, with the decisions that they store."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from l1kd._edge import has_branch, read
from l1kd.datasets import inspect_file
from l1kd.trigger.vectors import read_vector

from .model import Seed

__all__ = ["Stretch", "stretches"]

_VECTOR_ENDINGS = (".txt", ".txt.gz")


class Stretch(NamedTuple):
    """Some events of a file.

    Attributes
    ----------
    events
        What a menu evaluates.
    stored
        Decision of a seed that the file holds, or None where it holds none.
    """

    events: Any
    stored: Callable[[Seed], NDArray[np.bool_] | None]


def stretches(path: str | Path, entries: int = 50_000) -> Iterator[Stretch]:
    """Yield the events of a file, a stretch at a time.

    Parameters
    ----------
    path
        NanoAOD (tree `Events`), or a test vector (`.txt`, `.txt.gz`).
    entries
        Events of a stretch.

    Raises
    ------
    UnreadableFileError, UnknownFormatError
        The file is missing or damaged, or holds no events of a known format.
    """
    if str(path).endswith(_VECTOR_ENDINGS):
        events, stored = read_vector(path)
        yield Stretch(events, lambda seed: stored.bit(seed.index))
        return
    file = inspect_file(str(path))
    for start in range(0, file.entries, entries):
        yield _of_nanoaod(file.open(start, min(start + entries, file.entries)))


def _of_nanoaod(events: ak.Array) -> Stretch:
    """Return events of NanoAOD with their stored bits."""

    def stored(seed: Seed) -> NDArray[np.bool_] | None:
        """Return the final decision, after prescale and mask where these are in the data."""
        field = seed.name.removeprefix("L1_")
        if not has_branch(events, "L1", field):
            return None
        return np.asarray(ak.to_numpy(read(events, "L1", field)), np.bool_)

    return Stretch(events, stored)
