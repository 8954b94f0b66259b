"""Networks of two-input logic gates, evaluated 64 events at a time.

A network is a chain of stages. A stage compares its numbers with thresholds, sends the bits through
layers of gates, counts the ones of each group of the last layer's gates, and adds the weighted
counts to its output numbers. Everything is integer, and equal to the firmware in every bit.

In the kernels a machine word holds one bit of 64 events: a gate is a handful of word operations.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import Tensor

__all__ = ["GateLayer", "LogicNetwork", "LogicStage"]

Integers = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int32]
Words = npt.NDArray[np.uint64]

LANES = 64
MAX_WIDTH = 24
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_ONE = np.uint64(1)
_NONE = np.uint64(0)


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
    table: npt.NDArray[np.uint8]

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
        _check(1 <= self.width <= MAX_WIDTH, f"numbers of {self.width} bits")
        _check(1 <= self.output_width <= MAX_WIDTH, f"outputs of {self.output_width} bits")
        _check(self.inputs > 0, "it has no inputs")
        _check(self.source.shape == self.threshold.shape, "sources and thresholds differ in number")
        _inside("source", self.source, self.inputs)
        _inside("threshold", self.threshold - 1, (1 << self.width) - 1)
        bits = len(self.source)
        for layer in self.layers:
            _check(layer.a.shape == layer.b.shape == layer.table.shape, "a layer is ragged")
            _inside("gate input", layer.a, bits)
            _inside("gate input", layer.b, bits)
            _inside("truth table", layer.table, 16)
            bits = len(layer)
        _check(self.weight.ndim == 2 and self.offset.shape == (len(self.weight),), "weights")
        _check(self.group.shape == (bits,), f"{len(self.group)} groups for {bits} bits")
        _inside("group", self.group, self.weight.shape[1])
        counts = np.bincount(self.group, minlength=self.weight.shape[1])
        reach = np.abs(self.offset) + (np.abs(self.weight) * counts).sum(axis=1)
        _check(bool((reach < 1 << 62).all()), "its sums leave 63 bits")

    @property
    def outputs(self) -> int:
        """How many numbers it gives."""
        return len(self.offset)

    @property
    def gates(self) -> int:
        """Number of gates in all layers."""
        return sum(len(layer) for layer in self.layers)


def _check(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(f"no possible logic network: {message}")


def _inside(name: str, values: npt.NDArray[Any], end: int) -> None:
    if values.ndim != 1 or (values.size and not 0 <= values.min() <= values.max() < end):
        raise ValueError(f"no possible logic network: a {name} lies outside its range of {end}")


class LogicNetwork:
    """An exact emulator of a logic-gate network, with the calls of `network.Network`.

    Parameters
    ----------
    name : str
        Name of the network.
    shape : tuple of int
        Shape of one event's input.
    stages : sequence of LogicStage
        Each reads what the one before gives.
    output : FixedPoint
        Format of the last stage's numbers: unsigned, as wide as they are.

    Raises
    ------
    ValueError
        If stages, shape and format do not fit together.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], stages: Sequence[LogicStage], output: FixedPoint
    ) -> None:
        self.name = name
        self.stages = tuple(stages)
        _check(bool(self.stages), "it has no stage")
        first, last = self.stages[0], self.stages[-1]
        for before, after in pairwise(self.stages):
            fits = (before.outputs, before.output_width) == (after.inputs, after.width)
            _check(fits, "a stage does not fit the one before")
        _check(first.inputs == int(np.prod(shape)), f"{first.inputs} inputs in shape {shape}")
        _check(not output.signed and output.width == last.output_width, f"outputs of {output}")
        format_in = FixedPoint(first.width, first.width, False)
        self.inputs = (Tensor("inputs", tuple(shape), format_in),)
        self.outputs = (Tensor("outputs", (last.outputs,), output),)

    @classmethod
    def load(cls, path: str | Path) -> "LogicNetwork":
        """Read a file written by `save`.

        Raises
        ------
        ValueError
            If the file is damaged, of another schema, or not such a file at all.
        """
        from l1kd.emulators.logic.archive import read_logic

        return read_logic(Path(path))

    def save(self, path: str | Path) -> None:
        """Write the network to an ``.npz`` file without executable content."""
        from l1kd.emulators.logic.archive import write_logic

        write_logic(Path(path), self)

    @property
    def gates(self) -> int:
        """Number of gates in all stages."""
        return sum(stage.gates for stage in self.stages)

    def predict_raw(self, values: npt.ArrayLike, threads: int = 1) -> Integers:
        """Compute raw outputs from whole numbers.

        Parameters
        ----------
        values : integers, shape (n, *shape) or (n, inputs)
            Inputs in the format of `inputs`.
        threads : int
            Chunks of events are spread over this many threads.

        Returns
        -------
        int64, shape (n, outputs)

        Raises
        ------
        ValueError
            If the array has the wrong shape, is not of integers, or leaves its format.
        """
        return self._run(self._flat(values), self.stages, threads)

    def predict(self, values: npt.ArrayLike, threads: int = 1) -> npt.NDArray[np.float64]:
        """Compute outputs in physical values; inputs are cast as ``ap_ufixed`` does."""
        raw = self.inputs[0].format.from_float(values)
        return self.outputs[0].format.to_float(self.predict_raw(raw, threads))

    def trace(self, values: npt.ArrayLike) -> tuple[Integers, ...]:
        """Compute the numbers after every stage, int64 of shape (n, outputs of the stage) each."""
        flat = self._flat(values)
        return tuple(self._run(flat, self.stages[: k + 1], 1) for k in range(len(self.stages)))

    def _flat(self, values: npt.ArrayLike) -> npt.NDArray[Any]:
        array = np.asarray(values)
        (tensor,) = self.inputs
        if array.dtype.kind not in "iub":
            raise ValueError(f"integers expected, not {array.dtype}")
        if array.shape[1:] not in (tensor.shape, (tensor.size,)) or array.ndim < 2:
            raise ValueError(f"shape (n, {tensor.shape}) expected, not {array.shape}")
        if array.size and (array.min() < 0 or array.max() > tensor.format.maximum):
            raise ValueError(f"values {array.min()} to {array.max()} leave {tensor.format}")
        return array.reshape(len(array), tensor.size)

    def _run(
        self, flat: npt.NDArray[Any], stages: tuple[LogicStage, ...], threads: int
    ) -> Integers:
        blocks = -(-len(flat) // LANES)
        chunk = max(-(-blocks // max(threads, 1)), 1) * LANES
        parts = [flat[start : start + chunk] for start in range(0, len(flat), chunk)]
        if not parts:
            return np.empty((0, stages[-1].outputs), np.int64)
        if len(parts) == 1:
            return _evaluate(stages, flat)
        with ThreadPoolExecutor(threads) as pool:
            return np.concatenate(list(pool.map(lambda part: _evaluate(stages, part), parts)))

    def __str__(self) -> str:
        lines = [f"{self.name}: {self.inputs[0].shape} {self.inputs[0].format}"]
        for stage in self.stages:
            sizes = " -> ".join(str(n) for n in [len(stage.source), *map(len, stage.layers)])
            lines.append(
                f"  {stage.inputs} numbers of {stage.width} bits -> bits {sizes} -> "
                f"{stage.weight.shape[1]} counts -> {stage.outputs} of {stage.output_width} bits"
            )
        return "\n".join([*lines, f"  score {self.outputs[0].format}"])


def _evaluate(stages: tuple[LogicStage, ...], flat: npt.NDArray[Any]) -> Integers:
    values = np.ascontiguousarray(flat, dtype=np.int32)
    for stage in stages:
        result = np.empty((len(values), stage.outputs), np.int32)
        _run_stage(values, *_packed(stage), result)
        values = result
    return values.astype(np.int64)


def _packed(stage: LogicStage) -> tuple[Any, ...]:
    """Layers as flat arrays, as the kernel takes them."""
    empty = (np.empty(0, np.int32), np.empty(0, np.int32), np.empty(0, np.uint8))
    columns = [(layer.a, layer.b, layer.table) for layer in stage.layers] or [empty]
    a, b, table = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    ends = np.cumsum([0, *map(len, stage.layers)])
    return (
        stage.width,
        stage.source,
        stage.threshold,
        a,
        b,
        table,
        ends,
        stage.group,
        stage.weight,
        stage.offset,
        stage.output_width,
    )


@nb.njit(cache=True, nogil=True)
def _slice(values: Any, width: int, slices: Words) -> None:
    """Turn up to 64 rows of numbers into words: bit k of number i of all events in slices[i, k]."""
    slices[:] = 0
    for lane in range(len(values)):
        for i in range(values.shape[1]):
            rest = values[lane, i]
            for k in range(width):
                slices[i, k] |= np.uint64((rest >> k) & 1) << np.uint64(lane)


@nb.njit(cache=True, nogil=True)
def _encode(slices: Words, width: int, source: Indices, threshold: Integers, bits: Words) -> None:
    """Compare, from the lowest bit up: at least the threshold's bits so far, or not."""
    for j in range(len(source)):
        passed = _ALL
        for k in range(width):
            here = slices[source[j], k]
            passed = (passed & here) if (threshold[j] >> k) & 1 else (passed | here)
        bits[j] = passed


@nb.njit(cache=True, nogil=True)
def _gate(a: Any, b: Any, table: int) -> Any:
    out = _NONE
    if table & 1:
        out |= ~a & ~b
    if table & 2:
        out |= ~a & b
    if table & 4:
        out |= a & ~b
    if table & 8:
        out |= a & b
    return out


@nb.njit(cache=True, nogil=True)
def _count(bits: Words, group: Indices, counters: Words) -> None:
    """Add every bit to the counter of its group, 64 counters at a time."""
    counters[:] = 0
    for j in range(len(group)):
        carry = bits[j]
        k = 0
        while carry != _NONE:
            held = counters[group[j], k]
            counters[group[j], k] = held ^ carry
            carry &= held
            k += 1


@nb.njit(cache=True, nogil=True)
def _add(counters: Words, weight: Integers, offset: Integers, limit: int, result: Any) -> None:
    for lane in range(len(result)):
        for o in range(len(offset)):
            total = offset[o]
            for g in range(counters.shape[0]):
                count = np.int64(0)
                for k in range(counters.shape[1]):
                    bit = np.int64((counters[g, k] >> np.uint64(lane)) & _ONE)
                    count |= bit << k
                total += weight[o, g] * count
            result[lane, o] = min(max(total, 0), limit)


@nb.njit(cache=True, nogil=True)
def _run_stage(
    values: Any,
    width: int,
    source: Indices,
    threshold: Integers,
    a: Indices,
    b: Indices,
    table: npt.NDArray[np.uint8],
    ends: Integers,
    group: Indices,
    weight: Integers,
    offset: Integers,
    output_width: int,
    result: Any,
) -> None:
    slices = np.empty((values.shape[1], width), np.uint64)
    largest = max(len(source), len(a), 1)
    bits, after = np.empty(largest, np.uint64), np.empty(largest, np.uint64)
    depth = 1
    while len(group) >> depth:
        depth += 1
    counters = np.empty((weight.shape[1], depth), np.uint64)
    limit = (1 << output_width) - 1
    for start in range(0, len(values), LANES):
        rows = values[start : start + LANES]
        _slice(rows, width, slices)
        _encode(slices, width, source, threshold, bits)
        for layer in range(len(ends) - 1):
            for j in range(ends[layer], ends[layer + 1]):
                after[j - ends[layer]] = _gate(bits[a[j]], bits[b[j]], table[j])
            bits, after = after, bits
        _count(bits, group, counters)
        _add(counters, weight, offset, limit, result[start : start + LANES])
