"""Generated functions: distributed arithmetic and casts of single elements.

hls4ml writes these into ``nnet_code_gen.h``; the calls name them, or the configuration of a dense
or convolution layer does.
"""

from collections.abc import Sequence

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.body import EXPRESSION
from l1kd.emulators.network.cpp.expressions import Apply, Number
from l1kd.emulators.network.cpp.functions import Assign, parameter_names, statements
from l1kd.emulators.network.cpp.linear_code import Element, LinearCode
from l1kd.emulators.network.cpp.model import Call, CppType, Function
from l1kd.emulators.network.cpp.straight_line import INTEGERS, format_of
from l1kd.emulators.network.graph import Affine, Gather, Layer, Operation, Piecewise, Tensor
from l1kd.emulators.network.layers.buffer import line_buffer, position_in
from l1kd.emulators.network.layers.convolution import geometry
from l1kd.emulators.network.layers.logic import WAVES, is_logic, logic
from l1kd.emulators.network.layers.lowering import (
    Config,
    Lowering,
    below_one,
    handles_generated,
    layer_of,
)
from l1kd.emulators.network.linear_form import Linear

__all__ = ["generated", "straight_code"]

_MAX_BITS = 63
_CONVOLUTIONS = ("conv_1d_cl", "conv_2d_cl", "pointwise_conv_1d_cl", "pointwise_conv_2d_cl")


@handles_generated
def generated(lowering: Lowering, call: Call) -> Layer | None:
    """Return the layer of a call that runs generated straight-line code, else None."""
    functions = lowering.project.functions
    name = call.function.rpartition("::")[2]
    if name in functions:
        return _direct(lowering, call, functions[name])
    if call.config not in lowering.project.structs:
        return None
    config = lowering.config(call)
    if config.word("dense_da") in functions:
        function = functions[config.word("dense_da")]
        if name == "dense":
            n_in, n_out = config.sizes("n_in", "n_out")
            source, output = lowering.source(call, n_in), lowering.result(call, (n_out,))
            return _layer(lowering, call, function, source, output, _all(n_in))
        if name in ("conv1d_cl", "conv2d_cl"):
            return _buffered(lowering, call, config, function)
    if "mult_config" in config.struct.structs and name in _CONVOLUTIONS:
        kernel = config.child("mult_config").word("kernel")
        target = functions.get(kernel.replace("dense_da_wrapper_", "dense_da_"))
        if kernel.startswith("dense_da_wrapper_") and target is not None:
            shape, windows, source, _ = geometry(lowering, call, config)
            output = lowering.result(call, (*shape, *config.sizes("n_filt")))
            return _layer(lowering, call, target, source, output, windows)
    return None


def _all(size: int) -> Indices:
    return np.arange(size, dtype=np.int32)[None]


def _direct(lowering: Lowering, call: Call, function: Function) -> Layer:
    """Return the layer of a function called by its own name, on whole arrays."""
    if len(call.inputs) != 1 or len(call.outputs) != 1 or call.weights:
        raise lowering.refuse(call, "one input and one output expected")
    declared = lowering.project.tensors[call.outputs[0]].size
    known = lowering.tensors.get(call.inputs[0])
    if declared is None or known is None:
        raise lowering.refuse(call, "generated functions need arrays")
    source = lowering.source(call, known.size)
    output = lowering.result(call, (declared,))
    if call.function == EXPRESSION:
        lowering.project.library.check(WAVES, streams=False)
    if call.function == EXPRESSION or is_logic(function):
        kind = lowering.project.tensors[call.inputs[0]].type.base
        types = lowering.project.types
        operations = logic(function, source, output, types, kind in INTEGERS)
        return layer_of(call, operations)
    casts = _element_casts(function, source, output)
    if casts is not None:
        return layer_of(call, [casts])
    return _layer(lowering, call, function, source, output, _all(source.size))


