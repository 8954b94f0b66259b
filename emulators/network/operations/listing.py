"""Operation lists of the distributed-arithmetic tools, read as a graph.

da4ml and alkaid save a network as a list of scalar operations. Sums, shifts and constants are
linear forms of what came before, so they are collected; everything else (cut bits, relu, choices,
tables, products) becomes an element of the basis, computed once. Elements of equal depth are
computed together: one `Affine` for all their operands, then one operation for each kind.
"""

import json
from collections.abc import Callable, Sequence
from math import frexp
from pathlib import Path
from typing import Any, NamedTuple

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import Graph
from l1kd.emulators.network.linear_form import Linear
from l1kd.emulators.network.operations.basis import Basis, Form

__all__ = ["read_operation_list"]

MAX_OPERATIONS, MAX_BYTES = 1 << 20, 1 << 28
_SIGNED_32 = 1 << 31


class Interval(NamedTuple):
    """Smallest and largest value as integers in units of ``2**-fraction``."""

    low: int
    high: int
    fraction: int

    @property
    def format(self) -> FixedPoint:
        """The narrowest format that holds the interval, at least one bit wide."""
        signed = self.low < 0
        bits = max(max(self.high, 0).bit_length(), (-self.low - 1).bit_length() if signed else 0)
        width = max(bits + signed, 1)
        return FixedPoint(width, width - self.fraction, signed)


class Step(NamedTuple):
    """One operation in the terms both tools share."""

    kind: str
    operands: tuple[int, ...]
    numbers: tuple[int, ...]
    result: Interval


class Program(NamedTuple):
    """A whole list: ``outputs`` are (operation or -1, shift, negated)."""

    inputs: int
    steps: list[Step]
    outputs: list[tuple[int, int, bool]]
    tables: list[tuple[list[int], int]]


def read_operation_list(path: Path) -> Graph:
    """Return the graph of a file that da4ml or alkaid saved.

    The input tensor has the narrowest format that holds every input of the list, the output tensor
    likewise; values are the same real numbers as the tool's.

    Raises
    ------
    ValueError
        If the file is no such list, or uses what is not understood.
    """
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no operation list: it is no file")
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} is no operation list: it is larger than {MAX_BYTES >> 20} MiB")
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        program = _alkaid(data) if isinstance(data, dict) else _da4ml(data)
    except (
        KeyError, TypeError, IndexError, OverflowError, UnicodeDecodeError, RecursionError
    ) as error:  # fmt: skip
        raise ValueError(f"{path} is no operation list: {error!r}") from error
    return _Reader(program).graph(path.stem)


def _interval(low: float, high: float, step: float) -> Interval:
    if low == high == 0:
        return Interval(0, 0, 0)
    return Interval(round(low / step), round(high / step), _fraction(step))


def _fraction(step: float) -> int:
    mantissa, exponent = frexp(step)
    if mantissa != 0.5 or not -200 < exponent < 200:
        raise ValueError(f"the step {step} is no power of two")
    return 1 - exponent


def _signed(value: int) -> int:
    return (int(value) + _SIGNED_32) % (2 * _SIGNED_32) - _SIGNED_32


def _tables(entries: Sequence[Any] | None) -> list[tuple[list[int], int]]:
    tables = []
    for entry in entries or ():
        spec = entry["spec"]["out_qint"]
        fraction = _interval(spec["min"], spec["max"], spec["step"]).fraction
        tables.append(([int(value) for value in entry["table"]], fraction))
    return tables


def _outputs(data: Sequence[Any]) -> list[tuple[int, int, bool]]:
    rows = zip(data[2], data[3], data[4], strict=True)
    return [(int(index), int(shift), bool(negative)) for index, shift, negative in rows]


def _checked(data: Sequence[Any]) -> None:
    if len(data) not in (8, 9) or len(data[5]) > MAX_OPERATIONS:
        raise ValueError("not one list of operations")
    if any(data[1]):
        raise ValueError("shifted inputs are not understood")


