"""Object menus: seeds of one or more legs on any collections, decided for many events at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Integers, Mask
from l1kd.emulators.global_trigger.leg_cuts import FIELDS, Program, combinations
from l1kd.errors import MenuError
from l1kd.trigger.bits import Bits, Check
from l1kd.trigger.object_menu.code import Step, to_code
from l1kd.trigger.object_menu.columns import Collection, missing_fields, open_collection
from l1kd.trigger.object_menu.expressions import (
    Node,
    fields_of,
    legs_of,
    on_columns,
    parse_cut,
)
from l1kd.trigger.object_menu.hardware import (
    FLOAT_SCALE,
    HARDWARE_SCALE,
    STEPS,
    in_steps,
    limit,
    require_scale,
    to_integers,
)
from l1kd.trigger.object_menu.schema import (
    Leg,
    MenuForm,
    ObjectForm,
    ScalingLine,
    Seed,
    read_menu,
)

__all__ = ["ObjectMenu", "ObjectSeed"]

_EVERYWHERE = "inclusive"


@dataclass(frozen=True)
class _Object:
    """One kind of object with its parsed cuts, by region."""

    name: str
    form: ObjectForm
    cuts: Mapping[str, list[Node]]
    lines: Mapping[str, ScalingLine]

    def fields(self) -> set[str]:
        """Fields that its selection reads, without the value."""
        found = set().union(*(fields_of(cut) for cuts in self.cuts.values() for cut in cuts))
        return found | ({"eta"} if self.form.regions else set())


@dataclass(frozen=True)
class ObjectSeed:
    """One seed: its form, position in the menu, and parsed cuts between legs."""

    name: str
    index: int
    form: Seed
    leg_cuts: Mapping[str, Node]
    pairs: tuple[Node, ...]

    @property
    def group(self) -> str:
        """Group of the seed, for rates by group."""
        return self.form.group


class ObjectMenu:
    """A menu in l1kd's YAML form (`l1kd.trigger.object_menu.schema`).

    Parameters
    ----------
    form
        The validated content.
    where
        File or name, for messages.

    Raises
    ------
    MenuError
        If a seed names an object, leg, region, field or scaling that does not exist.
    """

    def __init__(self, form: MenuForm, where: str) -> None:
        self.form, self.where = form, where
        self.name = form.name
        self._objects = {name: self._object(name, given) for name, given in form.objects.items()}
        self._seeds = {
            name: self._seed(name, i, seed) for i, (name, seed) in enumerate(form.seeds.items())
        }

    @classmethod
    def read(cls, source: str | PathLike[str]) -> "ObjectMenu":
        """Read a YAML file, or a shipped menu by its name (`shipped_menus`)."""
        form, path = read_menu(source)
        return cls(form, str(path))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the seeds, in the order of the menu."""
        return tuple(self._seeds)

    def __len__(self) -> int:
        """Return the number of seeds."""
        return len(self._seeds)

    def __contains__(self, name: str) -> bool:
        """Return whether the menu has a seed of this name."""
        return name in self._seeds

    def __iter__(self) -> Iterator[ObjectSeed]:
        """Yield the seeds in the order of their bits."""
        return iter(self._seeds.values())

    def __getitem__(self, name: str) -> ObjectSeed:
        """Return one seed by name."""
        return self._seeds[self._known(name, self._seeds, "seed")]

    def _known(self, name: str, known: Mapping[str, Any], what: str, where: str = "") -> str:
        if name not in known:
            near = get_close_matches(name, list(known), 1, 0.0)
            hint = f"; the nearest is {near[0]!r}" if near else ""
            raise MenuError(
                f"{self.where}: {where}{': ' if where else ''}unknown {what} {name!r}{hint}"
            )
        return name

    # ---- reading ----

    def _object(self, name: str, form: ObjectForm) -> _Object:
        where = f"{self.where}: objects / {name}"
        by_region = form.cuts if isinstance(form.cuts, dict) else {_EVERYWHERE: form.cuts}
        regions = {_EVERYWHERE: None, **form.regions}
        cuts = {
            self._known(region, regions, "region", f"objects / {name}"): [
                self._cut(text, where) for text in texts
            ]
            for region, texts in by_region.items()
        }
        if self.form.scale == "phase2_gt":
            require_scale(form.value, where)
        return _Object(name, form, cuts, self._lines(form, name))

    def _cut(self, text: str, where: str) -> Node:
        node = parse_cut(text, where)
        return in_steps(node, where) if self.form.scale == "phase2_gt" else node

    def _lines(self, form: ObjectForm, name: str) -> dict[str, ScalingLine]:
        if form.scaling is None:
            return {}
        lines: Any = form.scaling
        if isinstance(lines, str):
            lines = self.form.scalings or {}
            for step in form.scaling.split("/") if isinstance(form.scaling, str) else ():
                lines = lines[self._known(step, lines, "scaling", f"objects / {name}")]
        expected = set(form.regions) or {_EVERYWHERE}
        if set(lines) != expected:
            raise MenuError(
                f"{self.where}: objects / {name}: expected scaling lines for the regions "
                f"{sorted(expected)}, found {sorted(lines)}"
            )
        return dict(lines)

    def _seed(self, name: str, index: int, form: Seed) -> ObjectSeed:
        where = f"{self.where}: seeds / {name}"
        leg_cuts = {}
        for leg_name, leg in form.legs.items():
            self._known(leg.object, self._objects, "object", f"seeds / {name} / {leg_name}")
            kind = self._objects[leg.object]
            if leg.region is not None:
                self._known(leg.region, kind.form.regions, "region", f"seeds / {name} / {leg_name}")
            if leg.offline is not None and not kind.lines:
                raise MenuError(
                    f"{where} / {leg_name}: object {leg.object!r} has no scaling, so there is no "
                    "offline threshold; give `online`, or a scaling to the object"
                )
            if leg.cut is not None:
                leg_cuts[leg_name] = self._cut(leg.cut, f"{where} / {leg_name}")
        for other in form.requires:
            self._known(other, self.form.seeds, "seed", f"seeds / {name} / requires")
            if list(self.form.seeds).index(other) >= index:
                raise MenuError(f"{where}: requires {other!r}, which must stand before it")
        pairs = tuple(self._pair(text, where, form) for text in form.pairs)
        return ObjectSeed(name, index, form, leg_cuts, pairs)

    def _pair(self, text: str, where: str, form: Seed) -> Node:
        node = parse_cut(text, where, form.legs)
        if not legs_of(node):
            raise MenuError(f"{where}: cut {text!r} uses no leg")
        return in_steps(node, where) if self.form.scale == "phase2_gt" else node

    # ---- events ----

    def _needs(self, seed: ObjectSeed) -> dict[str, set[str]]:
        """Name the collections that a seed reads, with the fields of each."""
        between: dict[str, set[str]] = {}
        for pair in seed.pairs:
            for name, fields in legs_of(pair).items():
                between.setdefault(name, set()).update(fields)
        needs: dict[str, set[str]] = {}
        for name, leg in seed.form.legs.items():
            kind = self._objects[leg.object]
            read = needs.setdefault(kind.form.collection, set())
            read |= kind.fields() | between.get(name, set())
            if leg.online is not None or leg.offline is not None:
                read.add(kind.form.value)
            if name in seed.leg_cuts:
                read |= fields_of(seed.leg_cuts[name])
            if leg.region is not None:
                read.add("eta")
        return needs

    def check(self, events: Any) -> Check:
        """Say of every seed whether these events allow it, and else what is missing."""
        reasons: dict[str, str] = {}
        for seed in self:
            lacks = [missing_fields(events, c, fields) for c, fields in self._needs(seed).items()]
            lacks += [
                f"{other}: {reasons[other]}" for other in seed.form.requires if reasons[other]
            ]
            reasons[seed.name] = "; ".join(why for why in lacks if why)
        return Check(reasons)

    def evaluate(self, events: Any) -> Bits:
        """Decide all seeds that the events allow.

        Parameters
        ----------
        events
            NanoEvents, or awkward records with the collections that the menu names.

        Returns
        -------
        Bits
            One bit a seed and event; `reasons` of what could not be evaluated.
        """
        reasons = {name: why for name, why in self.check(events) if why}
        state = _Evaluation(self, events)
        decisions: dict[str, Mask] = {}
        for seed in self:
            if seed.name in reasons:
                continue
            fired = state.decide(seed)
            for other in seed.form.requires:
                fired = fired & decisions[other]
            decisions[seed.name] = fired
        if not decisions:
            return Bits((), np.zeros((len(events), 0), np.uint8), reasons)
        return Bits.of(decisions, reasons)


