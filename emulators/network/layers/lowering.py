"""From the calls of a firmware's top function to the graph of exact operations.

Every library function that hls4ml calls has a handler, registered under its name without scope by
`handles`. A handler reads the configuration structure and the weights of its call and returns a
`Layer`. What no handler understands is refused with the file, the line and the construct.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Floats, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.analysis.wide import narrowed
from l1kd.emulators.network.cpp.model import (
    Call,
    CppType,
    FirmwareSourceError,
    Project,
    Struct,
    WeightArray,
)
from l1kd.emulators.network.cpp.straight_line import INTEGERS, format_of
from l1kd.emulators.network.graph import MAX_ELEMENTS, Graph, Layer, Operation, Piecewise, Tensor

__all__ = [
    "Config",
    "Lowering",
    "affine_segments",
    "below_one",
    "copies_of",
    "handles",
    "handles_generated",
    "lower_project",
]

Handler = Callable[["Lowering", Call], Layer]
Number = int | float
HANDLERS: dict[str, Handler] = {}
GENERATED: list[Callable[["Lowering", Call], Layer | None]] = []

_ARBITRARY = {"ap_fixed", "ap_ufixed", *INTEGERS}
_BUILT_IN = {
    "bool": FixedPoint(1, 1, False),
    "char": FixedPoint(8, 8),
    "short": FixedPoint(16, 16),
    "int": FixedPoint(32, 32),
    "unsigned": FixedPoint(32, 32, False),
}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register a handler for library functions of these names."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


def handles_generated(
    handler: Callable[["Lowering", Call], Layer | None],
) -> Callable[["Lowering", Call], Layer | None]:
    """Register the handler of code that the generator wrote for this network alone.

    It is asked first, and returns None for calls of the library.
    """
    GENERATED.append(handler)
    return handler


class Config:
    """One configuration structure, read with errors that name what is missing."""

    def __init__(self, lowering: "Lowering", struct: Struct) -> None:
        self._lowering = lowering
        self.struct = struct

    @property
    def activates(self) -> bool:
        """Whether the structure inherits what hls4ml's library says of every activation."""
        return self.struct.base.rpartition("::")[2] == "activ_config"

    @property
    def streams(self) -> bool:
        """Whether the layers of the network are joined by streams."""
        return self._lowering.streams

    def integer(self, name: str, default: int | None = None) -> int:
        """Return an integer constant; an unsigned -1 comes back as -1."""
        value = self.struct.constants.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(f"{name} is not an integer" if value is not None else f"no {name}")
        return value - (1 << 32) if value >= 1 << 31 else value

    def sizes(self, *names: str) -> tuple[int, ...]:
        """Return several positive integer constants."""
        values = tuple(self.integer(name) for name in names)
        for name, value in zip(names, values, strict=True):
            if value < 1:
                raise self.refuse(f"{name} is {value}")
        return values

    def number(self, name: str) -> Integers | None:
        """Return a constant as a raw value of its declared type, or None where it is absent."""
        value = self.struct.constants.get(name)
        if value is None or isinstance(value, str):
            return None
        return self.format(name).from_float(float(value))

    def word(self, name: str, default: str = "") -> str:
        """Return the name of an enumerator, of a template, or the default."""
        value = self.struct.constants.get(name, self.struct.templates.get(name, default))
        return str(value).rpartition("::")[2]

    def format(self, name: str) -> FixedPoint:
        """Return the format of a typedef member or of a typed constant."""
        if name == "table_t" and name not in self.struct.types and self.activates:
            return FixedPoint(18, 8)
        if name not in self.struct.types:
            raise self.refuse(f"no type {name}")
        read = self._lowering.cast_format if name == "accum_t" else self._lowering.format
        return read(self.struct.types[name], self.struct)

    def child(self, name: str) -> "Config":
        """Return the structure that a typedef member names."""
        child = self.struct.structs.get(name, "")
        if child not in self._lowering.project.structs:
            raise self.refuse(f"no structure {name}")
        return Config(self._lowering, self._lowering.project.structs[child])

    def refuse(self, reason: str) -> FirmwareSourceError:
        """Return the error that refuses this structure."""
        return FirmwareSourceError(reason, self.struct.location, f"struct {self.struct.name}")


