"""Generated code that checks and scales floating-point events and casts them for the first layer.

A number of single precision times a power of two is exact in it, and so is its rounding to a whole
number, however large. The casts of a network's inputs need nothing wider therefore, and those that
follow in a first layer of casts are done at once, while the numbers are in registers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.analysis.fusion import Prologue, fusion_prologue
from l1kd.emulators.network.graph import Graph, Operation, Piecewise, Tensor, sources
from l1kd.emulators.network.native.casts import EXACT
from l1kd.emulators.network.native.edges import AHEAD, DOUBLES, TURNED, Block, across
from l1kd.emulators.network.native.ir import Tile, scalar, vector
from l1kd.emulators.network.preparation import Preparation

__all__ = ["Front", "front_of"]

_ROUNDINGS = {"TRN": "floor", "RND_CONV": "roundeven"}
_BYTES = {"float": 4, "double": 8}


class _UnknownError(ValueError):
    """A cast that single precision does not do."""


@dataclass(frozen=True, eq=False)
class _Step:
    """One cast of an element: by which power of two, how it is rounded, what happens outside."""

    power: int
    rounding: str | None
    form: FixedPoint
    inside: bool


@dataclass(frozen=True, eq=False)
class Front:
    """A preparation and the casts behind it; ``graph`` is the network that is left."""

    graph: Graph
    preparation: Preparation
    steps: Sequence[Sequence[_Step]]

    def reader(self, name: str, kind: str, row: int, tile: Tile) -> str:
        """Return a function like `edges.reader` for events of ``kind`` numbers."""
        size, step = len(self.steps), _BYTES[kind]
        writer = _Writer(self, Block("a"), tile)
        width = TURNED if size >= TURNED else 1
        for first in [*range(0, size - width, width), size - width]:
            writer.take(kind, first, width, size * step)
        for element in range(size):
            writer.store(element, row)
        flags = vector("i1", tile.lanes)
        return f"""define internal i64 @{name}(ptr %events, ptr %tile) noinline nounwind {{
entry:
  br label %outer
outer:
  %event = phi i64 [ 0, %entry ], [ %later, %outer ]
  %wrong = phi {flags} [ zeroinitializer, %entry ], [ {writer.wrong}, %outer ]
  %origin = mul i64 %event, {size * step}
  %from = getelementptr i8, ptr %events, i64 %origin
{chr(10).join([*tile.bases(), *writer.block.lines])}
  %later = add i64 %event, {tile.lanes}
  %more = icmp ult i64 %later, {tile.events}
  br i1 %more, label %outer, label %done
done:
  %flags = bitcast {flags} {writer.wrong} to i{tile.lanes}
  %flag = zext i{tile.lanes} %flags to i64
  ret i64 %flag
}}"""


def front_of(graph: Graph, preparation: Preparation) -> Front | None:
    """Plan the casts of a network's numbers, all of which must be one tensor; None if unknown."""
    if len(graph.inputs) != 1 or graph.inputs[0].size != preparation.scale.size:
        return None
    tensor, first = graph.inputs[0], next(iter(graph.operations))
    forms, points = [[tensor.format]] * tensor.size, [0]
    rest = graph
    if _casts(graph, tensor, first):
        assert isinstance(first, Piecewise)
        scale = fusion_prologue(first)[1]
        points.append(first.fraction - scale.bit_length() + 1 - tensor.format.fraction)
        choice = np.zeros(tensor.size, int) if first.choice is None else first.choice
        between = [[first.formats[c]] if first.formats else [] for c in choice]
        forms = [
            [tensor.format, *form, first.output.format] if place >= 0 else []
            for place, form in zip(first.index, between, strict=True)
        ]
        rest = _without(graph, first)
    if rest.inputs[0].format.maximum >= EXACT:
        return None
    try:
        steps = [_steps(chain, sum(points), preparation, e) for e, chain in enumerate(forms)]
    except _UnknownError:
        return None
    return Front(rest, preparation, steps)


def _casts(graph: Graph, tensor: Tensor, operation: Operation) -> bool:
    """Tell whether all that reads the input is casts, element by element."""
    alone = [op for op in graph.operations if tensor.name in sources(op)] == [operation]
    if not alone or not isinstance(operation, Piecewise) or tensor.name in graph.outputs:
        return False
    plain = fusion_prologue(operation)[0] is Prologue.COPY
    every = np.arange(tensor.size)
    same = operation.index.shape == every.shape
    return plain and same and bool(((operation.index == every) | (operation.index < 0)).all())


def _without(graph: Graph, first: Piecewise) -> Graph:
    layers = [
        replace(layer, operations=tuple(op for op in layer.operations if op is not first))
        for layer in graph.layers
    ]
    kept = tuple(layer for layer in layers if layer.operations)
    return Graph(graph.name, (first.output,), graph.outputs, kept)


def _steps(
    forms: Sequence[FixedPoint], point: int, preparation: Preparation, element: int
) -> list[_Step]:
    """Plan the casts of one element, none of one that is zero.

    ``point`` moves that of raw values behind the first cast.
    """
    scale, smallest = (float(part[element]) for part in (preparation.scale, preparation.smallest))
    if scale < 1.0 and smallest < 0.0:
        # Scaled numbers next to zero may be rounded to it, which a floor would tell.
        raise _UnknownError
    low, high = (Fraction(float(s[element])) for s in (preparation.least, preparation.most))
    unit, steps = 0, []
    for number, form in enumerate(forms):
        power = form.fraction - unit
        low, high = low * Fraction(2) ** power, high * Fraction(2) ** power
        rounding = _ROUNDINGS.get(form.rounding)
        if power < 0 or number == 0:
            if rounding is None:
                raise _UnknownError
            turn = math.floor if rounding == "floor" else round
            low, high = Fraction(turn(low)), Fraction(turn(high))
        inside = form.lowest <= low and high <= form.maximum
        if not inside:
            wide = max(abs(low), abs(high)) + (1 << form.width) >= EXACT
            if number == 0 or wide or form.overflow not in ("WRAP", "SAT"):
                raise _UnknownError
            low, high = Fraction(form.minimum), Fraction(form.maximum)
        steps.append(_Step(power, rounding if power < 0 or number == 0 else None, form, inside))
        unit = form.fraction + (point if number == 0 else 0)
    return steps


