"""Machine widths at their boundaries, against the oracle of Python integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Tensor
from l1kd.emulators.network.analysis.fusion import affine_kernel
from l1kd.emulators.network.analysis.intervals import analyse
from l1kd.emulators.network.graph import (
    Binary,
    Divide,
    Gather,
    Lookup,
    Piecewise,
)
from tests.emulators.network import oracle
from tests.emulators.network.small_networks import (
    dense,
    extremes,
    forms,
    network_of,
    without_sign,
)


def check(network, x):
    values = oracle.evaluate(network.graph, x)
    expected = values[network.graph.outputs[0]].astype(np.int64)
    np.testing.assert_array_equal(network.predict_raw(x).reshape(expected.shape), expected)


def width_of(network):
    operation = next(network.graph.operations)
    source = network.graph.inputs[0].format.fraction
    return affine_kernel(operation, analyse(network.graph), source).width


WIDE = FixedPoint(60, 60)


@pytest.mark.parametrize(
    ("bias", "width"), [((1 << 15) - 1 - 127 * 3, 16), ((1 << 15) - 127 * 3, 32)]
)
def test_sixteen_bits_end_exactly_at_their_limit(bias, width):
    network = network_of(
        FixedPoint(8, 8, False), 3, dense("x", [[1], [1], [1]], [bias - 128 * 3], WIDE, WIDE)
    )
    assert width_of(network) == width
    check(network, extremes(FixedPoint(8, 8, False), 3))


@pytest.mark.parametrize(("extra", "width"), [(0, 32), (1, 64)])
def test_thirty_two_bits_end_exactly_at_their_limit(extra, width):
    form = FixedPoint(16, 16, False)
    weight = ((1 << 31) - 1) // (2 * form.maximum)
    bias = (1 << 31) - 1 - 2 * weight * form.maximum + extra
    network = network_of(form, 2, dense("x", [[weight], [weight]], [bias], WIDE, WIDE))
    assert width_of(network) == width
    check(network, extremes(form, 2))


def test_sixty_four_bits_are_the_end():
    form = FixedPoint(32, 32)
    huge = [[1 << 31], [1 << 30]]
    check(network_of(form, 2, dense("x", huge, [0], FixedPoint(64, 64), FixedPoint(64, 64))),
          extremes(form, 2))  # fmt: skip
    with pytest.raises(ValueError, match="64 bits"):
        network_of(
            form, 2, dense("x", [[1 << 31]] * 2, [0], FixedPoint(64, 70, True, "RND", "SAT"), WIDE)
        )
    with pytest.raises(ValueError, match="64 bits"):
        network_of(
            FixedPoint(40, 40), 1,
            Piecewise(
                Tensor("y", (1,), FixedPoint(60, 60)), "x", np.zeros(1, np.int32),
                *(np.array([n]) for n in (0, 1 << 30, 0, 1 << 30, 1)), 0,
            ),
        )  # fmt: skip


def test_wrapping_sums_need_no_wider_words():
    form, accumulator = FixedPoint(16, 16), FixedPoint(16, 16)
    weights = np.random.default_rng(0).integers(-30000, 30000, (20, 6))
    network = network_of(form, 20, dense("x", weights, range(6), accumulator, accumulator))
    assert width_of(network) == 16
    check(network, extremes(form, 20))


@pytest.mark.parametrize("result", ["TRN WRAP", "RND SAT", "TRN_ZERO SAT"])
@pytest.mark.parametrize("drop", [0, 1])
@pytest.mark.parametrize(
    ("width", "weight"), [(16, 2), (16, 201), (32, 70_001), (32, 140_001), (32, 300_001)]
)
def test_sums_of_no_sign_that_fill_a_word_are_not_negative(width, weight, drop, result):
    """Some leave the accumulator and some do not; clipped to a signed word, none would seem to."""
    network, x = without_sign(width, weight, drop, result)
    check(network, x)
    y = network.predict_raw(x)
    assert y.min() >= 0
    assert (y.max() >= 1 << (width - 1)) or weight == 2


def test_shared_zeros_of_weights_avoid_shifts():
    form = FixedPoint(8, 4)
    operation = dense("x", [[8], [-16]], [0], FixedPoint(12, 8), FixedPoint(12, 8), fraction=3)
    network = network_of(form, 2, operation)
    assert affine_kernel(operation, analyse(network.graph), 4).shift == 0
    check(network, extremes(form, 2))


@settings(max_examples=120, deadline=None)
@given(forms(1, 20), forms(2, 26), forms(1, 20), st.integers(-2, 8), st.booleans(), st.randoms())
def test_random_sums_equal_the_oracle(source, accumulator, result, fraction, late, random):
    n_in, n_out = random.randint(1, 9), random.randint(1, 5)
    reach = 1 << random.randint(0, 12)
    weights = [[random.randint(-reach, reach) for _ in range(n_out)] for _ in range(n_in)]
    bias = [random.randint(accumulator.minimum, accumulator.maximum) for _ in range(n_out)]
    operation = dense("x", weights, bias, accumulator, result, fraction, late)
    check(network_of(source, n_in, operation), extremes(source, n_in, 40, random.randint(0, 99)))


@settings(max_examples=120, deadline=None)
@given(forms(1, 24), forms(1, 24), forms(1, 24), st.integers(0, 2), st.randoms())
def test_random_lines_and_merges_equal_the_oracle(source, middle, result, halvings, random):
    def numbers(reach):
        return np.array([random.randint(-reach, reach) for _ in range(4)])

    each = np.arange(4, dtype=np.int32)
    pair = (middle, FixedPoint(5, 3, True, "RND", middle.overflow))
    same = random.random() < 0.5
    above, below = (numbers(99), numbers(999)), (numbers(99), numbers(999))
    line = Piecewise(
        Tensor("line", (4,), middle), "x", each[::-1].copy(), numbers(50), *above,
        *(above if same else below), source.fraction + 3, None if same else (-700, 900),
        pair if random.random() < 0.3 else (), (each % 2).astype(np.int32),
    )  # fmt: skip
    kind = random.choice(["add", "subtract", "multiply", "maximum", "minimum"])
    merge = Binary(Tensor("merge", (4,), result), kind, "line", "x", each, each, halvings)
    check(network_of(source, 4, line, merge), extremes(source, 4, 40, random.randint(0, 99)))


def test_tables_and_fills_may_hold_what_symmetric_saturation_never_gives():
    """The lowest raw value of such a format is bits like any others."""
    symmetric = FixedPoint(3, 3, True, "TRN", "SAT_SYM")
    index = np.arange(2, dtype=np.int32)
    table = np.array([[-4, 3], [1, -4], [0, 1]])
    lookup = Lookup(Tensor("t", (2,), symmetric), "x", index, 1, 0, False, 1, table, index)
    filled = Gather(Tensor("f", (2,), symmetric), ("t",), np.array([0, -1], np.int32), -4)
    narrow = FixedPoint(1, 0, False, "RND_ZERO", "SAT_SYM")
    difference = Binary(Tensor("d", (2,), narrow), "subtract", "f", "t", index, index, 3)
    exact = Binary(Tensor("e", (2,), FixedPoint(8, 8)), "multiply", "d", "f", index, index)
    network = network_of(FixedPoint(3, 3), 2, lookup, filled, difference, exact)
    values = np.arange(-4, 4)
    check(network, np.stack([np.repeat(values, 8), np.tile(values, 8)], 1))


def test_quotients_keep_the_point():
    each = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="fraction bits of its dividend"):
        network_of(
            FixedPoint(8, 4), 1,
            Divide(Tensor("y", (1,), FixedPoint(8, 3)), "x", each, np.array([3])),
        )  # fmt: skip


@pytest.mark.parametrize(("width", "refused"), [(22, False), (23, True)])
def test_late_sums_with_the_bits_of_their_products_fit_a_word(width, refused):
    accumulator = FixedPoint(width, width, True, "TRN_ZERO", "SAT")
    operation = dense("x", [[3], [-5]], [accumulator.maximum], accumulator, WIDE, 39, late=True)
    x = np.array([[100, -100], [-128, 127], [0, 1]])
    if refused:
        with pytest.raises(ValueError, match="exceed 64 bits"):
            network_of(FixedPoint(8, 8), 2, operation)
        return
    network = network_of(FixedPoint(8, 8), 2, operation)
    expected = oracle.evaluate(network.graph, x)["y"].astype(np.int64)
    np.testing.assert_array_equal(network.predict_raw(x), expected)
