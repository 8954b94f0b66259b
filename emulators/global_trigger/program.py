"""A menu compiled to flat tables: written down leg by leg, evaluated in one pass.

`Builder` collects legs, relations and conditions, each kept once however often a menu uses it;
`Program` evaluates records of integer columns with the kernels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.global_trigger import tables as luts
from l1kd.emulators.global_trigger.combinations import (
    Condition,
    Conditions,
    Logic,
    conditions_of,
    decide,
    logic_of,
)
from l1kd.emulators.global_trigger.legs import ONE_OF, WINDOWS, Legs, passing
from l1kd.emulators.global_trigger.limits import QUANTITIES
from l1kd.emulators.global_trigger.objects import Kind, kind_of
from l1kd.emulators.global_trigger.pairs import (
    PAIR_FIELDS,
    SIDE_FIELDS,
    Pairs,
    Triples,
    relate,
    relate_triples,
)

__all__ = ["ALL_SLOTS", "Builder", "Column", "Cut", "Leg", "PairCut", "Place", "Program", "family"]

ALL_SLOTS = 2**64 - 1
"""Mask of allowed positions without a restriction."""
_CHUNK = 512
"""Events that go through all stages together, few enough to stay in the processor's cache."""


class Place(NamedTuple):
    """A list of objects: its kind's name and its crossing relative to the triggered one."""

    kind: str
    crossing: int = 0


class Column(NamedTuple):
    """One field of one list."""

    place: Place
    field: str


class Cut(NamedTuple):
    """A cut of a leg: one of several windows, or a set bit of a mask (exactly one is given)."""

    field: str
    windows: tuple[tuple[int, int], ...] = ()
    mask: int = 0


class Leg(NamedTuple):
    """What one object of a condition asks for."""

    place: Place
    low: int
    high: int
    cuts: tuple[Cut, ...] = ()
    allowed: int = ALL_SLOTS


class PairCut(NamedTuple):
    """A cut on a pair: quantity and inclusive limits in hardware units."""

    quantity: str
    low: int = 0
    high: int = 0


class _Pair(NamedTuple):
    """A relation before it is made flat."""

    first: Place
    second: Place
    cuts: tuple[PairCut, ...]


class _Triple(NamedTuple):
    """A relation of three objects before it is made flat."""

    place: Place
    cut: PairCut


def family(first: Kind, second: Kind) -> str:
    """Return which tables a pair uses: `muon`, `mixed` or `calo`."""
    muons = (first.name == "MU") + (second.name == "MU")
    return ("calo", "mixed", "muon")[muons]


