"""Small quantized networks with drawn weights, and the same in Python's integers."""

from collections.abc import Callable

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
    n_inputs: int, seed: int, hidden: int = 8, form: FixedPoint = FORMAT, gain: int = 15
) -> tuple[Network, Callable[[list[int]], int]]:
    """Return inputs -> hidden rectified values -> a logit -> a table, and its model.

    A small `gain` of the logit keeps it off the ends of its range with many inputs.
    """
    rng = np.random.default_rng(seed)
    first = rng.integers(-15, 16, (n_inputs, hidden))  # in 1/16
    second = rng.integers(-gain, gain + 1, (hidden, 1))
    first_bias = rng.integers(-2000, 2001, hidden)  # in 1/256
    second_bias = rng.integers(-200, 201, 1)
    wide, sums = FixedPoint(26, 18), FixedPoint(24, 16)
    each = np.arange(hidden, dtype=np.int32)
    zero, one = np.zeros(hidden, np.int64), np.ones(hidden, np.int64)
    group = np.zeros(1, np.int32)
    operations = (
        Affine(
            Tensor("sums", (hidden,), wide), "x", np.arange(n_inputs, dtype=np.int32)[None],
            group, first[None], 4, first_bias[None], wide,
        ),
        Piecewise(Tensor("relu", (hidden,), HIDDEN), "sums", each, zero, one, zero, zero, zero, 8),
        Affine(
            Tensor("logit", (1,), LOGIT), "relu", each[None], group, second[None], 4,
            second_bias[None], sums,
        ),
        Lookup(
            Tensor("weight", (1,), WEIGHT), "logit", np.zeros(1, np.int32), 1, 0, False, 512,
            TABLE[:, None], np.zeros(1, np.int32),
        ),
    )  # fmt: skip
    kinds = ("dense", "relu", "dense", "lookup")
    layers = tuple(
        Layer(op.output.name, kind, (op,)) for op, kind in zip(operations, kinds, strict=True)
    )
    network = Network(Graph("drawn", (Tensor("x", (n_inputs,), form),), ("weight",), layers))

    def plain(values: list[int]) -> int:
        relu = []
        for f in range(hidden):
            total = int(first_bias[f]) + sum(
                int(x) * int(w) for x, w in zip(values, first[:, f], strict=True)
            )
            relu.append(min(max((total + 8) >> 4, 0), 1023))
        total = int(second_bias[0]) + sum(
            x * int(w) for x, w in zip(relu, second[:, 0], strict=True)
        )
        logit = min(max((total + 2) >> 2, -512), 511)
        return int(TABLE[logit + 512])

    return network, plain
