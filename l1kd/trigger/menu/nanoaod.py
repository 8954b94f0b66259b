"""L1 objects of NanoAOD as columns of hardware integers.

The full flavours (`@L1FULL`, `@L1DPG`, `L1Emul*`) store the integers; the reduced ones store
floats, from which the integers come back without loss. The central reduced flavour (`@L1`) also
excludes soft objects, scouting NANO does not.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from l1kd._edge import collections, flat, has_branch, offsets_of, read
from l1kd.emulators.global_trigger.objects import KINDS, SUMS, kind_of
from l1kd.emulators.global_trigger.program import ALL_SLOTS, Column, Leg
from l1kd.errors import InputError, MissingBranchError
from l1kd.trigger.hardware import external_name, in_range

__all__ = ["CENTRAL_CUTS", "ObjectEvents", "prefix_of"]

Flat = NDArray[Any]

PREFIXES: Final = ("L1", "L1Emul")
_COLLECTIONS: Final = {"MU": "Mu", "EG": "EG", "TAU": "Tau", "JET": "Jet"}
_SUM_TYPES: Final = {
    "ETT": 0,
    "HTT": 1,
    "ETM": 2,
    "HTM": 3,
    "ETMHF": 8,
    "MBT0HFP": 11,
    "MBT0HFM": 12,
    "MBT1HFP": 13,
    "MBT1HFM": 14,
    "ETTEM": 16,
    "HTMHF": 20,
    "TOWERCOUNT": 21,
    "CENT": 22,
    "ASYMET": 23,
    "ASYMHT": 24,
    "ASYMETHF": 25,
    "ASYMHTHF": 26,
}
"""Type of a sum in CMSSW's DataFormats/L1Trigger/interface/EtSum.h."""

CENTRAL_CUTS: Final = {"EG": 20, "TAU": 48, "JET": 60, "MU": 7}
"""Smallest index that the central flavour keeps: 10, 24, 30 and 3 GeV."""
_GOOD_QUALITY: Final = 0xFF00
"""Muon qualities 8 to 15: those that it keeps, and those whose charge is always valid."""
_CENTRAL_SUMS: Final = ("HTT", "ETM", "HTM", "ETMHF")
_SCOUTING: Final = ("ScoutingPFJet", "ScoutingMuon", "ScoutingMuonVtx", "ScoutingElectron")
_SCORES: Final = {"CICADA": "CICADA", "AXO": "AXOL1TL", "TOPO": "TOPO"}
"""Collection of a score; where a menu names a model, `_<model>` follows."""
_SCORE_STEPS: Final = {"CICADA": 256, "AXO": 16}
"""Steps of the integer in one unit of a score that is stored as a number."""


@dataclass(frozen=True)
class _Stored:
    """A branch that may hold a field: its name and how its values become the hardware's."""

    branch: str
    convert: Callable[[Flat], Flat]


def _same(values: Flat) -> Flat:
    """Return integers as they are."""
    return values


def _steps(step: float, offset: int = 0) -> Callable[[Flat], Flat]:
    """Return the conversion of a physical value that is a whole number of steps."""
    return lambda values: np.rint(values.astype(np.float64) / step) + offset


def _circle(step: float, bins: int) -> Callable[[Flat], Flat]:
    """Return the conversion of an angle to its bin on a circle."""
    return lambda values: np.rint(values.astype(np.float64) / step) % bins


