"""Logic-gate networks: bits against a slow reference, and a file format that trusts nothing."""

import pickle
import zipfile
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import GateLayer, LogicNetwork, LogicStage
from l1kd.emulators.logic.netlist import Netlist

SCORE = FixedPoint(16, 8, False)


def stage(rng, inputs, width, sizes, groups, outputs, output_width):
    """Return a random stage: `sizes` are the encoded bits and then the gates of every layer."""
    layers = tuple(
        GateLayer(
            rng.integers(0, before, now).astype(np.int32),
            rng.integers(0, before, now).astype(np.int32),
            rng.integers(0, 16, now).astype(np.uint8),
        )
        for before, now in pairwise(sizes)
    )
    return LogicStage(
        inputs,
        width,
        rng.integers(0, inputs, sizes[0]).astype(np.int32),
        rng.integers(1, 1 << width, sizes[0]),
        layers,
        rng.integers(0, groups, sizes[-1]).astype(np.int32),
        rng.integers(-40, 40, (outputs, groups)),
        rng.integers(0, 1 << (output_width - 1), outputs),
        output_width,
    )


def network(seed=1):
    rng = np.random.default_rng(seed)
    first = stage(rng, 12, 10, (70, 130, 90), 5, 3, 11)
    second = stage(rng, 3, 11, (40, 66), 4, 1, 16)
    return LogicNetwork("random", (4, 3), [first, second], SCORE)


def slowly(net, values):
    """One gate at a time, in NumPy, as the class documents it."""
    numbers = values.reshape(len(values), -1)
    for part in net.stages:
        bits = numbers[:, part.source] >= part.threshold
        for layer in part.layers:
            index = 2 * bits[:, layer.a] + bits[:, layer.b]
            bits = ((layer.table >> index) & 1).astype(bool)
        groups = np.arange(part.weight.shape[1])
        counts = np.stack([bits[:, part.group == g].sum(axis=1) for g in groups], axis=1)
        numbers = np.clip(part.offset + counts @ part.weight.T, 0, 2**part.output_width - 1)
    return numbers


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [1, 64, 65, 511, 512, 513, 1000])
def test_equals_the_slow_reference(seed, n):
    net = network(seed)
    values = np.random.default_rng(n).integers(0, 1024, (n, 4, 3)).astype(np.uint16)
    np.testing.assert_array_equal(net.predict_raw(values), slowly(net, values))


@pytest.mark.parametrize("width", [1, 2, 15, 16, 17, 24])
@pytest.mark.parametrize("dtype", [np.uint16, np.int64])
def test_numbers_of_all_widths(width, dtype):
    rng = np.random.default_rng(width)
    only = stage(rng, 5, width, (30, 40), 4, 2, width)
    net = LogicNetwork("wide", (5,), [only], FixedPoint(width, width, False))
    values = rng.integers(0, 1 << min(width, 16 if dtype == np.uint16 else 24), (300, 5))
    np.testing.assert_array_equal(net.predict_raw(values.astype(dtype)), slowly(net, values))


def drawn(seed):
    """Draw a network of any shape, with gates that do nothing and weights of zero."""
    rng = np.random.default_rng(seed)
    inputs, width = int(rng.choice([1, 2, 9, 16, 17, 33])), int(rng.integers(1, 25))
    stages = []
    for _ in range(rng.integers(1, 4)):
        sizes = rng.integers(1, 60, rng.integers(1, 6)).tolist()
        groups, outputs, out = (int(rng.integers(1, end)) for end in (12, 5, 25))
        part = stage(rng, inputs, width, sizes, groups, outputs, out)
        part.threshold[:] = rng.choice(part.threshold, sizes[0])
        part.weight[:, rng.random(groups) < 0.3] = 0
        for layer in part.layers:
            dull = rng.random(len(layer)) < 0.4
            layer.table[dull] = rng.choice([0, 3, 5, 10, 12, 15], dull.sum())
            layer.b[dull] = layer.a[dull]
        stages.append(part)
        inputs, width = outputs, out
    shape, output = (stages[0].inputs,), FixedPoint(width, width, False)
    return LogicNetwork("drawn", shape, stages, output)


@pytest.mark.parametrize("seed", range(60))
def test_drawn_networks(seed):
    net = drawn(seed)
    rng = np.random.default_rng(seed)
    inputs, width = net.stages[0].inputs, net.stages[0].width
    values = rng.integers(0, 1 << width, (int(rng.choice([1, 63, 511, 512, 513, 1100])), inputs))
    edges = net.stages[0].threshold - rng.integers(0, 2, len(net.stages[0].threshold))
    values[: len(edges)] = edges[: len(values), None]
    wanted = slowly(net, values)
    kinds = [np.int64, np.uint32] + [np.uint16] * (width <= 16) + [np.uint8] * (width <= 8)
    for kind in kinds:
        np.testing.assert_array_equal(net.predict_raw(values.astype(kind)), wanted)
    traced = net.trace(values)
    assert [len(part[0]) for part in traced] == [part.outputs for part in net.stages]
    np.testing.assert_array_equal(traced[-1], wanted)


