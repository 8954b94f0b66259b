"""Which events hold a combination of objects that passes every leg and every cut between legs.

A seed has legs. The objects that may stand on each leg are known beforehand (one byte an object);
this kernel looks for a choice of one object a leg, no object on two legs, that passes the cuts
between legs. Cuts are short programs for a stack of numbers, so that one compiled kernel serves
every menu. Works on physical values and on hardware integers held in float64, which is exact below
2^53.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

__all__ = ["FIELDS", "MAX_LEGS", "MAX_STACK", "Op", "Program", "Scale", "combinations"]

MAX_LEGS: Final = 8
MAX_STACK: Final = 32
FIELDS: Final = ("pt", "eta", "phi", "z0", "charge")
"""Fields that functions of legs read, in the order of `Program.leg_columns`."""
_PT, _ETA, _PHI, _Z0, _CHARGE = range(5)


class Op(IntEnum):
    """Steps of a program; `a`, `b`, `c` are its three arguments."""

    CONSTANT = 0
    FIELD = 1
    ADD = 2
    SUBTRACT = 3
    MULTIPLY = 4
    DIVIDE = 5
    NEGATIVE = 6
    ABS = 7
    SQRT = 8
    MIN = 9
    MAX = 10
    LESS = 11
    LESS_EQUAL = 12
    GREATER = 13
    GREATER_EQUAL = 14
    EQUAL = 15
    NOT_EQUAL = 16
    AND = 17
    OR = 18
    NOT = 19
    DETA = 20
    DPHI = 21
    DR2 = 22
    DZ = 23
    MASS2 = 24
    MT2 = 25
    PT_SUM2 = 26
    OPPOSITE_SIGN = 27
    SAME_SIGN = 28


class Scale(NamedTuple):
    """Units of the columns: a full turn of phi in them, and radians a unit of eta and phi."""

    turn: float
    angle: float


class Program(NamedTuple):
    """The legs of one seed and its cuts.

    Attributes
    ----------
    offsets : ndarray of int64, shape (n_legs, n_events + 1)
        Where the objects of each event begin in each leg's collection.
    passing : ndarray of uint8
        For leg after leg, one byte an object of its collection.
    passing_start : ndarray of int64, shape (n_legs,)
        Where each leg's bytes begin.
    collection : ndarray of int64, shape (n_legs,)
        Legs of one number take their objects from one collection, and never the same one.
    columns : ndarray of float64
        All columns, one after another.
    leg_columns : ndarray of int64, shape (n_legs, 5)
        Where the leg's `FIELDS` begin in `columns`; -1 where no cut reads them.
    code : ndarray of int64, shape (n_steps, 4)
        `Op` and its arguments. FIELD: leg, start of the column. CONSTANT: position in `constants`.
        Functions of legs: the legs; MASS2 has -1 as its third where it takes two.
    cuts : ndarray of int64, shape (n_cuts, 3)
        First and last step (exclusive), and the last leg that the cut uses: it is tested as soon
        as that leg is chosen.
    constants : ndarray of float64
    scale : Scale
    """

    offsets: NDArray[np.int64]
    passing: NDArray[np.uint8]
    passing_start: NDArray[np.int64]
    collection: NDArray[np.int64]
    columns: NDArray[np.float64]
    leg_columns: NDArray[np.int64]
    code: NDArray[np.int64]
    cuts: NDArray[np.int64]
    constants: NDArray[np.float64]
    scale: Scale


@nb.njit(inline="always")
def _dphi(one: float, other: float, turn: float) -> float:
    d = abs(one - other) % turn
    return turn - d if d > 0.5 * turn else d


@nb.njit(inline="always")
def _half_mass2(program: Program, a: int, i: int, b: int, j: int) -> float:
    """Return half the squared mass of two massless objects."""
    columns, one, other = program.columns, program.leg_columns[a], program.leg_columns[b]
    angle = program.scale.angle
    deta = (columns[one[_ETA] + i] - columns[other[_ETA] + j]) * angle
    dphi = _dphi(columns[one[_PHI] + i], columns[other[_PHI] + j], program.scale.turn) * angle
    return columns[one[_PT] + i] * columns[other[_PT] + j] * (np.cosh(deta) - np.cos(dphi))


@nb.njit(cache=True, nogil=True)
def _of_legs(program: Program, step: int, chosen: NDArray[np.int64]) -> float:
    """Compute a function of two or three legs."""
    op, a, b, c = program.code[step]
    columns, scale = program.columns, program.scale
    one, other, i, j = program.leg_columns[a], program.leg_columns[b], chosen[a], chosen[b]
    if op == 20:
        return abs(columns[one[_ETA] + i] - columns[other[_ETA] + j])
    if op == 23:
        return abs(columns[one[_Z0] + i] - columns[other[_Z0] + j])
    if op == 24:
        half = _half_mass2(program, a, i, b, j)
        if c >= 0:
            half += _half_mass2(program, a, i, c, chosen[c])
            half += _half_mass2(program, b, j, c, chosen[c])
        return 2.0 * half
    if op >= 27:
        product = columns[one[_CHARGE] + i] * columns[other[_CHARGE] + j]
        return float(product < 0.0 if op == 27 else product > 0.0)
    dphi = _dphi(columns[one[_PHI] + i], columns[other[_PHI] + j], scale.turn)
    if op == 21:
        return dphi
    if op == 22:
        deta = columns[one[_ETA] + i] - columns[other[_ETA] + j]
        return deta * deta + dphi * dphi
    p, q = columns[one[_PT] + i], columns[other[_PT] + j]
    if op == 25:
        return 2.0 * p * q * (1.0 - np.cos(dphi * scale.angle))
    return p * p + q * q + 2.0 * p * q * np.cos(dphi * scale.angle)


@nb.njit(cache=True, nogil=True)
def _of_two(op: int, left: float, right: float) -> float:
    """Combine two numbers; truth is 1 or 0, and a comparison with NaN is false."""
    if op == 2:
        return left + right
    if op == 3:
        return left - right
    if op == 4:
        return left * right
    if op == 5:
        return left / right if right != 0.0 else np.nan
    if op == 9:
        return min(left, right)
    if op == 10:
        return max(left, right)
    if op == 11:
        return float(left < right)
    if op == 12:
        return float(left <= right)
    if op == 13:
        return float(left > right)
    if op == 14:
        return float(left >= right)
    if op == 15:
        return float(left == right)
    if op == 16:
        return float(left != right)
    if op == 17:
        return float(left != 0.0 and right != 0.0)
    return float(left != 0.0 or right != 0.0)


@nb.njit(cache=True, nogil=True)
def _holds(
    program: Program, cut: int, chosen: NDArray[np.int64], stack: NDArray[np.float64]
) -> bool:
    """Run one cut on the chosen objects."""
    top = -1
    for step in range(program.cuts[cut, 0], program.cuts[cut, 1]):
        op, a, b = program.code[step, 0], program.code[step, 1], program.code[step, 2]
        if op == 0:
            top += 1
            stack[top] = program.constants[a]
        elif op == 1:
            top += 1
            stack[top] = program.columns[b + chosen[a]]
        elif op == 6:
            stack[top] = -stack[top]
        elif op == 7:
            stack[top] = abs(stack[top])
        elif op == 8:
            stack[top] = np.sqrt(stack[top])
        elif op == 19:
            stack[top] = float(stack[top] == 0.0)
        elif op >= 20:
            top += 1
            stack[top] = _of_legs(program, step, chosen)
        else:
            top -= 1
            stack[top] = _of_two(op, stack[top], stack[top + 1])
    return stack[0] != 0.0


@nb.njit(cache=True, nogil=True)
def _fits(
    program: Program, leg: int, chosen: NDArray[np.int64], stack: NDArray[np.float64]
) -> bool:
    """Tell whether the object chosen for `leg` may stand there, given those of earlier legs."""
    if program.passing[program.passing_start[leg] + chosen[leg]] == 0:
        return False
    for earlier in range(leg):
        same = program.collection[earlier] == program.collection[leg]
        if same and chosen[earlier] == chosen[leg]:
            return False
    for cut in range(program.cuts.shape[0]):
        if program.cuts[cut, 2] == leg and not _holds(program, cut, chosen, stack):
            return False
    return True


@nb.njit(cache=True, nogil=True)
def _search(program: Program, stack: NDArray[np.float64], found: NDArray[np.bool_]) -> None:
    """Choose objects leg by leg, and go back where none fits."""
    n_legs = program.offsets.shape[0]
    chosen = np.zeros(n_legs, np.int64)
    for event in range(program.offsets.shape[1] - 1):
        leg = 0
        chosen[0] = program.offsets[0, event] - 1
        while leg >= 0:
            chosen[leg] += 1
            if chosen[leg] >= program.offsets[leg, event + 1]:
                leg -= 1
            elif _fits(program, leg, chosen, stack):
                if leg == n_legs - 1:
                    found[event] = True
                    break
                leg += 1
                chosen[leg] = program.offsets[leg, event] - 1


def combinations(program: Program) -> NDArray[np.bool_]:
    """Tell for every event whether some combination of objects passes.

    Parameters
    ----------
    program
        The seed; see `Program`.

    Returns
    -------
    ndarray of bool, shape (n_events,)

    Raises
    ------
    ValueError
        If the seed has more than `MAX_LEGS` legs, or a cut needs more than `MAX_STACK` numbers.
    """
    n_legs, edges = program.offsets.shape
    if not 1 <= n_legs <= MAX_LEGS:
        raise ValueError(f"expected 1 to {MAX_LEGS} legs, found {n_legs}")
    if _depth(program.code[:, 0].tolist()) > MAX_STACK:
        raise ValueError(f"a cut needs more than {MAX_STACK} numbers at once")
    found = np.zeros(edges - 1, np.bool_)
    _search(program, np.zeros(MAX_STACK), found)
    return found


_PUSHES: Final = {0, 1, *range(20, 29)}
_POPS: Final = {2, 3, 4, 5, *range(9, 19)}


def _depth(operations: Sequence[int]) -> int:
    """Return the most numbers on the stack at once.

    A cut leaves one number behind, which the next one overwrites: what is counted over all cuts of
    a seed, one number for each of them too many, is safe.
    """
    depth = most = 0
    for op in operations:
        depth += 1 if op in _PUSHES else -1 if op in _POPS else 0
        most = max(most, depth)
    return most
