"""Bits of 256 events at a time: four words hold one bit of each, a gate is a few operations.

Four words are read, combined and written side by side, which compilers turn into one vector.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers, Words
from l1kd.emulators.compilation import njit
from l1kd.emulators.logic.digits import digits
from l1kd.emulators.logic.stages import LogicStage

__all__ = ["LANES", "evaluate"]

_WORDS = 4
LANES = 64 * _WORDS
_HALF = 16
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_NONE = np.uint64(0)
_SWAPS = np.array(
    [
        (32, 0x00000000FFFFFFFF), (16, 0x0000FFFF0000FFFF), (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555),
    ],
    np.uint64,
)  # fmt: skip
"""Distances and masks that turn 64 words of 64 bits over, the larger first."""


def evaluate(stages: Sequence[LogicStage], flat: AnyArray) -> Integers:
    """Send events, shape (n, inputs), through stages one after the other."""
    count, first = len(flat), stages[0]
    blocks = -(-count // LANES)
    parts = _parts(flat, first.width)
    planes = np.empty((blocks, 0, first.width, _WORDS), np.uint64)
    for stage in stages:
        after = np.empty((blocks, stage.outputs, stage.output_width, _WORDS), np.uint64)
        _run(parts, planes, stage.inputs, *_packed(stage), after)
        planes = after
    result = np.empty((blocks * LANES, planes.shape[1]), np.int64)
    _join(planes, result)
    return result[:count]


def _parts(flat: AnyArray, width: int) -> AnyArray:
    """Numbers in words of 64 bits, four a word: uint64[rows, halves, quarters]."""
    halves, quarters = -(-width // _HALF), -(-flat.shape[1] // 4)
    if halves == 1 and flat.dtype == np.uint16 and flat.shape[1] % 4 == 0:
        return np.ascontiguousarray(flat).view(np.uint64)[:, None]
    parts = np.zeros((len(flat), halves, 4 * quarters), np.uint16)
    for half in range(halves):
        parts[:, half, : flat.shape[1]] = (flat >> (_HALF * half)) & 0xFFFF if halves > 1 else flat
    return parts.view(np.uint64)


def _polynomials(tables: AnyArray) -> Words:
    """Masks of c0 ^ c1 a ^ c2 b ^ c3 a b for truth tables, uint64[gates, 4]."""
    none, b, a, both = ((tables >> k) & 1 for k in range(4))
    terms = np.stack([none, none ^ a, none ^ b, none ^ a ^ b ^ both], axis=1)
    return np.where(terms == 1, _ALL, _NONE)


def _packed(stage: LogicStage) -> tuple[Any, ...]:
    """Gates of all layers, bits in the order of their groups, and sums as additions of planes."""
    layers = [(layer.a, layer.b, _polynomials(layer.table)) for layer in stage.layers]
    layers = layers or [(np.empty(0, np.int32), np.empty(0, np.int32), np.empty((0, 4), np.uint64))]
    a, b, terms = (np.concatenate(column) for column in zip(*layers, strict=True))
    order = np.argsort(stage.group, kind="stable").astype(np.int64)
    sizes = np.bincount(stage.group, minlength=stage.weight.shape[1])
    depth = max(int(sizes.max()).bit_length(), 1)
    added = [
        (output, group, exponent, sign)
        for output, row in enumerate(stage.weight.tolist())
        for group, weight in enumerate(row)
        for sign, exponent in digits(weight)
    ]
    reach = np.abs(stage.offset) + (np.abs(stage.weight) * sizes).sum(axis=1)
    planes = max(int(reach.max()).bit_length(), stage.output_width) + 1  # one is the sign
    return (
        stage.source, stage.threshold, a, b, terms,
        np.cumsum([0, *map(len, stage.layers)]),
        order, np.concatenate([[0], np.cumsum(sizes)]), depth,
        np.array(added, np.int64).reshape(-1, 4), stage.offset, planes,
    )  # fmt: skip


@njit(nogil=True)
def _turn(square: Words) -> None:
    """Turn 64 words of 64 bits over, side by side: uint64[64, q]."""
    for step in range(len(_SWAPS)):
        distance, mask = _SWAPS[step]
        apart = np.int64(distance)
        for k in range(64):
            if k & apart:
                continue
            upper, lower = square[k], square[k + apart]
            for q in range(square.shape[1]):
                moved = ((upper[q] >> distance) ^ lower[q]) & mask
                lower[q] ^= moved
                upper[q] ^= moved << distance


@njit(nogil=True)
def _slice(rows: Words, width: int, square: Words, slices: Words) -> None:
    """Turn up to 256 rows of numbers into words: bit k of number i of all in slices[i, k]."""
    halves = rows.shape[1]
    for w in range(_WORDS):
        count = min(max(len(rows) - 64 * w, 0), 64)
        for half in range(halves):
            for k in range(count):
                square[k] = rows[64 * w + k, half]
            square[count:] = _NONE
            _turn(square)
            for i in range(len(slices)):
                for k in range(_HALF * half, min(width, _HALF * (half + 1))):
                    slices[i, k, w] = square[_HALF * (i & 3) + (k & 15), i >> 2]


@njit(nogil=True)
def _encode(slices: Words, width: int, source: Any, threshold: Integers, bits: Words) -> None:
    """Compare, from the threshold's lowest one upwards: at least its bits so far, or not."""
    for j in range(len(source)):
        number, least, first = source[j], threshold[j], 0
        while not (least >> first) & 1:
            first += 1
        a, b, c, d = (slices[number, first, 0], slices[number, first, 1],
                      slices[number, first, 2], slices[number, first, 3])  # fmt: skip
        for k in range(first + 1, width):
            e, f, g, h = (slices[number, k, 0], slices[number, k, 1],
                          slices[number, k, 2], slices[number, k, 3])  # fmt: skip
            if (least >> k) & 1:
                a, b, c, d = a & e, b & f, c & g, d & h
            else:
                a, b, c, d = a | e, b | f, c | g, d | h
        bits[j, 0], bits[j, 1], bits[j, 2], bits[j, 3] = a, b, c, d


