"""Which object of a crossing passes which leg.

A leg is what one object of a condition asks for: a range of its momentum and any number of cuts.
The answer is one bit for each slot of the object's list.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.compilation import njit

__all__ = ["ONE_OF", "WINDOWS", "Legs", "passing"]

WINDOWS = 0
"""Cut that asks for a value inside one of several inclusive ranges."""
ONE_OF = 1
"""Cut that asks for a value whose bit is set in a mask."""


class Legs(NamedTuple):
    """All legs of a menu, flat.

    Attributes
    ----------
    lead
        Column of the record where the momenta (or counts, flags, scores) of the list begin.
    slots
        Length of the list.
    low, high
        Inclusive range of that value.
    allowed
        Bit mask of the positions in the list that may be used.
    cut_start
        Cuts of leg i are those from cut_start[i] to cut_start[i + 1].
    cut_column, cut_kind, cut_mask
        Column where the cut's field begins, `WINDOWS` or `ONE_OF`, and the mask of `ONE_OF`.
    window_start, window_low, window_high
        Windows of cut i are those from window_start[i] to window_start[i + 1]; a window whose first
        index lies above its last runs through zero.
    """

    lead: NDArray[np.int64]
    slots: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    allowed: NDArray[np.uint64]
    cut_start: NDArray[np.int64]
    cut_column: NDArray[np.int64]
    cut_kind: NDArray[np.int64]
    cut_mask: NDArray[np.uint64]
    window_start: NDArray[np.int64]
    window_low: NDArray[np.int64]
    window_high: NDArray[np.int64]


@njit(nogil=True, inline="always")
def _inside(value: int, cut: int, legs: Legs) -> bool:
    """Whether a value lies in one of a cut's windows."""
    for window in range(legs.window_start[cut], legs.window_start[cut + 1]):
        low, high = legs.window_low[window], legs.window_high[window]
        if low <= high:
            if low <= value <= high:
                return True
        elif value >= low or value <= high:
            return True
    return False


@njit(nogil=True)
def passing(records: NDArray[np.int32], legs: Legs, out: NDArray[np.uint64]) -> None:
    """Fill the bit masks of all legs.

    Parameters
    ----------
    records
        One row of columns an event, shape (events, columns).
    legs
        The legs.
    out
        Bit i of `out[event, leg]` says whether the object in slot i passes, shape (events, legs).
    """
    one = np.uint64(1)
    for event in range(len(records)):
        record = records[event]
        for leg in range(len(legs.lead)):
            lead = legs.lead[leg]
            low, high = legs.low[leg], legs.high[leg]
            allowed = legs.allowed[leg]
            mask = np.uint64(0)
            for slot in range(legs.slots[leg]):
                value = record[lead + slot]
                bit = one << np.uint64(slot)
                if value < low or value > high or not allowed & bit:
                    continue
                passes = True
                for cut in range(legs.cut_start[leg], legs.cut_start[leg + 1]):
                    field = record[legs.cut_column[cut] + slot]
                    if legs.cut_kind[cut] == ONE_OF:
                        passes = (legs.cut_mask[cut] >> np.uint64(field)) & one != 0
                    else:
                        passes = _inside(field, cut, legs)
                    if not passes:
                        break
                if passes:
                    mask |= bit
            out[event, leg] = mask
