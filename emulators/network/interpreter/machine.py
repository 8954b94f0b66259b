"""The machine that runs a program of integer operations over tiles of events.

One tile is `TILE` events. Every tensor element owns a row of the arena: its values in all events of
the tile, side by side, as 16-, 32- or 64-bit integers. A program is a table of code words with its
constants in two pools; `l1kd.emulators.network.interpreter.program` writes it and proves the widths
sufficient.
The code of this module is compiled once for all networks.
"""

from typing import Any

import numpy as np

from l1kd.emulators.casts import cast_raw
from l1kd.emulators.compilation import njit
from l1kd.emulators.network.analysis.memory import TILE
from l1kd.emulators.network.interpreter.vector_kernels import (
    cast_kernel,
    dot_kernel,
    has_pair_products,
    lanes,
    pair_kernel,
    shift_left,
    shift_right,
    transpose_kernel,
)

__all__ = ["WORDS", "run_program"]

WORDS = 20
AFFINE, SEQUENCE, CAST, ELEMENT, LOOKUP = range(5)
# Prologues of ELEMENT: what is computed before the cast.
COPY, RELU, SEGMENT, SEGMENTS, DIVIDE, ADD, SUBTRACT, MULTIPLY, MAXIMUM, MINIMUM = range(10)
# Parameters of a cast; AFFINE and CAST know the first five.
RIGHT, PLUS, EVEN, LOW, HIGH, SIGNED_PLUS, LEFT, WRAP, MASK, POST, PARAMETERS = range(11)
# Kernels of AFFINE: bits of data, sums, results; whether every product is shifted.
DOTS = (
    (16, 16, 16, False),
    (16, 32, 16, False),
    (16, 32, 32, False),
    (32, 32, 16, False),
    (32, 32, 32, False),
    (64, 64, 64, False),
    (16, 32, 16, True),
    (16, 32, 32, True),
    (32, 32, 16, True),
    (32, 32, 32, True),
    (64, 64, 64, True),
)
_DOTS = [dot_kernel(*kind) for kind in DOTS]
_dot0, _dot1, _dot2, _dot3, _dot4, _dot5, _dot6, _dot7, _dot8, _dot9, _dot10 = _DOTS
# Kernels for pairs of terms, with results of 16 and 32 bits; elsewhere they are never asked for.
HAS_PAIRS = has_pair_products()
PAIRS = {16: len(DOTS), 32: len(DOTS) + 1}
_pair0, _pair1 = [pair_kernel(out) for out in PAIRS] if HAS_PAIRS else _DOTS[1:3]
# Kernels of CAST: bits of data, arithmetic, results.
CASTS = ((16, 32, 16), (16, 32, 32), (32, 32, 16), (32, 32, 32))
_cast0, _cast1, _cast2, _cast3 = (cast_kernel(*kind) for kind in CASTS)
_LANES = {total: lanes(total) for total in (16, 32, 64)}
LANES16, LANES32, LANES64 = (_LANES[total] for total in (16, 32, 64))
BLOCK = 8
_turn0, _turn1, _turn2, _turn3, _turn4, _turn5, _turn6, _turn7, _turn8 = (
    transpose_kernel(source, target) for source in (16, 32, 64) for target in (16, 32, 64)
)


