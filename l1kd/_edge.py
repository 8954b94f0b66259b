"""Where awkward arrays are opened and closed.

Adapters read every branch through `read`, so that one recorder sees all of them: the same record
tells dask which columns a partition needs and `l1kd inspect` what is missing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from l1kd.columns import offsets_from_counts
from l1kd.emulators.array_types import AnyArray, Offsets
from l1kd.errors import InputError, L1KDError, MissingBranchError

__all__ = [
    "by_event",
    "collections",
    "flat",
    "has_branch",
    "is_dask",
    "jagged",
    "lazy_record",
    "note",
    "noting",
    "offsets_of",
    "partitioned",
    "read",
    "recording",
    "shown",
]

_seen: ContextVar[set[tuple[str, str]] | None] = ContextVar("branches_read", default=None)


@contextmanager
def recording() -> Iterator[set[tuple[str, str]]]:
    """Collect every (collection, branch) that is read inside the block."""
    seen: set[tuple[str, str]] = set()
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


_notes: ContextVar[set[tuple[str, str]] | None] = ContextVar("notes", default=None)


@contextmanager
def noting() -> Iterator[set[tuple[str, str]]]:
    """Collect what is noted inside the block: ("particles", "EFlow"), ("inserted", "L1Cand")."""
    notes: set[tuple[str, str]] = set()
    outer = _notes.get()
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)
        if outer is not None:
            outer |= notes


def note(subject: str, name: str) -> None:
    """Say which source was chosen or which field was inserted, to whoever is `noting`."""
    notes = _notes.get()
    if notes is not None:
        notes.add((subject, name))


def is_dask(events: Any) -> bool:
    """Whether `events` is a dask-awkward collection (without importing dask-awkward)."""
    return type(events).__module__.startswith("dask_awkward")


def collections(events: Any) -> set[str]:
    """Names of the collections of `events`."""
    return set(events.fields)


def shown(names: set[str], most: int = 20) -> str:
    """Names of collections for a message: the first ones, and how many more there are."""
    listed = sorted(name for name in names if not name.endswith(".offsets"))
    more = f" and {len(listed) - most} more" if len(listed) > most else ""
    return (", ".join(listed[:most]) or "nothing") + more


def has_branch(events: Any, collection: str, branch: str) -> bool:
    """Whether `events` has this branch; nothing is read."""
    return collection in events.fields and branch in _plain(events, collection).fields


def read(events: Any, collection: str, branch: str) -> ak.Array:
    """Return one branch of one collection, as it is stored.

    Raises
    ------
    MissingBranchError
        If the collection lacks the branch; the message lists the branches it has.
    InputError
        If events or objects of it are masked.
    """
    if collection not in events.fields:
        found = shown(collections(events))
        raise MissingBranchError(f"collection {collection!r} is missing; the events have: {found}")
    if branch not in (stored := _plain(events, collection)).fields:
        found = ", ".join(stored.fields)
        raise MissingBranchError(
            f"branch '{collection}.{branch}' is missing; '{collection}' has: {found}. "
            "Produce the file with this branch, or choose another source."
        )
    seen = _seen.get()
    if seen is not None:
        seen.add((collection, branch))
    return _whole(stored[branch], f"{collection}.{branch}: ")


def _whole(array: ak.Array, where: str = "") -> ak.Array:
    """Return an array as it is, unless entries of it are masked: below a mask lies anything.

    Raises
    ------
    InputError
        Some are.
    """
    if not _optional(ak.to_layout(array)) or ak.backend(array) == "typetracer":
        return array
    events = int(ak.sum(ak.is_none(array, axis=0)))
    objects = int(ak.sum(ak.is_none(array, axis=1))) if array.ndim > 1 else 0
    if events or objects:
        of = f"those of {events} events" if events else f"those of {objects} objects"
        raise InputError(
            f"{where}expected a value everywhere, found masked ones (None), {of}: select with "
            "`collection[cut]` or `events[cut]` instead of `ak.mask`, or fill them"
        )
    return array


def _optional(layout: Any) -> bool:
    """Tell whether a branch may have masked entries; nothing is read."""
    while not layout.is_option:
        if not (layout.is_list or layout.is_indexed):
            return False
        layout = layout.content
    return True


def _plain(events: Any, collection: str) -> Any:
    """Return a collection without coffea's classes, some of which fail if a branch is missing."""
    if not isinstance(events, ak.Array):
        return events[collection]
    return ak.Array(ak.to_layout(events), behavior={})[collection]


