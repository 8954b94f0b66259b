"""Samples of object arrays: background and signals, in parts for training, validation and test."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd._documents import open_arrays
from l1kd.errors import InputError, UnreadableFileError
from l1kd.models.config import Strict
from l1kd.objects import read_object_array
from l1kd.statistics import Blocks

__all__ = ["PARTS", "ObjectData", "ObjectFiles", "Sample", "blocks_of"]

PARTS = ("train", "validation", "test")
"""Parts of every sample; in this order they are 0, 1, 2 in `split` of a file."""
_SHARES = (0.5, 0.6)


class ObjectFiles(Strict):
    """Where object arrays come from.

    A `.npz` holds `X`, and, if it has them, `split` (part of every event), `group` (events that
    share a generated collision) and `process` with `process_names`, by which signals are told
    apart. Other files, such as the HDF5 files of the public set, are one process each: of their
    events, drawn with a fixed seed, 50% train, 10% validate, 40% test. `folder` is relative to the
    working directory.
    """

    folder: Path
    background: str
    signals: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """Events of one part of one process.

    Attributes
    ----------
    objects : float32[n, 19, 3]
        pt [GeV], eta, phi [rad], as `l1kd.objects.objects` gives them.
    group : int64[n]
        Events of the same number share a generated collision.
    process : int64[n]
        Position of the event's process among those of its file.
    """

    objects: NDArray[np.float32]
    group: NDArray[np.int64]
    process: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.objects)

    def of(self, mask: NDArray[np.bool_]) -> "Sample":
        """Return the events of a mask."""
        return Sample(self.objects[mask], self.group[mask], self.process[mask])


def blocks_of(*samples: Sample) -> Blocks:
    """Return the generated collisions of the events of several samples, one after the other."""
    offset, groups = 0, []
    for sample in samples:
        _, number = np.unique(sample.group, return_inverse=True)
        groups.append(number + offset)
        offset += int(number.max(initial=-1)) + 1
    return Blocks.of(np.concatenate(groups).astype(np.int64))


@dataclass(frozen=True)
class _File:
    sample: Sample
    part: NDArray[np.int64]
    names: tuple[str, ...]


def _column(archive: Any, name: str, count: int, path: Path) -> NDArray[np.int64] | None:
    if name not in archive.files:
        return None
    values = archive[name]
    if values.shape != (count,) or values.dtype.kind not in "iu":
        raise InputError(
            f"{path}: {name}: expected {count} integers, one an event of X, found "
            f"{values.dtype} of shape {values.shape}"
        )
    return np.asarray(values, np.int64)


def _read(path: Path) -> _File:
    """Read one file with all that it says of its events."""
    objects = read_object_array(path)
    count = len(objects)
    part = group = process = None
    names: tuple[str, ...] = (path.stem,)
    if path.suffix == ".npz":
        with open_arrays(path) as archive:
            part, group, process = (
                _column(archive, name, count, path) for name in ("split", "group", "process")
            )
            if process is not None and "process_names" in archive.files:
                names = tuple(str(name) for name in archive["process_names"])
    if part is None:
        place = np.random.default_rng(count).permutation(count) / max(count, 1)
        part = np.searchsorted(_SHARES, place, side="right")
    if group is None:
        group = np.arange(count)
    if process is None:
        process = np.zeros(count, np.int64)
    for label, values, end in (("split", part, len(PARTS)), ("process", process, len(names))):
        if count and not 0 <= values.min() <= values.max() < end:
            raise InputError(
                f"{path}: {label}: expected numbers below {end}, found {values.min()} to "
                f"{values.max()}"
            )
    return _File(Sample(objects, group, process), np.asarray(part, np.int64), names)


@dataclass(frozen=True)
class ObjectData:
    """All samples, by part; the test part is not looked at before it is asked for.

    Attributes
    ----------
    files : tuple of pathlib.Path
        What was read.
    """

    files: tuple[Path, ...]
    _background: _File
    _signals: Mapping[str, tuple[Sample, NDArray[np.int64]]]

    @classmethod
    def read(cls, config: ObjectFiles) -> "ObjectData":
        """Read the files.

        Raises
        ------
        UnreadableFileError, InputError
            A file is missing, or holds something else.
        """
        paths = tuple(config.folder / name for name in (config.background, *config.signals))
        for path in paths:
            if not path.is_file():
                raise UnreadableFileError(f"{path}: expected a file of object arrays, found none")
        signals: dict[str, tuple[Sample, NDArray[np.int64]]] = {}
        for path in paths[1:]:
            found = _read(path)
            for number, name in enumerate(found.names):
                mask = found.sample.process == number
                if name in signals:
                    raise InputError(f"{path}: a second signal is called {name!r}")
                signals[name] = (found.sample.of(mask), found.part[mask])
        return cls(paths, _read(paths[0]), signals)

    @property
    def signal_names(self) -> tuple[str, ...]:
        """Names of the signals, in the order of the files."""
        return tuple(self._signals)

    def background(self, part: str) -> Sample:
        """Return the background of a part: train, validation or test."""
        return self._background.sample.of(self._background.part == PARTS.index(part))

    def signals(self, part: str) -> dict[str, Sample]:
        """Return every signal's events of a part."""
        number = PARTS.index(part)
        return {name: sample.of(parts == number) for name, (sample, parts) in self._signals.items()}
