"""Seeds to the Global Trigger's legs, relations and conditions.

Each seed is compiled alone first, which tells what it needs and whether it can be evaluated at all;
then all seeds that the events allow are compiled together.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from l1kd.emulators.global_trigger import limits, scales
from l1kd.emulators.global_trigger.combinations import (
    AND,
    NOT,
    OPPOSITE_SIGN,
    OR,
    SAME_SIGN,
    XOR,
    Condition,
    Relation,
)
from l1kd.emulators.global_trigger.objects import (
    CALORIMETER,
    EXTERNAL,
    Kind,
    kind_of,
)
from l1kd.emulators.global_trigger.program import (
    ALL_SLOTS,
    Builder,
    Column,
    Leg,
    PairCut,
    Place,
    Program,
    family,
)
from l1kd.emulators.global_trigger.program import Cut as LegCut
from l1kd.errors import MenuError

from .expression import ExternalTerm, FunctionTerm, Node, Not, ObjectTerm, Operation
from .model import OVERLAP_ERAS, Cut, MenuText, Seed

__all__ = ["Needs", "compile_menu", "needs_of"]

_OPERATORS: Final = {"AND": AND, "OR": OR, "XOR": XOR}
_SIGNS: Final = {"os": "OS", "ls": "LS", "ss": "LS"}
_CHARGES: Final = {"positive": 0, "pos": 0, "negative": 1, "neg": 1}
_SCORE_STEPS: Final = {"SCORE": 1, "COUNT": 1, "CSCORE": 256}
"""Cuts on a number of its own, with the steps of the hardware in one unit."""
TOPO_STEPS: Final = 1024
"""Steps of what TOPO's callers compare: the output, or 1023 times it, has 10 bits of fraction."""
_MASKED: Final = {"QLTY": "quality", "ISO": "iso", "IP": "ip"}
_PAIR_KINDS: Final = ("DETA", "DPHI", "DR", "MASS", "MASSUPT", "MASSDR", "TBPT")
_OVERLAP_KINDS: Final = {"ORMDETA": "DETA", "ORMDPHI": "DPHI", "ORMDR": "DR"}
_ALLOWED: Final = {
    "comb": ("CHGCOR", "TBPT"),
    "dist": ("DETA", "DPHI", "DR", "CHGCOR", "TBPT"),
    "mass": ("MASS", "DETA", "DPHI", "DR", "CHGCOR", "TBPT"),
    "mass_inv": ("MASS", "DETA", "DPHI", "DR", "CHGCOR", "TBPT"),
    "mass_inv_3": ("MASS", "CHGCOR"),
    "mass_inv_upt": ("MASSUPT", "DETA", "DPHI", "DR", "CHGCOR", "TBPT"),
    "mass_inv_dr": ("MASSDR", "CHGCOR"),
    "mass_trv": ("MASS", "DPHI", "TBPT"),
}


@dataclass(frozen=True)
class Needs:
    """What a seed needs of the events.

    Attributes
    ----------
    problem
        Why the seed cannot be evaluated whatever the events hold; empty if it can.
    legs, columns
        Legs that its conditions ask for, and columns that they read.
    """

    problem: str = ""
    legs: tuple[Leg, ...] = ()
    columns: tuple[Column, ...] = ()


def needs_of(seed: Seed, menu: MenuText) -> Needs:
    """Return what a seed needs, or why it cannot be evaluated."""
    builder = Builder()
    try:
        _Compiler(menu, builder).seed(seed)
    except MenuError as error:
        line = "" if seed.line is None else f"line {seed.line}: "
        return Needs(problem=f"{line}{error}")
    return Needs(legs=builder.required_legs, columns=builder.columns)


def compile_menu(menu: MenuText, names: Sequence[str]) -> Program:
    """Return the named seeds of a menu as one program, in that order."""
    builder = Builder()
    compiler = _Compiler(menu, builder)
    return builder.program([compiler.seed(menu.seeds[name]) for name in names])


