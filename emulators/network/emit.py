"""Steps of the machine for every kind of operation, in the widths that the facts allow."""

from dataclasses import dataclass, field
from functools import singledispatch
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from l1kd.emulators.network import intervals, machine
from l1kd.emulators.network.casts import Casts
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
from l1kd.emulators.network.intervals import Bounds, Facts
from l1kd.emulators.network.memory import Memory, Rows, Step, bits_for

__all__ = ["Builder", "affine_kernel", "emit"]

Integers = npt.NDArray[np.int64]
Index = npt.NDArray[np.int32]
_FRONTS = {
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
    """The state of one translation: facts, wishes of readers, memory, and tensors placed so far."""

    fractions: dict[str, int]
    facts: dict[str, Facts]
    wanted: dict[str, int]
    memory: Memory = field(default_factory=Memory)
    held: dict[str, Held] = field(default_factory=dict)

    def width_of(self, name: str) -> int:
        """Return the width a tensor needs or its readers want."""
        needed = bits_for(*intervals.hull(self.facts[name].bounds))
        if needed > 64:
            raise ValueError("values beyond 64 bits")
        return max(needed, self.wanted.get(name, 16))

    def new(self, name: str, width: int | None = None) -> Held:
        """Reserve rows for a tensor."""
        width = self.width_of(name) if width is None else width
        held = Held(self.memory.rows(self.facts[name].bounds.low.size, width), width)
        self.held[name] = held
        return held

    def take(self, name: str, index: Index) -> Held:
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
        front: int,
        source: Held,
        target: Held,
        casts: Casts,
        reach: int,
        numbers: Integers | None = None,
        partner: Held | None = None,
    ) -> None:
        """Add an element-wise step: a front, then a cast. ``reach`` bounds what the front meets."""
        count = target.rows.size
        numbers = np.zeros((count, 0), np.int64) if numbers is None else numbers
        limit = int(np.abs(numbers.astype(object)).max(initial=0))
        largest = max(reach, casts.reach, limit)
        if largest >= 1 << 63:
            raise ValueError("an exact intermediate value could exceed 64 bits")
        widths = [source.width, target.width, partner.width if partner else 16]
        compute = 32 if largest < 1 << 31 and max(widths) <= 32 else 64
        step = Step([machine.ELEMENT, front, compute, widths[0], widths[2], widths[1], count])
        step.words += [0, 0, 0, self.memory.keep64(numbers), numbers.shape[1]]
        step.words += [self.memory.keep64(casts.parameters(compute)), casts.rounding]
        step.words += [int(casts.wraps), int(casts.zeroes)]
        step.reads[7] = source.rows
        if partner is not None:
            step.reads[8] = partner.rows
        step.writes[9] = target.rows
        self.memory.steps.append(step)

    def cast(
        self,
        front: int,
        source: Held,
        output: Tensor,
        casts: Casts,
        reach: int = 0,
        numbers: Integers | None = None,
        partner: Held | None = None,
    ) -> None:
        """Cast to an output tensor, or rename its source where nothing changes."""
        if front == machine.COPY and casts.trivial and self.width_of(output.name) == source.width:
            self.held[output.name] = source
            return
        reach = max(reach, self.facts[output.name].bounds.reach())
        target = self.new(output.name)
        self.element(front, source, target, casts, reach, numbers, partner)


class Kernel(NamedTuple):
    """How an `Affine` runs: machine width, remaining shift of products, weights to use."""

    width: int
    shift: int
    weights: npt.NDArray[np.object_]


def affine_kernel(operation: Affine, facts: dict[str, Facts], fraction: int) -> Kernel:
    """Choose the narrowest machine width that gives the exact sums of an `Affine`.

    Raises
    ------
    ValueError
        If even 64 bits could overflow.
    """
    accumulator, sums = operation.accumulator, facts[operation.output.name].sums
    assert sums is not None
    shift = fraction + operation.weight_fraction - accumulator.fraction
    weights = operation.weight.astype(object)
    if intervals.in_order(operation, sums, fraction):
        if sums.products << max(-shift, 0) >= 1 << 62 or accumulator.width > 61:
            raise ValueError("a saturating sum could exceed 64 bits")
        return Kernel(64, shift, weights)
    products = sums.products
    if shift <= 0:
        weights, products, shift = weights << -shift, products << -shift, 0
    else:
        # Zeros at the end of all weights need no shift of the products.
        whole = int(np.bitwise_or.reduce(operation.weight, axis=None)) if weights.size else 0
        spare = min(shift, (whole & -whole).bit_length() - 1 if whole else shift)
        weights, products, shift = weights >> spare, products >> spare, shift - spare
    largest = int(np.abs(weights).max(initial=0))
    source = facts[operation.source].bounds
    bias = int(np.abs(operation.bias.astype(object)).max(initial=0))
    for width in (16, 32, 64):
        limit = 1 << (width - 1)
        fits = bits_for(*intervals.hull(source)) <= width and largest < limit and bias < limit
        modular = accumulator.overflow == "WRAP" and accumulator.width <= width
        whole_sum = modular or bits_for(*intervals.hull(sums.exact)) <= width
        if fits and whole_sum and (shift == 0 or (products < limit and width > 16)):
            return Kernel(width, shift, weights)
    raise ValueError("sums or products could exceed 64 bits")