@pytest.mark.parametrize("outputs", [1, 3])
def test_arrays_of_any_layout(outputs):
    rng = np.random.default_rng(9)
    part = stage(rng, 12, 16, (70, 90), 5, outputs, 16)
    net = LogicNetwork("layouts", (4, 3), [part], FixedPoint(16, 16, False))
    values = rng.integers(0, 1 << 16, (1300, 12)).astype(np.uint16)
    wanted = slowly(net, values)
    layouts = {
        "images": values.reshape(-1, 3, 4),
        "every second row": np.repeat(values, 2, axis=0)[::2],
        "columns first": np.asfortranarray(values),
        "big end first": values.astype(">u2"),
        "off its boundary": np.frombuffer(b"0" + values.tobytes(), np.uint16, offset=1).reshape(
            -1, 12
        ),
    }
    for name, layout in layouts.items():
        np.testing.assert_array_equal(net.predict_raw(layout), wanted, err_msg=name)
    assert net.predict_raw(values).flags.c_contiguous


@pytest.mark.parametrize("width", [1, 4, 11, 15])
@pytest.mark.parametrize("inputs", [1, 16, 20])
def test_numbers_that_are_too_large_are_found_wherever_they_are(width, inputs):
    rng = np.random.default_rng(width)
    part = stage(rng, inputs, width, (3,), 2, 1, 8)
    net = LogicNetwork("narrow", (inputs,), [part], FixedPoint(8, 8, False))
    values = np.zeros((1025, inputs), np.uint16)
    for row in (0, 511, 512, 1024):
        for number in (0, inputs - 1):
            values[row, number] = 1 << width
            for threads in (1, 2):
                with pytest.raises(ValueError, match=f"values 0 to {1 << width} leave"):
                    net.predict_raw(values, threads)
            values[row, number] = 0
    net.predict_raw(values)


def test_gates_that_do_nothing_are_not_computed():
    """Wires, inverters, constants, equal gates and gates that nobody reads."""
    first = GateLayer(
        np.array([0, 0, 1, 1, 0, 1, 0, 2], np.int32),
        np.array([1, 1, 0, 1, 0, 0, 1, 2], np.int32),
        # a, not a, b & a, not b, one, not (b & a), a & b, unread
        np.array([12, 3, 8, 7, 15, 7, 8, 12], np.uint8),
    )
    second = GateLayer(
        np.array([1, 0, 4, 2, 5], np.int32),
        np.array([3, 3, 2, 6, 2], np.int32),
        # a & b as nor of inverses, a | b, and with one, of equals, of inverses
        np.array([1, 13, 8, 8, 8], np.uint8),
    )
    part = LogicStage(
        3,
        8,
        np.arange(3, dtype=np.int32),
        np.array([100, 200, 50]),
        (first, second),
        np.array([0, 1, 2, 3, 4], np.int32),
        np.array([[1, 10, 100, 1000, 10000]]),
        np.array([0]),
        16,
    )
    netlist = Netlist(part)
    used = netlist.read()
    assert netlist.table[used].tolist() == [0, 0, 8, 14]  # two comparisons, and, or
    assert [group.weight.tolist() for group in netlist.groups] == [[1101], [10]]
    net = LogicNetwork("dull", (3,), [part], FixedPoint(16, 16, False))
    a, b = np.meshgrid([99, 100], [199, 200])
    values = np.stack([a.ravel(), b.ravel(), 0 * a.ravel()], axis=1)
    np.testing.assert_array_equal(net.predict_raw(values), slowly(net, values))


@given(st.integers(0, 15), st.integers(1, 1023), st.integers(1, 1023))
@settings(max_examples=60, deadline=None)
def test_one_gate_on_the_edges_of_its_thresholds(table, first, second):
    layer = GateLayer(np.zeros(1, np.int32), np.ones(1, np.int32), np.array([table], np.uint8))
    only = LogicStage(
        2,
        10,
        np.arange(2, dtype=np.int32),
        np.array([first, second]),
        (layer,),
        np.zeros(1, np.int32),
        np.array([[256]]),
        np.array([1]),
        16,
    )
    net = LogicNetwork("gate", (2,), [only], SCORE)
    a, b = np.meshgrid([0, first - 1, first, 1023], [0, second - 1, second, 1023])
    values = np.stack([a.ravel(), b.ravel()], axis=1)
    index = 2 * (values[:, 0] >= first) + (values[:, 1] >= second)
    np.testing.assert_array_equal(net.predict_raw(values)[:, 0], 1 + 256 * (table >> index & 1))


