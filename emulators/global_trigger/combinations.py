"""Which combinations of objects pass a condition, and the decision of every seed.

Nothing here knows what an object or a cut is. A condition has legs, given as bit masks of the
objects that pass each of them, and relations between two or three of its legs, given as rows of bit
masks. It holds if one object can be chosen for every leg so that all relations hold and no object
of one list is used twice. Seeds are Boolean expressions of conditions. Any menu whose legs and
relations can be written as bit masks of at most 64 objects uses this module.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.compilation import njit

__all__ = [
    "AND",
    "MAX_LEGS",
    "NOT",
    "OPPOSITE_SIGN",
    "OR",
    "SAME_SIGN",
    "XOR",
    "Condition",
    "Conditions",
    "Logic",
    "Relation",
    "conditions_of",
    "decide",
    "logic_of",
]

MAX_LEGS: Final = 8
"""Most legs a condition may have."""
SAME_SIGN: Final = 1
OPPOSITE_SIGN: Final = 2
AND: Final = -1
OR: Final = -2
XOR: Final = -3
NOT: Final = -4
_MAX_STACK: Final = 256


class Relation(NamedTuple):
    """A pair of legs, by their positions in the condition, that must (not) be in a relation."""

    first: int
    second: int
    row: int
    negated: bool = False


class Condition(NamedTuple):
    """One condition, as it is written down before all are made flat.

    Attributes
    ----------
    legs
        Number of the bit mask of every leg.
    groups
        List that each leg chooses from; legs of one group choose different objects, a negative
        group never clashes.
    relations
        Relations of pairs of legs, first < second.
    charge, positive, negative
        0, `SAME_SIGN` or `OPPOSITE_SIGN`, with the masks of the objects of either valid charge.
    triple, stride
        First row and stride of a relation of the legs 0, 1 and 2, or -1.
    reference, overlaps
        Mask of the references that remove what overlaps them before the search (-1 for none), and
        the legs that lose objects, with the rows of the relation.
    """

    legs: tuple[int, ...]
    groups: tuple[int, ...]
    relations: tuple[Relation, ...] = ()
    charge: int = 0
    positive: int = 0
    negative: int = 0
    triple: int = -1
    stride: int = 0
    reference: int = -1
    overlaps: tuple[tuple[int, int], ...] = ()


class Conditions(NamedTuple):
    """All conditions of a menu, flat.

    Attributes
    ----------
    start
        Where each condition begins in `code`.
    code
        For each condition its header (number of legs, relations and overlaps, charge, masks of
        either charge, row and stride of the triple, reference), then the bit mask of every leg, the
        group of every leg, four numbers for each relation (first, second, row, negated) and two for
        each overlap (leg, row).
    """

    start: NDArray[np.int64]
    code: NDArray[np.int64]


_LEGS, _RELATIONS, _OVERLAPS, _CHARGE, _POSITIVE, _NEGATIVE, _TRIPLE, _STRIDE, _REFERENCE = range(9)
_HEADER: Final = 9


class Logic(NamedTuple):
    """The Boolean expressions of the seeds in postfix order.

    Attributes
    ----------
    start
        Tokens of seed i are those from start[i] to start[i + 1]; a seed without tokens is false.
    token
        Number of a condition, or `AND`, `OR`, `XOR`, `NOT`.
    """

    start: NDArray[np.int64]
    token: NDArray[np.int64]


def _starts(lengths: Sequence[int]) -> NDArray[np.int64]:
    """Return where each of several consecutive runs begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _column(values: Sequence[int]) -> NDArray[np.int64]:
    """Return integers as an array, also where there are none."""
    return np.asarray(list(values), np.int64).reshape(-1)


