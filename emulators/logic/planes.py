"""Numbers of 512 events to planes of bits and back: bit k of number i of all events side by side.

A register holds 16 numbers of two events, 128 apart. Eight exchanges, of a bit of the event's
number with a bit of the place in the register, turn 256 of them over: four at a time, of 16
registers. Both passes have exchanges inside bytes, which shift and merge, and exchanges of whole
bytes, which shuffle, so that different ports of a processor are busy. Bits that no plane needs end
after the first pass.
"""

from typing import Any

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.logic.registers import (
    SIZE,
    even_lanes,
    fetch,
    high_doubles,
    high_quads,
    high_words,
    integers_of,
    load,
    load_halves,
    low_doubles,
    low_quads,
    low_words,
    odd_lanes,
    shift_left,
    shift_right,
    splat,
    store,
)

__all__ = ["HELD", "NUMBERS", "TILE", "from_planes", "part_rows", "to_planes"]

NUMBERS = 16
"""Numbers of a row that are turned over together."""
TILE = 4
"""Numbers whose planes are ready together: of 16 numbers 2 k, 2 k + 1, 2 k + 8 and 2 k + 9."""
HELD = 256
"""Registers that hold 16 numbers between the passes."""
_READ = 32 * 2 * NUMBERS
"""Bytes that a step of the first pass reads."""
_LINES = 128
"""Bytes of two cache lines, which processors fetch together."""
_GROUP = 16 * SIZE
"""Bytes of the registers that a step of the second pass turns over."""
_BYTE, _NIBBLE = np.uint64(0x00FF00FF00FF00FF), np.uint64(0x0F0F0F0F0F0F0F0F)
_PAIR, _SINGLE = np.uint64(0x3333333333333333), np.uint64(0x5555555555555555)


@njit(forceinline=True)
def _exchange(a: Any, b: Any, distance: int, mask: Any) -> Any:
    """Exchange the upper groups of `distance` bits of `a` with the lower ones of `b`."""
    lower = splat(mask)
    return (
        (a & lower) | (shift_left(b, distance) & ~lower),
        (shift_right(a, distance) & lower) | (b & ~lower),
    )


@njit(forceinline=True)
def _nibbles(row: int, far: int, stride: int) -> Any:
    """Load rows of which bits 2 and 3 of the event differ, and part the numbers' four nibbles."""
    a, b = load_halves(row, row + far), load_halves(row + stride, row + stride + far)
    row += 2 * stride
    c, d = load_halves(row, row + far), load_halves(row + stride, row + stride + far)
    seen = a | b | c | d
    a, c = _exchange(a, c, 8, _BYTE)
    b, d = _exchange(b, d, 8, _BYTE)
    a, b = _exchange(a, b, 4, _NIBBLE)
    c, d = _exchange(c, d, 4, _NIBBLE)
    return a, b, c, d, seen


@njit(forceinline=True)
def _hold(a: Any, b: Any, c: Any, d: Any, place: int) -> None:
    """Exchange bits 4 and 5 of the event with bits 2 and 1 of the number."""
    a, b = low_words(a, b), high_words(a, b)
    c, d = low_words(c, d), high_words(c, d)
    store(place, low_doubles(a, c))
    store(place + _GROUP, high_doubles(a, c))
    store(place + 2 * _GROUP, low_doubles(b, d))
    store(place + 3 * _GROUP, high_doubles(b, d))


@njit(forceinline=True)
def _first_pass(row: int, stride: int, place: int, width: int) -> Any:
    far = 128 * stride
    a0, a1, a2, a3, seen = _nibbles(row, far, 4 * stride)
    b0, b1, b2, b3, more = _nibbles(row + 16 * stride, far, 4 * stride)
    seen = seen | more
    c0, c1, c2, c3, more = _nibbles(row + 32 * stride, far, 4 * stride)
    seen = seen | more
    d0, d1, d2, d3, more = _nibbles(row + 48 * stride, far, 4 * stride)
    _hold(a0, b0, c0, d0, place)
    if width > 4:
        _hold(a1, b1, c1, d1, place + 4 * _GROUP)
    if width > 8:
        _hold(a2, b2, c2, d2, place + 8 * _GROUP)
    if width > 12:
        _hold(a3, b3, c3, d3, place + 12 * _GROUP)
    return seen | more


