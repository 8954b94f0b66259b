"""Events as rows of objects: the leading ones of each event, and rows scaled for a network."""

import numpy as np

from l1kd.emulators.array_types import AnyFloats, Floats, Indices, Integers, Offsets, Singles
from l1kd.emulators.compilation import njit

__all__ = ["in_order", "leading", "scaled", "tidy"]

_HALF_TURN, _TURN = np.float32(np.pi), 2.0 * np.pi


@njit(nogil=True)
def leading(pt: Floats, offsets: Offsets, most: int) -> Integers:
    """Find the objects of largest pt of every event; of equal ones, those that come first.

    Parameters
    ----------
    pt : float64[n_objects]
        No NaN; objects of pt 0 or less are none.
    offsets : int64[n_events + 1]
        Where the objects of each event begin and end.
    most : int
        How many are wanted.

    Returns
    -------
    int64[n_events, most]
        Their positions in `pt`, by falling pt; -1 where an event has no more.
    """
    events = len(offsets) - 1
    found = np.full((events, most), -1, np.int64)
    for i in range(events):
        count = 0
        for k in range(offsets[i], offsets[i + 1]):
            if not pt[k] > 0.0 or (count == most and pt[k] <= pt[found[i, most - 1]]):
                continue
            place = min(count, most - 1)
            while place > 0 and pt[found[i, place - 1]] < pt[k]:
                found[i, place] = found[i, place - 1]
                place -= 1
            found[i, place] = k
            count = min(count + 1, most)
    return found


@njit(nogil=True, error_model="numpy")
def scaled(
    values: AnyFloats,
    scale: Singles,
    least: Singles,
    most: Singles,
    smallest: Singles,
    largest: Singles,
    out: Singles,
) -> bool:
    """Scale and limit numbers in single precision, by a pattern that comes again and again.

    Parameters
    ----------
    values : float32[n] or float64[n]
        Rounded to single precision first.
    scale, least, most : float32[m]
        Factor of each number, and the limits of the result. The longer the pattern, the faster.
    smallest, largest : float32[m]
        Values beyond are an error, and so is NaN; both finite.
    out : float32[n]
        The result.

    Returns
    -------
    bool
        Whether every value is as it must be.
    """
    right = True
    for first in range(0, len(values), len(scale)):
        count = min(len(scale), len(values) - first)
        row, result = values[first : first + count], out[first : first + count]
        for j in range(count):
            x = np.float32(row[j])
            right &= (x >= smallest[j]) & (x <= largest[j])
            # chosen, not by min and max, which compilers do not vectorise
            y = x * scale[j]
            y = least[j] if y < least[j] else y
            result[j] = most[j] if y > most[j] else y
    return right


@njit(nogil=True)
def in_order(rows: AnyFloats, kinds: Indices) -> bool:
    """Tell whether every kind's rows fall in pt, and rows of pt 0 are zero.

    Parameters
    ----------
    rows : float32 or float64, shape (n, objects, 3)
        pt, eta, phi, rounded to single precision first; no NaN.
    kinds : int32[number of kinds + 1]
        Where the rows of each kind begin and end.
    """
    for i in range(len(rows)):
        for kind in range(len(kinds) - 1):
            before = np.float32(np.inf)
            for row in range(kinds[kind], kinds[kind + 1]):
                pt = np.float32(rows[i, row, 0])
                if pt > before:
                    return False
                if pt == 0.0 and (
                    np.float32(rows[i, row, 1]) != 0.0 or np.float32(rows[i, row, 2]) != 0.0
                ):
                    return False
                before = pt
    return True


@njit(nogil=True, error_model="numpy")
def _remainder(angle: float) -> float:
    """Return the remainder of a turn; the next turn on either side needs no division."""
    if _TURN <= angle < 2.0 * _TURN:
        return angle - _TURN
    if -_TURN <= angle < 0.0:
        return angle + _TURN
    return angle % _TURN


@njit(nogil=True, error_model="numpy")
def tidy(rows: AnyFloats, kinds: Indices, out: Singles) -> bool:
    """Sort every kind's rows by falling pt, bring phi into one turn, make rows of pt 0 zero.

    Of equal ones those that came first stay first. Angles inside one turn stay as they are.

    Parameters
    ----------
    rows, kinds
        As of `in_order`.
    out : float32, shape (n, objects, 3)
        The result, complete only where all values are right.

    Returns
    -------
    bool
        Whether all values are finite in single precision and no pt is below 0.
    """
    for i in range(len(rows)):
        for kind in range(len(kinds) - 1):
            for row in range(kinds[kind], kinds[kind + 1]):
                pt, eta, phi = (
                    np.float32(rows[i, row, 0]),
                    np.float32(rows[i, row, 1]),
                    np.float32(rows[i, row, 2]),
                )
                if not (pt >= 0.0 and np.isfinite(pt) and np.isfinite(eta) and np.isfinite(phi)):
                    return False
                if abs(phi) > _HALF_TURN:
                    phi = np.float32(_remainder(np.float64(rows[i, row, 2]) + np.pi) - np.pi)
                if pt == 0.0:
                    eta, phi = np.float32(0.0), np.float32(0.0)
                place = row
                while place > kinds[kind] and out[i, place - 1, 0] < pt:
                    for column in range(3):
                        out[i, place, column] = out[i, place - 1, column]
                    place -= 1
                out[i, place, 0], out[i, place, 1], out[i, place, 2] = pt, eta, phi
    return True
