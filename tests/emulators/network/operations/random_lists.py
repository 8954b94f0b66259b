"""Random operation lists in da4ml's layout, and their values in exact fractions."""

from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

import numpy as np

MOST_BITS = 18


class RandomList(NamedTuple):
    """Operations and tables as they stand in the file."""

    inputs: int
    operations: list[list[Any]]
    tables: list[dict[str, Any]]


def table(values, step):
    """Return a table as da4ml saves it."""
    ends = {"min": min(values) * step, "max": max(values) * step, "step": step}
    return {"spec": {"out_qint": ends}, "table": values}


def _bits(interval):
    """Return (signed, integer bits, fraction bits) of the narrowest format of an interval."""
    low, high, step = map(Fraction, interval)
    fraction = step.denominator.bit_length() - step.numerator.bit_length()
    width = max(max(int(high / step), 0).bit_length(), max(int(-low / step) - 1, 0).bit_length())
    return low < 0, width - fraction, fraction


def _wrapped(value, interval):
    signed, integer, fraction = _bits(interval)
    step, span = Fraction(2) ** -fraction, Fraction(2) ** (integer + signed)
    bottom = -span / 2 if signed else 0
    return (floor(value / step) * step - bottom) % span + bottom


def _chosen(value, interval):
    signed, integer, _ = _bits(interval)
    return value < 0 if signed else value >= Fraction(2) ** (integer - 1)


def evaluate(program, row):
    """Return the values of all operations for one row of inputs."""
    found: list[Fraction] = []
    for first, second, code, data, interval, *_ in program.operations:
        a = found[first] if code not in (-1, 5) else Fraction(0)
        b = found[second] if second >= 0 else Fraction(0)
        sign, step = (-1 if code < 0 else 1), Fraction(interval[2])
        match abs(code):
            case 1 if code == -1:
                value = Fraction(float(row[first]))
            case 0 | 1:
                value = a + (1 - 2 * code) * b * Fraction(2) ** data
            case 2:
                value = _wrapped(max(sign * a, Fraction(0)), interval)
            case 3:
                value = _wrapped(sign * a, interval)
            case 4:
                value = a + data * step
            case 5:
                value = data * step
            case 6:
                key, shift = data & 0xFFFFFFFF, (data >> 32) - ((data >> 63) << 32)
                other = sign * b * Fraction(2) ** shift
                value = a if _chosen(found[key], program.operations[key][4]) else other
            case 7:
                value = a * b
            case _:
                low, _, unit = map(Fraction, program.operations[first][4])
                spec = program.tables[data]
                value = spec["table"][int((a - low) / unit)] * Fraction(
                    spec["spec"]["out_qint"]["step"]
                )
        found.append(value)
    return [float(value) for value in found]


def _full(rng, signed, width, fraction):
    """Return the interval of a whole format."""
    step = 2.0**-fraction
    half = 1 << (width - signed)
    return [-half * step if signed else 0.0, (half - 1) * step, step]