@njit(nogil=True)
def _affine(code: Any, small: Any, large: Any, base: int) -> None:
    kind, positions, filters, terms = code[1], code[2], code[3], code[4]
    windows, groups, starts, biases = code[5], code[6], code[7], code[8]
    entries, weights, shift, results = code[9], code[10], code[11], code[12]
    data_bytes, total_bytes, out_bytes = code[13], code[14], code[15]
    casts, stride = code[16], code[17]
    small_base, large_base = small.ctypes.data, large.ctypes.data
    step = LANES16 if total_bytes == 2 else (LANES32 if total_bytes == 4 else LANES64)
    weight_base = large_base + 8 * weights if total_bytes == 8 else small_base + 4 * weights
    weight_bytes = code[18]
    for p in range(positions):
        window = small_base + 4 * (windows + p * terms)
        first = small[groups + p] * filters
        for f in range(filters):
            begin = large[starts + first + f]
            count = large[starts + first + f + 1] - begin
            start = large[biases + first + f]
            term = small_base + 4 * (entries + begin)
            weight = weight_base + weight_bytes * begin
            words = large_base + 8 * (casts + (p * filters + f) * stride)
            out = base + np.int64(small[results + p * filters + f])
            for lane in range(0, TILE, step):
                x = base + lane * data_bytes
                y = out + lane * out_bytes
                if kind == 0:
                    _dot0(x, window, term, weight, count, start, shift, words, y)
                elif kind == 1:
                    _dot1(x, window, term, weight, count, start, shift, words, y)
                elif kind == 2:
                    _dot2(x, window, term, weight, count, start, shift, words, y)
                elif kind == 3:
                    _dot3(x, window, term, weight, count, start, shift, words, y)
                elif kind == 4:
                    _dot4(x, window, term, weight, count, start, shift, words, y)
                elif kind == 5:
                    _dot5(x, window, term, weight, count, start, shift, words, y)
                elif kind == 6:
                    _dot6(x, window, term, weight, count, start, shift, words, y)
                elif kind == 7:
                    _dot7(x, window, term, weight, count, start, shift, words, y)
                elif kind == 8:
                    _dot8(x, window, term, weight, count, start, shift, words, y)
                elif kind == 9:
                    _dot9(x, window, term, weight, count, start, shift, words, y)
                elif kind == 10:
                    _dot10(x, window, term, weight, count, start, shift, words, y)
                elif kind == 11:
                    _pair0(x, window, term, weight, count, start, shift, words, y)
                else:
                    _pair1(x, window, term, weight, count, start, shift, words, y)


@njit(nogil=True)
def _cast_rows(code: Any, small: Any, large: Any, base: int) -> None:
    kind, count, reads, results, casts = code[1], code[2], code[3], code[4], code[5]
    large_base = large.ctypes.data
    for e in range(count):
        source = base + np.int64(small[reads + e])
        target = base + np.int64(small[results + e])
        words = large_base + 8 * (casts + e * PARAMETERS)
        if kind == 0:
            _cast0(source, target, words, TILE)
        elif kind == 1:
            _cast1(source, target, words, TILE)
        elif kind == 2:
            _cast2(source, target, words, TILE)
        else:
            _cast3(source, target, words, TILE)


@njit(nogil=True)
def _sequence(code: Any, small: Any, large: Any, arena: Any) -> None:
    """Add the terms in order, with every cast of the firmware."""
    positions, filters, terms, windows = code[1], code[2], code[3], code[4]
    groups, weights, biases, results = code[5], code[6], code[7], code[8]
    shift, rounding, width, signed, overflow = code[9], code[10], code[11], code[12] != 0, code[13]
    late = code[14] != 0
    common = max(shift, 0)
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
                        total = (total << common) + (product << (common - shift))
                        total = cast_raw(total, common, rounding, width, signed, overflow)
                    else:
                        total += cast_raw(product, shift, rounding, width, signed, overflow)
                        total = cast_raw(total, 0, 0, width, signed, overflow)
                arena[out + lane] = total


@njit(nogil=True)
def _load(source: Any, start: int, row: Any) -> None:
    for i in range(TILE):
        row[i] = source[start + i]


@njit(nogil=True)
def _save(row: Any, target: Any, start: int) -> None:
    for i in range(TILE):
        target[start + i] = row[i]


@njit(nogil=True)
def _fetch(width: int, offset: int, a16: Any, a32: Any, a64: Any, row: Any) -> None:
    if width == 16:
        _load(a16, offset >> 1, row)
    elif width == 32:
        _load(a32, offset >> 2, row)
    else:
        _load(a64, offset >> 3, row)


@njit(nogil=True)
def _keep(width: int, offset: int, a16: Any, a32: Any, a64: Any, row: Any) -> None:
    if width == 16:
        _save(row, a16, offset >> 1)
    elif width == 32:
        _save(row, a32, offset >> 2)
    else:
        _save(row, a64, offset >> 3)


