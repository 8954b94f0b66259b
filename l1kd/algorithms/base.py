"""What every insertable algorithm shares: its inputs, its checks, its way through awkward."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import partial
from typing import Any

import awkward as ak
import numpy as np

from l1kd._coffea import numpy_call_wrapper
from l1kd._edge import collections, flat, jagged, note, offsets_of, partitioned
from l1kd.algorithms.event_inputs import EVENT_INPUTS, event_input
from l1kd.candidates import DTYPES, candidates, recorded_source, recorded_vertex, sources
from l1kd.emulators.array_types import AnyArray, Singles
from l1kd.errors import ConfigurationError, InputError, L1KDError, MissingBranchError
from l1kd.validation import CANONICAL, check, file_of, require_columns
from l1kd.vertices import FOUND, SIMULATED, Vertex, checked_vertex

__all__ = ["Algorithm", "CandidateWeight", "EventScore"]


_BLOCK = 1 << 15
"""Particles evaluated at a time, and whole events besides: columns stay in the cache, whatever the
chunk."""


def blocks(offsets: AnyArray) -> Iterator[tuple[int, int]]:
    """Cut events into blocks of about 30,000 particles, at least one event each."""
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + _BLOCK, side="right")) - 1
        last = max(last, first + 1)
        yield first, last
        first = last


class Algorithm(numpy_call_wrapper):
    """An algorithm that is inserted into events.

    Call it with events and it returns an awkward array; coffea's `numpy_call_wrapper` makes that
    work on eager, virtual and dask-awkward events alike. Instances pickle small: the model is
    loaded when it is first used, once per process.

    Attributes
    ----------
    name
        Under which `l1kd.insert` knows it.
    inputs
        Canonical columns that it reads.
    optional
        Those of them without which its numbers are still right.
    adds
        The field that it adds to the events, as "collection.field": "L1Cand.<name>_weight" for a
        weight, "<collection>.<field>" for a score.
    label
        How plots and tables call it; its name where it is empty.
    step
        Natural spacing of thresholds on a score, None where every number is one.
    unit
        Of a score; empty for a pure number.
    """

    name: str
    inputs: tuple[str, ...]
    optional: tuple[str, ...] = ()
    adds: str
    label: str = ""
    step: float | None = None
    unit: str = ""

    def __init__(self, source: str | None = None) -> None:
        super().__init__()
        self.source = source

    @property
    def version(self) -> str:
        """Name of the model or of the parameters that this instance uses."""
        return "1"

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns without which its numbers would be wrong; all NaN counts as missing."""
        return tuple(name for name in self.inputs if name not in self.optional)

    @property
    def is_weight(self) -> bool:
        """Whether it weights particles, and does not score events."""
        return self.adds.startswith("L1Cand.")

    @property
    def title(self) -> str:
        """Return its name as plots and tables print it."""
        return self.label or self.name

    def applies_to(self, events: Any) -> bool:
        """Whether the events have what it reads: particles, if it does not say otherwise."""
        return "L1Cand" in collections(events) or bool(sources(events))

    def __repr__(self) -> str:
        """Return the class and what was asked of it."""
        source = f", source={self.source!r}" if self.source else ""
        return f"{type(self).__name__}({self.version!r}{source})"

    def fields(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return what `l1kd.insert` puts into the events, as {"collection.field" or "collection"}.

        By default the one result under the name `adds`.
        """
        return {self.adds: self(events)}

    def _call_numpy(self, *args: Any, **columns: Any) -> AnyArray:
        try:
            return super()._call_numpy(*args, **columns)
        except Exception as error:
            error.add_note(f"in algorithm {self.name!r}")
            raise

    def _call_dask(self, events: Any) -> Any:
        return partitioned(partial(_call_on_partition, self), events)


def _call_on_partition(algorithm: Algorithm, events: ak.Array) -> ak.Array:
    return algorithm(events)


class CandidateWeight(Algorithm):
    """A weight for every particle.

    Subclasses implement `numpy_call(offsets, **columns)`: flat columns named as in `inputs`, int64
    offsets of shape (n_events + 1,), result float32 of shape (n_particles,) in [0, 1].

    Attributes
    ----------
    vertex
        Vertex that `dz` is relative to, "found" or "simulated" (`l1kd.vertices`); None for that of
        the candidates that are there, or the simulated one.
    finds_vertex
        Whether it takes its own vertex, whatever the inserted candidates' dz is relative to.
    """

    vertex: Vertex | None = None
    finds_vertex: bool = False

    def __init__(self, source: str | None = None, *, vertex: Vertex | None = None) -> None:
        super().__init__(source)
        self.vertex = checked_vertex(vertex)

    def column(self, particles: ak.Array, name: str) -> AnyArray:
        """Return one canonical column as a flat array; NaN for an optional one that is not there.

        Raises
        ------
        MissingBranchError
            If the source cannot give this column.
        """
        if name in particles.fields:
            values = flat(particles[name], None)
            # a cast could hide what is wrong: a charge of 256 becomes 0
            if name in CANONICAL and values.dtype != DTYPES[name]:
                check(values, CANONICAL[name], f"{self.name}: {name}")
            return np.ascontiguousarray(values, DTYPES[name])
        if name in self.optional:
            return np.full(offsets_of(particles["pt"])[-1], np.nan, DTYPES[name])
        raise MissingBranchError(
            f"{self.name} needs the candidates' {name!r}, which this source does not have "
            f"(it has: {', '.join(particles.fields)}); choose another source"
        )

    def particles(self, events: ak.Array) -> ak.Array:
        """Return the candidates already inserted, or those of the source.

        Raises
        ------
        ConfigurationError
            If they were inserted from another source than the one that this algorithm was given,
            or their dz is relative to another vertex.
        """
        if "L1Cand" not in events.fields:
            return candidates(events, self.source, self.vertex or SIMULATED)
        require_source(events["L1Cand"], self.source)
        require_vertex(events["L1Cand"], self.vertex)
        note("particles", "L1Cand")
        return events["L1Cand"]

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[()], dict[str, AnyArray]]:
        """Open awkward: the flat input columns and the offsets."""
        particles = self.particles(events)
        columns = {name: self.column(particles, name) for name in self.inputs}
        self.require(particles, columns, events)
        return (), {"offsets": offsets_of(particles["pt"]), **columns}

    def require(self, particles: ak.Array, columns: dict[str, AnyArray], events: ak.Array) -> None:
        """Check that what the algorithm needs has values, and that all values are sane.

        Raises
        ------
        MissingBranchError, InputError
            As `l1kd.validation.require_columns`.
        """
        tracks = {"d0", "dz", "z0", "dz_error"}.intersection(self.needs)
        if tracks and "charge" not in columns and "charge" in particles.fields:
            columns = {**columns, "charge": self.column(particles, "charge")}
        require_columns(self.name, columns, self.needs, file_of(events))

    def validate_numpy_input(self, *, offsets: AnyArray, **columns: AnyArray) -> None:
        """Check lengths and values.

        Raises
        ------
        InputError
            If a column's length differs from the offsets' end, pt is negative or not finite.
        """
        for name, values in columns.items():
            if values.shape != (offsets[-1],):
                raise InputError(
                    f"{self.name}: expected {name!r} of shape ({offsets[-1]},), found "
                    f"{values.shape}"
                )

    @abstractmethod
    def numpy_call(self, *, offsets: AnyArray, **columns: AnyArray) -> AnyArray:
        """Weights of all particles, float32 in [0, 1]."""

    def _call_numpy(self, **columns: Any) -> AnyArray:
        try:
            return super()._call_numpy(**columns)
        except ValueError as error:  # kernels know nothing of l1kd's errors
            if isinstance(error, L1KDError):
                raise
            raise InputError(f"{self.name}: {error}") from error

    def postprocess_awkward(self, return_array: ak.Array, events: ak.Array) -> ak.Array:
        """Close awkward: the weights by event."""
        return jagged(ak.to_numpy(return_array), offsets_of(self.particles(events)["pt"]))


def require_source(particles: ak.Array, source: str | None) -> None:
    """Check that inserted candidates are of the source that is asked for, if one is.

    Raises
    ------
    ConfigurationError
        If they are of another source, or of none that is known.
    """
    made_from = recorded_source(particles)
    if source is not None and source != made_from:
        raise ConfigurationError(
            f"source {source!r}: the events already have L1Cand, made from "
            f"{made_from or 'an unknown source'}; insert into events without L1Cand, or leave "
            "source out"
        )


def with_simulated_dz(events: ak.Array, particles: ak.Array) -> ak.Array:
    """Return candidates whose dz is relative to the simulated vertex: these, or read anew."""
    if recorded_vertex(particles) != FOUND:
        return particles
    return candidates(events, recorded_source(particles))


def require_vertex(particles: ak.Array, vertex: Vertex | None) -> None:
    """Check that dz of inserted candidates is relative to the vertex that is asked for, if one is.

    Raises
    ------
    ConfigurationError
        If it is relative to another one, or it is not known to which.
    """
    made_with = recorded_vertex(particles)
    if vertex is not None and vertex != made_with:
        raise ConfigurationError(
            f"vertex {vertex!r}: the events already have L1Cand, whose dz is relative to "
            f"{'the ' + made_with if made_with else 'an unknown'} vertex; insert into events "
            "without L1Cand, or leave vertex out"
        )


class EventScore(Algorithm):
    """One number for every event.

    `inputs` names what it reads, entries of `l1kd.algorithms.event_inputs.EVENT_INPUTS`: "regions",
    the calorimeter image, uint16 of shape (n_events, 18, 14), if nothing else is said; "objects",
    `l1kd.objects.objects`, float32 of shape (n_events, 19, 3). Subclasses implement
    `numpy_call(*arrays)` with one array for each, in that order, and return float32 of shape
    (n_events,). They set `name`, `adds` ("<collection>.<field>"), and `step` where the score has a
    grid; `self.source` chooses among several sources of an input.

    A score of something else implements `arrays(events)`, which returns NumPy arrays with one row
    an event, and `applies_to(events)`; `inputs` then only documents what it reads. One that
    inserts more than its score (a raw integer, a decision) extends `fields(events)`.
    """

    inputs: tuple[str, ...] = ("regions",)

    def applies_to(self, events: Any) -> bool:
        """Whether the events hold all its inputs."""
        return all(event_input(name).held_by(events) for name in self.inputs)

    def arrays(self, events: ak.Array) -> tuple[AnyArray, ...]:
        """Read its inputs: arrays with one row an event, in the order of `numpy_call`."""
        return tuple(event_input(name).read(events, self.source) for name in self.inputs)

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[AnyArray, ...], dict[str, AnyArray]]:
        """Open awkward: the arrays of the inputs."""
        return self.arrays(events), {}

    def validate_numpy_input(self, *arrays: AnyArray) -> None:
        """Check that shapes and types are those of the inputs, and that lengths agree.

        Raises
        ------
        InputError
            If an array is of another shape or type, or has another number of events.
        """
        lengths = [np.size(values, 0) if np.ndim(values) else None for values in arrays]
        if len(set(lengths)) > 1:
            raise InputError(
                f"{self.name}: expected arrays with one row an event, found lengths {lengths}"
            )
        for name, values in zip(self.inputs, arrays, strict=False):
            if name in EVENT_INPUTS:
                EVENT_INPUTS[name].check(values, self.name)

    def score(self, *arrays: AnyArray) -> Singles:
        """Score arrays, without events around them: ``score(images)`` for what reads the regions.

        Parameters
        ----------
        *arrays
            One for each of `inputs`, with one row an event. Images are uint16 of shape (n, 18, 14),
            trigger counts of 0.5 GeV clipped at 1023, as `l1kd.regions` and
            `l1kd.datasets.calo_overlay` give them. What a network needs beside (its input format,
            its normalisation) is done inside.

        Returns
        -------
        float32[n], what insertion puts into events with these inputs.

        Raises
        ------
        InputError
            If an array has another type or shape, or masked entries.
        """
        given = [np.asanyarray(values) for values in arrays]  # masked ones stay so, to be refused
        given = [values.astype(values.dtype.newbyteorder("="), copy=False) for values in given]
        self.validate_numpy_input(*given)
        return np.asarray(self.numpy_call(*map(np.asarray, given)), np.float32)

    @abstractmethod
    def numpy_call(self, *arrays: Any, **_: Any) -> AnyArray:
        """Scores of all events, float32."""
