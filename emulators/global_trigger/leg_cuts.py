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

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Floats, Integers
from l1kd.emulators.compilation import njit

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
    candidates : ndarray of int64
        For leg after leg, the positions in its collection of the objects that may stand on it.
    starts : ndarray of int64, shape (n_legs, n_events + 1)
        Where the candidates of each event begin.
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

    candidates: NDArray[np.int64]
    starts: NDArray[np.int64]
    collection: NDArray[np.int64]
    columns: NDArray[np.float64]
    leg_columns: NDArray[np.int64]
    code: NDArray[np.int64]
    cuts: NDArray[np.int64]
    constants: NDArray[np.float64]
    scale: Scale


@njit(inline="always")
def _dphi(one: float, other: float, turn: float) -> float:
    d = abs(one - other) % turn
    return turn - d if d > 0.5 * turn else d


@njit(inline="always")
def _half_mass2(
    columns: Floats, one: Integers, i: int, other: Integers, j: int, turn: float, angle: float
) -> float:
    """Return half the squared mass of two massless objects."""
    deta = (columns[one[_ETA] + i] - columns[other[_ETA] + j]) * angle
    dphi = _dphi(columns[one[_PHI] + i], columns[other[_PHI] + j], turn) * angle
    return columns[one[_PT] + i] * columns[other[_PT] + j] * (np.cosh(deta) - np.cos(dphi))


@njit(nogil=True)
def _of_legs(
    step: Integers,
    columns: Floats,
    leg_columns: Integers,
    chosen: Integers,
    turn: float,
    angle: float,
) -> float:
    """Compute a function of two or three legs."""
    op, a, b, c = step[0], step[1], step[2], step[3]
    one, other, i, j = leg_columns[a], leg_columns[b], chosen[a], chosen[b]
    if op == 20:
        return abs(columns[one[_ETA] + i] - columns[other[_ETA] + j])
    if op == 23:
        return abs(columns[one[_Z0] + i] - columns[other[_Z0] + j])
    if op == 24:
        half = _half_mass2(columns, one, i, other, j, turn, angle)
        if c >= 0:
            third, k = leg_columns[c], chosen[c]
            half += _half_mass2(columns, one, i, third, k, turn, angle)
            half += _half_mass2(columns, other, j, third, k, turn, angle)
        return 2.0 * half
    if op >= 27:
        product = columns[one[_CHARGE] + i] * columns[other[_CHARGE] + j]
        return 1.0 if (op == 27 and product < 0.0) or (op == 28 and product > 0.0) else 0.0
    dphi = _dphi(columns[one[_PHI] + i], columns[other[_PHI] + j], turn)
    if op == 21:
        return dphi
    if op == 22:
        deta = columns[one[_ETA] + i] - columns[other[_ETA] + j]
        return deta * deta + dphi * dphi
    p, q = columns[one[_PT] + i], columns[other[_PT] + j]
    if op == 25:
        return 2.0 * p * q * (1.0 - np.cos(dphi * angle))
    return p * p + q * q + 2.0 * p * q * np.cos(dphi * angle)


@njit(nogil=True)
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
        return 1.0 if left < right else 0.0
    if op == 12:
        return 1.0 if left <= right else 0.0
    if op == 13:
        return 1.0 if left > right else 0.0
    if op == 14:
        return 1.0 if left >= right else 0.0
    if op == 15:
        return 1.0 if left == right else 0.0
    if op == 16:
        return 1.0 if left != right else 0.0
    if op == 17:
        return 1.0 if left != 0.0 and right != 0.0 else 0.0
    return 1.0 if left != 0.0 or right != 0.0 else 0.0


@njit(nogil=True)
def _holds(
    code: Integers,
    first: int,
    last: int,
    constants: Floats,
    columns: Floats,
    leg_columns: Integers,
    chosen: Integers,
    turn: float,
    angle: float,
    stack: Floats,
) -> bool:
    """Run the steps of one cut on the chosen objects."""
    top = -1
    for step in range(first, last):
        op, a, b = code[step, 0], code[step, 1], code[step, 2]
        if op == 0:
            top += 1
            stack[top] = constants[a]
        elif op == 1:
            top += 1
            stack[top] = columns[b + chosen[a]]
        elif op == 6:
            stack[top] = -stack[top]
        elif op == 7:
            stack[top] = abs(stack[top])
        elif op == 8:
            stack[top] = np.sqrt(stack[top])
        elif op == 19:
            stack[top] = 1.0 if stack[top] == 0.0 else 0.0
        elif op >= 20:
            top += 1
            stack[top] = _of_legs(code[step], columns, leg_columns, chosen, turn, angle)
        else:
            top -= 1
            stack[top] = _of_two(op, stack[top], stack[top + 1])
    return stack[0] != 0.0


@njit(nogil=True)
def _search(program: Program, events: Integers, stack: Floats, found: NDArray[np.bool_]) -> None:
    """Choose objects leg by leg, and go back where none fits."""
    # local names: a helper that took the whole program would count references to all its arrays
    candidates, starts, collection = program.candidates, program.starts, program.collection
    columns, leg_columns, constants = program.columns, program.leg_columns, program.constants
    code, cuts = program.code, program.cuts
    turn, angle = program.scale.turn, program.scale.angle
    n_legs = starts.shape[0]
    chosen = np.zeros(n_legs, np.int64)
    place = np.zeros(n_legs, np.int64)
    for event in events:
        leg = 0
        place[0] = starts[0, event] - 1
        while leg >= 0:
            place[leg] += 1
            if place[leg] >= starts[leg, event + 1]:
                leg -= 1
                continue
            chosen[leg] = candidates[place[leg]]
            fits = True
            for earlier in range(leg):
                if collection[earlier] == collection[leg] and chosen[earlier] == chosen[leg]:
                    fits = False
            for cut in range(cuts.shape[0]):
                if not fits:
                    break
                if cuts[cut, 2] == leg:
                    fits = _holds(
                        code,
                        cuts[cut, 0],
                        cuts[cut, 1],
                        constants,
                        columns,
                        leg_columns,
                        chosen,
                        turn,
                        angle,
                        stack,
                    )
            if not fits:
                continue
            if leg == n_legs - 1:
                found[event] = True
                break
            leg += 1
            place[leg] = starts[leg, event] - 1


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
    n_legs, edges = program.starts.shape
    if not 1 <= n_legs <= MAX_LEGS:
        raise ValueError(f"expected 1 to {MAX_LEGS} legs, found {n_legs}")
    if any(_depth(program.code[a:b, 0].tolist()) > MAX_STACK for a, b, _ in program.cuts):
        raise ValueError(f"a cut needs more than {MAX_STACK} numbers at once")
    found = np.zeros(edges - 1, np.bool_)
    possible = np.flatnonzero((np.diff(program.starts, axis=1) > 0).all(axis=0))
    _search(program, possible, np.zeros(MAX_STACK), found)
    return found


_PUSHES: Final = {0, 1, *range(20, 29)}
_POPS: Final = {2, 3, 4, 5, *range(9, 19)}


def _depth(operations: Sequence[int]) -> int:
    """Return the most numbers that one cut has on the stack at once."""
    depth = most = 0
    for op in operations:
        depth += 1 if op in _PUSHES else -1 if op in _POPS else 0
        most = max(most, depth)
    return most