def _stored_fields() -> dict[tuple[str, str], tuple[_Stored, ...]]:
    """Return the branches of every field, the best first."""
    fields: dict[tuple[str, str], tuple[_Stored, ...]] = {}
    for name in ("MU", "EG", "TAU", "JET", *SUMS):
        kind = KINDS[name]
        vertex = "AtVtx" if name == "MU" else ""
        momentum = _steps(kind.step, kind.offset)
        fields[name, "pt"] = (_Stored("hwPt", _same), _Stored("pt", momentum))
        if kind.eta is not None:
            eta = _steps(kind.eta.step)
            fields[name, "eta"] = (
                _Stored("hwEta" + vertex, _same),
                _Stored("eta" + vertex, eta),
            )
        if kind.phi is not None:
            phi = _circle(kind.phi.step, kind.phi.bins)
            fields[name, "phi"] = (
                _Stored("hwPhi" + vertex, _same),
                _Stored("phi" + vertex, phi),
            )
    one = {
        ("MU", "quality"): "hwQual",
        ("MU", "iso"): "hwIso",
        ("MU", "charge"): "hwCharge",
        ("MU", "charge_valid"): "hwChargeValid",
        ("MU", "index"): "tfMuonIndex",
        ("MU", "upt"): "hwPtUnconstrained",
        ("MU", "ip"): "hwDXY",
        ("EG", "iso"): "hwIso",
        ("TAU", "iso"): "hwIso",
        ("JET", "displaced"): "hwQual",
    }
    fields.update({key: (_Stored(branch, _same),) for key, branch in one.items()})
    fields["JET", "displaced"] = (_Stored("hwQual", lambda values: values & 1),)
    return fields


_FIELDS: Final = _stored_fields()


def prefix_of(events: Any) -> str:
    """Return the prefix of the collections of L1 objects in some events.

    Raises
    ------
    MissingBranchError
        The events have no L1 objects.
    """
    names = collections(events)
    for prefix in PREFIXES:
        if any(prefix + name in names for name in (*_COLLECTIONS.values(), "EtSum")):
            return prefix
    raise MissingBranchError(
        "the events have no L1 objects: none of L1Mu, L1EG, L1Tau, L1Jet, L1EtSum (nor L1Emul*)"
    )


