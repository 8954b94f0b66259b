"""Decisions of a menu on events, counted."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import awkward as ak
import numpy as np
from coffea import processor

from l1kd._edge import by_event, collections, has_branch, read
from l1kd.algorithms import Algorithm
from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.errors import ConfigurationError, MissingBranchError
from l1kd.insertion import insert
from l1kd.processors.iso_rate import event_numbers
from l1kd.processors.vertices import trigger_vertex, vertex_counts
from l1kd.trigger.bits import Bits
from l1kd.trigger.conditions.luminosity import LumiMask, PileupTable
from l1kd.trigger.conditions.prescales import count_prescales
from l1kd.trigger.counts.decisions import Decisions, pack
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.spectra import Spectrum, in_steps
from l1kd.trigger.menus import AnyMenu, Scan, scanned
from l1kd.trigger.rates.scans import largest_passed
from l1kd.truth import event_weight
from l1kd.vertices import Vertex, checked_vertex

__all__ = ["NOTHING", "MenuRateProcessor", "event_value", "stored_bits"]

NOTHING = -(2**40)
"""Steps of a quantity that an event does not have, in a joint table."""


def event_value(events: ak.Array, path: str) -> Floats:
    """One value an event of a branch: of an object list the largest, minus infinity without any.

    Parameters
    ----------
    path
        `Collection.field`, or the name of a branch of its own.

    Raises
    ------
    MissingBranchError
        If the events do not have it.
    """
    collection, _, field = path.partition(".")
    if field:
        values = read(events, collection, field)
    elif collection in collections(events):
        values = events[collection]
    else:
        raise MissingBranchError(f"{path!r} is missing; name a branch as Collection.field")
    if values.ndim == 1:
        return np.asarray(ak.to_numpy(values), dtype=np.float64)
    largest = ak.fill_none(ak.max(values, axis=1), -np.inf)
    return np.asarray(ak.to_numpy(largest), dtype=np.float64)


def stored_bits(events: ak.Array, names: Sequence[str]) -> Bits:
    """Read the decisions that NanoAOD holds, the branches `L1_<seed>`.

    In data these are the final ones, after prescale and mask; in simulation prescales are one.

    Parameters
    ----------
    names
        Seeds of the menu; those without a branch are among the reasons.
    """
    there = events["L1"].fields if "L1" in collections(events) else []
    decisions, reasons = {}, {}
    for name in names:
        field = name.removeprefix("L1_")
        if field in there:
            decisions[name] = np.asarray(ak.to_numpy(events["L1"][field]), dtype=bool)
        else:
            reasons[name] = f"the file has no branch {name}"
    return Bits.of(decisions, reasons)


class MenuRateProcessor(processor.ProcessorABC):
    """Evaluate a menu and count its decision patterns; the result does not grow with the events.

    Parameters
    ----------
    menu
        A menu of either form, see `l1kd.trigger.menus.open_menu`.
    weights
        "relative": events count with their weights (`event_weight`), "none": each counts once.
    algorithms, source, vertex
        Inserted before the menu is evaluated, with the vertex as for `RateProcessor`, for menus on
        collections that
        an algorithm makes.
    pileup
        Where the pile-up of an event comes from: a `PileupTable`, the name of a branch, or "" for
        the number of vertices of Delphes or NanoAOD. None does not divide by pile-up.
    pileup_width
        Width of the bins of pile-up, a whole number.
    sections
        Divide by run and luminosity section.
    lumi_mask
        Events of other luminosity sections are skipped and counted.
    scans
        Legs of seeds to try thresholds on.
    quantities
        {name: (branch, step)} of distributions to keep, see `event_value`.
    resampling
        Bootstrap over luminosity sections where they are divided by, else over events.
    counters
        {seed: prescale}: decide with counters event by event, from zero in every chunk, instead of
        recording unprescaled decisions. The result depends on the chunks then.

    joint
        Divide the decisions by the number of thresholds of every scan that an event passes, and by
        the steps of every quantity, instead of keeping distributions of them one by one.

    keep
        Seeds whose decisions are kept, None for all: with fewer seeds there are fewer patterns.
    stored
        Take the decisions that the events hold, see `stored_bits`, instead of evaluating the menu.

    Notes
    -----
    The result is {dataset: {"seen", "used", "skipped": {reason: n}, "vertex": counts of
    `l1kd.processors.vertices.vertex_counts`, "decisions": Decisions, "spectra": {name:
    Spectrum}, "reasons": {(seed, why it could not be evaluated)}}}. Spectra of
    scans hold the number of thresholds passed.
    """

    def __init__(
        self,
        menu: AnyMenu,
        *,
        weights: Literal["relative", "none"] = "relative",
        algorithms: Sequence[str | Algorithm] = (),
        source: str | None = None,
        vertex: Vertex | None = None,
        pileup: PileupTable | str | None = None,
        pileup_width: int = 1,
        sections: bool = False,
        lumi_mask: LumiMask | None = None,
        scans: Sequence[Scan] = (),
        quantities: Mapping[str, tuple[str, float]] | None = None,
        resampling: Resampling | None = None,
        counters: Mapping[str, float] | None = None,
        joint: bool = False,
        keep: Sequence[str] | None = None,
        stored: bool = False,
    ) -> None:
        if pileup_width < 1:
            raise ConfigurationError(f"bins of pile-up must be 1 wide or more, not {pileup_width}")
        self.menu = menu
        self.weights = weights
        self.algorithms = list(algorithms)
        self.source = source
        self.vertex = checked_vertex(vertex)
        self.pileup = pileup
        self.pileup_width = int(pileup_width)
        self.sections = sections
        self.lumi_mask = lumi_mask
        self.scan_menu: AnyMenu | None = None
        self.families: dict[str, list[str]] = {}
        if scans:
            self.scan_menu, self.families = scanned(menu, scans)
        self.thresholds = {scan.name: scan.thresholds for scan in scans}
        self.quantities = dict(quantities or {})
        self.resampling = resampling
        self.counters = None if counters is None else dict(counters)
        self.joint = joint
        self.keep = None if keep is None else frozenset(keep)
        self.stored = stored

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Evaluate one chunk."""
        metadata = dict(events.metadata)
        seen = len(events)
        skipped = {}
        if self.lumi_mask is not None:
            kept = self.lumi_mask(*_section(events))
            if not kept.all():
                skipped["luminosity section not in the mask"] = int((~kept).sum())
                events = events[kept]
        if self.algorithms:
            vertex = trigger_vertex(events, self.source, self.vertex)
            events = insert(events, self.algorithms, self.source, vertex)
        bits = (
            stored_bits(events, [seed.name for seed in self.menu])
            if self.stored
            else self.menu.evaluate(events)
        )
        weight = event_weight(events) if self.weights == "relative" else np.ones(len(events))
        if np.any(weight < 0.0):
            raise ConfigurationError(
                f"{metadata.get('filename', 'events')}: {int((weight < 0.0).sum())} events have a "
                "negative weight; the interval of a menu's rate is not defined with them: count "
                "each event once (weights: none), or use unsigned weights"
            )
        blocks = self._blocks(events, metadata)
        names, packed = bits.names, bits.packed
        if self.keep is not None:
            names = tuple(name for name in names if name in self.keep)
        if self.counters is not None or names != bits.names:
            fired = np.zeros((len(events), len(names)), dtype=bool)
            for i, name in enumerate(names):
                fired[:, i] = bits[name]
            if self.counters is not None:
                prescales = [self.counters.get(name, 0.0) for name in names]
                fired = count_prescales(fired, prescales, weight)
            packed = pack(fired)
        options: dict[str, Any] = {"resampling": self.resampling, "blocks": blocks}
        numbers = self._numbers(events)
        strata = self._strata(events)
        if self.joint:
            strata |= {name: steps.astype(np.int64) for name, (steps, _) in numbers.items()}
            numbers = {}
        return {
            metadata.get("dataset", "events"): {
                "seen": seen,
                "used": len(events),
                "skipped": skipped,
                "vertex": vertex_counts(events),
                "decisions": Decisions.of(
                    names,
                    packed.reshape(len(events), -(-len(names) // 8)),
                    weight,
                    strata=strata,
                    **options,
                ),
                "spectra": {
                    name: Spectrum.of(steps * (step or 1.0), weight, step=step, **options)
                    for name, (steps, step) in numbers.items()
                },
                "reasons": set(bits.reasons.items()),
            }
        }

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is: the tables are made by `l1kd.trigger.rates.tables`."""
        return accumulator

    def _strata(self, events: ak.Array) -> dict[str, Integers]:
        strata: dict[str, Integers] = {}
        if self.pileup is not None:
            pileup = _pileup(events, self.pileup)
            bins = np.floor(pileup / self.pileup_width).astype(np.int64)
            strata["pileup"] = bins * self.pileup_width
        if self.sections:
            strata["run"], strata["lumi"] = _section(events)
        return strata

    def _blocks(self, events: ak.Array, metadata: Mapping[str, Any]) -> AnyArray | None:
        if self.resampling is None:
            return None
        if self.sections:
            run, lumi = _section(events)
            return run * (1 << 32) + lumi
        return event_numbers(metadata, len(events))

    def _numbers(self, events: ak.Array) -> dict[str, tuple[Floats, float]]:
        """Find the number of thresholds passed of each scan, and the steps of each quantity.

        The second number is the step: one for scans, 0 for a quantity that is kept as it is.
        """
        numbers: dict[str, tuple[Floats, float]] = {}
        if self.scan_menu is not None:
            decided = self.scan_menu.evaluate(events)
            for name, family in self.families.items():
                passed = np.stack([decided[seed] for seed in family], axis=1)
                thresholds = self.thresholds[name]
                largest = largest_passed(passed, thresholds)
                found = np.searchsorted(thresholds, largest, side="right")
                numbers[name] = found.astype(np.float64), 1.0
        for name, (path, step) in self.quantities.items():
            values = event_value(events, path)
            if self.joint and not step:
                raise ConfigurationError(f"quantity {name}: a joint table needs a step")
            if step:
                values = in_steps(values, step) / step
                if self.joint:
                    values = np.rint(np.maximum(values, float(NOTHING)), dtype=np.float64)
            numbers[name] = values, step
        return numbers


def _section(events: ak.Array) -> tuple[Integers, Integers]:
    """Run and luminosity section of each event."""
    missing = [name for name in ("run", "luminosityBlock") if name not in events.fields]
    if missing:
        raise MissingBranchError(
            f"{' and '.join(missing)} missing: the events do not say their luminosity section"
        )
    return tuple(  # type: ignore[return-value]
        np.asarray(ak.to_numpy(events[name]), dtype=np.int64) for name in ("run", "luminosityBlock")
    )


def _pileup(events: ak.Array, where: PileupTable | str) -> Floats:
    """Pile-up of each event."""
    if isinstance(where, PileupTable):
        return where.of(*_section(events))
    if where:
        collection, _, field = where.partition(".")
        return by_event(read(events, collection, field), np.float64)
    if has_branch(events, "Pileup", "nTrueInt"):
        return by_event(read(events, "Pileup", "nTrueInt"), np.float64)
    if has_branch(events, "Vertex", "Z"):
        return np.asarray(ak.to_numpy(ak.num(events["Vertex"]["Z"], axis=1)), dtype=np.float64)
    raise MissingBranchError(
        "the events have neither Pileup.nTrueInt nor Vertex: name the branch of the pile-up, or a "
        "csv with that of the luminosity sections"
    )