@njit(nogil=True)
def _prologue(prologue: int, row: Any, other: Any, numbers: Any) -> None:
    """Compute the exact value of one row in place."""
    kind = row.dtype.type
    if prologue == RELU:
        for i in range(TILE):
            row[i] = max(row[i], kind(0))
    elif prologue == SEGMENT:
        scale, offset = kind(numbers[0]), kind(numbers[1])
        for i in range(TILE):
            row[i] = row[i] * scale + offset
    elif prologue == SEGMENTS:
        above, rise, below, start = numbers[0], numbers[1], numbers[2], numbers[3]
        threshold, low, high = numbers[4], numbers[5], numbers[6]
        for i in range(TILE):
            value = row[i] * below + start
            if row[i] > threshold:
                value = row[i] * above + rise
            row[i] = min(max(value, low), high)
    elif prologue == DIVIDE:
        for i in range(TILE):
            quotient = abs(np.int64(row[i])) // numbers[0]
            row[i] = -quotient if row[i] < 0 else quotient
    else:
        left, right = numbers[0], numbers[1]
        for i in range(TILE):
            row[i] = shift_left(row[i], left)
            other[i] = shift_left(other[i], right)
        if prologue == ADD:
            for i in range(TILE):
                row[i] = row[i] + other[i]
        elif prologue == SUBTRACT:
            for i in range(TILE):
                row[i] = row[i] - other[i]
        elif prologue == MULTIPLY:
            for i in range(TILE):
                row[i] = row[i] * other[i]
        elif prologue == MAXIMUM:
            for i in range(TILE):
                row[i] = max(row[i], other[i])
        else:
            for i in range(TILE):
                row[i] = min(row[i], other[i])


@njit(nogil=True)
def _cast(row: Any, sign: int, wraps: bool, zeroes: bool, numbers: Any) -> None:
    """Round, wrap and limit one row in place."""
    kind = row.dtype.type
    right, plus, even, extra = numbers[RIGHT], numbers[PLUS], numbers[EVEN], numbers[SIGNED_PLUS]
    if right != 0:
        add, odd, signed = kind(plus), kind(even), kind(extra)
        for i in range(TILE):
            value = row[i]
            both = (shift_right(value, right) & odd) + (shift_right(value, sign) & signed)
            row[i] = shift_right(kind(kind(value + add) + kind(both)), right)
    left = numbers[LEFT]
    if left != 0:
        for i in range(TILE):
            row[i] = shift_left(row[i], left)
    if wraps:
        places, mask = numbers[WRAP], kind(numbers[MASK])
        for i in range(TILE):
            row[i] = shift_right(shift_left(row[i], places), places) & mask
    low, high, post = kind(numbers[LOW]), kind(numbers[HIGH]), numbers[POST]
    if zeroes:
        for i in range(TILE):
            row[i] = row[i] if low <= row[i] <= high else kind(0)
    for i in range(TILE):
        row[i] = shift_left(min(max(row[i], low), high), post)


@njit(nogil=True)
def _element(
    code: Any, small: Any, large: Any, a16: Any, a32: Any, a64: Any, row: Any, other: Any
) -> None:
    prologue, sign, first, second, last = code[1], code[2] - 1, code[3], code[4], code[5]
    count, reads, partners, results = code[6], code[7], code[8], code[9]
    exact, numbers, casts = code[10], code[11], code[12]
    wraps, zeroes = code[13] != 0, code[14] != 0
    for e in range(count):
        _fetch(first, np.int64(small[reads + e]), a16, a32, a64, row)
        if prologue >= ADD:
            _fetch(second, np.int64(small[partners + e]), a16, a32, a64, other)
        if prologue != COPY:
            _prologue(prologue, row, other, large[exact + e * numbers : exact + (e + 1) * numbers])
        cast = large[casts + e * PARAMETERS : casts + (e + 1) * PARAMETERS]
        _cast(row, sign, wraps, zeroes, cast)
        _keep(last, np.int64(small[results + e]), a16, a32, a64, row)


