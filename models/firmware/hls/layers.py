"""From l1kd's integer graph to the list of layers that hls4ml builds a project from.

Every network of the zoo is stored as its integer graph, so this one way serves them all, whatever
framework they were trained with. A layer is recognised by what it computes, never by its name; what
hls4ml has no layer for is refused. The finished project is read back and compared in every bit, so
a mistake here cannot pass unnoticed.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Gather,
    Graph,
    Layer,
    Lookup,
    Operation,
    Piecewise,
    Tensor,
)
from l1kd.emulators.network.layers import tables
from l1kd.errors import FirmwareError
from l1kd.models.firmware.hls.softmax import softmax_entry
from l1kd.models.firmware.hls.windows import convolution_entry, pooling_entry

__all__ = ["LayerList", "cpp_type", "layer_list"]

Entry = dict[str, Any]
_MERGES = {
    "add": "add",
    "subtract": "subtract",
    "multiply": "multiply",
    "maximum": "maximum",
    "minimum": "minimum",
}


@dataclass
class LayerList:
    """What hls4ml needs of a network.

    Attributes
    ----------
    layers : list of dict
        hls4ml's description of every layer, inputs first.
    configuration : dict
        By layer name: number formats and sizes of tables.
    inputs, outputs : list of str
        Names of the layers that bring the inputs and give the outputs.
    """

    layers: list[Entry] = field(default_factory=list)
    configuration: dict[str, Entry] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def layer_list(network: Network) -> LayerList:
    """Describe a network in hls4ml's words.

    Parameters
    ----------
    network : Network
        Dense and convolution layers, pooling, relu and its relatives, hard sigmoid, casts of single
        elements, batch normalisation, tables, softmax, and joins of two tensors.

    Returns
    -------
    LayerList
        Names of layers are kept.

    Raises
    ------
    FirmwareError
        A layer is of another kind; the message names it.
    """
    return _Writer(network.graph).result


class _Writer:
    """Walks through the graph; knows which hls4ml layer writes which tensor."""

    def __init__(self, graph: Graph) -> None:
        self.tensors = graph.tensors
        self.network = graph.name
        self.result = LayerList()
        self.names: dict[str, str] = {}
        for tensor in graph.inputs:
            name = _identifier(tensor.name)
            self._add(
                tensor, name, {"class_name": "InputLayer", "input_shape": list(tensor.shape)}, []
            )
            self.result.inputs.append(name)
        for layer in graph.layers:
            self._layer(layer)
        self.result.outputs = [self.names[name] for name in graph.outputs]

    def _add(
        self, tensor: Tensor, name: str, entry: Entry, sources: list[str], **types: str
    ) -> None:
        if any(known["name"] == name for known in self.result.layers):
            name = f"{name}_{len(self.result.layers)}"
        inputs = {"inputs": sources} if sources else {}
        self.result.layers.append({"name": name, **entry, **inputs})
        precision = {"result": cpp_type(tensor.format), **types}
        self.result.configuration[name] = {"Trace": False, "Precision": precision}
        self.names[tensor.name] = name

    def _layer(self, layer: Layer) -> None:
        pooling = pooling_entry(layer, self.tensors)
        if pooling is not None:
            entry, source = pooling
            accumulator = layer.formats.get("accumulator", self.tensors[source].format)
            name, types = _identifier(layer.name), {"accum": cpp_type(accumulator)}
            self._add(layer.output, name, entry, [self.names[source]], **types)
            return
        softmax = softmax_entry(layer, self.tensors)
        if softmax is not None:
            entry, source = softmax
            self._add(layer.output, _identifier(layer.name), entry, [self.names[source]])
            return
        for number, operation in enumerate(layer.operations):
            last = number == len(layer.operations) - 1
            name = _identifier(layer.name if last else f"{layer.name}_{number}")
            self._operation(layer, operation, name)

    def _operation(self, layer: Layer, operation: Operation, name: str) -> None:
        match operation:
            case Affine():
                self._matrix(layer, operation, name)
            case Piecewise():
                self._piecewise(layer, operation, name)
            case Lookup():
                self._table(layer, operation, name)
            case Binary():
                self._merge(layer, operation, name)
            case Gather() if len(operation.sources) == 1 and _in_order(operation.index):
                shape = {"class_name": "Reshape", "target_shape": list(operation.output.shape)}
                self._add(operation.output, name, shape, [self.names[operation.sources[0]]])
            case _:
                raise self._refusal(layer, "elements are moved or divided in a way of its own")

    def _refusal(self, layer: Layer, reason: str) -> FirmwareError:
        return FirmwareError(
            f"layer '{layer.name}' ({layer.kind}) of network '{self.network}' has no counterpart "
            f"in hls4ml: {reason}; build from the Keras or ONNX model or from the firmware folder "
            "instead, or use --backend da4ml or alkaid, which take every network"
        )

    def _matrix(self, layer: Layer, operation: Affine, name: str) -> None:
        if operation.late or operation.weight.shape[0] != 1 or operation.group.any():
            raise self._refusal(layer, "its weights differ from place to place")
        source = self.tensors[operation.source]
        terms, filters = operation.weight.shape[1:]
        entry: Entry
        if operation.index.shape[0] == 1 and _in_order(operation.index[0]) and terms == source.size:
            if len(source.shape) > 1:
                flat = Tensor(f"{source.name}.flat", (source.size,), source.format)
                shape = {"class_name": "Reshape", "target_shape": [source.size]}
                self._add(flat, f"{name}_flat", shape, [self.names[source.name]])
                origin = self.names[flat.name]
            else:
                origin = self.names[source.name]
            entry = {"class_name": "Dense", "n_in": terms, "n_out": filters}
            shape_of_weights: tuple[int, ...] = (terms, filters)
        else:
            found = convolution_entry(operation, source)
            if found is None:
                raise self._refusal(layer, "the windows are not those of a convolution")
            entry, shape_of_weights = found
            origin = self.names[source.name]
        form = _declared(layer, "weight", operation.weight, operation.weight_fraction)
        weight = np.ldexp(operation.weight.astype(np.float64), -operation.weight_fraction)
        bias = operation.accumulator.to_float(operation.bias[0])
        bias_form = layer.formats.get("bias", operation.accumulator)
        if not np.array_equal(bias_form.to_float(bias_form.from_float(bias)), bias):
            bias_form = operation.accumulator
        entry |= {
            "data_format": "channels_last",
            "weight_data": weight.reshape(shape_of_weights),
            "bias_data": bias if bias.any() else None,
            "use_bias": bool(bias.any()),
        }
        types = {
            "weight": cpp_type(form),
            "bias": cpp_type(bias_form),
            "accum": cpp_type(operation.accumulator),
        }
        self._add(operation.output, name, entry, [origin], **types)

    def _piecewise(self, layer: Layer, operation: Piecewise, name: str) -> None:
        source = self.tensors[operation.source]
        output, origin = operation.output, [self.names[operation.source]]
        plain = 1 << max(operation.fraction - source.format.fraction, 0)
        above = bool((operation.scale_above == plain).all() and not operation.offset_above.any())
        line = above and bool(
            (operation.scale_below == plain).all() and not operation.offset_below.any()
        )
        zero = not (operation.scale_below.any() or operation.offset_below.any())
        inside = _in_order(np.where(operation.index < 0, np.arange(output.size), operation.index))
        plain_limits = operation.limits is None
        complete = inside and not (operation.index < 0).any() and output.size == source.size
        entry: Entry = {"class_name": "Activation", "n_in": output.size}
        if operation.formats:
            if not (line and inside and plain_limits and output.size == source.size):
                raise self._refusal(layer, "elements are cast after more than a copy")
            self._add(output, name, _quantizer(operation, output.shape), origin)
        elif complete and above and zero and not operation.threshold.any() and plain_limits:
            self._add(output, name, {**entry, "activation": "relu"}, origin)
        elif complete and line and plain_limits:
            self._add(output, name, {**entry, "activation": "linear"}, origin)
        elif complete and plain_limits:
            self._scale(layer, operation, name)
        elif complete and (clip := _clip(operation, source.format.fraction)) is not None:
            self._add(output, name, entry | clip, origin)
        else:
            raise self._refusal(layer, "its lines are not those of a known activation")

    def _scale(self, layer: Layer, operation: Piecewise, name: str) -> None:
        """Batch normalisation: one factor and one offset for every element."""
        source = self.tensors[operation.source]
        same = np.array_equal(operation.scale_above, operation.scale_below)
        if not same or not np.array_equal(operation.offset_above, operation.offset_below):
            raise self._refusal(layer, "its lines are not those of a known activation")
        scale = np.ldexp(
            operation.scale_above.astype(np.float64),
            source.format.fraction - operation.fraction,
        )
        offset = np.ldexp(operation.offset_above.astype(np.float64), -operation.fraction)
        entry: Entry = {
            "class_name": "ApplyAlpha",
            "n_in": operation.output.size,
            "n_filt": -1,
            "use_gamma": True,
            "use_beta": True,
            "scale_data": scale,
            "bias_data": offset,
        }
        types = {
            "scale": cpp_type(_fitting(scale)),
            "bias": cpp_type(_fitting(offset)),
        }
        self._add(operation.output, name, entry, [self.names[source.name]], **types)

    def _table(self, layer: Layer, operation: Lookup, name: str) -> None:
        source = self.tensors[operation.source]
        size, columns = operation.table.shape
        form = layer.formats.get("table", operation.output.format)
        entry: Entry
        if columns != 1 or not _in_order(operation.index) or operation.index.size != source.size:
            raise self._refusal(layer, "its table has several columns")
        if layer.kind in tables.TABLES:
            table = tables.function_table(layer.kind, size, form)
            if np.array_equal(operation.output.format.cast(table, form), operation.table[:, 0]):
                entry = {
                    "class_name": "Activation",
                    "activation": layer.kind,
                    "n_in": operation.output.size,
                    "table_size": size,
                }
                self._add(operation.output, name, entry, [self.names[source.name]])
                # hls4ml overlooks the type of a table among a layer's precisions
                more = {"TableSize": size, "TableT": cpp_type(form)}
                self.result.configuration[self.names[operation.output.name]] |= more
                return
        raise self._refusal(layer, "its table is not one of hls4ml's functions")

    def _merge(self, layer: Layer, operation: Binary, name: str) -> None:
        whole = _in_order(operation.left_index) and _in_order(operation.right_index)
        if not whole or operation.kind not in _MERGES or operation.halvings:
            raise self._refusal(layer, "two tensors are joined in a way of its own")
        entry = {"class_name": "Merge", "op": _MERGES[operation.kind]}
        sources = [self.names[operation.left], self.names[operation.right]]
        self._add(operation.output, name, entry, sources)


def _clip(operation: Piecewise, fraction: int) -> Entry | None:
    """Return a line that is limited on both sides: relu with a limit, hard sigmoid or tanh."""
    scales = {*operation.scale_above.tolist(), *operation.scale_below.tolist()}
    offsets = {*operation.offset_above.tolist(), *operation.offset_below.tolist()}
    if len(scales) != 1 or len(offsets) != 1:
        return None
    slope = float(np.ldexp(float(scales.pop()), fraction - operation.fraction))
    shift = float(np.ldexp(float(offsets.pop()), -operation.fraction))
    one = 1 << operation.fraction
    if (slope, shift) == (1.0, 0.0) and operation.limits in ((0, one), (0, 6 * one)):
        return {"activation": "relu1" if operation.limits == (0, one) else "relu6"}
    if operation.limits not in ((0, one), (-one, one)):
        return None
    symmetric = operation.limits[0] < 0
    if symmetric:
        slope, shift = slope / 2.0, (shift + 1.0) / 2.0
    return {
        "class_name": "HardActivation",
        "activation": "hard_tanh" if symmetric else "hard_sigmoid",
        "slope": slope,
        "shift": shift,
        "slope_prec": _precision(slope),
        "shift_prec": _precision(shift),
    }


def _precision(value: float) -> Any:
    """Return hls4ml's type for a constant, with room for one."""
    from hls4ml.model.types import FixedPrecisionType

    form = _fitting(np.array([value, 1.0]))
    return FixedPrecisionType(form.width, form.integer, form.signed)


