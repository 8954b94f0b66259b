"""What a network of gates is made of: layers of gates, and stages from numbers to numbers."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import AnyArray, Bytes, Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint

__all__ = ["GateLayer", "LogicContent", "LogicStage", "require"]


MAX_WIDTH = 24


@dataclass(frozen=True, eq=False)
class GateLayer:
    """One layer of two-input gates.

    Attributes
    ----------
    a, b : numpy.ndarray, shape (gates,), int32
        Which bits of the layer before (of the encoded inputs, for the first layer) a gate reads.
    table : numpy.ndarray, shape (gates,), uint8
        Truth table of each gate, 0 to 15: bit ``2 a + b`` is the output for inputs a and b.
    """

    a: Indices
    b: Indices
    table: Bytes

    def __len__(self) -> int:
        return len(self.table)


@dataclass(frozen=True, eq=False)
class LogicStage:
    """Numbers to bits, gates, and weighted counts of bits to numbers.

    Attributes
    ----------
    inputs, width : int
        How many unsigned numbers of how many bits it reads.
    source : numpy.ndarray, shape (bits,), int32
        Number that an encoded bit looks at.
    threshold : numpy.ndarray, shape (bits,), int64
        The bit is one where the number is at least this, 1 to ``2**width - 1``.
    layers : tuple of GateLayer
        Gates, layer by layer; none is allowed.
    group : numpy.ndarray, shape (last,), int32
        Group in which a bit of the last layer (or of the encoding) is counted.
    weight : numpy.ndarray, shape (outputs, groups), int64
        What one counted bit adds to each output number.
    offset : numpy.ndarray, shape (outputs,), int64
        Output numbers without any bit.
    output_width : int
        Output numbers are clipped to 0 .. ``2**output_width - 1``.
    """

    inputs: int
    width: int
    source: Indices
    threshold: Integers
    layers: tuple[GateLayer, ...]
    group: Indices
    weight: Integers
    offset: Integers
    output_width: int

    def __post_init__(self) -> None:
        require(1 <= self.width <= MAX_WIDTH, f"numbers of {self.width} bits")
        require(1 <= self.output_width <= MAX_WIDTH, f"outputs of {self.output_width} bits")
        require(self.inputs > 0, "it has no inputs")
        require(
            self.source.shape == self.threshold.shape, "sources and thresholds differ in number"
        )
        _inside("source", self.source, self.inputs)
        _inside("threshold", self.threshold - 1, (1 << self.width) - 1)
        bits = len(self.source)
        for layer in self.layers:
            require(layer.a.shape == layer.b.shape == layer.table.shape, "a layer is ragged")
            _inside("gate input", layer.a, bits)
            _inside("gate input", layer.b, bits)
            _inside("truth table", layer.table, 16)
            bits = len(layer)
        require(self.weight.ndim == 2 and self.offset.shape == (len(self.weight),), "weights")
        require(self.group.shape == (bits,), f"{len(self.group)} groups for {bits} bits")
        _inside("group", self.group, self.weight.shape[1])
        counts = np.bincount(self.group, minlength=self.weight.shape[1])
        reach = np.abs(self.offset) + (np.abs(self.weight) * counts).sum(axis=1)
        require(bool((reach < 1 << 62).all()), "its sums leave 63 bits")

    @property
    def outputs(self) -> int:
        """How many numbers it gives."""
        return len(self.offset)

    @property
    def gates(self) -> int:
        """Number of gates in all layers."""
        return sum(len(layer) for layer in self.layers)


def require(condition: bool, message: str) -> None:
    """Raise ValueError unless a condition of every possible network holds."""
    if not condition:
        raise ValueError(f"no possible logic network: {message}")


def _inside(name: str, values: AnyArray, end: int) -> None:
    if values.ndim != 1 or (values.size and not 0 <= values.min() <= values.max() < end):
        raise ValueError(f"no possible logic network: a {name} lies outside its range of {end}")


class LogicContent(NamedTuple):
    """All that a file holds of a network: name, shape of an event, stages, format of the result."""

    name: str
    shape: tuple[int, ...]
    stages: tuple[LogicStage, ...]
    output: FixedPoint
