"""A walk through the nodes of a quantized model, and what it has made so far."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Floats, Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import Gather, Layer, Operation, Piecewise, Tensor
from l1kd.emulators.network.layers.lowering import affine_segments
from l1kd.errors import FirmwareError
from l1kd.models.firmware.sources.qonnx.quantizers import QUANTIZERS, steps_of
from l1kd.models.firmware.sources.qonnx.windows import shape_of

__all__ = [
    "UnknownOperatorError",
    "Value",
    "Walk",
    "checked",
    "counted",
    "dyadic",
    "holding",
    "is_whole",
    "plain",
]

_MAX_BITS = 52
"""Double precision holds what is no wider, and so does the reference."""
Handler = Callable[["Walk", Any], None]


class UnknownOperatorError(FirmwareError):
    """A node that has no exact integers, or none that this module knows."""


@dataclass(frozen=True, eq=False)
class Value:
    """A value of the model: element ``index[...]`` of a tensor, in ONNX's shape without events."""

    tensor: Tensor
    index: Indices


class Walk:
    """Goes through the nodes in order."""

    def __init__(
        self, onnx: Any, graph: Any, types: dict[str, str], handlers: Mapping[str, Handler]
    ) -> None:
        self.onnx, self.handlers = onnx, handlers
        self.constants: dict[str, Any] = {
            tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer
        }
        infos = [*graph.value_info, *graph.output, *graph.input]
        self.shapes = {value.name: shape_of(value)[1:] for value in infos}
        self.nodes = list(graph.node)
        self.readers = Counter(name for node in self.nodes for name in node.input)
        self.readers.update(value.name for value in graph.output)
        self.values: dict[str, Value] = {}
        self.layers: list[Layer] = []
        self.inputs: list[Tensor] = []
        self.places: dict[str, tuple[str, Indices]] = {}
        self.bounds: dict[str, tuple[int, int]] = {}
        for value in graph.input:
            self._input(value.name, types)
        for node in self.nodes:
            if node.output[0] not in self.values:
                self._node(node)

    def _input(self, name: str, types: dict[str, str]) -> None:
        if name not in types:
            raise FirmwareError(
                f"nothing says which bits input '{name}' has: quantize it with a power of two as "
                f"scale and one bit width, or declare --precision {name}.result=ap_fixed<16,6>"
            )
        try:
            form = FixedPoint.parse(types[name])
        except ValueError as error:
            raise FirmwareError(f"--precision {name}.result: {error}") from error
        tensor = Tensor(name, self.shapes[name], form)
        self.inputs.append(tensor)
        self.values[name] = Value(tensor, counted(tensor.shape))

    def _node(self, node: Any) -> None:
        if all(name in self.constants for name in node.input):
            self.constants[node.output[0]] = self.constant(node)
            return
        handler = self.handlers.get(node.op_type)
        if handler is None or not set(node.input[:1]) <= {*self.values, *self.constants}:
            raise UnknownOperatorError(f"node '{node.name}': a {node.op_type}")
        handler(self, node)

    def constant(self, node: Any) -> Any:
        """Compute a node whose inputs are constant."""
        given = [self.constants[name] for name in node.input]
        match node.op_type:
            case kind if kind in QUANTIZERS:
                values = np.asarray(given[0], np.float64)
                for step in steps_of(self.onnx, node, self.constants):
                    values = step.of(values)
                return values
            case "Transpose":
                return given[0].transpose(self.attributes(node).get("perm"))
            case "Reshape":
                return given[0].reshape([int(size) for size in given[1]])
            case "Add" | "Sub" | "Mul":
                join = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[node.op_type]
                return join(*(np.asarray(part, np.float64) for part in given))
        raise UnknownOperatorError(f"node '{node.name}': a {node.op_type} of constants")

    def attributes(self, node: Any) -> dict[str, Any]:
        """Return the attributes of a node by name."""
        return {a.name: self.onnx.helper.get_attribute_value(a) for a in node.attribute}

    def limits(self, tensor: Tensor) -> tuple[int, int]:
        """Return the smallest and largest raw value of a tensor."""
        return self.bounds.get(tensor.name, (tensor.format.minimum, tensor.format.maximum))

    def add(
        self,
        node: Any,
        kind: str,
        operations: list[Operation],
        index: Indices,
        bounds: tuple[int, int] | None = None,
        output: str | None = None,
        **facts: Any,
    ) -> None:
        """Add a layer that gives a value of the model."""
        name = output or node.output[0]
        layer = Layer(node.name, kind, tuple(operations), **facts)
        self.layers.append(layer)
        if bounds is not None:
            self.bounds[layer.output.name] = bounds
        self.values[name] = Value(layer.output, index)
        self.places[layer.name] = (name, index)

    def in_order(self, name: str, value: Value) -> Value:
        """Return a value whose elements are a whole tensor in ONNX's order."""
        shape = value.index.shape
        same = value.tensor.shape == shape or value.tensor in self.inputs
        if same and np.array_equal(value.index.ravel(), np.arange(value.tensor.size)):
            return value
        return self.gathered(f"{name}_ordered", value, value.index)

    def gathered(self, name: str, value: Value, index: Indices) -> Value:
        """Copy elements into a tensor of their own."""
        form = plain(value.tensor.format)
        output = Tensor(name, index.shape, form)
        gather = Gather(output, (value.tensor.name,), index.ravel().astype(np.int32))
        self.layers.append(Layer(name, "reorder", (gather,)))
        low, high = self.limits(value.tensor)
        self.bounds[name] = (min(low, 0), max(high, 0)) if (index < 0).any() else (low, high)
        return Value(output, counted(index.shape))

    def whole(self, node: Any, value: Value) -> Value:
        """Return a value whose elements are a whole tensor, in any order."""
        return value if is_whole(value) else self.gathered(f"{node.name}_copy", value, value.index)

    def spread(self, value: Value, numbers: Any) -> Floats:
        """Return constants as they lie in a value's tensor, one for each element."""
        index = value.index
        full = np.asarray(numbers, np.float64)
        if full.ndim > index.ndim:
            full = full.reshape(full.shape[full.ndim - index.ndim :])
        result = np.empty(index.size)
        result[index.ravel()] = np.broadcast_to(full, index.shape).ravel()
        return result

    def line(
        self, node: Any, value: Value, factor: Floats, offset: Floats, name: str, least: int = 0
    ) -> tuple[Piecewise, tuple[int, int]]:
        """Return factor * x + offset for every element, exact, and its limits."""
        source = value.tensor
        scale, more = dyadic(node, factor)
        start, digits = dyadic(node, offset)
        fraction = max(digits, source.format.fraction + more, least, 0)
        checked(node, scale, fraction - source.format.fraction - more)
        scale = scale << fraction - source.format.fraction - more
        checked(node, start, fraction - digits)
        start = start << fraction - digits
        low, high = self.limits(source)
        checked(node, scale, max(-low, high).bit_length())
        ends = np.stack([scale * low + start, scale * high + start])
        bounds = int(ends.min()), int(ends.max())
        output = Tensor(name, source.shape, holding(node, bounds, fraction))
        return affine_segments(output, source, fraction, (scale, start)), bounds


