"""Files that were opened: their tree, kind, identity and number of entries."""

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import uproot
from coffea.nanoevents.schemas.base import BaseSchema

from l1kd.datasets.fileset import Dataset, Steps, is_url
from l1kd.datasets.manifest import piece_of, require_digest
from l1kd.datasets.opening import (
    is_parquet,
    open_events,
    open_parquet,
    open_tree,
    reading,
)
from l1kd.datasets.schemas import L1KDSchema
from l1kd.errors import ConfigurationError, UnknownFormatError, UnreadableFileError
from l1kd.formats import FORMATS, format_of, trees

__all__ = ["InputFile", "inspect_file", "read_fileset"]

_PATIENCE = 8
"""Files are opened this many at a time: opening waits for storage, not for the processor."""

SKIM = "skim"
"""Kind of the files that `l1kd insert` writes."""


@dataclass(frozen=True)
class InputFile:
    """A file that was opened: its tree, kind and number of entries.

    Attributes
    ----------
    path, dataset, tree, kind, uuid
        The kind is the name of its format (`l1kd.formats.FORMATS`), or "skim"; the uuid is ROOT's
        own, as 16 bytes.
    entries
        Number of events by the file's own count.
    truth, truth_uuid
        File with the same events without pile-up, if there is one.
    steps
        The ranges of entries that are wanted, or None for all.
    metadata
        What the fileset says of the dataset.
    digest
        SHA-256 that the manifest of a skim names for this file, or None.
    size
        Bytes of all its columns, uncompressed; 0 where that is not known.
    """

    path: str
    dataset: str
    tree: str
    kind: str
    entries: int
    uuid: bytes = field(repr=False)
    truth: str | None = None
    truth_uuid: bytes = field(default=b"", repr=False)
    steps: Steps | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, hash=False)
    digest: str | None = field(default=None, repr=False)
    size: int = field(default=0, repr=False, compare=False)

    @property
    def schema(self) -> type[BaseSchema]:
        """Coffea's schema for this file."""
        return L1KDSchema if self.kind == SKIM else FORMATS.find(self.kind).schema

    @property
    def ranges(self) -> Steps:
        """The ranges of entries that are wanted."""
        return ((0, self.entries),) if self.steps is None else self.steps

    @property
    def wanted(self) -> int:
        """Number of events that are wanted."""
        return sum(stop - start for start, stop in self.ranges)

    def event_metadata(self, start: int, stop: int) -> dict[str, Any]:
        """Return what these events carry: coffea's names, the truth, the dataset's own."""
        own = {
            "dataset": self.dataset,
            "filename": self.path,
            "treename": self.tree,
            "entrystart": start,
            "entrystop": stop,
            "fileuuid": str(UUID(bytes=self.uuid)),
        }
        truth = {} if self.truth is None else {"truth": self.truth}
        return {**self.metadata, **truth, **own}

    def open(self, start: int = 0, stop: int | None = None) -> Any:
        """Open entries `start` to `stop` as NanoEvents with virtual arrays.

        Raises
        ------
        UnreadableFileError
            If the file cannot be read, or is a skim that differs from its manifest.
        """
        if self.digest is not None:
            with reading(self.path):
                require_digest(self.path, self.digest)
        end = self.entries if stop is None else min(stop, self.entries)
        metadata = self.event_metadata(start, end)
        return open_events(self.path, self.tree, self.schema, start, end, metadata)


class _Found(NamedTuple):
    """What a file itself says."""

    tree: str
    kind: str
    entries: int
    uuid: bytes
    size: int


def _local(path: str) -> Path | None:
    return None if is_url(path) else Path(path)


def _look(path: str, tree: str | None) -> _Found:
    local = _local(path)
    if local is not None and not local.is_file():
        found = "a folder" if local.is_dir() else "no regular file" if local.exists() else "none"
        error = UnreadableFileError(f"{path}: expected a file, found {found}")
        error.path = path
        raise error
    return _look_parquet(path) if is_parquet(path) else _look_root(path, tree)


def _look_parquet(path: str) -> _Found:
    file = open_parquet(path)
    stored = file.schema_arrow.metadata or {}
    with reading(path):
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        if b"uuid" in stored:
            uuid = UUID(stored[b"uuid"].decode()).bytes
        else:  # a footer holds the place and the extremes of every column
            uuid = sha256(repr([g.to_dict() for g in groups]).encode()).digest()[:16]
        size = sum(group.total_byte_size for group in groups)
        return _Found("", SKIM, file.metadata.num_rows, uuid, size)


def _look_root(path: str, tree: str | None) -> _Found:
    with reading(path), uproot.open({path: None}) as root:
        names = {name.split(";")[0] for name in root.keys(recursive=tree is not None)}
        uuid = root.file.uuid.bytes
    wanted = trees() if tree is None else (tree,)
    chosen = [name for name in wanted if name in names]
    if not chosen:
        raise UnknownFormatError(
            f"{path}: expected a tree {' or '.join(map(repr, wanted))}, found "
            f"{sorted(names) or 'nothing'}"
        )
    if len(chosen) > 1:
        raise UnknownFormatError(
            f"{path} holds the trees {chosen}; say which one to read, as {path}:{chosen[-1]}"
        )
    opened = open_tree(path, chosen[0])
    with reading(path):
        branches = set(opened.keys(recursive=False))
        kind = SKIM if "l1kd" in names else _kind(path, chosen[0], branches)
        size = int(getattr(opened, "uncompressed_bytes", 0))
        return _Found(chosen[0], kind, int(opened.num_entries), uuid, size)


