"""Menus of either form behind one door, and copies of a menu with other thresholds."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from l1kd.errors import ConfigurationError, MenuError
from l1kd.trigger.menu import Menu
from l1kd.trigger.menu.expression import ExternalTerm, FunctionTerm, terms
from l1kd.trigger.menu.model import Seed
from l1kd.trigger.menu.reading import READERS
from l1kd.trigger.object_menu import ObjectMenu, shipped_menus
from l1kd.trigger.object_menu.menu import ObjectSeed
from l1kd.trigger.rates.scans import legs, with_threshold

__all__ = [
    "AnyMenu",
    "Scan",
    "fingerprint",
    "groups_of",
    "indices_of",
    "is_menu",
    "open_menu",
    "prescales_of",
    "scanned",
]

AnyMenu = Menu | ObjectMenu

_FAMILIES = {
    **dict.fromkeys(("ETT", "ETTEM", "HTT", "ETM", "HTM", "ETMHF", "HTMHF"), "SUM"),
    **dict.fromkeys(("ASYMET", "ASYMHT", "ASYMETHF", "ASYMHTHF"), "SUM"),
    **dict.fromkeys(("MUS0", "MUS1", "MUS2", "MUSOOT0", "MUSOOT1"), "MU"),
    **dict.fromkeys(("MBT0HFP", "MBT0HFM", "MBT1HFP", "MBT1HFM", "TOWERCOUNT"), "COUNT"),
    **{f"CENT{i}": "COUNT" for i in range(8)},
    **dict.fromkeys(("ZDCP", "ZDCM"), "COUNT"),
    **dict.fromkeys(("AXO", "TOPO", "CICADA"), "SCORE"),
}


def is_menu(text: str) -> bool:
    """Whether a word of a command line names a menu: by its ending, or a shipped one."""
    name = text.lower().removesuffix(".gz")
    return name.endswith(tuple(READERS)) or text in shipped_menus()


def open_menu(source: str | Path) -> AnyMenu:
    """Read a menu of the Global Trigger, or one of objects: a YAML file or a shipped one's name.

    Raises
    ------
    L1KDError
        As the readers of the two forms.
    """
    return Menu.read(source)


def indices_of(menu: AnyMenu) -> dict[str, int]:
    """Bit of every seed."""
    return {seed.name: seed.index for seed in menu}


def groups_of(menu: AnyMenu) -> dict[str, list[str]]:
    """Find the groups of seeds: those that the menu names, else by the objects that seeds use.

    In a menu of the Global Trigger a group is for example MU, EG+MU, or JET+SUM; seeds of external
    signals alone are EXT, and those that cannot be read belong to none.
    """
    groups: dict[str, list[str]] = {}
    for seed in menu:
        name = seed.group if isinstance(seed, ObjectSeed) else _objects(seed)
        if name:
            groups.setdefault(name, []).append(seed.name)
    return dict(sorted(groups.items()))


def prescales_of(menu: AnyMenu) -> dict[str, dict[str, float]]:
    """Prescale columns that a menu of objects writes, {column: {seed: prescale}}.

    A seed that says nothing of a column keeps every event there.
    """
    if isinstance(menu, Menu):
        return {}
    columns = dict.fromkeys(column for seed in menu for column in seed.form.prescales)
    return {
        column: {seed.name: seed.form.prescales.get(column, 1.0) for seed in menu}
        for column in columns
    }


def fingerprint(menu: AnyMenu) -> str:
    """Digest of everything that a menu decides by: equal menus under any name have the same."""
    if isinstance(menu, Menu):
        text = menu._text
        content = [
            [(seed.name, seed.index, seed.expression) for seed in menu],
            sorted((name, repr(cut)) for name, cut in text.cuts.items()),
            sorted(text.externals.items()),
            text.era,
        ]
    else:
        form = menu.form.model_dump(mode="json", include={"scale", "scalings", "objects", "seeds"})
        form["seeds"] = {
            name: {k: v for k, v in seed.items() if k in ("legs", "pairs", "requires")}
            for name, seed in form["seeds"].items()
        }
        content = [form]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _objects(seed: Seed) -> str:
    try:
        found = terms(seed.tree)
    except MenuError:
        return ""
    kinds = set()
    for term in found:
        objects = term.objects if isinstance(term, FunctionTerm) else (term,)
        kinds |= {
            "EXT" if isinstance(o, ExternalTerm) else _FAMILIES.get(o.kind, o.kind) for o in objects
        }
    return "+".join(sorted(kinds - {"EXT"})) or "EXT"


class Scan(NamedTuple):
    """One leg of a seed and the thresholds to try on it, ascending.

    `leg` is the position of an object with a threshold in the seed's expression, from 0, or the
    name of the leg in a menu of objects.
    """

    seed: str
    leg: str
    thresholds: tuple[float, ...]

    @property
    def name(self) -> str:
        """How the scan is called in results."""
        return f"{self.seed}[{self.leg}]"

    @classmethod
    def parse(cls, text: str) -> "Scan":
        """Read ``SEED:LEG:FIRST:LAST:STEP``, or ``SEED:FIRST:LAST:STEP`` for leg 0.

        Raises
        ------
        ConfigurationError
            If the text has another form, or the thresholds do not ascend.
        """
        parts = text.split(":")
        if len(parts) == 4:
            parts.insert(1, "0")
        try:
            seed, leg, *numbers = parts
            first, last, step = (float(x) for x in numbers)
        except ValueError:
            raise ConfigurationError(
                f"scan {text!r}: expected SEED:LEG:FIRST:LAST:STEP, for example "
                "L1_SingleMu22:0:3:30:0.5"
            ) from None
        if not (step > 0.0 and last >= first and seed):
            raise ConfigurationError(f"scan {text!r}: thresholds must ascend by a positive step")
        n = int((last - first) / step + 1e-9) + 1
        return cls(seed, leg, tuple(first + i * step for i in range(n)))


def scanned(menu: AnyMenu, scans: Sequence[Scan]) -> tuple[AnyMenu, dict[str, list[str]]]:
    """Make a menu whose seeds are those of the scans, one for every threshold.

    Returns
    -------
    The menu, and {name of the scan: its seeds, thresholds ascending}.

    Raises
    ------
    ConfigurationError, MenuError
        If there is no such seed or leg; the message lists the legs.
    """
    families = {
        scan.name: [f"{scan.name}@{threshold:.10g}" for threshold in scan.thresholds]
        for scan in scans
    }
    if len(families) != len(scans):
        raise ConfigurationError("scans: a leg of a seed can be scanned once")
    if isinstance(menu, Menu):
        return _scanned_seeds(menu, scans, families), families
    return _scanned_objects(menu, scans, families), families


def _scanned_seeds(
    menu: Menu, scans: Sequence[Scan], families: Mapping[str, Sequence[str]]
) -> Menu:
    own = menu._text
    text = replace(own, name=f"{own.name}, scans", seeds={}, overlap_removal=own.era)
    for scan in scans:
        expression = menu[scan.seed].expression
        if not scan.leg.isdecimal():
            have = ", ".join(
                f"{i}: {x.kind}{x.threshold:g}" for i, x in enumerate(legs(expression))
            )
            raise ConfigurationError(f"scan {scan.name}: legs of this seed are numbers, {have}")
        for name, threshold in zip(families[scan.name], scan.thresholds, strict=True):
            changed = with_threshold(expression, int(scan.leg), threshold)
            text.add_seed(Seed(name, len(text.seeds), changed))
    return Menu(text)


def _scanned_objects(
    menu: ObjectMenu, scans: Sequence[Scan], families: Mapping[str, Sequence[str]]
) -> ObjectMenu:
    seeds: dict[str, Any] = {}
    for scan in scans:
        form = menu[scan.seed].form
        names = list(form.legs)
        leg = names[int(scan.leg)] if scan.leg.isdecimal() and int(scan.leg) < len(names) else ""
        leg = scan.leg if scan.leg in names else leg
        if not leg:
            raise ConfigurationError(f"scan {scan.name}: the seed's legs are {', '.join(names)}")
        given = form.legs[leg]
        which = "offline" if given.offline is not None else "online"
        for name, value in zip(families[scan.name], scan.thresholds, strict=True):
            comparison = getattr(given, which)
            operator = comparison.operator if comparison is not None else ">="
            threshold = {"operator": operator, "value": value}
            changed = (
                given.model_copy(update={which: type(comparison)(**threshold)})
                if (comparison is not None)
                else type(given).model_validate({**given.model_dump(), which: threshold})
            )
            legs_of_seed = {**form.legs, leg: changed}
            seeds[name] = form.model_copy(update={"legs": legs_of_seed, "requires": []})
        if form.requires:
            raise ConfigurationError(
                f"scan {scan.name}: the seed requires {', '.join(form.requires)}, which a scan "
                "does not hold"
            )
    return ObjectMenu(menu.form.model_copy(update={"seeds": seeds}), f"{menu.where}, scans")
