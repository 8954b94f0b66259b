"""A small network for the tests of the firmware builds."""

import numpy as np

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Affine, Graph, Layer, Piecewise

VECTORS = 1500
"""Of the proof of the built project."""


def dense(name, source, size, form, *, weight_bits=5, seed=0):
    """Return a dense layer whose accumulator holds every sum."""
    rng = np.random.default_rng(seed)
    weight = rng.integers(-15, 16, (1, source.size, size)) * (rng.random((source.size, size)) < 0.6)
    fraction = source.format.fraction + 3
    accumulator = FixedPoint(24, 24 - fraction)
    operation = Affine(
        Tensor(f"{name}_out", (size,), form or accumulator),
        source.name,
        np.arange(source.size, dtype=np.int32)[None],
        np.zeros(1, np.int32),
        weight.astype(np.int64),
        3,
        rng.integers(-64, 64, (1, size)),
        accumulator,
    )
    formats = {"weight": FixedPoint(weight_bits, weight_bits - 3), "accumulator": accumulator}
    return Layer(name, "dense", (operation,), formats)


def relu(name, source, form):
    """Return a relu with a cast to its format."""
    size = source.size
    one, zero = np.ones(size, np.int64), np.zeros(size, np.int64)
    operation = Piecewise(
        Tensor(f"{name}_out", source.shape, form),
        source.name,
        np.arange(size, dtype=np.int32),
        zero, one, zero, zero, zero,
        source.format.fraction,
    )  # fmt: skip
    return Layer(name, "relu", (operation,))


def make_network(name="small"):
    """Return a network 4 - 6 - 2 with every kind of cast that the zoo has."""
    inputs = Tensor("x", (4,), FixedPoint(7, 3, True, "RND_CONV", "SAT"))
    first = dense("first", inputs, 6, None, seed=1)
    hidden = relu("hidden", first.output, FixedPoint(5, 3, False, "RND_CONV", "SAT"))
    last = dense("last", hidden.output, 2, FixedPoint(9, 6, True, "RND", "WRAP"), seed=2)
    return Network(Graph(name, (inputs,), (last.output.name,), (first, hidden, last)))