class _Writer:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.operations: list[list[Any]] = []
        self.tables: list[dict[str, Any]] = []

    def add(self, first, second, code, data, interval):
        self.operations.append([first, second, code, data, interval, 0.0, 0.0])

    def pick(self):
        return int(self.rng.integers(len(self.operations)))

    def interval(self, number):
        return self.operations[number][4]

    def sign(self):
        return int(self.rng.choice((-1, 1)))

    def sum(self, kind):
        first, second, shift = self.pick(), self.pick(), int(self.rng.integers(-3, 4))
        (a, b, s), other = self.interval(first), self.interval(second)
        c, d, t = (value * 2.0**shift for value in other)
        c, d = (c, d) if kind == 0 else (-d, -c)
        self.add(first, second, kind, shift, [a + c, b + d, min(s, t)])

    def cut(self, code):
        first, rng = self.pick(), self.rng
        _, integer, fraction = _bits(self.interval(first))
        signed = int(rng.integers(2)) if code == 3 else 0
        width = int(rng.integers(3, 8))
        fraction = fraction - int(rng.integers(-1, max(integer + fraction - 2, 1)))
        self.add(first, -1, code * self.sign(), 0, _full(rng, signed, width, fraction))

    def constant_add(self, _):
        first, number = self.pick(), int(self.rng.integers(-9, 10))
        a, b, s = self.interval(first)
        s /= 2.0 ** int(self.rng.integers(3))
        self.add(first, -1, 4, number, [a + number * s, b + number * s, s])

    def choose(self, _):
        first, second, key, shift = *(self.pick() for _ in range(3)), int(self.rng.integers(-2, 3))
        sign = self.sign()
        a, b, s = self.interval(first)
        c, d, t = (value * 2.0**shift for value in self.interval(second))
        c, d = (c, d) if sign > 0 else (-d, -c)
        packed = (shift & 0xFFFFFFFF) << 32 | key
        self.add(first, second, 6 * sign, packed, [min(a, c), max(b, d), min(s, t)])

    def extreme(self, _):
        """Choose by the sign of a difference, as the tools write the larger of two numbers."""
        first, second, swapped = self.pick(), self.pick(), bool(self.rng.integers(2))
        self.add(first, second, 1, 0, self._difference(first, second))
        key = len(self.operations) - 1
        if self.interval(key)[0] >= 0:
            return
        (a, b, s), (c, d, t) = self.interval(first), self.interval(second)
        limit = min if swapped else max
        pair = (first, second) if swapped else (second, first)
        self.add(*pair, 6, key, [limit(a, c), limit(b, d), min(s, t)])

    def _difference(self, first, second):
        (a, b, s), (c, d, t) = self.interval(first), self.interval(second)
        return [a - d, b - c, min(s, t)]

    def product(self, _):
        first, second = self.pick(), self.pick()
        (a, b, s), (c, d, t) = self.interval(first), self.interval(second)
        ends = [x * y for x in (a, b) for y in (c, d)]
        self.add(first, second, 7, 0, [min(ends), max(ends), s * t])

    def look(self, _):
        """Read an old table wherever the range of an index allows it."""
        first = self.pick()
        low, high, step = self.interval(first)
        size = int((high - low) / step) + 1
        if size > 1024:
            return
        known = [n for n, each in enumerate(self.tables) if len(each["table"]) == size]
        if not known:
            values = self.rng.integers(-50, 50, size).tolist()
            self.tables.append(table(values, 2.0 ** -int(self.rng.integers(4))))
            known = [len(self.tables) - 1]
        ends = self.tables[known[0]]["spec"]["out_qint"]
        self.add(first, -1, 8, known[0], [ends["min"], ends["max"], ends["step"]])


def random_list(seed):
    """Return a list with sums, cuts, constants, choices, extremes, products and tables."""
    writer = _Writer(seed)
    rng = writer.rng
    inputs = 4
    for number in range(inputs):
        fraction = int(rng.integers(-2, 4))
        writer.add(number, -1, -1, 0, _full(rng, int(rng.integers(2)), 5, fraction))
    writer.add(-1, -1, 5, 3, [1.5, 1.5, 0.5])
    kinds = [
        (writer.sum, 0), (writer.sum, 1), (writer.cut, 2), (writer.cut, 3), (writer.cut, 3),
        (writer.constant_add, 4), (writer.choose, 6), (writer.product, 7), (writer.look, 8),
        (writer.extreme, 6),
    ]  # fmt: skip
    while len(writer.operations) < 40:
        make, code = kinds[int(rng.integers(len(kinds)))]
        make(code)
        signed, integer, fraction = _bits(writer.interval(len(writer.operations) - 1))
        if signed + integer + fraction > MOST_BITS:
            writer.operations.pop()
    return RandomList(inputs, writer.operations, writer.tables)


def whole(program, rows, seed):
    """Return random inputs of shape (rows, inputs)."""
    spans = np.array([op[4] for op in program.operations[: program.inputs]])
    low, high, step = spans.T
    steps = np.random.default_rng(seed).random((rows, len(spans))) * ((high - low) / step + 1)
    return low + np.floor(steps) * step
