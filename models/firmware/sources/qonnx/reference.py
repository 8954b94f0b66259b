"""ONNX models written out in plain arithmetic in double precision, which ONNX Runtime computes.

It knows no quantizers of QONNX, and no convolutions and averages in double precision: these become
products of gathered windows.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyArray
from l1kd.errors import FirmwareError
from l1kd.models.firmware.sources.qonnx.quantizers import QUANTIZERS, Step, steps_of
from l1kd.models.firmware.sources.qonnx.windows import Windows, windows_of

__all__ = ["in_double", "with_windows"]

_WINDOWS = ("Conv", "AveragePool", "GlobalAveragePool")
_ROUND = {"ROUND": "Round", "FLOOR": "Floor", "CEIL": "Ceil"}


class _Graph:
    """A graph of ONNX that gets new nodes and constants."""

    def __init__(self, onnx: Any, graph: Any) -> None:
        self.onnx, self.graph = onnx, graph
        self.nodes: list[Any] = []

    def constant(self, name: str, values: AnyArray) -> str:
        self.graph.initializer.append(self.onnx.numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, reads: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(self.onnx.helper.make_node(kind, reads, [output], **attributes))
        return output

    def finish(self) -> None:
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)


def in_double(onnx: Any, model: Any) -> Any:
    """Return the model in double precision, its quantizers written out."""
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    graph = plain.graph
    constants = {}
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32:
            tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float64), tensor.name))
        constants[tensor.name] = values
    for value in [*graph.input, *graph.output]:
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    del graph.value_info[:]
    made = _Graph(onnx, graph)
    for node in graph.node:
        if node.op_type in QUANTIZERS:
            _quantizer(made, node, constants)
        else:
            made.nodes.append(node)
    made.finish()
    return plain


def _quantizer(made: _Graph, node: Any, constants: Mapping[str, Any]) -> None:
    """Write out a quantizer; the last node has the quantizer's output."""
    name = node.input[0]
    steps = steps_of(made.onnx, node, constants)
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        output = node.output[0] if last else f"{node.output[0]}.step{number}"
        name = _step(made, step, name, output)


def _step(made: _Graph, step: Step, name: str, output: str) -> str:
    def scalar(role: str, value: Any) -> str:
        return made.constant(f"{output}.{role}", np.asarray(value, np.float64))

    name = made.node("Div", [name, scalar("scale", step.scale)], f"{output}.0")
    name = made.node("Add", [name, scalar("zero", step.zero)], f"{output}.1")
    if step.rounding == "SIGN":
        test = made.node("GreaterOrEqual", [name, scalar("none", 0.0)], f"{output}.test")
        ones = [scalar("one", 1.0), scalar("minus", -1.0)]
        name = made.node("Where", [test, *ones], f"{output}.2")
    else:
        name = made.node(_ROUND[step.rounding], [name], f"{output}.2")
    if step.limits is not None:
        limits = [scalar("low", step.limits[0]), scalar("high", step.limits[1])]
        name = made.node("Clip", [name, *limits], f"{output}.3")
    name = made.node("Sub", [name, scalar("offset", step.offset)], f"{output}.4")
    return made.node("Mul", [name, scalar("factor", step.factor)], output)


def with_windows(onnx: Any, plain: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Write out convolutions and averages, and let shapes leave the number of events open."""
    made = _Graph(onnx, plain.graph)
    for node in plain.graph.node:
        if node.op_type in _WINDOWS:
            _windows(made, node, shapes)
        elif node.op_type == "Reshape" and len(shapes[node.output[0]]) > 1:
            name, shape = node.output[0], shapes[node.output[0]]
            if shapes[node.input[0]][0] == shape[0] == 1:
                node.input[1] = made.constant(f"{name}.shape", np.array([-1, *shape[1:]], np.int64))
            made.nodes.append(node)
        else:
            made.nodes.append(node)
    made.finish()


def _windows(made: _Graph, node: Any, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Write a convolution or an average as a product of gathered windows."""
    output, source = node.output[0], node.input[0]
    shape, out = shapes[source][1:], shapes[output][1:]
    average = node.op_type != "Conv"
    kernel = (1, 1) if average else shapes[node.input[1]]
    windows = windows_of(made.onnx, node, shape, kernel)
    if windows.places != out[1:]:
        raise FirmwareError(f"node '{node.name}': windows at {windows.places} places, not {out}")

    def numbers(role: str, values: Any) -> str:
        return made.constant(f"{output}.{role}", np.asarray(values, np.int64))

    size = int(np.prod(shape))
    flat = made.node("Reshape", [source, numbers("flat", [-1, size])], f"{output}.0")
    ends = [numbers("pads", [0, 0, 0, 1])]
    more = made.node("Pad", [flat, *ends], f"{output}.1")
    # groups, places, terms; an index of -1 reads the zero at the end
    index = np.where(windows.index < 0, size, windows.index)
    seen = made.node("Gather", [more, numbers("index", index)], f"{output}.2", axis=1)
    weight = _weights(made, node, windows, out[0])
    total = made.node("MatMul", [seen, weight], f"{output}.3")
    turned = made.node("Transpose", [total], f"{output}.4", perm=[0, 1, 3, 2])
    reads = [turned, numbers("shape", [-1, *out])]
    if not average and len(node.input) > 2:
        whole = made.node("Reshape", reads, f"{output}.5")
        tall = numbers("tall", [-1, *[1] * (len(out) - 1)])
        bias = made.node("Reshape", [node.input[2], tall], f"{output}.bias")
        made.node("Add", [whole, bias], output)
    else:
        made.node("Reshape", reads, output)


def _weights(made: _Graph, node: Any, windows: Windows, filters: int) -> str:
    """Return weights of shape (groups, terms, filters of a group)."""
    output = node.output[0]
    groups, _, terms = windows.index.shape
    if node.op_type != "Conv":
        return made.constant(f"{output}.mean", np.full((groups, terms, 1), 1.0 / terms))
    shape = made.constant(
        f"{output}.kernel", np.array([groups, filters // groups, terms], np.int64)
    )
    name = made.node("Reshape", [node.input[1], shape], f"{output}.weight0")
    return made.node("Transpose", [name], f"{output}.weight", perm=[0, 2, 1])
