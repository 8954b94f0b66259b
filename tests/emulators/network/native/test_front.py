"""Events that are checked, scaled and cast in one go, against the steps one after the other."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Tensor
from l1kd.emulators.network.graph import Piecewise
from l1kd.emulators.network.native import code as native_code
from l1kd.emulators.network.native.code import NativeCode, translate
from l1kd.emulators.network.native.front import front_of
from l1kd.emulators.network.native.program import UnsuitableError
from l1kd.emulators.network.preparation import Preparation
from tests.emulators.network.native.checks import WIDTHS
from tests.emulators.network.small_networks import dense, network_of

pytestmark = pytest.mark.skipif(not native_code.available(), reason="no AVX2 and FMA")
EXTREME = float(np.finfo(np.float32).max)
NONE = np.empty((0, 2), np.int32)


def preparation(size, *, scale=1.0, limit=5.0, smallest=-EXTREME, falling=NONE, empty=NONE):
    def full(value):
        return np.full(size, value, np.float32)

    low = max(-limit, smallest * scale)
    return Preparation(
        full(scale), full(low), full(limit), full(smallest), full(EXTREME),
        np.asarray(falling, np.int32), np.asarray(empty, np.int32),
    )  # fmt: skip


def casts(source, formats, size, result, index=None):
    """A first layer that casts each element to a format of its own, then to a common one."""
    each = np.arange(size, dtype=np.int32)
    zero, one = np.zeros(size, np.int64), np.ones(size, np.int64)
    return Piecewise(
        Tensor("cast", (size,), result), "x", each if index is None else index, zero, one, zero,
        one, zero, source.fraction, formats=formats, choice=each % len(formats),
    )  # fmt: skip


def identity(size, source, name="x"):
    form = FixedPoint(24 + source.integer, 24 + source.integer - source.fraction)
    return dense(name, np.eye(size, dtype=int), [0] * size, form, form)


def prepared(x, how):
    y = np.clip(x.astype(np.float32) * how.scale, how.least, how.most)
    return y.astype(np.float32)


def agree(network, how, x):
    """Compare with numbers prepared one by one, in both precisions and widths of registers."""
    for values in (x, x.astype(np.float32)):
        tensor = network.inputs[0]
        raw = network.predict_raw(tensor.format.from_float(prepared(values, how)))
        expected = network.outputs[0].format.to_float(raw)
        for width in WIDTHS:
            code = NativeCode(*translate(network.graph, network.graph.outputs, width, how))
            y = np.full(expected.shape, -99.0)
            assert code.execute(values, y)
            np.testing.assert_array_equal(y, expected)


def numbers(count, size, seed=0):
    """Numbers of every magnitude, ties, and neighbours of ties."""
    rng = np.random.default_rng(seed)
    ties = rng.integers(-200, 200, (count, size)) / 2.0 ** rng.integers(0, 9, (count, size))
    near = np.nextafter(ties.astype(np.float32), np.float32(9)).astype(float)
    small = ties + rng.choice([-1, 1], (count, size)) * 2.0 ** -rng.integers(20, 60, (count, size))
    wide = rng.normal(size=(count, size)) * 10.0 ** rng.integers(-44, 30, (count, size))
    return np.concatenate([ties, near, small, wide, [np.zeros(size), np.full(size, -0.0)]])


@pytest.mark.parametrize("size", [1, 3, 8, 13, 19])
@pytest.mark.parametrize("rounding", ["TRN", "RND_CONV"])
def test_one_format(size, rounding):
    form = FixedPoint(12, 4, True, rounding, "SAT")
    agree(network_of(form, size, identity(size, form)), preparation(size), numbers(60, size))


@pytest.mark.parametrize("overflow", ["WRAP", "SAT"])
def test_casts_of_the_first_layer_that_wrap_around_and_round_twice(overflow):
    source, result = FixedPoint(29, 5), FixedPoint(14, 6)
    formats = tuple(
        FixedPoint(width, integer, signed, "RND_CONV", overflow)
        for width, integer, signed in ((6, 3, True), (4, 2, True), (9, 4, False), (2, 5, True),
                                       (30, 6, True))
    )  # fmt: skip
    index = np.arange(17, dtype=np.int32)
    index[[4, 11]] = -1
    network = network_of(
        source, 17, casts(source, formats, 17, result, index), identity(17, result, "cast")
    )
    front = front_of(network.graph, preparation(17))
    assert front is not None
    assert front.graph.inputs[0].name == "cast"
    agree(network, preparation(17), numbers(80, 17))
    agree(network, preparation(17, scale=1 / 64, smallest=0.0), abs(numbers(80, 17)) * 64)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(8, 30), st.integers(0, 2), st.booleans(), st.sampled_from(["TRN", "RND_CONV"]),
    st.sampled_from(["WRAP", "SAT"]), st.integers(2, 12), st.integers(-3, 8), st.integers(0, 99),
)  # fmt: skip
def test_random_casts(width, spare, signed, rounding, overflow, bits, integer, seed):
    source = FixedPoint(width, 4 + spare)
    form = FixedPoint(bits, integer, signed, rounding, overflow)
    result = FixedPoint(22, 10)
    network = network_of(source, 9, casts(source, (form,), 9, result), identity(9, result, "cast"))
    agree(network, preparation(9), numbers(20, 9, seed))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_not_as_it_must_be_is_seen_wherever_it_is(kind, width):
    form = FixedPoint(12, 4, True, "RND_CONV", "SAT")
    network = network_of(form, 12, identity(12, form))
    how = preparation(12, smallest=-4.0, falling=[(0, 3), (3, 6)], empty=[(9, 10), (9, 11)])
    code = NativeCode(*translate(network.graph, network.graph.outputs, width, how))

    def inside(place, value, event=257):
        x = np.ones((300, 12), kind)
        x[event, place] = value
        return code.execute(x, np.empty((300, 12)))

    for event in (0, 257, 299):
        for place in range(12):
            for wrong in (np.nan, np.inf, -np.inf, np.nextafter(kind(-4), kind(-9)) - kind(1e-5)):
                assert not inside(place, wrong, event), (place, wrong)
    for place, value in ((1, -4.0), (5, 1e30), (3, 1.0), (6, 0.5), (10, 0.0), (11, 7.0)):
        assert inside(place, value)
    assert not inside(3, 1.5)
    assert not inside(6, 1.5)
    assert not inside(9, 0.0)
    assert not inside(9, -0.0)


def test_casts_that_single_precision_does_not_do_are_left_to_others():
    half_up = FixedPoint(12, 4, True, "RND", "SAT")
    narrow = FixedPoint(12, 2, True, "RND_CONV", "SAT")
    form = FixedPoint(12, 4, True, "RND_CONV", "SAT")
    for source, how in (
        (half_up, preparation(4)),
        (narrow, preparation(4)),
        (form, preparation(4, scale=0.5)),
        (form, preparation(5)),
    ):
        network = network_of(source, 4, identity(4, source))
        assert front_of(network.graph, how) is None
        with pytest.raises(UnsuitableError):
            translate(network.graph, network.graph.outputs, preparation=how)


def test_networks_prepare_and_tell_where_they_cannot(tmp_path, monkeypatch):
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path))
    monkeypatch.setattr(native_code, "_FOUND", {})
    form = FixedPoint(12, 4, True, "RND_CONV", "SAT")
    network, how = network_of(form, 9, identity(9, form)), preparation(9)
    x = numbers(40, 9)
    assert network.predict_prepared(x, how) is None
    assert network.specialise(how)
    expected = network.predict(prepared(x, how).astype(float))
    np.testing.assert_array_equal(network.predict_prepared(x, how), expected)
    x[7, 3] = np.inf
    assert network.predict_prepared(x, how) is None
    with pytest.raises(ValueError, match="powers of two"):
        replace(how, scale=np.full(9, 3.0, np.float32))
