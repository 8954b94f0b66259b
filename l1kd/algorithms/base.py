"""What every insertable algorithm shares: its inputs, its checks, its way through awkward."""

from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar

import awkward as ak
import numpy as np

from l1kd._coffea import numpy_call_wrapper
from l1kd._edge import Array, flat, jagged, note, offsets_of, partitioned, require_finite
from l1kd.candidates import DTYPES, candidates
from l1kd.errors import InputError, MissingBranchError
from l1kd.regions import regions

__all__ = ["Algorithm", "CandidateWeight", "EventScore"]


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
    adds
        The field that it adds to the events, as "collection.field".
    """

    name: ClassVar[str]
    inputs: ClassVar[tuple[str, ...]]
    adds: ClassVar[str]

    def __init__(self, source: str | None = None) -> None:
        super().__init__()
        self.source = source

    @property
    def version(self) -> str:
        """Name of the model or of the parameters that this instance uses."""
        return "1"

    def __repr__(self) -> str:
        """Return the class and what was asked of it."""
        source = f", source={self.source!r}" if self.source else ""
        return f"{type(self).__name__}({self.version!r}{source})"

    def fields(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return what `l1kd.insert` puts into the events, as {"collection.field" or "collection"}.

        By default the one result under the name `adds`.
        """
        return {self.adds: self(events)}

    def _call_dask(self, events: Any) -> Any:
        return partitioned(partial(_call_on_partition, self), events)


def _call_on_partition(algorithm: Algorithm, events: ak.Array) -> ak.Array:
    return algorithm(events)


class CandidateWeight(Algorithm):
    """A weight for every particle.

    Subclasses implement `numpy_call(offsets, **columns)`: flat columns named as in `inputs`, int64
    offsets of shape (n_events + 1,), result float32 of shape (n_particles,) in [0, 1].
    """

    def column(self, particles: ak.Array, name: str) -> Array:
        """Return one canonical column as a flat array.

        Raises
        ------
        MissingBranchError
            If the source cannot give this column.
        """
        if name not in particles.fields:
            raise MissingBranchError(
                f"{self.name} needs the candidates' {name!r}, which this source does not have "
                f"(it has: {', '.join(particles.fields)}); choose another source"
            )
        return flat(particles[name], DTYPES[name])

    def particles(self, events: ak.Array) -> ak.Array:
        """Return the candidates already inserted, or those of the source."""
        if "L1Cand" in events.fields:
            note("particles", "L1Cand")
            return events["L1Cand"]
        return candidates(events, self.source)

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[()], dict[str, Array]]:
        """Open awkward: the flat input columns and the offsets."""
        particles = self.particles(events)
        columns = {name: self.column(particles, name) for name in self.inputs}
        return (), {"offsets": offsets_of(particles), **columns}

    def validate_numpy_input(self, *, offsets: Array, **columns: Array) -> None:
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
        pt = require_finite(columns["pt"], f"{self.name}: pt")
        if (pt < 0).any():
            raise InputError(f"{self.name}: expected pt >= 0 GeV, found {pt.min()}")

    @abstractmethod
    def numpy_call(self, *, offsets: Array, **columns: Array) -> Array:
        """Weights of all particles, float32 in [0, 1]."""

    def _call_numpy(self, **columns: Any) -> Array:
        try:
            return super()._call_numpy(**columns)
        except ValueError as error:  # kernels know nothing of l1kd's errors
            if isinstance(error, InputError):
                raise
            raise InputError(f"{self.name}: {error}") from error

    def postprocess_awkward(self, return_array: ak.Array, events: ak.Array) -> ak.Array:
        """Close awkward: the weights by event."""
        return jagged(ak.to_numpy(return_array), offsets_of(self.particles(events)))


class EventScore(Algorithm):
    """One number for every event, from the calorimeter image.

    Subclasses implement `numpy_call(image)`: uint16 of shape (n_events, 18, 14), result float32 of
    shape (n_events,).
    """

    inputs = ("regions",)

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[Array], dict[str, Array]]:
        """Open awkward: the calorimeter image."""
        return (regions(events, self.source),), {}

    def validate_numpy_input(self, image: Array) -> None:
        """Check the image's shape and type.

        Raises
        ------
        InputError
            If it is not uint16 of shape (n_events, 18, 14).
        """
        if image.ndim != 3 or image.shape[1:] != (18, 14) or image.dtype != np.uint16:
            raise InputError(
                f"{self.name}: expected uint16 regions of shape (n_events, 18, 14), found "
                f"{image.dtype} of shape {image.shape}"
            )

    @abstractmethod
    def numpy_call(self, image: Array) -> Array:
        """Scores of all events, float32."""
