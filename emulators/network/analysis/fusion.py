"""What runs as one: which casts end in the registers of a sum, and how wide those are.

An operation is computed in two parts: its prologue gives the exact values, its casts bring them
into the output's format. Where the prologue of a `Piecewise` is only a copy or a relu, the sums of
the `Affine` before it take over both.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.network.analysis import intervals
from l1kd.emulators.network.analysis.intervals import Facts
from l1kd.emulators.network.analysis.memory import bits_for
from l1kd.emulators.network.graph import Affine, Graph, Operation, Piecewise, sources

__all__ = ["Kernel", "Prologue", "affine_kernel", "fused_consumers", "fusion_prologue"]


class Prologue(Enum):
    """What a `Piecewise` computes before its cast, from the cheapest on."""

    COPY = "copy"
    """Nothing: the value itself, perhaps with another binary point."""
    RELU = "relu"
    """The larger of the value and zero."""
    SEGMENT = "segment"
    """One affine function, of every element its own."""
    SEGMENTS = "segments"
    """One of two affine functions, on either side of a threshold, and perhaps limits."""

    @property
    def fuses(self) -> bool:
        """Whether the registers of a sum can do it besides their cast."""
        return self in (Prologue.COPY, Prologue.RELU)


def fusion_prologue(operation: Piecewise) -> tuple[Prologue, int]:
    """Return the cheapest prologue of a `Piecewise`, and the power of two it scales by."""
    scale = int(operation.scale_above[0]) if operation.scale_above.size else 1
    power = scale > 0 and scale & (scale - 1) == 0
    uniform = bool((operation.scale_above == scale).all()) and not operation.offset_above.any()
    if operation.limits is not None:
        return Prologue.SEGMENTS, 1
    same = bool(
        (operation.scale_above == operation.scale_below).all()
        and (operation.offset_above == operation.offset_below).all()
    )
    if power and uniform and same:
        return Prologue.COPY, scale
    nothing = not (operation.scale_below.any() or operation.offset_below.any())
    if power and uniform and nothing and not operation.threshold.any():
        return Prologue.RELU, scale
    return (Prologue.SEGMENT if same else Prologue.SEGMENTS), 1


def fused_consumers(graph: Graph, outputs: Sequence[str]) -> dict[str, Piecewise]:
    """Return the plain casts and relus that alone read the result of an `Affine`, by its name."""
    readers: dict[str, list[Operation]] = {}
    for operation in graph.operations:
        for name in sources(operation):
            readers.setdefault(name, []).append(operation)
    found = {}
    for operation in graph.operations:
        name = operation.output.name
        after = readers.get(name, [])
        if not isinstance(operation, Affine) or name in outputs or len(after) != 1:
            continue
        reader = after[0]
        if isinstance(reader, Piecewise) and fusion_prologue(reader)[0].fuses:
            in_place = np.array_equal(reader.index, np.arange(operation.output.size))
            if in_place and not reader.formats:
                found[name] = reader
    return found


class Kernel(NamedTuple):
    """How an `Affine` runs: machine width, remaining shift of products, weights to use."""

    width: int
    shift: int
    weights: AnyArray


def affine_kernel(
    operation: Affine, facts: dict[str, Facts], fraction: int, reach: int = 0
) -> Kernel:
    """Choose the narrowest machine width that gives the exact sums of an `Affine`.

    ``reach`` is the largest magnitude that the cast of a sum meets, where the kernel does it.

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
        # A late cast rounds the sum, which until then has the fraction bits of the products.
        finer = max(shift, 0) if operation.late else 0
        if sums.products << max(-shift, 0) >= 1 << 62 or accumulator.width + finer > 61:
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
        # Sums that need no wrapping get none: the word must hold them, with its sign.
        modular = not sums.never_overflows and accumulator.overflow == "WRAP"
        modular &= accumulator.width <= width
        whole_sum = modular or bits_for(*intervals.hull(sums.exact)) <= width
        whole_sum &= reach < limit
        if fits and whole_sum and (shift == 0 or (products < limit and width > 16)):
            return Kernel(width, shift, weights)
    raise ValueError("sums or products could exceed 64 bits")
