"""Interval of a rate from sums over events, for counted, weighted and prescaled events alike."""

from typing import NamedTuple

import numpy as np
import scipy.special

from l1kd.emulators.array_types import Floats
from l1kd.statistics import ONE_SIGMA

__all__ = ["PassSums", "fraction_interval"]


class PassSums(NamedTuple):
    """Sums over events of which each passes with a known probability x; all of one shape.

    `inside` and `outside` are the sums of w x and of w (1 - x) for weights w, `inside_squares` and
    `outside_squares` those of the squares of the two.
    """

    inside: Floats
    inside_squares: Floats
    outside: Floats
    outside_squares: Floats

    def scaled(self, factor: float) -> "PassSums":
        """Return the sums of weights that are `factor` times as large."""
        square = factor * factor
        return PassSums(
            self.inside * factor,
            self.inside_squares * square,
            self.outside * factor,
            self.outside_squares * square,
        )

    def plus(self, other: "PassSums") -> "PassSums":
        """Return the sums over the events of both."""
        return PassSums(*(a + b for a, b in zip(self, other, strict=True)))


def fraction_interval(
    sums: PassSums, heaviest: float, level: float = ONE_SIGMA
) -> tuple[Floats, Floats]:
    """Central interval of the fraction of the weight that passes.

    What passes and what fails are two compound Poisson sums, each described by the gamma
    distribution of its mean and variance; on the side that speaks against the end in question one
    more event of the largest weight is added (Fay and Feuer, Statistics in Medicine 16 (1997)
    791). With equal weights and events that pass or fail this is exactly the interval of
    Clopper and Pearson. With different weights it is conservative: one more event of the heaviest
    class might have passed.

    Parameters
    ----------
    sums
        Of weights that are not negative.
    heaviest
        Weight of the heaviest event.
    level
        Probability content.

    Returns
    -------
    (low, high) of the shape of the sums, in [0, 1].
    """
    tail = (1.0 - level) / 2.0
    low = _lower_end(
        sums.inside, sums.inside_squares, sums.outside, sums.outside_squares, heaviest, tail
    )
    high = 1.0 - _lower_end(
        sums.outside, sums.outside_squares, sums.inside, sums.inside_squares, heaviest, tail
    )
    return low, high


def _lower_end(
    mean: Floats, square: Floats, against: Floats, against_square: Floats, more: float, tail: float
) -> Floats:
    a, b = np.asarray(mean, np.float64), np.asarray(against, np.float64) + more
    result = np.zeros(a.shape)
    some = (a > 0.0) & (np.asarray(square) > 0.0)
    if not more > 0.0 or not some.any():
        return result
    unit_a = np.asarray(square, np.float64)[some] / a[some]
    unit_b = (np.asarray(against_square, np.float64)[some] + more * more) / b[some]
    beta = scipy.special.betaincinv(a[some] / unit_a, b[some] / unit_b, tail)
    passing, failing = beta * unit_a, (1.0 - beta) * unit_b
    result[some] = passing / (passing + failing)
    return result
