"""Generated code that brings the results of a tile out, event by event."""

from collections.abc import Sequence

from l1kd.emulators.network.native.edges import TURNED, Block, turned
from l1kd.emulators.network.native.ir import Placed, Tile, scalar, vector

__all__ = ["writer"]


def writer(name: str, results: Placed, tile: Tile, units: Sequence[int] | None = None) -> str:
    """Return the function that writes the results of a tile, event by event.

    They are 64-bit integers, or of double precision, where their fraction bits are given.
    """
    block, count = Block("a"), results.rows.size

    def load(number: int) -> tuple[str, str]:
        value, kind = _result(block, *results.at(number), tile)
        return (value, kind) if units is None else _real(block, value, kind, units[number], tile)

    if count < TURNED:
        for number in range(count):
            _write_one(block, load(number), number, count, tile)
    else:
        for first in [*range(0, count - TURNED, TURNED), count - TURNED]:
            eight = [load(number) for number in range(first, first + TURNED)]
            _write_turned(block, eight, first, count, tile)
    head = f"""define internal void @{name}(ptr %results, ptr %tile) noinline nounwind {{
entry:
  br label %loop
loop:
  %event = phi i64 [ 0, %entry ], [ %next, %loop ]
"""
    head += "\n".join(tile.bases()) + f"\n  %which = mul i64 %event, {count}\n"
    tail = f"""
  %next = add i64 %event, {tile.lanes}
  %more = icmp ult i64 %next, {tile.events}
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
    return head + "\n".join(block.lines) + tail


def _result(block: Block, row: int, long: bool, tile: Tile) -> tuple[str, str]:
    """Load a row of results; return it and its kind."""
    kind = "i64" if long else "float"
    pointer = block.let(f"getelementptr i8, ptr %{kind}, i64 {row}")
    return block.let(f"load {vector(kind, tile.lanes)}, ptr {pointer}, align 32"), kind


def _real(block: Block, value: str, kind: str, unit: int, tile: Tile) -> tuple[str, str]:
    """Return raw numbers as their values in double precision."""
    doubles, word = vector("double", tile.lanes), "sitofp" if kind == "i64" else "fpext"
    value = block.let(f"{word} {vector(kind, tile.lanes)} {value} to {doubles}")
    power = f"splat (double {scalar('double', 2.0**-unit)})"
    return block.let(f"fmul {doubles} {value}, {power}"), "double"


def _whole(block: Block, value: str, kind: str, tile: Tile) -> tuple[str, str]:
    """Return a register of raw numbers as integers."""
    if kind != "float":
        return value, kind
    target = vector("i32", tile.lanes)
    return block.let(f"fptosi {vector(kind, tile.lanes)} {value} to {target}"), "i32"


def _write_one(block: Block, result: tuple[str, str], number: int, count: int, tile: Tile) -> None:
    value, kind = _whole(block, *result, tile)
    target = "double" if kind == "double" else "i64"
    wide = vector(target, tile.lanes)
    if kind == "i32":
        value = block.let(f"sext {vector('i32', tile.lanes)} {value} to {wide}")
    if count == 1:
        out = block.let("getelementptr i64, ptr %results, i64 %event")
        block.do(f"store {wide} {value}, ptr {out}, align 8")
        return
    for lane in range(tile.lanes):
        single = block.let(f"extractelement {wide} {value}, i32 {lane}")
        offset = block.let(f"add i64 %which, {lane * count + number}")
        out = block.let(f"getelementptr i64, ptr %results, i64 {offset}")
        block.do(f"store {target} {single}, ptr {out}, align 8")


def _write_turned(
    block: Block, eight: Sequence[tuple[str, str]], first: int, count: int, tile: Tile
) -> None:
    """Turn 8 rows of results into pieces of events."""
    loaded = [_whole(block, value, kind, tile) for value, kind in eight]
    kind = "i32"
    for _, held in loaded:
        kind = held if held != "i32" else kind
    wide = vector("i64", tile.lanes)
    values = [
        value if held == kind else block.let(f"sext {vector(held, tile.lanes)} {value} to {wide}")
        for value, held in loaded
    ]
    parts = tile.lanes // TURNED
    if kind != "i32":
        pieces = [turned(block, part, kind) for part in _parts_of(block, values, kind, parts)]
    else:
        pieces = _parts_of(block, turned(block, values, kind, parts), kind, parts)
    target = vector("double" if kind == "double" else "i64", TURNED)
    for part, events in enumerate(pieces):
        for event, value in enumerate(events):
            if kind == "i32":
                value = block.let(f"sext <8 x i32> {value} to <8 x i64>")
            offset = block.let(f"add i64 %which, {(part * TURNED + event) * count + first}")
            out = block.let(f"getelementptr i64, ptr %results, i64 {offset}")
            block.do(f"store {target} {value}, ptr {out}, align 8")


def _parts_of(block: Block, values: list[str], kind: str, parts: int) -> list[list[str]]:
    return [[_part(block, value, kind, part, parts) for value in values] for part in range(parts)]


def _part(block: Block, value: str, kind: str, part: int, parts: int) -> str:
    """Return 8 numbers of a register."""
    if parts == 1:
        return value
    whole = vector(kind, TURNED * parts)
    order = ", ".join(f"i32 {n}" for n in range(part * TURNED, (part + 1) * TURNED))
    return block.let(f"shufflevector {whole} {value}, {whole} poison, <8 x i32> <{order}>")
