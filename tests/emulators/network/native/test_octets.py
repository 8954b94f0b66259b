"""Numbers of eight bits in words: which tensors are kept so; results stay what they are."""

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network, Tensor
from l1kd.emulators.network.graph import Affine, Graph, Layer, Piecewise
from l1kd.emulators.network.native import code as native_code
from l1kd.emulators.network.native.program import write_native
from tests.emulators.network.native.checks import check
from tests.emulators.network.small_networks import extremes

native = pytest.mark.skipif(not native_code.available(), reason="no AVX2 and FMA")

EIGHT = FixedPoint(8, 2, False, "RND_CONV", "SAT")
WIDE = FixedPoint(24, 12)
LAST = FixedPoint(20, 9, True, "RND", "SAT")
INPUT = FixedPoint(8, 3)


def affine(name, source, index, weight, result=WIDE, bias=0):
    index = np.asarray(index, np.int32)
    output = Tensor(name, (len(index) * weight.shape[1],), result)
    group = np.zeros(len(index), np.int32)
    biases = np.full((1, weight.shape[1]), bias, np.int64)
    return Affine(output, source, index, group, weight[None], 6, biases, WIDE)


def relu(name, source, size, form):
    zero, one = np.zeros(size, np.int64), np.ones(size, np.int64)
    each = np.arange(size, dtype=np.int32)
    return Piecewise(Tensor(name, (size,), form), source, each, zero, one, zero, zero, zero, 12)


def made(operations, outputs=None):
    layers = tuple(Layer(op.output.name, "test", (op,)) for op in operations)
    names = outputs or (operations[-1].output.name,)
    return Network(Graph("test", (Tensor("x", (6,), INPUT),), names, layers))


def chain(form=EIGHT, hidden=11, reach=127, seed=0, bias=37):
    """Dense layers of 6, hidden, 5 and 2 numbers with a rectified layer after each."""
    rng = np.random.default_rng(seed)

    def weights(rows, columns, most):
        return rng.integers(-most, most + 1, (rows, columns)) * (rng.random((rows, columns)) < 0.7)

    return made([
        affine("a", "x", [np.arange(6)], weights(6, hidden, 60), bias=bias),
        relu("b", "a", hidden, form),
        affine("c", "b", [np.arange(hidden)], weights(hidden, 5, reach), bias=bias),
        relu("d", "c", 5, form),
        affine("e", "d", [np.arange(5)], weights(5, 2, reach), LAST, bias),
    ])  # fmt: skip


def text(network):
    return write_native(network.graph, network.graph.outputs, 16, octets=True).text


def dots(network):
    return text(network).count(" @llvm.x86.avx512.vpdpbusd.512(") - 1


FORMS = [
    EIGHT,
    FixedPoint(8, 2, False, "RND", "SAT"),
    FixedPoint(8, 2, False, "TRN", "SAT"),
    FixedPoint(7, 2, False, "RND_CONV", "SAT"),
    FixedPoint(8, 8, False, "RND_CONV", "SAT"),
    FixedPoint(8, 2, False, "TRN", "WRAP"),
    FixedPoint(9, 3, True, "RND_CONV", "SAT"),
    FixedPoint(3, 1, False, "RND_MIN_INF", "SAT"),
    FixedPoint(4, 7, False, "RND_ZERO", "SAT"),
    FixedPoint(5, 3, False, "RND_CONV", "SAT_ZERO"),
    FixedPoint(1, 1, False, "RND_MIN_INF", "WRAP"),
]


@native
@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("hidden", [1, 4, 11, 40])
def test_results_stay_what_they_are(form, hidden):
    network = chain(form, hidden, seed=hidden)
    assert dots(network) > 0
    check(network, extremes(INPUT, 6, 300))


@native
def test_windows_of_a_convolution_with_padding():
    rng = np.random.default_rng(5)
    windows = [[0, 1, 2], [2, 3, 4], [4, 5, -1]]
    later = [[-1, 0, 1, 2, 3], [4, 5, 6, 7, 11], [8, 9, 10, -1, -1]]
    network = made([
        affine("a", "x", windows, rng.integers(-60, 61, (3, 4))),
        relu("b", "a", 12, EIGHT),
        affine("c", "b", later, rng.integers(-127, 128, (5, 3)), LAST),
    ])  # fmt: skip
    assert dots(network) > 0
    check(network, extremes(INPUT, 6, 300))


@pytest.mark.parametrize("why", ["nine bits", "signed", "heavy weights", "an output", "twice"])
def test_what_does_not_fit_is_left_as_it_was(why):
    form = {"nine bits": FixedPoint(9, 3, False, "RND_CONV", "SAT")}.get(why, EIGHT)
    rng = np.random.default_rng(1)
    index = [[0, 1, 2, 2]] if why == "twice" else [[0, 1, 2, 3]]
    weight = rng.integers(1, 100, (4, 2)) * (2 if why == "heavy weights" else 1)
    weight[0, 0] = 201 if why == "heavy weights" else 51
    first = affine("a", "x", [np.arange(6)], rng.integers(-60, 61, (6, 4)))
    middle = relu("b", "a", 4, form)
    if why == "signed":
        signed = FixedPoint(8, 2, True, "RND_CONV", "SAT")
        first = affine("b", "x", [np.arange(6)], rng.integers(-60, 61, (6, 4)), signed)
        operations = [first, affine("c", "b", index, weight, LAST)]
    else:
        operations = [first, middle, affine("c", "b", index, weight, LAST)]
    network = made(operations, ("b", "c") if why == "an output" else None)
    assert dots(network) < 0
    if native_code.available() and why != "an output":
        check(network, extremes(INPUT, 6, 100))


def test_processors_without_the_instruction_are_given_none():
    network = chain()
    plain = write_native(network.graph, network.graph.outputs, 16).text
    narrow = write_native(network.graph, network.graph.outputs, 8, octets=True).text
    assert "vpdpbusd" not in plain + narrow
    assert "packuswb" not in plain + narrow