def cpp_type(form: FixedPoint) -> str:
    """Return the C++ type, never an integer's: hls4ml multiplies narrow integers in its own way."""
    prefix = "" if form.signed else "u"
    modes = (form.rounding, form.overflow) != ("TRN", "WRAP")
    tail = f",AP_{form.rounding},AP_{form.overflow}" if modes else ""
    return f"ap_{prefix}fixed<{form.width},{form.integer}{tail}>"


def _identifier(name: str) -> str:
    """Turn a name into one that C++ takes and hls4ml does not reserve."""
    word = "".join(c if c.isalnum() else "_" for c in name)
    return f"{word}_" if word in ("input", "output") else word


def _in_order(index: npt.NDArray[np.signedinteger]) -> bool:
    return bool(np.array_equal(index, np.arange(index.size)))


def _declared(layer: Layer, role: str, raw: Integers, fraction: int) -> FixedPoint:
    """Return the format that the layer declares for its constants, or one that holds them."""
    form = layer.formats.get(role)
    low, high = int(raw.min(initial=0)), int(raw.max(initial=0))
    suits = form is not None and form.fraction == fraction
    if form is not None and suits and form.minimum <= low and high <= form.maximum:
        return form
    bits = max(max(-low - 1, high).bit_length() + 1, 3)
    return FixedPoint(bits, bits - fraction)


