"""Distributions of a trigger quantity whose size does not grow with the number of events.

A spectrum holds how many events had each value, and their weights. With a step, the quantity's
spacing in hardware, values are counted in steps from the start. Without one they are kept as they
are up to a number of events, and rounded down to a fine grid beyond; whether that happens depends
on the number of all events alone, so that sums of parts do not depend on how they were made.
Thresholds on the grid mean the same before and after: value >= threshold.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import AnyArray, Floats
from l1kd.errors import InputError
from l1kd.trigger.counts.resampling import Resampling
from l1kd.trigger.counts.tally import Tally, resampling_of

__all__ = ["EXACT_EVENTS", "GRID", "Spectrum", "in_steps"]

EXACT_EVENTS = 100_000
"""Events up to which values are kept as they are."""

GRID = 1.0 / 64.0
"""Spacing of the values of larger samples: a 32nd of the Level-1 trigger's half GeV."""


class Spectrum(Tally):
    """Counts and weights of the values of one quantity; spectra of one kind add up exactly.

    Attributes
    ----------
    step
        Spacing of the values, or 0 for values as they are (up to `EXACT_EVENTS`, then `GRID`).
    values
        float64[n], distinct, ascending.
    negative
        Number of events with a negative weight.
    resampling, counts, weights, squares, replicas
        What the values count, see `l1kd.trigger.counts.tally.Tally`.
    """

    def __init__(self, step: float = 0.0, resampling: Resampling | None = None) -> None:
        if not step >= 0.0:
            raise InputError(f"a spectrum's step must not be negative: {step}")
        super().__init__(resampling)
        self.step = float(step)
        self.values: Floats = np.zeros(0)
        self.negative = 0

    @classmethod
    def of(
        cls,
        values: ArrayLike,
        weights: ArrayLike | None = None,
        *,
        step: float = 0.0,
        resampling: Resampling | None = None,
        blocks: ArrayLike | None = None,
    ) -> "Spectrum":
        """Make the spectrum of some events.

        Parameters
        ----------
        values
            float[n], one an event, not NaN; an event without the object has a value below every
            threshold, for example 0 or minus infinity.
        weights
            float[n], finite; one by default.
        step
            See `Spectrum`.
        resampling, blocks
            Bootstrap and int[n], the block of each event.

        Raises
        ------
        InputError
            If a value is NaN, a weight is not finite, or their numbers differ.
        """
        made = cls(step, resampling)
        x = np.asarray(values, dtype=np.float64).ravel()
        if np.isnan(x).any():
            raise InputError(f"rates: {int(np.isnan(x).sum())} of {x.size} values are NaN")
        w = np.ones(x.size) if weights is None else np.asarray(weights, dtype=np.float64)
        if w.shape != x.shape:
            raise InputError(f"rates: {w.shape} weights for {x.size} values")
        x = x + 0.0  # one zero
        if step:
            x = in_steps(x, step)
        made.values, inverse = np.unique(x, return_inverse=True)
        made._fill(inverse, made.values.size, w, blocks)
        made.negative = int((w < 0.0).sum())
        return made._bounded()

    @property
    def size(self) -> int:
        """Number of events, as an array of their values has it."""
        return self.n_events

    def min(self) -> float:
        """Return the smallest value."""
        return float(self.values[0])

    def max(self) -> float:
        """Return the largest value."""
        return float(self.values[-1])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Floats:
        """Values of all events, ascending; see `repeated` for their weights."""
        return self.repeated()[0]

    @property
    def grid(self) -> float:
        """Spacing of the values, 0 where they are as they were."""
        return self.step or (GRID if self.n_events > EXACT_EVENTS else 0.0)

    def __add__(self, other: "Spectrum") -> "Spectrum":
        """Spectrum of the events of both.

        Raises
        ------
        InputError
            If their steps or bootstraps differ.
        """
        if (self.step, self.resampling) != (other.step, other.resampling):
            raise InputError(
                f"spectra with steps {self.step:g} and {other.step:g}, {self.resampling} and "
                f"{other.resampling} do not add up"
            )
        made = Spectrum(self.step, self.resampling)
        made.values, inverse = np.unique(
            np.concatenate([self.values, other.values]), return_inverse=True
        )
        made._sum(inverse, made.values.size, self, other)
        made.negative = self.negative + other.negative
        return made._bounded()

    def _bounded(self) -> "Spectrum":
        """Put the values on the grid if there are many events."""
        grid = self.grid
        return self._grouped(in_steps(self.values, grid)) if grid else self

    def _grouped(self, values: Floats) -> "Spectrum":
        """Sum what has the same value, after each was replaced by another one."""
        made = Spectrum(self.step, self.resampling)
        made.values, inverse = np.unique(values, return_inverse=True)
        made._sum(inverse, made.values.size, self)
        made.negative = self.negative
        return made

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, exactly."""
        if not isinstance(other, Spectrum):
            return NotImplemented
        return (
            (self.step, self.resampling, self.negative)
            == (other.step, other.resampling, other.negative)
            and self.values.tobytes() == other.values.tobytes()
            and self._same_sums(other)
        )

    __hash__ = None  # type: ignore[assignment]

    def state(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Header (JSON-ready) and arrays from which `from_state` makes the same spectrum."""
        header, arrays = self._state()
        return header | {"step": self.step, "negative": self.negative}, arrays | {
            "values": self.values
        }

    @classmethod
    def from_state(cls, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> "Spectrum":
        """Make the spectrum that `state` described.

        Raises
        ------
        InputError
            If header and arrays do not belong together.
        """
        try:
            made = cls(header["step"], resampling_of(header))
            made.values = arrays["values"].astype(np.float64)
            made.negative = int(header["negative"])
            made._restore(header, arrays)
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"a spectrum lacks {error}") from error
        if made.values.shape != made.counts.shape or made.values.ndim != 1:
            raise InputError(f"{made.values.shape} values with {made.counts.shape} counts")
        return made

    def repeated(self) -> tuple[Floats, Floats]:
        """Values and weights, float64[n_events] each, as if every event were there.

        The weight of a value's events is their mean.
        """
        mean = self.weights.values() / np.maximum(self.counts, 1)
        return np.repeat(self.values, self.counts), np.repeat(mean, self.counts)


def in_steps(x: Floats, step: float) -> Floats:
    """Round down to a multiple of the step.

    Division by a power of two is exact. By another step the quotient of a multiple may lie a hair
    below a whole number, which counts as the number.
    """
    exact = math.frexp(step)[0] == 0.5
    steps: Floats = np.floor(x / step + (0.0 if exact else 1e-9)) * step
    return steps