@singledispatch
def emit(operation: Operation, builder: Builder) -> None:
    """Add the steps of one operation."""
    raise TypeError(type(operation).__name__)


@emit.register
def _(operation: Affine, builder: Builder) -> None:
    output, name = operation.output, operation.source
    facts = builder.facts[output.name]
    assert facts.sums is not None
    fraction = builder.fractions[name]
    kernel = affine_kernel(operation, builder.facts, fraction)
    accumulator = operation.accumulator
    totals = Held(builder.memory.rows(output.size, kernel.width), kernel.width)
    casts = Casts(facts.exact, accumulator.fraction, (output.format,))
    if intervals.in_order(operation, facts.sums, fraction):
        _sequence(operation, builder, kernel, totals)
    else:
        _dots(operation, builder, kernel, totals)
        limit = 1 << (kernel.width - 1)
        reachable = Bounds(
            np.clip(facts.sums.exact.low, -limit, limit - 1),
            np.clip(facts.sums.exact.high, -limit, limit - 1),
        )
        wrap = Casts(reachable, accumulator.fraction, (accumulator,))
        if not facts.sums.never_overflows and not wrap.trivial:
            width = max(bits_for(*intervals.hull(facts.exact)), 16)
            wrapped = Held(builder.memory.rows(output.size, width), width)
            builder.element(machine.COPY, totals, wrapped, wrap, facts.exact.reach())
            totals = wrapped
    builder.cast(machine.COPY, totals, output, casts)


def _sequence(operation: Affine, builder: Builder, kernel: Kernel, totals: Held) -> None:
    """Add the terms in the order of the firmware, with all casts between."""
    memory, accumulator = builder.memory, operation.accumulator
    builder.widened(operation.source, 64)
    source = _wide_rows(builder, operation.source, 64, operation.index)
    _, terms, filters = operation.weight.shape
    rounding, overflow = accumulator.modes
    words = [machine.SEQUENCE, operation.index.shape[0], filters, terms, 0]
    words += [memory.keep32(operation.group), memory.keep64(operation.weight)]
    words += [memory.keep64(operation.bias), 0, kernel.shift, rounding, accumulator.width]
    words += [int(accumulator.signed), overflow, int(operation.late)]
    memory.steps.append(Step(words, {4: source}, {8: totals.rows}))


