"""Generated code that brings events into a tile, and runs tile after tile."""

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.native.ir import Tile, scalar, vector

__all__ = [
    "AHEAD",
    "DOUBLES",
    "FLOATS",
    "LINE",
    "TURNED",
    "WORDS",
    "Block",
    "across",
    "float_reader",
    "reader",
    "runner",
    "takes_floats",
    "turned",
]

WORDS = (16, 32, 64)
CONVERSIONS = {"TRN": 9, "RND_CONV": 8}
"""Roundings that instructions of AVX-512 do by themselves, by their number."""
FLOATS, DOUBLES = "float", "double"
"""What ends the names of the functions that take floating-point values."""
_BYTES = {FLOATS: 4, DOUBLES: 8}
# Elements that are turned at once, of as many events as a register has numbers of 32 bits.
TURNED = 8
# How far ahead events are fetched into the second-level cache; the nearest one has few places for
# lines under way. A reader that fetches by itself does so many registers of events before it reads
# them; the steps fetch those of the next tile, or of so many bytes further on. Bytes of a line.
AHEAD, AHEAD_BYTES, LINE = 4, 12 << 10, 64
_HALVES = [[0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]]


class Block:
    """Instructions with numbered results."""

    def __init__(self, name: str) -> None:
        self.lines: list[str] = []
        self._name = name

    def let(self, text: str) -> str:
        """Add an instruction and return the name of its result."""
        self.lines.append(f"  %{self._name}{len(self.lines)} = {text}")
        return f"%{self._name}{len(self.lines) - 1}"

    def do(self, text: str) -> None:
        """Add an instruction without a result."""
        self.lines.append("  " + text)


def misfit(form: FixedPoint, bits: int) -> tuple[int, int] | None:
    """Return number added and mask that leave bits where a value of ``bits`` bits misfits."""
    if form.signed:
        if form.width >= bits:
            return None
        return 1 << (form.width - 1), (1 << bits) - (1 << form.width)
    return 0, (1 << bits) - (1 << min(form.width, bits - 1))


