"""The steps of a stage on 512 events at a time, of which a register holds one bit of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Integers, Words
from l1kd.emulators.compilation import njit
from l1kd.emulators.logic.netlist import AND, OR, XOR
from l1kd.emulators.logic.plan import DIGIT, DIGITS, STEPS, Plan
from l1kd.emulators.logic.planes import HELD, NUMBERS, TILE, from_planes, part_rows, to_planes
from l1kd.emulators.logic.registers import BITS, SIZE, load, majority, splat, store

__all__ = ["evaluate"]

_HALF = 16
"""Bits of the words in which numbers come."""
_CHUNK = 32 * BITS
"""Events that go through all stages before the next ones, which keeps them in the cache."""
_WORDS = SIZE // 8


def evaluate(plans: Sequence[Plan], flat: AnyArray) -> Integers | None:
    """Send events, shape (n, inputs), through stages; None if a number has too many bits."""
    width, inputs = plans[0].width, flat.shape[1]
    as_they_are = flat.dtype == np.uint16 and width <= _HALF
    whole = -(-len(flat) // BITS) * BITS
    result = np.empty((plans[-1].outputs, whole), np.int64)
    rooms = [np.empty(_WORDS * (_registers(plan) + 1), np.uint64) for plan in plans]
    tail = np.zeros(BITS * inputs * -(-width // _HALF) + NUMBERS, np.uint16)
    rows = np.ascontiguousarray(flat).reshape(-1) if as_they_are else np.empty(0, np.uint16)
    for start in range(0, len(flat), _CHUNK):
        count = min(len(flat) - start, _CHUNK)
        if not as_they_are:
            rows = _halves(flat[start : start + count], width).reshape(-1)
        planes = np.empty(0, np.uint64)
        for plan, room in zip(plans, rooms, strict=True):
            size = plan.outputs * plan.output_width * -(-count // BITS)
            after = np.empty(_WORDS * size, np.uint64)
            if not _run(plan, rows, start if as_they_are else 0, tail, planes, after, room):
                return None
            planes = after
        _join(planes, plans[-1].output_width, result, start)
    return np.ascontiguousarray(result[:, : len(flat)].T)


def _halves(flat: AnyArray, width: int) -> AnyArray:
    """Numbers in words of 16 bits: uint16[rows, halves, inputs]."""
    halves = -(-width // _HALF)
    parts = np.empty((len(flat), halves, flat.shape[1]), np.uint16)
    for half in range(halves):
        parts[:, half] = (flat >> (_HALF * half)) & 0xFFFF if halves > 1 else flat
    return parts


def _registers(plan: Plan) -> int:
    """How many registers a plan works with: its own, planes of a tile, steps, numbers held."""
    held = HELD * len(plan.tile) * TILE // NUMBERS * -(-plan.width // _HALF)
    return plan.registers + TILE * plan.width + STEPS * plan.step.shape[1] + held


@njit(forceinline=True)
def _at(base: int, row: int) -> int:
    return base + SIZE * row


@njit(forceinline=True)
def _digits(planes: int, width: int, steps: int) -> None:
    """For every three bits of a number: where they are at least 0, 1, 2, ... and 8."""
    for digit in range(DIGITS * ((width + DIGIT * DIGITS - 1) // (DIGIT * DIGITS))):
        bit = DIGIT * digit
        low = load(_at(planes, bit)) if bit < width else splat(0)
        middle = load(_at(planes, bit + 1)) if bit + 1 < width else splat(0)
        high = load(_at(planes, bit + 2)) if bit + 2 < width else splat(0)
        first = _at(steps, STEPS * digit)
        store(_at(first, 1), low | middle | high)
        store(_at(first, 2), middle | high)
        store(_at(first, 3), (low & middle) | high)
        store(_at(first, 4), high)
        store(_at(first, 5), (low | middle) & high)
        store(_at(first, 6), middle & high)
        store(_at(first, 7), low & middle & high)


@njit(forceinline=True)
def _enough(so_far: Any, place: int) -> Any:
    """More than the threshold's digit, or equal and enough so far in the digits below."""
    return (so_far & load(place)) | load(place + SIZE)