def _dots(operation: Affine, builder: Builder, kernel: Kernel, totals: Held) -> None:
    """Add the products with weights that are not zero, in any order."""
    memory, held = builder.memory, builder.held[operation.source]
    data = held.width
    if data > kernel.width or (kernel.width == 64 and data < 64):
        data = kernel.width
    kind = machine.DOTS.index((data, kernel.width, kernel.shift > 0))
    source = _wide_rows(builder, operation.source, data, operation.index)
    groups, terms, filters = operation.weight.shape
    entries, starts = [], [0]
    flat = kernel.weights.transpose(0, 2, 1).reshape(groups * filters, terms)
    for row in flat:
        entries.append(np.flatnonzero(row))
        starts.append(starts[-1] + entries[-1].size)
    used = np.concatenate(entries) if entries else np.zeros(0, np.int64)
    which = np.repeat(np.arange(flat.shape[0]), np.diff(starts))
    values = flat[which, used].astype(np.int64)
    if kernel.width == 16:
        # Twice in one word, so that one 32-bit broadcast fills all lanes.
        values = (values & 0xFFFF) * 0x10001
        values = np.where(values >= 1 << 31, values - (1 << 32), values)
    words = [machine.AFFINE, kind, operation.index.shape[0], filters, terms, 0]
    words += [memory.keep32(operation.group), memory.keep64(starts), memory.keep64(operation.bias)]
    words += [memory.keep32(used)]
    words += [memory.keep64(values) if kernel.width == 64 else memory.keep32(values)]
    words += [kernel.shift, 0, data // 8, kernel.width // 8]
    memory.steps.append(Step(words, {5: source}, {12: totals.rows}))


def _wide_rows(builder: Builder, name: str, width: int, index: Index) -> Rows:
    """Return the rows under an index of windows, in the wanted width."""
    rows = builder.widened(name, width).rows
    if index.size and index.min() < 0:
        rows = np.append(rows, builder.memory.constant(0, width))
    return rows[index]


@emit.register
def _(operation: Piecewise, builder: Builder) -> None:
    output = operation.output
    facts = builder.facts[output.name]
    source = builder.take(operation.source, operation.index)
    bounds = builder.facts[operation.source].bounds.take(operation.index)
    exact = intervals.of_lines(operation, bounds)
    front, scale = _front(operation)
    fraction = operation.fraction - (scale.bit_length() - 1 if front != machine.LINES else 0)
    numbers, reach = None, bounds.reach()
    if front in (machine.COPY, machine.RELU):
        high = bounds.high if front == machine.COPY else np.maximum(bounds.high, 0)
        exact = Bounds(bounds.low if front == machine.COPY else np.maximum(bounds.low, 0), high)
    else:
        fraction = operation.fraction
        numbers = _line_numbers(operation, front)
        slope = np.maximum(abs(operation.scale_above), abs(operation.scale_below)).astype(object)
        start = np.maximum(abs(operation.offset_above), abs(operation.offset_below)).astype(object)
        widest = np.maximum(abs(bounds.low), abs(bounds.high))
        reach = max(reach, int((widest * slope + start).max()))
    if not operation.formats:
        casts = Casts(exact, fraction, (output.format,))
        builder.cast(front, source, output, casts, reach, numbers)
        return
    finest = max(form.fraction for form in operation.formats)
    casts = Casts(exact, fraction, operation.formats, operation.choice, finest)
    last = Casts(facts.exact, finest, (output.format,))
    if last.trivial:
        reach = max(reach, facts.exact.reach())
        builder.cast(front, source, output, casts, reach, numbers)
        return
    width = bits_for(*intervals.hull(facts.exact))
    middle = Held(builder.memory.rows(output.size, width), width)
    builder.element(front, source, middle, casts, max(reach, facts.exact.reach()), numbers)
    builder.cast(machine.COPY, middle, output, last)


def _front(operation: Piecewise) -> tuple[int, int]:
    """Return the cheapest front for a `Piecewise`, and the power of two it scales by."""
    scale = int(operation.scale_above[0]) if operation.scale_above.size else 1
    power = scale > 0 and scale & (scale - 1) == 0
    uniform = bool((operation.scale_above == scale).all()) and not operation.offset_above.any()
    if operation.limits is not None:
        return machine.LINES, 1
    same = bool(
        (operation.scale_above == operation.scale_below).all()
        and (operation.offset_above == operation.offset_below).all()
    )
    if power and uniform and same:
        return machine.COPY, scale
    nothing = not (operation.scale_below.any() or operation.offset_below.any())
    if power and uniform and nothing and not operation.threshold.any():
        return machine.RELU, scale
    return (machine.LINE if same else machine.LINES), 1


def _line_numbers(operation: Piecewise, front: int) -> Integers:
    """Return the constants of each element, as the machine's front wants them."""
    columns = [operation.scale_above, operation.offset_above]
    if front == machine.LINES:
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
    first, second = builder.fractions[operation.left], builder.fractions[operation.right]
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
    builder.cast(_FRONTS[operation.kind], left, output, casts, reach, numbers, right)


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
        bounds = builder.facts[name].bounds
        casts = Casts(bounds, builder.fractions[name], (output.format,))
        if casts.trivial:
            parts.append(builder.widened(name, width).rows)
            continue
        rows = builder.memory.rows(bounds.low.size, width)
        after = intervals.after_cast(bounds, builder.fractions[name], output.format)[0]
        reach = max(bounds.reach(), after.reach())
        builder.element(machine.COPY, builder.held[name], Held(rows, width), casts, reach)
        parts.append(rows)
    rows = np.concatenate(parts)
    if operation.index.size and operation.index.min() < 0:
        rows = np.append(rows, builder.memory.constant(operation.fill, width))
    builder.held[output.name] = Held(rows[operation.index], width)
