"""`insert`: the one entry point that puts weights and scores into events."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from l1kd._edge import collections, is_dask, note, partitioned
from l1kd.algorithms import ALGORITHMS, Algorithm, Puppi, algorithm
from l1kd.algorithms.base import require_source
from l1kd.candidates import as_candidates, candidates, source_of
from l1kd.errors import ConfigurationError, InputError

__all__ = ["DEFAULT", "Available", "available", "insert"]

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

    Returns
    -------
    events of the same kind with
        `L1Cand`, the canonical candidates of `l1kd.candidates.candidates` in the source's order,
        none dropped or added, with one float32 field `<name>_weight` in [0, 1] an algorithm; and
        `CICADA.score`, float32. What is already in the events is kept.

    Raises
    ------
    RefusedFormatError, UnknownFormatError
        If the events do not hold what an algorithm needs; nothing is inserted.
    ConfigurationError
        If a name is unknown.
    MissingBranchError, InputError
        If a branch is missing, or holds NaN, infinity or negative pt.
    """
    chosen = _resolve(events, algorithms, source)
    if is_dask(events):
        return partitioned(partial(_insert, algorithms=chosen, source=source), events)
    return _insert(events, chosen, source)


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
    return sorted(chosen, key=lambda a: a.name != "puppi")


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


def _insert(events: ak.Array, algorithms: Sequence[Algorithm], source: str | None) -> ak.Array:
    if ak.to_layout(events).is_option:
        return _insert_masked(events, algorithms, source)
    asked = _source(algorithms, source)
    if "L1Cand" in events.fields:
        require_source(events["L1Cand"], asked)
        particles = as_candidates(events["L1Cand"])
        if particles is not events["L1Cand"]:
            events = ak.with_field(events, particles, "L1Cand")
    elif any(a.is_weight for a in algorithms):
        events = ak.with_field(events, candidates(events, asked), "L1Cand")
        note("inserted", "L1Cand")
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
    events: ak.Array, algorithms: Sequence[Algorithm], source: str | None
) -> ak.Array:
    """Compute the events that are there; the others stay missing."""
    missing = ak.to_numpy(ak.is_none(events))
    inserted = _insert(ak.drop_none(events, axis=0), algorithms, source)
    position = np.where(missing, -1, np.cumsum(~missing) - 1)
    layout = ak.contents.IndexedOptionArray(ak.index.Index64(position), ak.to_layout(inserted))
    return ak.Array(layout, behavior=inserted.behavior, attrs=inserted.attrs)
