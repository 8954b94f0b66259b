"""ONNX models made fit to be read: constants as initializers, names and shapes everywhere.

A ``Gemm`` becomes a matrix product and a sum, which hls4ml knows.
"""

from collections.abc import Container, Iterable
from typing import Any

import numpy as np

from l1kd.errors import FirmwareError
from l1kd.models.firmware.sources.qonnx.quantizers import QUANTIZERS
from l1kd.models.firmware.sources.qonnx.windows import shape_of

__all__ = ["add_shapes", "clean"]

_SKIPPED = ("Identity", "Dropout")
_EACH = ("Relu", "LeakyRelu", "Sigmoid", "Tanh", *QUANTIZERS)
"""Nodes that treat every number by itself, so that they do not mind how a matrix lies."""


def clean(onnx: Any, model: Any) -> None:
    """Make constants initializers, name everything, and split what hls4ml knows in parts only."""
    graph = model.graph
    _rename(graph)
    known = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in known]
    del graph.input[:]
    graph.input.extend(inputs)
    for value in graph.input:
        dims = value.type.tensor_type.shape.dim
        if not dims or any(dim.dim_value < 1 for dim in list(dims)[1:]):
            raise FirmwareError(f"input '{value.name}' of the model has no fixed shape")
        dims[0].dim_value = 1
    _upright(onnx, graph)
    nodes: list[Any] = []
    renamed: dict[str, str] = {}
    taken: set[str] = set()
    for number, node in enumerate(graph.node):
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
        if node.op_type == "Constant":
            tensor = onnx.helper.get_attribute_value(node.attribute[0])
            tensor.name = node.output[0]
            graph.initializer.append(tensor)
        elif node.op_type in _SKIPPED and node.output[0] not in {v.name for v in graph.output}:
            renamed[node.output[0]] = node.input[0]
        else:
            node.name = _unique(_name(node.name or f"{node.op_type.lower()}_{number}"), taken)
            nodes += _split(onnx, node, graph) if node.op_type == "Gemm" else [node]
    del graph.node[:]
    graph.node.extend(nodes)
    _unshare(graph)
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _upright(onnx: Any, graph: Any) -> None:
    """Let matrix products that give a column for each event give a row instead.

    Such products have the weights on the left; the first takes its rows transposed, and a last one
    of a single row is reshaped into a column, which is removed with them.
    """
    constants = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    lying: dict[str, int] = {}
    nodes: list[Any] = []
    for node in graph.node:
        if node.op_type == "Gemm" and _gives_columns(onnx, node, constants, lying):
            weight, column, *offset = node.input
            for name in offset:
                bias = onnx.numpy_helper.from_array(constants[name].ravel(), f"{name}_row")
                graph.initializer.append(bias)
            node.input[:] = [column, weight, *(f"{name}_row" for name in offset)]
            kept = [item for item in node.attribute if item.name != "transB"]
            del node.attribute[:]
            node.attribute.extend([*kept, onnx.helper.make_attribute("transB", 1)])
            lying[node.output[0]] = len(constants[weight])
        elif node.op_type == "Reshape" and node.input[0] in lying:
            shape = constants.get(node.input[1], np.zeros(0)).tolist()
            single = lying[node.input[0]] == 1 and nodes[-1].output[0] == node.input[0]
            if shape != [-1, 1] or not single:
                raise FirmwareError(f"node '{node.name}': columns of events reshaped to {shape}")
            nodes[-1].output[0] = node.output[0]
            continue
        elif not lying.keys().isdisjoint(node.input):
            if node.op_type not in _EACH:
                raise FirmwareError(f"node '{node.name}': a {node.op_type} of columns of events")
            lying[node.output[0]] = lying[node.input[0]]
        nodes.append(node)
    outputs = lying.keys() & {value.name for value in graph.output}
    if outputs:
        raise FirmwareError(f"output '{outputs.pop()}' has a column for each event: expected a row")
    del graph.node[:]
    graph.node.extend(nodes)


