"""Generated code that brings events into a tile and results out of it."""

from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.native.ir import Tile, scalar, vector

__all__ = ["FLOATS", "WORDS", "float_reader", "reader", "runner", "takes_floats", "writer"]

WORDS = (16, 32, 64)
FLOATS = "float"
"""What ends the name of the function that takes single-precision values."""
# Events that are turned at once: as many as registers of 256 bits hold numbers of 32 bits.
TURNED = 8
_HALVES = [[0, 8, 1, 9, 2, 10, 3, 11], [4, 12, 5, 13, 6, 14, 7, 15]]


def _turn(kind: str) -> str:
    """Return the type of a register of the events that are turned at once."""
    return vector(kind, TURNED)


class _Block:
    """Instructions with numbered results."""

    def __init__(self, name: str) -> None:
        self.lines: list[str] = []
        self._name = name

    def let(self, text: str) -> str:
        self.lines.append(f"  %{self._name}{len(self.lines)} = {text}")
        return f"%{self._name}{len(self.lines) - 1}"

    def do(self, text: str) -> None:
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
    block, width = _Block("a"), TURNED if size >= TURNED else 1
    kind = f"<{width} x i{bits}>"
    values = _loaded(block, f"i{bits}", width, total, bits // 8)
    check = misfit(form, bits)
    if check is not None:
        plus, mask = (_constant(bits, number, width) for number in check)
        wrong = block.let(f"load {kind}, ptr %wrong, align 8")
        for value in values:
            moved = block.let(f"add {kind} {value}, {plus}") if check[0] else value
            wrong = (
                block.let(f"or {kind} {wrong}, {moved}")
                if not check[0]
                else block.let(f"or {kind} {wrong}, {block.let(f'and {kind} {moved}, {mask}')}")
            )
        if not check[0]:
            wrong = block.let(f"and {kind} {wrong}, {mask}")
        block.do(f"store {kind} {wrong}, ptr %wrong, align 8")
    rows = _of_integers(block, values, bits, real, width)
    return _loop(name, block, rows, kind, size, first, total, bits // 8, row, real, tile)


def float_reader(
    name: str, form: FixedPoint, size: int, first: int, total: int, row: int, real: bool,
    tile: Tile,
) -> str:  # fmt: skip
    """Return a function like `reader` for events of single-precision values, which it casts.

    A value misfits, too, where the cast would wrap around, and where there is none.
    """
    block, width = _Block("a"), TURNED if size >= TURNED else 1
    values = _across(block, _loaded(block, "float", width, total, 4), "float", width)
    kind = _turn("i32")
    wrong = block.let(f"load {kind}, ptr %wrong, align 8")
    misfits = [_none(block, values)] if form.overflow == "SAT" else []
    rows = [_cast(block, value, form, real, misfits) for value in values]
    for misfit in misfits:
        wide = block.let(f"sext {_turn('i1')} {misfit} to {kind}")
        wrong = block.let(f"or {kind} {wrong}, {wide}")
    block.do(f"store {kind} {wrong}, ptr %wrong, align 8")
    return _loop(name, block, rows, kind, size, first, total, 4, row, real, tile)


def takes_floats(form: FixedPoint) -> bool:
    """Tell whether `float_reader` knows the casts to a format."""
    saturates = form.overflow == "SAT" and form.rounding in ("TRN", "RND", "RND_CONV")
    wraps = form.overflow == "WRAP" and form.rounding == "TRN"
    return (saturates or wraps) and form.width <= 53 and 0 <= form.fraction <= 100


def _none(block: _Block, values: list[str]) -> str:
    """Return the lanes in which any register holds infinity or what is no number.

    The difference of such a value and itself is no number, nor is a sum with it.
    """
    kind = _turn("float")
    differences = [block.let(f"fsub {kind} {value}, {value}") for value in values]
    while len(differences) > 1:
        first, second, *others = differences
        differences = [*others, block.let(f"fadd {kind} {first}, {second}")]
    return block.let(f"fcmp uno {kind} {differences[0]}, {differences[0]}")


def _cast(block: _Block, value: str, form: FixedPoint, real: bool, misfits: list[str]) -> str:
    """Return the typed raw values of a register of numbers.

    Where the format wraps around, a flag of those that would is added to ``misfits``. Numbers times
    a power of two from 1 on are exact, or infinite.
    """
    base, suffix = ("float", "f32") if real else ("double", "f64")
    kind, single = _turn(base), _turn("float")
    number = value if real else block.let(f"fpext {single} {value} to {kind}")
    scaled = block.let(f"fmul {kind} {number}, {_floats(base, 2.0**form.fraction)}")
    word = "roundeven" if form.rounding == "RND_CONV" else "floor"
    whole = block.let(f"call {kind} @llvm.{word}.v{TURNED}{suffix}({kind} {scaled})")
    if form.rounding == "RND":
        lost = block.let(f"fsub {kind} {scaled}, {whole}")
        up = block.let(f"fcmp oge {kind} {lost}, {_floats(base, 0.5)}")
        one = block.let(
            f"select {_turn('i1')} {up}, {kind} {_floats(base, 1.0)}, {kind} {_floats(base, 0.0)}"
        )
        whole = block.let(f"fadd {kind} {whole}, {one}")
    low, high = (_floats(base, float(end)) for end in (form.minimum, form.maximum))
    below = block.let(f"fcmp ult {kind} {whole}, {low}")
    above = block.let(f"fcmp ugt {kind} {whole}, {high}")
    if form.overflow == "SAT":
        for outside, end in ((below, low), (above, high)):
            whole = block.let(f"select {_turn('i1')} {outside}, {kind} {end}, {kind} {whole}")
    else:
        misfits.append(block.let(f"or {_turn('i1')} {below}, {above}"))
    if not real:
        whole = block.let(f"fptosi {kind} {whole} to {_turn('i64')}")
    return f"{kind if real else _turn('i64')} {whole}"


def _floats(kind: str, value: float) -> str:
    return f"<{', '.join([f'{kind} {scalar(kind, value)}'] * TURNED)}>"


def _loaded(block: _Block, kind: str, width: int, total: int, step: int) -> list[str]:
    """Load a register of elements for each of the events that are turned at once."""
    values = []
    for event in range(TURNED):
        place = block.let(f"add i64 %start, {event * total * step}")
        pointer = block.let(f"getelementptr i8, ptr %events, i64 {place}")
        values.append(block.let(f"load <{width} x {kind}>, ptr {pointer}, align {step}"))
    for line in range(-(-TURNED * width * step // 64)):
        place = block.let(f"add i64 %soon, {64 * line}")
        pointer = block.let(f"getelementptr i8, ptr %events, i64 {place}")
        block.do(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 0, i32 3, i32 1)")
    return values


def _loop(
    name: str, block: _Block, rows: list[str], kind: str, size: int, first: int, total: int,
    step: int, row: int, real: bool, tile: Tile,
) -> str:  # fmt: skip
    """Return a reader: ``block`` loads elements and collects in ``%wrong``, ``rows`` are stored."""
    byte, base, width = 4 if real else 8, "float" if real else "i64", len(rows)
    for number, value in enumerate(rows):
        place = block.let(f"add i64 %target, {number * byte * tile.block}")
        pointer = block.let(f"getelementptr i8, ptr %{base}, i64 {place}")
        block.do(f"store {value}, ptr {pointer}, align 32")
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
  %linear = mul i64 %element, {step * TURNED}
  %later_events = add i64 %origin, {2 * TURNED * total * step}
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
  %later = add i64 %event, {TURNED}
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


def _across(block: _Block, values: list[str], kind: str, width: int) -> list[str]:
    """Return registers of elements, of all events, from registers of events."""
    turned = _turn(kind)
    if width == 1:
        joined = "poison"
        for lane, value in enumerate(values):
            single = block.let(f"extractelement <1 x {kind}> {value}, i32 0")
            joined = block.let(f"insertelement {turned} {joined}, {kind} {single}, i32 {lane}")
        return [joined]
    for _ in range(3):
        values = [
            block.let(
                f"shufflevector {turned} {values[i]}, {turned} {values[i + 4]}, "
                f"<8 x i32> <{', '.join(f'i32 {n}' for n in order)}>"
            )
            for i in range(4)
            for order in _HALVES
        ]
    return values


def _of_integers(block: _Block, values: list[str], bits: int, real: bool, width: int) -> list[str]:
    """Return typed registers of elements from registers of events."""
    kept = bits
    if real and bits == 64 and width > 1:
        kept = 32
        values = [block.let(f"trunc {_turn('i64')} {v} to {_turn('i32')}") for v in values]
    values = _across(block, values, f"i{kept}", width)
    target = "i32" if real else "i64"
    word = "trunc" if kept > int(target[1:]) else "sext"
    if f"i{kept}" != target:
        values = [block.let(f"{word} {_turn(f'i{kept}')} {v} to {_turn(target)}") for v in values]
    if real:
        values = [block.let(f"sitofp {_turn('i32')} {v} to {_turn('float')}") for v in values]
    return [f"{_turn('float' if real else 'i64')} {value}" for value in values]


def writer(rows: AnyArray, wide: AnyArray, tile: Tile) -> str:
    """Return the function that writes the results of a tile, 64-bit integers, event by event."""
    block, count = _Block("a"), rows.size
    for number, (row, long) in enumerate(zip(rows.tolist(), wide.tolist(), strict=True)):
        pointer = block.let(f"getelementptr i8, ptr %{'i64' if long else 'float'}, i64 {row}")
        kind = _turn("i64" if long else "float")
        value = block.let(f"load {kind}, ptr {pointer}, align 32")
        if not long:
            whole = block.let(f"fptosi {kind} {value} to {_turn('i32')}")
            value = block.let(f"sext {_turn('i32')} {whole} to {_turn('i64')}")
        if count == 1:
            out = block.let("getelementptr i64, ptr %results, i64 %event")
            block.do(f"store {_turn('i64')} {value}, ptr {out}, align 8")
            continue
        for lane in range(TURNED):
            single = block.let(f"extractelement {_turn('i64')} {value}, i32 {lane}")
            which = block.let(f"mul i64 %event, {count}")
            offset = block.let(f"add i64 {which}, {lane * count + number}")
            out = block.let(f"getelementptr i64, ptr %results, i64 {offset}")
            block.do(f"store i64 {single}, ptr {out}, align 8")
    head = """define internal void @write(ptr %results, ptr %tile) noinline nounwind {
entry:
  br label %loop
loop:
  %event = phi i64 [ 0, %entry ], [ %next, %loop ]
"""
    head += "\n".join(tile.bases()) + "\n"
    tail = f"""
  %next = add i64 %event, {TURNED}
  %more = icmp ult i64 %next, {tile.events}
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
    return head + "\n".join(block.lines) + tail


def runner(kind: str, step: int, readers: list[str], total: int, count: int, tile: Tile) -> str:
    """Return the function that runs whole tiles of events whose elements have ``step`` bytes.

    Its name is ``run`` and ``kind``. Its arguments are the events, the results, the number of
    tiles, and the memory of one tile. It returns a number that is not zero when a value left its
    format.
    """
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
  %behind = mul i64 %number, {total * step * tile.events}
  %from = getelementptr i8, ptr %x, i64 %behind
{chr(10).join(calls + merged)}
  call void @steps(ptr %tile)
  %out = mul i64 %number, {count * 8 * tile.events}
  %to = getelementptr i8, ptr %y, i64 %out
  call void @write(ptr %to, ptr %tile)
  %next = add i64 %number, 1
  %more = icmp ult i64 %next, %tiles
  br i1 %more, label %loop, label %done
done:
  %flag = phi i64 [ 0, %entry ], [ {last}, %loop ]
  ret i64 %flag
}}"""
