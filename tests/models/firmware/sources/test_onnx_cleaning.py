"""ONNX models whose products give columns of events are set upright, and compute the same."""

import numpy as np
import onnxruntime
import pytest

from l1kd.errors import FirmwareError
from l1kd.models.firmware.sources.emulators import emulator_of
from l1kd.models.firmware.sources.onnx_models import read_onnx
from l1kd.models.weights import distillnet

onnx = pytest.importorskip("onnx", reason="onnx is not installed")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def graph(path, nodes, constants, output=("n", 1)):
    """Write a model of 3 inputs."""
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node(*node[:3], name=node[2][0], **node[3]) for node in nodes],
            "columns",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    path.write_bytes(model.SerializeToString())
    return path


def constants():
    rng = np.random.default_rng(1)
    return {
        "a": rng.normal(size=(2, 3)).astype(np.float32),
        "b": rng.normal(size=(2, 1)).astype(np.float32),
        "c": rng.normal(size=(1, 2)).astype(np.float32),
        "column": np.array([-1, 1], np.int64),
    }


FIRST = ("Gemm", ["a", "x", "b"], ["s"], {"transB": 1})
RELU = ("Relu", ["s"], ["h"], {})
LAST = ("Gemm", ["c", "h"], ["t"], {})
UPRIGHT = ("Reshape", ["t", "column"], ["y"], {})


def run(model, x):
    session = onnxruntime.InferenceSession(model)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


@pytest.mark.parametrize("hidden", [(), (5,), (6, 4), (7, 5, 3)])
def test_a_distillnet_is_set_upright(tf, tmp_path, hidden):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 16)).astype(np.float32)
    model = distillnet.network(hidden, distillnet.standardise(rng.normal(size=(50, 16))))
    path = tmp_path / "model.onnx"
    distillnet.save_onnx(model, path)
    cleaned = read_onnx(path).model
    assert {node.op_type for node in cleaned.graph.node} <= {"MatMul", "Add", "Relu", "Sigmoid"}
    np.testing.assert_allclose(
        run(cleaned.SerializeToString(), x), run(str(path), x), rtol=1e-5, atol=1e-7
    )


def test_columns_without_a_bias(tmp_path):
    path = graph(tmp_path / "m.onnx", [FIRST, RELU, LAST, UPRIGHT], constants())
    x = np.array([[0.5, -1.0, 2.0]], np.float32)
    cleaned = read_onnx(path).model
    np.testing.assert_allclose(run(cleaned.SerializeToString(), x), run(str(path), x), rtol=1e-5)


@pytest.mark.parametrize(
    ("nodes", "changed", "message"),
    [
        ([FIRST, RELU, ("Gemm", ["c", "h"], ["y"], {})], {}, "has a column for each event"),
        ([FIRST, RELU, LAST, UPRIGHT], {"column": np.array([1, -1], np.int64)}, r"to \[1, -1\]"),
        ([FIRST, ("Reshape", ["s", "column"], ["y"], {})], {}, r"to \[-1, 1\]"),
        ([FIRST, ("Softmax", ["s"], ["h"], {}), LAST, UPRIGHT], {}, "a Softmax of columns"),
        ([("Gemm", ["a", "x", "b"], ["s"], {}), RELU, LAST, UPRIGHT], {}, "'s': a product of"),
        ([FIRST, RELU, LAST, UPRIGHT], {"b": np.ones(2, np.float32)}, "'s': a product of"),
    ],
)
def test_other_columns_are_refused(tmp_path, nodes, changed, message):
    path = graph(tmp_path / "m.onnx", nodes, constants() | changed)
    with pytest.raises(FirmwareError, match=message):
        read_onnx(path)


def test_names_and_shared_constants_of_pytorch(tmp_path):
    """PyTorch has dots and slashes in names, and one constant for equal parameters."""
    rng = np.random.default_rng(1)
    ones, zeros = np.ones(2, np.float32), np.zeros(2, np.float32)
    nodes = [
        ("Gemm", ["x", "0.weight", "0.bias"], ["/0/Gemm_output_0"], {"transB": 1}),
        ("Identity", ["1.bias"], ["1.running_mean"], {}),
        ("BatchNormalization",
         ["/0/Gemm_output_0", "1.weight", "1.bias", "1.running_mean", "1.weight"],
         ["/0/Gemm.output_0"], {}),
        ("Relu", ["/0/Gemm.output_0"], ["y"], {}),
    ]  # fmt: skip
    values = {"0.weight": rng.normal(size=(2, 3)), "0.bias": rng.normal(size=2)}
    values = {name: value.astype(np.float32) for name, value in values.items()}
    path = graph(tmp_path / "m.onnx", nodes, values | {"1.weight": ones, "1.bias": zeros}, ("n", 2))
    x = np.array([[0.5, -1.0, 2.0]], np.float32)
    cleaned = read_onnx(path).model
    np.testing.assert_allclose(run(cleaned.SerializeToString(), x), run(str(path), x), rtol=1e-5)
    names = [name for node in cleaned.graph.node for name in (*node.input, *node.output)]
    assert all(name.isidentifier() for name in names)
    (norm,) = (node for node in cleaned.graph.node if node.op_type == "BatchNormalization")
    assert len(set(norm.input)) == 5


def test_an_image_whose_channels_come_first_is_read(tmp_path):
    """It is hls4ml that wants them last, and that says so."""
    kernel = {"k": np.ones((1, 1, 2, 2), np.float32)}
    content = onnx.load(graph(tmp_path / "m.onnx", [("Conv", ["x", "k"], ["y"], {})], kernel))
    for value, shape in (
        (content.graph.input[0], (1, 1, 3, 3)),
        (content.graph.output[0], (1, 1, 2, 2)),
    ):
        value.CopyFrom(helper.make_tensor_value_info(value.name, TensorProto.FLOAT, shape))
    onnx.save(content, tmp_path / "m.onnx")
    model = read_onnx(tmp_path / "m.onnx")
    (found,) = model.evaluate([np.arange(9.0).reshape(1, 1, 3, 3)])
    np.testing.assert_array_equal(found.ravel(), [8.0, 12.0, 20.0, 24.0])


def test_an_input_called_input_is_converted(tmp_path, tf):
    """PyTorch's exporter calls it so, and hls4ml keeps the name for itself."""
    nodes = [("Gemm", ["x", "w", "b"], ["y"], {"transB": 1})]
    values = {"w": np.eye(2, 3, dtype=np.float32), "b": np.full(2, 0.5, np.float32)}
    content = onnx.load(graph(tmp_path / "m.onnx", nodes, values, ("n", 2)))
    content.graph.input[0].name = content.graph.node[0].input[0] = "input"
    onnx.save(content, tmp_path / "m.onnx")
    types = {"default": {"result": "ap_fixed<16,6>"}, "input": {"result": "ap_fixed<8,4>"}}
    network = emulator_of(str(tmp_path / "m.onnx"), types)
    assert str(network.inputs[0].format) == "ap_fixed<8,4>"
    np.testing.assert_array_equal(network.predict(np.array([[1.0, -2.0, 3.0]])), [[1.5, -1.5]])
