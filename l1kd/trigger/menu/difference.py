"""What changed between two menus: seeds, thresholds, cuts, and on a file the decisions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from l1kd.errors import MenuError

from .compilation import _CHARGES, _SIGNS, _one_of
from .expression import ExternalTerm, FunctionTerm, ObjectTerm, terms
from .files import stretches
from .menu import Menu
from .model import Cut, Seed

__all__ = ["Difference", "Moved", "decisions_moved", "difference"]


@dataclass(frozen=True)
class Difference:
    """What changed from an old menu to a new one.

    Attributes
    ----------
    added, removed
        Seeds that only one of them has.
    moved
        Seeds with another bit: (old, new).
    changed
        Seeds that decide otherwise: what changed, one sentence each.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    moved: dict[str, tuple[int, int]]
    changed: dict[str, tuple[str, ...]]


@dataclass
class Moved:
    """Events that a seed passes in the old and in the new menu, and in one of them only."""

    name: str
    events: int = 0
    old: int = 0
    new: int = 0
    lost: int = 0
    gained: int = 0


def difference(old: Menu, new: Menu) -> Difference:
    """Compare two menus seed by seed.

    Parameters
    ----------
    old, new
        Menus; seeds of one name are compared.

    Returns
    -------
    Difference
        Seeds added and removed, moved to other bits, and changed in thresholds, cuts or logic.
    """
    both = [name for name in old.names if name in new]
    changed = {name: _changes(old, new, name) for name in both}
    return Difference(
        added=tuple(name for name in new.names if name not in old),
        removed=tuple(name for name in old.names if name not in new),
        moved={
            name: (old[name].index, new[name].index)
            for name in both
            if old[name].index != new[name].index
        },
        changed={name: said for name, said in changed.items() if said},
    )


def decisions_moved(old: Menu, new: Menu, path: str | Path) -> dict[str, Moved]:
    """Count on a file the events in which the seeds of either menu decide otherwise.

    Parameters
    ----------
    old, new
        Menus.
    path
        NanoAOD or a test vector.

    Returns
    -------
    dict of str to Moved
        Seeds that can be evaluated and that some event decides otherwise; an added or removed seed
        counts as one that never fires on the other side.
    """
    counts: dict[str, Moved] = {}
    for events, _ in stretches(path):
        both = old.evaluate(events), new.evaluate(events)
        nothing = np.zeros(len(both[0]), np.bool_)
        for name in dict.fromkeys(name for bits in both for name in bits.names):
            if any(name in bits.reasons for bits in both):
                continue
            before, after = (bits[name] if name in bits.names else nothing for bits in both)
            one = counts.setdefault(name, Moved(name))
            one.events += len(before)
            one.old += int(np.count_nonzero(before))
            one.new += int(np.count_nonzero(after))
            one.lost += int(np.count_nonzero(before & ~after))
            one.gained += int(np.count_nonzero(after & ~before))
    return {name: one for name, one in counts.items() if one.lost or one.gained}


def _changes(old: Menu, new: Menu, name: str) -> tuple[str, ...]:
    """Return what changed in a seed that both menus have."""
    said = _expression_changes(old[name], new[name])
    for cut in sorted(_cut_names(old, name) & _cut_names(new, name)):
        first, second = old.cuts.get(cut), new.cuts.get(cut)
        if first is not None and second is not None and (change := _cut_change(first, second)):
            said.append(f"{cut}: {change}")
    return tuple(said)


def _cut_names(menu: Menu, name: str) -> set[str]:
    """Return the cuts that a seed uses, none where its expression cannot be read."""
    try:
        return set(menu.used_cuts(name))
    except MenuError:
        return set()


def _expression_changes(old: Seed, new: Seed) -> list[str]:
    """Return thresholds that changed, or the expressions where more than thresholds did."""
    if old.expression == new.expression:
        return []
    try:
        first, second = _objects(old), _objects(new)
        same = old.tree == new.tree
    except MenuError:
        return [f"{old.expression} -> {new.expression}"]
    if same:
        return []
    alike = len(first) == len(second) and all(
        (a.kind, a.crossing, a.equal, a.cuts) == (b.kind, b.crossing, b.equal, b.cuts)
        for a, b in zip(first, second, strict=True)
    )
    if not alike or _shape(old) != _shape(new):
        return [f"{old.expression} -> {new.expression}"]
    return [
        f"{a.kind}: threshold {a.threshold:g} -> {b.threshold:g}"
        for a, b in zip(first, second, strict=True)
        if a.threshold != b.threshold and a.threshold is not None and b.threshold is not None
    ]


def _objects(seed: Seed) -> list[ObjectTerm]:
    """Return all objects of a seed, from left to right."""
    found: list[ObjectTerm] = []
    for term in terms(seed.tree):
        if isinstance(term, ObjectTerm):
            found.append(term)
        elif isinstance(term, FunctionTerm):
            found.extend(term.objects)
    return found


def _shape(seed: Seed) -> list[object]:
    """Return what a seed is besides its objects: functions, their cuts, external signals."""
    shape: list[object] = []
    for term in terms(seed.tree):
        if isinstance(term, FunctionTerm):
            shape.append((term.name, len(term.objects), term.cuts))
        elif isinstance(term, ExternalTerm):
            shape.append(term)
        else:
            shape.append("object")
    for word in ("AND", "OR", "XOR", "NOT", "("):
        shape.append(seed.expression.count(word))
    return shape


def _cut_change(old: Cut, new: Cut) -> str:
    """Return how a cut of one name changed, empty if it did not."""
    parts = []
    for field in ("minimum", "maximum"):
        before, after = getattr(old, field), getattr(new, field)
        if before != after:
            parts.append(f"{field} {_shown(before)} -> {_shown(after)}")
    if old.data != new.data and _values(old) != _values(new):
        parts.append(f"{old.data or 'nothing'} -> {new.data or 'nothing'}")
    return ", ".join(parts)


def _values(cut: Cut) -> object:
    """Return the data of a cut in one form, for charges, masks and lists of values."""
    try:
        if cut.kind == "CHGCOR":
            return _SIGNS[_one_of(cut, _SIGNS)]
        if cut.kind == "CHG":
            return _CHARGES[_one_of(cut, _CHARGES)]
    except MenuError:
        return cut.data
    text = cut.data.strip("\"' ").lower()
    try:
        if text.startswith("0x"):
            return int(text, 16)
        return sum(1 << int(part) for part in text.split(",")) if text else text
    except ValueError:
        return text


def _shown(value: float | None) -> str:
    """Return a limit for a sentence."""
    return "none" if value is None else f"{value:g}"
