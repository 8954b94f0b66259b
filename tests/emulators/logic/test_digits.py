"""Whole numbers as sums of signed powers of two."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from l1kd.emulators.logic import digits


@given(st.integers(-(1 << 20), 1 << 20))
def test_digits_make_the_number(number):
    found = digits(number)
    assert sum(sign << exponent for sign, exponent in found) == number
    exponents = [exponent for _, exponent in found]
    assert all(b - a >= 2 for a, b in itertools.pairwise(exponents))
