"""Numbers beyond 64 bits: chains of sums without casts, against the oracle of Python integers."""

from dataclasses import replace

import numpy as np
import pytest

from l1kd.emulators.fixed_point import OVERFLOWS, ROUNDINGS, FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.analysis.wide import narrowed
from l1kd.emulators.network.graph import Gather, Graph, Layer, Piecewise
from tests.emulators.network import oracle
from tests.emulators.network.small_networks import dense, extremes

SIZE = 3
EVERY = np.arange(SIZE, dtype=np.int32)
NONE, ONE = np.zeros(SIZE, np.int64), np.ones(SIZE, np.int64)


def chain(rng, inputs, result, depth, reach, last):
    """Return sums of sums in types that lose nothing, and what casts the last one."""
    operations, source, form = [], "x", inputs
    for level in range(depth):
        weights = rng.integers(-reach, reach + 1, (SIZE, SIZE))
        bias = rng.integers(-reach, reach + 1, SIZE)
        width = form.width + int(abs(weights).sum(0).max()).bit_length() + 1
        form = FixedPoint(width, width - form.fraction)
        own = result if level == depth - 1 and last == "cast" else form
        tensor = Tensor(f"sum{level}", (SIZE,), own)
        operations.append(replace(dense(source, weights, bias, form, own), output=tensor))
        source = tensor.name
    if last == "moved":
        operations.append(Gather(Tensor("moved", (SIZE,), form), (source,), EVERY[::-1].copy()))
        source = "moved"
    if last != "cast":
        line = Piecewise(Tensor("y", (SIZE,), result), source, EVERY, NONE, ONE, NONE,
                         ONE if last == "moved" else NONE, NONE, form.fraction)  # fmt: skip
        operations.append(line)
    return operations


def both(inputs, operations, x):
    """Return what the machine gives of the narrowed graph, and the oracle of the one as it is."""
    tensors = (Tensor("x", (SIZE,), inputs),)
    layers = [Layer(each.output.name, "test", (each,)) for each in operations]
    values, formats = {"x": x.astype(object)}, {"x": inputs}
    for operation in operations:
        name = operation.output.name
        formats[name] = operation.output.format
        values[name] = oracle.STEPS[type(operation)](operation, values, formats)
    graph = Graph("wide", tensors, (name,), tuple(narrowed(tensors, layers)))
    return Network(graph).predict_raw(x), values[name].astype(np.int64)


@pytest.mark.parametrize("last", ["cast", "relu", "moved"])
@pytest.mark.parametrize("overflow", OVERFLOWS)
def test_chains_equal_the_oracle(last, overflow):
    rng = np.random.default_rng([OVERFLOWS.index(overflow), len(last)])
    widest = 0
    for number in range(16):
        width = int(rng.integers(20, 33))
        inputs = FixedPoint(width, int(rng.integers(4, width + 1)))
        bits = int(rng.integers(4, 33))
        result = FixedPoint(
            bits, int(rng.integers(2, bits + 30)), number % 3 > 0,
            ROUNDINGS[number % len(ROUNDINGS)], overflow,
        )  # fmt: skip
        depth, reach = int(rng.integers(2, 5)), 1 << int(rng.integers(12, 22))
        operations = chain(rng, inputs, result, depth, reach, last)
        widest = max(widest, *(op.accumulator.width for op in operations[:depth]))
        got, expected = both(inputs, operations, extremes(inputs, SIZE, 40, number))
        np.testing.assert_array_equal(got, expected)
    assert widest > 100


def test_four_layers_of_automatic_precision():
    """What was refused: 32 bits in, four layers, more than 128 bits."""
    rng = np.random.default_rng(0)
    inputs, result = FixedPoint(32, 16), FixedPoint(32, 16, True, "RND", "WRAP")
    operations = chain(rng, inputs, result, 4, 1 << 24, "cast")
    assert operations[-1].accumulator.width > 128
    x = np.concatenate([extremes(inputs, SIZE, 200), rng.integers(-3, 4, (200, SIZE))])
    got, expected = both(inputs, operations, x)
    np.testing.assert_array_equal(got, expected)
    assert len(np.unique(expected)) > 100


def test_weights_too_large_for_parts_are_refused():
    inputs = FixedPoint(32, 32)
    operations = chain(np.random.default_rng(0), inputs, inputs, 2, 1 << 38, "cast")
    with pytest.raises(ValueError, match="weights of"):
        both(inputs, operations, extremes(inputs, SIZE))
