"""From a graph to the text of a program in LLVM's language, made for this network alone.

Constants are part of the code, weights of zero do not exist in it, and every step is only as wide
and only as long as the bounds of its numbers demand. What is the same at many positions becomes a
loop over them. A tensor lives in rows of 32-bit floating point where all its raw values are exact
in it, which lets one instruction multiply and add; else in 64-bit integers. Results are those of
the general machine, bit for bit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import singledispatchmethod
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices
from l1kd.emulators.network.analysis import intervals
from l1kd.emulators.network.analysis.fusion import (
    Prologue,
    affine_kernel,
    fused_consumers,
    fusion_prologue,
)
from l1kd.emulators.network.analysis.intervals import Bounds, Facts, analyse
from l1kd.emulators.network.analysis.memory import TILE, Memory, Step
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Gather,
    Graph,
    Lookup,
    Operation,
    Piecewise,
    Tensor,
    sources,
)
from l1kd.emulators.network.native.accumulation import FLOORED, REAL, Accumulation
from l1kd.emulators.network.native.casts import EXACT, Stage
from l1kd.emulators.network.native.edges import (
    DOUBLES,
    FLOATS,
    LINE,
    WORDS,
    float_reader,
    reader,
    runner,
    takes_floats,
)
from l1kd.emulators.network.native.elements import (
    Elements,
    PrologueWriter,
    binary,
    copied,
    divide,
    filled,
    lookup,
    segments,
)  # fmt: skip
from l1kd.emulators.network.native.front import Front, front_of
from l1kd.emulators.network.native.ir import Code, Placed, Tile, WeightTable, declarations, scalar
from l1kd.emulators.network.native.loops import functions
from l1kd.emulators.network.native.octets import (
    DECLARATIONS,
    WORD,
    Dots,
    Words,
    fits_octets,
    pack,
    suits_dots,
    words_of,
)
from l1kd.emulators.network.native.ordered import Ordered
from l1kd.emulators.network.native.pairs import Pairs
from l1kd.emulators.network.native.sums import Sums, word_of_sums
from l1kd.emulators.network.native.writers import writer
from l1kd.emulators.network.preparation import Preparation

__all__ = ["NativeText", "UnsuitableError", "write_native"]

# Beyond these compilation would take too long: lines of code, and products before repetitions are
# seen and become loops. Entries of tables.
MAX_LINES, MAX_PRODUCTS, MAX_ENTRIES = 100_000, 500_000, 1 << 14
# A tile fits the second-level cache beside the code. It has more blocks where registers are narrow:
# then the code is fetched again and again for few events, and would cost more than their rows.
MOST_BLOCKS, TILE_BYTES = {8: 8, 16: 1}, 320 << 10
# Instructions between two fetches of later events at least: else the readers fetch them.
LEAST_BETWEEN = 4
MOSTLY = 0.9
# Fraction bits of results whose unit is a number of double precision.
MOST_FRACTION = 900


class UnsuitableError(ValueError):
    """The network is better left to the general machine."""


class NativeText(NamedTuple):
    """The program, the events of a tile, and the bytes of memory it needs."""

    text: str
    tile: int
    size: int


Writer = Callable[[Code, Callable[[Placed], Placed], WeightTable], None]


class Planned(NamedTuple):
    """What writes a step, the registers of events it works on, and whether it rounds down."""

    write: Writer
    blocks: int
    floors: bool


@dataclass
class NativeBuilder:
    """The state of one translation."""

    graph: Graph
    facts: dict[str, Facts]
    after: dict[str, Piecewise]
    outputs: Sequence[str]
    lanes: int
    octets: bool
    """Whether the processor multiplies numbers of eight bits, four at once."""
    memory: Memory = field(default_factory=Memory)
    held: dict[str, Placed] = field(default_factory=dict)
    words: dict[str, Words] = field(default_factory=dict)
    planned: list[Planned] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)

    def new(self, name: str) -> Placed:
        """Reserve rows for a tensor."""
        bounds = self.facts[name].bounds
        wide = bounds.reach() > EXACT
        rows = self.memory.rows(bounds.low.size, 64 if wide else 32)
        self.held[name] = Placed(rows, np.full(rows.size, wide))
        return self.held[name]

    def take(self, name: str, index: Indices) -> Placed:
        """Return gathered rows; -1 stands for zero."""
        rows, wide = self.held[name]
        return Placed(np.append(rows, -1)[index], np.append(wide, False)[index])

    def fraction(self, name: str) -> int:
        """Return the fraction bits of a tensor."""
        return self.graph.tensors[name].format.fraction

    def step(
        self, write: Writer, reads: Sequence[Placed], writes: Placed, blocks: int = 1,
        floors: bool = False,
    ) -> None:  # fmt: skip
        """Add a step that reads and writes rows."""
        used = {i: placed.rows[placed.rows >= 0] for i, placed in enumerate(reads)}
        self.memory.steps.append(Step([], used, {0: writes.rows}))
        self.planned.append(Planned(write, blocks, floors))

    def elements(
        self, prologue: PrologueWriter, sources: Sequence[tuple[Placed, int]], target: Placed,
        stages: Sequence[Sequence[Stage]], unit: int, choice: AnyArray | None = None,
    ) -> None:  # fmt: skip
        """Add a step that treats every element by itself."""
        picked = np.zeros(target.rows.size, np.int64) if choice is None else choice
        part = Elements(prologue, stages, picked, unit)

        def write(code: Code, address: Callable[[Placed], Placed], _: WeightTable) -> None:
            part.write(code, [(address(held), unit) for held, unit in sources], address(target))

        self.step(write, [held for held, _ in sources], target)

    def joined(self, part: Pairs, source: Placed) -> Placed:
        """Add the step that joins elements; return the rows that each position reads."""
        rows = self.memory.rows(len(part.joined), 32)
        held = Placed(rows, np.zeros(rows.size, bool))

        def write(code: Code, address: Callable[[Placed], Placed], _: WeightTable) -> None:
            part.join(code, address(source), address(held))

        self.step(write, [source], held)
        return Placed(rows[part.index], held.wide[part.index])

    @singledispatchmethod
    def emit(self, operation: Operation) -> None:
        """Add the steps of one operation."""
        raise TypeError(type(operation).__name__)

    @emit.register
    def _(self, operation: Affine) -> None:
        part, target = self._accumulation(operation)
        packed = self._reads_octets(part, target)
        pairs = Pairs.of(part) if isinstance(part, Sums) else None
        if operation.source in self.words:
            words = self.words[operation.source]
            part, source = Dots.of(part, words), words.rows
        elif pairs is not None and (pairs.exact or not packed):
            part, source = pairs, self.joined(pairs, self.take(operation.source, pairs.joined))
        else:
            source = self.take(operation.source, operation.index)
        if packed:
            self._add_packed(part, source, target)
            return
        held = self.new(target.name)

        def write(code: Code, address: Callable[[Placed], Placed], table: WeightTable) -> None:
            part.write(code, address(source), address(held), table)

        self.step(write, [source], held, part.blocks(self.lanes), part.way == FLOORED)

    def _add_packed(self, part: Accumulation, source: Placed, target: Tensor) -> None:
        """Add the step of sums whose numbers are kept in words."""
        groups = part.groups(self.lanes, WORD)
        rows = self.memory.rows(sum(words_of(group) for group in groups), 32)
        held = Placed(rows, np.zeros(rows.size, np.bool_))
        self.words[target.name] = Words.of(groups, held, target.size)

        def write(code: Code, address: Callable[[Placed], Placed], table: WeightTable) -> None:
            first, places, given = 0, address(held), address(source)
            for group in groups:
                code.barrier()
                pack(code, part, group, part.sums(code, group, given, table), places, first)
                code.finish()
                first += words_of(group)

        self.step(write, [source], held, part.blocks(self.lanes))

    def _reads_octets(self, part: Accumulation, target: Tensor) -> bool:
        """Tell whether a tensor is better kept in words: only sums of eight bits read it."""
        real = isinstance(part, Sums) and part.way == REAL
        if not (self.octets and real):
            return False
        if target.name in self.outputs or not fits_octets(self.facts[target.name].bounds):
            return False
        readers = [op for op in self.graph.operations if target.name in sources(op)]
        return bool(readers) and all(
            isinstance(op, Affine) and suits_dots(self._accumulation(op)[0]) for op in readers
        )

    def _accumulation(self, operation: Affine) -> tuple[Accumulation, Tensor]:
        """Plan the sums of an operation; return what holds their casts, too."""
        output, fraction = operation.output, self.fraction(operation.source)
        facts = self.facts[output.name]
        sums = facts.sums
        assert sums is not None
        source_bounds = self.facts[operation.source].bounds
        ordered = intervals.in_order(operation, sums, fraction)
        kernel = affine_kernel(operation, self.facts, fraction)
        stages, exact, accumulator = [], facts.exact, operation.accumulator
        if not sums.never_overflows and not (ordered and accumulator.overflow != "WRAP"):
            words = intervals.in_words(sums.exact, word_of_sums(operation, sums))
            stages.append(Stage(accumulator, accumulator.fraction, words))
            exact = stages[0].result
        stages.append(Stage(output.format, accumulator.fraction, exact))
        target, consumer = output, self.after.get(output.name)
        if consumer is not None:
            target = consumer.output
            stages.append(self._fused(consumer, stages[-1].result))
        every = range(output.size)
        while len(stages) > 1 and all(stages[0].nothing(e) for e in every):
            stages = self._without_first(stages)
        if not ordered:
            return Sums.plan(operation, self.facts, kernel, stages), target
        try:
            return Ordered.plan(operation, source_bounds, fraction, stages), target
        except ValueError as error:
            raise UnsuitableError(str(error)) from error

    @staticmethod
    def _fused(operation: Piecewise, bounds: Bounds) -> Stage:
        prologue, scale = fusion_prologue(operation)
        fraction = operation.fraction - (scale.bit_length() - 1)
        return Stage(operation.output.format, fraction, bounds, prologue is Prologue.RELU)

    @staticmethod
    def _without_first(stages: list[Stage]) -> list[Stage]:
        """Leave a cast away that changes no value; only the next one's point may move."""
        first, second, *rest = stages
        moved = second.fraction - first.form.fraction + first.fraction
        return [Stage(second.form, moved, first.exact, second.relu), *rest]

    @emit.register
    def _(self, operation: Piecewise) -> None:
        output = operation.output
        if output.name in self.held or output.name in self.words:
            return
        source = self.take(operation.source, operation.index)
        bounds = self.facts[operation.source].bounds.take(operation.index)
        simple, scale = fusion_prologue(operation)
        prologue: PrologueWriter
        if simple.fuses:
            prologue, fraction, exact = copied, operation.fraction - scale.bit_length() + 1, bounds
        else:
            everything = self.facts[operation.source].bounds
            prologue, fraction = segments(operation, bounds), operation.fraction
            exact = intervals.of_segments(operation, everything)
        relu = simple is Prologue.RELU
        if operation.formats:
            first = [Stage(form, fraction, exact, relu) for form in operation.formats]
            stages = [[s, Stage(output.format, s.form.fraction, s.result)] for s in first]
        else:
            stages = [[Stage(output.format, fraction, exact, relu)]]
            same = all(stages[0][0].nothing(e) for e in range(output.size))
            if simple is Prologue.COPY and same and fraction == output.format.fraction \
                    and source.rows.min() >= 0:  # fmt: skip
                self.held[output.name] = source
                return
        unit = fraction if simple.fuses else 0
        self.elements(
            prologue, [(source, unit)], self.new(output.name), stages, output.format.fraction,
            operation.choice if operation.formats else None,
        )  # fmt: skip

    @emit.register
    def _(self, operation: Binary) -> None:
        output = operation.output
        names = operation.left, operation.right
        units = [self.fraction(name) for name in names]
        shifts, fraction = (0, 0), sum(units)
        if operation.kind != "multiply":
            fraction = max(units)
            shifts = fraction - units[0], fraction - units[1]
        exact = self.facts[output.name].exact
        reach = max([exact.reach(), *(self.facts[name].bounds.reach() << shift
                    for name, shift in zip(names, shifts, strict=True))])  # fmt: skip
        unit = fraction + operation.halvings
        sources = [
            (self.take(name, index), units[i])
            for i, (name, index) in enumerate(
                zip(names, (operation.left_index, operation.right_index), strict=True)
            )
        ]
        self.elements(
            binary(operation, shifts, reach, unit), sources, self.new(output.name),
            [[Stage(output.format, unit, exact)]], output.format.fraction,
        )  # fmt: skip

    @emit.register
    def _(self, operation: Divide) -> None:
        output = operation.output
        source = self.take(operation.source, operation.index)
        reach = self.facts[operation.source].bounds.reach()
        exact, unit = self.facts[output.name].exact, output.format.fraction
        self.elements(divide(operation, reach), [(source, unit)], self.new(output.name),
                      [[Stage(output.format, unit, exact)]], unit)  # fmt: skip

    @emit.register
    def _(self, operation: Lookup) -> None:
        if operation.table.size > MAX_ENTRIES:
            raise UnsuitableError(f"a table of {operation.table.size} entries")
        output, source = operation.output, self.take(operation.source, operation.index)
        target = self.new(output.name)
        kind = "i64" if target.wide[0] else "float"
        names = []
        for column in operation.table.T.tolist():
            names.append(f"table{len(self.tables)}")
            body = ", ".join(f"{kind} {scalar(kind, value)}" for value in column)
            text = f"[{len(column)} x {kind}] [{body}], align 64"
            self.tables.append(f"@{names[-1]} = internal constant {text}")
        reach, unit = self.facts[operation.source].bounds.reach(), output.format.fraction
        prologue = lookup(operation, reach, names, kind == "float")
        self.elements(prologue, [(source, 0)], target, [[]], unit)

    @emit.register
    def _(self, operation: Gather) -> None:
        output, parts = operation.output, []
        unit = output.format.fraction
        for name in operation.sources:
            bounds = self.facts[name].bounds
            form = operation.form_of(self.graph.tensors[name].format)
            stage = Stage(form, self.fraction(name), bounds)
            if stage.fraction == unit and all(stage.nothing(e) for e in range(bounds.low.size)):
                parts.append(self.held[name])
                continue
            wide = stage.result.reach() > EXACT
            rows = self.memory.rows(bounds.low.size, 64 if wide else 32)
            parts.append(Placed(rows, np.full(rows.size, wide)))
            self.elements(copied, [(self.held[name], stage.fraction)], parts[-1], [[stage]], unit)
        if operation.index.min() < 0:
            wide = abs(operation.fill) > EXACT
            row = self.memory.rows(1, 64 if wide else 32)
            parts.append(Placed(row, np.full(1, wide)))
            self.elements(filled(operation.fill, unit, not wide), [], parts[-1], [[]], unit)
        self.held[output.name] = Placed(
            np.concatenate([part.rows for part in parts])[operation.index],
            np.concatenate([part.wide for part in parts])[operation.index],
        )

    def text(self, outputs: Sequence[str], front: Front | None) -> NativeText:
        """Place the rows and write the program."""
        lanes = self.lanes
        inputs = [self.held[tensor.name] for tensor in self.graph.inputs]
        results = [self.held[name] for name in outputs]
        result = Placed(*(np.concatenate(parts) for parts in zip(*results, strict=True)))
        rows_in = np.concatenate([held.rows for held in inputs])
        places = self.memory.places(rows_in, result.rows)
        stride = places.words * 8 * 2 * lanes // TILE
        blocks = min(max(TILE_BYTES // stride, 1), MOST_BLOCKS[lanes])
        tile = Tile(blocks * 2 * lanes, stride, lanes)

        def address(placed: Placed) -> Placed:
            rows = placed.rows
            found = places.address(np.maximum(rows, 0)).astype(np.int64) * tile.block // TILE
            return Placed(np.where(rows < 0, -1, found), placed.wide)

        table, parts, calls, count = WeightTable(), [declarations(lanes), *self.tables], [], 0
        parts += [DECLARATIONS] if self.words else []
        codes = []
        for step in self.planned:
            codes.append(Code(lanes, step.blocks))
            step.write(codes[-1], address, table)
        lines = sum(tensor.size for tensor in self.graph.inputs) * 8 * tile.events // LINE
        executed = sum(code.size * tile.events // (code.blocks * lanes) for code in codes)
        every, fetched = executed // lines, 0
        every = every if every >= LEAST_BETWEEN else 0
        for number, (step, code) in enumerate(zip(self.planned, codes, strict=True)):
            calls += ["  call void @llvm.set.rounding(i32 3)"] if step.floors else []
            for function in functions(f"step{number}", code, tile, every):
                calls += [
                    f"  %behind{len(calls)} = mul i64 %share, {fetched}",
                    f"  %soon{len(calls)} = getelementptr i8, ptr %soon, i64 %behind{len(calls)}",
                    f"  call void @{function.name}(ptr %tile, ptr @weights, "
                    f"ptr %soon{len(calls)}, i64 %share)",
                ]
                fetched += function.fetches
                parts.append(function.text)
                count += function.lines
                if count > MAX_LINES:
                    raise UnsuitableError("too much code")
            calls += ["  call void @llvm.set.rounding(i32 1)"] if step.floors else []
        head = "define internal void @steps(ptr %tile, ptr %soon, i64 %share) noinline nounwind {"
        body = "\n".join([head, *calls, "  ret void", "}"])
        parts += [table.text(), body, writer("write", address(result), tile)]
        tensors = [self.graph.tensors[name] for name in outputs]
        units = [tensor.format.fraction for tensor in tensors for _ in range(tensor.size)]
        real = max(abs(unit) for unit in units) <= MOST_FRACTION
        if real:
            parts.append(writer("writereal", address(result), tile, units))
        tile = tile._replace(fetched=fetched >= MOSTLY * lines)
        places_in = [address(held) for held in inputs]
        if front is None:
            parts += self._ends(places_in, result.rows.size, tile, real)
        elif not real:
            raise UnsuitableError("results whose unit double precision does not hold")
        else:
            row = int(places_in[0].rows[0])
            parts += self._prepared(front, row, result.rows.size, tile)
        return NativeText("\n".join(parts), tile.events, tile.size)

    @staticmethod
    def _prepared(front: Front, row: int, count: int, tile: Tile) -> list[str]:
        """Return the functions that prepare events of every kind, and run the program on them."""
        parts, total = [], len(front.steps)
        for kind, step in ((FLOATS, 4), (DOUBLES, 8)):
            parts.append(front.reader(f"read{kind}", kind, row, tile))
            parts.append(runner(kind, step, [f"read{kind}"], "writereal", total, count, tile))
        return parts

    def _ends(self, inputs: Sequence[Placed], count: int, tile: Tile, real: bool) -> list[str]:
        """Return the functions that read events of every kind, and run the program on them."""
        tensors, parts = self.graph.inputs, []
        sizes = [tensor.size for tensor in tensors]
        total, firsts = sum(sizes), np.cumsum([0, *sizes]).tolist()
        places = [(int(placed.rows[0]), not placed.wide[0]) for placed in inputs]
        kinds: list[tuple[str, int]] = [(str(bits), bits // 8) for bits in WORDS]
        if real and all(takes_floats(tensor.format) for tensor in tensors):
            kinds += [(FLOATS, 4), (DOUBLES, 8)]
        for kind, step in kinds:
            names = [f"read{kind}_{number}" for number in range(len(tensors))]
            for name, tensor, first, place in zip(names, tensors, firsts, places, strict=False):
                where = (tensor.size, first, total, *place, tile)
                parts.append(
                    float_reader(name, kind, tensor.format, *where)
                    if kind in (FLOATS, DOUBLES)
                    else reader(name, int(kind), tensor.format, *where)
                )
            ends = "writereal" if kind in (FLOATS, DOUBLES) else "write"
            parts.append(runner(kind, step, names, ends, total, count, tile))
        return parts


def write_native(
    graph: Graph, outputs: Sequence[str], lanes: int, octets: bool = False,
    preparation: Preparation | None = None,
) -> NativeText:  # fmt: skip
    """Translate a graph into a program that gives the named tensors, one after the other.

    ``lanes`` are the numbers of 32 bits in a register: 8 or 16; ``octets`` tells whether the
    processor multiplies four numbers of eight bits at once, in registers of 16. With a preparation
    the program takes floating-point numbers alone, which it prepares.

    Raises
    ------
    UnsuitableError
        If the general machine serves this network better.
    ValueError
        If exact results could need more than 64 bits.
    """
    products = sum(op.index.size * op.weight.shape[2] for op in graph.operations
                   if isinstance(op, Affine))  # fmt: skip
    if products > MAX_PRODUCTS:
        raise UnsuitableError(f"{products} products")
    front = None if preparation is None else front_of(graph, preparation)
    if front is not None:
        graph = front.graph
    elif preparation is not None:
        raise UnsuitableError("casts of its inputs that need more than single precision")
    facts, after = analyse(graph), fused_consumers(graph, outputs)
    builder = NativeBuilder(graph, facts, after, outputs, lanes, octets and lanes == 16)
    for tensor in graph.inputs:
        builder.new(tensor.name)
    for operation in graph.operations:
        builder.emit(operation)
    return builder.text(outputs, front)
