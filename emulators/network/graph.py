"""The graph of a quantized network: every firmware layer as a few exact integer operations.

A tensor is a flat list of raw integers of one `FixedPoint` format, row-major in its shape. A layer
is one call of the firmware; it is lowered to operations, of which there are six kinds. Each reads
elements of earlier tensors through index arrays and writes one new tensor, so that reshaping,
padding, windows and broadcasting need no code of their own.

An index of -1 reads a zero.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod

from l1kd.emulators.array_types import Indices, Integers, SignedIntegers
from l1kd.emulators.fixed_point import FixedPoint

__all__ = [
    "Affine",
    "Binary",
    "Divide",
    "Gather",
    "Graph",
    "Layer",
    "Lookup",
    "Operation",
    "Piecewise",
    "Tensor",
]


# Beyond these a network is refused, so that a hostile file cannot ask for all memory.
MAX_ELEMENTS = 1 << 24
MAX_FRACTION = 1 << 11
MAX_NUMBER = 1 << 62
BINARY_KINDS = ("add", "subtract", "multiply", "maximum", "minimum")


@dataclass(frozen=True)
class Tensor:
    """A named array of raw integers, without the axis of events."""

    name: str
    shape: tuple[int, ...]
    format: FixedPoint

    @property
    def size(self) -> int:
        """Number of elements of one event."""
        return prod(self.shape)


@dataclass(frozen=True, eq=False)
class Affine:
    """Sums of products with constant weights, as in dense and convolution layers.

    Output element ``p * F + f`` is the accumulator, started at ``bias[group[p], f]``, after adding
    for k = 0, 1, ... the exact product of ``source[index[p, k]]`` and ``weight[group[p], k, f]``,
    cast to the accumulator's format before each addition; cast to the output format at the end.
    Where ``late`` is set, the product is added exactly and the sum is cast instead.

    Parameters
    ----------
    index : int32 array, shape (P, K)
    group : int32 array, shape (P,)
    weight : int64 array, shape (G, K, F)
        Raw weights with ``weight_fraction`` fraction bits.
    bias : int64 array, shape (G, F)
        Raw values in the accumulator's format.
    """

    output: Tensor
    source: str
    index: Indices
    group: Indices
    weight: Integers
    weight_fraction: int
    bias: Integers
    accumulator: FixedPoint
    late: bool = False


@dataclass(frozen=True, eq=False)
class Piecewise:
    """A straight line on either side of a threshold, element by element.

    With x = ``source[index[e]]``, the exact value is ``x * scale + offset``, from ``above`` where
    x > ``threshold`` and from ``below`` elsewhere; it has ``fraction`` fraction bits, is limited to
    ``limits`` and cast to ``formats[choice[e]]`` (where given), then to the output format. Relu,
    clips, batch normalisation, and plain or per-element casts are of this kind.

    Parameters
    ----------
    index : int32 array, shape (E,)
    threshold, scale_above, offset_above, scale_below, offset_below : int64 arrays, shape (E,)
        Raw values; the scales turn the source's raw value into one with ``fraction`` bits.
    """

    output: Tensor
    source: str
    index: Indices
    threshold: Integers
    scale_above: Integers
    offset_above: Integers
    scale_below: Integers
    offset_below: Integers
    fraction: int
    limits: tuple[int, int] | None = None
    formats: tuple[FixedPoint, ...] = ()
    choice: Indices | None = None


@dataclass(frozen=True, eq=False)
class Lookup:
    """A table read at ``clamp(round(x * multiplier / 2**shift) + offset)``.

    ``toward_zero`` tells the rounding: toward zero as a C++ conversion to int, else down. The table
    holds raw values of the output format, shape (entries, columns); element e reads column
    ``column[e]``.
    """

    output: Tensor
    source: str
    index: Indices
    multiplier: int
    shift: int
    toward_zero: bool
    offset: int
    table: Integers
    column: Indices


@dataclass(frozen=True, eq=False)
class Binary:
    """Two tensors joined element by element, exactly, with one cast at the end.

    ``halvings`` divides the exact result by that power of two (the average of two numbers).
    """

    output: Tensor
    kind: str
    left: str
    right: str
    left_index: Indices
    right_index: Indices
    halvings: int = 0


@dataclass(frozen=True, eq=False)
class Divide:
    """Numbers divided by constants, rounded toward zero, then handled by the output's overflow.

    The output has as many fraction bits as the source, as quotients of ``ap_fixed`` and integers
    have.
    """

    output: Tensor
    source: str
    index: Indices
    divisor: Integers


@dataclass(frozen=True, eq=False)
class Gather:
    """Elements of the concatenated ``sources``, each cast to the output format.

    An index of -1 gives ``fill``, a raw value of the output format.
    """

    output: Tensor
    sources: tuple[str, ...]
    index: Indices
    fill: int = 0

    def form_of(self, source: FixedPoint) -> FixedPoint:
        """Return the format by which elements of a source are cast.

        Between equal formats C++ copies: the lowest raw value, which symmetric saturation never
        gives but an input may hold, stays.
        """
        form = self.output.format
        return replace(form, overflow="SAT") if source == form else form


Operation = Affine | Piecewise | Lookup | Binary | Divide | Gather


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer of the firmware and the operations it consists of.

    Parameters
    ----------
    name : str
        Name of the layer, unique in the graph.
    kind : str
        The firmware's function, for example ``dense``.
    operations : tuple of Operation
        In order; the last one writes the layer's output tensor.
    formats : dict
        Formats by role: ``weight``, ``bias``, ``accumulator``, ``table``.
    parameters, zeros, multiplications : int
        Constants held, how many of them are zero, and products of one event (zeros included).
    """

    name: str
    kind: str
    operations: tuple[Operation, ...]
    formats: dict[str, FixedPoint] = field(default_factory=dict)
    parameters: int = 0
    zeros: int = 0
    multiplications: int = 0

    @property
    def output(self) -> Tensor:
        """The tensor that the layer writes."""
        return self.operations[-1].output


