"""Recurrent layers, unrolled over the steps of the sequence.

Facts of the arithmetic: hls4ml 1.3, nnet_recurrent.h. Its static mode and its other one differ in
where the hardware keeps the state, not in a single bit.
"""

from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.model import Call
from l1kd.emulators.network.graph import Binary, Gather, Layer, Operation, Tensor
from l1kd.emulators.network.layers.dense import matrix_terms, terms_of
from l1kd.emulators.network.layers.einsum import exact_product
from l1kd.emulators.network.layers.lookups import symmetric_table
from l1kd.emulators.network.layers.lowering import (
    Config,
    Lowering,
    affine_segments,
    handles,
    layer_of,
)

__all__ = ["recurrent"]

# By kind of cell: matrices side by side, name of the recurrent activation's configuration.
_KINDS = {"lstm": (4, "ACT_CONFIG_LSTM"), "gru": (3, "ACT_CONFIG_GRU")}
MAX_STEPS = 1 << 12


class Part(NamedTuple):
    """Consecutive elements of a tensor."""

    tensor: Tensor
    start: int
    size: int

    @property
    def elements(self) -> Indices:
        """Positions of the elements."""
        return np.arange(self.start, self.start + self.size, dtype=np.int32)


class Cell:
    """One direction of a recurrent layer under translation."""

    def __init__(
        self, lowering: Lowering, call: Call, config: Config, kind: str, name: str, first: int
    ) -> None:
        self.lowering, self.call, self.config = lowering, call, config
        self.kind, self.name, self.first = kind, name, first
        self.matrices, self.recurrent_config = _KINDS[kind]
        (self.state,) = config.sizes("n_state")
        self.accumulator = config.format("accum_t")
        self.operations: list[Operation] = []
        self.layers: list[Layer] = []
        self.memory: Tensor | None = None

    def dense(self, which: int, name: str, source: Tensor, windows: Indices) -> Tensor:
        """Multiply by the input's matrix (0) or the state's (1)."""
        config = self.config.child(f"mult_config{which + 1}")
        n_in, n_out = config.sizes("n_in", "n_out")
        if n_in != windows.shape[1] or n_out != self.matrices * self.state:
            raise config.refuse("the matrix does not fit the layer")
        output = Tensor(name, (windows.shape[0] * n_out,), self.accumulator)
        terms = terms_of(self.lowering, self.call, config, n_in, n_out)
        arrays = (self.first + which, self.first + which + 2)
        layer = matrix_terms(
            self.lowering, self.call, config, output, source, windows, terms, arrays
        )
        self.operations += layer.operations
        self.layers.append(layer)
        return output

    def join(
        self, kind: str, left: Part, right: Part, name: str, form: FixedPoint | None = None
    ) -> Tensor:
        """Join two parts element by element; without a format the result is exact."""
        if form is None:
            form = exact_product(left.tensor, right.tensor)
        output = Tensor(name, (left.size,), form)
        self.operations.append(
            Binary(output, kind, left.tensor.name, right.tensor.name, left.elements, right.elements)
        )
        return output

    def activation(self, role: str, config: str, source: Tensor, name: str) -> Tensor:
        """Apply the activation of a role, from any format to the accumulator's."""
        function = self.config.word(role)
        child = self.config.child(config)
        output = Tensor(name, source.shape, self.accumulator)
        if child.integer("n_in") != source.size:
            raise child.refuse("the activation does not fit the layer")
        if function == "relu":
            line = affine_segments(output, source, source.format.fraction, (1, 0), (0, 0))
            self.operations.append(line)
        elif function in ("sigmoid", "tanh"):
            self.operations.append(symmetric_table(function, child, source, output))
        else:
            raise self.config.refuse(f"the activation {function} of a recurrent layer")
        return output


def _whole(tensor: Tensor) -> Part:
    return Part(tensor, 0, tensor.size)


def _lstm(cell: Cell, step: int, inputs: Tensor, state: Tensor) -> Tensor:
    """One step; the gates stand in the order input, forget, cell, output."""
    n, name, form = cell.state, f"{cell.name}.{step}", cell.accumulator
    offset = step * cell.matrices * n

    def gate(first: int, size: int, label: str) -> Tensor:
        left, right = Part(inputs, offset + first * n, size * n), Part(state, first * n, size * n)
        return cell.join("add", left, right, f"{name}.{label}", form)

    early, late, inner = gate(0, 2, "if"), gate(3, 1, "o"), gate(2, 1, "c")
    gates = Tensor(f"{name}.ifo", (3 * n,), form)
    every = np.arange(3 * n, dtype=np.int32)
    cell.operations.append(Gather(gates, (early.name, late.name), every))
    gates = cell.activation("activation_recr", cell.recurrent_config, gates, f"{name}.gates")
    inner = cell.activation("activation", "ACT_CONFIG_T", inner, f"{name}.inner")
    result = cell.lowering.format_of_output(cell.call)
    new = cell.join("multiply", _whole(inner), Part(gates, 0, n), f"{name}.new")
    if cell.memory is None:
        memory = Tensor(f"{name}.s", (n,), result)
        cell.operations.append(affine_segments(memory, new, new.format.fraction))
    else:
        kept = cell.join("multiply", _whole(cell.memory), Part(gates, n, n), f"{name}.kept")
        memory = cell.join("add", _whole(new), _whole(kept), f"{name}.s", result)
    cell.memory = memory
    active = cell.activation("activation", "ACT_CONFIG_T", memory, f"{name}.active")
    return cell.join("multiply", Part(gates, 2 * n, n), _whole(active), f"{name}.h", result)


