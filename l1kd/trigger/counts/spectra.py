"""Distributions of a trigger quantity whose size does not grow with the number of events.

A spectrum holds how many events had each value, and their weights. With a step, the quantity's
spacing in hardware, values are counted in steps from the start. Without one they are kept as they
are up to a number of events, and rounded down to a fine grid beyond; whether that happens depends
on the number of all events alone, so that sums of parts do not depend on how they were made.
Thresholds on the grid mean the same before and after: value >= threshold.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.errors import InputError
from l1kd.statistics import ONE_SIGMA
from l1kd.trigger.counts.intervals import PassSums, fraction_interval
from l1kd.trigger.counts.resampling import Resampling, share_drawn, widened
from l1kd.trigger.counts.sums import ExactSums

__all__ = ["EXACT_EVENTS", "GRID", "Spectrum", "SpectrumClass", "Survival", "in_steps", "survival"]

EXACT_EVENTS = 100_000
"""Events up to which values are kept as they are."""

GRID = 1.0 / 64.0
"""Spacing of the values of larger samples: a 32nd of the Level-1 trigger's half GeV."""


class Spectrum:
    """Counts and weights of the values of one quantity; spectra of one kind add up exactly.

    Attributes
    ----------
    step
        Spacing of the values, or 0 for values as they are (up to `EXACT_EVENTS`, then `GRID`).
    resampling
        Bootstrap of blocks of events, or None.
    values
        float64[n], distinct, ascending.
    counts, weights, squares, negative
        int64[n] events; exact sums of their weights and of the weights' squares; and number of
        events with a negative weight.
    replicas
        Exact sums [n, replicas] of the weights, see `Decisions`; None without resampling.
    """

    def __init__(self, step: float = 0.0, resampling: Resampling | None = None) -> None:
        if not step >= 0.0:
            raise InputError(f"a spectrum's step must not be negative: {step}")
        self.step = float(step)
        self.resampling = resampling
        self.values: Floats = np.zeros(0)
        self.counts: Integers = np.zeros(0, np.int64)
        self.weights = ExactSums(0)
        self.squares = ExactSums(0)
        self.negative = 0
        self.replicas = None if resampling is None else ExactSums((0, resampling.replicas))

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
        n = made.values.size
        made.counts = np.bincount(inverse, minlength=n).astype(np.int64)
        made.weights, made.squares = ExactSums(n), ExactSums(n)
        made.weights.add(inverse, w)
        made.squares.add(inverse, w * w)
        made.negative = int((w < 0.0).sum())
        if resampling is not None:
            if blocks is None:
                raise InputError("a block bootstrap needs the block of every event")
            made.replicas = ExactSums((n, resampling.replicas))
            at = inverse[:, None] * resampling.replicas + np.arange(resampling.replicas)
            made.replicas.add(at, resampling.multiplicities(blocks) * w[:, None])
        return made._bounded()

    @property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.counts.sum())

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
    def sum_of_weights(self) -> float:
        """Sum of the weights of all events."""
        return float(self.weights.regrouped(np.zeros(self.values.size, int), 1).values()[0])

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
        x = np.concatenate([self.values, other.values])
        made.counts = np.concatenate([self.counts, other.counts])
        made.values = x
        made.weights = self.weights.joined(other.weights)
        made.squares = self.squares.joined(other.squares)
        made.negative = self.negative + other.negative
        if self.replicas is not None and other.replicas is not None:
            made.replicas = self.replicas.joined(other.replicas)
        return made._grouped(x)._bounded()

    def _bounded(self) -> "Spectrum":
        """Put the values on the grid if there are many events."""
        grid = self.grid
        return self._grouped(in_steps(self.values, grid)) if grid else self

    def _grouped(self, values: Floats) -> "Spectrum":
        """Sum what has the same value, after each was replaced by another one."""
        made = Spectrum(self.step, self.resampling)
        made.values, inverse = np.unique(values, return_inverse=True)
        n = made.values.size
        made.counts = np.zeros(n, np.int64)
        np.add.at(made.counts, inverse, self.counts)
        made.weights = self.weights.regrouped(inverse, n)
        made.squares = self.squares.regrouped(inverse, n)
        made.negative = self.negative
        if self.replicas is not None:
            made.replicas = self.replicas.regrouped(inverse, n)
        return made

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same, exactly."""
        if not isinstance(other, Spectrum):
            return NotImplemented
        return (
            (self.step, self.resampling, self.negative)
            == (other.step, other.resampling, other.negative)
            and self.values.tobytes() == other.values.tobytes()
            and np.array_equal(self.counts, other.counts)
            and self.weights == other.weights
            and self.squares == other.squares
            and self.replicas == other.replicas
        )

    __hash__ = None  # type: ignore[assignment]

    def state(self) -> tuple[dict[str, Any], dict[str, AnyArray]]:
        """Header (JSON-ready) and arrays from which `from_state` makes the same spectrum."""
        header: dict[str, Any] = {
            "step": self.step,
            "resampling": None if self.resampling is None else self.resampling.as_dict(),
            "negative": self.negative,
            "lowest": [self.weights.lowest, self.squares.lowest],
        }
        arrays: dict[str, AnyArray] = {
            "values": self.values,
            "counts": self.counts,
            "weights": self.weights.limbs,
            "squares": self.squares.limbs,
        }
        if self.replicas is not None:
            header["lowest"].append(self.replicas.lowest)
            arrays["replicas"] = self.replicas.limbs
        return header, arrays

    @classmethod
    def from_state(cls, header: Mapping[str, Any], arrays: Mapping[str, AnyArray]) -> "Spectrum":
        """Make the spectrum that `state` described.

        Raises
        ------
        InputError
            If header and arrays do not belong together.
        """
        try:
            options = header["resampling"]
            made = cls(header["step"], None if options is None else Resampling(**options))
            made.values = arrays["values"].astype(np.float64)
            made.counts = arrays["counts"].astype(np.int64)
            n = made.values.size
            if made.values.shape != made.counts.shape or made.values.ndim != 1:
                raise InputError(f"{made.values.shape} values with {made.counts.shape} counts")
            lowest = header["lowest"]
            made.weights = ExactSums.from_state(arrays["weights"], lowest[0], (n,))
            made.squares = ExactSums.from_state(arrays["squares"], lowest[1], (n,))
            made.negative = int(header["negative"])
            if made.resampling is not None:
                shape = (n, made.resampling.replicas)
                made.replicas = ExactSums.from_state(arrays["replicas"], lowest[2], shape)
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"a spectrum lacks {error}") from error
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


class SpectrumClass(NamedTuple):
    """Events of one kind and the rate [Hz] at which events of this kind happen."""

    name: str
    spectrum: Spectrum
    rate_hz: float


class Survival(NamedTuple):
    """What passes thresholds: float64[k] each, of all that could pass.

    Attributes
    ----------
    thresholds, value, low, high
        Sum of the weights that pass, in Hz for classes with rates, and its interval.
    n_pass
        int64[k] events.
    n_total, total
        Number of events, and their sum of weights.
    """

    thresholds: Floats
    value: Floats
    low: Floats
    high: Floats
    n_pass: Integers
    n_total: int
    total: float


def survival(
    classes: Sequence[SpectrumClass], thresholds: ArrayLike, level: float = ONE_SIGMA
) -> Survival:
    """Rate [Hz] of events with value >= threshold, with intervals as `menu_rates` has them.

    Parameters
    ----------
    classes
        The sample.
    thresholds
        float[k]; where values lie on a grid a threshold between two of its points means the upper
        one.
    level
        Probability content of the intervals.

    Raises
    ------
    InputError
        Without classes, or if their weights add up to nothing.
    """
    cuts = np.atleast_1d(np.asarray(thresholds, dtype=np.float64))
    n_pass = np.zeros(cuts.size, np.int64)
    merged = PassSums(*(np.zeros(cuts.size) for _ in range(4)))
    heaviest, drawn = 0.0, None
    for each in classes:
        x = each.spectrum
        weights, squares = x.weights.values(), x.squares.values()
        total = x.sum_of_weights
        if not total > 0.0:
            raise InputError(f"{each.name}: no events, or weights that add up to nothing")
        unit = each.rate_hz / total
        first = np.searchsorted(x.values, cuts, side="left")
        passing, failing = _from_the_top(weights, first), _up_to(weights, first)
        merged = merged.plus(
            PassSums(
                passing, _from_the_top(squares, first), failing, _up_to(squares, first)
            ).scaled(unit)
        )
        n_pass += _from_the_top(x.counts.astype(np.float64), first).astype(np.int64)
        some = weights > 0.0
        heaviest = max(heaviest, float((squares[some] / weights[some]).max()) * unit)
        if x.replicas is not None:
            own = x.replicas.values()
            above = np.append(np.cumsum(own[::-1], axis=0)[::-1], np.zeros((1, own.shape[1])), 0)
            replica = each.rate_hz * share_drawn(above[first].T, own.sum(axis=0))
            drawn = replica if drawn is None else drawn + replica
    if not classes:
        raise InputError("rates: no events")
    everything = sum(each.rate_hz for each in classes)
    low, high = fraction_interval(merged, heaviest, level)
    low, high = low * everything, high * everything
    if drawn is not None:
        low, high = widened(drawn, low, high, level)
    n_total = sum(each.spectrum.n_events for each in classes)
    value = merged.inside
    return Survival(
        cuts,
        value,
        np.minimum(low, value),
        np.maximum(high, value),
        n_pass,
        n_total,
        everything,
    )


def _from_the_top(x: Floats, first: NDArray[np.intp]) -> Floats:
    """Sum the entries from each position on."""
    return np.append(np.cumsum(x[::-1])[::-1], 0.0)[first]


def _up_to(x: Floats, first: NDArray[np.intp]) -> Floats:
    """Sum the entries before each position."""
    return np.append(0.0, np.cumsum(x))[first]
