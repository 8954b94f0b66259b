from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.emulators.network.small_networks import small_network


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64])
def test_every_integer_type_of_input_gives_the_same(network, kind):
    x = np.random.default_rng(0).integers(-128, 128, (300, 4))
    np.testing.assert_array_equal(network.predict_raw(x.astype(kind)), network.predict_raw(x))
    strided = np.repeat(x.astype(kind), 2, axis=1)[:, ::2]
    np.testing.assert_array_equal(network.predict_raw(strided), network.predict_raw(x))


def test_threads_and_chunks_do_not_matter(network):
    x = np.random.default_rng(1).integers(-128, 128, (5000, 4))
    whole = network.predict_raw(x)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(network.predict_raw(x, threads=threads), whole)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(network.predict_raw, np.array_split(x, 11)))
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert network.predict_raw(x[:0]).shape == (0, 2, 2)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([np.zeros((2, 5), int)], "shape"),
        ([np.zeros((2, 4))], "integers expected"),
        ([np.full((2, 4), 128)], "leave"),
        ([np.zeros((2, 4), int), np.zeros((2, 4), int)], "1 inputs expected"),
    ],
)
def test_wrong_inputs_are_refused(network, inputs, message):
    with pytest.raises(ValueError, match=message):
        network.predict_raw(*inputs)


def test_numbers_that_are_none_are_refused(network):
    with pytest.raises(ValueError, match="NaN"):
        network.predict(np.full((1, 4), np.nan))
