"""Checks of what is handed to the overlay: its kernels do not look beyond or below an array."""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.calorimeter import N_ETA
from l1kd.errors import InputError

__all__ = ["as_array", "per_ring", "whole_number"]


def as_array(values: Any, where: str, expected: str) -> AnyArray:
    """Return integers or floating-point numbers as an array.

    Raises
    ------
    InputError
        They are neither, or rows of different lengths.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError):  # rows of different lengths
        array = np.empty(0, object)
    if array.dtype.kind not in "iuf":
        raise InputError(f"{where}: expected {expected}, found {values!r}")
    return array


def per_ring(values: Any, largest: float, where: str) -> AnyArray:
    """Return float64[14], one number a ring in eta, each from 0 to `largest`.

    Raises
    ------
    InputError
        There are more or fewer, or one is outside or not finite.
    """
    expected = f"{N_ETA} numbers from 0 to {largest:g}, one a ring in eta"
    array = as_array(values, where, expected).astype(np.float64)
    if array.shape != (N_ETA,):
        raise InputError(f"{where}: expected {expected}, found an array of shape {array.shape}")
    wrong = ~((array >= 0.0) & (array <= largest))
    if wrong.any():
        ring = int(np.argmax(wrong))
        raise InputError(f"{where}: expected {expected}, found {array[ring]} in ring {ring}")
    return array


def whole_number(value: Any, largest: int, where: str, advice: str) -> int:
    """Return a whole number from 0 to `largest` as an int; what to do otherwise is `advice`.

    Raises
    ------
    InputError
        It is none (True and 2.0 are none either), or outside.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise InputError(f"{where}: expected a whole number, found {value!r}; {advice}")
    if not 0 <= value <= largest:
        raise InputError(f"{where}: expected 0 to {largest}, found {value}; {advice}")
    return int(value)