class _Evaluation:
    """Columns and masks of one set of events: each computed once, however many seeds use it."""

    def __init__(self, menu: ObjectMenu, events: Any) -> None:
        self.menu, self.events = menu, events
        self.hardware = menu.form.scale == "phase2_gt"
        self._collections: dict[str, Collection] = {}
        self._columns: dict[tuple[str, str], NDArray[np.float64]] = {}
        self._selected: dict[str, Mask] = {}
        self._candidates: dict[tuple[Any, ...], tuple[Integers, Integers]] = {}

    def collection(self, name: str) -> Collection:
        if name not in self._collections:
            self._collections[name] = open_collection(self.events, name)
        return self._collections[name]

    def column(self, collection: str, field: str) -> NDArray[np.float64]:
        key = (collection, field)
        if key not in self._columns:
            values = self.collection(collection)[field]
            self._columns[key] = to_integers(field, values) if self.hardware else values
        return self._columns[key]

    def holds(self, collection: str, cut: Node) -> Mask:
        columns = {name: self.column(collection, name) for name in fields_of(cut)}
        found = np.asarray(on_columns(cut, columns))
        truth = found if found.dtype == np.bool_ else found != 0
        return np.broadcast_to(truth, len(self.collection(collection)))

    def inside(self, kind: _Object, region: str) -> Mask:
        """Objects of a region; edges are compared in physical units, as the lines are."""
        low, high = kind.form.regions[region]
        eta = np.abs(self.collection(kind.form.collection)["eta"])
        return (eta >= low) & (eta < high)

    def selected(self, kind: _Object) -> Mask:
        """Objects that pass the cuts of their kind."""
        if kind.name not in self._selected:
            name = kind.form.collection
            passed = np.ones(len(self.collection(name)), np.bool_)
            if kind.form.position is not None:
                passed &= self.collection(name)["position"] == kind.form.position
            for region, cuts in kind.cuts.items():
                outside = np.False_ if region == _EVERYWHERE else ~self.inside(kind, region)
                for cut in cuts:
                    passed &= self.holds(name, cut) | outside
            self._selected[kind.name] = passed
        return self._selected[kind.name]

    def above(self, kind: _Object, leg: Leg) -> Mask:
        """Objects that pass the thresholds of a leg."""
        name, value = kind.form.collection, kind.form.value
        passed = np.ones(len(self.collection(name)), np.bool_)
        if leg.online is not None:
            passed &= self._compared(name, value, leg.online.operator, leg.online.value)
        if leg.offline is not None:
            scaled = np.zeros_like(passed)
            for region, line in kind.lines.items():
                there = True if region == _EVERYWHERE else self.inside(kind, region)
                online = (leg.offline.value - line.offset) / line.slope
                if self.hardware:
                    scaled |= there & self._compared(name, value, leg.offline.operator, online)
                else:
                    offline = line.slope * self.column(name, value) + line.offset
                    good = (
                        offline >= leg.offline.value
                        if leg.offline.operator == ">="
                        else offline > leg.offline.value
                    )
                    scaled |= there & good
            passed &= scaled
        return passed

    def _compared(self, collection: str, field: str, operator: str, value: float) -> Mask:
        if self.hardware and field in STEPS:
            value = limit(value, operator, STEPS[field])
        values = self.column(collection, field)
        return values >= value if operator == ">=" else values > value

    def candidates(self, seed: ObjectSeed, name: str) -> tuple[Integers, Integers]:
        """Find the objects that may stand on one leg, and where those of each event begin."""
        leg = seed.form.legs[name]
        kind = self.menu._objects[leg.object]
        cut = seed.leg_cuts.get(name)
        key = (leg.object, leg.online, leg.offline, leg.region, cut)
        if key not in self._candidates:
            passed = self.selected(kind) & self.above(kind, leg)
            if leg.region is not None:
                passed = passed & self.inside(kind, leg.region)
            if cut is not None:
                passed = passed & self.holds(kind.form.collection, cut)
            counts = np.concatenate([[0], np.cumsum(passed)])
            offsets = self.collection(kind.form.collection).offsets
            self._candidates[key] = np.flatnonzero(passed), counts[offsets]
        return self._candidates[key]

    def decide(self, seed: ObjectSeed) -> Mask:
        names = list(seed.form.legs)
        if len(names) == 1 and not seed.pairs:
            return np.diff(self.candidates(seed, names[0])[1]) > 0
        return combinations(self._program(seed, names))

    def collection_of(self, seed: ObjectSeed, leg: str) -> Collection:
        return self.collection(self.menu._objects[seed.form.legs[leg].object].form.collection)

    def _program(self, seed: ObjectSeed, names: list[str]) -> Program:
        legs = [self.collection_of(seed, name) for name in names]
        order = sorted({leg.name for leg in legs})
        used: dict[tuple[str, str], int] = {}
        values: list[NDArray[np.float64]] = []

        def column(leg: int, field: str) -> int:
            key = (legs[leg].name, field)
            if key not in used:
                used[key] = sum(map(len, values))
                values.append(self.column(*key))
            return used[key]

        leg_columns = np.full((len(names), len(FIELDS)), -1, np.int64)
        code: list[Step] = []
        cuts: list[tuple[int, int, int]] = []
        constants: list[float] = []
        for pair in seed.pairs:
            wanted = legs_of(pair)
            for leg, fields in wanted.items():
                number = names.index(leg)
                for i, field in enumerate(FIELDS):
                    if field in fields:
                        leg_columns[number, i] = column(number, field)
            steps = to_code(pair, names, column, constants)
            last = max(names.index(leg) for leg in wanted)
            cuts.append((len(code), len(code) + len(steps), last))
            code += steps
        chosen = [self.candidates(seed, name) for name in names]
        first = np.cumsum([0, *(len(found) for found, _ in chosen)])
        return Program(
            candidates=np.concatenate([found for found, _ in chosen]),
            starts=np.stack([starts + at for (_, starts), at in zip(chosen, first, strict=False)]),
            collection=np.array([order.index(leg.name) for leg in legs]),
            columns=np.concatenate(values) if values else np.zeros(0),
            leg_columns=leg_columns,
            code=np.array(code, np.int64).reshape(-1, 4),
            cuts=np.array(cuts, np.int64).reshape(-1, 3),
            constants=np.array(constants, np.float64),
            scale=HARDWARE_SCALE if self.hardware else FLOAT_SCALE,
        )
