"""Bounds of every tensor of a graph, from the formats and the actual weights.

The bounds decide which machine integers are wide enough and which casts cannot lose anything. They
are exact Python integers (object arrays) or 64-bit integers that are known not to overflow.
"""

from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import Exact, Indices, Mask
from l1kd.emulators.fixed_point import MAX_WIDTH, FixedPoint
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Graph,
    Lookup,
    Operation,
    Piecewise,
)

__all__ = [
    "Bounds",
    "Facts",
    "PartialSums",
    "Sums",
    "after_cast",
    "analyse",
    "facts_of",
    "hull",
    "in_order",
    "in_words",
    "partial_sums",
]


class Bounds(NamedTuple):
    """Smallest and largest raw value of every element."""

    low: Exact
    high: Exact

    @classmethod
    def of_format(cls, form: FixedPoint, size: int) -> "Bounds":
        """Return the bounds that a format alone gives."""
        return cls(np.full(size, form.minimum, object), np.full(size, form.maximum, object))

    def take(self, index: Indices, fill: int = 0) -> "Bounds":
        """Return the bounds of gathered elements; -1 gives ``fill``."""
        return Bounds(
            np.append(self.low, np.array([fill], object))[index],
            np.append(self.high, np.array([fill], object))[index],
        )

    def reach(self) -> int:
        """Return the largest magnitude."""
        return max(abs(int(self.low.min())), abs(int(self.high.max())))


def rounded(bounds: Bounds, shift: int, rounding: str) -> Bounds:
    """Return the bounds after dropping ``shift`` bits (negative: after appending zeros)."""
    if shift <= 0:
        return Bounds(bounds.low << -shift, bounds.high << -shift)
    target = FixedPoint(MAX_WIDTH, MAX_WIDTH, True, rounding, "SAT")
    step = np.frompyfunc(lambda value: target.cast_int(int(value), shift), 1, 1)
    return Bounds(step(bounds.low), step(bounds.high))


def after_cast(bounds: Bounds, fraction: int, form: FixedPoint) -> tuple[Bounds, bool]:
    """Return the bounds after a cast, and whether the cast can never overflow."""
    low, high = rounded(bounds, fraction - form.fraction, form.rounding)
    inside = (low >= form.lowest) & (high <= form.maximum)
    if bool(inside.all()):
        return Bounds(low, high), True
    if form.overflow == "WRAP":
        outside = Bounds.of_format(form, low.size)
        return Bounds(
            np.where(inside, low, outside.low), np.where(inside, high, outside.high)
        ), False
    low = np.clip(low, form.lowest, form.maximum)
    high = np.clip(high, form.lowest, form.maximum)
    if form.overflow == "SAT_ZERO":
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return Bounds(low, high), False


def in_words(bounds: Bounds, width: int) -> Bounds:
    """Return the bounds of integers kept in signed words of ``width`` bits, where they wrap."""
    return after_cast(bounds, 0, FixedPoint(width, width, True))[0]


def of_segments(operation: Piecewise, source: Bounds) -> Bounds:
    """Return the bounds of the exact value of a `Piecewise`, before any cast.

    ``source`` bounds all elements of the tensor that the operation reads.
    """
    x = source.take(operation.index)
    threshold = operation.threshold.astype(object)
    results = []
    for above in (True, False):
        scale = (operation.scale_above if above else operation.scale_below).astype(object)
        offset = (operation.offset_above if above else operation.offset_below).astype(object)
        low = np.maximum(x.low, threshold + 1) if above else x.low
        high = x.high if above else np.minimum(x.high, threshold)
        used = low <= high
        ends = np.stack([low * scale + offset, high * scale + offset])
        results.append((used, ends.min(0), ends.max(0)))
    (up, low_up, high_up), (down, low_down, high_down) = results
    low = np.where(up & down, np.minimum(low_up, low_down), np.where(up, low_up, low_down))
    high = np.where(up & down, np.maximum(high_up, high_down), np.where(up, high_up, high_down))
    if operation.limits:
        low = np.clip(low, *operation.limits)
        high = np.clip(high, *operation.limits)
    return Bounds(low, high)


def of_binary(operation: Binary, left: Bounds, right: Bounds) -> Bounds:
    """Return the bounds of the exact result; sums need operands of equal fraction bits."""
    a, b = left, right
    if operation.kind == "multiply":
        ends = np.stack([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high])
        return Bounds(ends.min(0), ends.max(0))
    if operation.kind == "add":
        return Bounds(a.low + b.low, a.high + b.high)
    if operation.kind == "subtract":
        return Bounds(a.low - b.high, a.high - b.low)
    pick = np.maximum if operation.kind == "maximum" else np.minimum
    return Bounds(pick(a.low, b.low), pick(a.high, b.high))