def _da4ml(data: Sequence[Any]) -> Program:
    """Read da4ml's layout: two operands and one packed number."""
    _checked(data)
    steps = []
    for first, second, code, packed, interval, *_ in data[5]:
        result, packed = _interval(*interval), int(packed)
        operands = tuple(int(i) for i in (first, second) if i >= 0)
        kind = _DA4ML[abs(code)] if code != -1 else "input"
        numbers: tuple[int, ...] = (packed,)
        if code == -1:
            operands, numbers = (), (int(first),)
        elif kind in ("relu", "wrap"):
            numbers = (0, int(code < 0))
        elif kind in ("add", "subtract"):
            numbers = (packed,)
        elif kind == "constant_add":
            # Of the step itself: a sum that is always zero has an interval without fraction bits.
            numbers = (packed, _fraction(interval[2]) if packed else 0)
        elif kind == "choose":
            operands = (*operands, packed & 0xFFFFFFFF)
            numbers = (_signed(packed >> 32), int(code < 0))
        elif kind == "unary":
            numbers = (packed, int(code < 0))
        elif kind == "bits":
            flags = packed >> 32
            numbers = (_signed(packed), packed >> 56 & 0xFF, flags & 1, flags >> 1 & 1)
        steps.append(Step(kind, operands, numbers, result))
    return Program(int(data[0][0]), steps, _outputs(data), _tables(data[8:] and data[8]))


_DA4ML = {
    0: "add",
    1: "subtract",
    2: "relu",
    3: "wrap",
    4: "constant_add",
    5: "constant",
    6: "choose",
    7: "multiply",
    8: "lookup",
    9: "unary",
    10: "bits",
}


def _alkaid(data: dict[str, Any]) -> Program:
    """Read alkaid's layout: any number of operands and of numbers."""
    if data["meta"] not in ("ALIRModel", "DAISModel") or data["spec_version"] != 4:
        raise ValueError(f"version {data['spec_version']} of {data['meta']} is not understood")
    model = data["model"]
    _checked(model)
    steps = []
    for operands, code, numbers, interval, *_ in model[5]:
        kind = {-2: "negative", -1: "input", 11: "sum"}.get(code) or _DA4ML[code]
        numbers = tuple(int(n) for n in numbers)
        if kind == "relu":
            numbers = (0, 0)
        elif kind in ("wrap", "choose", "unary"):
            numbers = (numbers[0], 0)
        elif kind == "bits":
            numbers = (*numbers, 0, 0)
        steps.append(Step(kind, tuple(int(i) for i in operands), numbers, _interval(*interval)))
    return Program(int(model[0][0]), steps, _outputs(model), _tables(model[8:] and model[8]))


