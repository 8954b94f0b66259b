"""The deployed CMS networks: every vector and every layer of the trace."""

import numpy as np
import pytest

from l1kd.emulators.network import Network
from l1kd.emulators.network.layers.registry import lower_project
from tests.emulators.network import oracle
from tests.emulators.network.golden import NAMES, load_project


@pytest.fixture(scope="module", params=NAMES)
def golden(request, shared):
    folder = shared / "golden" / "networks"
    network = Network(lower_project(load_project(folder, request.param)))
    vectors = np.load(folder / f"{request.param}.npz")
    x = vectors["x_scaled_raw"] if "x_scaled_raw" in vectors else vectors["x"]
    return network, x, vectors, np.load(folder / f"{request.param}_trace.npz")


def test_every_vector(golden):
    network, x, vectors, _ = golden
    y = network.predict_raw(x)
    np.testing.assert_array_equal(y.reshape(len(y), -1), vectors["y_raw"])
    np.testing.assert_array_equal(
        network.predict(network.inputs[0].format.to_float(x)).reshape(len(y), -1),
        vectors["y_float"],
    )


def test_every_layer_of_the_trace(golden):
    network, x, _, trace = golden
    layers = network.trace(x[trace["rows"]])
    for layer in network.graph.layers:
        result = layers[layer.name].reshape(len(trace["rows"]), -1)
        np.testing.assert_array_equal(result, trace[layer.output.name], err_msg=layer.name)


def test_file_gives_the_same_network(golden, tmp_path):
    network, x, _, _ = golden
    network.save(tmp_path / "network.npz")
    loaded = Network.load(tmp_path / "network.npz")
    np.testing.assert_array_equal(loaded.predict_raw(x), network.predict_raw(x))
    assert str(loaded) == str(network)


def test_results_depend_on_neither_batch_nor_threads(golden):
    network, x, _, _ = golden
    whole = network.predict_raw(x)
    np.testing.assert_array_equal(network.predict_raw(x, threads=3), whole)
    for size in (1, 7, 128, 129, 1000):
        np.testing.assert_array_equal(network.predict_raw(x[:size]), whole[:size])
    assert network.predict_raw(x[:0]).shape == (0, *whole.shape[1:])


def test_oracle_agrees(golden):
    network, x, _, _ = golden
    values = oracle.evaluate(network.graph, x[::150])
    result = network.predict_raw(x[::150]).reshape(len(x[::150]), -1)
    np.testing.assert_array_equal(result, values[network.graph.outputs[0]].astype(np.int64))
