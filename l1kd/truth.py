"""What simulation knows: generated momenta, and the same event without pile-up."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents import DelphesSchema

from l1kd.datasets.opening import open_events
from l1kd.emulators.array_types import AnyArray
from l1kd.errors import PairingError, UnknownFormatError
from l1kd.formats import first, known
from l1kd.statistics import checked_weights

__all__ = [
    "event_weight",
    "gen_jets",
    "gen_met",
    "hard_vertex",
    "open_without_pileup",
    "require_pairing",
    "vertex_count",
]


def gen_met(events: ak.Array) -> ak.Array:
    """Return the generated MET, one record an event: `pt` [GeV], `phi` [rad].

    Raises
    ------
    UnknownFormatError
        If the events hold none of GenMissingET, GenMET, genMetCentral.
    """
    reader = first("gen_met", events)
    if reader is None:
        names = [name for needs in known("gen_met") for name in needs]
        raise UnknownFormatError(f"no generated MET: expected one of {names}; is this simulation?")
    return reader.read(events)


def gen_jets(events: ak.Array) -> ak.Array:
    """Return the generated jets, jagged records: `pt` [GeV], `eta`, `phi`, `mass` [GeV].

    The mass is zero where the file has none: no study reads it.

    Raises
    ------
    UnknownFormatError
        If the events hold no collection GenJet.
    """
    reader = first("gen_jets", events)
    if reader is None:
        raise UnknownFormatError("no generated jets: expected 'GenJet'; is this simulation?")
    return reader.read(events)


def event_weight(events: ak.Array) -> AnyArray:
    """Return the weight of each event, float64: Event.Weight, genWeight, or one without any.

    Raises
    ------
    InputError
        If one is NaN or infinite: nothing can be computed with it.
    """
    reader = first("event_weight", events)
    if reader is None:
        return np.ones(len(events))
    return checked_weights(reader.read(events), len(events))


def vertex_count(events: ak.Array) -> AnyArray | None:
    """Count the vertices of each event, int64; None if the events cannot tell."""
    reader = first("vertices", events)
    return None if reader is None else reader.read(events)


def hard_vertex(events: ak.Array) -> AnyArray | None:
    """Position z [cm] of the simulated hard vertex of each event; None if the events cannot tell.

    Raises
    ------
    MissingBranchError, InputError
        If the events should have one, see `l1kd.formats.delphes.hard_vertex_z`.
    """
    reader = first("hard_vertex", events)
    return None if reader is None else reader.read(events)


def open_without_pileup(path: str | Path, start: int, stop: int) -> ak.Array:
    """Open entries `start` to `stop` of a Delphes file with the same events without pile-up."""
    return open_events(str(path), "Delphes", DelphesSchema, start, stop)


def _sums(jagged: ak.Array) -> AnyArray:
    return np.asarray(ak.to_numpy(ak.sum(jagged, axis=1)))


def _first_difference(mine: AnyArray, other: AnyArray) -> int | None:
    different = np.flatnonzero(mine != other)
    return int(different[0]) if len(different) else None


def require_pairing(events: ak.Array, without: ak.Array, name: str, first_entry: int = 0) -> None:
    """Check that `without` holds the same generator events as `events`, in the same order.

    Compared, exactly: the generated MET and, where both have generated jets, their
    number and pt.

    Parameters
    ----------
    events, without
        Delphes events with and without pile-up.
    name
        The file without pile-up, for the message.
    first_entry
        Entry of the file at which `events` begin, so that the message names the file's own entry.

    Raises
    ------
    PairingError
        Naming the first event that differs.
    """
    if len(events) != len(without):
        raise PairingError(
            f"{name}: expected entries {first_entry} to {first_entry + len(events)}, found only "
            f"{len(without)} of these {len(events)} events"
        )
    mine, other = gen_met(events), gen_met(without)
    quantities: list[tuple[str, Any, Any]] = [
        ("generated missing pt [GeV]", ak.to_numpy(mine.pt), ak.to_numpy(other.pt))
    ]
    if first("gen_jets", events) is not None and first("gen_jets", without) is not None:
        jets, others = gen_jets(events).pt, gen_jets(without).pt
        quantities += [
            ("number of generated jets", ak.to_numpy(ak.num(jets)), ak.to_numpy(ak.num(others))),
            ("sum of generated jet pt [GeV]", _sums(jets), _sums(others)),
        ]
    differences = [
        (entry, label, a[entry], b[entry])
        for label, a, b in quantities
        if (entry := _first_difference(a, b)) is not None
    ]
    if differences:
        entry, label, found, expected = min(differences, key=lambda d: d[0])
        raise PairingError(
            f"{name} does not pair with the events: entry {first_entry + entry} differs first, in "
            f"{label}: {found} with pile-up, {expected} without. Pair files by entry, from the "
            "same generation."
        )
