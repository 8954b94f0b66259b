"""What a kind of training is: how it is configured, how it runs, and what it leaves.

A recipe is one module of `l1kd.models.recipes` with a `RECIPE` in it. It trains, exports and tests;
seeding, records, manifest and hashes are the same for all and done by `l1kd.models.train.train`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from l1kd.models.config import Training

__all__ = ["Job", "Product", "Recipe"]

_Config = TypeVar("_Config", bound=Training)


@dataclass(frozen=True)
class Job:
    """Where one training runs.

    Attributes
    ----------
    out : pathlib.Path
        Folder of the artefact, which exists.
    quiet : bool
        Show no progress bars.
    """

    out: Path
    quiet: bool = False

    def checkpoints(self, stage: str = "") -> Path:
        """Return the folder of checkpoints, or that of one stage of a training of several."""
        return self.out / "checkpoints" / stage


@dataclass(frozen=True)
class Product:
    """A trained and tested network, whose files lie in the job's folder.

    Attributes
    ----------
    kind : str
        What the artefact computes; algorithms ask for it when they load one.
    description : str
        One sentence.
    inputs, outputs : mapping
        What the network reads and gives: shapes, units, number formats.
    files : tuple of str
        Names of the network's files.
    data : tuple of pathlib.Path
        Data files that were read.
    metrics : dict
        JSON-ready; ``metrics["history"]`` has the epochs of every stage of the training.
    card : str
        The model card, Markdown.
    """

    kind: str
    description: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    files: tuple[str, ...]
    data: tuple[Path, ...]
    metrics: dict[str, Any]
    card: str


@dataclass(frozen=True)
class Recipe(Generic[_Config]):
    """A kind of training.

    Attributes
    ----------
    kind : str
        Its name: on the command line, in the configuration's ``kind``, and of its module.
    summary : str
        What it trains, in one line.
    read : callable
        Reads and validates a configuration file.
    run : callable
        Trains, exports and tests. Random numbers are seeded before.
    """

    kind: str
    summary: str
    read: Callable[[Path], _Config]
    run: Callable[[_Config, Job], Product]
