"""Columns of a skim: what the input stores, what was inserted, and how both are written.

A flat tree can hold numbers of events and lists of numbers. Lists of one length belong together as
a collection: `nJet`, `Jet_pt`, `Jet_eta`.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from l1kd.errors import ConfigurationError, MissingBranchError

__all__ = ["FORMATS", "Columns", "inserted_columns", "require_matches", "stored_columns"]

Packed = tuple[dict[str, ak.Array], dict[str, dict[str, ak.Array]]]
"""Columns of events by name, and collections as columns of lists by name."""


class Columns:
    """Columns of events, collections of lists, and the names of what cannot be written."""

    def __init__(self) -> None:
        self.single: dict[str, ak.Array] = {}
        self.lists: dict[str, dict[str, ak.Array]] = {}
        self.lost: list[str] = []

    def names(self) -> list[str]:
        """Names of all branches, without counters."""
        lists = [_joined(c, field) for c, fields in self.lists.items() for field in fields]
        return [*self.single, *lists]

    def unknown(self, collections: Iterable[str]) -> set[str]:
        """Return the collections of events that none of the stored branches belongs to."""
        names = [*self.names(), *self.lost]
        return {
            c
            for c in collections
            if not c.endswith(".offsets") and not any(_matches(name, [c]) for name in names)
        }

    def select(self, keep: Sequence[str], drop: Sequence[str]) -> list[str]:
        """Leave only what a pattern of `keep` matches (all, if there is none) and none of `drop`.

        Returns
        -------
        Names of the branches that were taken out.
        """
        names = self.names()
        taken = [
            name
            for name in names
            if (keep and not _matches(name, keep) and name not in _IDENTITY)
            or (_matches(name, drop) and name not in _IDENTITY)
        ]
        gone = set(taken)
        self.single = {name: v for name, v in self.single.items() if name not in gone}
        self.lists = {
            c: left
            for c, fields in self.lists.items()
            if (left := {f: v for f, v in fields.items() if _joined(c, f) not in gone})
        }
        return taken

    def __or__(self, other: "Columns") -> "Columns":
        """Return both; a branch of `other` takes the place of one of the same name."""
        made = Columns()
        taken = {*other.names(), *other.lists}
        made.single = {n: v for n, v in self.single.items() if n not in taken} | other.single
        made.lists = {c: dict(fields) for c, fields in self.lists.items() if c not in other.single}
        for collection, fields in other.lists.items():
            made.lists[collection] = made.lists.get(collection, {}) | fields
        made.lost = self.lost + other.lost
        return made

    def packed(self) -> Packed:
        """Read all columns, and check that lists which belong together have one length.

        Raises
        ------
        ConfigurationError
            If a collection has columns of different lengths.
        """
        single = {name: _plain(values) for name, values in self.single.items()}
        lists = {c: {f: _plain(v) for f, v in fields.items()} for c, fields in self.lists.items()}
        for collection, fields in lists.items():
            counts = [ak.num(values) for values in fields.values()]
            for field, found in zip(fields, counts, strict=True):
                if not ak.array_equal(found, counts[0], dtype_exact=False):
                    raise ConfigurationError(
                        f"{_joined(collection, field)} has lists of another length than "
                        f"{_joined(collection, next(iter(fields)))}: they cannot be one collection "
                        "of a skim; drop one of them"
                    )
        return single, lists


_SINGLE = ("Event", "EventLHEF", "HepMCEvent", "LHCOEvent")
"""Delphes' lists of exactly one record an event."""

_IDENTITY = ("run", "luminosityBlock", "event")


def _joined(collection: str, field: str) -> str:
    return f"{collection}_{field}" if field else collection


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, p) or fnmatchcase(name, f"{p}_*") for p in patterns)


def require_matches(patterns: Sequence[str], names: Sequence[str], what: str) -> None:
    """Check that every pattern to keep or to drop names a branch.

    Raises
    ------
    MissingBranchError
        For the first that does not; the message lists what there is.
    """
    for pattern in patterns:
        if not any(_matches(name, [pattern]) for name in names):
            found = ", ".join(sorted({name.split("_")[0] for name in names})[:20])
            raise MissingBranchError(f"{pattern!r} to {what} is missing; found: {found}")


def _plain(array: ak.Array) -> ak.Array:
    return ak.to_packed(ak.without_parameters(ak.materialize(array)))


def _writable(array: ak.Array) -> bool:
    """Whether a column is numbers of events or lists of numbers."""
    form = array.layout.form
    if array.ndim > 2 or ak.parameters(array).get("__array__") is not None:
        return False
    inner = form.content if array.ndim == 2 and hasattr(form, "content") else form
    return isinstance(inner, ak.forms.NumpyForm) and not inner.inner_shape


