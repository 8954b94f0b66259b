"""Small quantized networks with drawn weights, and the same in Python's integers."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from l1kd.emulators.correlator.weighing import FORMAT
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Affine, Graph, Layer, Lookup, Piecewise

HIDDEN = FixedPoint(10, 6, False, "RND", "SAT")
LOGIT = FixedPoint(10, 4, True, "RND", "SAT")
WEIGHT = FixedPoint(9, 1, False, "RND", "SAT")
TABLE = np.rint(256 / (1 + np.exp(-(np.arange(1024) - 512) / 64))).astype(np.int64)


def dense_network(
    n_inputs: int, seed: int, hidden: int | tuple[int, ...] = 8, form: FixedPoint = FORMAT,
    gain: int = 15,
) -> tuple[Network, Callable[[list[int]], int]]:  # fmt: skip
    """Return inputs -> layers of hidden rectified values -> a logit -> a table, and its model.

    A small `gain` of the logit keeps it off the ends of its range with many inputs.
    """
    rng = np.random.default_rng(seed)
    sizes = (n_inputs, *(hidden if isinstance(hidden, tuple) else (hidden,)))
    matrices = [rng.integers(-15, 16, shape) for shape in pairwise(sizes)]  # in 1/16
    last = rng.integers(-gain, gain + 1, (sizes[-1], 1))
    biases = [rng.integers(-2000, 2001, size) for size in sizes[1:]]  # in 1/256
    last_bias = rng.integers(-200, 201, 1)
    wide, sums = FixedPoint(26, 18), FixedPoint(24, 16)
    group = np.zeros(1, np.int32)
    layers, source = [], "x"
    for number, (matrix, bias) in enumerate(zip(matrices, biases, strict=True)):
        before, size = matrix.shape
        each, zero = np.arange(size, dtype=np.int32), np.zeros(size, np.int64)
        total = Tensor(f"sums{number}", (size,), wide)
        relu = Tensor(f"relu{number}", (size,), HIDDEN)
        index = np.arange(before, dtype=np.int32)[None]
        layers += [
            ("dense", Affine(total, source, index, group, matrix[None], 4, bias[None], wide)),
            ("relu", Piecewise(relu, total.name, each, zero, zero + 1, zero, zero, zero, 8)),
        ]
        source = relu.name
    index = np.arange(sizes[-1], dtype=np.int32)[None]
    logit = Tensor("logit", (1,), LOGIT)
    zero = np.zeros(1, np.int32)
    layers += [
        ("dense", Affine(logit, source, index, group, last[None], 4, last_bias[None], sums)),
        ("lookup", Lookup(Tensor("weight", (1,), WEIGHT), "logit", zero, 1, 0, False, 512,
                          TABLE[:, None], zero)),
    ]  # fmt: skip
    named = tuple(Layer(operation.output.name, kind, (operation,)) for kind, operation in layers)
    network = Network(Graph("drawn", (Tensor("x", (n_inputs,), form),), ("weight",), named))

    def plain(values: list[int]) -> int:
        for matrix, bias in zip(matrices, biases, strict=True):
            totals = [
                int(bias[f]) + sum(int(x) * int(w) for x, w in zip(values, column, strict=True))
                for f, column in enumerate(matrix.T)
            ]
            values = [min(max((total + 8) >> 4, 0), 1023) for total in totals]
        total = int(last_bias[0]) + sum(x * int(w) for x, w in zip(values, last[:, 0], strict=True))
        return int(TABLE[min(max((total + 2) >> 2, -512), 511) + 512])

    return network, plain