@njit(forceinline=True)
def _compare(
    step: Indices, compared: Indices, first: int, last: int, steps: int, bits: int
) -> None:
    """Compare a number with thresholds, from the lowest digit upwards."""
    for j in range(first, last):
        result = load(steps + step[j, 0])
        for digit in range(1, DIGITS):
            result = _enough(result, steps + step[j, digit])
        if step.shape[1] > DIGITS:
            for digit in range(DIGITS, 2 * DIGITS):
                result = _enough(result, steps + step[j, digit])
        store(bits + compared[j], result)


@njit(forceinline=True)
def _gates(gate: Indices, kind: int, first: int, last: int, bits: int) -> None:
    """Compute gates of one kind, one after the other."""
    if kind == AND:
        for j in range(first, last):
            store(bits + gate[j, 2], load(bits + gate[j, 0]) & load(bits + gate[j, 1]))
    elif kind == OR:
        for j in range(first, last):
            store(bits + gate[j, 2], load(bits + gate[j, 0]) | load(bits + gate[j, 1]))
    elif kind == XOR:
        for j in range(first, last):
            store(bits + gate[j, 2], load(bits + gate[j, 0]) ^ load(bits + gate[j, 1]))
    else:
        for j in range(first, last):
            store(bits + gate[j, 2], load(bits + gate[j, 0]) & ~load(bits + gate[j, 1]))


@njit(forceinline=True)
def _add_bits(a: Any, b: Any, c: Any) -> Any:
    """Add three bits: the sum and the carry."""
    return a ^ b ^ c, majority(a, b, c)


@njit(forceinline=True)
def _count(count: Indices, first: int, last: int, bits: int) -> None:
    """Add eight bits a step to the ones, twos and fours of a counter; eights go on."""
    for j in range(first, last):
        counter = bits + count[j, 9]
        ones, a = _add_bits(load(counter), load(bits + count[j, 0]), load(bits + count[j, 1]))
        ones, b = _add_bits(ones, load(bits + count[j, 2]), load(bits + count[j, 3]))
        twos, c = _add_bits(load(_at(counter, 1)), a, b)
        ones, a = _add_bits(ones, load(bits + count[j, 4]), load(bits + count[j, 5]))
        ones, b = _add_bits(ones, load(bits + count[j, 6]), load(bits + count[j, 7]))
        twos, d = _add_bits(twos, a, b)
        fours, eights = _add_bits(load(_at(counter, 2)), c, d)
        store(counter, ones)
        store(_at(counter, 1), twos)
        store(_at(counter, 2), fours)
        store(bits + count[j, 8], eights)


@njit(forceinline=True)
def _add(adder: Indices, first: int, last: int, bits: int) -> None:
    for j in range(first, last):
        a, b, c = load(bits + adder[j, 0]), load(bits + adder[j, 1]), load(bits + adder[j, 2])
        total, carry = _add_bits(a, b, c)
        store(bits + adder[j, 3], total)
        store(bits + adder[j, 4], carry)


@njit(forceinline=True)
def _finish(total: Indices, width: int, bits: int, after: int) -> None:
    """Subtract the sum of two numbers from that of two, and clip it to what `width` bits hold."""
    planes = total.shape[1]
    more = less = above = sign = splat(0)
    carry = splat(-1)
    for k in range(planes):
        plus, more = _add_bits(load(bits + total[0, k]), load(bits + total[1, k]), more)
        minus, less = _add_bits(load(bits + total[2, k]), load(bits + total[3, k]), less)
        sign, carry = _add_bits(plus, ~minus, carry)
        if k < width:
            store(_at(after, k), sign)
        elif k < planes - 1:
            above = above | sign
    for k in range(width):
        store(_at(after, k), (load(_at(after, k)) | above) & ~sign)


