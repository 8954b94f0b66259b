"""`insert`: the one entry point that puts weights and scores into events."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from l1kd._edge import collections, is_dask, note, partitioned
from l1kd.algorithms import ALGORITHMS, Algorithm, Puppi, algorithm
from l1kd.algorithms.base import CandidateWeight, require_source, require_vertex
from l1kd.candidates import as_candidates, candidates, source_of
from l1kd.errors import ConfigurationError, InputError
from l1kd.vertices import FOUND, SIMULATED, Vertex, checked_vertex, find

__all__ = ["DEFAULT", "Available", "available", "insert", "insert_candidates"]

DEFAULT = ("puppi", "qdistillnet", "cicada")
"""What `insert` inserts when it is not told."""


class Available(NamedTuple):
    """An algorithm that `insert` knows: its name, version, inputs and the field it adds."""

    name: str
    version: str
    reads: tuple[str, ...]
    adds: str


def available() -> list[Available]:
    """List the algorithms that `insert` knows."""
    known = (algorithm(name) for name in ALGORITHMS)
    return [Available(a.name, a.version, a.inputs, a.adds) for a in known]


def insert(
    events: Any,
    algorithms: Sequence[str | Algorithm] | None = None,
    source: str | None = None,
    vertex: Vertex | None = None,
) -> Any:
    """Insert weights of particles and scores of events.

    Parameters
    ----------
    events
        NanoEvents of any supported format: whole files, slices, masked events, without particles;
        eager, virtual or dask-awkward.
    algorithms
        Names (`available()`) or algorithm objects. The default is puppi, qdistillnet and cicada,
        as far as the events have particles and a calorimeter. An algorithm that reads the PUPPI
        weight has it inserted too.
    source
        Particle collection to read where there are several (`l1kd.candidates.sources`).
    vertex
        Vertex that dz is relative to, for all algorithms that do not find their own (LinPUPPI, the
        correlator, if they were given one). "simulated": the file's own, in Delphes the true one;
        for the offline comparison. "found": that of the trigger, found from the tracks; for rates.
        None: what the algorithms were given, else that of an `L1Cand` that is there, else the
        simulated one.

    Returns
    -------
    events of the same kind with
        `L1Cand`, the canonical candidates of `l1kd.candidates.candidates` in the source's order,
        none dropped or added, with one float32 field `<name>_weight` in [0, 1] an algorithm; and
        `CICADA.score`, float32; with the found vertex `L1FoundVertex`, its `z0` [cm] and `sum_pt`
        [GeV]. What is already in the events is kept.

    Raises
    ------
    RefusedFormatError, UnknownFormatError
        If the events do not hold what an algorithm needs; nothing is inserted.
    ConfigurationError
        If a name is unknown, or several sources or vertices are asked for.
    MissingBranchError, InputError
        If a branch is missing, or holds NaN, infinity or negative pt.
    """
    chosen = _resolve(events, algorithms, source)
    if is_dask(events):
        chain = partial(_insert, algorithms=chosen, source=source, vertex=vertex)
        return partitioned(chain, events)
    return _insert(events, chosen, source, vertex)


def _resolve(
    events: Any, algorithms: Sequence[str | Algorithm] | None, source: str | None
) -> list[Algorithm]:
    """Algorithm objects in an order in which each finds its inputs."""
    if isinstance(algorithms, str):
        raise ConfigurationError(f"expected a list of algorithms, found the string {algorithms!r}")
    if algorithms is None:
        chosen = [a for a in map(algorithm, DEFAULT) if a.applies_to(events)]
        if not chosen or (source is not None and "L1Cand" not in collections(events)):
            source_of(events, source)  # says why these events are refused
    else:
        chosen = [algorithm(a) for a in algorithms]
    names = [a.name for a in chosen]
    if len(set(names)) != len(names):
        raise ConfigurationError(f"algorithms {names}: each once; give objects names of their own")
    if any("puppi_weight" in a.inputs for a in chosen) and "puppi" not in names:
        inserted = "L1Cand" in events.fields and "puppi_weight" in events["L1Cand"].fields
        if not inserted:
            chosen.append(Puppi())
    # scores may read what weights insert, the correlator's collections among it
    return sorted(chosen, key=lambda a: (a.name != "puppi", not a.is_weight))


def _source(algorithms: Sequence[Algorithm], source: str | None) -> str | None:
    """Return the particle source that is asked for, by the call or by the algorithms."""
    asked = {a.source for a in algorithms if a.is_weight} | {source}
    asked.discard(None)
    if len(asked) > 1:
        raise ConfigurationError(
            f"several particle sources are asked for: {', '.join(sorted(map(str, asked)))}; events "
            "have one L1Cand, so insert from one source"
        )
    return next(iter(asked), None)


def _vertex(algorithms: Sequence[Algorithm], vertex: Vertex | None) -> Vertex | None:
    """Return the vertex of dz that is asked for, by the call or by the algorithms that read it."""
    weights = [a for a in algorithms if isinstance(a, CandidateWeight) and not a.finds_vertex]
    asked = {a.vertex for a in weights} | {checked_vertex(vertex)}
    asked.discard(None)
    if len(asked) > 1:
        raise ConfigurationError(
            "both the found and the simulated vertex are asked for; dz of an L1Cand is relative to "
            "one, so insert one at a time"
        )
    return next(iter(asked), None)


def insert_candidates(events: ak.Array, source: str | None, vertex: Vertex | None) -> ak.Array:
    """Return the events with `L1Cand`, and with the vertex if it was found."""
    particles = candidates(events, source, vertex or SIMULATED)
    events = ak.with_field(events, particles, "L1Cand")
    note("inserted", "L1Cand")
    if vertex == FOUND:
        found = find(particles)
        record = {"z0": found.z0.astype(np.float32), "sum_pt": found.sum_pt.astype(np.float32)}
        events = ak.with_field(events, ak.zip(record), "L1FoundVertex")
        note("inserted", "L1FoundVertex")
    return events


def _insert(
    events: ak.Array,
    algorithms: Sequence[Algorithm],
    source: str | None,
    vertex: Vertex | None = None,
) -> ak.Array:
    if ak.to_layout(events).is_option:
        return _insert_masked(events, algorithms, source, vertex)
    asked, relative_to = _source(algorithms, source), _vertex(algorithms, vertex)
    if "L1Cand" in events.fields:
        require_source(events["L1Cand"], asked)
        require_vertex(events["L1Cand"], relative_to)
        particles = as_candidates(events["L1Cand"])
        if particles is not events["L1Cand"]:
            events = ak.with_field(events, particles, "L1Cand")
    elif any(a.is_weight for a in algorithms):
        events = insert_candidates(events, asked, relative_to)
    writers: dict[str, str] = {}
    for each in algorithms:
        for place, result in each.fields(events).items():
            collection, _, field = place.partition(".")
            if place in writers:
                raise ConfigurationError(
                    f"{writers[place]!r} and {each.name!r} both insert {place}; insert one of "
                    "them, or give a Correlator another prefix"
                )
            writers[place] = each.name
            if len(result) != len(events):
                raise InputError(
                    f"{each.name}: expected a result for {len(events)} events, found {len(result)}"
                )
            if not field:
                record = result
            elif collection in events.fields:
                record = ak.with_field(events[collection], result, field)
            else:
                record = ak.zip({field: result}, depth_limit=1)
            events = ak.with_field(events, record, collection)
            note("inserted", place)
    return events


def _insert_masked(
    events: ak.Array,
    algorithms: Sequence[Algorithm],
    source: str | None,
    vertex: Vertex | None,
) -> ak.Array:
    """Compute the events that are there; the others stay missing."""
    missing = ak.to_numpy(ak.is_none(events))
    inserted = _insert(ak.drop_none(events, axis=0), algorithms, source, vertex)
    position = np.where(missing, -1, np.cumsum(~missing) - 1)
    layout = ak.contents.IndexedOptionArray(ak.index.Index64(position), ak.to_layout(inserted))
    return ak.Array(layout, behavior=inserted.behavior, attrs=inserted.attrs)