@njit(nogil=True)
def _layer(bits: Words, a: Any, b: Any, terms: Words, first: int, last: int, after: Words) -> None:
    for j in range(first, last):
        x, y = bits[a[j]], bits[b[j]]
        p, q, r, s = terms[j, 0], terms[j, 1], terms[j, 2], terms[j, 3]
        e = p ^ (q & x[0]) ^ (r & y[0]) ^ (s & x[0] & y[0])
        f = p ^ (q & x[1]) ^ (r & y[1]) ^ (s & x[1] & y[1])
        g = p ^ (q & x[2]) ^ (r & y[2]) ^ (s & x[2] & y[2])
        h = p ^ (q & x[3]) ^ (r & y[3]) ^ (s & x[3] & y[3])
        z = after[j - first]
        z[0], z[1], z[2], z[3] = e, f, g, h


@njit(nogil=True)
def _push(row: Words, level: int, filled: Any, held: Words) -> None:
    """Add a bit to a count: two of a value wait, with a third they are a sum and a carry."""
    a, b, c, d = row[0], row[1], row[2], row[3]
    while filled[level] == 2:
        x, y = held[level, 0], held[level, 1]
        e, f, g, h = x[0] ^ y[0], x[1] ^ y[1], x[2] ^ y[2], x[3] ^ y[3]
        p, q, r, s = x[0] & y[0], x[1] & y[1], x[2] & y[2], x[3] & y[3]
        x[0], x[1], x[2], x[3] = e ^ a, f ^ b, g ^ c, h ^ d
        a, b, c, d = p | (e & a), q | (f & b), r | (g & c), s | (h & d)
        filled[level] = 1
        level += 1
    z = held[level, filled[level]]
    z[0], z[1], z[2], z[3] = a, b, c, d
    filled[level] += 1