@njit(nogil=True)
def _part(plan: Plan, rows: AnyArray, start: int, tail: AnyArray, held: int) -> Any:
    """Begin to turn the rows from the number `start` on over; return all that was read, or-ed."""
    halves = -(-plan.width // _HALF)
    stride = halves * plan.inputs
    address = rows.ctypes.data + 2 * start
    if start + len(tail) > len(rows):
        left = min(len(rows) - start, BITS * stride)
        tail[:left] = rows[start : start + left]
        tail[left:] = 0
        address = tail.ctypes.data
    groups = len(plan.tile) * TILE // NUMBERS
    seen = splat(0)
    for half in range(halves):
        width = min(plan.width - _HALF * half, _HALF)
        here = address + 2 * half * plan.inputs
        read = part_rows(here, 2 * stride, groups, width, held, here + 2 * BITS * stride)
        seen = seen | read
        held = _at(held, HELD * groups)
    return seen


@njit(forceinline=True)
def _tile_planes(plan: Plan, tile: int, held: int, planes: int) -> None:
    """Turn the numbers of a tile over."""
    group, place = divmod(tile, NUMBERS // TILE)
    groups = len(plan.tile) * TILE // NUMBERS
    left = plan.inputs - NUMBERS * group - 2 * place
    for half in range(-(-plan.width // _HALF) if left > 0 else 0):
        begin = _at(held, HELD * (half * groups + group) + NUMBERS * place)
        width = min(plan.width - _HALF * half, _HALF)
        to_planes(begin, left, width, _at(planes, _HALF * half), plan.width)


@njit(nogil=True)
def _run(
    plan: Plan, rows: AnyArray, begin: int, tail: AnyArray, planes: Words, after: Words, room: Words
) -> bool:
    """Send blocks of events through a stage, which reads rows if there are no planes.

    Returns whether all numbers have at most the stage's bits.
    """
    bits = -(-room.ctypes.data // SIZE) * SIZE
    tile_planes = _at(bits, plan.registers)
    steps = _at(tile_planes, TILE * plan.width)
    held = _at(steps, STEPS * plan.step.shape[1])
    store(bits, splat(0))
    store(_at(bits, 1), splat(-1))
    for digit in range(plan.step.shape[1]):
        store(_at(steps, STEPS * digit), splat(-1))
        store(_at(steps, STEPS * digit + STEPS - 1), splat(0))
    first = len(planes) == 0
    size = plan.outputs * plan.output_width
    seen = splat(0)
    for block in range(len(after) // (_WORDS * size)):
        here = planes.ctypes.data + SIZE * block * plan.inputs * plan.width
        if first:
            start = (begin + BITS * block) * plan.inputs * -(-plan.width // _HALF)
            seen = seen | _part(plan, rows, start, tail, held)
        for row in range(2, plan.counters):
            store(_at(bits, row), splat(0))
        number = compared = run = gate = step = 0
        for tile in range(len(plan.tile)):
            if first:
                _tile_planes(plan, tile, held, tile_planes)
            while number < plan.tile[tile, 0]:
                source = _at(here, plan.number[number] * plan.width)
                if first:  # of numbers 0, 1, 8 and 9 behind an even one
                    place = (plan.number[number] & 1) + ((plan.number[number] & 8) >> 2)
                    source = _at(tile_planes, place * plan.width)
                _digits(source, plan.width, steps)
                _compare(plan.step, plan.compared, compared, plan.last[number], steps, bits)
                compared = plan.last[number]
                number += 1
            while run < plan.tile[tile, 1]:
                kind, end = plan.gates[run]
                _gates(plan.gate, kind, gate, end, bits)
                gate = end
                run += 1
            _count(plan.counted, step, plan.tile[tile, 2], bits)
            step = plan.tile[tile, 2]
        added = 0
        for output in range(plan.outputs):
            _add(plan.adder, added, plan.adders[output], bits)
            added = plan.adders[output]
            target = block * size + output * plan.output_width
            _finish(plan.total[output], plan.output_width, bits, _at(after.ctypes.data, target))
    too_much = np.uint64(0xFFFF & ~((1 << min(plan.width, _HALF)) - 1))
    store(bits, seen)
    for word in room[(bits - room.ctypes.data) // 8 :][:_WORDS]:
        for half in range(4):
            if (word >> np.uint64(_HALF * half)) & too_much:
                return False
    return True


@njit(nogil=True)
def _join(planes: Words, width: int, result: Integers, start: int) -> None:
    """Turn the planes of blocks into numbers."""
    outputs, whole = result.shape
    size = SIZE * outputs * width
    for block in range(len(planes) * 8 // size):
        target = result.ctypes.data + 8 * (start + BITS * block)
        from_planes(planes.ctypes.data + size * block, width, outputs, target, 8 * whole)
