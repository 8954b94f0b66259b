"""Networks of a few operations, and inputs that reach the ends of their formats."""

import numpy as np
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import OVERFLOWS, ROUNDINGS, FixedPoint
from l1kd.emulators.network import Network, Tensor
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

FORM = FixedPoint(8, 4)
WIDE = FixedPoint(20, 12)


def small_network():
    """Return a network with every kind of operation."""
    each = np.arange(3, dtype=np.int32)
    zero, one = np.zeros(3, np.int64), np.ones(3, np.int64)
    dense = Affine(
        Tensor("sums", (3,), WIDE), "x", np.array([[0, 1, 2, 3]], np.int32),
        np.zeros(1, np.int32), np.arange(12).reshape(1, 4, 3) - 5, 3,
        np.array([[1, 2, 3]]), WIDE,
    )  # fmt: skip
    relu = Piecewise(
        Tensor("relu", (3,), FORM), "sums", each, zero, one, zero, zero, zero, 8,
        formats=(FORM, FixedPoint(6, 3)), choice=np.array([0, 1, 0], np.int32),
    )  # fmt: skip
    table = Lookup(
        Tensor("table", (3,), FORM), "relu", each, 2, 3, True, 4, np.arange(16)[:, None],
        np.zeros(3, np.int32),
    )  # fmt: skip
    merge = Binary(Tensor("merge", (3,), FORM), "add", "relu", "table", each, each[::-1].copy(), 1)
    mean = Divide(Tensor("mean", (3,), FORM), "merge", each, np.array([1, 2, 3]))
    last = Gather(
        Tensor("y", (2, 2), FixedPoint(9, 5, True, "RND", "SAT")), ("mean", "x"),
        np.array([0, -1, 6, 2], np.int32), 5,
    )  # fmt: skip
    names = ("dense", "relu", "table", "merge", "mean", "last")
    layers = tuple(
        Layer(name, "test", (operation,), {"weight": FORM})
        for name, operation in zip(names, (dense, relu, table, merge, mean, last), strict=True)
    )
    return Network(Graph("small", (Tensor("x", (4,), FORM),), ("y",), layers))


def dense(source, weights, bias, accumulator, result, fraction=0, late=False):
    weights = np.asarray(weights, np.int64)
    n_in, n_out = weights.shape
    return Affine(
        Tensor("y", (n_out,), result), source, np.arange(n_in, dtype=np.int32)[None],
        np.zeros(1, np.int32), weights[None], fraction, np.asarray(bias, np.int64)[None],
        accumulator, late,
    )  # fmt: skip


def network_of(form, size, *operations):
    inputs = (Tensor("x", (size,), form),)
    layers = tuple(Layer(op.output.name, "test", (op,)) for op in operations)
    return Network(Graph("test", inputs, (operations[-1].output.name,), layers))


def extremes(form, size, count=64, seed=0):
    rng = np.random.default_rng(seed)
    choices = np.clip([form.minimum, form.maximum, 0, -1, 1], form.minimum, form.maximum)
    x = choices[rng.integers(0, 5, (count, size))]
    x[0], x[1] = form.minimum, form.maximum
    random = [[int(v) for v in row] for row in rng.integers(-99, 99, (8, size))]
    inside = np.clip(np.array(random, object), form.minimum, form.maximum)
    return np.concatenate([x, inside.astype(np.int64)])


def forms(low, high):
    return st.builds(
        FixedPoint, st.integers(low, high), st.integers(-2, 14), st.booleans(),
        st.sampled_from(ROUNDINGS), st.sampled_from(OVERFLOWS),
    )  # fmt: skip


def without_sign(width, weight, drop, result):
    """Return sums without a sign whose accumulator fills a word, and inputs on both sides of half.

    The output has one more bit behind the point.
    """
    form, accumulator = FixedPoint(15, 15, False), FixedPoint(width, width, False)
    output = FixedPoint(width + 1, width, False, *result.split())
    weights = np.array([[1, weight], [weight, 3]]) << drop
    network = network_of(form, 2, dense("x", weights, [5, 0], accumulator, output, drop))
    half = (1 << (width - 1)) // weight
    near = np.arange(half - 2, half + 3)
    inputs = np.clip(np.stack([near, near[::-1]], 1), 0, form.maximum)
    return network, np.concatenate([extremes(form, 2), inputs])