@njit(forceinline=True)
def _bits(place: int) -> Any:
    """Part the four bits of nibbles: bits 0 and 1 of the event against those of the number."""
    a, b = load(place), load(place + SIZE)
    c, d = load(place + 2 * SIZE), load(place + 3 * SIZE)
    a, c = _exchange(a, c, 2, _PAIR)
    b, d = _exchange(b, d, 2, _PAIR)
    a, b = _exchange(a, b, 1, _SINGLE)
    c, d = _exchange(c, d, 1, _SINGLE)
    return a, b, c, d


@njit(forceinline=True)
def _give(a: Any, b: Any, c: Any, d: Any, plane: int, step: int, left: int) -> None:
    """Exchange bits 6 and 8 of the event with bits 0 and 3 of the number: four numbers' planes."""
    a, b = low_quads(a, b), high_quads(a, b)
    c, d = low_quads(c, d), high_quads(c, d)
    store(plane, even_lanes(a, c))
    if left > 1:
        store(plane + step, even_lanes(b, d))
    if left > 8:
        store(plane + 2 * step, odd_lanes(a, c))
    if left > 9:
        store(plane + 3 * step, odd_lanes(b, d))


@njit(forceinline=True)
def _second_pass(place: int, plane: int, step: int, left: int, bits: int) -> None:
    a0, a1, a2, a3 = _bits(place)
    b0, b1, b2, b3 = _bits(place + 4 * SIZE)
    c0, c1, c2, c3 = _bits(place + 8 * SIZE)
    d0, d1, d2, d3 = _bits(place + 12 * SIZE)
    _give(a0, b0, c0, d0, plane, step, left)
    if bits > 1:
        _give(a1, b1, c1, d1, plane + SIZE, step, left)
    if bits > 2:
        _give(a2, b2, c2, d2, plane + 2 * SIZE, step, left)
    if bits > 3:
        _give(a3, b3, c3, d3, plane + 3 * SIZE, step, left)


@njit(nogil=True)
def part_rows(rows: int, stride: int, groups: int, width: int, held: int, ahead: int) -> Any:
    """Do the first pass of 512 rows of numbers of up to 16 bits.

    Parameters
    ----------
    rows
        Address of uint16; of every row ``16 * groups`` are read.
    stride
        Bytes from one row to the next.
    groups
        How many times 16 numbers are turned over.
    width
        Bits of a number that are wanted.
    held
        Address of room for ``HELD * groups`` registers.
    ahead
        Address of what is read next and fetched meanwhile.

    Returns
    -------
    All that was read, or-ed, as a register.
    """
    seen = splat(0)
    for rest in range(16):
        row = rows + stride * (((rest & 8) << 5) | ((rest & 4) << 4) | (rest & 3))
        for group in range(groups):
            for line in range(0, _READ, _LINES):
                fetch(ahead + line)
            ahead += _READ
            place = held + SIZE * (HELD * group + rest)
            seen = seen | _first_pass(row + 2 * NUMBERS * group, stride, place, width)
    return seen


@njit(nogil=True)
def to_planes(held: int, left: int, width: int, planes: int, depth: int) -> None:
    """Do the second pass of the `TILE` numbers whose first one's nibbles begin at `held`.

    Parameters
    ----------
    held
        Where `part_rows` put 16 numbers, and 16 registers more for every tile.
    left
        How many numbers there are from the first one on; the tile may have less than `TILE`.
    width
        Bits of a number that are wanted.
    planes
        Address: bit k of number i of the tile goes to plane ``depth * i + k``.
    """
    for nibble in range((width + 3) // 4):
        place, plane = held + 4 * _GROUP * nibble, planes + 4 * SIZE * nibble
        _second_pass(place, plane, SIZE * depth, left, width - 4 * nibble)


@njit(nogil=True)
def from_planes(planes: int, width: int, numbers: int, result: int, stride: int) -> None:
    """Turn planes of numbers, `width` each, into integers: 512 int64 each, `stride` bytes apart."""
    for number in range(numbers):
        for octet in range(SIZE):
            value = splat(0)
            for bit in range(width):
                plane = planes + SIZE * (number * width + bit)
                value = value | integers_of(plane + octet, bit)
            store(result + number * stride + SIZE * octet, value)