def stored_columns(raw: ak.Array, first_entry: int) -> Columns:
    """Take apart what a file stores, branch by branch.

    Parameters
    ----------
    raw
        The file's entries, opened with coffea's `BaseSchema`: one field a branch.
    first_entry
        Entry of the file at which they begin.
    """
    columns = Columns()
    counters = {name for name in raw.fields if name.startswith("n") and raw[name].ndim == 1}
    used = set()
    for name in raw.fields:
        values = raw[name]
        delphes = name.count("/") == 1
        label = name.split("/")[-1].replace(".", "_", 1) if delphes else name
        if not _writable(values):
            columns.lost.append(label)
        elif delphes:
            collection, _, field = name.split("/")[-1].partition(".")
            columns.lists.setdefault(collection, {})[field] = values
        elif values.ndim == 1:
            columns.single[name] = values
        else:
            counter = max(
                (c for c in counters if name == c[1:] or name.startswith(f"{c[1:]}_")),
                key=len,
                default=None,
            )
            collection = name if counter is None else counter[1:]
            columns.lists.setdefault(collection, {})[name[len(collection) + 1 :]] = values
            used.add(counter)
    sizes = {f"{name}_size" for name in columns.lists}
    for name in columns.lists.keys() & columns.single.keys():
        del columns.single[name]  # Delphes' count of a collection, once more
        if f"{name}_size" not in raw.fields:
            columns.lost.append(name)
    columns.single = {n: v for n, v in columns.single.items() if n not in used and n not in sizes}
    for name in _SINGLE:
        if name in columns.lists and f"{name}_size" in raw.fields:
            for field, values in columns.lists.pop(name).items():
                columns.single[_joined(name, field)] = ak.flatten(values, axis=1)
    _identify(columns, len(raw), first_entry)
    return columns


def _identify(columns: Columns, n_events: int, first_entry: int) -> None:
    """Give events without a number the entry of the input file as their number."""
    if "event" in columns.single:
        return
    one = np.ones(n_events, np.uint32)
    entry = np.arange(first_entry, first_entry + n_events, dtype=np.uint64)
    made = {"run": one, "luminosityBlock": one, "event": entry}
    columns.single = {n: ak.from_numpy(v) for n, v in made.items()} | columns.single


def inserted_columns(events: ak.Array, places: set[str]) -> Columns:
    """Take what was inserted ("L1Cand", "CICADA.score") out of events.

    Raises
    ------
    ConfigurationError
        If something was inserted that a flat tree cannot hold.
    """
    columns = Columns()
    for place in sorted(places):
        collection, _, field = place.partition(".")
        found = events[collection]
        for name in [field] if field else found.fields or [""]:
            values = found[name] if name else found
            if isinstance(values, np.ndarray):
                values = ak.from_numpy(values)
            label = _joined(collection, name)
            if values.fields or not _writable(values):
                raise ConfigurationError(
                    f"{label} was inserted, and is neither a number nor a list of numbers an "
                    f"event ({str(values.type)[:60]}): it cannot be written into a skim; insert "
                    "plain columns"
                )
            if values.ndim == 1:
                columns.single[label] = values
            else:
                columns.lists.setdefault(collection, {})[name] = values
    return columns


def _write_root(content: Packed, path: Path) -> None:
    single, lists = content
    columns: dict[str, Any] = dict(single)
    for collection, fields in lists.items():
        columns[collection] = fields[""] if list(fields) == [""] else ak.zip(fields, depth_limit=2)
    types = {name: values.type.content for name, values in columns.items()}
    with uproot.recreate(path, compression=uproot.LZ4(4)) as file:
        tree = file.mktree("Events", types)
        tree.extend(columns)
        file["l1kd"] = "a skim of l1kd insert: open it with l1kd.L1KDSchema"


def _write_parquet(content: Packed, path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    single, lists = content
    columns = dict(single)
    for collection, fields in lists.items():
        columns[f"n{collection}"] = ak.values_astype(ak.num(next(iter(fields.values()))), "int32")
        columns |= {_joined(collection, field): values for field, values in fields.items()}
    arrays = {n: ak.to_arrow(v, extensionarray=False, list_to32=True) for n, v in columns.items()}
    about = {"uuid": str(uuid.uuid4()), "object_path": "Events"}
    table = pyarrow.table(arrays).replace_schema_metadata(about)
    pyarrow.parquet.write_table(
        table,
        path,
        compression="zstd",
        write_page_checksum=True,
        row_group_size=max(1, table.num_rows),
    )


FORMATS: Mapping[str, Callable[[Packed, Path], None]] = {
    "root": _write_root,
    "parquet": _write_parquet,
}
"""How a skim is written."""
