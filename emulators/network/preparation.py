"""What becomes of the numbers of an event before a network reads them."""

from dataclasses import dataclass

import numpy as np

from l1kd.emulators.array_types import Indices, Singles

__all__ = ["Preparation"]


@dataclass(frozen=True, eq=False)
class Preparation:
    """Numbers are rounded to single precision, checked, scaled and limited.

    Attributes
    ----------
    scale : float32 array, shape (size,)
        Factors, powers of two.
    least, most : float32 arrays, shape (size,)
        Limits of what was scaled.
    smallest, largest : float32 arrays, shape (size,)
        Numbers beyond are not as they must be, and neither is NaN; both finite.
    falling, empty : int32 arrays, shape (n, 2)
        Pairs of places: the second number is not larger; it is zero where the first is.
    """

    scale: Singles
    least: Singles
    most: Singles
    smallest: Singles
    largest: Singles
    falling: Indices
    empty: Indices

    def __post_init__(self) -> None:
        if not (np.frexp(self.scale)[0] == 0.5).all():
            raise ValueError("factors are powers of two")