def _gru(cell: Cell, step: int, inputs: Tensor, state: Tensor, before: Tensor | None) -> Tensor:
    """One step; the gates stand in the order update, reset, candidate."""
    n, name, form = cell.state, f"{cell.name}.{step}", cell.accumulator
    offset = step * cell.matrices * n
    swapped = bool(cell.config.struct.constants.get("pytorch_order", False))
    gates = cell.join("add", Part(inputs, offset, 2 * n), Part(state, 0, 2 * n), f"{name}.zr", form)
    gates = cell.activation("activation_recr", cell.recurrent_config, gates, f"{name}.gates")
    reset, update = Part(gates, 0 if swapped else n, n), Part(gates, n if swapped else 0, n)
    past = cell.join("multiply", reset, Part(state, 2 * n, n), f"{name}.past", form)
    candidate = cell.join(
        "add", Part(inputs, offset + 2 * n, n), _whole(past), f"{name}.candidate", form
    )
    candidate = cell.activation("activation", "ACT_CONFIG_T", candidate, f"{name}.active")
    # One minus a gate is exact: the C++ widens it to hold the integer.
    fraction = max(form.fraction, 0)
    integer = max(form.integer, 1) + 2
    rest = Tensor(f"{name}.rest", (n,), FixedPoint(integer + fraction, integer))
    scale = 1 << (fraction - form.fraction)
    line = affine_segments(rest, gates, fraction, (-scale, 1 << fraction), index=update.elements)
    cell.operations.append(line)
    result = cell.lowering.format_of_output(cell.call)
    new = cell.join("multiply", _whole(candidate), _whole(rest), f"{name}.new")
    if before is None:
        hidden = Tensor(f"{name}.h", (n,), result)
        cell.operations.append(affine_segments(hidden, new, new.format.fraction))
        return hidden
    kept = cell.join("multiply", _whole(before), update, f"{name}.kept")
    return cell.join("add", _whole(new), _whole(kept), f"{name}.h", result)


def _unrolled(cell: Cell, source: Tensor, steps: Indices) -> list[Tensor]:
    """Return the hidden state after every step; ``steps`` has the elements read by each."""
    inputs = cell.dense(0, f"{cell.name}.inputs", source, steps)
    hidden: list[Tensor] = []
    for step in range(len(steps)):
        before = hidden[-1] if hidden else None
        nothing = np.full((1, cell.state), -1, np.int32)
        window = nothing if before is None else np.arange(cell.state, dtype=np.int32)[None]
        empty = Tensor(source.name, source.shape, cell.lowering.format_of_output(cell.call))
        state = cell.dense(1, f"{cell.name}.{step}.state", before or empty, window)
        if cell.kind == "lstm":
            hidden.append(_lstm(cell, step, inputs, state))
        else:
            hidden.append(_gru(cell, step, inputs, state, before))
    return hidden


def _layer(lowering: Lowering, call: Call, config: Config, cells: list[tuple[Cell, bool]]) -> Layer:
    """Unroll every direction and put the results side by side."""
    steps, steps_out, n_in = config.sizes("n_sequence", "n_sequence_out", "n_in")
    if len(call.inputs) != 1 or len(call.weights) != 4 * len(cells):
        raise lowering.refuse(call, "initial states are not supported")
    if steps > MAX_STEPS or steps_out not in (1, steps):
        raise config.refuse(f"{steps_out} of {steps} steps")
    source = lowering.source(call, steps * n_in)
    pack = lowering.project.tensors[call.inputs[0]].type.pack
    if pack not in (0, n_in):
        raise lowering.refuse(call, f"packets of {pack} elements instead of {n_in}")
    states = sum(cell.state for cell, _ in cells)
    shape = (states,) if steps_out == 1 else (steps_out, states)
    output = lowering.result(call, shape)
    windows = np.arange(steps * n_in, dtype=np.int32).reshape(steps, n_in)
    columns = []
    for cell, backward in cells:
        hidden = _unrolled(cell, source, windows[::-1] if backward else windows)
        # Row t of the output belongs to the input at step t, which comes last first backwards.
        kept = hidden[-1:] if steps_out == 1 else hidden[::-1] if backward else hidden
        columns.append(kept)
    parts = [tensor for row in zip(*columns, strict=True) for tensor in row]
    operations = [operation for cell, _ in cells for operation in cell.operations]
    every = np.arange(output.size, dtype=np.int32)
    operations.append(Gather(output, tuple(part.name for part in parts), every))
    layers = [layer for cell, _ in cells for layer in cell.layers[:2]]
    return layer_of(
        call,
        operations,
        formats=layers[0].formats,
        parameters=sum(layer.parameters for layer in layers),
        zeros=sum(layer.zeros for layer in layers),
        multiplications=sum(layer.multiplications for cell, _ in cells for layer in cell.layers),
    )


@handles("lstm_stack", "gru_stack")
def recurrent(lowering: Lowering, call: Call) -> Layer:
    """LSTM or GRU over a sequence."""
    config = lowering.config(call)
    kind = call.function.rpartition("::")[2].removesuffix("_stack")
    cell = Cell(lowering, call, config, kind, call.outputs[0], 0)
    return _layer(lowering, call, config, [(cell, False)])


@handles("bidirectional_stack")
def bidirectional(lowering: Lowering, call: Call) -> Layer:
    """Two recurrent layers, one of which reads the sequence backwards."""
    config = lowering.config(call)
    cells = []
    for number, direction in enumerate(("forward", "backward")):
        kind = config.word(f"RNNfunc_{direction}").removesuffix("_static").removesuffix("_class")
        if kind not in _KINDS:
            raise config.refuse(f"a recurrent layer of kind {kind or 'unknown'}")
        child = config.child(f"{direction.upper()}_CONFIG")
        name = f"{call.outputs[0]}.{direction}"
        cells.append((Cell(lowering, call, child, kind, name, 4 * number), bool(number)))
    return _layer(lowering, call, config, cells)