class _Compiler:
    """Writes the seeds of one menu into a builder."""

    def __init__(self, menu: MenuText, builder: Builder) -> None:
        self.menu = menu
        self.builder = builder

    def seed(self, seed: Seed) -> list[int]:
        """Return the postfix expression of a seed."""
        return self.node(seed.tree)

    def node(self, node: Node) -> list[int]:
        """Return the postfix expression of a tree."""
        if isinstance(node, Not):
            return [*self.node(node.term), NOT]
        if isinstance(node, Operation):
            tokens = self.node(node.terms[0])
            for term in node.terms[1:]:
                tokens += [*self.node(term), _OPERATORS[node.operator]]
            return tokens
        if isinstance(node, ExternalTerm):
            name, crossing = self.menu.external_of(node)
            return [self.single(Leg(Place(f"{EXTERNAL}_{name}", crossing), 1, 1))]
        if isinstance(node, ObjectTerm):
            return [self.single(self.leg(node))]
        return [self.function(node)]

    def single(self, leg: Leg) -> int:
        """Return the condition of one object."""
        return self.builder.condition(Condition((self.builder.leg(leg),), (0,)))

    def cut(self, name: str) -> Cut:
        """Return a cut by its name."""
        if name not in self.menu.cuts:
            raise MenuError(f"cut {name} is not defined in the menu")
        return self.menu.cuts[name]

    # Legs.

    def leg(self, term: ObjectTerm) -> Leg:
        """Return the leg of an object."""
        kind = kind_of(term.kind)
        self.check_scales(kind)
        cuts = [self.cut(name) for name in term.cuts]
        model = ""
        low, high = self.range(term, kind)
        allowed = ALL_SLOTS
        windows: dict[str, list[tuple[int, int]]] = {}
        masks: list[LegCut] = []
        for cut in cuts:
            if cut.object and cut.object != term.kind:
                raise MenuError(f"cut {cut.name} is for {cut.object}, not for {term.kind}")
            if cut.kind == "MODEL":
                model = _word(cut.data)
            elif cut.kind in _SCORE_STEPS:
                steps = _given(cut.minimum, cut) * _SCORE_STEPS[cut.kind]
                steps *= TOPO_STEPS if term.kind == "TOPO" else 1
                low, high = max(low, math.ceil(steps)), scales.OPEN_END
            elif cut.kind == "SLICE":
                allowed &= _slice_mask(cut, kind)
            elif cut.kind in _MASKED:
                masks.append(LegCut(_MASKED[cut.kind], mask=_mask(cut)))
            else:
                for name, window in self.windows(cut, kind):
                    windows.setdefault(name, []).append(window)
        if term.kind in ("AXO", "TOPO"):
            if not model:
                raise MenuError(f"{term.kind} names no model")
            kind = kind._replace(name=f"{term.kind}:{model}")
        found = [LegCut(name, windows=tuple(several)) for name, several in windows.items()]
        for cut_ in (*found, *masks):
            if cut_.field not in kind.fields:
                raise MenuError(f"{term.kind} has no {cut_.field}")
        return Leg(Place(kind.name, term.crossing), low, high, (*found, *masks), allowed)

    def range(self, term: ObjectTerm, kind: Kind) -> tuple[int, int]:
        """Return the inclusive range of an object's threshold."""
        if term.threshold is None:
            if kind.lead in ("flag", "score"):
                return (1, 1) if kind.lead == "flag" else (0, scales.OPEN_END)
            if kind.lead == "count" and any(self.cut(n).kind == "COUNT" for n in term.cuts):
                return 0, scales.OPEN_END
            raise MenuError(f"{term.kind} has no threshold")
        if kind.lead in ("flag", "score"):
            raise MenuError(f"{term.kind} takes no threshold")
        low = scales.threshold(kind, term.threshold)
        return low, low if term.equal else scales.OPEN_END

    def windows(self, cut: Cut, kind: Kind) -> list[tuple[str, tuple[int, int]]]:
        """Return the fields and windows of a cut."""
        if cut.kind == "CHG":
            sign = _CHARGES[_one_of(cut, _CHARGES)]
            return [("charge", (sign, sign)), ("charge_valid", (1, 1))]
        if cut.kind == "DISP":
            wanted = _mask_or_value(cut)
            return [("displaced", (wanted, wanted))]
        low, high = _given(cut.minimum, cut), _given(cut.maximum, cut)
        if cut.kind == "ETA" and kind.eta is not None:
            return [("eta", scales.eta_window(kind.eta, low, high))]
        if cut.kind == "PHI" and kind.phi is not None:
            return [("phi", scales.phi_window(kind.phi, low, high))]
        if cut.kind == "INDEX":
            return [("index", (math.ceil(low), math.floor(high)))]
        if cut.kind == "UPT":
            return [("upt", scales.unconstrained_window(low, high))]
        raise MenuError(f"cut {cut.name}: {kind.name} knows no cut of kind {cut.kind}")

    def check_scales(self, kind: Kind) -> None:
        """Refuse an object whose scale in the menu is not the one that is emulated."""
        wanted = {"ET": (-kind.offset * kind.step, kind.step)}
        if kind.eta is not None:
            wanted["ETA"] = (-2.45 if kind.eta.centred else -5.0, kind.eta.step)
        if kind.phi is not None:
            wanted["PHI"] = (0.0, kind.phi.step)
        for name, (edge, step) in wanted.items():
            first, found = self.menu.scales.get((kind.name, name), (edge, step))
            if abs(first - edge) > 1e-6 or abs(found - step) > 1e-6:
                raise MenuError(
                    f"scale {name} of {kind.name} begins at {first:g} in steps of {found:g}; only "
                    f"{edge:g} and {step:g} are known"
                )

    # Functions.

    def function(self, term: FunctionTerm) -> int:
        """Return the condition of a function."""
        base, overlap = term.name.removesuffix("_orm"), term.name.endswith("_orm")
        cuts = [self.cut(name) for name in term.cuts]
        for cut in cuts:
            known = (*_ALLOWED[base], *(_OVERLAP_KINDS if overlap else ()))
            if cut.kind not in known:
                raise MenuError(f"{term.name} knows no cut of kind {cut.kind} ({cut.name})")
        legs = [self.leg(one) for one in term.objects]
        count = len(legs) - overlap
        wanted = {"comb": range(1, 5) if overlap else range(2, 9), "mass_inv_3": (3,)}
        if overlap and base != "comb":
            wanted[base] = (1, 2)
        if count not in wanted.get(base, (2,)):
            raise MenuError(f"{term.name} cannot have {len(legs)} objects")
        if base in ("comb", "mass_inv_3") and len({leg.place for leg in legs[:count]}) > 1:
            raise MenuError(f"{term.name} needs objects of one type and crossing")
        if overlap:
            return self.overlapping(base, legs, cuts)
        return self.builder.condition(self.combination(base, legs, cuts))

    def combination(self, base: str, legs: list[Leg], cuts: list[Cut]) -> Condition:
        """Return the condition of distinct objects with cuts on a pair or a triple."""
        numbers = tuple(self.builder.leg(leg) for leg in legs)
        places = list(dict.fromkeys(leg.place for leg in legs))
        groups = tuple(places.index(leg.place) for leg in legs)
        signs = [cut for cut in cuts if cut.kind == "CHGCOR"]
        rest = [cut for cut in cuts if cut.kind in _PAIR_KINDS]
        if signs and any(leg.place.kind != "MU" for leg in legs):
            raise MenuError("a charge correlation needs muons")
        if len(legs) == 2:
            pair_cuts = self.pair_cuts(base, legs, [*rest, *signs])
            return Condition(numbers, groups, self.relations(numbers, pair_cuts))
        condition = Condition(numbers, groups)
        if signs:
            condition = self.with_charge(condition, legs[0].place, signs)
        if not rest:
            return condition
        if base != "mass_inv_3" or len(rest) > 1:
            raise MenuError(f"cut {rest[0].name} needs exactly two objects")
        (mass,) = self.pair_cuts(base, legs, rest)
        row, stride = self.builder.triple((numbers[0], numbers[1], numbers[2]), mass)
        return condition._replace(triple=row, stride=stride)

    def relations(self, numbers: tuple[int, ...], cuts: list[PairCut]) -> tuple[Relation, ...]:
        """Return the relation of the first two legs, if there are cuts."""
        if not cuts:
            return ()
        return (Relation(0, 1, self.builder.pair((numbers[0], numbers[1]), cuts)),)

    def with_charge(self, condition: Condition, place: Place, cuts: list[Cut]) -> Condition:
        """Return a condition with a charge correlation of all its muons."""
        wanted = {_SIGNS[_one_of(cut, _SIGNS)] for cut in cuts}
        if len(wanted) > 1:
            raise MenuError("os and ls contradict each other")
        charged = [
            self.builder.leg(
                Leg(
                    place,
                    1,
                    scales.OPEN_END,
                    (LegCut("charge_valid", ((1, 1),)), LegCut("charge", ((sign, sign),))),
                )
            )
            for sign in (0, 1)
        ]
        mode = OPPOSITE_SIGN if wanted == {"OS"} else SAME_SIGN
        return condition._replace(charge=mode, positive=charged[0], negative=charged[1])

    def overlapping(self, base: str, legs: list[Leg], cuts: list[Cut]) -> int:
        """Return the condition of overlap removal; the last object is the reference."""
        overlap = [cut for cut in cuts if cut.kind in _OVERLAP_KINDS]
        others = [cut for cut in cuts if cut.kind not in _OVERLAP_KINDS]
        if not overlap:
            raise MenuError("overlap removal without an ORM cut")
        *objects, reference = legs
        against_reference = len(objects) == 1 and base != "comb"
        condition = (
            self.combination(base, legs if against_reference else objects, others)
            if (len(objects) > 1 or against_reference)
            else Condition((self.builder.leg(objects[0]),), (0,))
        )
        number = self.builder.leg(reference)
        rows = [self.overlap_rows(leg, reference, overlap) for leg in objects]
        if self.menu.era == OVERLAP_ERAS[0]:
            found = tuple((k, row) for k, several in enumerate(rows) for row in several)
            return self.builder.condition(condition._replace(reference=number, overlaps=found))
        if not against_reference:
            condition = condition._replace(
                legs=(*condition.legs, number), groups=(*condition.groups, -1)
            )
        last = len(objects)
        removed = tuple(
            Relation(k, last, row, negated=True)
            for k, several in enumerate(rows)
            for row in several
        )
        return self.builder.condition(
            condition._replace(relations=(*condition.relations, *removed))
        )

    def overlap_rows(self, leg: Leg, reference: Leg, cuts: list[Cut]) -> list[int]:
        """Return the relations in which an object overlaps a reference: one for each ORM cut."""
        numbers = (self.builder.leg(leg), self.builder.leg(reference))
        rows = []
        for cut in cuts:
            plain = self.pair_cut(_OVERLAP_KINDS[cut.kind], cut, leg.place, reference.place)
            rows.append(self.builder.pair(numbers, (plain,)))
        return rows

    # Cuts on pairs.

    def pair_cuts(self, base: str, legs: list[Leg], cuts: list[Cut]) -> list[PairCut]:
        """Return the cuts on a pair in hardware units."""
        found = []
        for cut in cuts:
            if cut.kind == "CHGCOR":
                found.append(PairCut(_SIGNS[_one_of(cut, _SIGNS)]))
                continue
            quantity = "MASST" if cut.kind == "MASS" and base == "mass_trv" else cut.kind
            found.append(self.pair_cut(quantity, cut, legs[0].place, legs[1].place))
        return found

    def pair_cut(self, quantity: str, cut: Cut, first: Place, second: Place) -> PairCut:
        """Return one cut on a pair in hardware units."""
        kinds = (kind_of(first.kind), kind_of(second.kind))
        needed = {"DPHI": ("phi",), "MASST": ("pt", "phi"), "TBPT": ("pt", "phi")}.get(
            quantity, ("upt", "eta", "phi") if quantity == "MASSUPT" else ("pt", "eta", "phi")
        )
        for kind in kinds:
            if lacking := [name for name in needed if name not in kind.fields]:
                raise MenuError(f"cut {cut.name}: {kind.name} has no {lacking[0]}")
        if quantity == "MASSDR" and not _one_inverse_table(kinds):
            raise MenuError(
                f"cut {cut.name}: no table of 1/dR^2 for {kinds[0].name}-{kinds[1].name}"
            )
        convert: Callable[[str, str, float, float], tuple[int, int]] = limits.from_physical
        low, high = cut.minimum or 0.0, math.inf if cut.maximum is None else cut.maximum
        if cut.emulator is not None:
            convert = limits.from_emulator
            low, high = cut.emulator
        open_end = quantity in ("TBPT", "MASSDR") or math.isinf(high)
        first_limit, last_limit = convert(quantity, family(*kinds), low, low if open_end else high)
        return PairCut(quantity, first_limit, limits.NO_LIMIT if open_end else last_limit)


