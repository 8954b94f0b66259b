"""What passes each threshold on a quantity, as a rate, from the spectra of a sample's classes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.emulators.array_types import Floats, Integers
from l1kd.errors import InputError
from l1kd.statistics import ONE_SIGMA
from l1kd.trigger.counts.intervals import PassSums, fraction_interval
from l1kd.trigger.counts.resampling import share_drawn, widened
from l1kd.trigger.counts.spectra import Spectrum

__all__ = ["SpectrumClass", "Survival", "survival"]


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