def _fitting(values: npt.NDArray[np.float64]) -> FixedPoint:
    """Return a signed format that holds these numbers exactly."""
    fraction = 0
    while not np.array_equal(np.ldexp(values, fraction), np.rint(np.ldexp(values, fraction))):
        fraction += 1
    raw = np.rint(np.ldexp(values, fraction))
    bits = max(int(np.abs(raw).max(initial=0)).bit_length() + 1, 3)
    return FixedPoint(bits, bits - fraction)


def _quantizer(operation: Piecewise, shape: tuple[int, ...]) -> Entry:
    """Describe casts of single elements as hls4ml's layer of that kind."""
    choice = operation.choice
    assert choice is not None
    modes = {(form.rounding, form.overflow) for form in operation.formats}
    if len(modes) != 1:
        raise FirmwareError("one layer of casts mixes rounding or overflow modes")
    ((rounding, overflow),) = modes
    present = operation.index >= 0
    bits = np.array([form.width for form in operation.formats])[choice] * present
    integer = np.array([form.integer for form in operation.formats])[choice]
    signed = np.array([form.signed for form in operation.formats])[choice]
    kbi = tuple(part.reshape((1, *shape)).astype(np.int16) for part in (signed, bits, integer))
    return {
        "class_name": "FixedPointQuantizer",
        "mask_kbi": kbi,
        "RND": rounding,
        "SAT": overflow,
        "overrides": {},
        "fusible": False,
    }