class _Writer:
    """The instructions of a front for as many events as a register has numbers."""

    def __init__(self, front: Front, block: Block, tile: Tile) -> None:
        self._front, self.block, self._tile = front, block, tile
        self._kind, self._flags = vector("float", tile.lanes), vector("i1", tile.lanes)
        self._values: dict[int, str] = {}
        self.wrong = "%wrong"
        pairs = front.preparation
        self._falling = {int(b): int(a) for a, b in pairs.falling}
        self._empty = {int(b): int(a) for a, b in pairs.empty}

    def take(self, kind: str, first: int, width: int, stride: int) -> None:
        """Load some elements of all events, and check them."""
        block, lanes, step, loaded = self.block, self._tile.lanes, _BYTES[kind], []
        for lane in range(lanes):
            place = lane * stride + first * step
            pointer = block.let(f"getelementptr i8, ptr %from, i64 {place}")
            value = block.let(f"load <{width} x {kind}>, ptr {pointer}, align {step}")
            if kind == DOUBLES:
                value = block.let(f"fptrunc <{width} x double> {value} to <{width} x float>")
            loaded.append(value)
        for line in range(0 if self._tile.fetched else -(-lanes * width * step // 64)):
            ahead = AHEAD * lanes * stride + first * lanes * step + 64 * line
            pointer = block.let(f"getelementptr i8, ptr %from, i64 {ahead}")
            block.do(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 2, i32 1)")
        for number, value in enumerate(across(block, loaded, "float", width)):
            if first + number not in self._values:
                self._values[first + number] = value
                self._check(first + number)

    def _check(self, element: int) -> None:
        preparation, value = self._front.preparation, self._values[element]
        self._misfit(f"fcmp ult {self._kind} {value}, {self._splat(preparation.smallest[element])}")
        self._misfit(f"fcmp ugt {self._kind} {value}, {self._splat(preparation.largest[element])}")
        if element in self._falling:
            before = self._values[self._falling[element]]
            self._misfit(f"fcmp olt {self._kind} {before}, {value}")
        if element in self._empty:
            zero = self._splat(0.0)
            gate = self._values[self._empty[element]]
            none = self.block.let(f"fcmp oeq {self._kind} {gate}, {zero}")
            some = self.block.let(f"fcmp one {self._kind} {value}, {zero}")
            self._misfit(f"and {self._flags} {none}, {some}")

    def _misfit(self, test: str) -> None:
        found = self.block.let(test)
        self.wrong = self.block.let(f"or {self._flags} {self.wrong}, {found}")

    def store(self, element: int, row: int) -> None:
        """Scale, limit and cast an element, and put it into its row."""
        preparation, value = self._front.preparation, self._values[element]
        scale, smallest, largest, least, most = (
            float(part[element])
            for part in (preparation.scale, preparation.smallest, preparation.largest,
                         preparation.least, preparation.most)
        )  # fmt: skip
        value = value if self._front.steps[element] else self._splat(0.0)
        for number, step in enumerate(self._front.steps[element]):
            unit = 2.0**step.power
            factor = unit * scale if number == 0 else unit
            if factor != 1.0:
                value = self.block.let(f"fmul {self._kind} {value}, {self._splat(factor)}")
            if number == 0 and smallest * scale < least:
                value = self._limited("olt", value, least * unit)
            if number == 0 and largest * scale > most:
                value = self._limited("ogt", value, most * unit)
            if step.rounding is not None:
                name = f"@llvm.{step.rounding}.v{self._tile.lanes}f32"
                value = self.block.let(f"call {self._kind} {name}({self._kind} {value})")
            if not step.inside:
                value = self._inside(value, step.form)
        place = row + element * 4 * self._tile.block
        pointer = self.block.let(f"getelementptr i8, ptr %float, i64 {place}")
        self.block.do(f"store {self._kind} {value}, ptr {pointer}, align {4 * self._tile.lanes}")

    def _inside(self, value: str, form: FixedPoint) -> str:
        """Saturate or wrap a whole number."""
        if form.overflow == "SAT":
            value = self._limited("olt", value, form.minimum)
            return self._limited("ogt", value, form.maximum)
        turn, kind = float(1 << form.width), self._kind
        above = self.block.let(f"fsub {kind} {value}, {self._splat(form.minimum)}")
        part = self.block.let(f"fmul {kind} {above}, {self._splat(1.0 / turn)}")
        name = f"@llvm.floor.v{self._tile.lanes}f32"
        turns = self.block.let(f"call {kind} {name}({kind} {part})")
        name = f"@llvm.fma.v{self._tile.lanes}f32"
        return self.block.let(
            f"call {kind} {name}({kind} {turns}, {kind} {self._splat(-turn)}, {kind} {value})"
        )

    def _limited(self, test: str, value: str, limit: float) -> str:
        bound = self._splat(limit)
        outside = self.block.let(f"fcmp {test} {self._kind} {value}, {bound}")
        return self.block.let(
            f"select {self._flags} {outside}, {self._kind} {bound}, {self._kind} {value}"
        )

    def _splat(self, value: float) -> str:
        return f"splat (float {scalar('float', float(value))})"
