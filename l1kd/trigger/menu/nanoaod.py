"""L1 objects of NanoAOD as columns of hardware integers.

The full flavours (`@L1FULL`, `@L1DPG`, `L1Emul*`) store the integers; the reduced ones store
floats, from which the integers come back without loss. The central reduced flavour (`@L1`) also
excludes soft objects, scouting NANO does not.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from l1kd._edge import collections, has_branch, read
from l1kd.emulators.global_trigger.objects import KINDS, SUMS, kind_of
from l1kd.emulators.global_trigger.program import ALL_SLOTS, Column, Leg
from l1kd.errors import InputError
from l1kd.hardware_objects import (
    CENTRAL_CUTS,
    CENTRAL_SUMS,
    COLLECTIONS,
    FIELDS,
    SUM_TYPES,
    Flat,
    ObjectList,
    kept_in,
    prefix_of,
)
from l1kd.trigger.hardware import external_name, in_range
from l1kd.trigger.menu.compilation import TOPO_STEPS

__all__ = ["CENTRAL_CUTS", "ObjectEvents", "prefix_of"]


_GOOD_QUALITY: Final = 0xFF00
"""Muon qualities 8 to 15: those that the central flavour keeps, and of valid charge."""
_SCORES: Final = {"CICADA": "CICADA", "AXO": "AXOL1TL", "TOPO": "TOPO"}
"""Collection of a score; where a menu names a model, `_<model>` follows."""
_SCORE_STEPS: Final = {"CICADA": 256, "AXO": 16}
"""Steps of the integer in one unit of a score that is stored as a number."""


@dataclass(frozen=True)
class _Placed:
    """Objects of one list in one crossing: which, in which event, in which slot."""

    objects: Flat
    events: Flat
    slots: Flat


class ObjectEvents:
    """Events with L1 objects, as a source of columns.

    Parameters
    ----------
    events
        NanoEvents or awkward records.
    prefix
        `L1` or `L1Emul`; by default what the events have.
    crossings
        First and last crossing that the events store. By default what their objects show; with
        objects of the triggered crossing only, seeds that look at others cannot be evaluated.
        Outside a range that is given a condition is false.
    kept
        `all`, or `central` for the cuts of the central flavour; by default told by the branches,
        and by objects that those cuts would have removed.

    Raises
    ------
    InputError
        An option has an unknown value.
    MissingBranchError
        The events have no L1 objects.
    """

    def __init__(
        self,
        events: Any,
        prefix: str | None = None,
        crossings: tuple[int, int] | None = None,
        kept: str | None = None,
    ) -> None:
        if kept not in (None, "all", "central"):
            raise InputError(f"kept is 'all' or 'central', not {kept!r}")
        self._events = events
        self._prefix = prefix_of(events) if prefix is None else prefix
        self._names = collections(events)
        self._lists: dict[str, ObjectList] = {}
        self._placed: dict[tuple[str, int], _Placed] = {}
        self._given = crossings
        self._kept = kept
        self._stored: dict[Column, Flat] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self._events)

    # What is there.

    def lacking(self, column: Column, externals: Mapping[str, int]) -> str:
        """Return why a column is not there, empty if it is."""
        place, field = column
        if signal := external_name(column):
            if place.crossing:
                return f"external bits of crossing {place.crossing:+d} are not stored"
            return "" if self._external_branch(signal) else f"no L1Ext_{signal}"
        family = place.kind.partition(":")[0]
        if kind_of(place.kind).lead == "score":
            return self._lacking_score(place.kind, place.crossing)
        if family.startswith("MUS"):
            return f"no {family} (muon showers)"
        if place.crossing and self._given is None and self.crossings == (0, 0):
            return f"crossing {place.crossing:+d} is not stored"
        if family in COLLECTIONS:
            return self._lacking_field(COLLECTIONS[family], family, field)
        return self._lacking_sum(family, field)

    def _lacking_field(self, collection: str, family: str, field: str) -> str:
        """Return why a field of an object list is not there."""
        name = self._prefix + collection
        if name not in self._names:
            return f"no {name}"
        stored = FIELDS[family, field]
        if any(has_branch(self._events, name, one.branch) for one in stored):
            return ""
        if (family, field) == ("MU", "charge_valid") and has_branch(self._events, name, "hwQual"):
            return ""
        return f"no {name}_{' or '.join(one.branch for one in stored)}"

    def charge_unknown(self, leg: Leg) -> str:
        """Return why it is not known whether the charge of a leg's muons is valid.

        Muons of quality 8 and above always have a valid charge; for others the branch is needed.
        """
        name = self._prefix + COLLECTIONS["MU"]
        if leg.place.kind != "MU" or has_branch(self._events, name, "hwChargeValid"):
            return ""
        return "" if _good_quality(leg) else f"no {name}_hwChargeValid for quality below 8"

    def _lacking_sum(self, family: str, field: str) -> str:
        """Return why a sum is not there."""
        name = self._prefix + "EtSum"
        kind = "CENT" if family.startswith("CENT") else family
        if name not in self._names:
            return f"no {name}"
        if kind not in SUM_TYPES:
            return f"no {family}"
        if SUM_TYPES[kind] not in self._sum_types:
            return f"no {family} (type {SUM_TYPES[kind]}) in {name}"
        if kind not in SUMS and not has_branch(self._events, name, "hwPt"):
            return f"no {name}_hwPt"
        if field in ("pt", "phi") and not any(
            has_branch(self._events, name, one.branch) for one in FIELDS[family, field]
        ):
            return f"no {name}_{field}"
        return ""

    @cached_property
    def _sum_types(self) -> set[int]:
        """Types of the sums that occur; those of the flavour where there are no events."""
        sums = self._list(self._prefix + "EtSum")
        found = {int(kind) for kind in np.unique(sums.column("etSumType"))}
        if found:
            return found
        names = SUM_TYPES if "hwPt" in sums.fields else CENTRAL_SUMS
        return {SUM_TYPES[name] for name in names}

    def _lacking_score(self, name: str, crossing: int) -> str:
        """Return why a score is not there."""
        if crossing:
            return f"scores of crossing {crossing:+d} are not stored"
        collection = _score_collection(name)
        if has_branch(self._events, collection, "score_raw"):
            return ""
        if name.partition(":")[0] in _SCORE_STEPS and has_branch(self._events, collection, "score"):
            return ""
        return f"no {collection}_score"

    def too_low(self, leg: Leg) -> str:
        """Return why a leg reaches objects that the central flavour excludes."""
        family = leg.place.kind
        if self.kept == "all" or family not in CENTRAL_CUTS:
            return ""
        if leg.low < CENTRAL_CUTS[family]:
            gev = (CENTRAL_CUTS[family] - KINDS[family].offset) * KINDS[family].step
            return f"{family} below {gev:g} GeV not kept"
        if family == "MU":
            if not _good_quality(leg):
                return "MU of quality below 8 not kept"
            if leg.allowed != ALL_SLOTS:
                return "positions of MU not kept"
        return ""

    @cached_property
    def kept(self) -> str:
        """`all`, or `central`: only what the central flavour keeps."""
        if self._kept is not None:
            return self._kept
        return kept_in(self._events, self._prefix)

    @cached_property
    def crossings(self) -> tuple[int, int]:
        """First and last crossing that is stored."""
        if self._given is not None:
            return self._given
        first = last = 0
        for name in (*COLLECTIONS.values(), "EtSum"):
            if self._prefix + name not in self._names:
                continue
            bx = self._list(self._prefix + name).bx
            if len(bx):
                first, last = min(first, int(bx.min())), max(last, int(bx.max()))
        return first, last

    # Columns.

    def column(
        self, column: Column, externals: Mapping[str, int], start: int, stop: int
    ) -> NDArray[np.int32]:
        """Return a column of some events, shape (events, slots)."""
        place, field = column
        kind = kind_of(place.kind)
        if signal := external_name(column):
            values = np.asarray(self._external(signal)[start:stop])
            return values.astype(np.int32)[:, None]
        if kind.lead == "score":
            scores = in_range(self._scores(place.kind, start, stop), column, place.kind)
            return scores[:, None]
        out = np.zeros((stop - start, kind.slots), np.int32)
        first, last = self.crossings
        if not first <= place.crossing <= last:
            out[:] = -1 if field == kind.lead else 0
            return out
        values, placed = self._values(column)
        left, right = np.searchsorted(placed.events, (start, stop))
        out[placed.events[left:right] - start, placed.slots[left:right]] = values[left:right]
        return in_range(out, column, f"{self._prefix}: {place.kind} {field}")

    def _values(self, column: Column) -> tuple[Flat, _Placed]:
        """Return the values of a field of the objects in its crossing, and where they belong."""
        place, field = column
        family = place.kind
        if family in COLLECTIONS:
            objects = self._list(self._prefix + COLLECTIONS[family])
            placed = self._place(family, place.crossing, objects, None)
        else:
            objects = self._list(self._prefix + "EtSum")
            kind = "CENT" if family.startswith("CENT") else family
            chosen = objects.column("etSumType") == SUM_TYPES[kind]
            placed = self._place(family, place.crossing, objects, chosen)
        if column not in self._stored:
            self._stored[column] = self._field(family, field, objects)[placed.objects]
        return self._stored[column], placed

    def _field(self, family: str, field: str, objects: ObjectList) -> Flat:
        """Return a field of all objects of a list in the hardware's integers."""
        if family not in COLLECTIONS and family not in SUMS:
            values = objects.column("hwPt")
            if family.startswith("CENT"):
                return values >> int(family.removeprefix("CENT")) & 1
            return values
        stored = FIELDS[family, field]
        if (family, field) == ("MU", "charge_valid") and stored[0].branch not in objects.fields:
            return (objects.column("hwQual") >= 8).astype(np.int64)  # see charge_unknown
        return objects.field(family, field)

    def _place(
        self, family: str, crossing: int, objects: ObjectList, chosen: Flat | None
    ) -> _Placed:
        """Return which objects belong into which event and slot."""
        key = (family, crossing)
        if key not in self._placed:
            wanted = objects.bx == crossing
            if chosen is not None:
                wanted = wanted & chosen
            taken = np.flatnonzero(wanted)
            events = objects.event[taken]
            begins = np.searchsorted(events, events, side="left")
            slots = np.arange(len(events)) - begins
            fits = slots < kind_of(family).slots
            if not fits.all():
                warnings.warn(
                    f"{objects.name}: {int((~fits).sum())} objects beyond the first "
                    f"{kind_of(family).slots} {family} of a crossing, which is all that the Global "
                    "Trigger receives, are excluded",
                    stacklevel=2,
                )
            self._placed[key] = _Placed(taken[fits], events[fits], slots[fits])
        return self._placed[key]

    def _list(self, name: str) -> ObjectList:
        """Return a collection, opened once."""
        if name not in self._lists:
            self._lists[name] = ObjectList(self._events, name)
        return self._lists[name]

    def _scores(self, name: str, start: int, stop: int) -> NDArray[np.int32]:
        """Return the integers of a score: as stored, or from the number that l1kd inserts."""
        collection = _score_collection(name)
        family = name.partition(":")[0]
        if has_branch(self._events, collection, "score_raw"):
            raw = np.asarray(read(self._events, collection, "score_raw")[start:stop], np.float64)
            return np.floor(raw * (TOPO_STEPS if family == "TOPO" else 1)).astype(np.int32)
        steps = _SCORE_STEPS[family]
        numbers = np.asarray(read(self._events, collection, "score")[start:stop], np.float64)
        return np.floor(numbers * steps).astype(np.int32)

    def _external_branch(self, signal: str) -> bool:
        """Whether an external signal is stored, as a field of `L1Ext` or as a branch of its own."""
        return f"L1Ext_{signal}" in self._names or has_branch(self._events, "L1Ext", signal)

    def _external(self, signal: str) -> Any:
        """Return an external signal of all events."""
        if f"L1Ext_{signal}" in self._names:
            return self._events[f"L1Ext_{signal}"]
        return read(self._events, "L1Ext", signal)


def _good_quality(leg: Leg) -> bool:
    """Whether a leg asks for muons of quality 8 or above."""
    return any(cut.field == "quality" and not cut.mask & ~_GOOD_QUALITY for cut in leg.cuts)


def _score_collection(name: str) -> str:
    """Return the collection of a score."""
    family, _, model = name.partition(":")
    return f"{_SCORES[family]}_{model}" if model else _SCORES[family]
