"""Machine code against the oracle of Python integers."""

import numpy as np

from l1kd.emulators.network.native import code as native_code
from l1kd.emulators.network.native.code import NativeCode, translate
from tests.emulators.network import oracle

__all__ = ["WIDTHS", "check", "compiled", "run"]

WIDTHS = [width for width in (8, 16) if width <= native_code.lanes()]


def compiled(network, width=None):
    return NativeCode(*translate(network.graph, network.graph.outputs, width))


def run(code, network, x, kind=np.int64):
    size = sum(tensor.size for tensor in network.outputs)
    y = np.full((len(x), size), -99, float if np.dtype(kind).kind == "f" else np.int64)
    inside = code.execute(np.ascontiguousarray(x, kind), y)
    return y, inside


def check(network, x):
    """Compare with the oracle, for every word events can have and every width of registers."""
    values = oracle.evaluate(network.graph, x)
    expected = values[network.graph.outputs[0]].astype(np.int64)
    for width in WIDTHS:
        code = compiled(network, width)
        for kind in (np.int16, np.int32, np.int64):
            if x.min() >= np.iinfo(kind).min and x.max() <= np.iinfo(kind).max:
                y, inside = run(code, network, x, kind)
                np.testing.assert_array_equal(y, expected)
                assert inside