def conditions_of(conditions: Sequence[Condition]) -> Conditions:
    """Return conditions as the kernels read them.

    Parameters
    ----------
    conditions
        Conditions of at least one and at most `MAX_LEGS` legs.

    Returns
    -------
    Conditions
        The same, flat.

    Raises
    ------
    ValueError
        A condition has no legs or too many, or a relation names no earlier leg first.
    """
    for condition in conditions:
        if not 1 <= len(condition.legs) <= MAX_LEGS or len(condition.groups) != len(condition.legs):
            raise ValueError(f"a condition has 1 to {MAX_LEGS} legs, each with a group")
        if any(not 0 <= r.first < r.second < len(condition.legs) for r in condition.relations):
            raise ValueError("a relation joins an earlier leg with a later one")
    code: list[int] = []
    start = []
    for condition in conditions:
        start.append(len(code))
        code += [len(condition.legs), len(condition.relations), len(condition.overlaps)]
        code += [condition.charge, condition.positive, condition.negative]
        code += [condition.triple, condition.stride, condition.reference]
        code += [*condition.legs, *condition.groups]
        code += [int(number) for relation in condition.relations for number in relation]
        code += [number for overlap in condition.overlaps for number in overlap]
    return Conditions(_column(start), _column(code))


def logic_of(seeds: Sequence[Sequence[int]]) -> Logic:
    """Return the postfix expressions of all seeds as the kernels read them.

    Parameters
    ----------
    seeds
        For each seed its tokens: numbers of conditions, `AND`, `OR`, `XOR`, `NOT`. No tokens at all
        make a seed that never fires.

    Returns
    -------
    Logic
        The same, flat.

    Raises
    ------
    ValueError
        An expression is not a valid postfix expression, or nests too deeply.
    """
    for tokens in seeds:
        height = 0
        for token in tokens:
            height += 1 if token >= 0 else 0 if token == NOT else -1
            if not 1 <= height <= _MAX_STACK:
                raise ValueError("not a postfix expression of conditions")
        if tokens and height != 1:
            raise ValueError("not a postfix expression of conditions")
    return Logic(_starts([len(s) for s in seeds]), _column([t for s in seeds for t in s]))


@njit(nogil=True)
def _lowest(mask: Any) -> int:
    """Return the position of the lowest set bit of a mask that is not zero."""
    position = 0
    for width in (32, 16, 8, 4, 2, 1):
        low = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
        if not mask & low:
            mask >>= np.uint64(width)
            position += width
    return position


@njit(nogil=True)
def _all_pass(
    at: int, code: NDArray[np.int64], passes: NDArray[np.uint64], masks: NDArray[np.uint64]
) -> bool:
    """Copy the masks of a condition's legs; false if no object passes one of them."""
    for k in range(code[at + _LEGS]):
        masks[k] = passes[code[at + _HEADER + k]]
        if masks[k] == 0:
            return False
    return True


@njit(nogil=True)
def _candidates(
    depth: int,
    at: int,
    code: NDArray[np.int64],
    masks: NDArray[np.uint64],
    chosen: NDArray[np.int64],
    rows: NDArray[np.uint64],
) -> int:
    """Return the objects that leg `depth` can still choose, given the choices before it."""
    left = masks[depth]
    legs = code[at + _LEGS]
    groups = at + _HEADER + legs
    group = code[groups + depth]
    if group >= 0:
        for earlier in range(depth):
            if code[groups + earlier] == group:
                left &= ~(np.uint64(1) << np.uint64(chosen[earlier]))
    relation = groups + legs
    for _ in range(code[at + _RELATIONS]):
        if code[relation + 1] == depth:
            partners = rows[code[relation + 2] + chosen[code[relation]]]
            left &= ~partners if code[relation + 3] else partners
        relation += 4
    if depth == 2 and code[at + _TRIPLE] >= 0:
        left &= rows[code[at + _TRIPLE] + chosen[0] * code[at + _STRIDE] + chosen[1]]
    return left


@njit(nogil=True)
def _search(
    at: int,
    code: NDArray[np.int64],
    masks: NDArray[np.uint64],
    passes: NDArray[np.uint64],
    rows: NDArray[np.uint64],
    left: NDArray[np.uint64],
    chosen: NDArray[np.int64],
) -> bool:
    """Search one choice of objects that satisfies a condition."""
    legs = code[at + _LEGS]
    opposite = code[at + _CHARGE] == OPPOSITE_SIGN
    one = np.uint64(1)
    depth = 0
    left[0] = masks[0]
    while depth >= 0:
        if left[depth] == 0:
            depth -= 1
            continue
        slot = _lowest(left[depth])
        left[depth] &= left[depth] - one
        chosen[depth] = slot
        if depth + 1 < legs:
            depth += 1
            left[depth] = _candidates(depth, at, code, masks, chosen, rows)
            continue
        if not opposite:
            return True
        plus = minus = False
        for k in range(legs):
            bit = one << np.uint64(chosen[k])
            plus |= passes[code[at + _POSITIVE]] & bit != 0
            minus |= passes[code[at + _NEGATIVE]] & bit != 0
        if plus and minus:
            return True
    return False


