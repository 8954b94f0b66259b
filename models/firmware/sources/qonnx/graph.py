"""Quantized ONNX models as integer graphs, node by node.

Between quantizers all sums and products are exact, in types that hold every value. Images keep the
order of ONNX (channels first) for the reader; inside, channels lie last, as in firmware.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Floats
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import (
    Binary,
    Gather,
    Graph,
    Operation,
    Piecewise,
    Tensor,
)
from l1kd.emulators.network.layers.lowering import affine_segments
from l1kd.errors import FirmwareError
from l1kd.models.firmware.sources.qonnx.products import convolution, matrix, pool
from l1kd.models.firmware.sources.qonnx.quantizers import QUANTIZERS, Step, steps_of
from l1kd.models.firmware.sources.qonnx.walk import (
    UnknownOperatorError,
    Value,
    Walk,
    counted,
    holding,
    is_whole,
)

__all__ = ["UnknownOperatorError", "integer_graph"]

_ROUND = {"ROUND": "RND_CONV", "FLOOR": "TRN", "CEIL": "TRN"}
_SYMMETRIC = ("Add", "Sub", "Mul", "Div")


def integer_graph(onnx: Any, model: Any, name: str, types: dict[str, str]) -> tuple[Network, Any]:
    """Return the integer network of a cleaned model, and where its layers are in the model.

    Parameters
    ----------
    model : onnx.ModelProto
        Cleaned, with a shape for every value.
    types : dict
        Types of the inputs by name.

    Returns
    -------
    network : Network
    places : dict
        By layer: the name of the ONNX value, and the elements of the layer in ONNX's order.

    Raises
    ------
    UnknownOperatorError
        A node is of another kind.
    FirmwareError
        An input has no type, or numbers need more than 52 bits.
    """
    walk = Walk(onnx, model.graph, types, _HANDLERS)
    outputs = []
    for value in model.graph.output:
        if value.name not in walk.values:
            raise UnknownOperatorError(f"output '{value.name}' is constant")
        outputs.append(walk.in_order(value.name, walk.values[value.name]).tensor.name)
    graph = Graph(name, tuple(walk.inputs), tuple(outputs), tuple(walk.layers))
    try:
        return Network(graph), walk.places
    except ValueError as error:
        raise FirmwareError(f"the model makes no integer network: {error}") from error


def _relu(walk: Walk, node: Any) -> None:
    value = walk.whole(node, walk.values[node.input[0]])
    source = value.tensor
    bounds = 0, max(walk.limits(source)[1], 0)
    form = holding(node, bounds, source.format.fraction)
    output = Tensor(f"{node.name}.out", source.shape, form)
    line = affine_segments(output, source, max(source.format.fraction, 0),
                           (1 << max(-source.format.fraction, 0), 0), (0, 0))  # fmt: skip
    walk.add(node, "relu", [line], value.index, bounds)


def _quantizer(walk: Walk, node: Any) -> None:
    value = walk.whole(node, walk.values[node.input[0]])
    index, operations = value.index, []
    for number, step in enumerate(steps_of(walk.onnx, node, walk.constants)):
        made, bounds = _step(walk, node, value, step, f"{node.name}.{number}")
        operations += made
        walk.bounds[made[-1].output.name] = bounds
        value = Value(made[-1].output, index)
    walk.add(node, "quantizer", operations, index, bounds)


def _step(
    walk: Walk, node: Any, value: Value, step: Step, name: str
) -> tuple[list[Operation], tuple[int, int]]:
    """Round to integers, and turn these into numbers."""
    zero, scale = walk.spread(value, step.zero), walk.spread(value, 1.0 / step.scale)
    offset, factor = walk.spread(value, step.offset), walk.spread(value, step.factor)
    sign = step.rounding == "SIGN"
    # where one power of two scales all, the integers are raw values of the result
    plain = bool((factor == factor[0]).all()) and not offset.any()
    plain = plain and (sign or (not zero.any() and bool((scale * factor == 1.0).all())))
    unit = int(np.log2(factor[0])) if plain else 0
    if sign:
        first, bounds = _sign(value.tensor, -zero / scale, unit, name)
    else:
        first, bounds = _rounded(walk, node, value, (scale, zero), step, unit, name)
    if plain:
        return [first], bounds
    walk.bounds[name] = bounds
    middle = Value(first.output, value.index)
    last, bounds = walk.line(node, middle, factor, -offset * factor, f"{name}.value")
    return [first, last], bounds


def _sign(
    source: Tensor, threshold: Floats, unit: int, name: str
) -> tuple[Piecewise, tuple[int, int]]:
    """Return one step from the threshold on, else minus one."""
    limits = np.ceil(np.ldexp(threshold, source.format.fraction)).astype(np.int64) - 1
    one = 1 << max(unit, 0)
    output = Tensor(name, source.shape, FixedPoint(2, 2 + unit))
    line = affine_segments(output, source, max(-unit, 0), (0, one), (0, -one), threshold=limits)
    return line, (-1, 1)


def _rounded(
    walk: Walk,
    node: Any,
    value: Value,
    straight: tuple[Floats, Floats],
    step: Step,
    unit: int,
    name: str,
) -> tuple[Piecewise, tuple[int, int]]:
    """Return ``x * scale + zero`` in whole steps of ``2**unit``, limited."""
    scale, zero = (part * 2.0**unit for part in straight)
    line, (low, high) = walk.line(node, value, scale, zero, name, least=-unit)
    digits = line.fraction + unit
    found = low >> digits, -(-high >> digits)
    mode, source = _ROUND[step.rounding], value.tensor
    limits = None
    if step.limits is None:
        form = holding(node, found, -unit)
        form = FixedPoint(form.width, form.integer, form.signed, mode)
    else:
        least, most = step.limits
        form = FixedPoint(step.width, step.width + unit, least < 0, mode,
                          "SAT_SYM" if least == -most else "SAT")  # fmt: skip
        if most != form.maximum:
            limits = least << digits, most << digits
        found = max(found[0], least), min(found[1], most)
        found = min(found[0], most), max(found[1], least)
    up = (1 << digits) - 1 if step.rounding == "CEIL" else 0
    output = Tensor(name, source.shape, form)
    both = line.scale_above, line.offset_above + up
    return affine_segments(output, source, line.fraction, both, limits=limits), found


def _join(walk: Walk, node: Any) -> None:
    """Add, subtract or multiply two activations, or one and constants."""
    kind = node.op_type
    constant = [name in walk.constants for name in node.input]
    if any(constant):
        value = walk.whole(node, walk.values[node.input[constant.index(False)]])
        numbers = walk.spread(value, walk.constants[node.input[constant.index(True)]])
        one, zero = np.ones(numbers.shape), np.zeros(numbers.shape)
        if kind == "Div":
            if constant[0] or (np.frexp(np.abs(numbers))[0] != 0.5).any():
                raise UnknownOperatorError(f"node '{node.name}': a quotient of fixed point")
            numbers = 1.0 / numbers
        factor, offset = (numbers, zero) if kind in ("Mul", "Div") else (one, numbers)
        if kind == "Sub":
            factor, offset = (-one, numbers) if constant[0] else (one, -numbers)
        line, bounds = walk.line(node, value, factor, offset, f"{node.name}.out")
        walk.add(node, "scale", [line], value.index, bounds)
        return
    if kind == "Div":
        raise UnknownOperatorError(f"node '{node.name}': a quotient of activations")
    left, right = (walk.values[name] for name in node.input)
    shape = np.broadcast_shapes(left.index.shape, right.index.shape)
    places = [np.broadcast_to(value.index, shape) for value in (left, right)]
    out, index = shape, counted(shape)
    if (
        is_whole(left)
        and np.array_equal(places[0], places[1])
        and left.tensor.shape == right.tensor.shape
    ):
        out, index = left.tensor.shape, left.index
        places = [counted(out)] * 2
    forms = [value.tensor.format.fraction for value in (left, right)]
    limits = [walk.limits(value.tensor) for value in (left, right)]
    bounds, fraction = _joined(kind, forms, limits)
    output = Tensor(f"{node.name}.out", out, holding(node, bounds, fraction))
    word = {"Add": "add", "Sub": "subtract", "Mul": "multiply"}[kind]
    at = [np.ascontiguousarray(place.ravel(), np.int32) for place in places]
    operation = Binary(output, word, left.tensor.name, right.tensor.name, at[0], at[1])
    walk.add(node, word, [operation], index, bounds)


def _joined(
    kind: str, fractions: list[int], limits: list[tuple[int, int]]
) -> tuple[tuple[int, int], int]:
    """Return the limits and fraction bits of a sum, difference or product."""
    (a, b), (c, d) = limits
    if kind == "Mul":
        ends = [x * y for x in (a, b) for y in (c, d)]
        return (min(ends), max(ends)), sum(fractions)
    most = max(fractions)
    (a, b), (c, d) = (
        (low << most - own, high << most - own)
        for own, (low, high) in zip(fractions, limits, strict=True)
    )
    return ((a + c, b + d) if kind == "Add" else (a - d, b - c)), most


def _reshape(walk: Walk, node: Any) -> None:
    value, shape = walk.values[node.input[0]], walk.shapes[node.output[0]]
    if value.index.size != int(np.prod(shape)):
        raise UnknownOperatorError(f"node '{node.name}': a {node.op_type} that joins events")
    walk.values[node.output[0]] = Value(value.tensor, value.index.reshape(shape))


def _transpose(walk: Walk, node: Any) -> None:
    value = walk.values[node.input[0]]
    order = list(walk.attributes(node).get("perm", range(value.index.ndim, -1, -1)))
    if order[0] != 0:
        raise UnknownOperatorError(f"node '{node.name}': a Transpose that moves events")
    turned = value.index.transpose([axis - 1 for axis in order[1:]])
    walk.values[node.output[0]] = Value(value.tensor, turned)


def _concatenate(walk: Walk, node: Any) -> None:
    axis = int(walk.attributes(node)["axis"])
    if axis == 0 or any(name not in walk.values for name in node.input):
        raise UnknownOperatorError(f"node '{node.name}': a Concat of events or constants")
    values = [walk.values[name] for name in node.input]
    begins = np.cumsum([0, *(value.tensor.size for value in values)])
    parts = [value.index + begin for value, begin in zip(values, begins, strict=False)]
    index = np.concatenate(parts, axis if axis < 0 else axis - 1)
    fraction = max(value.tensor.format.fraction for value in values)
    ends = []
    for value in values:
        more = fraction - value.tensor.format.fraction
        ends += [limit << more for limit in walk.limits(value.tensor)]
    bounds = min(ends), max(ends)
    output = Tensor(f"{node.name}.out", index.shape, holding(node, bounds, fraction))
    names = tuple(value.tensor.name for value in values)
    gather = Gather(output, names, np.ascontiguousarray(index.ravel(), np.int32))
    walk.add(node, "concatenate", [gather], counted(index.shape), bounds)


_HANDLERS: dict[str, Callable[[Walk, Any], None]] = {
    **dict.fromkeys(QUANTIZERS, _quantizer),
    **dict.fromkeys(_SYMMETRIC, _join),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalAveragePool"), pool),
    "MatMul": matrix,
    "Conv": convolution,
    "Relu": _relu,
    "Transpose": _transpose,
    "Concat": _concatenate,
}