@dataclass(frozen=True)
class Program:
    """A compiled menu.

    Attributes
    ----------
    columns
        Every column of a record, with the position where it begins.
    width
        Length of a record.
    seeds
        Number of seeds.
    """

    columns: dict[Column, int]
    width: int
    seeds: int
    legs: Legs
    pairs: Pairs
    triples: Triples
    conditions: Conditions
    logic: Logic
    rows: int

    def evaluate(self, records: NDArray[np.int32]) -> NDArray[np.uint8]:
        """Return the decisions of all seeds.

        Parameters
        ----------
        records
            Columns of every event, shape (events, `width`).

        Returns
        -------
        NDArray[uint8], shape (events, ceil(seeds / 8))
            One bit a seed, lowest bit first.
        """
        out = np.zeros((len(records), -(-self.seeds // 8)), np.uint8)
        passes = np.zeros((_CHUNK, len(self.legs.lead)), np.uint64)
        rows = np.zeros((_CHUNK, max(self.rows, 1)), np.uint64)
        for start in range(0, len(records), _CHUNK):
            part = records[start : start + _CHUNK]
            n = len(part)
            passing(part, self.legs, passes[:n])
            relate(part, passes[:n], self.pairs, rows[:n])
            if len(self.triples.row):
                relate_triples(part, passes[:n], self.pairs, self.triples, rows[:n])
            decide(passes[:n], rows[:n], self.conditions, self.logic, out[start : start + n])
        return out


@dataclass
class Builder:
    """Collects what a menu needs, each thing once."""

    _columns: dict[Column, int] = field(default_factory=dict)
    _width: int = 0
    _legs: dict[Leg, int] = field(default_factory=dict)
    _pairs: dict[_Pair, tuple[int, tuple[set[int], set[int]]]] = field(default_factory=dict)
    _triples: dict[_Triple, int] = field(default_factory=dict)
    _rows: int = 0
    _conditions: dict[Condition, int] = field(default_factory=dict)
    _tables: list[NDArray[np.int64]] = field(default_factory=list)
    _table_at: dict[int, int] = field(default_factory=dict)

    def leg(self, leg: Leg) -> int:
        """Return the number of a leg."""
        kind = kind_of(leg.place.kind)
        self._column(leg.place, kind.lead)
        for cut in leg.cuts:
            self._column(leg.place, cut.field)
        return self._legs.setdefault(leg, len(self._legs))

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Return all legs in the order of their numbers."""
        return tuple(self._legs)

    @property
    def required_legs(self) -> tuple[Leg, ...]:
        """Return the legs that conditions ask for, without those that only tell charges apart."""
        numbers = {number for condition in self._conditions for number in condition.legs}
        numbers |= {condition.reference for condition in self._conditions} - {-1}
        return tuple(self.legs[number] for number in sorted(numbers))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return all columns that are read."""
        return tuple(self._columns)

    def pair(self, legs: tuple[int, int], cuts: Sequence[PairCut]) -> int:
        """Return the first row of the relation of two legs.

        Parameters
        ----------
        legs
            Numbers of the legs that ask for it.
        cuts
            Cuts, all of which must hold.
        """
        first, second = (self.legs[number].place for number in legs)
        pair = _Pair(first, second, tuple(cuts))
        if pair not in self._pairs:
            self._pairs[pair] = (self._take_rows(kind_of(pair.first.kind).slots), (set(), set()))
            for cut in pair.cuts:
                for place in (pair.first, pair.second):
                    for name in _fields_of(cut.quantity):
                        self._column(place, name)
        row, users = self._pairs[pair]
        users[0].add(legs[0])
        users[1].add(legs[1])
        return row

    def triple(self, legs: tuple[int, int, int], cut: PairCut) -> tuple[int, int]:
        """Return the first row and the stride of a relation of three legs of one list."""
        place = self.legs[legs[0]].place
        for other in legs[1:]:
            self.pair((legs[0], other), (cut._replace(low=-1, high=-1),))
        triple = _Triple(place, cut)
        slots = kind_of(place.kind).slots
        if triple not in self._triples:
            self._triples[triple] = self._take_rows(slots * slots)
        return self._triples[triple], slots

    def condition(self, condition: Condition) -> int:
        """Return the number of a condition."""
        return self._conditions.setdefault(condition, len(self._conditions))

    def program(self, seeds: Sequence[Sequence[int]]) -> Program:
        """Return the compiled menu.

        Parameters
        ----------
        seeds
            Postfix expression of every seed; an empty one never fires.
        """
        pairs = self._flat_pairs()
        return Program(
            columns=dict(self._columns),
            width=self._width,
            seeds=len(seeds),
            legs=self._flat_legs(),
            pairs=pairs,
            triples=self._flat_triples(),
            conditions=conditions_of(list(self._conditions)),
            logic=logic_of(seeds),
            rows=self._rows,
        )

    def _take_rows(self, count: int) -> int:
        """Reserve rows of the output of the relations."""
        start = self._rows
        self._rows += count
        return start

    def _column(self, place: Place, name: str) -> int:
        """Return where a column begins in a record."""
        kind = kind_of(place.kind)
        if name not in kind.fields:
            raise KeyError(f"{place.kind} has no {name}")
        column = Column(place, name)
        if column not in self._columns:
            self._columns[column] = self._width
            self._width += kind.slots
        return self._columns[column]

    def _position(self, place: Place, name: str) -> int:
        """Return where a column begins, or -1 if nothing uses it."""
        return self._columns.get(Column(place, name), -1)

    def _table(self, table: NDArray[np.int64]) -> int:
        """Return where a table begins among all tables."""
        key = id(table)
        if key not in self._table_at:
            self._table_at[key] = sum(len(t) for t in self._tables)
            self._tables.append(table)
        return self._table_at[key]

    def _flat_legs(self) -> Legs:
        """Return all legs as the kernel reads them."""
        legs = list(self._legs)
        cuts = [(leg.place, cut) for leg in legs for cut in leg.cuts]
        windows = [window for _, cut in cuts for window in cut.windows]
        return Legs(
            lead=_integers(self._position(g.place, kind_of(g.place.kind).lead) for g in legs),
            slots=_integers(kind_of(g.place.kind).slots for g in legs),
            low=_integers(g.low for g in legs),
            high=_integers(g.high for g in legs),
            allowed=np.array([g.allowed for g in legs], np.uint64),
            cut_start=_starts(len(g.cuts) for g in legs),
            cut_column=_integers(self._position(place, cut.field) for place, cut in cuts),
            cut_kind=_integers(WINDOWS if cut.windows else ONE_OF for _, cut in cuts),
            cut_mask=np.array([cut.mask for _, cut in cuts], np.uint64),
            window_start=_starts(len(cut.windows) for _, cut in cuts),
            window_low=_integers(low for low, _ in windows),
            window_high=_integers(high for _, high in windows),
        )

    def _flat_pairs(self) -> Pairs:
        """Return all relations of pairs as the kernel reads them."""
        rows: list[list[int]] = []
        cuts: list[tuple[int, int, int]] = []
        legs: list[int] = []
        for pair, (row, users) in self._pairs.items():
            common = {"row": row, "same": int(pair.first == pair.second)}
            common |= self._pair_tables(family(kind_of(pair.first.kind), kind_of(pair.second.kind)))
            common |= {"cut_start": len(cuts), "cut_stop": len(cuts) + len(pair.cuts)}
            cuts += [(QUANTITIES.index(c.quantity), c.low, c.high) for c in pair.cuts]
            entries = [common[name] for name in PAIR_FIELDS]
            for place, other, side in (
                (pair.first, pair.second, users[0]),
                (pair.second, pair.first, users[1]),
            ):
                one = self._side(place, other)
                one |= {"leg_start": len(legs), "leg_stop": len(legs) + len(side)}
                legs += sorted(side)
                entries += [one[name] for name in SIDE_FIELDS]
            rows.append(entries)
        return Pairs(
            info=np.array(rows, np.int64).reshape(-1, len(PAIR_FIELDS) + 2 * len(SIDE_FIELDS)),
            cuts=np.array(cuts, np.int64).reshape(-1, 3),
            legs=_integers(legs),
            tables=np.concatenate(self._tables) if self._tables else np.zeros(1, np.int64),
        )

    def _pair_tables(self, name: str) -> dict[str, int]:
        """Return the constants of a family of pairs, and where its tables begin."""
        angles = "calo" if name == "calo" else "muon"
        return {
            "half": 72 if name == "calo" else 288,
            "unit": 10 ** luts.digits(name),
            "delta_eta": self._table(luts.delta_eta(name)),
            "delta_phi": self._table(luts.delta_phi(name)),
            "cosh": self._table(luts.cosh_delta_eta(name)),
            "cos": self._table(luts.cos_delta_phi(name)),
            "inverse": self._table(luts.inverse_delta_r_squared(angles)),
            "upt": self._table(luts.unconstrained_momentum()),
            "sine": self._table(luts.sine(angles)),
            "cosine": self._table(luts.cosine(angles)),
        }

    def _side(self, place: Place, other: Place) -> dict[str, int]:
        """Return where the fields of one list of a pair are."""
        names = {"unconstrained": "upt"}
        fields = ("eta", "phi", "pt", "unconstrained", "charge", "charge_valid")
        return {
            "slots": kind_of(place.kind).slots,
            **{name: self._position(place, names.get(name, name)) for name in fields},
            "convert": int(place.kind != "MU" and other.kind == "MU"),
            "pt_table": self._momentum_table(place),
        }

    def _momentum_table(self, place: Place) -> int:
        """Return where the table of momenta of a list begins; -1 without momenta."""
        kind = kind_of(place.kind)
        if "pt" not in kind.fields:
            return -1
        return self._table(luts.momentum(kind.fields["pt"], kind.offset))

    def _flat_triples(self) -> Triples:
        """Return all relations of three objects as the kernel reads them."""
        triples = list(self._triples)
        numbers = {pair: number for number, pair in enumerate(self._pairs)}
        pairs = [
            numbers[_Pair(t.place, t.place, (t.cut._replace(low=-1, high=-1),))] for t in triples
        ]
        return Triples(
            row=_integers(self._triples[t] for t in triples),
            pair=_integers(pairs),
            quantity=_integers(QUANTITIES.index(t.cut.quantity) for t in triples),
            low=_integers(t.cut.low for t in triples),
            high=_integers(t.cut.high for t in triples),
        )


def _fields_of(quantity: str) -> tuple[str, ...]:
    """Return the fields that a pair quantity reads of both objects."""
    return {
        "DETA": ("eta",),
        "DPHI": ("phi",),
        "DR": ("eta", "phi"),
        "MASS": ("pt", "eta", "phi"),
        "MASSUPT": ("upt", "eta", "phi"),
        "MASST": ("pt", "phi"),
        "MASSDR": ("pt", "eta", "phi"),
        "TBPT": ("pt", "phi"),
        "OS": ("charge", "charge_valid"),
        "LS": ("charge", "charge_valid"),
    }[quantity]


def _integers(values: Sequence[int] | Iterator[int]) -> NDArray[np.int64]:
    """Return integers as an array, also where there are none."""
    return np.array([int(value) for value in values], np.int64)


def _starts(lengths: Sequence[int] | Iterator[int]) -> NDArray[np.int64]:
    """Return where each of several consecutive runs begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(list(lengths))]).astype(np.int64)