def test_events_do_not_know_of_each_other():
    net = network()
    values = np.random.default_rng(3).integers(0, 1024, (333, 12))
    order = np.random.default_rng(4).permutation(333)
    result = net.predict_raw(values)
    np.testing.assert_array_equal(net.predict_raw(values[order]), result[order])
    np.testing.assert_array_equal(net.predict_raw(values, threads=3), result)
    np.testing.assert_array_equal(net.predict(values) * 256, result)
    np.testing.assert_array_equal(net.trace(values)[-1], result)
    assert net.predict_raw(values[:0]).shape == (0, 1)
    assert net.gates == 130 + 90 + 66
    assert "12 numbers" not in str(net)[:10]


def test_a_stage_without_gates_counts_its_bits():
    counted = LogicStage(
        3,
        4,
        np.repeat(np.arange(3, dtype=np.int32), 15),
        np.tile(np.arange(1, 16), 3),
        (),
        np.repeat(np.arange(3, dtype=np.int32), 15),
        np.array([[1, 1, 1], [4, 2, -1]]),
        np.array([0, 0]),
        7,
    )
    net = LogicNetwork("sum", (3,), [counted], FixedPoint(7, 7, False))
    values = np.random.default_rng(5).integers(0, 16, (500, 3))
    wanted = np.stack([values.sum(axis=1), values @ [4, 2, -1]], axis=1)
    np.testing.assert_array_equal(net.predict_raw(values), np.clip(wanted, 0, 127))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros((2, 11), np.int64), "shape"),
        (np.zeros((2, 12)), "integers expected"),
        (np.full((2, 12), 1024), "leave"),
        (np.full((2, 12), -1), "leave"),
    ],
)
def test_inputs_that_cannot_be(values, message):
    with pytest.raises(ValueError, match=message):
        network().predict_raw(values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"threshold": np.array([0, 1])}, "threshold"),
        ({"threshold": np.array([1, 16])}, "threshold"),
        ({"source": np.array([0, 2], np.int32)}, "source"),
        ({"group": np.array([0, 1], np.int32)}, "group"),
        ({"group": np.zeros(3, np.int32)}, "groups for 2 bits"),
        ({"width": 40}, "40 bits"),
        ({"offset": np.array([1 << 62])}, "63 bits"),
    ],
)
def test_stages_that_cannot_be(changes, message):
    fields = {
        "inputs": 2,
        "width": 4,
        "source": np.arange(2, dtype=np.int32),
        "threshold": np.array([1, 15]),
        "layers": (),
        "group": np.zeros(2, np.int32),
        "weight": np.array([[3]]),
        "offset": np.array([0]),
        "output_width": 16,
    }
    LogicNetwork("fine", (2,), [LogicStage(**fields)], SCORE)
    with pytest.raises(ValueError, match=message):
        LogicStage(**(fields | changes))


def test_stages_must_fit():
    first, second = network().stages
    with pytest.raises(ValueError, match="fit"):
        LogicNetwork("wrong", (3,), [second, first], SCORE)
    with pytest.raises(ValueError, match="inputs in shape"):
        LogicNetwork("wrong", (5,), [first, second], SCORE)
    with pytest.raises(ValueError, match="outputs of"):
        LogicNetwork("wrong", (12,), [first, second], FixedPoint(16, 8))


def test_saves_and_loads(tmp_path):
    net = network()
    path, again = tmp_path / "logic.npz", tmp_path / "again.npz"
    net.save(path)
    read = LogicNetwork.load(path)
    read.save(again)
    assert path.read_bytes() == again.read_bytes()
    values = np.random.default_rng(6).integers(0, 1024, (200, 12))
    np.testing.assert_array_equal(read.predict_raw(values), net.predict_raw(values))
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(read)).predict_raw(values), net.predict_raw(values)
    )
    assert str(read) == str(net)


def test_damaged_files_are_one_error(tmp_path):
    path = tmp_path / "logic.npz"
    network().save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(7)
    wanted = LogicNetwork.load(path)
    values = rng.integers(0, 1024, (64, 12))
    for position in rng.integers(0, len(content), 200):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(damaged)
        try:
            read = LogicNetwork.load(path)
        except ValueError:
            continue
        # a bit that means nothing to the archive
        np.testing.assert_array_equal(read.predict_raw(values), wanted.predict_raw(values))
    path.write_bytes(content[:1000])
    with pytest.raises(ValueError, match="cannot be read"):
        LogicNetwork.load(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.npy", b"")
    with pytest.raises(ValueError, match="cannot be read"):
        LogicNetwork.load(path)
    with pytest.raises(FileNotFoundError):
        LogicNetwork.load(tmp_path / "none.npz")


def test_large_networks_do_not_depend_on_chunks_and_threads():
    rng = np.random.default_rng(8)
    net = LogicNetwork("large", (252,), [stage(rng, 252, 10, (2500, 2500), 50, 1, 16)], SCORE)
    values = rng.integers(0, 1024, (3000, 252)).astype(np.uint16)
    whole = net.predict_raw(values)
    np.testing.assert_array_equal(net.predict_raw(values, threads=3), whole)
    parts = [net.predict_raw(values[start : start + 77]) for start in range(0, 3000, 77)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
