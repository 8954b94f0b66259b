"""`insert`: the one entry point that puts weights and scores into events."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import awkward as ak
import numpy as np

from l1kd._edge import is_dask, note, partitioned
from l1kd.algorithms import SHIPPED, Algorithm, CandidateWeight, Puppi
from l1kd.candidates import candidates, source_of, sources
from l1kd.errors import ConfigurationError
from l1kd.regions import region_sources

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
    return [Available(a.name, a().version, a.inputs, a.adds) for a in SHIPPED.values()]


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
    if algorithms is None:
        has_regions = bool(region_sources(events))
        has_particles = source is not None or bool(sources(events))
        if not has_particles and not has_regions:
            source_of(events, source)  # says why these events are refused
        algorithms = [n for n in DEFAULT if (has_regions if n == "cicada" else has_particles)]
    if isinstance(algorithms, str):
        raise ConfigurationError(f"expected a list of algorithms, found the string {algorithms!r}")
    chosen: list[Algorithm] = []
    for algorithm in algorithms:
        if isinstance(algorithm, str) and algorithm not in SHIPPED:
            raise ConfigurationError(
                f"unknown algorithm {algorithm!r}; available: {', '.join(SHIPPED)}"
            )
        chosen.append(SHIPPED[algorithm]() if isinstance(algorithm, str) else algorithm)
    needs_puppi = any("puppi_weight" in algorithm.inputs for algorithm in chosen)
    if needs_puppi and not any(algorithm.name == "puppi" for algorithm in chosen):
        inserted = "L1Cand" in events.fields and "puppi_weight" in events["L1Cand"].fields
        if not inserted:
            chosen.append(Puppi())
    return sorted(chosen, key=lambda algorithm: algorithm.name != "puppi")


def _insert(events: ak.Array, algorithms: Sequence[Algorithm], source: str | None) -> ak.Array:
    if ak.to_layout(events).is_option:
        return _insert_masked(events, algorithms, source)
    weights = [a for a in algorithms if isinstance(a, CandidateWeight)]
    if weights and "L1Cand" not in events.fields:
        events = ak.with_field(events, candidates(events, source), "L1Cand")
        note("inserted", "L1Cand")
    for algorithm in algorithms:
        for place, result in algorithm.fields(events).items():
            collection, _, field = place.partition(".")
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