def reader(
    name: str, bits: int, form: FixedPoint, size: int, first: int, total: int, row: int,
    real: bool, tile: Tile,
) -> str:  # fmt: skip
    """Return a function that transposes one input tensor of all events of a tile into its rows.

    The events hold ``total`` elements of ``bits`` bits, of which the tensor's begin at ``first``.
    The function returns a number that is not zero where a value misfits.
    """
    block, width = Block("a"), TURNED if size >= TURNED else 1
    kind = f"<{width} x i{bits}>"
    values = _loaded(block, f"i{bits}", width, total, bits // 8, tile)
    before = block.let(f"load {kind}, ptr %wrong, align 8")
    wrong = _checked(block, values, before, form, bits, width)
    block.do(f"store {kind} {wrong}, ptr %wrong, align 8")
    rows = _of_integers(block, values, bits, real, width)
    return _loop(name, block, rows, kind, size, first, total, bits // 8, row, real, tile)


def _checked(
    block: Block, values: list[str], before: str, form: FixedPoint, bits: int, width: int
) -> str:
    """Return ``before`` with more bits where one of an even number of registers misfits."""
    check, kind = misfit(form, bits), f"<{width} x i{bits}>"
    if check is None:
        return before
    plus, mask = (_constant(bits, number, width) for number in check)
    every = values
    if check[0]:
        every = [block.let(f"add {kind} {value}, {plus}") for value in values]
    # two at a time: processors or three registers at once
    found = before
    for one, other in zip(every[::2], every[1::2], strict=True):
        both = block.let(f"or {kind} {one}, {other}")
        found = block.let(f"or {kind} {found}, {both}")
    return block.let(f"and {kind} {found}, {mask}")


def float_reader(
    name: str, kind: str, form: FixedPoint, size: int, first: int, total: int, row: int,
    real: bool, tile: Tile,
) -> str:  # fmt: skip
    """Return a function like `reader` for events of floating-point values, which it casts.

    A value misfits, too, where the cast would wrap around, and where there is none.
    """
    block, width, lanes = Block("a"), TURNED if size >= TURNED else 1, tile.lanes
    values = _loaded(block, kind, width, total, _BYTES[kind], tile)
    if real and width > 1 and lanes == 2 * TURNED and form.rounding in CONVERSIONS:
        rows = _converted(block, values, kind, form)
        flags = f"<{lanes} x i32>"
        return _loop(name, block, rows, flags, size, first, total, _BYTES[kind], row, real, tile)
    base = "float" if real and kind == FLOATS else "double"
    early = kind == DOUBLES and width > 1
    count = width if early else lanes
    if not early:
        values = across(block, values, kind, width)
    misfits = [_none(block, values, kind, count)] if form.overflow == "SAT" else []
    held = "float" if real else "i64"
    rows = [_cast(block, value, kind, base, form, held, count, misfits) for value in values]
    if early:
        rows = across(block, rows, held, width)
    wrong = block.let(f"load <{count} x i32>, ptr %wrong, align 8")
    for misfit in misfits:
        wide = block.let(f"sext <{count} x i1> {misfit} to <{count} x i32>")
        wrong = block.let(f"or <{count} x i32> {wrong}, {wide}")
    block.do(f"store <{count} x i32> {wrong}, ptr %wrong, align 8")
    typed = [f"{vector(held, lanes)} {value}" for value in rows]
    flags = f"<{count} x i32>"
    return _loop(name, block, typed, flags, size, first, total, _BYTES[kind], row, real, tile)


def _converted(block: Block, values: list[str], kind: str, form: FixedPoint) -> list[str]:
    """Return rows of 16 registers of 8 floating-point numbers, rounded as they become integers.

    What no integer of 32 bits holds becomes the least of them, which misfits.
    """
    if kind == FLOATS:
        values = across(block, values, kind, TURNED)
    count = TURNED if kind == DOUBLES else 2 * TURNED
    wrong = block.let("load <16 x i32>, ptr %wrong, align 8")
    if form.overflow == "SAT":
        none = _none(block, values, kind, count)
        flags = block.let(f"sext <{count} x i1> {none} to <{count} x i32>")
        wide = flags if count > TURNED else _joined(block, flags, "zeroinitializer", "i32")
        wrong = block.let(f"or <16 x i32> {wrong}, {wide}")
    whole = [_integer(block, value, kind, count, form) for value in values]
    if kind == DOUBLES:
        whole = across(block, whole, "i32", TURNED)
    if form.overflow == "WRAP":
        wrong = _checked(block, whole, wrong, form, 32, 16)
    block.do(f"store <16 x i32> {wrong}, ptr %wrong, align 8")
    singles = [block.let(f"sitofp <16 x i32> {value} to <16 x float>") for value in whole]
    return [f"<16 x float> {value}" for value in singles]


def _integer(block: Block, value: str, kind: str, count: int, form: FixedPoint) -> str:
    """Return a register of numbers times a power of two, limited and rounded, as integers."""
    typed = vector(kind, count)

    def constant(number: float) -> str:
        return f"splat ({kind} {scalar(kind, number)})"

    value = block.let(f"fmul {typed} {value}, {constant(2.0**form.fraction)}")
    if form.overflow == "SAT":
        for test, end in (("ogt", form.minimum), ("olt", form.maximum)):
            inside = block.let(f"fcmp {test} {typed} {value}, {constant(float(end))}")
            value = block.let(
                f"select {vector('i1', count)} {inside}, {typed} {value}, {typed} {constant(end)}"
            )
    name = "pd2dq" if kind == DOUBLES else "ps2dq"
    return block.let(f"call <{count} x i32> @llvm.x86.avx512.mask.cvt{name}.512({typed} {value}, "
                     f"<{count} x i32> zeroinitializer, i{count} -1, "
                     f"i32 {CONVERSIONS[form.rounding]})")  # fmt: skip


def takes_floats(form: FixedPoint) -> bool:
    """Tell whether `float_reader` knows the casts to a format."""
    saturates = form.overflow == "SAT" and form.rounding in ("TRN", "RND", "RND_CONV")
    wraps = form.overflow == "WRAP" and form.rounding == "TRN"
    return (saturates or wraps) and form.width <= 53 and 0 <= form.fraction <= 100


def _none(block: Block, values: list[str], base: str, count: int) -> str:
    """Return the lanes in which any register holds infinity or what is no number.

    The difference of such a value and itself is no number, nor is a sum with it.
    """
    kind = vector(base, count)
    differences = [block.let(f"fsub {kind} {value}, {value}") for value in values]
    while len(differences) > 1:
        first, second, *others = differences
        differences = [*others, block.let(f"fadd {kind} {first}, {second}")]
    return block.let(f"fcmp uno {kind} {differences[0]}, {differences[0]}")


def _cast(
    block: Block, value: str, given: str, base: str, form: FixedPoint, held: str, count: int,
    misfits: list[str],
) -> str:  # fmt: skip
    """Return the raw values of a register of ``given`` numbers, computed in ``base``.

    Where the format wraps around, a flag of those that would is added to ``misfits``. Numbers times
    a power of two from 1 on are exact, or infinite.
    """
    kind, suffix = vector(base, count), "f32" if base == "float" else "f64"
    if base != given:
        value = block.let(f"fpext {vector(given, count)} {value} to {kind}")

    def constant(number: float) -> str:
        return f"<{', '.join([f'{base} {scalar(base, number)}'] * count)}>"

    scaled = block.let(f"fmul {kind} {value}, {constant(2.0**form.fraction)}")
    word = "roundeven" if form.rounding == "RND_CONV" else "floor"
    whole = block.let(f"call {kind} @llvm.{word}.v{count}{suffix}({kind} {scaled})")
    bits = vector("i1", count)
    if form.rounding == "RND":
        lost = block.let(f"fsub {kind} {scaled}, {whole}")
        up = block.let(f"fcmp oge {kind} {lost}, {constant(0.5)}")
        one = block.let(f"select {bits} {up}, {kind} {constant(1.0)}, {kind} {constant(0.0)}")
        whole = block.let(f"fadd {kind} {whole}, {one}")
    low, high = constant(float(form.minimum)), constant(float(form.maximum))
    below = block.let(f"fcmp ult {kind} {whole}, {low}")
    above = block.let(f"fcmp ugt {kind} {whole}, {high}")
    if form.overflow == "SAT":
        for outside, end in ((below, low), (above, high)):
            whole = block.let(f"select {bits} {outside}, {kind} {end}, {kind} {whole}")
    else:
        misfits.append(block.let(f"or {bits} {below}, {above}"))
    if held == "i64":
        return block.let(f"fptosi {kind} {whole} to {vector('i64', count)}")
    if base == "double":
        return block.let(f"fptrunc {kind} {whole} to {vector('float', count)}")
    return whole


def _loaded(block: Block, kind: str, width: int, total: int, step: int, tile: Tile) -> list[str]:
    """Load a register of elements for each of the events that are turned at once."""
    values = []
    for event in range(tile.lanes):
        place = block.let(f"add i64 %start, {event * total * step}")
        pointer = block.let(f"getelementptr i8, ptr %events, i64 {place}")
        values.append(block.let(f"load <{width} x {kind}>, ptr {pointer}, align {step}"))
    for line in range(0 if tile.fetched else -(-tile.lanes * width * step // 64)):
        place = block.let(f"add i64 %soon, {64 * line}")
        pointer = block.let(f"getelementptr i8, ptr %events, i64 {place}")
        block.do(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 2, i32 1)")
    return values


def _loop(
    name: str, block: Block, rows: list[str], kind: str, size: int, first: int, total: int,
    step: int, row: int, real: bool, tile: Tile,
) -> str:  # fmt: skip
    """Return a reader: ``block`` loads elements and collects in ``%wrong``, ``rows`` are stored."""
    byte, base, width = 4 if real else 8, "float" if real else "i64", len(rows)
    for number, value in enumerate(rows):
        place = block.let(f"add i64 %target, {number * byte * tile.block}")
        pointer = block.let(f"getelementptr i8, ptr %{base}, i64 {place}")
        block.do(f"store {value}, ptr {pointer}, align {4 * tile.lanes}")
    lanes = kind[1:].split()[0]
    head = f"""define internal i64 @{name}(ptr %events, ptr %tile) noinline nounwind {{
entry:
  %wrong = alloca {kind}, align 64
  store {kind} zeroinitializer, ptr %wrong, align 8
  br label %outer
outer:
  %event = phi i64 [ 0, %entry ], [ %later, %after ]
  %origin = mul i64 %event, {total * step}
{chr(10).join(tile.bases())}
  br label %inner
inner:
  %element = phi i64 [ 0, %outer ], [ %further, %inner ]
  %across = mul i64 %element, {step}
  %moved = add i64 %origin, {first * step}
  %start = add i64 %moved, %across
  %linear = mul i64 %element, {step * tile.lanes}
  %later_events = add i64 %origin, {AHEAD * tile.lanes * total * step}
  %soon = add i64 %linear, %later_events
  %down = mul i64 %element, {byte * tile.block}
  %target = add i64 %down, {row}
"""
    tail = f"""
  %ahead = add i64 %element, {width}
  %past = icmp ugt i64 %ahead, {size - width}
  %further = select i1 %past, i64 {size - width}, i64 %ahead
  %end = icmp eq i64 %element, {size - width}
  br i1 %end, label %after, label %inner
after:
  %later = add i64 %event, {tile.lanes}
  %more = icmp ult i64 %later, {tile.events}
  br i1 %more, label %outer, label %done
done:
  %all = load {kind}, ptr %wrong, align 8
  %none = icmp ne {kind} %all, zeroinitializer
  %flags = bitcast <{lanes} x i1> %none to i{lanes}
  %flag = zext i{lanes} %flags to i64
  ret i64 %flag
}}"""
    return head + "\n".join(block.lines) + tail


def _constant(bits: int, value: int, count: int) -> str:
    signed = value - (1 << bits) if value >> (bits - 1) else value
    return f"<{', '.join([f'i{bits} {signed}'] * count)}>"


def across(block: Block, values: list[str], kind: str, width: int) -> list[str]:
    """Return registers of elements, of all events, from registers of events."""
    lanes = len(values)
    if width == 1:
        joined = "poison"
        for lane, value in enumerate(values):
            single = block.let(f"extractelement <1 x {kind}> {value}, i32 0")
            joined = block.let(
                f"insertelement {vector(kind, lanes)} {joined}, {kind} {single}, i32 {lane}"
            )
        return [joined]
    if lanes == TURNED:
        return turned(block, values, kind)
    halves = values[:TURNED], values[TURNED:]
    if kind in ("i64", "double"):
        first, second = (turned(block, half, kind) for half in halves)
        return [_joined(block, a, b, kind) for a, b in zip(first, second, strict=True)]
    pairs = [_joined(block, a, b, kind) for a, b in zip(*halves, strict=True)]
    return turned(block, pairs, kind, 2)


def _joined(block: Block, first: str, second: str, kind: str) -> str:
    """Return the numbers of two registers side by side."""
    half = vector(kind, TURNED)
    order = ", ".join(f"i32 {n}" for n in range(2 * TURNED))
    return block.let(
        f"shufflevector {half} {first}, {half} {second}, <{2 * TURNED} x i32> <{order}>"
    )


def turned(block: Block, values: list[str], kind: str, parts: int = 1) -> list[str]:
    """Transpose 8 registers of 8 numbers, or of ``parts`` times 8, part by part."""
    count = TURNED * parts
    both = vector(kind, count)
    for _ in range(3):
        values = [
            block.let(
                f"shufflevector {both} {values[i]}, {both} {values[i + 4]}, "
                f"<{count} x i32> <{', '.join(f'i32 {n}' for n in _parted(order, parts))}>"
            )
            for i in range(4)
            for order in _HALVES
        ]
    return values


def _parted(order: list[int], parts: int) -> list[int]:
    """Repeat the order of a shuffle for every part of two registers."""
    return [
        n % TURNED + TURNED * part + (n // TURNED) * TURNED * parts
        for part in range(parts)
        for n in order
    ]


def _of_integers(block: Block, values: list[str], bits: int, real: bool, width: int) -> list[str]:
    """Return typed registers of elements from registers of events."""
    lanes, kept = len(values), bits
    if real and bits == 64 and width > 1:
        kept = 32
        if lanes > TURNED:
            pairs = zip(values[:TURNED], values[TURNED:], strict=True)
            values = turned(block, [_low_words(block, *pair) for pair in pairs], "i32", 2)
        else:
            values = [block.let(f"trunc <8 x i64> {v} to <8 x i32>") for v in values]
            values = across(block, values, "i32", width)
    else:
        values = across(block, values, f"i{kept}", width)
    target = "i32" if real else "i64"
    word = "trunc" if kept > int(target[1:]) else "sext"
    if f"i{kept}" != target:
        source, result = vector(f"i{kept}", lanes), vector(target, lanes)
        values = [block.let(f"{word} {source} {v} to {result}") for v in values]
    if real:
        whole, single = vector("i32", lanes), vector("float", lanes)
        values = [block.let(f"sitofp {whole} {v} to {single}") for v in values]
    return [f"{vector('float' if real else 'i64', lanes)} {value}" for value in values]


def _low_words(block: Block, first: str, second: str) -> str:
    """Return the low words of two registers of 64-bit integers side by side."""
    words = [block.let(f"bitcast <8 x i64> {value} to <16 x i32>") for value in (first, second)]
    order = ", ".join(f"i32 {2 * n}" for n in range(2 * TURNED))
    return block.let(
        f"shufflevector <16 x i32> {words[0]}, <16 x i32> {words[1]}, <16 x i32> <{order}>"
    )


def runner(
    kind: str, step: int, readers: list[str], writer: str, total: int, count: int, tile: Tile
) -> str:
    """Return the function that runs whole tiles of events whose elements have ``step`` bytes.

    Its name is ``run`` and ``kind``. Its arguments are the events, the results, the number of
    tiles, and the memory of one tile. It returns a number that is not zero when a value left its
    format. The steps fetch as many lines for events of 64 bits as there are: of smaller events
    several times the same.
    """
    size = total * step * tile.events
    calls = [f"  %b{i} = call i64 @{name}(ptr %from, ptr %tile)" for i, name in enumerate(readers)]
    merged, last = [], "%bad"
    for i in range(len(readers)):
        merged.append(f"  %m{i} = or i64 {last}, %b{i}")
        last = f"%m{i}"
    return f"""define i64 @run{kind}(ptr %x, ptr %y, i64 %tiles, ptr %tile) nounwind {{
entry:
  %some = icmp ne i64 %tiles, 0
  br i1 %some, label %loop, label %done
loop:
  %number = phi i64 [ 0, %entry ], [ %next, %loop ]
  %bad = phi i64 [ 0, %entry ], [ {last}, %loop ]
  %behind = mul i64 %number, {size}
  %from = getelementptr i8, ptr %x, i64 %behind
{chr(10).join(calls + merged)}
  %soon = getelementptr i8, ptr %from, i64 {max(size, AHEAD_BYTES)}
  call void @steps(ptr %tile, ptr %soon, i64 {LINE * step // 8})
  %out = mul i64 %number, {count * 8 * tile.events}
  %to = getelementptr i8, ptr %y, i64 %out
  call void @{writer}(ptr %to, ptr %tile)
  %next = add i64 %number, 1
  %more = icmp ult i64 %next, %tiles
  br i1 %more, label %loop, label %done
done:
  %flag = phi i64 [ 0, %entry ], [ {last}, %loop ]
  ret i64 %flag
}}"""
