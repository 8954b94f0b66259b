"""What simulation knows: generated momenta, and the same event without pile-up."""

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents import DelphesSchema, NanoEventsFactory

from l1kd._edge import Array, by_event, collections, flat, offsets_of, read
from l1kd.errors import PairingError, UnknownFormatError

__all__ = ["gen_jets", "gen_met", "open_twin", "require_pairing"]

_GEN_MET = {
    "GenMissingET": ("MET", "Phi"),
    "GenMET": ("pt", "phi"),
    "genMetCentral": ("pt", "phi"),
}


def gen_met(events: ak.Array) -> ak.Array:
    """Return the generated missing momentum, one record an event: `pt` [GeV], `phi` [rad].

    Raises
    ------
    UnknownFormatError
        If the events hold none of GenMissingET, GenMET, genMetCentral.
    """
    for collection, (pt, phi) in _GEN_MET.items():
        if collection in collections(events):
            return ak.zip(
                {
                    "pt": by_event(read(events, collection, pt), np.float64),
                    "phi": by_event(read(events, collection, phi), np.float64),
                }
            )
    raise UnknownFormatError(
        f"no generated missing momentum: expected one of {list(_GEN_MET)}; is this simulation?"
    )


def gen_jets(events: ak.Array) -> ak.Array:
    """Return the generated jets, jagged records: `pt` [GeV], `eta`, `phi`, `mass` [GeV].

    Raises
    ------
    UnknownFormatError
        If the events hold no collection GenJet.
    """
    if "GenJet" not in collections(events):
        raise UnknownFormatError("no generated jets: expected 'GenJet'; is this simulation?")
    names = ("PT", "Eta", "Phi", "Mass")
    if "PT" not in events["GenJet"].fields:
        names = ("pt", "eta", "phi", "mass")
    offsets = offsets_of(read(events, "GenJet", names[0]))
    columns = {n.lower(): flat(read(events, "GenJet", n), np.float64) for n in names}
    return ak.unflatten(ak.zip(columns), np.diff(offsets))


def open_twin(path: str | Path, start: int, stop: int) -> ak.Array:
    """Open entries `start` to `stop` of a Delphes file with the same events without pile-up."""
    return NanoEventsFactory.from_root(
        {str(path): "Delphes"}, schemaclass=DelphesSchema, entry_start=start, entry_stop=stop
    ).events()


def _sums(jagged: ak.Array) -> Array:
    return np.asarray(ak.to_numpy(ak.sum(jagged, axis=1)))


def _first_difference(mine: Array, other: Array) -> int | None:
    different = np.flatnonzero(mine != other)
    return int(different[0]) if len(different) else None


def require_pairing(events: ak.Array, twin: ak.Array, name: str, first_entry: int = 0) -> None:
    """Check that `twin` holds the same generator events as `events`, in the same order.

    Compared, exactly: the generated missing momentum, and the number and pt of generated jets.

    Parameters
    ----------
    events, twin
        Delphes events with and without pile-up.
    name
        The twin's file, for the message.
    first_entry
        Entry of the file at which `events` begin, so that the message names the file's own entry.

    Raises
    ------
    PairingError
        Naming the first event that differs.
    """
    if len(events) != len(twin):
        raise PairingError(
            f"{name}: expected entries {first_entry} to {first_entry + len(events)}, found only "
            f"{len(twin)} of these {len(events)} events"
        )
    mine, other = gen_met(events), gen_met(twin)
    jets, others = gen_jets(events).pt, gen_jets(twin).pt
    quantities: list[tuple[str, Any, Any]] = [
        ("generated missing pt [GeV]", ak.to_numpy(mine.pt), ak.to_numpy(other.pt)),
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