@dataclass
class Lowering:
    """The state of one translation: the project and the tensors written so far."""

    project: Project
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def format(self, kind: CppType, place: Any) -> FixedPoint:
        """Return the format of a C++ type; refuse floating point and unknown types."""
        if kind.base in _BUILT_IN:
            return _BUILT_IN[kind.base]
        if kind.base not in _ARBITRARY:
            raise FirmwareSourceError("not a fixed-point type", place.location, kind.text)
        try:
            return FixedPoint.parse(kind.text)
        except ValueError as error:
            raise FirmwareSourceError(str(error), place.location, kind.text) from None

    def cast_format(self, kind: CppType, place: Any) -> FixedPoint:
        """Return the format into which a type casts what is assigned to it."""
        return (
            format_of(kind, place.location) if kind.base in INTEGERS else self.format(kind, place)
        )

    def config(self, call: Call) -> Config:
        """Return the configuration structure of a call."""
        if call.config not in self.project.structs:
            raise self.refuse(call, "no configuration structure")
        return Config(self, self.project.structs[call.config])

    def refuse(self, call: Call, reason: str) -> FirmwareSourceError:
        """Return the error that refuses a call."""
        arguments = ", ".join(
            argument.text if isinstance(argument, CppType) else str(argument)
            for argument in call.template_arguments
        )
        return FirmwareSourceError(reason, call.location, f"{call.function}<{arguments}>")

    def source(self, call: Call, size: int, position: int = 0) -> Tensor:
        """Return an input tensor of a call, which must have ``size`` elements.

        The first reader of a network input that is a stream, whose size C++ does not say, fixes it.
        """
        if position >= len(call.inputs):
            raise self.refuse(call, f"{position + 1} inputs expected")
        name = call.inputs[position]
        if name not in self.tensors:
            if name not in self.project.inputs:
                raise self.refuse(call, f"{name} is read before it is written")
            self.declare_input(name, size)
        tensor = self.tensors[name]
        if tensor.size != size:
            raise self.refuse(call, f"{name} has {tensor.size} elements instead of {size}")
        return tensor

    @property
    def streams(self) -> bool:
        """Whether the layers of the network are joined by streams."""
        return self.project.io_type == "io_stream"

    def says(self, name: str, text: str) -> bool:
        """Tell whether the folder's own version of a library function holds a piece of text."""
        return self.project.library.says(name, text, streams=self.streams)

    def check_library(self, call: Call) -> None:
        """Refuse library functions that this package does not know; see `cpp_library`."""
        names = {call.function.rpartition("::")[2]}
        left = [call.config]
        while left:
            struct = self.project.structs.get(left.pop())
            if struct is not None:
                names |= {word.rpartition("::")[2] for word in struct.templates.values()}
                left += struct.structs.values()
        self.project.library.check(names, streams=self.streams)

    def declare_input(self, name: str, size: int | None = None) -> None:
        """Add a tensor of the top function's arguments."""
        tensor = self.project.tensors[name]
        elements = tensor.size if tensor.size is not None else size
        assert elements is not None
        if not 1 <= elements <= MAX_ELEMENTS:
            raise FirmwareSourceError(f"{elements} elements", tensor.location, name)
        self.tensors[name] = Tensor(name, (elements,), self.format(tensor.type, tensor))

    def result(self, call: Call, shape: Sequence[int], position: int = 0) -> Tensor:
        """Return the tensor that a call writes, with its shape checked against the declaration."""
        if position >= len(call.outputs):
            raise self.refuse(call, f"{position + 1} outputs expected")
        declared = self.project.tensors[call.outputs[position]]
        tensor = Tensor(declared.name, tuple(shape), self.cast_format(declared.type, declared))
        if not 1 <= tensor.size <= MAX_ELEMENTS:
            raise self.refuse(call, f"{tensor.size} elements are too many")
        if declared.size is not None and declared.size != tensor.size:
            raise self.refuse(call, f"writes {tensor.size} of {declared.size} elements")
        self._check_integers(call, declared.type)
        if self.streams and tensor.size % (declared.type.pack or 1):
            raise self.refuse(call, f"packets of {declared.type.pack} for {tensor.size} elements")
        return tensor

    def _check_integers(self, call: Call, result: CppType) -> None:
        """Refuse integer types of what is below one: of a negative number C++ makes -1, not 0."""
        struct = self.project.structs.get(call.config)
        sums = None if struct is None else struct.types.get("accum_t")
        sources = [self.tensors[name].format for name in call.inputs if name in self.tensors]
        if sums is not None and sums.base not in INTEGERS:
            sources = [self.format(sums, struct)]
        integers = result.base in INTEGERS or (sums is not None and sums.base in INTEGERS)
        if integers and any(map(below_one, sources)):
            raise self.refuse(call, "an integer type for numbers without integer bits")

    def check_packets(self, call: Call, *lengths: int) -> None:
        """Refuse streams whose packets are not as long as these, or, without any, as each other."""
        if self.streams:
            names = (*call.inputs, *call.outputs)
            packs = tuple(self.project.tensors[name].type.pack for name in names)
            if packs != (lengths or packs[:1] * len(packs)):
                raise self.refuse(call, f"packets of {packs} elements do not fit")

    def format_of_output(self, call: Call, position: int = 0) -> FixedPoint:
        """Return the format of a tensor that a call writes."""
        declared = self.project.tensors[call.outputs[position]]
        return self.cast_format(declared.type, declared)

    def weight_array(self, call: Call, position: int, size: int) -> WeightArray:
        """Return a parameter array of a call, which must have ``size`` entries."""
        if position >= len(call.weights):
            raise self.refuse(call, f"{position + 1} parameter arrays expected")
        array = self.project.weights[call.weights[position]]
        if array.values.shape[0] != size:
            reason = f"{array.name} has {array.values.shape[0]} entries instead of {size}"
            raise FirmwareSourceError(reason, array.location, array.name)
        return array

    def weights(self, call: Call, position: int, size: int) -> tuple[Integers, FixedPoint]:
        """Return a parameter array as raw integers of its own type, and that type.

        C++ turns every literal into a double and casts that: by floor and wrap for the usual
        fixed-point types, by the constructor of the integer types for those.
        """
        array = self.weight_array(call, position, size)
        kind = self.format(array.type, array)
        if array.values.ndim != 1:
            raise self.refuse(call, f"{array.name} is an array of records")
        if array.type.base in INTEGERS:
            return integer_literals(array.values, kind), kind
        try:
            return kind.from_float(array.values), kind
        except ValueError as error:
            raise FirmwareSourceError(str(error), array.location, array.name) from None


