"""Sums that do not depend on the order of their terms."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l1kd.errors import InputError
from l1kd.trigger.counts.sums import ExactSums

weights = st.floats(-1e30, 1e30, allow_subnormal=False)


def exact(sums):
    """The sums as fractions, from their digits."""
    return [
        sum(Fraction(int(d)) * Fraction(2) ** (32 * (j + sums.lowest)) for j, d in enumerate(row))
        for row in sums.limbs
    ]


@given(st.lists(weights, max_size=40))
def test_sum_is_exact(terms):
    sums = ExactSums(1)
    sums.add(np.zeros(len(terms), int), terms)
    assert exact(sums)[0] == sum((Fraction(x) for x in terms), Fraction(0))
    assert math.isclose(sums.values()[0], math.fsum(terms), rel_tol=1e-15, abs_tol=0.0)


@given(st.lists(weights, max_size=40), st.randoms())
def test_order_and_partition_do_not_matter(terms, random):
    whole = ExactSums(1)
    whole.add(np.zeros(len(terms), int), terms)
    shuffled = list(terms)
    random.shuffle(shuffled)
    cut = random.randint(0, len(terms))
    parts = []
    for part in (shuffled[:cut], shuffled[cut:]):
        sums = ExactSums(1)
        sums.add(np.zeros(len(part), int), part)
        parts.append(sums)
    merged = parts[0].joined(parts[1]).regrouped([0, 0], 1)
    assert merged == whole
    assert merged.values()[0] == whole.values()[0]


def test_many_small_terms_beside_a_large_one():
    # a plain sum of doubles loses every one of them
    sums = ExactSums(2)
    sums.add([0], [2.0**60])
    for _ in range(10):
        sums.add(np.zeros(1000, int), np.full(1000, 2.0**-10))
    sums.add([0], [-(2.0**60)])
    assert sums.values().tolist() == [10000 / 1024, 0.0]


def test_rows_with_a_tail_are_summed_together():
    sums = ExactSums((3, 2))
    sums.add(np.arange(6), [1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    merged = sums.regrouped([1, 0, 1], 2)
    assert merged.values().tolist() == [[4.0, 8.0], [17.0, 34.0]]


def test_state_makes_the_same_sums():
    sums = ExactSums(2)
    sums.add([0, 1, 1], [0.1, -1e20, 1e-20])
    again = ExactSums.from_state(sums.limbs, sums.lowest, sums.shape)
    assert again == sums
    with pytest.raises(InputError, match="shape"):
        ExactSums.from_state(sums.limbs, sums.lowest, (3,))


@pytest.mark.parametrize("wrong", [math.nan, math.inf, 1e200])
def test_what_is_no_weight_is_refused(wrong):
    with pytest.raises(InputError, match="1 of 2 event weights"):
        ExactSums(1).add([0, 0], [1.0, wrong])


def test_comparison_with_something_else():
    assert ExactSums(1) != ExactSums(2)
    assert ExactSums(1) != "sums"
    with pytest.raises(InputError, match="do not join"):
        ExactSums((1, 2)).joined(ExactSums(1))
