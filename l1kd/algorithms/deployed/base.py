"""What the deployed networks share: their folder, and the emulator that is read from it."""

from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np

from l1kd.algorithms.base import EventScore
from l1kd.emulators.array_types import AnyArray
from l1kd.errors import ArtefactError, ConfigurationError, L1KDError, UnreadableFileError
from l1kd.validation import file_of

__all__ = ["DeployedNetwork", "read_folder"]


@cache
def read_folder(read: Callable[..., Any], folder: Path, *options: Any) -> Any:
    """Read a firmware folder with the constructor of its emulator, once per process.

    Raises
    ------
    UnreadableFileError
        If there is no such folder.
    ArtefactError
        If it holds another network.
    FirmwareSourceError
        If its sources hold what is not understood.
    """
    if not folder.is_dir():
        raise UnreadableFileError(f"{folder}: expected a firmware folder, found none")
    try:
        return read(folder, *options)
    except L1KDError:
        raise
    except ValueError as error:
        if type(error) is not ValueError:
            raise
        raise ArtefactError(f"{folder}: {error}") from error


class DeployedNetwork(EventScore):
    """A network that CMS deployed, from a firmware folder of the user's.

    Parameters
    ----------
    model
        The folder of one version, for instance a clone of the public repository. Weights of these
        networks carry no licence, so l1kd ships none.
    source
        Where several collections could be read, the one to read.

    Notes
    -----
    Subclasses implement `measured(events)`, all fields that are inserted.
    """

    home: ClassVar[str]
    """Public repository of the network's versions."""
    inputs: tuple[str, ...] = ()

    def __init__(self, model: str | Path | None = None, source: str | None = None) -> None:
        super().__init__(source)
        self.model = None if model is None else str(model)

    @property
    def folder(self) -> Path:
        """The firmware folder.

        Raises
        ------
        ConfigurationError
            If none was given.
        """
        if self.model is None:
            raise ConfigurationError(
                f"{self.name}: l1kd ships no weights of this network; give the firmware folder of "
                f"a version, as {type(self).__name__}(model=FOLDER), or {self.name}=FOLDER on the "
                f"command line; versions: https://github.com/{self.home}"
            )
        return Path(self.model)

    @property
    def version(self) -> str:
        """Name of the folder."""
        return "a firmware folder" if self.model is None else Path(self.model).resolve().name

    def numpy_call(self, *arrays: Any, **_: Any) -> AnyArray:
        """Score arrays, where the network reads one row an event.

        Raises
        ------
        ConfigurationError
            If it reads collections: insert it into events.
        """
        raise ConfigurationError(
            f"{self.name} reads {', '.join(self.inputs)}, not arrays with one row an event: insert "
            "it into events, or use its emulator in l1kd.emulators.deployed"
        )

    @abstractmethod
    def measured(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return what is inserted, `adds` among it."""

    def fields(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return all fields; what is wrong with an input names the algorithm and the file."""
        try:
            return self.measured(events)
        except Exception as error:
            file = file_of(events)
            error.add_note(f"in algorithm {self.name!r}{f', {file}' if file else ''}")
            raise

    def _call_awkward(self, events: ak.Array) -> ak.Array:
        return self.fields(events)[self.adds]

    def __repr__(self) -> str:
        """Return the class and its folder."""
        return f"{type(self).__name__}({self.model!r})"


def closed(values: AnyArray, dtype: Any = np.float32) -> ak.Array:
    """Return one number an event as awkward array."""
    return ak.from_numpy(np.ascontiguousarray(values, dtype))
