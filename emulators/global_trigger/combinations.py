"""Which combinations of objects pass a condition, and the decision of every seed.

Nothing here knows what an object or a cut is. A condition has legs, given as bit masks of the
objects that pass each of them, and relations between two or three of its legs, given as rows of bit
masks. It holds if one object can be chosen for every leg so that all relations hold and no object
of one list is used twice. Seeds are Boolean expressions of conditions. Any menu whose legs and
relations can be written as bit masks of at most 64 objects uses this module.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

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
    leg_start
        Legs of condition i are those from leg_start[i] to leg_start[i + 1].
    leg
        Which bit mask a leg of a condition uses.
    group
        List that the leg chooses from: legs of one group must choose different objects. A negative
        group never clashes.
    charge, positive, negative
        0, `SAME_SIGN` or `OPPOSITE_SIGN`, and the masks of the objects with a valid charge.
    relation_start
        Relations of condition i are those from relation_start[i] to relation_start[i + 1].
    relation_first, relation_second
        Positions of the two legs in the condition, first < second.
    relation_row
        First row of the relation; row k holds the partners of object k of the first leg.
    relation_negated
        1 where the pair must *not* be in the relation.
    triple_row, triple_stride
        First row of a relation of the legs 0, 1, 2 (row i * stride + j holds the partners of the
        objects i and j), or -1.
    reference
        Mask of the references whose overlap removes objects from all lists before the search, or
        -1; one reference at least must exist then.
    overlap_start, overlap_leg, overlap_row
        Legs (by position) that lose their overlapping objects, and the rows of the relation.
    """

    leg_start: NDArray[np.int64]
    leg: NDArray[np.int64]
    group: NDArray[np.int64]
    charge: NDArray[np.int64]
    positive: NDArray[np.int64]
    negative: NDArray[np.int64]
    relation_start: NDArray[np.int64]
    relation_first: NDArray[np.int64]
    relation_second: NDArray[np.int64]
    relation_row: NDArray[np.int64]
    relation_negated: NDArray[np.int64]
    triple_row: NDArray[np.int64]
    triple_stride: NDArray[np.int64]
    reference: NDArray[np.int64]
    overlap_start: NDArray[np.int64]
    overlap_leg: NDArray[np.int64]
    overlap_row: NDArray[np.int64]


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
    relations = [r for condition in conditions for r in condition.relations]
    overlaps = [o for condition in conditions for o in condition.overlaps]
    return Conditions(
        leg_start=_starts([len(c.legs) for c in conditions]),
        leg=_column([leg for c in conditions for leg in c.legs]),
        group=_column([group for c in conditions for group in c.groups]),
        charge=_column([c.charge for c in conditions]),
        positive=_column([c.positive for c in conditions]),
        negative=_column([c.negative for c in conditions]),
        relation_start=_starts([len(c.relations) for c in conditions]),
        relation_first=_column([r.first for r in relations]),
        relation_second=_column([r.second for r in relations]),
        relation_row=_column([r.row for r in relations]),
        relation_negated=_column([int(r.negated) for r in relations]),
        triple_row=_column([c.triple for c in conditions]),
        triple_stride=_column([c.stride for c in conditions]),
        reference=_column([c.reference for c in conditions]),
        overlap_start=_starts([len(c.overlaps) for c in conditions]),
        overlap_leg=_column([leg for leg, _ in overlaps]),
        overlap_row=_column([row for _, row in overlaps]),
    )


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


@njit(nogil=True, inline="always")
def _lowest(mask: int) -> int:
    """Return the position of the lowest set bit."""
    position = 0
    while not (mask >> np.uint64(position)) & np.uint64(1):
        position += 1
    return position


@njit(nogil=True)
def _candidates(
    depth: int,
    condition: int,
    masks: NDArray[np.uint64],
    chosen: NDArray[np.int64],
    rows: NDArray[np.uint64],
    conditions: Conditions,
) -> int:
    """Return the objects that leg `depth` can still choose, given the choices before it."""
    first = conditions.leg_start[condition]
    left = masks[depth]
    group = conditions.group[first + depth]
    for earlier in range(depth):
        if group >= 0 and conditions.group[first + earlier] == group:
            left &= ~(np.uint64(1) << np.uint64(chosen[earlier]))
    for k in range(conditions.relation_start[condition], conditions.relation_start[condition + 1]):
        if conditions.relation_second[k] == depth:
            partners = rows[conditions.relation_row[k] + chosen[conditions.relation_first[k]]]
            left &= ~partners if conditions.relation_negated[k] else partners
    triple = conditions.triple_row[condition]
    if triple >= 0 and depth == 2:
        left &= rows[triple + chosen[0] * conditions.triple_stride[condition] + chosen[1]]
    return left


