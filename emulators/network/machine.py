"""The machine that runs a program of integer operations over tiles of events.

One tile is `TILE` events. Every tensor element owns a row of the arena: its values in all events of
the tile, side by side, as 16-, 32- or 64-bit integers. A program is a table of code words with its
constants in two pools; `l1kd.emulators.network.plan` writes it and proves the widths sufficient.
The code of this module is compiled once for all networks.
"""

from typing import Any

import numba as nb
import numpy as np

from l1kd.emulators.fixed_point import cast_raw
from l1kd.emulators.network.simd import LANES, dot_kernel, shift_right

__all__ = ["TILE", "run_program"]

TILE = 128
WORDS = 24

AFFINE, SEQUENCE, ELEMENT, LOOKUP = range(4)
# Fronts of ELEMENT: what is computed before the cast.
COPY, RELU, LINE, LINES, DIVIDE, ADD, SUBTRACT, MULTIPLY, MAXIMUM, MINIMUM = range(10)
# Rounding of ELEMENT: none, plain right shift, with additions, with the lowest bit.
EXACT, FLOOR, OFFSET, EVEN = range(4)
# Columns of the per-element parameters of a cast.
LEFT, RIGHT, PLUS, SIGNED_PLUS, WRAP, MASK, LOW, HIGH, POST, PARAMETERS = range(10)
# Kernels of AFFINE: (bits of data, bits of accumulator, products shifted).
DOTS = (
    (16, 16, False),
    (16, 32, False),
    (32, 32, False),
    (64, 64, False),
    (16, 32, True),
    (32, 32, True),
    (64, 64, True),
)
_dot_16_16, _dot_16_32, _dot_32_32, _dot_64_64, _dots_16_32, _dots_32_32, _dots_64_64 = (
    dot_kernel(*kind) for kind in DOTS
)


