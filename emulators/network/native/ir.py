"""LLVM instructions whose registers hold one number of several events side by side.

They work on a tile, which is a number of blocks of two registers' events. What they read and write
are rows of a block: the values of one tensor element in all its events, as 32-bit floating point
where they are exact in it, else as 64-bit integers. The rows of a block lie side by side, so that
reading them one after the other is reading on.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

from l1kd.emulators.array_types import Integers, Mask

__all__ = [
    "Address",
    "Code",
    "Line",
    "Number",
    "Piece",
    "Placed",
    "Tile",
    "WeightTable",
    "declarations",
    "scalar",
    "vector",
]


class Tile(NamedTuple):
    """The events of a tile, the bytes of a block's rows, and the events of a register.

    ``fetched`` tells whether its events are on their way into the cache when a reader comes.
    """

    events: int
    stride: int
    lanes: int
    fetched: bool = False

    @property
    def block(self) -> int:
        """Events of a block."""
        return 2 * self.lanes

    @property
    def size(self) -> int:
        """Bytes of a whole tile."""
        return self.events // self.block * self.stride

    def bases(self) -> list[str]:
        """Return instructions that point to the rows of both kinds at ``%event``."""
        return [
            f"  %block = lshr i64 %event, {self.block.bit_length() - 1}",
            f"  %behind = mul i64 %block, {self.stride}",
            "  %rows = getelementptr i8, ptr %tile, i64 %behind",
            f"  %within = and i64 %event, {self.block - 1}",
            "  %narrow = shl i64 %within, 2",
            "  %float = getelementptr i8, ptr %rows, i64 %narrow",
            "  %broad = shl i64 %within, 3",
            "  %i64 = getelementptr i8, ptr %rows, i64 %broad",
        ]


class Number(NamedTuple):
    """A register: its name or constant, its kind, and its unit, which is ``2**-unit``.

    ``kind`` is ``float``, ``i32`` or ``i64``. Integers always are raw values; a floating-point
    number may have a fraction, as long as it is exact.
    """

    name: str
    kind: str
    unit: int


def vector(kind: str, lanes: int) -> str:
    """Return the type of a register."""
    return f"<{lanes} x {kind}>"


def scalar(kind: str, value: float) -> str:
    """Return a constant; floating-point ones are written as the bits of a double."""
    if kind in ("float", "double"):
        return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
    return str(int(value))


class Placed(NamedTuple):
    """Rows of elements by their offset in bytes, and which of them hold 64-bit integers.

    An offset of -1 stands for zero.
    """

    rows: Integers
    wide: Mask

    def at(self, *index: int) -> tuple[int, bool]:
        """Return the row of an element and whether it holds 64-bit integers."""
        return int(self.rows[index]), bool(self.wide[index])


class Address(NamedTuple):
    """An instruction that points to a row of the piece; ``shift`` bytes behind it."""

    result: str
    kind: str
    shift: int


class Piece(NamedTuple):
    """Instructions for one or a few outputs, by number, and the rows they point to, in order."""

    number: int
    rows: tuple[int, ...]


Line = str | Address


class Code:
    """Instructions of one step of a program for the events of ``blocks`` registers.

    They come in pieces, which share no register. The rows of a piece are kept apart from its
    instructions, so that pieces that differ in their rows alone are known to be equal.
    """

    def __init__(self, lanes: int, blocks: int = 1) -> None:
        self.lanes, self.blocks = lanes, blocks
        self.pieces: list[Piece] = []
        self.bodies: dict[tuple[Line, ...], int] = {}
        """The instructions of the pieces, and their numbers, in order."""
        self._lines: list[Line] = []
        self._rows: list[int] = []
        self._count = 0

    @property
    def size(self) -> int:
        """Instructions of all pieces."""
        sizes = [len(body) for body in self.bodies]
        return sum(sizes[piece.number] for piece in self.pieces)

    def finish(self) -> None:
        """End a piece."""
        body = tuple(self._lines)
        number = self.bodies.setdefault(body, len(self.bodies))
        self.pieces.append(Piece(number, tuple(self._rows)))
        self._lines, self._rows, self._count = [], [], 0

    def do(self, text: str) -> None:
        """Add an instruction without a result."""
        self._lines.append("  " + text)

    def let(self, text: str) -> str:
        """Add an instruction and return the name of its result."""
        self._count += 1
        self._lines.append(f"  %v{self._count} = {text}")
        return f"%v{self._count}"

    def vector(self, kind: str) -> str:
        """Return the type of a register."""
        return vector(kind, self.lanes)

    def splat(self, kind: str, value: float) -> str:
        """Return a register of equal constants."""
        return f"splat ({kind} {scalar(kind, value)})"

    def barrier(self) -> None:
        """Keep the compiler from moving loads across this place, which would cost registers."""
        self.do('call void asm sideeffect "", "~{memory}"()')

    def address(self, kind: str, row: int, block: int = 0) -> str:
        """Return a pointer to a row of ``kind`` (``float`` or ``i64``)."""
        size = 4 if kind == "float" else 8
        self._count += 1
        self._rows.append(row)
        self._lines.append(Address(f"%v{self._count}", kind, block * self.lanes * size))
        return f"%v{self._count}"

    def load(self, kind: str, row: int, block: int = 0) -> str:
        """Load a register from a row."""
        place = self.address(kind, row, block)
        return self.let(f"load {self.vector(kind)}, ptr {place}, align {4 * self.lanes}")

    def store(self, kind: str, name: str, row: int, block: int = 0) -> None:
        """Store a register to a row."""
        place = self.address(kind, row, block)
        self.do(f"store {self.vector(kind)} {name}, ptr {place}, align {4 * self.lanes}")

    def gather(self, kind: str, table: str, held: str, index: str) -> str:
        """Load the entries of a global table at a register of indices of kind ``held``."""
        places = self.let(f"getelementptr {kind}, ptr @{table}, {self.vector(held)} {index}")
        kinds, size = self.vector(kind), 4 if kind == "float" else 8
        name = f"llvm.masked.gather.v{self.lanes}{_suffix(kind)}.v{self.lanes}p0"
        return self.let(f"call {kinds} @{name}({self.vector('ptr')} align {size} {places}, "
                        f"{self.vector('i1')} splat (i1 1), {kinds} poison)")  # fmt: skip

    def weight(self, kind: str, offset: int) -> str:
        """Load one constant from the table of weights into all lanes."""
        place = self.let(f"getelementptr i8, ptr %weights, i64 {offset}")
        value = self.let(f"load {kind}, ptr {place}, align 4")
        kinds = self.vector(kind)
        first = self.let(f"insertelement {kinds} poison, {kind} {value}, i32 0")
        return self.let(
            f"shufflevector {kinds} {first}, {kinds} poison, {self.vector('i32')} zeroinitializer"
        )

    def binary(self, word: str, kind: str, left: str, right: str) -> str:
        """Add an instruction of two registers of one kind."""
        return self.let(f"{word} {self.vector(kind)} {left}, {right}")

    def call(self, name: str, kind: str, arguments: Sequence[str]) -> str:
        """Call an intrinsic whose arguments and result are registers of one kind."""
        kinds = self.vector(kind)
        values = ", ".join(f"{kinds} {argument}" for argument in arguments)
        return self.let(f"call {kinds} @llvm.{name}.v{self.lanes}{_suffix(kind)}({values})")

    def convert(self, word: str, kind: str, name: str, target: str) -> str:
        """Convert a register to another kind."""
        return self.let(f"{word} {self.vector(kind)} {name} to {self.vector(target)}")

    def cast(self, kind: str, name: str, target: str) -> str:
        """Take the bits of a register for numbers of another kind."""
        return self.let(f"bitcast {self.vector(kind)} {name} to {self.vector(target)}")

    def pairs(self, left: str, right: str, total: str) -> str:
        """Multiply both halves of 32-bit numbers with their sign, and add both products."""
        halves = f"<{2 * self.lanes} x i16>"
        parts = [self.let(f"bitcast {self.vector('i32')} {name} to {halves}")
                 for name in (left, right)]  # fmt: skip
        arguments = ", ".join(f"{halves} {part}" for part in parts)
        both = self.let(f"call {self.vector('i32')} @{_PAIRS[self.lanes]}({arguments})")
        return self.binary("add", "i32", total, both)

    def choose(self, test: str, kind: str, left: str, right: str, yes: str, no: str) -> str:
        """Return ``yes`` where the comparison of ``left`` and ``right`` holds, else ``no``."""
        compare = "fcmp" if kind == "float" else "icmp"
        kinds = self.vector(kind)
        which = self.let(f"{compare} {test} {kinds} {left}, {right}")
        return self.let(f"select {self.vector('i1')} {which}, {kinds} {yes}, {kinds} {no}")

    def least(self, kind: str, name: str, limit: float) -> str:
        """Return the smaller of a register and a constant."""
        bound = self.splat(kind, limit)
        return self.choose("olt" if kind == "float" else "slt", kind, name, bound, name, bound)

    def most(self, kind: str, name: str, limit: float) -> str:
        """Return the larger of a register and a constant."""
        bound = self.splat(kind, limit)
        return self.choose("ogt" if kind == "float" else "sgt", kind, name, bound, name, bound)


class WeightTable:
    """Constants of 32 bits of all functions, each kept once."""

    def __init__(self) -> None:
        self._places: dict[int, int] = {}

    def place(self, value: float) -> int:
        """Return the offset in bytes of a number in single precision."""
        return self.word(int.from_bytes(struct.pack("<f", value), "little"))

    def word(self, bits: int) -> int:
        """Return the offset in bytes of 32 bits."""
        return 4 * self._places.setdefault(bits, len(self._places))

    def text(self) -> str:
        """Return the table as a global constant."""
        words = list(self._places) or [0]
        body = ", ".join(f"i32 {word}" for word in words)
        return f"@weights = internal constant [{len(words)} x i32] [{body}], align 64"


_PAIRS = {8: "llvm.x86.avx2.pmadd.wd", 16: "llvm.x86.avx512.pmaddw.d.512"}


def _suffix(kind: str) -> str:
    return {"float": "f32", "double": "f64"}.get(kind, kind)


def declarations(lanes: int) -> str:
    """Return the declarations of the intrinsics that functions may call."""
    kind = vector("float", lanes)
    lines = [f"declare {kind} @llvm.fma.v{lanes}f32({kind}, {kind}, {kind})"]
    halves = f"<{2 * lanes} x i16>"
    lines.append(f"declare {vector('i32', lanes)} @{_PAIRS[lanes]}({halves}, {halves})")
    for count, base in dict.fromkeys([(lanes, "float"), (8, "double"), (lanes, "double")]):
        kind = vector(base, count)
        for name in ("roundeven", "floor", "ceil", "trunc"):
            lines.append(f"declare {kind} @llvm.{name}.v{count}{_suffix(base)}({kind})")
    for base in ("float", "i64"):
        kind = vector(base, lanes)
        name = f"llvm.masked.gather.v{lanes}{_suffix(base)}.v{lanes}p0"
        lines.append(
            f"declare {kind} @{name}({vector('ptr', lanes)}, {vector('i1', lanes)}, {kind})"
        )
    if lanes == 16:
        for base, count, name in (("double", 8, "pd2dq"), ("float", 16, "ps2dq")):
            lines.append(
                f"declare <{count} x i32> @llvm.x86.avx512.mask.cvt{name}.512"
                f"(<{count} x {base}>, <{count} x i32>, i{count}, i32)"
            )
    lines.append("declare void @llvm.set.rounding(i32)")
    lines.append("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
    return "\n".join(lines)
