"""Opening a range of entries as NanoEvents, with what files of one layout share kept.

coffea derives the form of the events anew for every file and every range: most of the time that
opening takes. Files with the same branches have the same form, and the trees that were opened last
stay open, so that a file is taken apart once a process.
"""

import errno
import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import uproot
from coffea.nanoevents import NanoEventsFactory
from coffea.nanoevents.mapping import ParquetSourceMapping, UprootSourceMapping
from coffea.nanoevents.mapping.parquet import TrivialParquetOpener
from coffea.nanoevents.mapping.uproot import TrivialUprootOpener
from coffea.nanoevents.schemas.base import BaseSchema
from coffea.nanoevents.util import tuple_to_key

from l1kd.errors import L1KDError, MachineError, UnknownFormatError, UnreadableFileError

__all__ = ["is_parquet", "open_events", "open_parquet", "open_tree", "reading"]

_TIMEOUT = 60
"""Seconds that a remote server has for an answer."""

_MOST_BRANCHES, _MOST_FILES = 30_000, 200
"""Trees that stay open: about 200 MB of uproot's branches, and far fewer files than a process may
have open."""

_MACHINE = {
    errno.EMFILE: "too many open files: raise the limit (`ulimit -n`), or use fewer workers",
    errno.ENFILE: "the machine has too many open files",
    errno.ENOMEM: "no memory left: lower chunksize",
    errno.ENOSPC: "no space left on a disk",
    errno.EDQUOT: "a disk quota is used up",
    errno.EIO: "a disk or a network file system failed",
    errno.ESTALE: "a network file system lost the file: start again",
    errno.ETIMEDOUT: "a server did not answer: start again",
    errno.ECONNREFUSED: "a server refused the connection: start again",
    errno.ECONNRESET: "a server broke the connection: start again",
    errno.ENETUNREACH: "the network cannot be reached",
    errno.EHOSTUNREACH: "a server cannot be reached",
}


def machine_fault(error: BaseException) -> str | None:
    """Say what is wrong with the machine, or None if the error is not the machine's."""
    if isinstance(error, MemoryError):
        return _MACHINE[errno.ENOMEM]
    if isinstance(error, TimeoutError):
        return _MACHINE[errno.ETIMEDOUT]
    return _MACHINE.get(error.errno or 0) if isinstance(error, OSError) else None


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Say of every error inside whether the file or the machine is to blame.

    Raises
    ------
    UnreadableFileError
        Naming the file, also in its attribute `path`.
    MachineError
        If the machine failed.
    """
    path = str(path)
    try:
        yield
    except L1KDError:
        raise
    except Exception as error:  # uproot meets corrupt bytes with many classes of error
        fault = machine_fault(error)
        if fault is not None:
            raise MachineError(f"{path} could not be read: {fault} ({error})") from error
        words = " ".join(str(error).split()).replace(path, Path(path).name)[:200]
        unreadable = UnreadableFileError(f"{path}: cannot be read: {type(error).__name__}: {words}")
        unreadable.path = path
        raise unreadable from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause garbage collection: a tree is a hundred thousand new objects, none of them garbage."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _version(path: str) -> tuple[int, int]:
    """Return what changes when a local file is written again."""
    file = Path(path)
    if not file.is_file():
        return (0, 0)
    status = file.stat()
    return (status.st_mtime_ns, status.st_size)


def _link(ntuple: Any) -> None:
    """Tell every field of an RNTuple its subfields.

    uproot finds them field by field in the list of all fields: seconds for a thousand fields.
    """
    fields = ntuple.all_fields
    below: dict[int, list[int]] = {}
    for i, record in enumerate(ntuple.field_records):
        if record.parent_field_id != i:
            below.setdefault(record.parent_field_id, []).append(i)
    for i in reversed(range(len(fields))):  # a field comes before its subfields
        linked: list[Any] = []
        for child in (fields[j] for j in below.get(i, ())):
            linked += child.fields if child.is_anonymous else [child]
        fields[i]._fields = linked


class _OpenTree(NamedTuple):
    """A file, a tree of it, and what decides on the form of its events."""

    handle: Any
    tree: Any
    layout: tuple[Any, ...]


class _Trees:
    """The trees that were opened last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: OrderedDict[tuple[Any, ...], _OpenTree] = OrderedDict()
        self.branches = 0

    def get(self, path: str, tree: str) -> _OpenTree:
        key = (path, _version(path), tree)
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
        handle = uproot.open({path: None}, timeout=_TIMEOUT)
        with _no_collection():
            opened = handle[tree]
            if isinstance(opened, uproot.behaviors.RNTuple.RNTuple):
                _link(opened)
            found = _OpenTree(handle, opened, _layout(opened))
        with self.lock:
            if key not in self.kept:
                self.kept[key] = found
                self.branches += len(found.layout)
            while len(self.kept) > 1 and (
                self.branches > _MOST_BRANCHES or len(self.kept) > _MOST_FILES
            ):
                self.branches -= len(self.kept.popitem(last=False)[1].layout)
        return found


_trees = _Trees()


def open_tree(path: str | Path, tree: str) -> Any:
    """Open a tree of a ROOT file, or return it from those that were opened last.

    Raises
    ------
    UnreadableFileError, MachineError
        As `reading`.
    """
    path = str(path)
    with reading(path):
        return _trees.get(path, tree).tree


@lru_cache(maxsize=64)
def _parquet(path: str, _version: tuple[int, int]) -> Any:
    import pyarrow.parquet  # 0.1 s that ROOT files save

    return pyarrow.parquet.ParquetFile(path, page_checksum_verification=True)