@njit(nogil=True)
def _remove_overlap(
    at: int,
    code: NDArray[np.int64],
    masks: NDArray[np.uint64],
    passes: NDArray[np.uint64],
    rows: NDArray[np.uint64],
) -> bool:
    """Take the objects that overlap any reference out of the masks; false without a reference."""
    references = passes[code[at + _REFERENCE]]
    if references == 0:
        return False
    one = np.uint64(1)
    overlap = at + _HEADER + 2 * code[at + _LEGS] + 4 * code[at + _RELATIONS]
    for _ in range(code[at + _OVERLAPS]):
        position = code[overlap]
        left = masks[position]
        while left:
            slot = _lowest(left)
            left &= left - one
            if rows[code[overlap + 1] + slot] & references:
                masks[position] &= ~(one << np.uint64(slot))
        overlap += 2
    return True


@njit(nogil=True)
def _holds(
    at: int,
    code: NDArray[np.int64],
    passes: NDArray[np.uint64],
    rows: NDArray[np.uint64],
    buffers: NDArray[np.uint64],
    chosen: NDArray[np.int64],
) -> bool:
    """Whether a condition holds whose legs' masks are copied and not empty."""
    masks, signed, left = buffers[0], buffers[1], buffers[2]
    legs = code[at + _LEGS]
    if code[at + _REFERENCE] >= 0 and not _remove_overlap(at, code, masks, passes, rows):
        return False
    charge = code[at + _CHARGE]
    if charge == 0:
        return _search(at, code, masks, passes, rows, left, chosen)
    positive, negative = passes[code[at + _POSITIVE]], passes[code[at + _NEGATIVE]]
    if charge == OPPOSITE_SIGN:
        for k in range(legs):
            masks[k] &= positive | negative
        return _search(at, code, masks, passes, rows, left, chosen)
    for sign in (positive, negative):
        for k in range(legs):
            signed[k] = masks[k] & sign
        if _search(at, code, signed, passes, rows, left, chosen):
            return True
    return False


@njit(nogil=True)
def decide(
    passes: NDArray[np.uint64],
    rows: NDArray[np.uint64],
    conditions: Conditions,
    logic: Logic,
    out: NDArray[np.uint8],
) -> None:
    """Decide every seed.

    Parameters
    ----------
    passes
        Bit masks of the legs, shape (events, legs).
    rows
        Rows of the relations, shape (events, rows).
    conditions, logic
        The menu.
    out
        Decisions, packed, lowest bit first, shape (events, ceil(seeds / 8)).
    """
    start, code = conditions.start, conditions.code
    n_conditions = len(start)
    n_seeds = len(logic.start) - 1
    holds = np.zeros(n_conditions, np.bool_)
    buffers = np.zeros((3, MAX_LEGS), np.uint64)
    masks = buffers[0]
    chosen = np.zeros(MAX_LEGS, np.int64)
    stack = np.zeros(_MAX_STACK, np.bool_)
    for event in range(len(passes)):
        passing, related = passes[event], rows[event]
        for condition in range(n_conditions):
            at = start[condition]
            holds[condition] = _all_pass(at, code, passing, masks)
            single = code[at + _LEGS] == 1 and code[at + _CHARGE] == 0 and code[at + _REFERENCE] < 0
            if holds[condition] and not single:
                holds[condition] = _holds(at, code, passing, related, buffers, chosen)
        out[event] = 0
        for seed in range(n_seeds):
            top = 0
            for k in range(logic.start[seed], logic.start[seed + 1]):
                token = logic.token[k]
                if token >= 0:
                    stack[top] = holds[token]
                    top += 1
                elif token == NOT:
                    stack[top - 1] = not stack[top - 1]
                else:
                    top -= 1
                    if token == AND:
                        stack[top - 1] &= stack[top]
                    elif token == OR:
                        stack[top - 1] |= stack[top]
                    else:
                        stack[top - 1] ^= stack[top]
            if top and stack[0]:
                out[event, seed >> 3] |= np.uint8(1 << (seed & 7))