def _kind(path: str, tree: str, branches: set[str]) -> str:
    """Name of the format of a tree; one with a name of its own is told by its branches."""
    if "L1Cand_pt" in branches or "CICADA_score" in branches:
        return SKIM
    usual = "Delphes" if "Event_size" in branches else "Events"
    form = format_of(tree if tree in trees() else usual, branches)
    if form is None:
        raise UnknownFormatError(f"{path}: the tree {tree!r} is of no known format")
    return form.name


def inspect_file(
    path: str | Path,
    dataset: str = "events",
    truth: str | Path | None = None,
    tree: str | None = None,
) -> InputFile:
    """Open a file and find its tree, kind and number of entries.

    Parameters
    ----------
    path
        ROOT file, or a parquet file of `l1kd insert`.
    dataset, truth
        To which dataset it belongs, and its file without pile-up.
    tree
        Name of the tree; by default the one of a known format, as `Delphes` or `Events`.

    Raises
    ------
    UnreadableFileError
        If the file is missing, truncated or corrupt, or a piece of a skim that is not valid.
    UnknownFormatError
        If it holds no tree of a known format (`l1kd.formats.FORMATS`), or several.
    MachineError
        If the machine failed.
    """
    path = str(path)
    found = _look(path, tree)
    piece = piece_of(path) if found.kind == SKIM and _local(path) is not None else None
    if piece is not None and piece.events != found.entries:
        raise UnreadableFileError(
            f"{path}: expected {piece.events} events by its manifest, found {found.entries}; run "
            "`l1kd insert` again"
        )
    digest = None if piece is None else piece.sha256
    return InputFile(
        path,
        dataset,
        **found._asdict(),
        truth=None if truth is None else str(truth),
        digest=digest,
    )


def _inspected(name: str, dataset: Dataset, i: int) -> InputFile | Exception:
    """Open one file of a dataset, or say why it cannot be opened."""
    path = dataset.files[i]
    try:
        file = inspect_file(path, name, None, dataset.trees.get(path))
    except (UnreadableFileError, UnknownFormatError) as error:
        return error
    _require_as_told(file, dataset)
    truth = dataset.truth[i] if dataset.truth else None
    return InputFile(
        **{f: getattr(file, f) for f in ("path", "dataset", "tree", "kind", "entries", "uuid")},
        truth=truth,
        truth_uuid=b"" if truth is None else _truth_uuid(truth, file),
        steps=dataset.steps.get(path),
        metadata=dataset.metadata,
        digest=file.digest,
        size=file.size,
    )


def _require_as_told(file: InputFile, dataset: Dataset) -> None:
    """Check a file against what the fileset says of it."""
    count, uuid = dataset.counts.get(file.path), dataset.uuids.get(file.path)
    if count is not None and count != file.entries:
        raise ConfigurationError(
            f"{file.path}: the fileset says num_entries {count}, the file has {file.entries}; it "
            "changed since the fileset was made"
        )
    if uuid is not None and re.sub(r"\W", "", uuid).lower() != file.uuid.hex():
        raise ConfigurationError(
            f"{file.path}: the fileset says uuid {uuid}, the file has {UUID(bytes=file.uuid)}; it "
            "changed since the fileset was made"
        )
    last = max((stop for _, stop in dataset.steps.get(file.path, ())), default=0)
    if last > file.entries:
        raise ConfigurationError(
            f"{file.path}: steps end at entry {last}, the file has {file.entries} entries"
        )


def _truth_uuid(truth: str, file: InputFile) -> bytes:
    """Open the file without pile-up; what is wrong with it is not the other file's fault."""
    try:
        return _look(truth, None).uuid
    except (UnreadableFileError, UnknownFormatError) as error:
        raise UnreadableFileError(
            f"truth file {error} (it belongs to {file.path}, which is not to blame; mend it, or "
            "leave truth out)"
        ) from error


def _require_each_once(files: list[InputFile]) -> None:
    """Check that no events count twice in a dataset, whatever its files are called."""
    seen: dict[tuple[str, Any], InputFile] = {}
    for file in files:
        local = _local(file.path)
        place: Any = file.path if local is None else local.resolve()
        for key, what in ((place, "the same file as"), (file.uuid, "a copy (by ROOT's UUID) of")):
            first = seen.setdefault((file.dataset, key), file)
            both_empty = not file.entries and not first.entries
            if first is not file and first.tree == file.tree and not both_empty:
                raise ConfigurationError(
                    f"dataset {file.dataset!r}: {file.path} is {what} {first.path}: its events "
                    "would count twice; name it once, or put it into another dataset"
                )


def read_fileset(
    fileset: Mapping[str, Dataset],
) -> tuple[list[InputFile], dict[str, Exception]]:
    """Open every file of a fileset.

    Returns
    -------
    files, bad
        Files in the fileset's order, and the error of each file that could not be opened.

    Raises
    ------
    ConfigurationError
        If a file is twice in one dataset, under whatever name, or differs from what the fileset
        says of it.
    UnreadableFileError
        If a truth file cannot be opened.
    MachineError
        If the machine failed and not a file.
    """
    wanted = [(name, d, i) for name, d in fileset.items() for i in range(len(d.files))]
    with ThreadPoolExecutor(_PATIENCE) as pool:
        results = list(pool.map(lambda w: _inspected(*w), wanted))
    files = [r for r in results if isinstance(r, InputFile)]
    _require_each_once(files)
    bad = {
        dataset.files[i]: result
        for (_, dataset, i), result in zip(wanted, results, strict=True)
        if isinstance(result, Exception)
    }
    return files, bad
