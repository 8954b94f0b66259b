"""Two products of 16 bits an instruction: when it is chosen, and that no bit differs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Tensor
from l1kd.emulators.network.graph import Affine
from l1kd.emulators.network.native import code as native_code
from l1kd.emulators.network.native.program import write_native
from tests.emulators.network.native.checks import check
from tests.emulators.network.small_networks import dense, extremes, forms, network_of

pytestmark = pytest.mark.skipif(not native_code.available(), reason="no AVX2 and FMA")
WORD = FixedPoint(32, 32)


def in_pairs(network):
    text = write_native(network.graph, network.graph.outputs, 8).text
    return "call <8 x i32> @llvm.x86.avx2.pmadd.wd" in text


@pytest.mark.parametrize(
    "accumulator", [WORD, FixedPoint(32, 32, False), FixedPoint(24, 24), FixedPoint(20, 13)]
)
@pytest.mark.parametrize("terms", [16, 17, 40])
def test_dense_layers_of_16_bits_go_in_pairs(accumulator, terms):
    """Also where sums wrap around, in a word that is full or in a part of it."""
    rng = np.random.default_rng(terms)
    weights = rng.integers(-32767, 32768, (terms, 24))
    form = FixedPoint(16, 16, True, "TRN", "SAT_SYM")
    fraction = accumulator.fraction
    network = network_of(
        form, terms, dense("x", weights, rng.integers(-99, 99, 24), accumulator, accumulator,
                           fraction)
    )  # fmt: skip
    small = network_of(FixedPoint(15, 15), terms, *network.graph.operations)
    assert not in_pairs(network)  # -32768 is in the format
    assert in_pairs(small)
    check(small, extremes(FixedPoint(15, 15), terms, 60))


@pytest.mark.parametrize(("largest", "pairs"), [(32767, True), (32768, False)])
def test_weights_may_have_16_bits(largest, pairs):
    weights = np.full((16, 24), largest)
    network = network_of(FixedPoint(8, 8), 16, dense("x", weights, [0] * 24, WORD, WORD))
    assert in_pairs(network) == pairs
    check(network, extremes(FixedPoint(8, 8), 16, 20))


def test_sparse_layers_keep_the_way_that_skips_more():
    weights = np.zeros((32, 24), int)
    weights[::2] = 3
    network = network_of(FixedPoint(8, 8), 32, dense("x", weights, [0] * 24, WORD, WORD))
    assert not in_pairs(network)


def test_windows_that_share_elements():
    """A convolution whose windows overlap, and reach outside."""
    rng = np.random.default_rng(1)
    index = (np.arange(12)[:, None] * 2 + np.arange(8) - 2).astype(np.int32)
    index[(index < 0) | (index >= 24)] = -1
    form, result = FixedPoint(9, 9), FixedPoint(9, 2, False, "RND_CONV", "SAT")
    operation = Affine(
        Tensor("y", (12 * 16,), result), "x", index, (np.arange(12) % 2).astype(np.int32),
        rng.integers(-60, 60, (2, 8, 16)), 3, rng.integers(-50, 50, (2, 16)), FixedPoint(30, 27),
    )  # fmt: skip
    network = network_of(form, 24, operation)
    assert in_pairs(network)
    check(network, extremes(form, 24, 40))


@settings(max_examples=12, deadline=None)
@given(forms(2, 15), forms(2, 26), forms(1, 20), st.integers(0, 4), st.randoms())
def test_random_layers_equal_the_oracle(source, accumulator, result, fraction, random):
    n_in, n_out = random.randint(8, 21), random.randint(14, 20)
    reach = 1 << random.randint(3, 14)
    weights = [[random.randint(-reach, reach) for _ in range(n_out)] for _ in range(n_in)]
    bias = [random.randint(accumulator.minimum, accumulator.maximum) for _ in range(n_out)]
    shift = min(accumulator.fraction - source.fraction, fraction)
    network = network_of(source, n_in, dense("x", weights, bias, accumulator, result, shift))
    check(network, extremes(source, n_in, 40, random.randint(0, 99)))