@njit(nogil=True)
def _count(bits: Words, order: Any, ends: Any, held: Words, filled: Any, counters: Words) -> None:
    """Count the bits of every group: bit k of a count in counters[group, k]."""
    for group in range(len(counters)):
        filled[:] = 0
        for j in range(ends[group], ends[group + 1]):
            _push(bits[order[j]], 0, filled, held)
        for level in range(counters.shape[1]):
            row, x, y = counters[group, level], held[level, 0], held[level, 1]
            for w in range(_WORDS):
                row[w] = _NONE if filled[level] == 0 else x[w]
                if filled[level] == 2:
                    row[w], y[w] = x[w] ^ y[w], x[w] & y[w]
            if filled[level] == 2:
                _push(y, level + 1, filled, held)


@njit(nogil=True)
def _add(counters: Words, added: Integers, offset: Integers, total: Words, after: Words) -> None:
    """Add weighted counts plane by plane, and clip the sums."""
    planes, width = total.shape[1], after.shape[1]
    for output in range(len(offset)):
        for k in range(planes):
            total[output, k] = _ALL if (offset[output] >> k) & 1 else _NONE
    for output, group, exponent, sign in added:
        inverted = _ALL if sign < 0 else _NONE
        a = b = c = d = inverted
        for k in range(exponent, planes):
            x, place = total[output, k], k - exponent
            e = f = g = h = inverted
            if place < counters.shape[1]:
                y = counters[group, place]
                e, f, g, h = y[0] ^ inverted, y[1] ^ inverted, y[2] ^ inverted, y[3] ^ inverted
            p, q, r, s = x[0] ^ e, x[1] ^ f, x[2] ^ g, x[3] ^ h
            e, f, g, h = x[0] & e, x[1] & f, x[2] & g, x[3] & h
            x[0], x[1], x[2], x[3] = p ^ a, q ^ b, r ^ c, s ^ d
            a, b, c, d = e | (p & a), f | (q & b), g | (r & c), h | (s & d)
    for output in range(len(offset)):
        for w in range(_WORDS):
            above = _NONE
            for k in range(width, planes - 1):
                above |= total[output, k, w]
            for k in range(width):
                after[output, k, w] = ~total[output, planes - 1, w] & (above | total[output, k, w])


@njit(nogil=True)
def _run(
    parts: Words,
    planes: Words,
    inputs: int,
    source: Any,
    threshold: Integers,
    a: Any,
    b: Any,
    terms: Words,
    ends: Integers,
    order: Integers,
    spans: Integers,
    depth: int,
    added: Integers,
    offset: Integers,
    sums: int,
    after: Words,
) -> None:
    """Send all blocks through a stage; the first one reads rows, the others planes."""
    width, first = planes.shape[2], planes.shape[1] == 0
    square = np.empty((64, parts.shape[2]), np.uint64)
    slices = np.empty((inputs, width, _WORDS), np.uint64)
    largest = max(len(source), len(a), 1)
    bits = np.empty((largest, _WORDS), np.uint64)
    other = np.empty((largest, _WORDS), np.uint64)
    counters = np.empty((len(spans) - 1, depth, _WORDS), np.uint64)
    held = np.empty((depth + 2, 2, _WORDS), np.uint64)
    filled = np.empty(depth + 2, np.int64)
    total = np.empty((len(offset), sums, _WORDS), np.uint64)
    for block in range(len(after)):
        if first:
            _slice(parts[block * LANES : (block + 1) * LANES], width, square, slices)
        else:
            slices[:] = planes[block]
        _encode(slices, width, source, threshold, bits)
        for layer in range(len(ends) - 1):
            _layer(bits, a, b, terms, ends[layer], ends[layer + 1], other)
            bits, other = other, bits
        _count(bits, order, spans, held, filled, counters)
        _add(counters, added, offset, total, after[block])


@njit(nogil=True)
def _join(planes: Words, result: Integers) -> None:
    """Turn planes into numbers: int64[blocks * 256, outputs]."""
    square = np.empty((64, planes.shape[1]), np.uint64)
    for block in range(len(planes)):
        for w in range(_WORDS):
            square[:] = _NONE
            for output in range(planes.shape[1]):
                for k in range(planes.shape[2]):
                    square[k, output] = planes[block, output, k, w]
            _turn(square)
            start = block * LANES + 64 * w
            for k in range(64):
                for output in range(planes.shape[1]):
                    result[start + k, output] = np.int64(square[k, output])