def _element_casts(function: Function, source: Tensor, output: Tensor) -> Piecewise | None:
    """Return the casts ``out[i] = type(inp[i]);`` or ``out[i] = 0;``, or None for other code."""
    data, result = parameter_names(function)
    found: dict[int, tuple[int, FixedPoint | None]] = {}
    for statement in statements(function):
        if not isinstance(statement, Assign):
            return None
        target, value = position_in(statement.target, result), statement.value
        form = None
        if isinstance(value, Apply) and len(value.arguments) == 1 and len(found) < output.size:
            kind = value.function.rpartition("::")[2]
            if kind not in ("ap_fixed", "ap_ufixed", *INTEGERS):
                return None
            form = format_of(CppType(kind, value.template_arguments), statement.location)
            if kind in INTEGERS and below_one(source.format):
                return None
            value = value.arguments[0]
        origin = -1 if value == Number(0, "int") and form is None else position_in(value, data)
        if target is None or origin is None or target in found or origin >= source.size:
            return None
        found[target] = origin, form
    if sorted(found) != list(range(output.size)):
        return None
    forms = list(dict.fromkeys(form for _, form in found.values() if form is not None))
    if not forms:
        return None
    # Elements without a type of their own pass through one that holds every value of the source.
    modes = forms[0].rounding, forms[0].overflow
    forms.append(FixedPoint(source.format.width + 1, source.format.integer + 1, True, *modes))
    index = np.array([found[i][0] for i in range(output.size)], np.int32)
    choice = [len(forms) - 1 if (f := found[i][1]) is None else forms.index(f) for i in found]
    scale = np.ones(output.size, np.int64)
    zero = scale * 0
    return Piecewise(
        output,
        source.name,
        index,
        zero,
        scale,
        zero,
        scale,
        zero,
        source.format.fraction,
        formats=tuple(forms),
        choice=np.array([choice[list(found).index(i)] for i in range(output.size)], np.int32),
    )


def _buffered(lowering: Lowering, call: Call, config: Config, function: Function) -> Layer:
    """Return a convolution whose windows are written out in a generated line buffer."""
    width, out_width, channels, filters = config.sizes("in_width", "out_width", "n_chan", "n_filt")
    height = max(config.integer("in_height", 1), 1)
    out_height = max(config.integer("out_height", 1), 1)
    kernel = max(config.integer("filt_height", 1), 1) * config.integer("filt_width")
    partitions, pixels = config.sizes("n_partitions", "n_pixels")
    if partitions * pixels != out_height * out_width:
        raise config.refuse("partitions and pixels do not cover the output")
    buffer = lowering.project.functions.get(config.word("fill_buffer"))
    if buffer is None:
        raise config.refuse("the line buffer is not defined")
    source = lowering.source(call, height * width * channels)
    one = config.integer("in_height", -1) < 1
    shape = (out_width, filters) if one else (out_height, out_width, filters)
    windows = line_buffer(buffer, partitions, pixels, kernel * channels, source.size)
    return _layer(lowering, call, function, source, lowering.result(call, shape), windows)


def _layer(
    lowering: Lowering,
    call: Call,
    function: Function,
    source: Tensor,
    output: Tensor,
    windows: Indices,
) -> Layer:
    """Return the layer that applies straight-line code to windows of the source."""
    operations = straight_code(lowering, call, function, source, output, windows)
    count = output.size // windows.shape[0]
    entries = sum(int((op.weight != 0).sum()) for op in operations[-1:] if isinstance(op, Affine))
    return layer_of(
        call,
        operations,
        parameters=count * (windows.shape[1] + 1),
        zeros=max(count * windows.shape[1] - entries, 0),
        multiplications=windows.shape[0] * windows.shape[1] * count,
    )


def straight_code(
    lowering: Lowering,
    call: Call,
    function: Function,
    source: Tensor,
    output: Tensor,
    windows: Indices,
) -> list[Operation]:
    """Return the operations that apply straight-line code to windows of the source."""
    form = source.format
    padded = bool((windows < 0).any())
    low = min(form.minimum, 0) if padded else form.minimum
    inputs = [Element(form, low, form.maximum)] * windows.shape[1]
    kind = lowering.project.tensors[call.inputs[0]].type
    width = form.width if kind.base in INTEGERS else 0
    line = LinearCode(function, inputs, width)
    count = output.size // windows.shape[0]
    if sorted(line.outputs) != list(range(count)) or count * windows.shape[0] != output.size:
        raise lowering.refuse(call, f"{function.name} does not write {count} elements")
    return _operations(line, source, output, windows)


def _operations(
    line: LinearCode, source: Tensor, output: Tensor, windows: Indices
) -> list[Operation]:
    """Return operations: a matrix, after one round of casts for every level of the basis."""
    operations: list[Operation] = []
    columns = {key: key for key in range(len(line.inputs))}
    for level in range(1, 1 + max(element.level for element in line.basis)):
        added = [key for key, element in enumerate(line.basis) if element.level == level]
        parts: list[Operation] = []
        for modes in dict.fromkeys(_modes(line.basis[key]) for key in added):
            keys = [key for key in added if _modes(line.basis[key]) == modes]
            name = f"{output.name}.{level}.{len(parts)}"
            parts += _casts(line, keys, source, windows, columns, name)
            columns |= {key: len(columns) + i for i, key in enumerate(keys)}
        operations += parts
        gather, windows = _joined(source, parts[1::2], windows, f"{output.name}.{level}")
        source = gather.output
        operations.append(gather)
    values = [line.outputs[position] for position in range(len(line.outputs))]
    operations.append(_matrix(line, values, output, source, windows, columns))
    return operations


