"""Level-1 objects of NanoAOD in hardware integers: collections, their branches, what was kept.

The full flavours (`@L1FULL`, `@L1DPG`, `L1Emul*`) store the integers; the reduced ones store
floats, from which the integers come back without loss. The central reduced flavour (`@L1`) also
excludes soft objects, scouting NANO does not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from l1kd._edge import collections, flat, has_branch, offsets_of, read, shown
from l1kd.emulators.global_trigger.objects import KINDS, SUMS
from l1kd.errors import InputError, MissingBranchError

__all__ = [
    "CENTRAL_CUTS",
    "CENTRAL_SUMS",
    "COLLECTIONS",
    "FIELDS",
    "SUM_TYPES",
    "Flat",
    "ObjectList",
    "Stored",
    "kept_in",
    "prefix_of",
    "slots_of",
    "whole_steps",
]

Flat = NDArray[Any]
PREFIXES: Final = ("L1", "L1Emul")
COLLECTIONS: Final = {"MU": "Mu", "EG": "EG", "TAU": "Tau", "JET": "Jet"}
SUM_TYPES: Final = {
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
CENTRAL_SUMS: Final = ("HTT", "ETM", "HTM", "ETMHF")
SCOUTING: Final = ("ScoutingPFJet", "ScoutingMuon", "ScoutingMuonVtx", "ScoutingElectron")


@dataclass(frozen=True)
class Stored:
    """A branch that may hold a field: its name and how its values become the hardware's."""

    branch: str
    convert: Callable[[Flat], Flat]


def _same(values: Flat) -> Flat:
    """Return integers as they are."""
    return values


def whole_steps(values: Flat, step: float, unit: str = "") -> Flat:
    """Return of physical values how many steps they are.

    NaN and infinity pass; who reads them says what is wrong.

    Raises
    ------
    InputError
        If a value lies between two steps: the hardware had another. Floats of 16 bits of mantissa,
        which NanoAOD writes, are taken.
    """
    counts = np.asarray(values, np.float64) / step
    whole = np.rint(counts)
    with np.errstate(invalid="ignore"):
        between = np.abs(counts - whole) > 0.05 + np.abs(counts) * 2.0**-16
    if between.any():
        found = float(np.asarray(values)[between][0])
        raise InputError(f"expected whole steps of {step:.6g}{unit}, found {found:.6g}")
    return whole


def _steps(step: float, offset: int = 0, unit: str = "") -> Callable[[Flat], Flat]:
    """Return the conversion of a physical value that is a whole number of steps."""
    return lambda values: whole_steps(values, step, unit) + offset


def _circle(step: float, bins: int) -> Callable[[Flat], Flat]:
    """Return the conversion of an angle to its bin on a circle."""
    return lambda values: whole_steps(values, step) % bins


