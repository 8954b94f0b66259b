"""Repetitions in the code of a network become loops, and the results stay what they are."""

import re

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Tensor
from l1kd.emulators.network.graph import Affine, Binary, Gather, Lookup, Piecewise
from l1kd.emulators.network.native import code as native_code
from l1kd.emulators.network.native import loops, program
from l1kd.emulators.network.native.ir import Code, Piece, Tile
from l1kd.emulators.network.native.loops import Run, functions, runs
from l1kd.emulators.network.native.program import UnsuitableError, write_native
from tests.emulators.network.native.checks import check
from tests.emulators.network.small_networks import extremes, network_of

native = pytest.mark.skipif(not native_code.available(), reason="no AVX2 and FMA")
LONG = [1000] * 9


def pieces(*numbers, step=64):
    return [Piece(number, (place * step, 7)) for place, number in enumerate(numbers)]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([0, 0, 0, 0], [Run(0, 1, 4)]),
        ([0, 1, 2, 0, 1, 2, 0], [Run(0, 3, 2), Run(6, 1, 1)]),
        ([5, 0, 1, 0, 1, 0, 1, 1, 1], [Run(0, 1, 1), Run(1, 2, 3), Run(7, 1, 2)]),
        ([0, 1, 2], [Run(0, 1, 1), Run(1, 1, 1), Run(2, 1, 1)]),
        ([0, 0, 1, 0, 0, 1, 0, 0, 1], [Run(0, 3, 3)]),
        ([], []),
    ],
)
def test_repetitions_are_found(numbers, expected):
    assert list(runs(pieces(*numbers), LONG)) == expected


def test_rows_that_do_not_move_on_evenly_end_a_run():
    uneven = [Piece(0, (row,)) for row in (0, 64, 130)]
    assert list(runs(uneven, LONG)) == [Run(0, 1, 2), Run(2, 1, 1)]


def test_short_code_has_no_loops():
    assert list(runs(pieces(0, 0, 0), [10])) == [Run(place, 1, 1) for place in range(3)]


def test_a_loop_is_written_once():
    code = Code(8)
    for row in range(0, 6400, 64):
        value = code.load("float", row)
        for _ in range(20):
            value = code.binary("fadd", "float", value, value)
        code.store("i64", value, 2 * row + 9600)
        code.finish()
    (text,) = functions("step", code, Tile(16, 30000, 8))
    assert text.text.count("fadd") == 20
    assert "icmp ult i64 %l1.next, 100" in text.text
    assert "i64 9600\n" in text.text
    assert text.fetches == 0


def test_fetches_lie_evenly_among_the_instructions():
    code = Code(8)
    for row in (*range(0, 6400, 64), 9664):
        value = code.load("float", row)
        for _ in range(20):
            value = code.binary("fadd", "float", value, value)
        code.store("i64", value, 2 * row + 9600)
        code.finish()
    assert code.size == 101 * 24
    (text,) = functions("step", code, Tile(16, 30000, 8), every=10)
    # Two blocks of events; two fetches in each of a hundred turns, two behind them.
    assert text.fetches == 2 * (2 * 100 + 2)
    assert text.text.count("prefetch") == 4
    assert "%l1.ahead = phi ptr [ %ahead, %l1.before ], [ %ahead2, %l1 ]" in text.text
    assert "%ahead = phi ptr [ %soon, %entry ], [ %ahead4, %last ]" in text.text


def fetched(size, width, positions=40):
    """Return the fetches of a tile, of its steps and its readers, and its lines."""
    rng = np.random.default_rng(1)
    form, wide = FixedPoint(8, 8), FixedPoint(30, 30)
    index = np.stack([rng.permutation(size)[:width] for _ in range(positions)]).astype(np.int32)
    weights = rng.integers(1, 9, (positions, width, 1))
    sums = Affine(Tensor("a", (positions,), wide), "x", index,
                  np.arange(positions, dtype=np.int32), weights, 0,
                  np.zeros((positions, 1), np.int64), wide)  # fmt: skip
    network = network_of(form, size, sums)
    program = write_native(network.graph, network.graph.outputs, 8)
    steps = re.search(r"define internal void @steps\(.*?\n}", program.text, re.DOTALL)[0]
    last = int(re.findall(r"mul i64 %share, (\d+)", steps)[-1])
    readers = re.search(r"define internal i64 @read64_0\(.*?\n}", program.text, re.DOTALL)[0]
    return last, "prefetch" in readers, size * 8 * program.tile // 64


