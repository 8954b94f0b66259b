"""Machine code made for one network, against the oracle of Python integers and the firmware."""

import os
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.analysis.fusion import affine_kernel
from l1kd.emulators.network.analysis.intervals import analyse, in_order
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Gather,
    Graph,
    Layer,
    Lookup,
    Piecewise,
)
from l1kd.emulators.network.native import code as native_code
from l1kd.emulators.network.native.code import key_of
from l1kd.emulators.network.native.ordered import Ordered
from l1kd.emulators.network.native.program import UnsuitableError
from l1kd.emulators.network.native.sums import FLOORED, INTEGER, REAL, Sums
from tests.emulators.network import oracle
from tests.emulators.network.native.checks import WIDTHS, check, compiled, run
from tests.emulators.network.small_networks import (
    dense,
    extremes,
    forms,
    network_of,
    small_network,
    without_sign,
)

pytestmark = pytest.mark.skipif(not native_code.available(), reason="no AVX2 and FMA")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give every test a cache of its own, and forget what earlier ones compiled."""
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path))
    monkeypatch.setattr(native_code, "_FOUND", {})
    return tmp_path / "networks"


def way_of(network):
    operation, facts = next(network.graph.operations), analyse(network.graph)
    kernel = affine_kernel(operation, facts, network.graph.inputs[0].format.fraction)
    from l1kd.emulators.network.native.casts import Stage

    exact = facts[operation.output.name].exact
    stages = [Stage(operation.output.format, operation.accumulator.fraction, exact)]
    return Sums.plan(operation, facts, kernel, stages).way


WIDE = FixedPoint(60, 60)


@pytest.mark.parametrize(("extra", "way"), [(-1, REAL), (0, FLOORED)])
def test_single_precision_ends_exactly_at_its_limit(extra, way):
    form = FixedPoint(12, 12, False)
    weight = 1000
    bias = (1 << 24) - 1 - 3 * weight * form.maximum + extra
    network = network_of(form, 3, dense("x", [[weight]] * 3, [bias], WIDE, WIDE))
    assert way_of(network) == way
    check(network, extremes(form, 3))


@pytest.mark.parametrize(("weight", "way"), [(32895, FLOORED), (32899, INTEGER)])
def test_floored_products_end_exactly_at_their_limit(weight, way):
    form, accumulator = FixedPoint(8, 8, False), FixedPoint(31, 31)
    weights = [[weight], [-weight], [weight], [-1]]
    network = network_of(form, 4, dense("x", weights, [5], accumulator, accumulator, 1))
    assert way_of(network) == way
    check(network, extremes(form, 4))


@pytest.mark.parametrize("result", ["TRN WRAP", "RND SAT", "TRN_ZERO SAT"])
@pytest.mark.parametrize("drop", [0, 1])
@pytest.mark.parametrize(
    ("width", "weight"), [(16, 201), (32, 70_001), (32, 140_001), (32, 300_001)]
)
def test_sums_of_no_sign_that_fill_a_word_are_not_negative(width, weight, drop, result):
    network, x = without_sign(width, weight, drop, result)
    y, _ = run(compiled(network), network, x)
    assert y.min() >= 0
    assert y.max() >= 1 << (width - 1)
    check(network, x)


@pytest.mark.parametrize("drop", [1, 4, 11])
@pytest.mark.parametrize("width", [16, 22, 40])
def test_sums_of_floors_are_cut_where_they_leave_their_bits(drop, width):
    rng = np.random.default_rng(drop)
    form, accumulator = FixedPoint(14, 14), FixedPoint(width, width)
    weights = rng.integers(-(1 << 9), 1 << 9, (60, 7)) * 2 + 1
    operation = dense("x", weights, rng.integers(-99, 99, 7), accumulator, accumulator, drop)
    network = network_of(form, 60, operation)
    assert way_of(network) == FLOORED
    check(network, extremes(form, 60))


@settings(max_examples=40, deadline=None)
@given(forms(1, 20), forms(2, 26), forms(1, 20), st.integers(-2, 8), st.booleans(), st.randoms())
def test_random_sums_equal_the_oracle(source, accumulator, result, fraction, relu, random):
    n_in, n_out = random.randint(1, 17), random.randint(1, 9)
    reach = 1 << random.randint(0, 12)
    weights = [[random.randint(-reach, reach) for _ in range(n_out)] for _ in range(n_in)]
    bias = [random.randint(accumulator.minimum, accumulator.maximum) for _ in range(n_out)]
    middle = accumulator if random.random() < 0.5 else result
    late = random.random() < 0.3
    operations = [dense("x", weights, bias, accumulator, middle, fraction, late)]
    if relu:
        zero, one = np.zeros(n_out, np.int64), np.ones(n_out, np.int64)
        each, scale = np.arange(n_out, dtype=np.int32), 1 << random.randint(0, 2)
        operations.append(
            Piecewise(Tensor("z", (n_out,), result), "y", each, zero, one * scale, zero,
                      zero if random.random() < 0.7 else one * scale, zero, middle.fraction)
        )  # fmt: skip
    network = network_of(source, n_in, *operations)
    try:
        check(network, extremes(source, n_in, 40, random.randint(0, 99)))
    except UnsuitableError:
        assert late
        assert accumulator.rounding not in ("TRN", "RND", "RND_MIN_INF")


@settings(max_examples=40, deadline=None)
@given(forms(1, 24), forms(1, 24), forms(1, 24), st.integers(0, 2), st.randoms())
def test_random_elements_equal_the_oracle(source, middle, result, halvings, random):
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
    index = np.array([2, -1, 0, 3], np.int32)
    merge = Binary(Tensor("merge", (4,), result), kind, "line", "x", each, index, halvings)
    division = Divide(Tensor("part", (4,), result), "merge", index, abs(numbers(20)) + 1)
    network = network_of(source, 4, line, merge, division)
    check(network, extremes(source, 4, 40, random.randint(0, 99)))


@pytest.mark.parametrize("toward_zero", [False, True])
@pytest.mark.parametrize("form", [FixedPoint(10, 4), FixedPoint(40, 40)])
def test_tables_and_gathered_elements(form, toward_zero):
    rng, each = np.random.default_rng(3), np.arange(5, dtype=np.int32)
    source = FixedPoint(9, 5)
    table = rng.integers(form.minimum, form.maximum, (16, 2), endpoint=True)
    look = Lookup(Tensor("t", (5,), form), "x", each, 3, 5, toward_zero, 7, table, each % 2)
    joined = Tensor("g", (8,), FixedPoint(30, 20))
    index = np.array([9, -1, 0, 5, 4, 7, -1, 2], np.int32)
    gather = Gather(joined, ("t", "x"), index, 77)
    check(network_of(source, 5, look, gather), extremes(source, 5, 200))


def test_many_small_windows():
    """Convolutions in several groups, with windows that reach outside."""
    rng = np.random.default_rng(0)
    index = rng.integers(-1, 30, (21, 6)).astype(np.int32)
    form = FixedPoint(10, 4, False, "RND_CONV", "SAT")
    operation = Affine(
        Tensor("y", (21 * 5,), form), "x", index, rng.integers(0, 3, 21).astype(np.int32),
        rng.integers(-50, 50, (3, 6, 5)), 3, rng.integers(-50, 50, (3, 5)), FixedPoint(30, 20),
    )  # fmt: skip
    check(network_of(FixedPoint(11, 6), 30, operation), extremes(FixedPoint(11, 6), 30, 20))


def test_events_and_words_do_not_matter():
    network, rng = small_network(), np.random.default_rng(1)
    x = rng.integers(-128, 128, (1000, 4))
    general = network.predict_raw(x[:900]), network.predict_raw(x[900:])
    assert network.specialise()
    for kind in (np.int8, np.int16, np.int32, np.int64):
        for threads in (1, 3):
            whole = network.predict_raw(x.astype(kind), threads=threads)
            np.testing.assert_array_equal(whole, np.concatenate(general))
    for size in (0, 1, 7, 127, 128, 129):
        np.testing.assert_array_equal(network.predict_raw(x[:size]), whole[:size])
    with pytest.raises(ValueError, match="leave"):
        network.predict_raw(np.where(x == x[1], 128, x))


@pytest.mark.parametrize("form", [FixedPoint(7, 3), FixedPoint(7, 3, False), FixedPoint(16, 16),
                                  FixedPoint(20, 9), FixedPoint(20, 9, False)])  # fmt: skip
@pytest.mark.parametrize("size", [1, 8, 13])
@pytest.mark.parametrize("width", WIDTHS)
def test_misfits_are_seen_wherever_they_are(form, size, width):
    network = network_of(form, size, dense("x", np.ones((size, 1), int), [0], WIDE, WIDE))
    code = compiled(network, width)
    for kind in (np.int16, np.int32, np.int64):
        bounds = np.iinfo(kind)
        for wrong in {bounds.min, form.minimum - 1, form.maximum + 1, bounds.max}:
            outside = not form.minimum <= wrong <= form.maximum
            if outside and bounds.min <= wrong <= bounds.max:
                for place in (0, size - 1):
                    x = np.zeros((300, size), kind)
                    x[257, place] = wrong
                    assert not run(code, network, x, kind)[1], (kind, wrong)
        x = np.clip([[form.minimum] * size, [form.maximum] * size], bounds.min, bounds.max)
        assert run(code, network, x, kind)[1]


FLOATS = st.one_of(
    st.floats(-300.0, 300.0, width=32),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.floats(-300.0, 300.0),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-4000, 4000).map(lambda n: n / 64),
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 40),
    st.integers(0, 30),
    st.booleans(),
    st.sampled_from([("RND_CONV", "SAT"), ("RND", "SAT"), ("TRN", "SAT"), ("TRN", "WRAP")]),
    st.sampled_from([1, 3, 8, 13]),
    st.randoms(use_true_random=False),
    st.lists(FLOATS, min_size=1, max_size=60),
)
def test_numbers_are_cast_on_the_way_in(width, fraction, signed, modes, size, random, numbers):
    form = FixedPoint(width, width - fraction, signed, *modes)
    same = FixedPoint(60, 60 - fraction)
    network = network_of(form, size, dense("x", np.eye(size, dtype=int), [0] * size, same, same))
    exact = np.array(random.choices(numbers, k=100 * size)).reshape(100, size)
    with np.errstate(over="ignore"):
        single = exact.astype(np.float32)
    for x in (exact, np.where(np.isfinite(single), single, np.float32(1.5))):
        raw = form.from_float(x)
        with np.errstate(over="ignore"):
            whole = np.floor(x.astype(np.float64) * 2.0**fraction)
        outside = (whole < form.minimum) | (whole > form.maximum)
        for lanes in WIDTHS:
            code = compiled(network, lanes)
            assert code.takes_floats
            y, inside = run(code, network, x, x.dtype)
            assert inside == (modes[1] == "SAT" or not outside.any())
            if inside:
                np.testing.assert_array_equal(y, form.to_float(raw))


@pytest.mark.parametrize("counts", [(3, 9), (9, 3), (20, 17), (1, 1)])
def test_results_of_both_kinds_are_written_side_by_side(counts):
    form, rng = FixedPoint(9, 9), np.random.default_rng(7)
    layers, names = [], []
    for number, (count, reach) in enumerate(zip(counts, (30, 1 << 40), strict=True)):
        weights = rng.integers(-reach, reach, (4, count))
        result = FixedPoint(60, 60 - 7 * number)
        operation = dense("x", weights, [0] * count, result, result)
        operation = replace(operation, output=Tensor(f"y{number}", (count,), result))
        layers.append(Layer(f"y{number}", "test", (operation,)))
        names.append(f"y{number}")
    network = Network(Graph("test", (Tensor("x", (4,), form),), tuple(names), tuple(layers)))
    x = extremes(form, 4, 300)
    values = oracle.evaluate(network.graph, x)
    expected = np.concatenate([values[name] for name in names], 1).astype(np.int64)
    units = [tensor.format.fraction for tensor in network.outputs for _ in range(tensor.size)]
    for width in WIDTHS:
        code = compiled(network, width)
        y = np.zeros((len(x), sum(counts)), np.int64)
        assert code.execute(x, y)
        np.testing.assert_array_equal(y, expected)
        for kind in (np.float32, np.float64):
            y, inside = run(code, network, form.to_float(x), kind)
            assert inside
            np.testing.assert_array_equal(y, np.ldexp(expected.astype(float), [-u for u in units]))


def test_results_finer_than_double_precision_are_left_to_the_formats():
    form, fine = FixedPoint(9, 9), FixedPoint(20, -885)
    sums = dense("x", np.eye(3, dtype=int), [0] * 3, fine, fine, fraction=fine.fraction)
    network = network_of(form, 3, sums)
    assert not compiled(network).takes_floats
    x = extremes(form, 3, 50)
    expected = np.ldexp(network.predict_raw(x).astype(float), -fine.fraction)
    assert network.specialise()
    np.testing.assert_array_equal(network.predict(form.to_float(x)), expected)


@pytest.mark.parametrize("modes", [("RND_CONV", "SAT"), ("RND", "SAT"), ("TRN", "WRAP")])
@pytest.mark.parametrize("width", [9, 40])
def test_predictions_do_not_depend_on_who_casts(modes, width):
    form = FixedPoint(width, width - 6, True, *modes)
    wide = FixedPoint(60, 54)
    network, slow = (
        network_of(form, 5, dense("x", np.ones((5, 2), int), [0, 1], wide, wide)) for _ in range(2)
    )
    rng = np.random.default_rng(3)
    ties = rng.integers(-600, 600, (2000, 5)) / 128
    wrapping = np.where(rng.random((2000, 5)) < 0.01, 1e4, ties)
    assert network.specialise()
    for x in (ties, wrapping, ties[:, ::-1], np.asfortranarray(ties), ties[:0]):
        expected = slow.predict(x)
        for kind in (np.float32, np.float64):
            np.testing.assert_array_equal(network.predict(x.astype(kind)), expected)
        np.testing.assert_array_equal(network.predict(x.astype(np.float32), threads=3), expected)
    for wrong in (np.nan, np.inf, -np.inf):
        x = ties.astype(np.float32)
        x[1234, 3] = wrong
        with pytest.raises(ValueError, match="NaN and infinity"):
            network.predict(x)
    with pytest.raises(ValueError, match=r"shape \(n, 5\) expected"):
        network.predict(np.zeros((4, 6), np.float32))
    with pytest.raises(ValueError, match="1 inputs expected, 2 given"):
        network.predict(*[np.zeros((4, 5), np.float32)] * 2)


def test_inputs_of_several_tensors_are_cast_side_by_side():
    forms_in = [FixedPoint(12, 5, True, "RND_CONV", "SAT"), FixedPoint(30, 6)]
    tensors = [Tensor(name, (3,), form) for name, form in zip("ab", forms_in, strict=True)]
    joined = Tensor("c", (6,), FixedPoint(40, 15))
    gather = Gather(joined, ("a", "b"), np.arange(6, dtype=np.int32))
    layers = (Layer("c", "test", (gather,)),)
    network = Network(Graph("test", tuple(tensors), ("c",), layers))
    x = [np.random.default_rng(n).normal(0, 3, (500, 3)).astype(np.float32) for n in (1, 2)]
    expected = np.concatenate(
        [form.to_float(form.from_float(part)) for form, part in zip(forms_in, x, strict=True)], 1
    )
    assert network.specialise()
    np.testing.assert_array_equal(network.predict(*x), expected)
    np.testing.assert_array_equal(network.predict(x[0], x[1].astype(np.float64)), expected)


@pytest.mark.parametrize(
    "form",
    [FixedPoint(12, 5, True, "RND_ZERO", "SAT"), FixedPoint(12, 14), FixedPoint(54, 30)],
)
def test_other_casts_are_left_to_the_formats(form):
    same = FixedPoint(60, 60 - form.fraction)
    network = network_of(form, 2, dense("x", np.eye(2, dtype=int), [0, 0], same, same))
    assert not compiled(network).takes_floats
    x = np.random.default_rng(1).normal(0, 20, (2000, 2)).astype(np.float32)
    assert network.specialise()
    np.testing.assert_array_equal(network.predict_raw(form.from_float(x)), form.from_float(x))


def test_code_comes_from_the_cache(cache, monkeypatch):
    network = small_network()
    assert network.specialise()
    (file,) = cache.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(native_code, "_FOUND", {})
    monkeypatch.setattr(native_code, "translate", None)
    again = small_network()
    x = np.random.default_rng(1).integers(-128, 128, (10, 4))
    np.testing.assert_array_equal(again.predict_raw(x), network.predict_raw(x))
    assert native_code.ready(file.name) is not None


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "other"])
def test_damaged_files_are_made_anew(cache, monkeypatch, damage):
    assert small_network().specialise()
    (file,) = cache.iterdir()
    content = file.read_bytes()
    broken = bytearray(content)
    broken[len(content) // 2] ^= 1
    versions = {"flip": bytes(broken), "cut": content[:-1], "empty": b"", "other": content[32:] * 2}
    file.write_bytes(versions[damage])
    monkeypatch.setattr(native_code, "_FOUND", {})
    assert native_code.ready(file.name) is None
    assert not file.exists()
    assert small_network().specialise()
    assert file.read_bytes() == content


def test_code_of_another_network_is_not_taken(cache, monkeypatch):
    assert small_network().specialise()
    (file,) = cache.iterdir()
    other = file.with_name("0" * 64)
    file.rename(other)
    monkeypatch.setattr(native_code, "_FOUND", {})
    assert native_code.ready(other.name) is None


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no such permissions")
@pytest.mark.parametrize("which", ["file", "folder", "link"])
def test_code_that_others_could_write_is_not_run(cache, monkeypatch, which):
    assert small_network().specialise()
    (file,) = cache.iterdir()
    if which == "link":
        file.rename(cache.parent / "real")
        file.symlink_to(cache.parent / "real")
    else:
        (file if which == "file" else cache).chmod(0o777)
    monkeypatch.setattr(native_code, "_FOUND", {})
    assert native_code.ready(file.name) is None


def test_without_a_place_for_files_the_code_still_runs(tmp_path, monkeypatch):
    (tmp_path / "occupied").write_text("")
    monkeypatch.setenv("L1KD_CACHE", str(tmp_path / "occupied"))
    assert small_network().specialise()


def test_the_name_depends_on_everything():
    graph = small_network().graph
    name = key_of(graph, graph.outputs)
    assert name == key_of(small_network().graph, graph.outputs)
    next(op for op in graph.operations if isinstance(op, Affine)).weight.flat[0] += 1
    assert name != key_of(graph, graph.outputs)


def test_compilation_begins_after_some_events():
    network = small_network()
    x = np.zeros((600, 4), np.int16)
    network.predict_raw(x)
    key = key_of(network.graph, network.graph.outputs)
    assert key not in native_code._RUNNING
    network.predict_raw(x)
    assert native_code.wait(key)
    assert threading.active_count() < 20


def test_unsuitable_networks_keep_the_general_machine():
    form, accumulator = FixedPoint(8, 8), FixedPoint(8, 7, True, "RND_CONV", "SAT")
    late = dense("x", [[9], [9]], [0], accumulator, accumulator, 3, late=True)
    network = network_of(form, 2, late)
    assert not network.specialise()
    assert network.predict_raw([[100, -100]]).tolist() == [[-98]]


LIMITED = {
    "floored": (FixedPoint(9, 9, True, "TRN", "SAT"), 3, FLOORED),
    "whole": (FixedPoint(9, 9, True, "RND", "SAT"), 0, REAL),
    "rounded": (FixedPoint(9, 9, True, "RND", "SAT"), 3, INTEGER),
    "to zero": (FixedPoint(9, 9, True, "TRN", "SAT_ZERO"), 3, INTEGER),
    "symmetric": (FixedPoint(9, 9, True, "TRN", "SAT_SYM"), 3, FLOORED),
    "unsigned": (FixedPoint(9, 9, False, "TRN", "SAT"), 3, FLOORED),
    "wraps around": (FixedPoint(9, 9, True, "RND", "WRAP"), 3, INTEGER),
    "beyond 32 bits": (FixedPoint(40, 40, True, "RND_INF", "SAT"), 3, INTEGER),
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("name", LIMITED)
def test_sums_in_the_order_of_the_firmware(name, late):
    accumulator, drop, way = LIMITED[name]
    if late and accumulator.rounding == "RND_INF":
        late = False
    rng = np.random.default_rng(1)
    form = FixedPoint(8, 8) if accumulator.width < 20 else FixedPoint(21, 21)
    weights = rng.integers(-40, 40, (9, 5)) << (16 if accumulator.width == 40 else 0)
    bias = rng.integers(accumulator.minimum // 2, accumulator.maximum, 5)
    operation = dense("x", weights, bias, accumulator, FixedPoint(50, 50), drop, late)
    network = network_of(form, 9, operation)
    facts = analyse(network.graph)
    assert in_order(operation, facts["y"].sums, 0)
    assert Ordered.plan(operation, facts["x"].bounds, 0, []).way == way
    check(network, extremes(form, 9, 200))


def test_golden_networks(shared):
    from l1kd.emulators.network.layers.registry import lower_project
    from tests.emulators.network.golden import NAMES, load_project

    folder = shared / "golden" / "networks"
    for name in NAMES:
        vectors = np.load(folder / f"{name}.npz")
        network = Network(lower_project(load_project(folder, name)))
        assert network.specialise()
        x = vectors["x"] if "x" in vectors else vectors["x_scaled_raw"]
        y = network.predict_raw(x).reshape(len(x), -1)
        np.testing.assert_array_equal(y, vectors["y_raw"].reshape(len(x), -1), err_msg=name)
