"""What an input format is: how to know its files, and how to read each thing that they hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import awkward as ak
from coffea.nanoevents.schemas.base import BaseSchema

from l1kd._edge import has_branch

__all__ = ["Format", "Reader"]


class Reader(NamedTuple):
    """One way to read something from events.

    Attributes
    ----------
    name
        For particles and calorimeters the name that `source=` takes.
    needs
        What the events must have: collections, or branches as "collection.branch".
    read
        Function of the events.
    """

    name: str
    needs: tuple[str, ...]
    read: Callable[[ak.Array], Any]

    def fits(self, events: Any) -> bool:
        """Whether the events have what it needs; nothing is read."""
        return all(
            has_branch(events, *need.split(".", 1)) if "." in need else need in events.fields
            for need in self.needs
        )


@dataclass(frozen=True)
class Format:
    """An input format. `l1kd.register(Format(...))` makes a user's own known.

    Of each kind of reader the first one whose needs are there is taken.

    Attributes
    ----------
    name
        Printed by `l1kd inspect`.
    tree
        Name of the tree in a ROOT file.
    schema
        Coffea's schema with which the file is opened.
    marks
        Names of branches; a file that has one of them is of this format. Empty: every file with
        this tree that no other format claims.
    candidates
        Readers of particles. `read` returns jagged records with the fields of the canonical
        candidate (`l1kd.candidates.candidates`: `pt`, `eta`, `phi`, `energy`, and what else there
        is), or (offsets, {field: function that returns the flat column}), of which only what is
        used is computed.
    regions
        Readers of calorimeters: uint16 of shape (n_events, 18, 14).
    gen_met, gen_jets
        Readers of generated momenta: records `pt`, `phi`, one an event; jagged records `pt`,
        `eta`, `phi`, `mass`. GeV and rad.
    vertices
        Readers of the number of vertices of every event, int64[n_events].
    hard_vertex
        Readers of the simulated hard vertex, z [cm] of every event, float64[n_events].
    event_weight
        Readers of the events' weights, float64[n_events].
    refusals
        Collections from which no particles can be taken, with the reason.
    """

    name: str
    tree: str
    schema: type[BaseSchema]
    marks: tuple[str, ...] = ()
    candidates: tuple[Reader, ...] = ()
    regions: tuple[Reader, ...] = ()
    gen_met: tuple[Reader, ...] = ()
    gen_jets: tuple[Reader, ...] = ()
    vertices: tuple[Reader, ...] = ()
    hard_vertex: tuple[Reader, ...] = ()
    event_weight: tuple[Reader, ...] = ()
    refusals: Mapping[str, str] = field(default_factory=dict, hash=False)

    def claims(self, tree: str, branches: set[str]) -> bool:
        """Whether a file with this tree and these branches is of this format."""
        return tree == self.tree and (not self.marks or not branches.isdisjoint(self.marks))