@nb.njit(cache=True, nogil=True)
def _affine(code: Any, small: Any, large: Any, base: int) -> None:
    kind, positions, filters, terms = code[1], code[2], code[3], code[4]
    windows, groups, starts, biases = code[5], code[6], code[7], code[8]
    entries, weights, shift, results = code[9], code[10], code[11], code[12]
    data_bytes, total_bytes = code[13], code[14]
    small_base, large_base = small.ctypes.data, large.ctypes.data
    for p in range(positions):
        window = small_base + 4 * (windows + p * terms)
        first = small[groups + p] * filters
        for f in range(filters):
            begin = large[starts + first + f]
            count = large[starts + first + f + 1] - begin
            bias = large[biases + first + f]
            entry = small_base + 4 * (entries + begin)
            if total_bytes == 8:
                weight = large_base + 8 * (weights + begin)
            else:
                weight = small_base + 4 * (weights + begin)
            row = np.int64(small[results + p * filters + f])
            for block in range(TILE // LANES):
                lane = block * LANES * data_bytes
                out = row + block * LANES * total_bytes
                if kind == 0:
                    _dot_16_16(base, window, entry, weight, count, bias, shift, lane, out)
                elif kind == 1:
                    _dot_16_32(base, window, entry, weight, count, bias, shift, lane, out)
                elif kind == 2:
                    _dot_32_32(base, window, entry, weight, count, bias, shift, lane, out)
                elif kind == 3:
                    _dot_64_64(base, window, entry, weight, count, bias, shift, lane, out)
                elif kind == 4:
                    _dots_16_32(base, window, entry, weight, count, bias, shift, lane, out)
                elif kind == 5:
                    _dots_32_32(base, window, entry, weight, count, bias, shift, lane, out)
                else:
                    _dots_64_64(base, window, entry, weight, count, bias, shift, lane, out)


@nb.njit(cache=True, nogil=True)
def _sequence(code: Any, small: Any, large: Any, arena: Any) -> None:
    """Add the terms in order, with every cast of the firmware."""
    positions, filters, terms, windows = code[1], code[2], code[3], code[4]
    groups, weights, biases, results = code[5], code[6], code[7], code[8]
    shift, rounding, width, signed, overflow = code[9], code[10], code[11], code[12] != 0, code[13]
    late = code[14] != 0
    for p in range(positions):
        group = small[groups + p]
        for f in range(filters):
            out = small[results + p * filters + f] >> 3
            for lane in range(TILE):
                total = large[biases + group * filters + f]
                for k in range(terms):
                    x = arena[(small[windows + p * terms + k] >> 3) + lane]
                    product = x * large[weights + (group * terms + k) * filters + f]
                    if late:
                        common = max(shift, 0)
                        total = (total << common) + (product << (common - shift))
                        total = cast_raw(total, common, rounding, width, signed, overflow)
                    else:
                        total += cast_raw(product, shift, rounding, width, signed, overflow)
                        total = cast_raw(total, 0, 0, width, signed, overflow)
                arena[out + lane] = total


@nb.njit(cache=True, nogil=True)
def _load(source: Any, start: int, row: Any) -> None:
    for i in range(TILE):
        row[i] = source[start + i]


@nb.njit(cache=True, nogil=True)
def _store(row: Any, target: Any, start: int, low: int, high: int, post: int) -> None:
    lowest, highest = row.dtype.type(low), row.dtype.type(high)
    for i in range(TILE):
        target[start + i] = min(max(row[i], lowest), highest) << post


@nb.njit(cache=True, nogil=True)
def _fetch(width: int, offset: int, arena16: Any, arena32: Any, arena64: Any, row: Any) -> None:
    if width == 16:
        _load(arena16, offset >> 1, row)
    elif width == 32:
        _load(arena32, offset >> 2, row)
    else:
        _load(arena64, offset >> 3, row)


@nb.njit(cache=True, nogil=True)
def _front(front: int, row: Any, other: Any, numbers: Any) -> None:
    """Compute the exact value of one row in place."""
    if front == RELU:
        for i in range(TILE):
            row[i] = max(row[i], row.dtype.type(0))
    elif front == LINE:
        scale, offset = row.dtype.type(numbers[0]), row.dtype.type(numbers[1])
        for i in range(TILE):
            row[i] = row[i] * scale + offset
    elif front == LINES:
        for i in range(TILE):
            if row[i] > numbers[4]:
                value = row[i] * numbers[0] + numbers[1]
            else:
                value = row[i] * numbers[2] + numbers[3]
            row[i] = min(max(value, numbers[5]), numbers[6])
    elif front == DIVIDE:
        for i in range(TILE):
            quotient = abs(np.int64(row[i])) // numbers[0]
            row[i] = -quotient if row[i] < 0 else quotient
    elif front >= ADD:
        left, right = numbers[0], numbers[1]
        for i in range(TILE):
            a, b = row[i] << left, other[i] << right
            if front == ADD:
                a += b
            elif front == SUBTRACT:
                a -= b
            elif front == MULTIPLY:
                a *= b
            elif front == MAXIMUM:
                a = max(a, b)
            else:
                a = min(a, b)
            row[i] = a


@nb.njit(cache=True, nogil=True)
def _cast(row: Any, rounding: int, wraps: bool, zeroes: bool, numbers: Any, sign: int) -> None:
    """Round and wrap one row in place; saturation happens when the row is stored."""
    kind = row.dtype.type
    left, right = kind(numbers[LEFT]), kind(numbers[RIGHT])
    plus, extra = kind(numbers[PLUS]), kind(numbers[SIGNED_PLUS])
    one = kind(1)
    if rounding == FLOOR:
        for i in range(TILE):
            row[i] = shift_right(row[i], right)
    elif rounding == OFFSET:
        for i in range(TILE):
            value = kind(row[i] + plus + (shift_right(row[i], sign) & extra))
            row[i] = shift_right(value, right)
    elif rounding == EVEN:
        for i in range(TILE):
            value = kind(row[i] + plus + (shift_right(row[i], right) & one & extra))
            row[i] = shift_right(value, right)
    if left != 0:
        for i in range(TILE):
            row[i] = row[i] << left
    if wraps:
        places, mask = kind(numbers[WRAP]), kind(numbers[MASK])
        for i in range(TILE):
            row[i] = shift_right(kind(row[i] << places), places) & mask
    if zeroes:
        low, high = kind(numbers[LOW]), kind(numbers[HIGH])
        for i in range(TILE):
            row[i] = row[i] if low <= row[i] <= high else kind(0)


@nb.njit(cache=True, nogil=True)
def _element(
    code: Any, small: Any, large: Any, a16: Any, a32: Any, a64: Any, row: Any, other: Any
) -> None:
    front, sign, first, second, last = code[1], code[2] - 1, code[3], code[4], code[5]
    count, reads, partners, results = code[6], code[7], code[8], code[9]
    exact, numbers, casts = code[10], code[11], code[12]
    rounding, wraps, zeroes = code[13], code[14] != 0, code[15] != 0
    for e in range(count):
        _fetch(first, np.int64(small[reads + e]), a16, a32, a64, row)
        if front >= ADD:
            _fetch(second, np.int64(small[partners + e]), a16, a32, a64, other)
        if front != COPY:
            _front(front, row, other, large[exact + e * numbers : exact + (e + 1) * numbers])
        cast = large[casts + e * PARAMETERS : casts + (e + 1) * PARAMETERS]
        _cast(row, rounding, wraps, zeroes, cast, sign)
        out = np.int64(small[results + e])
        if last == 16:
            _store(row, a16, out >> 1, cast[LOW], cast[HIGH], cast[POST])
        elif last == 32:
            _store(row, a32, out >> 2, cast[LOW], cast[HIGH], cast[POST])
        else:
            _store(row, a64, out >> 3, cast[LOW], cast[HIGH], cast[POST])


@nb.njit(cache=True, nogil=True)
def _lookup(code: Any, small: Any, large: Any, a16: Any, a32: Any, a64: Any, row: Any) -> None:
    first, last, count, reads, results = code[1], code[2], code[3], code[4], code[5]
    multiplier, shift, toward_zero, offset = code[6], code[7], code[8] != 0, code[9]
    entries, columns, table, column = code[10], code[11], code[12], code[13]
    for e in range(count):
        _fetch(first, np.int64(small[reads + e]), a16, a32, a64, row)
        place = table + small[column + e]
        for i in range(TILE):
            value = row[i] * multiplier
            index = -((-value) >> shift) if toward_zero and value < 0 else value >> shift
            index = min(max(index + offset, 0), entries - 1)
            row[i] = large[place + index * columns]
        out = np.int64(small[results + e])
        low, high = np.int64(-(2**63)), np.int64(2**63 - 1)
        if last == 16:
            _store(row, a16, out >> 1, low, high, 0)
        elif last == 32:
            _store(row, a32, out >> 2, low, high, 0)
        else:
            _store(row, a64, out >> 3, low, high, 0)


@nb.njit(cache=True, nogil=True)
def _read_tile(x: Any, first: int, width: int, rows: Any, a16: Any, a32: Any, a64: Any) -> None:
    """Transpose the events of one tile into rows; lanes without an event become zero."""
    count = min(TILE, x.shape[0] - first)
    for e in range(x.shape[1]):
        offset = np.int64(rows[e])
        if width == 16:
            for i in range(count):
                a16[(offset >> 1) + i] = x[first + i, e]
            a16[(offset >> 1) + count : (offset >> 1) + TILE] = 0
        elif width == 32:
            for i in range(count):
                a32[(offset >> 2) + i] = x[first + i, e]
            a32[(offset >> 2) + count : (offset >> 2) + TILE] = 0
        else:
            for i in range(count):
                a64[(offset >> 3) + i] = x[first + i, e]
            a64[(offset >> 3) + count : (offset >> 3) + TILE] = 0


@nb.njit(cache=True, nogil=True)
def _write_tile(y: Any, first: int, rows: Any, widths: Any, a16: Any, a32: Any, a64: Any) -> None:
    count = min(TILE, y.shape[0] - first)
    for e in range(y.shape[1]):
        offset = np.int64(rows[e])
        for i in range(count):
            if widths[e] == 16:
                y[first + i, e] = a16[(offset >> 1) + i]
            elif widths[e] == 32:
                y[first + i, e] = a32[(offset >> 2) + i]
            else:
                y[first + i, e] = a64[(offset >> 3) + i]


@nb.njit(cache=True, nogil=True)
def run_program(
    code: Any,
    small: Any,
    large: Any,
    rows_in: Any,
    width_in: int,
    rows_out: Any,
    widths_out: Any,
    arena: Any,
    x16: Any,
    x32: Any,
    x64: Any,
    kind: int,
    y: Any,
) -> None:
    """Run a program over all events.

    Parameters
    ----------
    code : int64 array, shape (operations, WORDS)
    small, large : int32 and int64 arrays
        Pools of constants.
    rows_in, rows_out, widths_out : int32 arrays
        Byte offsets of the rows of the network's inputs and outputs, and their bits.
    arena : int64 array
        Working memory aligned to 64 bytes; rows of constants are already filled.
    x16, x32, x64 : integer arrays, shape (events, inputs)
        The input is the one of ``kind`` bits; the others are empty.
    y : int64 array, shape (events, outputs)
        Filled by this function.
    """
    a64 = arena
    a32 = arena.view(np.int32)
    a16 = arena.view(np.int16)
    base = arena.ctypes.data
    row32, other32 = np.empty(TILE, np.int32), np.empty(TILE, np.int32)
    row64, other64 = np.empty(TILE, np.int64), np.empty(TILE, np.int64)
    for first in range(0, y.shape[0], TILE):
        if kind == 16:
            _read_tile(x16, first, width_in, rows_in, a16, a32, a64)
        elif kind == 32:
            _read_tile(x32, first, width_in, rows_in, a16, a32, a64)
        else:
            _read_tile(x64, first, width_in, rows_in, a16, a32, a64)
        for step in range(code.shape[0]):
            word = code[step]
            if word[0] == AFFINE:
                _affine(word, small, large, base)
            elif word[0] == SEQUENCE:
                _sequence(word, small, large, a64)
            elif word[0] == LOOKUP:
                _lookup(word, small, large, a16, a32, a64, row64)
            elif word[2] == 32:
                _element(word, small, large, a16, a32, a64, row32, other32)
            else:
                _element(word, small, large, a16, a32, a64, row64, other64)
        _write_tile(y, first, rows_out, widths_out, a16, a32, a64)
