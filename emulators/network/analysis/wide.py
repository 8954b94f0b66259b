"""Numbers whose formats exceed 64 bits: proven to fit, or held in parts.

hls4ml's automatic precision gives a sum all bits that its types could need, and layers without an
activation between them pass all of them on. Where the weights prove that 64 bits hold every value,
the format becomes that of 64 bits. Else a number is held in parts of few bits, the lower ones
without a sign: sums are formed part by part, with carries from one to the next. Where a cast brings
the number back, one bit tells whether what lies below is zero, so that every rounding is that of
the whole number, and what lies far above the result is saturated or wrapped, with its sign.
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

LOW, MOST = 24, 60
"""Bits of a lower part, and what a part or a sum of parts may need besides its sign."""


class Parts(NamedTuple):
    """A tensor of wide numbers.

    ``lows`` are from the lowest on, ``fraction`` is that of the first and of the whole number,
    ``bits`` are those of the highest part besides its sign.
    """

    high: Tensor
    lows: tuple[Tensor, ...]
    fraction: int
    bits: int

    @property
    def below(self) -> int:
        """Bits of all lower parts."""
        return LOW * len(self.lows)


def narrowed(inputs: Sequence[Tensor], layers: Sequence[Layer]) -> list[Layer]:
    """Return layers whose tensors and accumulators fit 64 bits, if any do not.

    Raises
    ------
    ValueError
        If a sum's weights are too large for parts, or a result too wide to be cast from them.
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
            name = f"{name} (from bit {self.parts[layer.output.name].below} on)"
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
        """Return the sums of all parts, carries moved from each to the next."""
        name, accumulator = operation.output.name, operation.accumulator
        fraction = accumulator.fraction
        shift = self.formats[operation.source].fraction + operation.weight_fraction - fraction
        if facts.sums is None or not facts.sums.never_overflows or shift > 0:
            raise ValueError("sums beyond 64 bits must neither overflow nor be rounded")
        weights = operation.weight.astype(object) << -shift
        heavy = int(abs(weights).sum(1).max()).bit_length()
        if LOW + heavy > MOST:
            raise ValueError(f"sums of numbers beyond 64 bits with weights of {heavy} bits")
        bias = operation.bias.astype(object)
        operations: list[Operation] = []
        parts = self.parts.get(operation.source) or self._whole(operation.source)
        most_bias = int(abs(bias).max()).bit_length() if bias.size else 0
        while not parts.lows or max(parts.bits + heavy, most_bias - parts.below) > MOST:
            parts = _split(f"{name}.in{len(parts.lows)}", parts, operations)
        shape, every = operation.output.shape, np.arange(operation.output.size, dtype=np.int32)
        lows: list[Tensor] = []
        carry = ""
        for i, part in enumerate((*parts.lows, parts.high)):
            highest, own = part is parts.high, fraction - LOW * i
            bits = parts.bits if highest else LOW
            start = bias >> LOW * i if highest else (bias >> LOW * i) % (1 << LOW)
            total = self._sum(f"{name}.sum{i}", operation, part, weights, own, start, bits + heavy)
            operations.append(total)
            whole = total.output
            if carry:
                whole = Tensor(f"{name}.whole{i}", shape, _of_fraction(64, own))
                operations.append(Binary(whole, "add", carry, total.output.name, every, every))
            if not highest:
                low = Tensor(f"{name}.low{i}", shape, _of_fraction(LOW, own, False))
                over = Tensor(f"{name}.carry{i}", shape, _of_fraction(heavy + 3, own - LOW))
                operations += [_copy(low, whole.name, own), _copy(over, whole.name, own)]
                lows.append(low)
                carry = over.name
        bits = max(facts.exact.reach().bit_length() - parts.below, 0)
        high = Tensor(f"{name}.high", shape, _of_fraction(bits + 1, own))
        operations.append(_copy(high, whole.name, own))
        found = Parts(high, tuple(lows), fraction, bits)
        return operations + self._finished(operation, facts, found)

    def _whole(self, source: str) -> Parts:
        """Return a tensor that fits 64 bits as one part."""
        bounds, form = self.facts[source].bounds, self.formats[source]
        tensor = Tensor(source, (bounds.low.size,), form)
        return Parts(tensor, (), form.fraction, bounds.reach().bit_length())

    @staticmethod
    def _sum(
        name: str, operation: Affine, source: Tensor, weights: Exact, fraction: int, bias: Exact,
        bits: int,
    ) -> Affine:  # fmt: skip
        """Return the exact sums of one part; ``fraction`` is theirs."""
        most = int(abs(bias).max()).bit_length() if bias.size else 0
        form = _of_fraction(max(bits, most) + 2, fraction)
        output = Tensor(name, operation.output.shape, form)
        whole: Integers = weights.astype(np.int64)
        start: Integers = bias.astype(np.int64)
        return Affine(output, source.name, operation.index, operation.group, whole,
                      fraction - source.format.fraction, start, form)  # fmt: skip

    def _finished(self, operation: Affine, facts: Facts, parts: Parts) -> list[Operation]:
        """Keep the parts, or cast them to the result's format."""
        output = operation.output
        if output.format.fits_int64:
            return _joined(parts, _copy(output, "", parts.fraction))
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
        moved = [
            Tensor(f"{name}.part{i}", shape, part.format)
            for i, part in enumerate((*parts.lows, parts.high))
        ]
        self.parts[name] = parts._replace(high=moved[-1], lows=tuple(moved[:-1]))
        return [
            Gather(tensor, (part.name,), operation.index)
            for tensor, part in zip(moved, (*parts.lows, parts.high), strict=True)
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
        return _joined(parts, narrow)


def _split(name: str, parts: Parts, operations: list[Operation]) -> Parts:
    """Cut one more lower part from the highest."""
    fraction, shape = parts.high.format.fraction, parts.high.shape
    low = Tensor(f"{name}.low", shape, _of_fraction(LOW, fraction, False))
    bits = max(parts.bits - LOW, 0)
    high = Tensor(f"{name}.high", shape, _of_fraction(bits + 1, fraction - LOW))
    operations += [_copy(low, parts.high.name, fraction), _copy(high, parts.high.name, fraction)]
    return Parts(high, (*parts.lows, low), parts.fraction, bits)


def _merged(parts: Parts, name: str, operations: list[Operation]) -> Parts:
    """Join the highest part and the next one."""
    *lows, low = parts.lows
    every, bits = np.arange(low.size, dtype=np.int32), parts.bits + low.format.width
    form = _of_fraction(bits + 1, low.format.fraction)
    high = Tensor(f"{name}.from{len(operations)}", low.shape, form)
    operations.append(Binary(high, "add", parts.high.name, low.name, every, every))
    return Parts(high, tuple(lows), parts.fraction, bits)


def _line(output: Tensor, source: Tensor, threshold: int, above: int, below: int) -> Piecewise:
    """Return one raw value above a threshold and another elsewhere."""
    none = np.zeros(source.size, np.int64)
    every = np.arange(source.size, dtype=np.int32)
    return Piecewise(output, source.name, every, none + threshold, none, none + above, none,
                     none + below, output.format.fraction)  # fmt: skip


def _bounded(parts: Parts, cast: Piecewise, integer: int, operations: list[Operation]) -> Parts:
    """Return parts of fewer bits whose cast is the same, to formats of so many integer bits.

    What saturates does so likewise if the highest part is saturated beyond the result; what wraps
    is the same if it is wrapped there, and less by one turn where it is negative.
    """
    bits = max(integer + parts.fraction - parts.below + 2, 1)
    if bits >= parts.bits:
        return parts
    overflows = {form.overflow for form in (cast.output.format, *cast.formats)}
    name, high, fraction = (
        f"{cast.output.name}.{len(parts.lows)}",
        parts.high,
        parts.high.format.fraction,
    )
    shape, every = high.shape, np.arange(high.size, dtype=np.int32)
    if "WRAP" not in overflows:
        form = replace(_of_fraction(bits + 1, fraction), overflow="SAT")
        end = Tensor(f"{name}.saturated", shape, form)
        operations.append(_copy(end, high.name, fraction))
        return parts._replace(high=end, bits=bits)
    if overflows != {"WRAP"}:
        raise ValueError(f"numbers of {parts.bits + parts.below + 1} bits that saturate and wrap")
    rest = Tensor(f"{name}.wrapped", shape, _of_fraction(bits, fraction, False))
    turn = Tensor(f"{name}.turn", shape, _of_fraction(2, fraction - bits))
    end = Tensor(f"{name}.signed", shape, _of_fraction(bits + 1, fraction))
    operations += [
        _copy(rest, high.name, fraction),
        _line(turn, high, -1, 0, -1),
        Binary(end, "add", rest.name, turn.name, every, every),
    ]
    return parts._replace(high=end, bits=bits)


def _joined(parts: Parts, cast: Piecewise) -> list[Operation]:
    """Return a cast of the whole number, of which the upper bits and a sticky one are kept."""
    formats = (cast.output.format, *cast.formats)
    integer, finest = (max(getattr(f, n) for f in formats) for n in ("integer", "fraction"))
    operations: list[Operation] = []
    name, size, wide = cast.output.name, parts.high.size, parts.bits + parts.below + 1
    # two bits below the last of the result: half of it, and whether there is more
    if wide - parts.fraction + finest + 2 > MOST:
        parts = _bounded(parts, cast, integer, operations)
        while parts.lows and integer + parts.fraction + 2 < parts.below:
            parts = _bounded(_merged(parts, name, operations), cast, integer, operations)
    every = np.arange(size, dtype=np.int32)
    while parts.lows and parts.bits + LOW <= MOST - 2:
        parts = _merged(parts, name, operations)
    sticky = list(parts.lows)
    kept = MOST - 2 - parts.bits
    if sticky and kept > 0:
        low, fraction = sticky[-1], sticky[-1].format.fraction
        rest = Tensor(f"{name}.rest", (size,), _of_fraction(LOW - kept, fraction, False))
        form = _of_fraction(kept, fraction - LOW + kept, False)
        top = Tensor(f"{name}.top", (size,), form)
        operations += [_copy(rest, low.name, fraction), _copy(top, low.name, fraction)]
        sticky[-1] = rest
        parts = _merged(parts._replace(lows=(top,)), name, operations)
    upper, bits = parts.high, parts.bits
    fraction = upper.format.fraction
    if bits + max(finest - fraction, 0) > MOST + 2 or (sticky and fraction <= finest):
        raise ValueError(f"a cast of numbers of {wide} bits to {finest} fraction bits")
    if sticky:
        form = _of_fraction(2, fraction + 1)
        more = [Tensor(f"{name}.sticky{i}", (size,), form) for i in range(len(sticky))]
        operations += [_line(bit, part, 0, 1, 0) for bit, part in zip(more, sticky, strict=True)]
        either = more[0]
        for i, bit in enumerate(more[1:]):
            one, either = either, Tensor(f"{name}.any{i}", (size,), form)
            operations.append(Binary(either, "maximum", one.name, bit.name, every, every))
        whole = Tensor(f"{name}.whole", (size,), _of_fraction(bits + 2, fraction + 1))
        operations.append(Binary(whole, "add", upper.name, either.name, every, every))
        upper = whole
    return [*operations, replace(cast, source=upper.name, fraction=upper.format.fraction)]
