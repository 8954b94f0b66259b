"""Choices of objects from bit masks alone, against a plain search."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.emulators.global_trigger.combinations import (
    AND,
    MAX_LEGS,
    NOT,
    OPPOSITE_SIGN,
    OR,
    SAME_SIGN,
    XOR,
    Condition,
    Relation,
    conditions_of,
    decide,
    logic_of,
)

SLOTS = 4


def decided(passes, rows, conditions, seeds):
    out = np.zeros((len(passes), -(-len(seeds) // 8)), np.uint8)
    decide(
        np.array(passes, np.uint64),
        np.array(rows, np.uint64).reshape(len(passes), -1),
        conditions_of(conditions),
        logic_of(seeds),
        out,
    )
    return np.unpackbits(out, axis=1, bitorder="little")[:, : len(seeds)].astype(bool)


masks = st.integers(0, 2**SLOTS - 1)


@st.composite
def cases(draw):
    legs = draw(st.integers(1, 4))
    groups = tuple(draw(st.integers(-1, 1)) for _ in range(legs))
    pairs = [(a, b) for b in range(legs) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=2)) if pairs else []
    relations = tuple(
        Relation(a, b, SLOTS * k, draw(st.booleans())) for k, (a, b) in enumerate(chosen)
    )
    charge = draw(st.sampled_from([0, SAME_SIGN, OPPOSITE_SIGN]))
    condition = Condition(
        tuple(range(legs)), groups, relations, charge, positive=legs, negative=legs + 1
    )
    positive = draw(masks)
    passes = [*[draw(masks) for _ in range(legs)], positive, draw(masks) & ~positive]
    rows = [draw(masks) for _ in range(2 * SLOTS)]
    return condition, passes, rows


def plain(condition, passes, rows):
    for choice in product(range(SLOTS), repeat=len(condition.legs)):
        taken = [(g, c) for g, c in zip(condition.groups, choice, strict=True) if g >= 0]
        signs = [
            (passes[condition.positive] >> c & 1) - (passes[condition.negative] >> c & 1)
            for c in choice
        ]
        if (
            all(passes[leg] >> c & 1 for leg, c in zip(condition.legs, choice, strict=True))
            and len(set(taken)) == len(taken)
            and all(
                bool(rows[r.row + choice[r.first]] >> choice[r.second] & 1) != r.negated
                for r in condition.relations
            )
            and (condition.charge == 0 or 0 not in signs)
            and (condition.charge != SAME_SIGN or len(set(signs)) == 1)
            and (condition.charge != OPPOSITE_SIGN or len(set(signs)) == 2)
        ):
            return True
    return False


@given(cases())
def test_a_condition_holds_when_a_plain_search_finds_a_choice(case):
    condition, passes, rows = case
    assert decided([passes], [rows], [condition], [[0]])[0, 0] == plain(condition, passes, rows)


@given(masks, masks, masks, st.lists(masks, min_size=SLOTS, max_size=SLOTS))
def test_overlap_removal_before_the_search(first, second, references, overlap):
    condition = Condition((0, 1), (0, 0), reference=2, overlaps=((0, 0), (1, 0)))
    free = [not overlap[i] & references for i in range(SLOTS)]
    expected = bool(references) and any(
        first >> i & 1 and second >> j & 1 and i != j and free[i] and free[j]
        for i in range(SLOTS)
        for j in range(SLOTS)
    )
    assert decided([[first, second, references]], [overlap], [condition], [[0]])[0, 0] == expected


def test_seeds_are_packed_lowest_bit_first():
    conditions = [Condition((0,), (0,)), Condition((1,), (0,))]
    seeds = [[0], [1], [0, 1, AND], [0, 1, OR], [0, 1, XOR], [0, NOT], [], [1, NOT], [0, 0, XOR]]
    found = decided([[1, 0], [0, 2], [1, 1]], [[0], [0], [0]], conditions, seeds)
    a, b = np.array([1, 0, 1], bool), np.array([0, 1, 1], bool)
    nothing = np.zeros(3, bool)
    expected = [a, b, a & b, a | b, a ^ b, ~a, nothing, ~b, nothing]
    assert (found == np.array(expected).T).all()


def test_objects_up_to_bit_63():
    top = 1 << 63
    condition = Condition((0, 1), (0, 0))
    assert decided([[top, top | 1], [top, top]], [[0], [0]], [condition], [[0]]).tolist() == [
        [True],
        [False],
    ]


@pytest.mark.parametrize(
    "condition",
    [
        Condition((), ()),
        Condition((0,) * (MAX_LEGS + 1), (0,) * (MAX_LEGS + 1)),
        Condition((0, 1), (0,)),
        Condition((0, 1), (0, 0), (Relation(1, 0, 0),)),
    ],
)
def test_conditions_that_make_no_sense_are_refused(condition):
    with pytest.raises(ValueError, match="leg"):
        conditions_of([condition])


@pytest.mark.parametrize("tokens", [[0, 1], [AND], [0, AND], [NOT]])
def test_expressions_that_are_not_postfix_are_refused(tokens):
    with pytest.raises(ValueError, match="postfix"):
        logic_of([tokens])