def plain(form: FixedPoint) -> FixedPoint:
    """Return a format without its rounding and overflow."""
    return FixedPoint(form.width, form.integer, form.signed)


def counted(shape: tuple[int, ...]) -> Indices:
    """Count the elements of a shape in order."""
    return np.arange(int(np.prod(shape)), dtype=np.int32).reshape(shape)


def is_whole(value: Value) -> bool:
    """Tell whether a value has every element of its tensor once."""
    index = value.index.ravel()
    return index.size == value.tensor.size and bool((np.sort(index) == np.arange(index.size)).all())


def holding(node: Any, bounds: tuple[int, int], fraction: int) -> FixedPoint:
    """Return the narrowest type that holds raw values between bounds."""
    low, high = bounds
    signed = low < 0
    bits = max(max(-low - 1 if signed else 0, high).bit_length() + signed, 1)
    if bits > _MAX_BITS:
        raise FirmwareError(
            f"node '{node.name}': its numbers need {bits} bits, more than {_MAX_BITS}; quantize "
            "weights, biases and activations (brevitas: bias_quant=Int8Bias)"
        )
    return FixedPoint(bits, bits - fraction, signed)


def dyadic(node: Any, values: npt.ArrayLike) -> tuple[Integers, int]:
    """Return constants as integers and their number of fraction bits."""
    numbers = np.asarray(values, np.float64)
    mantissa, exponent = np.frexp(numbers)
    raw = np.ldexp(mantissa, 53).astype(np.int64)
    used = raw != 0
    zeros = np.zeros(raw.shape, np.int64)
    zeros[used] = np.log2((raw[used] & -raw[used]).astype(np.float64)).astype(np.int64)
    fraction = int((53 - zeros - exponent)[used].max(initial=0))
    checked(node, np.rint(np.abs(numbers)).max(initial=0.0), max(fraction, 0))
    return np.ldexp(numbers, fraction).astype(np.int64), fraction


def checked(node: Any, numbers: npt.ArrayLike, more: int) -> None:
    """Refuse numbers that with so many bits more would not fit."""
    largest = int(np.abs(np.asarray(numbers, np.float64)).max(initial=0.0))
    holding(node, (0, (1 << largest.bit_length() + max(more, 0)) - 1), 0)
