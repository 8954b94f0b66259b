"""Filesets: which files belong to which dataset, what they are and how many events they hold."""

import difflib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uproot
import yaml
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.schemas.base import BaseSchema
from pydantic import BaseModel, ConfigDict, ValidationError

from l1kd.errors import ConfigurationError, UnknownFormatError, UnreadableFileError
from l1kd.formats import FORMATS, format_of
from l1kd.formats import trees as known_trees
from l1kd.formats.schemas import TriggerNanoSchema, TriggerPFNanoSchema

__all__ = [
    "Dataset",
    "InputFile",
    "TriggerNanoSchema",
    "TriggerPFNanoSchema",
    "inspect_file",
    "load_fileset",
    "read_fileset",
]


_PATIENCE = 8
"""Files are opened this many at a time: opening waits for storage, not for the processor."""


class Dataset(BaseModel):
    """One dataset of a fileset.

    Attributes
    ----------
    files
        Paths or URLs that uproot can open.
    truth
        The same events without pile-up, file by file (Delphes), or empty.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: list[str]
    truth: list[str] = []


@dataclass(frozen=True)
class InputFile:
    """A file that was opened: its tree, kind and number of entries.

    Attributes
    ----------
    path, dataset, tree, kind, uuid
        The kind is the name of its format (`l1kd.formats.FORMATS`); the uuid is ROOT's own, as
        16 bytes.
    entries
        Number of events by the file's own count.
    truth
        File with the same events without pile-up, if there is one.
    """

    path: str
    dataset: str
    tree: str
    kind: str
    entries: int
    uuid: bytes = field(repr=False)
    truth: str | None = None

    @property
    def schema(self) -> type[BaseSchema]:
        """Coffea's schema for this file."""
        return FORMATS.find(self.kind).schema

    def open(self, start: int = 0, stop: int | None = None) -> Any:
        """Open entries `start` to `stop` as NanoEvents with virtual arrays."""
        return NanoEventsFactory.from_root(
            {self.path: self.tree}, schemaclass=self.schema, entry_start=start, entry_stop=stop
        ).events()


def load_fileset(fileset: Any) -> dict[str, Dataset]:
    """Bring a fileset into one form.

    Parameters
    ----------
    fileset
        A path to a YAML file, a list of files (one dataset, "events"), or a mapping of dataset
        names to lists of files or to mappings with `files` and `truth`.

    Raises
    ------
    ConfigurationError
        If it has another form, an unknown key, or truth files that are not as many as the files.
    """
    if isinstance(fileset, str | Path) and Path(fileset).suffix in {".yaml", ".yml"}:
        return load_fileset(_read_yaml(Path(fileset)))
    if isinstance(fileset, str | Path):
        fileset = [fileset]
    if isinstance(fileset, Sequence):
        fileset = {"events": {"files": fileset}}
    if not isinstance(fileset, Mapping) or not fileset:
        raise ConfigurationError(
            f"expected a fileset (dataset names with their files), found {fileset!r}"
        )
    return {str(name): _dataset(str(name), value) for name, value in fileset.items()}


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFileError(f"{path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {error}") from error


def _dataset(name: str, value: Any) -> Dataset:
    if isinstance(value, Dataset):
        return value
    content = dict(value) if isinstance(value, Mapping) else {"files": value}
    for key in content.keys() - Dataset.model_fields.keys():
        near = difflib.get_close_matches(key, Dataset.model_fields, 1, 0.0)[0]
        raise ConfigurationError(f"dataset {name!r}: unknown key {key!r}; did you mean {near!r}?")
    for key in content:
        paths = content[key]
        content[key] = [str(p) for p in ([paths] if isinstance(paths, str | Path) else paths)]
    try:
        dataset = Dataset(**content)
    except ValidationError as error:
        raise ConfigurationError(f"dataset {name!r}: {error.errors()[0]['msg']}") from error
    if dataset.truth and len(dataset.truth) != len(dataset.files):
        raise ConfigurationError(
            f"dataset {name!r}: expected one truth file a file, found {len(dataset.truth)} for "
            f"{len(dataset.files)} files"
        )
    if len(set(dataset.files)) != len(dataset.files):
        raise ConfigurationError(
            f"dataset {name!r} names a file twice: its events would count twice"
        )
    return dataset


def inspect_file(path: str, dataset: str = "events", truth: str | None = None) -> InputFile:
    """Open a file and find its tree, kind and number of entries.

    Raises
    ------
    UnreadableFileError
        If the file is missing, truncated or corrupt.
    UnknownFormatError
        If it holds no tree of a known format (`l1kd.formats.FORMATS`).
    """
    known = known_trees()
    try:
        with uproot.open(path) as root:
            trees = {name.split(";")[0] for name in root.keys(recursive=False)}
            for tree in known:
                if tree in trees:
                    names = set(root[tree].keys(recursive=False))
                    form = format_of(tree, names)
                    if form is not None:
                        return InputFile(
                            path,
                            dataset,
                            tree,
                            form.name,
                            int(root[tree].num_entries),
                            root.file.uuid.bytes,
                            truth,
                        )
    except Exception as error:  # uproot meets corrupt bytes with many classes of error
        raise UnreadableFileError(
            f"{path}: expected a readable ROOT file, found {type(error).__name__}: "
            + " ".join(str(error).split())[:200]
        ) from error
    raise UnknownFormatError(
        f"{path}: expected a tree {' or '.join(map(repr, known))}, found "
        f"{sorted(trees) or 'nothing'}"
    )


def read_fileset(
    fileset: Mapping[str, Dataset],
) -> tuple[list[InputFile], dict[str, Exception]]:
    """Open every file of a fileset.

    Returns
    -------
    files, bad
        Files in the fileset's order, and the error of each file that could not be opened.
    """
    wanted = [
        (path, name, dataset.truth[i] if dataset.truth else None)
        for name, dataset in fileset.items()
        for i, path in enumerate(dataset.files)
    ]

    def attempt(arguments: tuple[str, str, str | None]) -> InputFile | Exception:
        try:
            return inspect_file(*arguments)
        except (UnreadableFileError, UnknownFormatError) as error:
            return error

    with ThreadPoolExecutor(_PATIENCE) as pool:
        results = list(pool.map(attempt, wanted))
    files = [r for r in results if isinstance(r, InputFile)]
    bad = {
        path: result
        for (path, _, _), result in zip(wanted, results, strict=True)
        if isinstance(result, Exception)
    }
    return files, bad
