"""First weights of students that their number formats can hold."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

__all__ = ["rounded_at_random", "within_bounds"]


def rounded_at_random(
    values: NDArray[np.floating], step: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Round values to multiples of a step, up as often as keeps their mean.

    Many weights far below a step all round to nothing; rounded like this, their sum stays.

    Parameters
    ----------
    values : numpy.ndarray, any shape
        Weights that are wanted.
    step : float
        Value of the last bit of their format.
    rng : numpy.random.Generator
        Decides which are rounded up.

    Returns
    -------
    numpy.ndarray, float64, the same shape
        Multiples of `step`, of the values' expectation.
    """
    return np.floor(values / step + rng.random(values.shape)) * step


def within_bounds(
    inputs: NDArray[np.floating], wanted: NDArray[np.floating], bounds: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return weights of least squares that a format can hold.

    Neurons that nearly say the same would get weights as large as they are alike.

    Parameters
    ----------
    inputs, wanted : numpy.ndarray, shapes (n, k) and (n,)
        What the weights multiply, and what their sum should be.
    bounds : numpy.ndarray, shape (k,)
        Largest size of each weight; may be infinite.

    Returns
    -------
    numpy.ndarray, float64[k]
        Weights within the bounds.
    """
    # its solver of rotations reads doubles only
    rows, values = np.asarray(inputs, np.float64), np.asarray(wanted, np.float64)
    return lsq_linear(rows, values, (-bounds, bounds)).x