def open_parquet(path: str | Path) -> Any:
    """Open a parquet file, whose pages are checked against their checksums where it has them.

    Raises
    ------
    UnreadableFileError, MachineError
        As `reading`.
    """
    path = str(path)
    with reading(path):
        return _parquet(path, _version(path))


def is_parquet(path: str | Path) -> bool:
    """Whether a path names a parquet file."""
    return str(path).endswith((".parquet", ".pq"))


def _layout(tree: Any) -> tuple[Any, ...]:
    """Describe what decides on the form of a tree's events, and nothing of its content."""
    if isinstance(tree, uproot.behaviors.RNTuple.HasFields):
        records = tree.field_records
        return tuple((f.field_name, f.type_name, f.field_desc, f.parent_field_id) for f in records)
    return tuple(
        (
            branch.name,
            branch.title,
            *(branch.member(m, none_if_missing=True) for m in _MEMBERS),
            tuple(
                (leaf.classname, leaf.member("fTitle"), leaf.member("fIsUnsigned"))
                for leaf in branch.member("fLeaves")
            ),
        )
        for branch in tree.branches
        for branch in (branch, *_below(branch))
    )


_MEMBERS = ("fClassName", "fClassVersion", "fCheckSum", "fStreamerType", "fType")


def _below(branch: Any) -> Iterator[Any]:
    for child in branch.branches:
        yield child
        yield from _below(child)


_forms: dict[tuple[Any, ...], tuple[BaseSchema, Any]] = {}


def _schema_of(
    layout: tuple[Any, ...], schema: type[BaseSchema], base_form: Callable[[], dict[str, Any]]
) -> tuple[BaseSchema, Any]:
    """Return schema and form of a layout, made once a process."""
    key = (schema, layout)
    if key not in _forms:
        form = base_form()
        form["typenames"] = {}
        form["parameters"]["metadata"] = {}
        made = schema(form)
        _forms[key] = (made, ak.forms.from_dict(made.form))
    return _forms[key]


class _Opened:
    """A schema whose form carries the metadata of one range of entries."""

    def __init__(self, schema: BaseSchema, form: Any, metadata: Mapping[str, Any]) -> None:
        self.form = form.copy(
            parameters=dict(form.parameters) | {"metadata": {**metadata, "version": "latest"}}
        )
        self.behavior = schema.behavior


class _RootMapping(UprootSourceMapping):
    """Columns of a ROOT file; what cannot be read is said of this file."""

    path = ""

    def extract_column(self, *args: Any, **options: Any) -> Any:
        with reading(self.path):
            return super().extract_column(*args, **options)


class _ParquetMapping(ParquetSourceMapping):
    """Columns of a parquet file; what cannot be read is said of this file."""

    path = ""

    def extract_column(self, *args: Any, **options: Any) -> Any:
        with reading(self.path):
            return super().extract_column(*args, **options)


def open_events(
    path: str | Path,
    tree: str,
    schema: type[BaseSchema],
    start: int = 0,
    stop: int | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> ak.Array:
    """Open entries `start` to `stop` of a ROOT or parquet file with virtual arrays.

    The same events as coffea's `NanoEventsFactory` gives; every file of a layout but the first one
    of a process opens in a fraction of its time.

    Parameters
    ----------
    path, tree
        File and the tree in it; a parquet file has none.
    schema
        coffea's schema.
    start, stop
        First entry, and the end; None is the end of the file.
    metadata
        Becomes `events.metadata`.

    Raises
    ------
    UnreadableFileError, MachineError
        As `reading`; also later, when a column is read.
    """
    path = str(path)
    with reading(path), _no_collection():
        if is_parquet(path):
            mapping, key, layout, base_form, stop = _columns_of_parquet(path, start, stop)
        else:
            mapping, key, layout, base_form, stop = _columns_of_tree(path, tree, start, stop)
        mapping.path = path
        made, form = _schema_of(layout, schema, base_form)
        opened = _Opened(made, form, metadata or {})
        key = tuple_to_key((*key, f"{start}-{stop}"))
        return NanoEventsFactory(opened, mapping, key, mode="virtual").events()


Opened = tuple[Any, tuple[str, str], tuple[Any, ...], Callable[[], dict[str, Any]], int]


def _columns_of_tree(path: str, name: str, start: int, stop: int | None) -> Opened:
    handle, tree, layout = _trees.get(path, name)
    end = tree.num_entries if stop is None else min(stop, tree.num_entries)
    key = (str(tree.file.uuid), tree.object_path)
    opener = TrivialUprootOpener({key[0]: path}, {})
    mapping = _RootMapping(
        opener, start, end, cache={}, file_handle=handle, use_ak_forth=True, virtual=True
    )
    mapping.preload_column_source(*key, tree)
    return mapping, key, layout, lambda: mapping._extract_base_form(tree), end


def _columns_of_parquet(path: str, start: int, stop: int | None) -> Opened:
    file = _parquet(path, _version(path))
    if file.metadata.num_row_groups > 1:
        raise UnknownFormatError(
            f"{path}: expected one row group, found {file.metadata.num_row_groups}, of which "
            "coffea reads the first one only; write the file with one"
        )
    arrow = file.schema_arrow
    stored = arrow.metadata or {}
    end = file.metadata.num_rows if stop is None else min(stop, file.metadata.num_rows)
    key = (stored.get(b"uuid", b"None").decode(), stored.get(b"object_path", b"None").decode())
    opener = TrivialParquetOpener({key[0]: path}, {})
    mapping = _ParquetMapping(opener, start, end, file_handle=file, virtual=True)
    mapping.preload_column_source(*key, TrivialParquetOpener.UprootLikeShim(file))
    layout = tuple((field.name, str(field.type)) for field in arrow)
    return mapping, key, layout, lambda: mapping._extract_base_form(arrow), end
