"""How well a network's weights agree with those that it should give.

The paper on DistillNet calls accuracy the ratio of the histograms of predicted and wanted weights,
averaged over the bins. That number compares two distributions, not particles: a network that gives
the right number of particles every weight, but to the wrong particles, has accuracy one. So other
metrics stand beside it, see `agreement`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.columns import event_index
from l1kd.emulators.array_types import Floats, Weights
from l1kd.physics.response import Resampling
from l1kd.statistics import Estimate, bootstrap

__all__ = ["N_BINS", "QUANTITIES", "Agreement", "agreement"]

N_BINS = 20
"""Bins of the histograms of weights, of equal width in [0, 1], as in the paper."""

QUANTITIES = (
    "mean_ratio",
    "symmetric_ratio",
    "overlap",
    "close",
    "same_side",
    "mean_absolute_error",
)
"""What `agreement` gives."""

IN_AGREEMENT = Resampling(replicas=200)
"""How the intervals of agreements are made."""

CLOSE = 0.05
"""Two weights at most this far apart are called close: one bin of the histograms."""

Numbers = dict[str, dict[str, float | int | None]]


class Agreement(NamedTuple):
    """Counts of every event, from which the metrics are computed.

    `given`, `wanted`: float64[events, bins]; `close`, `same_side`, `error`: float64[events].
    """

    given: Floats
    wanted: Floats
    close: Floats
    same_side: Floats
    error: Floats

    def metrics(self, multiplicity: NDArray[np.int64]) -> list[float]:
        """`QUANTITIES` of events drawn with these multiplicities."""
        given, wanted = multiplicity @ self.given, multiplicity @ self.wanted
        particles = float(wanted.sum())
        if not particles:
            return [np.nan] * len(QUANTITIES)
        filled = wanted > 0
        larger, smaller = np.maximum(given, wanted), np.minimum(given, wanted)
        some = larger > 0
        return [
            float((given[filled] / wanted[filled]).mean()),
            float((smaller[some] / larger[some]).mean()),
            float(smaller.sum() / particles),
            *(
                float(multiplicity @ each) / particles
                for each in (self.close, self.same_side, self.error)
            ),
        ]

    @classmethod
    def of(
        cls,
        given: Weights,
        wanted: Weights,
        offsets: NDArray[np.int64],
        chosen: NDArray[np.bool_] | None = None,
    ) -> "Agreement":
        """Count the particles of every event; arguments as for `agreement`."""
        event, n_events = event_index(offsets), len(offsets) - 1
        if chosen is not None:
            given, wanted, event = given[chosen], wanted[chosen], event[chosen]
        error = np.abs(given.astype(np.float64) - wanted)
        agreed = (given >= 0.5) == (wanted >= 0.5)
        return cls(
            _by_event(given, event, n_events),
            _by_event(wanted, event, n_events),
            *(
                np.bincount(event, x, n_events).astype(np.float64)
                for x in (error <= CLOSE, agreed, error)
            ),
        )

    def table(self, resampling: Resampling = IN_AGREEMENT) -> Numbers:
        """Return `QUANTITIES` with their intervals, JSON-ready."""
        replicas, level, seed = resampling
        n_events, n_particles = len(self.given), int(self.given.sum())
        result = bootstrap(self.metrics, n_events, replicas=replicas, level=level, seed=seed)
        columns = zip(QUANTITIES, result.value, result.low, result.high, strict=True)
        return {
            name: Estimate(float(value), float(low), float(high), n_particles).as_dict()
            for name, value, low, high in columns
        }


def _by_event(weights: Weights, event: NDArray[np.int64], n_events: int) -> Floats:
    """Histogram of the weights of each event, float64[events, bins]."""
    place = np.minimum((weights.astype(np.float64) * N_BINS).astype(np.int64), N_BINS - 1)
    counts = np.bincount(event * N_BINS + place, minlength=n_events * N_BINS)
    return counts.reshape(n_events, N_BINS).astype(np.float64)


def agreement(
    given: Weights,
    wanted: Weights,
    offsets: NDArray[np.int64],
    chosen: NDArray[np.bool_] | None = None,
    resampling: Resampling = IN_AGREEMENT,
) -> Numbers:
    """Compare weights with those that should have been given.

    Parameters
    ----------
    given, wanted : numpy.ndarray, shape (n,), float32
        Weights in [0, 1], of the network and of its teacher.
    offsets : numpy.ndarray, shape (events + 1,), int64
        Which particles belong to which event; whole events are resampled.
    chosen : numpy.ndarray, shape (n,), bool, optional
        Particles that count; by default all.
    resampling : Resampling
        Parameters of the bootstrap.

    Returns
    -------
    dict
        JSON-ready {quantity: {value, low, high, n}}, n particles:

        - ``mean_ratio``: mean over the bins of 20-bin histograms of given / wanted content, over
          bins where `wanted` has entries; the paper's accuracy. Bins above and below one can make
          up for each other, and it may exceed one;
        - ``symmetric_ratio``: the same with the smaller over the larger content, which is the
          accuracy of the model cards (`l1kd.models.weights.metrics.accuracy`); one only for equal
          histograms;
        - ``overlap``: sum over the bins of the smaller content, divided by the particles: every
          particle counts, so the full bins decide;
        - ``close``: share of particles whose two weights differ by no more than 0.05;
        - ``same_side``: share of particles whose two weights lie on the same side of one half;
        - ``mean_absolute_error``.
    """
    return Agreement.of(given, wanted, offsets, chosen).table(resampling)