@njit(nogil=True)
def _search(
    condition: int,
    legs: int,
    masks: NDArray[np.uint64],
    passes: NDArray[np.uint64],
    rows: NDArray[np.uint64],
    conditions: Conditions,
    chosen: NDArray[np.int64],
    left: NDArray[np.uint64],
) -> bool:
    """Search one choice of objects that satisfies a condition."""
    opposite = conditions.charge[condition] == OPPOSITE_SIGN
    positive = negative = np.uint64(0)
    if opposite:
        positive = passes[conditions.positive[condition]]
        negative = passes[conditions.negative[condition]]
    one = np.uint64(1)
    depth = 0
    left[0] = _candidates(0, condition, masks, chosen, rows, conditions)
    while depth >= 0:
        if left[depth] == 0:
            depth -= 1
            continue
        slot = _lowest(left[depth])
        left[depth] &= left[depth] - one
        chosen[depth] = slot
        if depth + 1 < legs:
            depth += 1
            left[depth] = _candidates(depth, condition, masks, chosen, rows, conditions)
            continue
        if not opposite:
            return True
        plus = minus = False
        for k in range(legs):
            bit = one << np.uint64(chosen[k])
            plus |= positive & bit != 0
            minus |= negative & bit != 0
        if plus and minus:
            return True
    return False


@njit(nogil=True)
def _remove_overlap(
    condition: int,
    masks: NDArray[np.uint64],
    passes: NDArray[np.uint64],
    rows: NDArray[np.uint64],
    conditions: Conditions,
) -> bool:
    """Take the objects that overlap any reference out of the masks; false without a reference."""
    references = passes[conditions.reference[condition]]
    if references == 0:
        return False
    one = np.uint64(1)
    for k in range(conditions.overlap_start[condition], conditions.overlap_start[condition + 1]):
        position = conditions.overlap_leg[k]
        left = masks[position]
        while left:
            slot = _lowest(left)
            bit = one << np.uint64(slot)
            left &= left - one
            if rows[conditions.overlap_row[k] + slot] & references:
                masks[position] &= ~bit
    return True


@njit(nogil=True)
def _holds(
    condition: int,
    passes: NDArray[np.uint64],
    rows: NDArray[np.uint64],
    conditions: Conditions,
    buffers: NDArray[np.uint64],
    chosen: NDArray[np.int64],
) -> bool:
    """Whether a condition holds in one event."""
    masks, signed, left = buffers[0], buffers[1], buffers[2]
    first = conditions.leg_start[condition]
    legs = conditions.leg_start[condition + 1] - first
    for k in range(legs):
        masks[k] = passes[conditions.leg[first + k]]
        if masks[k] == 0:
            return False
    if conditions.reference[condition] >= 0 and not _remove_overlap(
        condition, masks, passes, rows, conditions
    ):
        return False
    charge = conditions.charge[condition]
    if charge == 0:
        return _search(condition, legs, masks, passes, rows, conditions, chosen, left)
    positive = passes[conditions.positive[condition]]
    negative = passes[conditions.negative[condition]]
    if charge == OPPOSITE_SIGN:
        if positive == 0 or negative == 0:
            return False
        for k in range(legs):
            masks[k] &= positive | negative
        return _search(condition, legs, masks, passes, rows, conditions, chosen, left)
    for sign in (positive, negative):
        for k in range(legs):
            signed[k] = masks[k] & sign
        if _search(condition, legs, signed, passes, rows, conditions, chosen, left):
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
    n_conditions = len(conditions.leg_start) - 1
    n_seeds = len(logic.start) - 1
    holds = np.zeros(n_conditions, np.bool_)
    buffers = np.zeros((3, MAX_LEGS), np.uint64)
    chosen = np.zeros(MAX_LEGS, np.int64)
    stack = np.zeros(_MAX_STACK, np.bool_)
    for event in range(len(passes)):
        for condition in range(n_conditions):
            holds[condition] = _holds(
                condition, passes[event], rows[event], conditions, buffers, chosen
            )
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
