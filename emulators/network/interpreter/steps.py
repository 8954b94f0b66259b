"""Steps of the machine for every kind of operation, in the widths that the facts allow."""

from dataclasses import dataclass, field
from functools import singledispatch
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.analysis import intervals
from l1kd.emulators.network.analysis.fusion import (
    Kernel,
    Prologue,
    affine_kernel,
    fusion_prologue,
)
from l1kd.emulators.network.analysis.intervals import Bounds, Facts
from l1kd.emulators.network.analysis.memory import Rows, Step, bits_for
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Gather,
    Lookup,
    Operation,
    Piecewise,
    Tensor,
)
from l1kd.emulators.network.interpreter import machine
from l1kd.emulators.network.interpreter.casts import Casts
from l1kd.emulators.network.interpreter.pools import Pools

__all__ = ["Builder", "emit"]

_PROLOGUES = {
    Prologue.COPY: machine.COPY,
    Prologue.RELU: machine.RELU,
    Prologue.SEGMENT: machine.SEGMENT,
    Prologue.SEGMENTS: machine.SEGMENTS,
}
_BINARY = {
    "add": machine.ADD,
    "subtract": machine.SUBTRACT,
    "multiply": machine.MULTIPLY,
    "maximum": machine.MAXIMUM,
    "minimum": machine.MINIMUM,
}


class Held(NamedTuple):
    """The rows of a tensor's elements and their width in bits."""

    rows: Rows
    width: int


@dataclass
class Builder:
    """The state of one translation: facts, casts to fuse, memory, and tensors placed so far."""

    formats: dict[str, FixedPoint]
    facts: dict[str, Facts]
    consumers: dict[str, Piecewise]
    memory: Pools = field(default_factory=Pools)
    held: dict[str, Held] = field(default_factory=dict)

    def width_of(self, name: str) -> int:
        """Return the width a tensor needs."""
        needed = bits_for(*intervals.hull(self.facts[name].bounds))
        if needed > 64:
            raise ValueError("values beyond 64 bits")
        return needed

    def new(self, name: str, width: int | None = None) -> Held:
        """Reserve rows for a tensor."""
        width = self.width_of(name) if width is None else width
        held = Held(self.memory.rows(self.facts[name].bounds.low.size, width), width)
        self.held[name] = held
        return held

    def take(self, name: str, index: Indices) -> Held:
        """Return the rows of gathered elements; -1 is a row of zeros."""
        rows, width = self.held[name]
        if index.size and index.min() < 0:
            rows = np.append(rows, self.memory.constant(0, width))
        return Held(rows[index], width)

    def widened(self, name: str, width: int) -> Held:
        """Return a tensor in rows of the wanted width, copied where it has another."""
        key = name if self.held[name].width == width else f"{name} as {width}"
        if key not in self.held:
            source = self.held[name]
            bounds = self.facts[name].bounds
            self.held[key] = Held(self.memory.rows(source.rows.size, width), width)
            self.element(machine.COPY, source, self.held[key], Casts(bounds, 0, ()), bounds.reach())
        return self.held[key]

    def element(
        self,
        prologue: int,
        source: Held,
        target: Held,
        casts: Casts,
        reach: int,
        numbers: Integers | None = None,
        partner: Held | None = None,
    ) -> None:
        """Add an element-wise step: a prologue, whose numbers ``reach`` bounds, then a cast."""
        count = target.rows.size
        numbers = np.zeros((count, 0), np.int64) if numbers is None else numbers
        limit = int(np.abs(numbers.astype(object)).max(initial=0))
        largest = max(reach, casts.reach, limit)
        if largest >= 1 << 63:
            raise ValueError("an exact intermediate value could exceed 64 bits")
        widths = [source.width, target.width, partner.width if partner else 16]
        compute = 32 if largest < 1 << 31 and max(widths) <= 32 else 64
        if prologue in (machine.COPY, machine.RELU) and casts.simple and compute == 32:
            if prologue == machine.RELU:
                casts.positive()
            kind = machine.CASTS.index((widths[0], 32, widths[1]))
            table = self.memory.keep64(casts.parameters(32, target.width))
            step = Step([machine.CAST, kind, count, 0, 0, table])
            step.reads[3], step.writes[4] = source.rows, target.rows
            self.memory.steps.append(step)
            return
        step = Step([machine.ELEMENT, prologue, compute, widths[0], widths[2], widths[1], count])
        step.words += [0, 0, 0, self.memory.keep64(numbers), numbers.shape[1]]
        step.words += [self.memory.keep64(casts.parameters(compute, target.width))]
        step.words += [int(casts.wraps), int(casts.zeroes)]
        step.reads[7] = source.rows
        if partner is not None:
            step.reads[8] = partner.rows
        step.writes[9] = target.rows
        self.memory.steps.append(step)

    def cast(
        self,
        prologue: int,
        source: Held,
        output: Tensor,
        casts: Casts,
        reach: int = 0,
        numbers: Integers | None = None,
        partner: Held | None = None,
    ) -> None:
        """Cast to an output tensor, or rename its source where nothing changes."""
        if (
            prologue == machine.COPY
            and casts.trivial
            and self.width_of(output.name) == source.width
        ):
            self.held[output.name] = source
            return
        reach = max(reach, self.facts[output.name].bounds.reach())
        target = self.new(output.name)
        self.element(prologue, source, target, casts, reach, numbers, partner)