def test_steps_fetch_where_they_are_long_enough():
    before_last, reader_fetches, lines = fetched(40, 40)
    assert not reader_fetches
    assert before_last <= lines
    before_last, reader_fetches, _ = fetched(400, 2)
    assert reader_fetches
    assert before_last == 0


def layers_at_many_positions(rng, positions, modes, width):
    """Per-position layers of all kinds of steps; the last positions read outside."""
    source = FixedPoint(width, width - 4)
    sums = FixedPoint(min(width + 8, 60), min(width + 8, 60) - 6, True, *modes)
    act = FixedPoint(8, 2, False, "RND_CONV", "SAT")
    index = np.arange(positions * 3, dtype=np.int32).reshape(positions, 3)
    window = np.concatenate([index, index + 3], 1)
    window[window >= positions * 3] = -1
    reach = 1 << min(width - 1, 12)
    first = Affine(
        Tensor("a", (positions * 5,), sums), "x", window,
        (np.arange(positions) % 2).astype(np.int32), rng.integers(-reach, reach, (2, 6, 5)), 6,
        rng.integers(-9, 9, (2, 5)), sums,
    )  # fmt: skip
    every = np.arange(positions * 5, dtype=np.int32)
    zero, one = np.zeros(every.size, np.int64), np.ones(every.size, np.int64)
    scale = np.tile([1, 2, 3, 1, 5], positions)
    bend = Piecewise(Tensor("b", (every.size,), act), "a", every, zero, scale, one, one, zero,
                     sums.fraction + 1)  # fmt: skip
    table = rng.integers(-90, 90, (64, 2))
    look = Lookup(Tensor("c", (every.size,), FixedPoint(8, 3)), "b", every, 3, 4, False, 2, table,
                  every % 2)  # fmt: skip
    order = every.reshape(-1, 5)[:, ::-1].reshape(-1)
    moved = Gather(Tensor("d", (every.size,), FixedPoint(12, 4)), ("c", "b"),
                   (order + every.size * (every % 2)).astype(np.int32))  # fmt: skip
    joined = Binary(Tensor("e", (every.size,), FixedPoint(14, 6)), "multiply", "d", "c", every,
                    order.astype(np.int32))  # fmt: skip
    return network_of(source, positions * 3, first, bend, look, moved, joined)


@native
@pytest.mark.parametrize(
    ("modes", "width"),
    [(("TRN", "WRAP"), 8), (("TRN", "WRAP"), 16), (("TRN", "WRAP"), 34), (("RND", "SAT"), 16)],
)
def test_layers_at_many_positions(modes, width):
    network = layers_at_many_positions(np.random.default_rng(width), 17, modes, width)
    text = write_native(network.graph, network.graph.outputs, 8).text
    assert "%l1.next" in text
    check(network, extremes(network.inputs[0].format, network.inputs[0].size, 9))


@native
def test_loops_do_not_depend_on_their_length(monkeypatch):
    network = layers_at_many_positions(np.random.default_rng(3), 9, ("TRN", "WRAP"), 16)
    for least in (1, 1 << 30):
        monkeypatch.setattr(loops, "LEAST_LINES", least)
        check(network, extremes(network.inputs[0].format, network.inputs[0].size, 9))


def test_networks_without_end_are_refused(monkeypatch):
    network = layers_at_many_positions(np.random.default_rng(3), 9, ("TRN", "WRAP"), 16)
    monkeypatch.setattr(program, "MAX_PRODUCTS", 9 * 6 * 5 - 1)
    with pytest.raises(UnsuitableError, match="270 products"):
        write_native(network.graph, network.graph.outputs, 8)