def _modes(element: Element) -> tuple[str, str]:
    return element.format.rounding, element.format.overflow


def _enclosing(formats: Sequence[FixedPoint]) -> FixedPoint:
    """Return a signed format that holds every value of all formats."""
    fraction = max(form.fraction for form in formats)
    integer = max(form.integer + (not form.signed) for form in formats)
    return FixedPoint(integer + fraction, integer)


def _casts(
    line: LinearCode,
    keys: Sequence[int],
    source: Tensor,
    windows: Indices,
    columns: dict[int, int],
    name: str,
) -> list[Operation]:
    """Return the exact sums of some elements of the basis, and their casts."""
    values = [value for key in keys if (value := line.basis[key].source) is not None]
    size = windows.shape[0] * len(keys)
    exact = _matrix(line, values, None, source, windows, columns, f"{name}.sums")
    formats = tuple(dict.fromkeys(line.basis[key].format for key in keys))
    choice = np.array([formats.index(line.basis[key].format) for key in keys], np.int32)
    ones = np.ones(size, np.int64)
    zeros = ones * 0
    cast = Piecewise(
        Tensor(f"{name}.casts", (size,), _enclosing(formats)),
        exact.output.name,
        np.arange(size, dtype=np.int32),
        zeros,
        ones,
        zeros,
        ones,
        zeros,
        exact.output.format.fraction,
        formats=formats,
        choice=np.tile(choice, windows.shape[0]),
    )
    return [exact, cast]


def _joined(
    source: Tensor, parts: Sequence[Operation], windows: Indices, name: str
) -> tuple[Gather, Indices]:
    """Append new elements to every window of the basis."""
    positions = windows.shape[0]
    pieces = [windows]
    offset = source.size
    for part in parts:
        piece = np.arange(part.output.size, dtype=np.int32).reshape(positions, -1)
        pieces.append(piece + offset)
        offset += part.output.size
    index = np.concatenate(pieces, axis=1).astype(np.int32)
    tensors = [source, *(part.output for part in parts)]
    form = _enclosing([tensor.format for tensor in tensors])
    output = Tensor(f"{name}.basis", (index.size,), form)
    gather = Gather(output, tuple(tensor.name for tensor in tensors), index.reshape(-1))
    return gather, np.arange(index.size, dtype=np.int32).reshape(index.shape)


def _matrix(
    line: LinearCode,
    values: Sequence[Linear],
    output: Tensor | None,
    source: Tensor,
    windows: Indices,
    columns: dict[int, int],
    name: str = "",
) -> Affine:
    """Return exact sums as one matrix; without an output they keep all their bits.

    Raises
    ------
    ValueError
        If the sums need more than 63 bits.
    """

    def fraction_of(key: int, value: Linear) -> int:
        return value.fraction - line.basis[key].format.fraction

    needed = [fraction_of(key, value) for value in values for key in value.weights]
    needed += [value.fraction - source.format.fraction for value in values]
    fraction = max(0, *needed)
    weights = np.zeros((1, windows.shape[1], len(values)), object)
    bias = np.zeros((1, len(values)), object)
    total = source.format.fraction + fraction
    reach = 0
    for column, value in enumerate(values):
        for key, weight in value.weights.items():
            weights[0, columns[key], column] = weight << (fraction - fraction_of(key, value))
        bias[0, column] = value.constant << (total - value.fraction)
        reach = max(reach, line.reach(value) << (total - value.fraction))
    bits = max(reach.bit_length() + 1, max(abs(w).bit_length() for w in weights.flat) + 1)
    if bits > _MAX_BITS:
        raise ValueError(f"{line.function.name} needs sums of {bits} bits")
    accumulator = FixedPoint(bits, bits - total)
    target = output or Tensor(name, (windows.shape[0] * len(values),), accumulator)
    return Affine(
        target,
        source.name,
        windows,
        np.zeros(windows.shape[0], np.int32),
        weights.astype(np.int64),
        fraction,
        bias.astype(np.int64),
        accumulator,
    )