@njit(nogil=True)
def _lookup(code: Any, small: Any, large: Any, a16: Any, a32: Any, a64: Any, row: Any) -> None:
    first, last, count, reads, results = code[1], code[2], code[3], code[4], code[5]
    multiplier, shift, toward_zero, offset = code[6], code[7], code[8] != 0, code[9]
    entries, columns, table, column = code[10], code[11], code[12], code[13]
    # Rounding towards zero is rounding down after adding nearly one to negative numbers.
    lift = (np.int64(1) << shift) - 1 if toward_zero else np.int64(0)
    for e in range(count):
        _fetch(first, np.int64(small[reads + e]), a16, a32, a64, row)
        place = table + small[column + e]
        for i in range(TILE):
            value = row[i] * multiplier
            index = ((value + ((value >> 63) & lift)) >> shift) + offset
            row[i] = large[place + min(max(index, 0), entries - 1) * columns]
        _keep(last, np.int64(small[results + e]), a16, a32, a64, row)


@njit(nogil=True)
def _turn(kind: int, events: int, stride: int, rows: int, lane: int) -> None:
    if kind == 0:
        _turn0(events, stride, rows, lane)
    elif kind == 1:
        _turn1(events, stride, rows, lane)
    elif kind == 2:
        _turn2(events, stride, rows, lane)
    elif kind == 3:
        _turn3(events, stride, rows, lane)
    elif kind == 4:
        _turn4(events, stride, rows, lane)
    elif kind == 5:
        _turn5(events, stride, rows, lane)
    elif kind == 6:
        _turn6(events, stride, rows, lane)
    elif kind == 7:
        _turn7(events, stride, rows, lane)
    else:
        _turn8(events, stride, rows, lane)


@njit(nogil=True)
def _read_rows(x: Any, first: int, target: Any, rows: Any, base: int) -> None:
    """Transpose the events of one tile into rows; lanes without an event become zero."""
    count, size = min(TILE, x.shape[0] - first), target.itemsize
    kind = 3 * (x.itemsize >> 2) + (size >> 2)
    elements, stride = x.shape[1], x.shape[1] * x.itemsize
    whole = elements // BLOCK * BLOCK if count == TILE else 0
    for e in range(0, whole, BLOCK):
        row = rows.ctypes.data + 4 * e
        for i in range(0, TILE, BLOCK):
            events = x.ctypes.data + (first + i) * stride + e * x.itemsize
            _turn(kind, events, stride, row, base + i * size)
    for e in range(whole, elements):
        start = rows[e] // size
        for i in range(count):
            target[start + i] = x[first + i, e]
        for i in range(count, TILE):
            target[start + i] = 0


@njit(nogil=True)
def _read_tile(x: Any, first: int, width: int, rows: Any, a16: Any, a32: Any, a64: Any) -> None:
    base = a64.ctypes.data
    if width == 16:
        _read_rows(x, first, a16, rows, base)
    elif width == 32:
        _read_rows(x, first, a32, rows, base)
    else:
        _read_rows(x, first, a64, rows, base)


@njit(nogil=True)
def _write_tile(y: Any, first: int, rows: Any, widths: Any, a16: Any, a32: Any, a64: Any) -> None:
    count = min(TILE, y.shape[0] - first)
    for e in range(y.shape[1]):
        offset = np.int64(rows[e])
        if widths[e] == 16:
            for i in range(count):
                y[first + i, e] = a16[(offset >> 1) + i]
        elif widths[e] == 32:
            for i in range(count):
                y[first + i, e] = a32[(offset >> 2) + i]
        else:
            for i in range(count):
                y[first + i, e] = a64[(offset >> 3) + i]


@njit(nogil=True)
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
            elif word[0] == CAST:
                _cast_rows(word, small, large, base)
            elif word[0] == SEQUENCE:
                _sequence(word, small, large, a64)
            elif word[0] == LOOKUP:
                _lookup(word, small, large, a16, a32, a64, row64)
            elif word[2] == 32:
                _element(word, small, large, a16, a32, a64, row32, other32)
            else:
                _element(word, small, large, a16, a32, a64, row64, other64)
        _write_tile(y, first, rows_out, widths_out, a16, a32, a64)