def _one_inverse_table(kinds: tuple[Kind, Kind]) -> bool:
    """Whether the firmware has a table of 1/dR^2: two calorimeter objects, or two muons."""
    return all(kind.name in CALORIMETER for kind in kinds) or all(k.name == "MU" for k in kinds)


def _given(value: float | None, cut: Cut) -> float:
    """Return a limit that must be there."""
    if value is None:
        raise MenuError(f"cut {cut.name} has no limit")
    return value


def _word(data: str) -> str:
    """Return a word without quotes."""
    return data.strip().strip("\"'")


def _one_of(cut: Cut, known: dict[str, str] | dict[str, int]) -> str:
    """Return the word of a cut; older pages print 0x0000 and leave it to the cut's name."""
    word = _word(cut.data).lower()
    if word not in known:
        word = cut.name.rpartition("_")[2].lower()
    if word not in known:
        raise MenuError(f"cut {cut.name} says {cut.data!r}; known are {', '.join(known)}")
    return word


def _integers(cut: Cut) -> list[int]:
    """Return the list of values that a cut allows."""
    try:
        return [int(part) for part in _word(cut.data).split(",")]
    except ValueError:
        raise MenuError(f"cut {cut.name}: cannot read the values {cut.data!r}") from None


def _mask(cut: Cut) -> int:
    """Return the values that a cut allows as a bit mask, from a mask or a list."""
    data = _word(cut.data).lower()
    if data.startswith("0x"):
        return int(data, 16)
    values = _integers(cut)
    if any(not 0 <= value < 64 for value in values):
        raise MenuError(f"cut {cut.name}: a value is out of range in {cut.data!r}")
    return sum(1 << value for value in set(values))


def _mask_or_value(cut: Cut) -> int:
    """Return 0 or 1, written in decimal or as a mask."""
    value = int(_word(cut.data), 0) if _word(cut.data) else 1
    if value not in (0, 1):
        raise MenuError(f"cut {cut.name} must ask for 0 or 1, not {cut.data!r}")
    return value


def _slice_mask(cut: Cut, kind: Kind) -> int:
    """Return the positions that a SLICE cut allows, as a bit mask."""
    first, last = math.ceil(_given(cut.minimum, cut)), math.floor(_given(cut.maximum, cut))
    return sum(1 << slot for slot in range(max(first, 0), min(last, kind.slots - 1) + 1))
