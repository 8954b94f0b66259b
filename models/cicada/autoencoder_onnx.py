"""The teacher's error as an ONNX graph, so that it scores images without TensorFlow."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.calorimeter import N_PHI
from l1kd.errors import ConfigurationError

__all__ = ["write_error_model"]

_OPSET, _IR = 17, 8


class _Graph:
    """Nodes and constants, one behind the other."""

    def __init__(self) -> None:
        try:
            import onnx
        except ImportError as error:
            raise ConfigurationError(
                "writing the teacher needs the package onnx: pip install 'l1kd[train]'"
            ) from error
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: NDArray[Any]) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(kind, list(inputs), [name], **attributes))
        return name


def _activated(graph: _Graph, layer: Any, value: str) -> str:
    used = layer.activation.__name__
    if used not in ("relu", "linear"):
        raise ConfigurationError(f"{layer.name}: activation {used} has no ONNX form here")
    return graph.add("Relu", value) if used == "relu" else value


def _conv(graph: _Graph, layer: Any, value: str) -> str:
    kernel, bias = layer.get_weights()
    weights = graph.constant(kernel.transpose(3, 2, 0, 1)), graph.constant(bias)
    return _activated(graph, layer, graph.add("Conv", value, *weights, pads=[1, 1, 1, 1]))


def _transposed(graph: _Graph, layer: Any, value: str) -> str:
    kernel, bias = layer.get_weights()
    weights = graph.constant(kernel.transpose(3, 2, 0, 1)), graph.constant(bias)
    # Keras' "same" cuts the last row and column
    shape = {"strides": [2, 2], "pads": [0, 0, 1, 1]}
    return _activated(graph, layer, graph.add("ConvTranspose", value, *weights, **shape))


def _dense(graph: _Graph, layer: Any, value: str) -> str:
    kernel, bias = layer.get_weights()
    product = graph.add("Gemm", value, graph.constant(kernel), graph.constant(bias))
    return _activated(graph, layer, product)


def _flatten(graph: _Graph, layer: Any, value: str) -> str:
    # Keras has the channels last
    return graph.add("Flatten", graph.add("Transpose", value, perm=[0, 2, 3, 1]))


def _reshape(graph: _Graph, layer: Any, value: str) -> str:
    shape = graph.constant(np.array([-1, *layer.target_shape], np.int64))
    return graph.add("Transpose", graph.add("Reshape", value, shape), perm=[0, 3, 1, 2])


def _larger(graph: _Graph, layer: Any, value: str) -> str:
    scales = graph.constant(np.array([1, 1, 2, 2], np.float32))
    how = {"mode": "nearest", "nearest_mode": "floor"}
    return graph.add(
        "Resize", value, "", scales, coordinate_transformation_mode="asymmetric", **how
    )


def _pooled(graph: _Graph, layer: Any, value: str) -> str:
    return graph.add("AveragePool", value, kernel_shape=[2, 2], strides=[2, 2])


def _scaled(graph: _Graph, layer: Any, value: str) -> str:
    return graph.add("Mul", value, graph.constant(np.array(layer.scale, np.float32)))


_LAYERS: Mapping[str, Callable[[_Graph, Any, str], str]] = {
    "Conv2D": _conv,
    "Conv2DTranspose": _transposed,
    "Dense": _dense,
    "Flatten": _flatten,
    "Reshape": _reshape,
    "UpSampling2D": _larger,
    "AveragePooling2D": _pooled,
    "Rescaling": _scaled,
    "Activation": _activated,
}


def _smeared(graph: _Graph, value: str, smear: tuple[float, float]) -> str:
    """Add shares of the neighbours in phi, round the image, and in eta, to its ends."""
    phi, eta = smear
    rows = np.arange(N_PHI)
    around = [graph.constant(np.roll(rows, step)) for step in (1, -1)]
    beside = graph.add("Add", *(graph.add("Gather", value, x, axis=2) for x in around))
    kernel = graph.constant(np.array([eta, 1.0, eta], np.float32).reshape(1, 1, 1, 3))
    along = graph.add("Conv", value, kernel, pads=[0, 1, 0, 1])
    return graph.add(
        "Add", along, graph.add("Mul", beside, graph.constant(np.array(phi, np.float32)))
    )


def write_error_model(model: Any, path: Path, smear: tuple[float, float] = (0.0, 0.0)) -> None:
    """Write the mean squared error of an autoencoder of images.

    Parameters
    ----------
    model : tf_keras.Model
        Of `l1kd.models.cicada.teacher.network`.
    path : pathlib.Path
        ONNX file: float32[n, 18, 14] to float32[n].
    smear : tuple of float
        Shares of an error that neighbours in phi and in eta get before it is squared.

    Raises
    ------
    ConfigurationError
        A layer has no ONNX form here, or the package onnx is missing.
    """
    graph = _Graph()
    helper, kinds = graph.onnx.helper, graph.onnx.TensorProto
    image = graph.add("Unsqueeze", "images", graph.constant(np.array([1], np.int64)))
    value = image
    for layer in model.layers:
        kind = type(layer).__name__
        if kind not in _LAYERS:
            raise ConfigurationError(f"{layer.name}: a layer {kind} has no ONNX form here")
        value = _LAYERS[kind](graph, layer, value)
    missed = graph.add("Sub", value, image)
    if any(smear):
        missed = _smeared(graph, missed, smear)
    square = graph.add("Mul", missed, missed)
    graph.nodes.append(
        helper.make_node("ReduceMean", [square], ["error"], axes=[1, 2, 3], keepdims=0)
    )
    inputs = [helper.make_tensor_value_info("images", kinds.FLOAT, ["n", 18, 14])]
    outputs = [helper.make_tensor_value_info("error", kinds.FLOAT, ["n"])]
    made = helper.make_graph(graph.nodes, "teacher", inputs, outputs, graph.constants)
    opset = [helper.make_opsetid("", _OPSET)]
    graph.onnx.save(helper.make_model(made, opset_imports=opset, ir_version=_IR), str(path))
