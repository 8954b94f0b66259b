"""Numbers whose formats exceed 64 bits: proven to fit, or held as two parts.

hls4ml's automatic precision gives a sum all bits that its types could need, and layers without an
activation between them pass all of them on. Where the weights prove that 64 bits hold every value,
the format becomes that of 64 bits. Else a number is ``high * 2**bits + low``: sums are formed of
both parts, and joined again where a cast brings them back, with one bit that tells whether what is
left out is zero, so that every rounding is that of the whole number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import Exact, Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.analysis.fusion import fusion_prologue
from l1kd.emulators.network.analysis.intervals import Bounds, Facts, facts_of, hull
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Gather,
    Layer,
    Operation,
    Piecewise,
    Tensor,
    sources,
)

__all__ = ["narrowed"]

# Bits of the low part, and what a part or a sum of parts may need.
LOW, MOST = 32, 61


class Parts(NamedTuple):
    """A tensor of wide numbers; ``fraction`` is that of the low part and of the whole."""

    high: Tensor
    low: Tensor
    fraction: int


def narrowed(inputs: Sequence[Tensor], layers: Sequence[Layer]) -> list[Layer]:
    """Return layers whose tensors and accumulators fit 64 bits, if any do not.

    Raises
    ------
    ValueError
        If exact results need more bits than two parts hold.
    """
    formats = [op.output.format for layer in layers for op in layer.operations]
    formats += [op.accumulator for layer in layers for op in layer.operations
                if isinstance(op, Affine)]  # fmt: skip
    if all(form.fits_int64 for form in formats):
        return list(layers)
    state = _Narrowing({t.name: t.format for t in inputs})
    for tensor in inputs:
        bounds = Bounds.of_format(tensor.format, tensor.size)
        state.facts[tensor.name] = Facts(bounds, bounds)
    return [state.layer(layer) for layer in layers]


def _copy(output: Tensor, source: str, fraction: int, index: Indices | None = None) -> Piecewise:
    """Return the cast of every element."""
    ones, zeros = np.ones(output.size, np.int64), np.zeros(output.size, np.int64)
    every = np.arange(output.size, dtype=np.int32) if index is None else index
    return Piecewise(output, source, every, zeros, ones, zeros, ones, zeros, fraction)


def _of_fraction(width: int, fraction: int, signed: bool = True) -> FixedPoint:
    return FixedPoint(width, width - fraction, signed)


@dataclass
class _Narrowing:
    """The formats, bounds and parts of the tensors so far."""

    formats: dict[str, FixedPoint]
    facts: dict[str, Facts] = field(default_factory=dict)
    parts: dict[str, Parts] = field(default_factory=dict)

    def layer(self, layer: Layer) -> Layer:
        """Return a layer with operations that fit."""
        operations: list[Operation] = []
        for operation in layer.operations:
            try:
                operations += self._operation(operation)
            except ValueError as error:
                raise ValueError(f"{operation.output.name}: {error}") from error
        name = layer.name
        if layer.output.name in self.parts:
            name = f"{name} (from bit {LOW} on)"
        return replace(layer, name=name, operations=tuple(operations))

    def _operation(self, operation: Operation) -> list[Operation]:
        name = operation.output.name
        facts = facts_of(operation, self.facts, self.formats)
        self.facts[name], self.formats[name] = facts, operation.output.format
        wide = [source for source in sources(operation) if source in self.parts]
        if isinstance(operation, Affine):
            return self._affine(operation, facts, bool(wide))
        if not wide:
            return [self._output(operation, facts)]
        if isinstance(operation, Gather) and len(operation.sources) == 1:
            return self._gather(operation)
        if isinstance(operation, Piecewise):
            return self._piecewise(operation, facts)
        raise ValueError("numbers of more than 64 bits are only added, moved and cast")

    def _output(self, operation: Operation, facts: Facts) -> Operation:
        """Return an operation whose result is of 64 bits, where its bounds prove that they do."""
        form = operation.output.format
        if form.fits_int64:
            return operation
        limit = _of_fraction(64, form.fraction)
        low, high = hull(facts.bounds)
        if not limit.minimum < low <= high <= limit.maximum:
            bits = max(abs(low), abs(high)).bit_length() + 1
            raise ValueError(f"results of {bits} bits exceed 64")
        self.formats[operation.output.name] = narrow = replace(
            limit, rounding=form.rounding, overflow=form.overflow
        )
        return replace(operation, output=replace(operation.output, format=narrow))

    def _affine(self, operation: Affine, facts: Facts, wide: bool) -> list[Operation]:
        accumulator = operation.accumulator
        if not wide:
            if accumulator.fits_int64:
                return [self._output(operation, facts)]
            form = _of_fraction(63, accumulator.fraction)
            small = not operation.bias.size or int(abs(operation.bias).max()) <= form.maximum
            if accumulator.rounding == "TRN" and facts.sums is not None and small:
                trial = replace(operation, accumulator=form)
                sums = facts_of(trial, self.facts, self.formats).sums
                if facts.sums.never_overflows and sums is not None and sums.never_overflows:
                    return [self._output(trial, facts)]
        return self._summed(operation, facts)

    def _summed(self, operation: Affine, facts: Facts) -> list[Operation]:
        """Return the sums of both parts, the carry moved from one to the other."""
        name, accumulator = operation.output.name, operation.accumulator
        fraction, source = accumulator.fraction, self.facts[operation.source].bounds
        shift = self.formats[operation.source].fraction + operation.weight_fraction - fraction
        if facts.sums is None or not facts.sums.never_overflows or shift > 0:
            raise ValueError("sums beyond 64 bits must neither overflow nor be rounded")
        weights = operation.weight.astype(object) << -shift
        heavy = int(abs(weights).sum(1).max()).bit_length()
        if LOW + heavy > MOST or source.reach().bit_length() - LOW + heavy > MOST:
            raise ValueError(f"sums of {facts.exact.reach().bit_length() + 1} bits")
        operations: list[Operation] = []
        if operation.source in self.parts:
            parts = self.parts[operation.source]
        else:
            parts = self._split(name, operation.source, operations)
        bias = operation.bias.astype(object)
        wf = fraction - parts.fraction
        first = self._sum(f"{name}.lows", operation, parts.low, weights, wf, bias % (1 << LOW))
        second = self._sum(f"{name}.highs", operation, parts.high, weights, wf, bias >> LOW)
        shape = operation.output.shape
        carry = Tensor(f"{name}.carry", shape, _of_fraction(62, fraction - LOW))
        low = Tensor(f"{name}.low", shape, _of_fraction(LOW, fraction, False))
        high = Tensor(f"{name}.high", shape, second.output.format)
        every = np.arange(operation.output.size, dtype=np.int32)
        operations += [first, second]
        operations += [_copy(carry, first.output.name, fraction)]
        operations += [_copy(low, first.output.name, fraction)]
        operations += [Binary(high, "add", carry.name, second.output.name, every, every)]
        return operations + self._finished(operation, facts, Parts(high, low, fraction))

    @staticmethod
    def _sum(
        name: str, operation: Affine, source: Tensor, weights: Exact, fraction: int, bias: Exact
    ) -> Affine:
        """Return the exact sums of one part; ``fraction`` is that of the weights."""
        form = _of_fraction(63, source.format.fraction + fraction)
        output = Tensor(name, operation.output.shape, form)
        whole: Integers = weights.astype(np.int64)
        start: Integers = bias.astype(np.int64)
        return Affine(output, source.name, operation.index, operation.group, whole, fraction,
                      start, form)  # fmt: skip

    def _split(self, name: str, source: str, operations: list[Operation]) -> Parts:
        """Cut numbers that fit 64 bits."""
        fraction, size = self.formats[source].fraction, self.facts[source].bounds.low.size
        low = Tensor(f"{name}.low_in", (size,), _of_fraction(LOW, fraction, False))
        high = Tensor(f"{name}.high_in", (size,), _of_fraction(62, fraction - LOW))
        operations += [_copy(low, source, fraction), _copy(high, source, fraction)]
        return Parts(high, low, fraction)

    def _finished(self, operation: Affine, facts: Facts, parts: Parts) -> list[Operation]:
        """Keep both parts, or cast them to the result's format."""
        output = operation.output
        if output.format.fits_int64:
            return self._joined(parts, facts.exact, _copy(output, "", parts.fraction))
        same = output.format.fraction == parts.fraction
        low, high = hull(facts.exact)
        if not same or low < output.format.minimum or high > output.format.maximum:
            raise ValueError("a cast between formats of more than 64 bits")
        self.parts[output.name] = parts
        return []

    def _gather(self, operation: Gather) -> list[Operation]:
        (source,) = operation.sources
        parts, name, shape = self.parts[source], operation.output.name, operation.output.shape
        if operation.output.format != self.formats[source] or operation.index.min() < 0:
            raise ValueError("a cast between formats of more than 64 bits")
        low, high = (
            Tensor(f"{name}.{word}", shape, part.format)
            for word, part in (("low", parts.low), ("high", parts.high))
        )
        self.parts[name] = Parts(high, low, parts.fraction)
        return [
            Gather(low, (parts.low.name,), operation.index),
            Gather(high, (parts.high.name,), operation.index),
        ]

    def _piecewise(self, operation: Piecewise, facts: Facts) -> list[Operation]:
        parts, (prologue, scale) = self.parts[operation.source], fusion_prologue(operation)
        if not prologue.fuses or operation.fraction - scale.bit_length() + 1 != parts.fraction:
            raise ValueError("numbers of more than 64 bits are only added, moved and cast")
        ones = np.where(operation.scale_above != 0, 1, 0)
        below = np.where(operation.scale_below != 0, 1, 0)
        plain = replace(operation, scale_above=ones, scale_below=below, fraction=parts.fraction)
        narrow = self._output(plain, facts)
        assert isinstance(narrow, Piecewise)
        return self._joined(parts, self.facts[operation.source].bounds, narrow)

    @staticmethod
    def _joined(parts: Parts, bounds: Bounds, cast: Piecewise) -> list[Operation]:
        """Return a cast of the whole number, of which few bits and a sticky one are kept."""
        name, size = cast.output.name, parts.low.size
        kept = min(LOW, MOST - max(bounds.reach().bit_length() - LOW, 0) - 2)
        if kept < 1:
            raise ValueError(f"numbers of {bounds.reach().bit_length() + 1} bits")
        every = np.arange(size, dtype=np.int32)
        fraction, drop = parts.fraction, LOW - kept
        top = Tensor(f"{name}.top", (size,), _of_fraction(kept, fraction - drop, False))
        upper = Tensor(f"{name}.upper", (size,), _of_fraction(62, fraction - drop))
        operations: list[Operation] = [
            _copy(top, parts.low.name, fraction),
            Binary(upper, "add", parts.high.name, top.name, every, every),
        ]
        if not drop:
            return [*operations, replace(cast, source=upper.name, fraction=fraction)]
        rest = Tensor(f"{name}.rest", (size,), _of_fraction(drop, fraction, False))
        finest = fraction - drop + 1
        sticky = Tensor(f"{name}.sticky", (size,), _of_fraction(2, finest))
        whole = Tensor(f"{name}.whole", (size,), _of_fraction(63, finest))
        zeros, ones = np.zeros(size, np.int64), np.ones(size, np.int64)
        unit = ones << max(-finest, 0)
        operations += [
            _copy(rest, parts.low.name, fraction),
            Piecewise(sticky, rest.name, every, zeros, zeros, unit, zeros, zeros, max(finest, 0)),
            Binary(whole, "add", upper.name, sticky.name, every, every),
        ]
        return [*operations, replace(cast, source=whole.name, fraction=finest)]
