"""A user's own networks as algorithms: inserted, studied and given to the processors by name."""

import awkward as ak
import numpy as np
import pytest

import l1kd
from l1kd.algorithms import FirmwareNetwork, OnnxModel, columns_of
from l1kd.emulators.network import Network
from l1kd.errors import ConfigurationError, InputError
from l1kd.processors import MultiProcessor, RateProcessor, ResolutionProcessor
from l1kd.registry import reset
from tests.l1kd.outside import HALVING, write_halving_firmware


@pytest.fixture(scope="module")
def events(data, open_events):
    return open_events(data / "minbias_PU140.root", entry_stop=5)


def momenta(events):
    return columns_of(events.L1Cand, "pt", "eta", "phi")


def sums(events):
    """Three numbers an event."""
    image = l1kd.regions(events).astype(np.float32)
    return np.stack([image.sum((1, 2)), image.max((1, 2)), image[:, :, 0].sum(1)], axis=1)


@pytest.fixture
def onnx_file(tmp_path):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 1])
    w = helper.make_tensor("w", TensorProto.FLOAT, [3, 1], [0.001, 0.0, 0.0])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [w])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "my-model.onnx"
    onnx.save(model, str(path))
    return path


@pytest.fixture
def firmware(tmp_path):
    """A network of two values that relu passes on, as a file of l1kd."""
    folder = tmp_path / "project" / "firmware"
    write_halving_firmware(folder)
    source = folder / "net.cpp"
    source.write_text(HALVING["net.cpp"].replace("nnet::halve<", "nnet::relu<"))
    path = tmp_path / "relu.npz"
    Network.from_hls_project(tmp_path / "project").save(path)
    return path


def test_a_weight_from_an_onnx_file(events, onnx_file):
    model = OnnxModel(onnx_file, momenta)
    assert (model.name, model.adds) == ("my_model", "L1Cand.my_model_weight")
    particles = l1kd.insert(events, [model]).L1Cand
    expected = ak.to_numpy(ak.flatten(particles.pt)) * np.float32(0.001)
    found = ak.to_numpy(ak.flatten(particles.my_model_weight))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32


def test_a_score_from_an_onnx_file(events, onnx_file):
    model = OnnxModel(onnx_file, sums, name="total", gives="score", step=0.5)
    score = l1kd.insert(events, [model]).total.score
    np.testing.assert_allclose(score, sums(events)[:, 0] * 0.001, rtol=1e-6)
    rates = RateProcessor([], algorithms=[model], score=False)
    columns = next(iter(rates.process(events).values()))["columns"].joined()
    np.testing.assert_allclose(columns["total_score"], score, rtol=1e-6)
    assert rates.described["total_score"].step == 0.5


def test_registered_models_are_known_by_name(events, onnx_file):
    try:
        l1kd.register(OnnxModel(onnx_file, momenta, name="mine"))
        assert "mine_weight" in l1kd.insert(events, ["mine"]).L1Cand.fields
        parts = {"resolution": ResolutionProcessor(["mine"]), "rates": RateProcessor(["mine"])}
        output = MultiProcessor(parts, ["mine", "cicada"]).process(events)
        assert "met:mine" in next(iter(output["rates"].values()))["columns"].joined()
        assert "mine" in {entry.name for entry in l1kd.available()}
    finally:
        reset()


def pairs(events):
    return np.stack([np.arange(len(events)), np.full(len(events), -1.0)], axis=1)


def test_a_score_that_is_two_numbers_is_an_error(events, firmware):
    with pytest.raises(InputError, match=r"relu: expected one number an event, found 5 \* 2"):
        l1kd.insert(events, [FirmwareNetwork(firmware, pairs, gives="score")])
    with pytest.raises(InputError, match="relu: expected one number a particle"):
        l1kd.insert(events, [FirmwareNetwork(firmware, pairs)])
    with pytest.raises(ConfigurationError, match="gives 'jets'"):
        FirmwareNetwork(firmware, pairs, gives="jets")


def test_firmware_runs_in_the_integer_emulator(events, firmware):
    rows = FirmwareNetwork(firmware, pairs)(events)
    assert rows.tolist() == [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [3.0, 0.0], [4.0, 0.0]]


def test_results_that_are_no_numbers_are_errors(events, onnx_file):
    def nothing(events):
        return np.full((len(events), 3), np.nan, np.float32)

    with pytest.raises(InputError, match="total: its result: expected finite values, found nan"):
        l1kd.insert(events, [OnnxModel(onnx_file, nothing, name="total", gives="score")])