def _gives_columns(onnx: Any, node: Any, constants: dict[str, Any], lying: Container[str]) -> bool:
    """Tell whether a product has its weights on the left, and columns of events on the right."""
    given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    weight, column, *offset = node.input
    if weight not in constants or column in constants or given.get("transA", 0):
        return False
    biases = [constants.get(name, np.zeros(2)) for name in offset]
    fits = all(bias.size == 1 or bias.shape[1:] == (1,) for bias in biases)
    if (column in lying) == bool(given.get("transB", 0)) or not fits:
        raise FirmwareError(f"node '{node.name}': a product of weights and rows of events")
    return True


def _unshare(graph: Any) -> None:
    """Give every batch normalisation constants of its own: hls4ml takes away those it has read."""
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type != "BatchNormalization":
            continue
        for place, name in enumerate(node.input):
            if name in constants:
                own = graph.initializer.add()
                own.CopyFrom(constants[name])
                own.name = node.input[place] = f"{node.name}_constant{place}"


def _rename(graph: Any) -> None:
    """Give values names that C++ takes: hls4ml loses the dots and slashes of PyTorch."""
    chosen: dict[str, str] = {"": ""}
    taken: set[str] = set()
    items = [*graph.input, *graph.initializer, *graph.output]
    names = [item.name for item in items] + [name for node in graph.node for name in node.output]
    for name in filter(None, dict.fromkeys(names)):
        chosen[name] = _unique(_name(name), taken)
    for item in [*items, *graph.value_info]:
        item.name = chosen.get(item.name, item.name)
    for node in graph.node:
        node.input[:] = [chosen.get(name, name) for name in node.input]
        node.output[:] = [chosen[name] for name in node.output]


def _unique(word: str, taken: set[str]) -> str:
    while word in taken:
        word += "_"
    taken.add(word)
    return word


def _name(name: str) -> str:
    """Return a name that C++ takes."""
    word = "".join(c if c.isascii() and c.isalnum() else "_" for c in name).strip("_")
    return word if word and not word[0].isdigit() else f"node_{word}"


def _split(onnx: Any, node: Any, graph: Any) -> list[Any]:
    """Return a general matrix product as a product and a sum."""
    given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    plain = given.get("alpha", 1.0) == 1.0 and given.get("beta", 1.0) == 1.0
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    if not plain or given.get("transA", 0):
        raise FirmwareError(f"node '{node.name}': a Gemm with other factors than one")
    weight, before = node.input[1], []
    if given.get("transB", 0) and weight not in tensors:
        weight = f"{node.name}_weight"
        before = [
            onnx.helper.make_node(
                "Transpose", [node.input[1]], [weight], name=f"{node.name}_turned", perm=[1, 0]
            )
        ]
    elif given.get("transB", 0):
        turned = onnx.numpy_helper.to_array(tensors[weight]).T.copy()
        weight = f"{node.name}_weight"
        graph.initializer.append(onnx.numpy_helper.from_array(turned, weight))
    total = node.output[0]
    product = f"{total}_product" if len(node.input) > 2 else total
    product_node = onnx.helper.make_node(
        "MatMul", [node.input[0], weight], [product], name=node.name
    )
    nodes = [*before, product_node]
    if len(node.input) > 2:
        nodes.append(
            onnx.helper.make_node(
                "Add", [product, node.input[2]], [total], name=f"{node.name}_bias"
            )
        )
    return nodes


def add_shapes(onnx: Any, model: Any, plain: Any) -> dict[str, tuple[int, ...]]:
    """Tell the shape of every value, which hls4ml wants to know; return those of ``plain``."""
    inferred = onnx.shape_inference.infer_shapes(plain, strict_mode=True)
    values = [*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output]
    shapes = {value.name: shape_of(value) for value in values}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    del model.graph.value_info[:]
    outputs = {value.name for value in model.graph.output}
    names: Iterable[str] = dict.fromkeys(
        [t.name for t in model.graph.initializer]
        + [name for node in model.graph.node for name in node.output]
    )
    for name in names:
        info = onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shapes[name])
        if name not in outputs:
            model.graph.value_info.append(info)
    return shapes