class _List:
    """One collection, its branches read once and flat."""

    def __init__(self, events: Any, name: str) -> None:
        self.events = events
        self.name = name
        self.fields = set(events[name].fields)
        self.offsets = offsets_of(read(events, name, next(iter(events[name].fields))))
        self._columns: dict[str, Flat] = {}

    def column(self, branch: str) -> Flat:
        """Return one branch, flat."""
        if branch not in self._columns:
            values = read(self.events, self.name, branch)
            kind = np.float64 if "float" in str(values.type) else np.int64
            self._columns[branch] = flat(values, kind)
        return self._columns[branch]

    @cached_property
    def bx(self) -> Flat:
        """Crossing of every object; 0 where it is not stored."""
        if "bx" in self.fields:
            return self.column("bx")
        return np.zeros(self.offsets[-1], np.int64)

    @cached_property
    def event(self) -> Flat:
        """Event of every object."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))


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
        self._lists: dict[str, _List] = {}
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
        if family in _COLLECTIONS:
            return self._lacking_field(_COLLECTIONS[family], family, field)
        return self._lacking_sum(family, field)

    def _lacking_field(self, collection: str, family: str, field: str) -> str:
        """Return why a field of an object list is not there."""
        name = self._prefix + collection
        if name not in self._names:
            return f"no {name}"
        stored = _FIELDS[family, field]
        if any(has_branch(self._events, name, one.branch) for one in stored):
            return ""
        if (family, field) == ("MU", "charge_valid") and has_branch(self._events, name, "hwQual"):
            return ""
        return f"no {name}_{' or '.join(one.branch for one in stored)}"

    def charge_unknown(self, leg: Leg) -> str:
        """Return why it is not known whether the charge of a leg's muons is valid.

        Muons of quality 8 and above always have a valid charge; for others the branch is needed.
        """
        name = self._prefix + _COLLECTIONS["MU"]
        if leg.place.kind != "MU" or has_branch(self._events, name, "hwChargeValid"):
            return ""
        return "" if _good_quality(leg) else f"no {name}_hwChargeValid for quality below 8"

    def _lacking_sum(self, family: str, field: str) -> str:
        """Return why a sum is not there."""
        name = self._prefix + "EtSum"
        kind = "CENT" if family.startswith("CENT") else family
        if name not in self._names:
            return f"no {name}"
        if kind not in _SUM_TYPES:
            return f"no {family}"
        if _SUM_TYPES[kind] not in self._sum_types:
            return f"no {family} (type {_SUM_TYPES[kind]}) in {name}"
        if kind not in SUMS and not has_branch(self._events, name, "hwPt"):
            return f"no {name}_hwPt"
        if field in ("pt", "phi") and not any(
            has_branch(self._events, name, one.branch) for one in _FIELDS[family, field]
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
        names = _SUM_TYPES if "hwPt" in sums.fields else _CENTRAL_SUMS
        return {_SUM_TYPES[name] for name in names}

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
        present = [
            self._prefix + name
            for name in _COLLECTIONS.values()
            if self._prefix + name in self._names
        ]
        if any(has_branch(self._events, name, "hwPt") for name in present):
            return "all"
        if any(name in self._names for name in _SCOUTING) or self._beyond_central():
            return "all"
        return "central"

    def _beyond_central(self) -> bool:
        """Whether an object is there that the central flavour would have excluded."""
        for family, index in CENTRAL_CUTS.items():
            name = self._prefix + _COLLECTIONS[family]
            if not has_branch(self._events, name, "pt"):
                continue
            least = (index - KINDS[family].offset) * KINDS[family].step
            objects = self._list(name)
            if (objects.column("pt") < least).any():
                return True
            if (
                family == "MU"
                and "hwQual" in objects.fields
                and (objects.column("hwQual") < 8).any()
            ):
                return True
        name = self._prefix + "EtSum"
        if not has_branch(self._events, name, "etSumType"):
            return False
        central = {_SUM_TYPES[kind] for kind in _CENTRAL_SUMS}
        return bool(self._sum_types - central)

    @cached_property
    def crossings(self) -> tuple[int, int]:
        """First and last crossing that is stored."""
        if self._given is not None:
            return self._given
        first = last = 0
        for name in (*_COLLECTIONS.values(), "EtSum"):
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
        if family in _COLLECTIONS:
            objects = self._list(self._prefix + _COLLECTIONS[family])
            placed = self._place(family, place.crossing, objects, None)
        else:
            objects = self._list(self._prefix + "EtSum")
            kind = "CENT" if family.startswith("CENT") else family
            chosen = objects.column("etSumType") == _SUM_TYPES[kind]
            placed = self._place(family, place.crossing, objects, chosen)
        if column not in self._stored:
            self._stored[column] = self._field(family, field, objects)[placed.objects]
        return self._stored[column], placed

    def _field(self, family: str, field: str, objects: _List) -> Flat:
        """Return a field of all objects of a list in the hardware's integers."""
        if family not in _COLLECTIONS and family not in SUMS:
            values = objects.column("hwPt")
            if family.startswith("CENT"):
                return values >> int(family.removeprefix("CENT")) & 1
            return values
        for one in _FIELDS[family, field]:
            if one.branch in objects.fields:
                return one.convert(objects.column(one.branch)).astype(np.int64)
        return (objects.column("hwQual") >= 8).astype(np.int64)  # charge_valid, see charge_unknown

    def _place(self, family: str, crossing: int, objects: _List, chosen: Flat | None) -> _Placed:
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

    def _list(self, name: str) -> _List:
        """Return a collection, opened once."""
        if name not in self._lists:
            self._lists[name] = _List(self._events, name)
        return self._lists[name]

    def _scores(self, name: str, start: int, stop: int) -> NDArray[np.int32]:
        """Return the integers of a score: as stored, or from the number that l1kd inserts."""
        collection = _score_collection(name)
        if has_branch(self._events, collection, "score_raw"):
            return np.asarray(read(self._events, collection, "score_raw")[start:stop], np.int32)
        steps = _SCORE_STEPS[name.partition(":")[0]]
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