def integer_literals(values: Floats, form: FixedPoint) -> Integers:
    """Convert doubles as the constructor of ``ap_int`` does, which is not that of ``ap_fixed``.

    The magnitude is truncated, wrapped and negated; a negative number above -1/2 becomes one.
    """
    whole = np.trunc(np.abs(values))
    tiny = (values < 0) & (values > -0.5)
    magnitude = np.where(tiny, -1.0, whole)
    wrapping = FixedPoint(form.width, form.width, form.signed)
    raw = wrapping.from_float(magnitude)
    return wrapping.cast(np.where(values < 0, -raw, raw), FixedPoint(64, 64))


def below_one(form: FixedPoint) -> bool:
    """Tell whether a signed type has no integer bits, so that C++ casts it to integers by floor."""
    return form.signed and form.integer <= 0


def copies_of(form: FixedPoint) -> FixedPoint:
    """Return a format for values that C++ copies within one type, which is no cast.

    Symmetric saturation must not touch the lowest raw value, which inputs may have.
    """
    return replace(form, overflow="SAT") if form.overflow == "SAT_SYM" else form


def affine_segments(
    output: Tensor,
    source: Tensor,
    fraction: int,
    above: tuple[Any, Any] = (1, 0),
    below: tuple[Any, Any] | None = None,
    *,
    threshold: Any = 0,
    limits: tuple[int, int] | None = None,
    index: npt.ArrayLike | None = None,
) -> Piecewise:
    """Return a `Piecewise` whose numbers are broadcast to all elements.

    ``above`` and ``below`` are (scale, offset) in raw units of ``fraction`` fraction bits; without
    ``below`` there is one line for all values.
    """

    def spread(values: Any) -> Integers:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.int64), output.size))

    below = above if below is None else below
    elements = np.arange(output.size) if index is None else np.asarray(index)
    return Piecewise(
        output,
        source.name,
        elements.astype(np.int32),
        spread(threshold),
        spread(above[0]),
        spread(above[1]),
        spread(below[0]),
        spread(below[1]),
        fraction,
        limits,
    )


