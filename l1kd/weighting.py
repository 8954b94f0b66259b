"""`weights`: the algorithms on a user's own arrays, without events of a known format."""

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import flat, jagged, offsets_of
from l1kd.algorithms import Algorithm, algorithm
from l1kd.candidates import DTYPES
from l1kd.columns import check_offsets, offsets_from_counts
from l1kd.emulators.array_types import AnyArray, Offsets
from l1kd.errors import ConfigurationError, InputError
from l1kd.formats.columns import class_of, energy_of, mass_of
from l1kd.insertion import insert
from l1kd.registry import nearest

__all__ = ["weights"]

_MORE = ("mass", "pdgId", "n_vertices")
"""Columns that are taken beside the canonical ones."""


def weights(
    columns: Any,
    counts: Any = None,
    algorithms: str | Algorithm | Sequence[str | Algorithm] = "puppi",
    *,
    n_vertices: Any = None,
) -> Any:
    """Weights of particles from arrays of any origin: uproot, RDataFrame, private ntuples.

    The numbers are those of `l1kd.insert` on the same particles.

    Parameters
    ----------
    columns
        Mapping of names to columns, or an awkward record array. Names are those of the canonical
        candidate: `pt`, `eta`, `phi` [GeV, -, rad], `charge`, `dz`, `d0`, `dz_error` [cm, relative
        to the primary vertex], `energy` [GeV] or `mass`, `pid` (`l1kd.candidates.PID_NAMES`) or
        `pdgId`. An algorithm says what it lacks. `dz`, `d0` and `dz_error` may be NaN: a charged
        candidate without `dz` has no track, and PUPPI takes it for pile-up unless `puppi_weight`
        says otherwise. Either flat arrays of shape (n,), or jagged awkward arrays, one list an
        event.
    counts
        Number of particles of each event, (n_events,), for flat columns; not for jagged ones.
    algorithms
        A name or an algorithm object, or several. An algorithm that reads the PUPPI weight has it
        computed unless `columns` hold `puppi_weight`.
    n_vertices
        Number of vertices of each event, (n_events,), which PUPPI needs.

    Returns
    -------
    float32 weights in [0, 1] in the order of the particles, flat or jagged as the columns were;
    for several algorithms a mapping of their names to these.

    Raises
    ------
    InputError
        If lengths differ, or a value is no number, None, NaN, infinite or outside its range.
    MissingBranchError
        If an algorithm needs a column that is not there.
    ConfigurationError
        If a column or an algorithm is unknown, or the algorithm scores events.
    """
    named = columns if isinstance(columns, Mapping) else {n: columns[n] for n in columns.fields}
    if not named:
        raise InputError("weights: expected columns by name, found none")
    given, offsets, is_jagged = _flat(named, counts)
    vertices = given.pop("n_vertices", None) if n_vertices is None else n_vertices
    one = isinstance(algorithms, str | Algorithm)
    asked = [algorithms] if isinstance(algorithms, str | Algorithm) else algorithms
    chosen = [algorithm(a) for a in asked]
    for each in chosen:
        if not each.is_weight:
            raise ConfigurationError(f"{each.name} scores events; weights() weights particles")
    fields = {name: jagged(values, offsets) for name, values in _complete(given).items()}
    events = {"L1Cand": ak.zip(fields)}
    if vertices is not None:
        events["n_vertices"] = _of_events(vertices, len(offsets) - 1)
    particles = insert(ak.zip(events, depth_limit=1), chosen)["L1Cand"]
    found = {each.name: particles[each.adds.partition(".")[2]] for each in chosen}
    if not is_jagged:
        found = {name: flat(values, np.float32) for name, values in found.items()}
    return next(iter(found.values())) if one else found


def _flat(named: Mapping[str, Any], counts: Any) -> tuple[dict[str, AnyArray], Offsets, bool]:
    """Columns of shape (n,), offsets, and whether the columns were jagged."""
    known = [*DTYPES, *_MORE]
    for name in named:
        if name not in known:
            raise ConfigurationError(
                f"weights: unknown column {name!r}; known: {', '.join(known)}{nearest(name, known)}"
            )
    lists = {n: x for n, x in named.items() if isinstance(x, ak.Array) and x.ndim == 2}
    if lists and counts is not None:
        raise InputError("weights: counts belong to flat columns; these are jagged already")
    if not lists and counts is None:
        raise InputError("weights: flat columns need counts, the number of particles of each event")
    first = next(iter(lists.values()), None)
    edges = offsets_from_counts(_numbers("counts", counts)) if first is None else offsets_of(first)
    flat_columns: dict[str, AnyArray] = {}
    for name, values in named.items():
        if name == "n_vertices":
            flat_columns[name] = _numbers(name, values)
        elif name in lists:
            if not np.array_equal(offsets_of(values), edges):
                raise InputError(f"weights: {name!r} has other numbers of particles in its events")
            flat_columns[name] = _numbers(name, ak.flatten(values, axis=1))
        else:
            flat_columns[name] = _numbers(name, values)
            if first is not None or flat_columns[name].shape != (edges[-1],):
                raise InputError(
                    f"weights: expected {name!r} as the other columns, with {edges[-1]} particles "
                    f"in {len(edges) - 1} events, found shape {flat_columns[name].shape}"
                )
    return flat_columns, check_offsets(edges, int(edges[-1])), first is not None


def _numbers(name: str, values: Any) -> AnyArray:
    """Return real numbers, all of which are there: a mask or None would be a number unseen."""
    try:
        found = ak.to_numpy(values)
    except (TypeError, ValueError) as error:  # text, objects, lists of several lengths
        reason = str(error).splitlines()[0]
        raise InputError(f"weights: {name!r} is no column of numbers: {reason}") from error
    missing = int(np.ma.getmaskarray(found).sum()) if np.ma.isMaskedArray(found) else 0
    if missing:
        raise InputError(
            f"weights: {name!r} is None or masked in {missing} places; leave these particles out, "
            "or fill them (NaN where a candidate has no track)"
        )
    if found.dtype.kind not in "biuf":
        raise InputError(f"weights: {name!r} is no column of numbers: its type is {found.dtype}")
    return np.asarray(found)


def _of_events(values: Any, n_events: int) -> AnyArray:
    found = _numbers("n_vertices", values)
    if found.shape != (n_events,):
        raise InputError(
            f"weights: expected n_vertices for {n_events} events, found shape {found.shape}"
        )
    return found


def _complete(given: dict[str, AnyArray]) -> dict[str, AnyArray]:
    """Add what follows from other columns: class from pdgId, energy from the mass."""
    columns = {name: x for name, x in given.items() if name not in _MORE}
    code = given.get("pdgId")
    if "pid" not in columns and code is not None and "charge" in columns:
        columns["pid"] = class_of(code, columns["charge"])
    if "energy" not in columns and {"pt", "eta"} <= columns.keys():
        mass = given.get("mass")
        if mass is None and code is not None and "charge" in columns:
            mass = np.where(columns["charge"] != 0, mass_of(code), 0.0)
        if mass is not None:
            columns["energy"] = energy_of(columns["pt"], columns["eta"], mass)
    return columns