@singledispatch
def emit(operation: Operation, builder: Builder) -> None:
    """Add the steps of one operation."""
    raise TypeError(type(operation).__name__)


@emit.register
def _(operation: Affine, builder: Builder) -> None:
    output = operation.output
    facts, fraction = builder.facts[output.name], builder.formats[operation.source].fraction
    accumulator, sums = operation.accumulator, facts.sums
    assert sums is not None
    casts = Casts(facts.exact, accumulator.fraction, (output.format,))
    kernel = affine_kernel(operation, builder.facts, fraction)
    if intervals.in_order(operation, sums, fraction):
        totals = Held(builder.memory.rows(output.size, 64), 64)
        _sequence(operation, builder, kernel, totals)
        builder.cast(machine.COPY, totals, output, casts)
        return
    words = intervals.in_words(sums.exact, kernel.width)
    wrap = Casts(words, accumulator.fraction, (accumulator,))
    if sums.never_overflows or wrap.trivial:
        target = output
        consumer = builder.consumers.get(output.name)
        if casts.trivial and consumer is not None:
            target = consumer.output
            casts = _plain_cast(consumer, facts.bounds)
        fused = affine_kernel(operation, builder.facts, fraction, casts.reach)
        # A sum that wraps by itself does so in words of this width only.
        if casts.simple and (sums.never_overflows or fused.width == kernel.width):
            kernel = fused
            width = 64 if kernel.width == 64 else builder.width_of(target.name)
            held = builder.new(target.name, width)
            _dots(operation, builder, kernel, held, casts.parameters(kernel.width, width))
            return
        casts = Casts(facts.exact, accumulator.fraction, (output.format,))
    totals = Held(builder.memory.rows(output.size, kernel.width), kernel.width)
    nothing = Casts(words, 0, ()).parameters(kernel.width, kernel.width)
    _dots(operation, builder, kernel, totals, nothing)
    if not (sums.never_overflows or wrap.trivial):
        width = bits_for(*intervals.hull(facts.exact))
        wrapped = Held(builder.memory.rows(output.size, width), width)
        builder.element(machine.COPY, totals, wrapped, wrap, facts.exact.reach())
        totals = wrapped
    builder.cast(machine.COPY, totals, output, casts)


def _plain_cast(operation: Piecewise, bounds: Bounds) -> Casts:
    """Return the cast of a `Piecewise` that is a cast or a relu of elements in place."""
    prologue, scale = fusion_prologue(operation)
    fraction = operation.fraction - (scale.bit_length() - 1)
    if prologue is Prologue.COPY:
        return Casts(bounds, fraction, (operation.output.format,))
    upper = Bounds(np.maximum(bounds.low, 0), np.maximum(bounds.high, 0))
    casts = Casts(upper, fraction, (operation.output.format,))
    # The machine still rounds negative values before it takes zero for them.
    casts.reach = max(casts.reach, Casts(bounds, fraction, (operation.output.format,)).reach)
    return casts.positive()


def _sequence(operation: Affine, builder: Builder, kernel: Kernel, totals: Held) -> None:
    """Add the terms in the order of the firmware, with all casts between."""
    memory, accumulator = builder.memory, operation.accumulator
    source = _wide_rows(builder, operation.source, 64, operation.index)
    _, terms, filters = operation.weight.shape
    rounding, overflow = accumulator.modes
    words = [machine.SEQUENCE, operation.index.shape[0], filters, terms, 0]
    words += [memory.keep32(operation.group), memory.keep64(operation.weight)]
    words += [memory.keep64(operation.bias), 0, kernel.shift, rounding, accumulator.width]
    words += [int(accumulator.signed), overflow, int(operation.late)]
    memory.steps.append(Step(words, {4: source}, {8: totals.rows}))


