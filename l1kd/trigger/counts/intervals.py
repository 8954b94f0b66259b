"""Interval of a rate from sums over events, for counted, weighted and prescaled events alike."""

from typing import NamedTuple

from l1kd.emulators.array_types import Floats
from l1kd.statistics import ONE_SIGMA, lower_end

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
    low = lower_end(*sums, heaviest, tail)
    high = 1.0 - lower_end(
        sums.outside, sums.outside_squares, sums.inside, sums.inside_squares, heaviest, tail
    )
    return low, high
