"""Rates of a menu from its table of decisions: seeds, totals, groups, overlaps, any prescales.

Nothing here reads an event. A sample is one or more classes of events, each with the rate at which
its events happen in the detector: zero bias alone is one class; zero bias stitched from slices of
pT-hat, or reweighted to a pile-up profile, is several (`l1kd.trigger.rates.classes`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from l1kd.emulators.array_types import Floats, Mask
from l1kd.errors import ConfigurationError, InputError
from l1kd.statistics import ONE_SIGMA, Estimate
from l1kd.trigger.counts.decisions import Decisions
from l1kd.trigger.counts.intervals import PassSums, fraction_interval
from l1kd.trigger.counts.resampling import share_drawn, widened
from l1kd.trigger.rates.acceptance import accepted, any_accepted, cumulative

__all__ = ["EventClass", "GroupRate", "MenuRates", "SeedRate", "menu_rates"]


_FEW_BLOCKS = (
    "the bootstrap has a handful of blocks only (luminosity sections of a class): it says little, "
    "and intervals may be too narrow"
)
_BLOCK = 1 << 21
"""Entries of a block of patterns: 16 MB as doubles."""


class EventClass(NamedTuple):
    """Events of one kind and the rate [Hz] at which events of this kind happen."""

    name: str
    decisions: Decisions
    rate_hz: float


@dataclass(frozen=True)
class SeedRate:
    """Rates of one seed [Hz]; all but `rate` are after prescales and masks.

    Attributes
    ----------
    n_events
        Events that fired it.
    rate, final
        Before and after its prescale.
    pure
        No other seed accepted the event.
    proportional
        Every event shared equally among the seeds that accepted it; the sum over the seeds is the
        total rate.
    cumulative
        Accepted by this seed or one before it in the menu.
    """

    name: str
    prescale: float
    n_events: int
    rate: Estimate
    final: Estimate
    pure: Estimate
    proportional: Estimate
    cumulative: Estimate


@dataclass(frozen=True)
class GroupRate:
    """Rates of a group of seeds after prescales and masks [Hz]."""

    name: str
    seeds: tuple[str, ...]
    final: Estimate
    pure: Estimate
    proportional: Estimate


@dataclass(frozen=True)
class MenuRates:
    """Rates of a menu.

    Attributes
    ----------
    seeds
        In the menu's order.
    total, unprescaled
        Rate of events that at least one seed accepts, with and without prescales and masks.
    groups
        Rates of groups of seeds.
    overlap
        float64[n_seeds, n_seeds], rate [Hz] of events that both seeds accept; the diagonal is the
        seeds' own rate.
    input_hz, level, n_events
        Rate of all events, probability content of the intervals, number of events.
    classes
        {name: (number of events, rate [Hz])} of the classes of events.
    column
        Name of the prescale column, empty without prescales.
    not_evaluated
        Seeds of the prescale table that the sample has no decision of: with them the total would
        be larger.
    notes
        What a reader must know.
    """

    seeds: tuple[SeedRate, ...]
    total: Estimate
    unprescaled: Estimate
    groups: tuple[GroupRate, ...]
    overlap: Floats
    input_hz: float
    level: float
    n_events: int
    classes: Mapping[str, tuple[int, float]]
    column: str = ""
    not_evaluated: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, name: str) -> SeedRate:
        """Rates of the seed of this name."""
        for seed in self.seeds:
            if seed.name == name:
                return seed
        raise InputError(f"no seed is called {name!r}")


class _Quantity:
    """Sums over rows, class by class, of the probabilities of m things at once."""

    def __init__(self, m: int, replicas: int) -> None:
        self.sums: list[PassSums] = []
        self.drawn: list[Floats] = []
        self.m, self.replicas = m, replicas

    def begin(self) -> None:
        self.sums.append(PassSums(*(np.zeros(self.m) for _ in range(4))))
        self.drawn.append(np.zeros((self.replicas, self.m)))

    def add(self, x: Floats, rows: "_Rows") -> None:
        y = 1.0 - x
        self.sums[-1] = self.sums[-1].plus(
            PassSums(
                rows.weights @ x, rows.squares @ (x * x), rows.weights @ y, rows.squares @ (y * y)
            )
        )
        if self.replicas:
            self.drawn[-1] += rows.replicas.T @ x


class _Rows(NamedTuple):
    """A block of rows of a table."""

    fired: Mask
    weights: Floats
    squares: Floats
    replicas: Floats


def _blocks(table: Decisions) -> Iterator[_Rows]:
    weights, squares = table.weights.values(), table.squares.values()
    replicas = np.zeros((len(table), 0)) if table.replicas is None else table.replicas.values()
    size = max(_BLOCK // max(len(table.seeds), 1), 1)
    for start in range(0, len(table), size):
        part = slice(start, start + size)
        yield _Rows(table.fired(start, start + size), weights[part], squares[part], replicas[part])


class _Measure(NamedTuple):
    """What turns sums into rates with intervals."""

    classes: Sequence[EventClass]
    totals: Sequence[float]
    heaviest: float
    input_hz: float
    level: float
    drawn_totals: Sequence[Floats]
    n_events: int

    @classmethod
    def of(cls, classes: Sequence[EventClass], level: float) -> "_Measure":
        totals, heaviest, drawn = [], 0.0, []
        for each in classes:
            weights, squares = each.decisions.weights.values(), each.decisions.squares.values()
            if np.any(weights < 0.0):
                raise InputError(
                    f"{each.name}: events of one decision pattern have a negative weight in sum; "
                    "a rate's interval is not defined then: use more events or unsigned weights"
                )
            total = float(weights.sum())
            if not total > 0.0:
                raise InputError(f"{each.name}: no events, or all of weight zero")
            own = float((squares[weights > 0.0] / weights[weights > 0.0]).max())
            heaviest = max(heaviest, own * each.rate_hz / total)
            totals.append(total)
            if each.decisions.replicas is not None:
                drawn.append(each.decisions.replicas.values().sum(axis=0))
        return cls(
            classes,
            totals,
            heaviest,
            sum(each.rate_hz for each in classes),
            level,
            drawn,
            sum(each.decisions.n_events for each in classes),
        )

    def estimates(self, quantity: _Quantity, ceiling: Floats) -> list[Estimate]:
        """Rates of all things of a quantity; none can exceed `ceiling`, its largest probability."""
        if quantity.m == 0:
            return []
        top = np.where(ceiling > 0.0, ceiling, 1.0)
        merged = PassSums(*(np.zeros(quantity.m) for _ in range(4)))
        for each, total, sums in zip(self.classes, self.totals, quantity.sums, strict=True):
            merged = merged.plus(sums.scaled(each.rate_hz / total))
        rate = merged.inside
        # probabilities in units of the largest possible one: a prescaled seed's limit is its own
        weight = merged.inside + merged.outside
        squares_all = self._squares()
        units = merged._replace(
            inside=merged.inside / top,
            inside_squares=merged.inside_squares / top**2,
            outside=np.maximum(weight - merged.inside / top, 0.0),
            outside_squares=np.where(
                top == 1.0,
                merged.outside_squares,
                np.maximum(squares_all - merged.inside_squares / top**2, 0.0),
            ),
        )
        low, high = fraction_interval(units, self.heaviest, self.level)
        low, high = low * self.input_hz * top, high * self.input_hz * top
        low, high = np.minimum(low, rate), np.maximum(high, rate)
        if quantity.replicas:
            low, high = self._with_bootstrap(quantity, low, high)
        off = ceiling <= 0.0
        low, high = np.where(off, 0.0, low), np.where(off, 0.0, high)
        return [
            Estimate(float(r), float(a), float(b), self.n_events)
            for r, a, b in zip(rate, low, high, strict=True)
        ]

    def _squares(self) -> float:
        """Sum of the squares of all weights, in Hz^2."""
        return sum(
            float(each.decisions.squares.values().sum()) * (each.rate_hz / total) ** 2
            for each, total in zip(self.classes, self.totals, strict=True)
        )

    def _with_bootstrap(
        self, quantity: _Quantity, low: Floats, high: Floats
    ) -> tuple[Floats, Floats]:
        """Widen the intervals to those of the blocks, which share what they hold."""
        drawn = np.zeros((quantity.replicas, quantity.m))
        for each, total, sums in zip(self.classes, self.drawn_totals, quantity.drawn, strict=True):
            drawn += each.rate_hz * share_drawn(sums, total)
        return widened(drawn, low, high, self.level)

    @property
    def few_blocks(self) -> bool:
        """Whether a replica drew nothing of a class, which happens with a handful of blocks."""
        return any(bool(np.any(total == 0.0)) for total in self.drawn_totals)


def _acceptance(
    seeds: Sequence[str], prescales: Mapping[str, float] | None, masked: Sequence[str]
) -> tuple[Floats, tuple[str, ...]]:
    """Find the acceptance of each seed, and the seeds with a prescale that have no decisions."""
    unknown = sorted(set(masked) - set(seeds))
    if unknown:
        raise ConfigurationError(f"mask: no seed is called {', '.join(unknown)}")
    if prescales is None:
        values = np.ones(len(seeds))
        absent: tuple[str, ...] = ()
    else:
        lacking = [seed for seed in seeds if seed not in prescales]
        if lacking:
            raise ConfigurationError(
                f"the prescale table lacks {len(lacking)} seeds of the menu: "
                f"{', '.join(lacking[:5])}; give 0 for a seed that is off"
            )
        wrong = {s: p for s, p in prescales.items() if not (p == 0.0 or p >= 1.0)}
        if wrong:
            seed, value = next(iter(wrong.items()))
            raise ConfigurationError(f"prescale {value} of {seed}: expected 0 (off) or 1 and more")
        values = np.array([1.0 / prescales[s] if prescales[s] else 0.0 for s in seeds])
        absent = tuple(s for s, p in prescales.items() if p and s not in set(seeds))
    values[[seed in set(masked) for seed in seeds]] = 0.0
    return values, absent


def menu_rates(
    classes: Sequence[EventClass],
    *,
    prescales: Mapping[str, float] | None = None,
    masked: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
    column: str = "",
    level: float = ONE_SIGMA,
    notes: Sequence[str] = (),
) -> MenuRates:
    """Rates of a menu.

    Parameters
    ----------
    classes
        The sample, see `l1kd.trigger.rates.classes`. All classes have the same seeds; their
        strata are summed over.
    prescales
        Prescale of every seed, 0 for off; None for no prescales.
    masked
        Seeds that do not enter the final decision.
    groups
        {name: seeds} for which totals are wanted.
    column, notes
        Name of the prescale column and remarks, kept with the result.
    level
        Probability content of the intervals: those of Clopper and Pearson for events of equal
        weight, conservative ones for others (`l1kd.trigger.counts.intervals`), widened to the
        percentiles of the block bootstrap where the tables hold one.

    Raises
    ------
    InputError
        Without events, or if classes differ in their seeds.
    ConfigurationError
        For prescales that lack a seed or lie between 0 and 1, and unknown names in a mask or group.
    """
    if not classes:
        raise InputError("rates: no events")
    seeds = classes[0].decisions.seeds
    for each in classes:
        if each.decisions.seeds != seeds:
            raise InputError(f"{each.name} has decisions of other seeds than {classes[0].name}")
    acceptance, absent = _acceptance(seeds, prescales, masked)
    members = _members(seeds, groups)
    flat = [each._replace(decisions=each.decisions.by()) for each in classes]
    measure = _Measure.of(flat, level)
    n, g = len(seeds), len(groups)
    resampling = _replicas(flat)
    kinds = {"rate": n, "final": n, "pure": n, "proportional": n, "cumulative": n}
    kinds |= {"total": 1, "unprescaled": 1, "group": g, "group_pure": g, "group_shared": g}
    quantities = {name: _Quantity(m, resampling) for name, m in kinds.items()}
    overlap, counts = np.zeros((n, n)), np.zeros(n, np.int64)
    ones = np.ones(n)
    for each in flat:
        scale = each.rate_hz / each.decisions.sum_of_weights
        for quantity in quantities.values():
            quantity.begin()
        start = 0
        for rows in _blocks(each.decisions):
            block = accepted(rows.fired, acceptance)
            values = {
                "rate": rows.fired.astype(np.float64),
                "final": block.each,
                "pure": block.pure,
                "proportional": block.proportional,
                "cumulative": cumulative(rows.fired, acceptance),
                "total": block.total[:, None],
                "unprescaled": any_accepted(rows.fired, ones)[:, None],
                **_group_values(rows.fired, acceptance, members, block.proportional),
            }
            for name, x in values.items():
                quantities[name].add(x, rows)
            pair = (block.each * rows.weights[:, None]).T @ block.each
            np.fill_diagonal(pair, rows.weights @ block.each)
            overlap += scale * pair
            own = each.decisions.counts[start : start + len(rows.fired)]
            counts += own @ rows.fired.astype(np.int64)
            start += len(rows.fired)
    if measure.few_blocks:
        notes = [*notes, _FEW_BLOCKS]
    everything = np.array([1.0 - np.prod(1.0 - acceptance)])
    largest = np.array([1.0 - np.prod(1.0 - acceptance[m]) for m in members])
    ceilings = {"rate": ones, "cumulative": 1.0 - np.cumprod(1.0 - acceptance)}
    ceilings |= dict.fromkeys(("final", "pure", "proportional"), acceptance)
    ceilings |= {"total": everything, "unprescaled": np.ones(1)}
    ceilings |= dict.fromkeys(("group", "group_pure", "group_shared"), largest)
    found = {k: measure.estimates(q, np.asarray(ceilings[k])) for k, q in quantities.items()}
    rows_of = (found[k] for k in ("rate", "final", "pure", "proportional", "cumulative"))
    return MenuRates(
        tuple(
            SeedRate(seed, 1.0 / a if a else 0.0, int(k), *numbers)
            for seed, a, k, *numbers in zip(seeds, acceptance, counts, *rows_of, strict=True)
        ),
        found["total"][0],
        found["unprescaled"][0],
        tuple(
            GroupRate(name, tuple(groups[name]), *numbers)
            for name, *numbers in zip(
                groups, found["group"], found["group_pure"], found["group_shared"], strict=True
            )
        ),
        overlap,
        measure.input_hz,
        level,
        measure.n_events,
        {each.name: (each.decisions.n_events, each.rate_hz) for each in classes},
        column,
        absent,
        tuple(notes),
    )


def _replicas(classes: Sequence[EventClass]) -> int:
    """Find the number of bootstrap replicas that all classes hold, 0 for none.

    Raises
    ------
    InputError
        If only some of them have any, or their numbers differ.
    """
    found = {c.decisions.resampling.replicas if c.decisions.resampling else 0 for c in classes}
    if len(found) > 1:
        raise InputError(f"classes of events with different numbers of replicas: {sorted(found)}")
    return found.pop()


def _members(seeds: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[Mask]:
    """For each group bool[n_seeds], whether a seed belongs to it."""
    found = []
    for name, chosen in groups.items():
        unknown = sorted(set(chosen) - set(seeds))
        if unknown:
            raise ConfigurationError(f"group {name!r}: no seed is called {', '.join(unknown)}")
        found.append(np.array([seed in set(chosen) for seed in seeds], dtype=bool))
    return found


def _group_values(
    fired: Mask,
    acceptance: Floats,
    members: Sequence[Mask],
    proportional: Floats,
) -> dict[str, Any]:
    """Probabilities of the groups: some seed of it accepts, only such do, shares of its seeds."""
    n = len(fired)
    own, pure, shared = (np.zeros((n, len(members))) for _ in range(3))
    for i, member in enumerate(members):
        own[:, i] = any_accepted(fired, np.where(member, acceptance, 0.0))
        pure[:, i] = own[:, i] * (1.0 - any_accepted(fired, np.where(member, 0.0, acceptance)))
        shared[:, i] = proportional[:, member].sum(axis=1)
    return {"group": own, "group_pure": pure, "group_shared": shared}