@dataclass(frozen=True, eq=False)
class Graph:
    """A whole network.

    Raises
    ------
    ValueError
        If an operation reads an unknown tensor or element, or its arrays disagree in shape.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        known: dict[str, Tensor] = {}
        for tensor in self.inputs:
            _add(known, tensor)
        for layer in self.layers:
            if not layer.operations:
                raise ValueError(f"layer {layer.name!r} has no operation")
            for operation in layer.operations:
                _check(operation, known)
                _add(known, operation.output)
        missing = [name for name in self.outputs if name not in known]
        if missing or not self.outputs or not self.inputs:
            raise ValueError(f"outputs {missing} are not written by any layer")
        if len({layer.name for layer in self.layers}) != len(self.layers):
            raise ValueError("two layers have the same name")

    @property
    def operations(self) -> Iterator[Operation]:
        """All operations in order."""
        for layer in self.layers:
            yield from layer.operations

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors by name, inputs first."""
        tensors = {tensor.name: tensor for tensor in self.inputs}
        return tensors | {op.output.name: op.output for op in self.operations}


def sources(operation: Operation) -> tuple[str, ...]:
    """Return the names of the tensors an operation reads."""
    if isinstance(operation, Binary):
        return operation.left, operation.right
    return operation.sources if isinstance(operation, Gather) else (operation.source,)


def renamed(operation: Operation, output: Tensor, names: Mapping[str, str]) -> Operation:
    """Return an operation that writes ``output`` and reads tensors of other names."""
    if isinstance(operation, Binary):
        left, right = names[operation.left], names[operation.right]
        return replace(operation, output=output, left=left, right=right)
    if isinstance(operation, Gather):
        return replace(operation, output=output, sources=tuple(names[s] for s in operation.sources))
    return replace(operation, output=output, source=names[operation.source])


_LIMITS = {
    "weight_fraction": MAX_FRACTION,
    "fraction": MAX_FRACTION,
    "multiplier": MAX_NUMBER,
    "offset": MAX_NUMBER,
    "fill": MAX_NUMBER,
}


