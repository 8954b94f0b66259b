"""ONNX models whose products give columns of events are set upright, and compute the same."""

import numpy as np
import onnxruntime
import pytest

from l1kd.errors import FirmwareError
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