def offsets_of(array: ak.Array) -> Offsets:
    """Offsets of a jagged array, int64 of shape (n_events + 1,), starting at zero."""
    return offsets_from_counts(ak.to_numpy(ak.num(_whole(array), axis=1)))


def flat(array: ak.Array, dtype: npt.DTypeLike | None) -> AnyArray:
    """Contiguous NumPy column of a jagged array, shape (n_particles,); None keeps the dtype."""
    try:
        return np.ascontiguousarray(ak.to_numpy(ak.flatten(_whole(array), axis=1)), dtype=dtype)
    except L1KDError as error:  # of a column that is made when it is first used
        notes = getattr(error, "__notes__", [])
        error.__notes__ = [note for note in notes if "occurred while calling" not in note]
        raise


def by_event(array: ak.Array, dtype: npt.DTypeLike | None) -> AnyArray:
    """One value an event, from a flat column or from Delphes' lists of length one.

    Raises
    ------
    InputError
        If a list has a length other than one.
    """
    if array.ndim == 2:
        counts = ak.to_numpy(ak.num(array, axis=1))
        if (counts != 1).any():
            event = int(np.flatnonzero(counts != 1)[0])
            raise InputError(f"expected one value an event, found {counts[event]} in event {event}")
        return flat(array, dtype)
    return np.ascontiguousarray(ak.to_numpy(_whole(array)), dtype=dtype)


def jagged(values: AnyArray, offsets: AnyArray) -> ak.Array:
    """Jagged array of flat `values` with `offsets` of shape (n_events + 1,)."""
    layout = ak.contents.ListOffsetArray(
        ak.index.Index64(np.asarray(offsets, np.int64)), ak.contents.NumpyArray(values)
    )
    return ak.Array(layout)


def lazy_record(
    name: str,
    offsets: AnyArray,
    columns: dict[str, tuple[npt.DTypeLike, Callable[[], AnyArray]]],
    behavior: dict[Any, Any],
    *,
    virtual: bool,
    parameters: dict[str, str],
) -> ak.Array:
    """Jagged records whose columns are computed when they are first asked for.

    Parameters
    ----------
    name
        Record name, under which `behavior` holds the methods.
    offsets
        int64, shape (n_events + 1,).
    columns
        For every field its dtype and a function that returns the flat column.
    virtual
        False computes all columns now.
    parameters
        Further parameters of the records.
    """
    form = ak.forms.ListOffsetForm(
        "i64",
        ak.forms.RecordForm(
            [
                ak.forms.numpyform.from_dtype(np.dtype(dtype)).copy(form_key=field)
                for field, (dtype, _) in columns.items()
            ],
            list(columns),
            parameters={"__record__": name, **parameters},
        ),
        form_key="list",
    )
    buffers: dict[str, Any] = {
        f"{field}-data": (make if virtual else make()) for field, (_, make) in columns.items()
    }
    buffers["list-offsets"] = offsets
    return ak.from_buffers(form, len(offsets) - 1, buffers, behavior=behavior)


def partitioned(function: Callable[..., ak.Array], events: Any, *args: Any) -> Any:
    """Map `function` over the partitions of a dask-awkward collection.

    Its result's type is found by running it on no events at all, and the columns it read then are
    the columns dask is told to read.
    """
    import dask_awkward  # an optional package, only present where such arrays are

    return dask_awkward.map_partitions(_Partition(function), events, *args)


class _Partition:
    """A picklable function of one partition that also runs on typetracers."""

    def __init__(self, function: Callable[..., ak.Array]) -> None:
        self.function = function

    def __call__(self, events: ak.Array, *args: Any) -> ak.Array:
        if ak.backend(events) != "typetracer":
            return self.function(events, *args)
        empty = ak.Array(
            events.layout.form.length_zero_array(highlevel=False),
            behavior=events.behavior,
            attrs=events.attrs,
        )
        with recording() as seen:
            result = ak.materialize(self.function(empty, *args))
        for collection, branch in seen:
            ak.typetracer.touch_data(events[collection][branch])
        return ak.Array(
            result.layout.to_typetracer(forget_length=True),
            behavior=result.behavior,
        )