def _dots(
    operation: Affine, builder: Builder, kernel: Kernel, target: Held, casts: Integers
) -> None:
    """Add the products with weights that are not zero, in any order, and cast the sums."""
    memory, data = builder.memory, builder.held[operation.source].width
    kind = (data, kernel.width, target.width, kernel.shift > 0)
    if kind not in machine.DOTS:
        data = kernel.width
        kind = (data, kernel.width, target.width, kernel.shift > 0)
    largest = int(np.abs(kernel.weights).max(initial=0))
    pairs = machine.HAS_PAIRS and kind[:2] == (16, 32) and not kind[3] and largest < 1 << 15
    source = _wide_rows(builder, operation.source, data, operation.index)
    groups, terms, filters = operation.weight.shape
    flat = kernel.weights.transpose(0, 2, 1).reshape(groups * filters, terms)
    rows, starts_from = target.rows.reshape(-1, filters), operation.bias.reshape(-1)
    if groups == 1:
        # Outputs of equally many terms one after the other: the end of the loop is foreseen.
        order = np.argsort(np.count_nonzero(flat, axis=1), kind="stable")
        flat, rows, starts_from = flat[order], rows[:, order], starts_from[order]
        casts = casts.reshape(-1, filters, machine.PARAMETERS)[:, order].reshape(casts.shape)
    used, values, starts = _terms(flat, pairs)
    number, weight_bytes = machine.DOTS.index(kind), max(kernel.width // 8, 4)
    if pairs:
        # Two 16-bit weights in one word.
        number, weight_bytes = machine.PAIRS[target.width], 2
        values = values.astype(np.int16).view(np.int32)
    elif kernel.width == 16:
        # Twice in one word, so that one 32-bit broadcast fills all lanes.
        values = np.repeat(values.astype(np.int16), 2).view(np.int32)
    stride = 0 if (casts == casts[0]).all() else machine.PARAMETERS
    words = [machine.AFFINE, number, operation.index.shape[0], filters, terms, 0]
    words += [memory.keep32(operation.group), memory.keep64(starts), memory.keep64(starts_from)]
    words += [memory.keep32(used)]
    words += [memory.keep64(values) if kernel.width == 64 else memory.keep32(values)]
    words += [kernel.shift, 0, data // 8, kernel.width // 8, target.width // 8]
    words += [memory.keep64(casts if stride else casts[:1]), stride, weight_bytes]
    memory.steps.append(Step(words, {5: source}, {12: rows.reshape(-1)}))


def _terms(flat: AnyArray, pairs: bool) -> tuple[Integers, Integers, Integers]:
    """Return the terms that matter, row after row, their weights, and where each row begins.

    For kernels that take pairs, rows of odd length get a term of weight zero.
    """
    which, used = np.nonzero(flat)
    values = flat[which, used].astype(np.int64)
    lengths = np.bincount(which, minlength=len(flat))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    if pairs:
        odd = np.flatnonzero(lengths % 2)
        ends = starts[odd + 1]
        used, values = np.insert(used, ends, 0), np.insert(values, ends, 0)
        starts = np.concatenate([[0], np.cumsum(lengths + lengths % 2)])
    return used, values, starts


def _wide_rows(builder: Builder, name: str, width: int, index: Indices) -> Rows:
    """Return the rows under an index of windows, in the wanted width."""
    rows = builder.widened(name, width).rows
    if index.size and index.min() < 0:
        rows = np.append(rows, builder.memory.constant(0, width))
    return rows[index]


@emit.register
def _(operation: Piecewise, builder: Builder) -> None:
    output = operation.output
    if output.name in builder.held:
        return
    facts = builder.facts[output.name]
    source = builder.take(operation.source, operation.index)
    bounds = builder.facts[operation.source].bounds.take(operation.index)
    exact = intervals.of_segments(operation, builder.facts[operation.source].bounds)
    found, scale = fusion_prologue(operation)
    prologue, fraction = _PROLOGUES[found], operation.fraction - (scale.bit_length() - 1)
    numbers, reach = None, bounds.reach()
    if found.fuses:
        floor = 0 if found is Prologue.RELU else intervals.hull(bounds)[0]
        exact = Bounds(np.maximum(bounds.low, floor), np.maximum(bounds.high, floor))
    else:
        numbers = _segment_numbers(operation, found)
        slope = np.maximum(abs(operation.scale_above), abs(operation.scale_below)).astype(object)
        start = np.maximum(abs(operation.offset_above), abs(operation.offset_below)).astype(object)
        widest = np.maximum(abs(bounds.low), abs(bounds.high))
        reach = max(reach, int((widest * slope + start).max()))
    if not operation.formats:
        casts = Casts(exact, fraction, (output.format,))
        builder.cast(prologue, source, output, casts, reach, numbers)
        return
    finest = max(form.fraction for form in operation.formats)
    casts = Casts(exact, fraction, operation.formats, operation.choice, finest)
    last = Casts(facts.exact, finest, (output.format,))
    if last.trivial:
        reach = max(reach, facts.exact.reach())
        builder.cast(prologue, source, output, casts, reach, numbers)
        return
    width = bits_for(*intervals.hull(facts.exact))
    middle = Held(builder.memory.rows(output.size, width), width)
    builder.element(prologue, source, middle, casts, max(reach, facts.exact.reach()), numbers)
    builder.cast(machine.COPY, middle, output, last)


def _segment_numbers(operation: Piecewise, prologue: Prologue) -> Integers:
    """Return the constants of each element, as the machine's prologue wants them."""
    columns = [operation.scale_above, operation.offset_above]
    if prologue is Prologue.SEGMENTS:
        low, high = operation.limits or (-(1 << 62), 1 << 62)
        columns += [operation.scale_below, operation.offset_below, operation.threshold]
        columns += [np.full(operation.output.size, low), np.full(operation.output.size, high)]
    return np.stack(columns, 1)


@emit.register
def _(operation: Lookup, builder: Builder) -> None:
    source = builder.take(operation.source, operation.index)
    reach = builder.facts[operation.source].bounds.reach() * abs(operation.multiplier)
    if reach >= 1 << 62 or abs(operation.offset) >= 1 << 62:
        raise ValueError("the index of a table could exceed 64 bits")
    target = builder.new(operation.output.name)
    memory, (entries, columns) = builder.memory, operation.table.shape
    words = [machine.LOOKUP, source.width, target.width, source.rows.size, 0, 0]
    words += [operation.multiplier, operation.shift, int(operation.toward_zero), operation.offset]
    words += [entries, columns, memory.keep64(operation.table), memory.keep32(operation.column)]
    memory.steps.append(Step(words, {4: source.rows}, {5: target.rows}))


@emit.register
def _(operation: Binary, builder: Builder) -> None:
    output = operation.output
    first, second = (builder.formats[name].fraction for name in (operation.left, operation.right))
    left = builder.take(operation.left, operation.left_index)
    right = builder.take(operation.right, operation.right_index)
    shifts, fraction = (0, 0), first + second
    if operation.kind != "multiply":
        fraction = max(first, second)
        shifts = fraction - first, fraction - second
    exact = builder.facts[output.name].exact
    reach = exact.reach()
    for name, shift in zip((operation.left, operation.right), shifts, strict=True):
        reach = max(reach, builder.facts[name].bounds.reach() << shift)
    casts = Casts(exact, fraction + operation.halvings, (output.format,))
    numbers = np.tile(np.array(shifts, np.int64), (output.size, 1))
    builder.cast(_BINARY[operation.kind], left, output, casts, reach, numbers, right)


@emit.register
def _(operation: Divide, builder: Builder) -> None:
    output = operation.output
    source = builder.take(operation.source, operation.index)
    casts = Casts(builder.facts[output.name].exact, output.format.fraction, (output.format,))
    reach = builder.facts[operation.source].bounds.reach()
    builder.cast(machine.DIVIDE, source, output, casts, reach, operation.divisor[:, None])


@emit.register
def _(operation: Gather, builder: Builder) -> None:
    """Rename the elements where no cast changes them, else cast source by source."""
    output, names = operation.output, operation.sources
    width = max(builder.width_of(output.name), *(builder.held[name].width for name in names))
    parts = []
    for name in names:
        bounds, source = builder.facts[name].bounds, builder.formats[name]
        form = operation.form_of(source)
        casts = Casts(bounds, source.fraction, (form,))
        if casts.trivial:
            parts.append(builder.widened(name, width).rows)
            continue
        rows = builder.memory.rows(bounds.low.size, width)
        after = intervals.after_cast(bounds, source.fraction, form)[0]
        reach = max(bounds.reach(), after.reach())
        builder.element(machine.COPY, builder.held[name], Held(rows, width), casts, reach)
        parts.append(rows)
    rows = np.concatenate(parts)
    if operation.index.size and operation.index.min() < 0:
        rows = np.append(rows, builder.memory.constant(operation.fill, width))
    builder.held[output.name] = Held(rows[operation.index], width)