def layer_of(call: Call, operations: Sequence[Operation], **facts: Any) -> Layer:
    """Return the layer of a call; named by the generator's comment, else by its output."""
    kind = call.function.rpartition("::")[2]
    return Layer(call.comment or call.outputs[0], kind, tuple(operations), **facts)


def lower_project(project: Project) -> Graph:
    """Translate a firmware folder into a graph.

    Raises
    ------
    FirmwareSourceError
        If the firmware does something that cannot be reproduced exactly.
    """
    lowering = Lowering(project)
    for name in project.inputs:
        if project.tensors[name].size is not None:
            lowering.declare_input(name)
    layers: list[Layer] = []
    names: set[str] = set()
    for call in project.calls:
        try:
            layer = _layer_of_call(lowering, call)
        except FirmwareSourceError:
            raise
        except (ValueError, IndexError, MemoryError, OverflowError) as error:
            raise lowering.refuse(call, str(error)) from error
        if layer.name in names:
            layer = Layer(**{**vars(layer), "name": f"{layer.name}_{layer.output.name}"})
        names.add(layer.name)
        layers.append(layer)
        lowering.tensors |= {op.output.name: op.output for op in layer.operations}
    missing = [name for name in project.inputs if name not in lowering.tensors]
    if missing:
        raise FirmwareSourceError(f"no layer reads the input {missing[0]}", project.location)
    inputs = tuple(_shaped(lowering.tensors[name], project) for name in project.inputs)
    try:
        layers = narrowed(inputs, layers)
        return Graph(project.name, inputs, tuple(project.outputs), tuple(layers))
    except ValueError as error:
        raise FirmwareSourceError(str(error), project.location) from error


def _layer_of_call(lowering: Lowering, call: Call) -> Layer:
    """Ask the handlers of generated code, then the one of the library function."""
    lowering.check_library(call)
    for generated in GENERATED:
        layer = generated(lowering, call)
        if layer is not None:
            return layer
    handler = HANDLERS.get(call.function.rpartition("::")[2])
    if handler is None:
        raise lowering.refuse(call, "this function is not known")
    return handler(lowering, call)


def _shaped(tensor: Tensor, project: Project) -> Tensor:
    """Give an input the image shape that its first reader declares."""
    for call in project.calls:
        if tensor.name in call.inputs and call.config in project.structs:
            constants = project.structs[call.config].constants
            for names in (("in_height", "in_width", "n_chan"), ("in_width", "n_chan")):
                shape = tuple(constants.get(name) for name in names)
                whole = all(isinstance(axis, int) for axis in shape)
                if whole and np.prod(shape) == tensor.size:  # type: ignore[arg-type]
                    return Tensor(tensor.name, shape, tensor.format)  # type: ignore[arg-type]
            break
    return tensor