def _fields() -> dict[tuple[str, str], tuple[Stored, ...]]:
    """Return the branches of every field, the best first."""
    fields: dict[tuple[str, str], tuple[Stored, ...]] = {}
    for name in ("MU", "EG", "TAU", "JET", *SUMS):
        kind = KINDS[name]
        vertex = "AtVtx" if name == "MU" else ""
        momentum = _steps(kind.step, kind.offset, " GeV")
        fields[name, "pt"] = (Stored("hwPt", _same), Stored("pt", momentum))
        if kind.eta is not None:
            eta = _steps(kind.eta.step)
            fields[name, "eta"] = (
                Stored("hwEta" + vertex, _same),
                Stored("eta" + vertex, eta),
            )
        if kind.phi is not None:
            phi = _circle(kind.phi.step, kind.phi.bins)
            fields[name, "phi"] = (
                Stored("hwPhi" + vertex, _same),
                Stored("phi" + vertex, phi),
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
    # at the second muon station; menus read them at the vertex
    muon = KINDS["MU"]
    if muon.eta is not None and muon.phi is not None:
        eta, phi = _steps(muon.eta.step), _circle(muon.phi.step, muon.phi.bins)
        fields["MU", "station_eta"] = (Stored("hwEta", _same), Stored("eta", eta))
        fields["MU", "station_phi"] = (Stored("hwPhi", _same), Stored("phi", phi))
    fields.update({key: (Stored(branch, _same),) for key, branch in one.items()})
    fields["JET", "displaced"] = (Stored("hwQual", lambda values: values & 1),)
    return fields


FIELDS: Final = _fields()


def prefix_of(events: Any) -> str:
    """Return the prefix of the collections of L1 objects in some events.

    Raises
    ------
    MissingBranchError
        The events have no L1 objects.
    """
    names = collections(events)
    for prefix in PREFIXES:
        if any(prefix + name in names for name in (*COLLECTIONS.values(), "EtSum")):
            return prefix
    raise MissingBranchError(
        "the events have no L1 objects: expected L1Mu, L1EG, L1Tau, L1Jet, L1EtSum or L1Emul*, "
        f"found {shown(names)}; they come with NanoAOD's flavours @L1FULL and @L1DPG, with L1 NANO "
        "and, hard ones alone, with central NanoAOD"
    )


class ObjectList:
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

    def field(self, family: str, name: str) -> Flat:
        """Return a field of all objects in the hardware's integers, int64.

        Raises
        ------
        MissingBranchError
            If none of the branches that could give it is there.
        InputError
            If a value is no whole number of the hardware's steps, NaN or infinite.
        """
        for one in FIELDS[family, name]:
            if one.branch in self.fields:
                try:
                    found = one.convert(self.column(one.branch))
                    wrong = ~np.isfinite(found)
                    if wrong.any():
                        raise InputError(f"expected finite numbers, found {found[wrong][0]}")
                    return found.astype(np.int64)
                except InputError as error:
                    raise InputError(f"{self.name}.{one.branch}: {error}") from error
        wanted = " or ".join(one.branch for one in FIELDS[family, name])
        raise MissingBranchError(
            f"{self.name} has no {wanted}; it has: {', '.join(sorted(self.fields))}"
        )


def kept_in(events: Any, prefix: str) -> str:
    """Tell whether events keep `all` objects, or what the `central` reduced flavour keeps.

    The branches tell, and objects that its cuts would have removed.
    """
    present = [prefix + name for name in COLLECTIONS.values() if prefix + name in events.fields]
    if any(has_branch(events, name, "hwPt") for name in present):
        return "all"
    if any(name in events.fields for name in SCOUTING) or _beyond_central(events, prefix):
        return "all"
    return "central"


def _beyond_central(events: Any, prefix: str) -> bool:
    """Whether an object is there that the central flavour would have excluded."""
    for family, index in CENTRAL_CUTS.items():
        name = prefix + COLLECTIONS[family]
        if not has_branch(events, name, "pt"):
            continue
        least = (index - KINDS[family].offset) * KINDS[family].step
        objects = ObjectList(events, name)
        if (objects.column("pt") < least).any():
            return True
        if family == "MU" and "hwQual" in objects.fields and (objects.column("hwQual") < 8).any():
            return True
    name = prefix + "EtSum"
    if not has_branch(events, name, "etSumType"):
        return False
    central = {SUM_TYPES[kind] for kind in CENTRAL_SUMS}
    found = {int(kind) for kind in np.unique(ObjectList(events, name).column("etSumType"))}
    return bool(found - central)


def slots_of(
    objects: ObjectList,
    family: str,
    names: tuple[str, ...],
    slots: int,
    sum_type: int | None = None,
) -> NDArray[np.int64]:
    """Return fields of the first objects of crossing 0.

    Parameters
    ----------
    objects
        A collection.
    family
        `MU`, `EG`, `TAU`, `JET` or a sum (`HTT`, `ETM`, ...).
    names
        Fields, as in `FIELDS`.
    slots
        How many objects of an event, in the order of the collection.
    sum_type
        Only sums of this type, see `SUM_TYPES`.

    Returns
    -------
    int64, shape (n_events, slots, len(names))
        Zero where there is no object.

    Raises
    ------
    MissingBranchError
        If a field cannot be had.
    InputError
        If an integer does not fit the hardware's field.
    """
    wanted = objects.bx == 0
    if sum_type is not None:
        wanted = wanted & (objects.column("etSumType") == sum_type)
    taken = np.flatnonzero(wanted)
    event = objects.event[taken]
    place = np.arange(len(event)) - np.searchsorted(event, event)
    fits = place < slots
    out = np.zeros((len(objects.offsets) - 1, slots, len(names)), np.int64)
    for k, name in enumerate(names):
        values = objects.field(family, name)[taken][fits]
        bits = KINDS[family].fields[name.removeprefix("station_")]
        low, high = (0, (1 << bits) - 1) if bits > 0 else (-(1 << ~bits), (1 << ~bits) - 1)
        wrong = (values < low) | (values > high)
        if wrong.any():
            raise InputError(
                f"{objects.name}: expected {name} of the hardware, {low} to {high}, found "
                f"{values[wrong][0]} in event {event[fits][wrong][0]}"
            )
        out[event[fits], place[fits], k] = values
    return out