def _add(known: dict[str, Tensor], tensor: Tensor) -> None:
    if tensor.name in known:
        raise ValueError(f"tensor {tensor.name!r} is written twice")
    if any(axis < 1 for axis in tensor.shape) or not 1 <= tensor.size <= MAX_ELEMENTS:
        raise ValueError(f"tensor {tensor.name!r} has the impossible shape {tensor.shape}")
    if not tensor.format.fits_int64:
        raise ValueError(f"tensor {tensor.name!r}: {tensor.format} exceeds 64 bits")
    known[tensor.name] = tensor


def _check(operation: Operation, known: dict[str, Tensor]) -> None:
    """Refuse operations whose arrays do not fit together or point outside their sources."""
    name, size = operation.output.name, operation.output.size
    for source in sources(operation):
        if source not in known:
            raise ValueError(f"{name!r} reads the unknown tensor {source!r}")
    for entry, limit in _LIMITS.items():
        if abs(getattr(operation, entry, 0)) > limit:
            raise ValueError(f"{name!r}: {entry} is out of range")
    vectors: list[SignedIntegers] = []
    if isinstance(operation, Affine):
        _check_affine(operation, known[operation.source].size)
    elif isinstance(operation, Binary):
        if operation.kind not in BINARY_KINDS or not 0 <= operation.halvings <= 8:
            raise ValueError(f"{name!r}: no such operation {operation.kind!r}")
        _check_index(name, operation.left_index, known[operation.left].size)
        _check_index(name, operation.right_index, known[operation.right].size)
        vectors = [operation.left_index, operation.right_index]
    elif isinstance(operation, Gather):
        _check_index(name, operation.index, sum(known[s].size for s in operation.sources))
        vectors = [operation.index]
    else:
        _check_index(name, operation.index, known[operation.source].size)
        vectors = [operation.index]
    if isinstance(operation, Piecewise):
        vectors += [operation.threshold, operation.scale_above, operation.offset_above]
        vectors += [operation.scale_below, operation.offset_below]
        if operation.limits and max(map(abs, operation.limits)) > MAX_NUMBER:
            raise ValueError(f"{name!r}: the limits are out of range")
        if operation.formats:
            choice = operation.choice
            if choice is None or _outside(choice, 0, len(operation.formats)):
                raise ValueError(f"{name!r}: the choice of formats is out of range")
            vectors.append(choice)
    elif isinstance(operation, Lookup):
        vectors.append(operation.column)
        if operation.table.ndim != 2 or operation.table.size < 1:
            raise ValueError(f"{name!r}: the table is empty")
        if _outside(operation.column, 0, operation.table.shape[1]) or not 0 <= operation.shift < 62:
            raise ValueError(f"{name!r}: a column or the shift is out of range")
    elif isinstance(operation, Divide):
        vectors.append(operation.divisor)
        if (operation.divisor < 1).any():
            raise ValueError(f"{name!r}: a divisor is not positive")
        if operation.output.format.fraction != known[operation.source].format.fraction:
            raise ValueError(f"{name!r}: a quotient has the fraction bits of its dividend")
    if any(vector.shape != (size,) for vector in vectors):
        raise ValueError(f"{name!r}: arrays do not have one entry for each of {size} elements")


def _check_affine(operation: Affine, size: int) -> None:
    name = operation.output.name
    _check_index(name, operation.index, size)
    groups, terms, filters = operation.weight.shape if operation.weight.ndim == 3 else (0, 0, 0)
    positions = operation.index.shape[0]
    if (
        groups < 1
        or operation.index.shape != (positions, terms)
        or operation.group.shape != (positions,)
        or operation.bias.shape != (groups, filters)
        or positions * filters != operation.output.size
        or _outside(operation.group, 0, groups)
        or positions * terms > MAX_ELEMENTS * 8
    ):
        raise ValueError(f"{name!r}: shapes of index, weights and bias disagree")
    if not operation.accumulator.fits_int64:
        raise ValueError(f"{name!r}: accumulator {operation.accumulator} exceeds 64 bits")


def _check_index(name: str, index: Indices, size: int) -> None:
    if _outside(index, -1, size):
        raise ValueError(f"{name!r} reads outside its source of {size} elements")


def _outside(values: SignedIntegers, low: int, high: int) -> bool:
    return values.size > 0 and bool(values.min() < low or values.max() >= high)