class _Reader:
    """Turns a program into a graph."""

    def __init__(self, program: Program) -> None:
        self.program = program
        used = [s for s in program.steps if s.kind == "input"]
        if any(not 0 <= s.numbers[0] < program.inputs for s in used):
            raise ValueError("an input is out of range")
        formats = [s.result.format for s in used] or [FixedPoint(1, 1, False)]
        self.basis = Basis(program.inputs, _hull(formats))
        self.forms: list[Form] = []
        for number, step in enumerate(program.steps):
            if any(not 0 <= operand < number for operand in step.operands):
                raise ValueError(f"operation {number} reads what is not computed yet")
            reader: Callable[[Step], Form] | None = getattr(self, f"_{step.kind}", None)
            if reader is None:
                raise ValueError(f"operation {number} is not understood")
            self.forms.append(reader(step))

    def graph(self, name: str) -> Graph:
        """Return the graph whose one output tensor holds all outputs."""
        forms, formats = [], []
        for index, shift, negative in self.program.outputs:
            if index >= len(self.forms):
                raise ValueError("an output is out of range")
            form = self.forms[index] if index >= 0 else self.basis.constant(0, 0)
            forms.append(self._turned(form.shifted(shift), negative))
            result = self.program.steps[index].result if index >= 0 else Interval(0, 0, 0)
            low, high, fraction = result
            ends = (-high, -low) if negative else (low, high)
            formats.append(Interval(*ends, fraction - shift).format)
        return self.basis.graph(name, forms, _hull(formats))

    def _read(self, step: Step, number: int = 0) -> Form:
        return self.forms[step.operands[number]]

    def _source(self, step: Step, number: int = 0) -> Interval:
        return self.program.steps[step.operands[number]].result

    @staticmethod
    def _turned(form: Form, negative: int | bool) -> Form:
        return form.scaled(-1) if negative else form

    def _input(self, step: Step) -> Form:
        form = self.basis.input(step.numbers[0])
        return self.basis.cast(form, step.result.format)

    def _constant(self, step: Step) -> Form:
        return self.basis.constant(step.numbers[0], step.result.fraction)

    def _add(self, step: Step) -> Form:
        return self._read(step).plus(self._read(step, 1).shifted(step.numbers[0]))

    def _subtract(self, step: Step) -> Form:
        return self._read(step).plus(self._read(step, 1).shifted(step.numbers[0]).scaled(-1))

    def _sum(self, step: Step) -> Form:
        total = self.basis.constant(0, 0)
        for number in range(len(step.operands)):
            plus, shift = step.numbers[2 * number : 2 * number + 2]
            total = total.plus(self._turned(self._read(step, number).shifted(shift), not plus))
        return total

    def _negative(self, step: Step) -> Form:
        return self._read(step).scaled(-1)

    def _constant_add(self, step: Step) -> Form:
        return self._read(step).plus(Linear({}, *step.numbers))

    def _wrap(self, step: Step) -> Form:
        form = self._turned(self._read(step).shifted(step.numbers[0]), step.numbers[1])
        return self._cast(form, step.result)

    def _relu(self, step: Step) -> Form:
        form = self._turned(self._read(step), step.numbers[1])
        return self._cast(form, step.result, positive=True)

    def _cast(self, form: Form, result: Interval, positive: bool = False) -> Form:
        if result.low == result.high == 0:
            return self.basis.constant(0, 0)
        return self.basis.cast(form, result.format, positive)

    def _multiply(self, step: Step) -> Form:
        return self.basis.product(self._read(step), self._read(step, 1))

    def _choose(self, step: Step) -> Form:
        yes, no = self._read(step), self._read(step, 1).shifted(step.numbers[0])
        no = self._turned(no, step.numbers[1])
        key, condition = self._source(step, 2), self._read(step, 2)
        if key.low < 0:
            difference = no.plus(yes.scaled(-1))
            for largest in (True, False):
                if condition.ray() == difference.scaled(1 if largest else -1).ray():
                    return self.basis.extreme(yes, no, largest)
            chosen = self.basis.exceeds(condition, -1, key.fraction)
            return yes.plus(self.basis.product(chosen, difference))
        top = (1 << (key.format.width - 1)) - 1
        chosen = self.basis.exceeds(condition, top, key.fraction)
        return no.plus(self.basis.product(chosen, yes.plus(no.scaled(-1))))

    def _lookup(self, step: Step) -> Form:
        values, fraction = self.program.tables[step.numbers[0]]
        source = self._source(step)
        if len(values) != source.high - source.low + 1:
            raise ValueError("a table has another size than the range of its index")
        return self.basis.lookup(self._read(step), source.fraction, source.low, values, fraction)

    def _unary(self, step: Step) -> Form:
        source = self._source(step)
        form = self._turned(self._read(step), step.numbers[1])
        low, high, fraction = source
        if step.numbers[1]:
            low, high = -high, -low
        if step.numbers[0] == 0:
            top = 0 if low < 0 else 1 << Interval(low, high, fraction).format.width
            return form.scaled(-1).plus(Linear({}, top - 1, fraction))
        unit = step.result.fraction
        whole = -1 if low < 0 else (1 << Interval(low, high, fraction).format.width) - 1
        value = 0 if step.numbers[0] == 1 else whole
        above = self.basis.exceeds(form, value - 1, fraction)
        equal = above.plus(self.basis.exceeds(form, value, fraction).scaled(-1))
        if step.numbers[0] == 1:
            equal = equal.scaled(-1).plus(Linear({}, 1, 0))
        return equal.shifted(-unit)

    def _bits(self, step: Step) -> Form:
        shift, kind, first, second = step.numbers
        one = self._turned(self._read(step), first)
        two = self._turned(self._read(step, 1).shifted(shift), second)
        ranges = []
        for number, negative, bits in ((0, first, 0), (1, second, shift)):
            low, high, fraction = self._source(step, number)
            low, high = (-high, -low) if negative else (low, high)
            ranges.append(Interval(low, high, fraction - bits).format)
        both = self.basis.bitwise_and(one, two, *ranges)
        if kind == 0:
            return both
        return one.plus(two).plus(both.scaled(-1 if kind == 1 else -2))


def _hull(formats: Sequence[FixedPoint]) -> FixedPoint:
    """Return the narrowest format that holds all values of several."""
    signed = any(form.signed for form in formats)
    fraction = max(form.fraction for form in formats)
    integer = max(form.integer + (signed and not form.signed) for form in formats)
    return FixedPoint(max(integer + fraction, 1), integer, signed)
