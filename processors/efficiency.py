"""Turn-on curves: online objects against generated or offline ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from coffea import processor

from l1kd._edge import collections
from l1kd.algorithms import Algorithm
from l1kd.emulators.array_types import Floats, Integers, Mask
from l1kd.errors import MissingBranchError
from l1kd.insertion import insert
from l1kd.physics.matching import delta_phi
from l1kd.processors.vertices import trigger_vertex, vertex_counts
from l1kd.trigger.efficiency.form import INCLUSIVE, TurnOnForm, by_region
from l1kd.trigger.efficiency.turn_on import TurnOn
from l1kd.trigger.object_menu.columns import Collection, missing_fields, open_collection
from l1kd.trigger.object_menu.expressions import fields_of, on_columns, parse_cut
from l1kd.truth import event_weight
from l1kd.vertices import Vertex, checked_vertex

__all__ = ["EVERYWHERE", "EfficiencyProcessor"]

EVERYWHERE = INCLUSIVE
"""Region of a turn-on that is not divided."""


class EfficiencyProcessor(processor.ProcessorABC):
    """Fill turn-ons; the result does not grow with the number of events.

    Parameters
    ----------
    turn_ons
        {name: description}.
    algorithms, source, vertex
        Inserted first, with the vertex as for `RateProcessor`, for online objects that an
        algorithm makes.

    Notes
    -----
    The result is {dataset: {"seen", "used", "skipped", "vertex", "turn_ons": {"name:region":
    TurnOn}}}. With a match the reference is the largest one of an event after its cuts (or every
    one), and the online value is that of the largest online object after its cuts within dR;
    without one the largest of both are compared. What has no online object counts as failed.
    """

    def __init__(
        self,
        turn_ons: Mapping[str, TurnOnForm],
        *,
        algorithms: Sequence[str | Algorithm] = (),
        source: str | None = None,
        vertex: Vertex | None = None,
    ) -> None:
        self.turn_ons = dict(turn_ons)
        self.algorithms = list(algorithms)
        self.source = source
        self.vertex = checked_vertex(vertex)

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Fill one chunk."""
        metadata = dict(events.metadata)
        if self.algorithms:
            vertex = trigger_vertex(events, self.source, self.vertex)
            events = insert(events, self.algorithms, self.source, vertex)
        weight = np.asarray(event_weight(events), dtype=np.float64)
        filled: dict[str, TurnOn] = {}
        for name, form in self.turn_ons.items():
            filled |= {
                f"{name}:{region}": turn_on
                for region, turn_on in _fill(form, events, weight).items()
            }
        return {
            metadata.get("dataset", "events"): {
                "seen": len(events),
                "used": len(events),
                "skipped": {},
                "vertex": vertex_counts(events),
                "turn_ons": filled,
            }
        }

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is: curves are made by `l1kd.trigger.efficiency.turn_on`."""
        return accumulator


class _Objects:
    """Objects of one collection that pass their cuts: flat columns and the event of each.

    A field is found whatever its capitals: `eta` is `Eta` in a Delphes file.
    """

    def __init__(
        self,
        events: ak.Array,
        place: str,
        cuts: Mapping[str, Sequence[str]],
        regions: Mapping[str, tuple[float, float]],
        more: set[str],
    ) -> None:
        name, self.field = place.split(".")
        nodes = [(region, parse_cut(cut, place)) for region, own in cuts.items() for cut in own]
        needs = {self.field, *more}.union(*(fields_of(node) for _, node in nodes))
        if any(region != INCLUSIVE for region, _ in nodes):
            needs.add("eta")
        there = events[name].fields if name in collections(events) else []
        self.names = {field: _spelled(field, there) for field in needs}
        lacks = missing_fields(events, name, self.names.values())
        if lacks:
            raise MissingBranchError(f"turn-on of {place}: {lacks}")
        self.collection: Collection = open_collection(events, name)
        kept: Mask = np.ones(len(self.collection), dtype=bool)
        for region, node in nodes:
            columns = {field: self.collection[self.names[field]] for field in fields_of(node)}
            passed = np.broadcast_to(on_columns(node, columns), kept.shape)
            if region != INCLUSIVE:
                low, high = regions[region]
                eta = np.abs(self.collection[self.names["eta"]])
                passed = passed | ~((eta >= low) & (eta < high))
            kept = kept & passed
        # an object without a value, such as an option that is not there, is none
        kept = kept & np.isfinite(self.collection[self.names[self.field]])
        self.chosen = np.flatnonzero(kept)
        counts = np.diff(self.collection.offsets)
        self.event: Integers = np.repeat(np.arange(counts.size), counts)[self.chosen]
        self.n_events = counts.size

    @property
    def value(self) -> Floats:
        return self[self.field]

    def __getitem__(self, field: str) -> Floats:
        return self.collection[self.names[field]][self.chosen]

    def largest(self) -> Integers:
        """Position of the largest object of each event that has one."""
        order = np.lexsort((-self.value, self.event))
        _, first = np.unique(self.event[order], return_index=True)
        return np.asarray(order[first], dtype=np.int64)


def _spelled(field: str, there: Sequence[str]) -> str:
    """Find a field as it is written, or else the only one that differs in capitals alone."""
    alike = [name for name in there if name.lower() == field.lower()]
    return alike[0] if field not in there and len(alike) == 1 else field


def _fill(form: TurnOnForm, events: ak.Array, weight: Floats) -> dict[str, TurnOn]:
    matched = form.match is not None
    position = {"eta", "phi"} if matched else set()
    axis = {"eta"} if form.regions else set()
    cuts = by_region(form.reference_cuts)
    reference = _Objects(events, form.reference, cuts, form.regions, position | axis)
    cuts = by_region(form.online_cuts)
    online = _Objects(events, form.online, cuts, form.regions, position)
    if form.all_objects and matched:
        chosen = np.arange(reference.event.size)
    else:
        chosen = reference.largest()
    event = reference.event[chosen]
    if form.match is not None:
        value = _within(reference, chosen, online, form.match)
    else:
        best = np.full(reference.n_events, -np.inf)
        np.maximum.at(best, online.event, online.value)
        value = best[event]
    regions = form.regions or {EVERYWHERE: (0.0, np.inf)}
    eta = np.abs(reference["eta"][chosen]) if form.regions else np.zeros(chosen.size)
    made = {}
    for region, (low, high) in regions.items():
        inside = (eta >= low) & (eta < high)
        made[region] = TurnOn.of(
            reference.value[chosen][inside],
            value[inside],
            form.edges,
            weight[event[inside]],
            step=form.step,
        )
    return made


def _within(reference: _Objects, chosen: Integers, online: _Objects, max_dr: float) -> Floats:
    """Largest online value within the distance of each reference; minus infinity without one."""
    first = np.searchsorted(online.event, reference.event[chosen], side="left")
    last = np.searchsorted(online.event, reference.event[chosen], side="right")
    n = last - first
    which = np.repeat(np.arange(chosen.size), n)
    other = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + np.repeat(first, n)
    d_eta = reference["eta"][chosen][which] - online["eta"][other]
    d_phi = delta_phi(reference["phi"][chosen][which], online["phi"][other])
    near = np.hypot(d_eta, d_phi) < max_dr
    best = np.full(chosen.size, -np.inf)
    np.maximum.at(best, which[near], online.value[other[near]])
    return best