def of_table(operation: Lookup) -> Bounds:
    """Return the bounds of a table's columns, element by element."""
    low, high = operation.table.min(0), operation.table.max(0)
    return Bounds(low[operation.column].astype(object), high[operation.column].astype(object))


class Sums(NamedTuple):
    """What can happen inside an `Affine`, before its last cast.

    ``products`` is the largest magnitude of an exact product; ``exact`` the bounds of the sum were
    the accumulator endless; ``never_overflows`` tells that neither a product nor a partial sum can
    leave the accumulator's format.
    """

    products: int
    exact: Bounds
    never_overflows: bool


def of_sums(operation: Affine, source: Bounds, fraction: int) -> Sums:
    """Return the bounds of an `Affine` whose source has ``fraction`` fraction bits."""
    accumulator = operation.accumulator
    shift = fraction + operation.weight_fraction - accumulator.fraction
    filters = operation.weight.shape[2]
    reach = source.reach() * int(np.abs(operation.weight).max(initial=0))
    small = reach.bit_length() + max(-shift, 0) + operation.index.shape[1].bit_length() < 62
    kind = np.int64 if small and int(np.abs(operation.bias).max(initial=0)) < 1 << 61 else object
    low, high = (np.append(side, 0).astype(kind) for side in source)
    upward = int(accumulator.rounding != "TRN")
    lows, highs = [], []
    inside = True
    for position, group in enumerate(operation.group):
        weight = operation.weight[group].astype(kind)
        window = operation.index[position]
        first, second = low[window][:, None] * weight, high[window][:, None] * weight
        least, most = np.minimum(first, second), np.maximum(first, second)
        least, most = _aligned(least, shift, 0), _aligned(most, shift, upward)
        bias = operation.bias[group].astype(kind)
        lows.append(bias + least.sum(0))
        highs.append(bias + most.sum(0))
        if inside:
            deepest = bias + np.minimum(least, 0).sum(0)
            highest = bias + np.maximum(most, 0).sum(0)
            worst = min(int(deepest.min(initial=0)), int(least.min(initial=0)))
            best = max(int(highest.max(initial=0)), int(most.max(initial=0)))
            inside = accumulator.lowest <= worst and best <= accumulator.maximum
    exact = Bounds(
        np.concatenate(lows).astype(object).reshape(-1),
        np.concatenate(highs).astype(object).reshape(-1),
    )
    assert exact.low.size == operation.index.shape[0] * filters
    return Sums(reach, exact, inside)


class PartialSums(NamedTuple):
    """What can happen while the terms of an `Affine` are added in their order.

    Attributes
    ----------
    product_below, product_above, below, above : bool arrays, shape (terms, positions, filters)
        Whether the product of a term, and the sum that ends with it, can leave the accumulator's
        format on either side.
    reach : int
        Largest magnitude of a product or a sum before it is limited.
    last : Bounds
        Of the sums.
    """

    product_below: Mask
    product_above: Mask
    below: Mask
    above: Mask
    reach: int
    last: Bounds


def partial_sums(operation: Affine, source: Bounds, fraction: int) -> PartialSums:
    """Follow the bounds of the sums term by term, saturated as the accumulator saturates."""
    form, shift = operation.accumulator, fraction + operation.weight_fraction
    shift -= form.fraction
    sides = [np.append(side, 0)[operation.index].astype(object) for side in source]
    start = operation.bias[operation.group].astype(object)
    low, high, reach = start, start, int(abs(start).max(initial=0))
    flags: list[list[Mask]] = [[], [], [], []]
    for k in range(operation.index.shape[1]):
        weight = operation.weight[operation.group, k].astype(object)
        ends = [side[:, k, None] * weight for side in sides]
        product = rounded(Bounds(np.minimum(*ends), np.maximum(*ends)), shift, form.rounding)
        outside = product.low < form.lowest, product.high > form.maximum
        reach = max(reach, product.reach())
        if form.overflow != "WRAP" and not operation.late:
            product = _saturated(product, form)
        total = Bounds(low + product.low, high + product.high)
        reach = max(reach, total.reach())
        passes = (*outside, total.low < form.lowest, total.high > form.maximum)
        for mine, flag in zip(flags, passes, strict=True):
            mine.append(flag.astype(bool))
        low, high = total if form.overflow == "WRAP" else _saturated(total, form)
    below = [np.array(mine, bool).reshape(-1, *start.shape) for mine in flags]
    last = Bounds(low.reshape(-1), high.reshape(-1))
    return PartialSums(below[0], below[1], below[2], below[3], reach, last)


def _saturated(bounds: Bounds, form: FixedPoint) -> Bounds:
    low, high = (np.clip(side, form.lowest, form.maximum) for side in bounds)
    if form.overflow == "SAT_ZERO":
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return Bounds(low, high)


def _aligned(values: Exact, shift: int, upward: int) -> Exact:
    """Bring products to the accumulator's fraction, ``upward`` steps above the floor."""
    return values << -shift if shift <= 0 else (values >> shift) + upward


def hull(bounds: Bounds) -> tuple[int, int]:
    """Return the smallest and the largest value of all elements."""
    return int(bounds.low.min()), int(bounds.high.max())


class Facts(NamedTuple):
    """What is proven about one operation.

    ``exact`` bounds the value before the last cast and ``bounds`` after it. For an `Affine`,
    ``sums`` tells more: ``exact`` then is in the accumulator's format, after its overflow.
    """

    bounds: Bounds
    exact: Bounds
    sums: Sums | None = None


def in_order(operation: Affine, sums: Sums, fraction: int) -> bool:
    """Tell whether an `Affine` must repeat every cast of the firmware, term by term.

    Wrapping and flooring commute with addition; other roundings and saturation do not.
    """
    drops = fraction + operation.weight_fraction > operation.accumulator.fraction
    floors = operation.accumulator.rounding == "TRN" or not drops
    wraps = operation.accumulator.overflow == "WRAP"
    return not (floors and (wraps or sums.never_overflows))


def analyse(graph: Graph) -> dict[str, Facts]:
    """Return the facts of every tensor of a graph, by name."""
    facts: dict[str, Facts] = {}
    formats = {name: tensor.format for name, tensor in graph.tensors.items()}
    for tensor in graph.inputs:
        bounds = Bounds.of_format(tensor.format, tensor.size)
        facts[tensor.name] = Facts(bounds, bounds)
    for operation in graph.operations:
        facts[operation.output.name] = facts_of(operation, facts, formats)
    return facts


def facts_of(
    operation: Operation, facts: dict[str, Facts], formats: dict[str, FixedPoint]
) -> Facts:
    """Return the facts of one operation from those of what it reads."""
    output = operation.output
    sums = None
    if isinstance(operation, Affine):
        source = facts[operation.source].bounds
        form, accumulator = formats[operation.source], operation.accumulator
        sums = of_sums(operation, source, form.fraction)
        exact, fraction = sums.exact, accumulator.fraction
        if in_order(operation, sums, form.fraction) and not sums.never_overflows:
            exact = Bounds.of_format(accumulator, output.size)
            if accumulator.overflow != "WRAP":
                exact = partial_sums(operation, source, form.fraction).last
        elif not sums.never_overflows:
            exact, _ = after_cast(exact, fraction, accumulator)
    elif isinstance(operation, Piecewise):
        exact = of_segments(operation, facts[operation.source].bounds)
        fraction = operation.fraction
        if operation.formats:
            exact, fraction = _of_choice(operation, exact)
    elif isinstance(operation, Lookup):
        exact = of_table(operation)
        # No cast follows: a table may hold what a symmetric saturation never gives.
        return Facts(exact, exact, None)
    elif isinstance(operation, Binary):
        left = facts[operation.left].bounds.take(operation.left_index)
        right = facts[operation.right].bounds.take(operation.right_index)
        first, second = formats[operation.left].fraction, formats[operation.right].fraction
        fraction = first + second
        if operation.kind != "multiply":
            fraction = max(first, second)
            left = Bounds(left.low << (fraction - first), left.high << (fraction - first))
            right = Bounds(right.low << (fraction - second), right.high << (fraction - second))
        exact = of_binary(operation, left, right)
        fraction += operation.halvings
    elif isinstance(operation, Divide):
        source = facts[operation.source].bounds.take(operation.index)
        exact = Bounds(np.minimum(source.low, 0), np.maximum(source.high, 0))
        fraction = output.format.fraction
    else:
        parts = [
            after_cast(facts[s].bounds, formats[s].fraction, operation.form_of(formats[s]))[0]
            for s in operation.sources
        ]
        joined = Bounds(
            np.concatenate([part.low for part in parts]),
            np.concatenate([part.high for part in parts]),
        )
        exact = joined.take(operation.index, operation.fill)
        return Facts(exact, exact, None)
    return Facts(after_cast(exact, fraction, output.format)[0], exact, sums)


def _of_choice(operation: Piecewise, exact: Bounds) -> tuple[Bounds, int]:
    """Return the bounds after the casts to each element's own format, and the finest fraction."""
    assert operation.choice is not None
    finest = max(form.fraction for form in operation.formats)
    low, high = exact.low.copy(), exact.high.copy()
    for number, form in enumerate(operation.formats):
        chosen = operation.choice == number
        if chosen.any():
            part, _ = after_cast(Bounds(low[chosen], high[chosen]), operation.fraction, form)
            low[chosen] = part.low << (finest - form.fraction)
            high[chosen] = part.high << (finest - form.fraction)
    return Bounds(low, high), finest
