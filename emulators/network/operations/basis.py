"""The basis of a list of scalar operations, and the graph that computes it level by level."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Gather,
    Graph,
    Layer,
    Lookup,
    Operation,
    Piecewise,
    Tensor,
)
from l1kd.emulators.network.linear_form import Linear

__all__ = ["Basis", "Form"]

Form = Linear
_MAX_BITS = 62
_PAIRS = ("multiply", "maximum", "minimum")
"""Kinds of elements that two forms give."""


class Element(NamedTuple):
    """One number that is computed by other means than adding.

    ``kind`` tells how ``operands`` give it; ``detail`` is a format, a threshold or a table.
    """

    kind: str
    operands: tuple[Form, ...]
    detail: Any
    format: FixedPoint
    level: int


class Basis:
    """Inputs and everything that is not a sum of what came before.

    Parameters
    ----------
    inputs : int
        Number of elements of the input tensor.
    form : FixedPoint
        Its format.
    """

    def __init__(self, inputs: int, form: FixedPoint) -> None:
        self.inputs, self.form = inputs, form
        self.elements = [Element("input", (), None, form, 0)] * inputs
        self._known: dict[Any, int] = {}
        self._place: dict[int, tuple[str, int]] = {}
        self._tensors: dict[str, Tensor] = {}

    def input(self, number: int) -> Form:
        """Return an input as a form."""
        return Linear({number: 1}, 0, self.form.fraction)

    @staticmethod
    def constant(value: int, fraction: int) -> Form:
        """Return a constant as a form."""
        return Linear({}, value, fraction)

    def bounds(self, form: Form) -> tuple[int, int]:
        """Return the smallest and the largest value in units of the form's fraction."""
        low = high = form.constant
        for key, weight in form.weights.items():
            own = self.elements[key].format
            ends = weight * own.minimum, weight * own.maximum
            low, high = low + min(ends), high + max(ends)
        return low, high

    def _element(self, kind: str, operands: tuple[Form, ...], detail: Any, own: FixedPoint) -> Form:
        parts = [(tuple(sorted(f.weights.items())), f.constant, f.fraction) for f in operands]
        key = kind, tuple(parts), detail
        if key not in self._known:
            levels = [self.elements[i].level for f in operands for i in f.weights]
            self._known[key] = len(self.elements)
            self.elements.append(Element(kind, operands, detail, own, max(levels, default=0) + 1))
        return Linear({self._known[key]: 1}, 0, own.fraction)

    def cast(self, form: Form, target: FixedPoint, positive: bool = False) -> Form:
        """Return a form cut to a format, above zero only where ``positive``."""
        low, high = self.bounds(form)
        shift = target.fraction - form.fraction
        fits = shift >= 0 and target.lowest <= low << shift and high << shift <= target.maximum
        if fits and not (positive and low < 0):
            return form
        return self._element("relu" if positive else "cast", (form,), target, target)

    def exceeds(self, form: Form, threshold: int, fraction: int) -> Form:
        """Return 1 where a form exceeds ``threshold / 2**fraction``, else 0."""
        if fraction < form.fraction:
            threshold <<= form.fraction - fraction
            fraction = form.fraction
        form = form.plus(Linear({}, 0, fraction))
        low, high = self.bounds(form)
        if low > threshold or high <= threshold:
            return self.constant(int(low > threshold), 0)
        return self._element("step", (form,), threshold, FixedPoint(1, 1, False))

    def product(self, left: Form, right: Form) -> Form:
        """Return the product of two forms."""
        for one, other in ((left, right), (right, left)):
            if not one.weights:
                return other.scaled(one.constant).shifted(-one.fraction)
        ends = [a * b for a in self.bounds(left) for b in self.bounds(right)]
        low, high = min(ends), max(ends)
        width = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1) + 1
        own = FixedPoint(width, width - left.fraction - right.fraction, True)
        return self._element("multiply", (left, right), None, own)

    def extreme(self, left: Form, right: Form, largest: bool) -> Form:
        """Return the larger or the smaller of two forms."""
        fraction = max(left.fraction, right.fraction)
        left, right = (form.plus(Linear({}, 0, fraction)) for form in (left, right))
        limit = max if largest else min
        low, high = map(limit, self.bounds(left), self.bounds(right))
        for one, other in ((left, right), (right, left)):
            if self.bounds(one.plus(other.scaled(-1)))[0] >= 0:
                return one if largest else other
        width = max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0, 1) + 1
        own = FixedPoint(width, width - fraction, True)
        return self._element("maximum" if largest else "minimum", (left, right), None, own)

    def lookup(
        self, form: Form, fraction: int, low: int, values: Sequence[int], out_fraction: int
    ) -> Form:
        """Return ``values[form * 2**fraction - low]``, of ``out_fraction`` fraction bits."""
        form = form.plus(Linear({}, 0, fraction))
        smallest, largest = min(values), max(values)
        width = max(largest.bit_length(), (-smallest - 1).bit_length() if smallest < 0 else 0, 1)
        signed = smallest < 0
        own = FixedPoint(width + signed, width + signed - out_fraction, signed)
        detail = (fraction, low, tuple(values))
        return self._element("table", (form,), detail, own)

    def bitwise_and(self, one: Form, two: Form, first: FixedPoint, second: FixedPoint) -> Form:
        """Return the bits that both forms have, whose values their formats hold."""
        lowest = max(-first.fraction, -second.fraction)
        highest = max(first.integer, second.integer) - 1
        total = self.constant(0, 0)
        signed = first.signed and second.signed
        for position in range(lowest, highest + 1):
            bits = []
            for form, own in ((one, first), (two, second)):
                top = own.integer - 1
                if position > top and not own.signed:
                    bits.append(self.constant(0, 0))
                    continue
                place = min(position, top)
                bit = self.cast(form, FixedPoint(1, place + 1, False))
                bits.append(bit.shifted(-place))
            both = self.product(*bits)
            weight = -1 if signed and position == highest else 1
            total = total.plus(both.shifted(position).scaled(weight))
        return total

    def graph(self, name: str, outputs: Sequence[Form], target: FixedPoint) -> Graph:
        """Return the graph that computes forms, in one tensor of a format."""
        tensor = Tensor("inputs", (self.inputs,), self.form)
        self._tensors = {"inputs": tensor}
        self._place = {number: ("inputs", number) for number in range(self.inputs)}
        layers = []
        needed = self._needed(outputs)
        for level in range(1, max((self.elements[i].level for i in needed), default=0) + 1):
            members = [i for i in needed if self.elements[i].level == level]
            layers.append(self._level(f"level{level}", members))
        operations: list[Operation] = []
        sums, columns = self._sums("outputs", list(outputs), operations)
        result = Tensor("outputs", (len(outputs),), target)
        operations.append(Gather(result, (sums,), np.array(columns, np.int32)))
        layers.append(Layer("outputs", "outputs", tuple(operations)))
        return Graph(name, (tensor,), ("outputs",), tuple(layers))

    def _needed(self, outputs: Sequence[Form]) -> list[int]:
        found: set[int] = set()
        waiting = [key for form in outputs for key in form.weights]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += [i for form in self.elements[key].operands for i in form.weights]
        return sorted(key for key in found if self.elements[key].kind != "input")

    def _level(self, name: str, members: list[int]) -> Layer:
        """Return the operations that compute elements whose operands all exist."""
        operations: list[Operation] = []
        kinds = {key: self.elements[key].kind for key in members}
        lines = [key for key in members if kinds[key] not in (*_PAIRS, "table")]
        if lines:
            operand = self._sums(f"{name}.line", self._operands(lines), operations)
            self._placed(self._lines(f"{name}.lines", *operand, lines), lines, operations)
        for kind in _PAIRS:
            pairs = [key for key in members if kinds[key] == kind]
            if pairs:
                # They stand apart: a choice is one bit, and should not be as wide as what it gates.
                each = f"{name}.{kind}"
                left = self._sums(f"{each}.left", self._operands(pairs), operations)
                right = self._sums(f"{each}.right", self._operands(pairs, 1), operations)
                self._placed(self._pairs(each, kind, left, right, pairs), pairs, operations)
        tables: dict[Any, list[int]] = {}
        for key in members:
            if kinds[key] == "table":
                element = self.elements[key]
                tables.setdefault((element.detail, element.format), []).append(key)
        for number, group in enumerate(tables.values()):
            operand = self._sums(f"{name}.index{number}", self._operands(group), operations)
            table = self._table(f"{name}.table{number}", *operand, group)
            self._placed(table, group, operations)
        return Layer(name, "operations", tuple(operations))

    def _operands(self, members: list[int], number: int = 0) -> list[Form]:
        return [self.elements[key].operands[number] for key in members]

    def _placed(self, operation: Operation, group: list[int], operations: list[Operation]) -> None:
        self._tensors[operation.output.name] = operation.output
        self._place |= {key: (operation.output.name, i) for i, key in enumerate(group)}
        operations.append(operation)

    def _sums(
        self, name: str, forms: list[Form], operations: list[Operation]
    ) -> tuple[str, list[int]]:
        """Add the operations that compute forms; return their tensor and the column of each."""
        keys = sorted({key for form in forms for key in form.weights}) or [0]
        names = list(dict.fromkeys(self._place[key][0] for key in keys))
        ends = np.cumsum([self._tensors[each].size for each in names]).tolist()
        starts = dict(zip(names, [0, *ends[:-1]], strict=True))
        used = [self.elements[key].format for key in keys]
        finest, coarsest = (pick(f.fraction for f in used) for pick in (max, min))
        width = max(f.integer + (not f.signed) for f in used) + finest
        common = Tensor(f"{name}.basis", (len(keys),), FixedPoint(width, width - finest, True))
        index = [starts[self._place[k][0]] + self._place[k][1] for k in keys]
        operations.append(Gather(common, tuple(names), np.array(index, np.int32)))
        shared: dict[Any, int] = {}
        unique: list[Form] = []
        columns = []
        for form in forms:
            identity = tuple(sorted(form.weights.items())), form.constant, form.fraction
            if identity not in shared:
                shared[identity] = len(unique)
                unique.append(form)
            columns.append(shared[identity])
        fraction = max(form.fraction for form in unique)
        total = fraction + finest - coarsest
        weight = np.zeros((1, len(keys), len(unique)), object)
        row = {key: number for number, key in enumerate(keys)}
        bias = np.zeros((1, len(unique)), object)
        reach = 1
        for number, form in enumerate(unique):
            for key, value in form.weights.items():
                up = fraction - form.fraction + self.elements[key].format.fraction - coarsest
                weight[0, row[key], number] = value << up
            bias[0, number] = form.constant << (total - form.fraction)
            low, high = self.bounds(form)
            reach = max(reach, max(abs(low), abs(high)) << (total - form.fraction))
        bits = reach.bit_length() + 1
        if bits > _MAX_BITS or width > _MAX_BITS:
            raise ValueError(f"sums of {bits} bits do not fit 64-bit integers")
        own = FixedPoint(bits, bits - total, True)
        output = Tensor(f"{name}.sums", (len(unique),), own)
        operations.append(
            Affine(
                output,
                common.name,
                np.arange(len(keys), dtype=np.int32)[None],
                np.zeros(1, np.int32),
                weight.astype(np.int64),
                total - finest,
                bias.astype(np.int64),
                own,
            )
        )
        self._tensors[output.name] = output
        return output.name, columns

    def _lines(self, name: str, sums: str, columns: list[int], group: list[int]) -> Operation:
        """Return casts, relus and steps."""
        source = self._tensors[sums].format
        elements = [self.elements[key] for key in group]
        index = np.array(columns, np.int32)
        lines = np.zeros((5, len(group)), np.int64)
        fraction = max(source.fraction, 0)
        unit = 1 << (fraction - source.fraction)
        for number, element in enumerate(elements):
            if element.kind == "step":
                up = source.fraction - element.operands[0].fraction
                lines[:, number] = element.detail << up, 0, 1 << fraction, 0, 0
            else:
                lines[:, number] = 0, unit, 0, unit * (element.kind == "cast"), 0
        forms = tuple(dict.fromkeys(element.format for element in elements))
        choice = np.array([forms.index(element.format) for element in elements], np.int32)
        finest = max(form.fraction for form in forms)
        width = max(form.integer + (not form.signed) for form in forms) + finest
        output = Tensor(name, (len(group),), FixedPoint(width, width - finest, True))
        threshold, above, over, below, under = lines
        return Piecewise(
            output, sums, index, threshold, above, over, below, under, fraction, None, forms, choice
        )

    def _pairs(
        self,
        name: str,
        kind: str,
        left: tuple[str, list[int]],
        right: tuple[str, list[int]],
        group: list[int],
    ) -> Operation:
        forms = [self.elements[key].format for key in group]
        finest = max(form.fraction for form in forms)
        width = max(form.integer for form in forms) + finest
        output = Tensor(name, (len(group),), FixedPoint(width, width - finest, True))
        first, second = (np.array(columns, np.int32) for _, columns in (left, right))
        return Binary(output, kind, left[0], right[0], first, second)

    def _table(self, name: str, sums: str, columns: list[int], group: list[int]) -> Operation:
        element = self.elements[group[0]]
        fraction, low, values = element.detail
        shift = self._tensors[sums].format.fraction - fraction
        return Lookup(
            Tensor(name, (len(group),), element.format),
            sums,
            np.array(columns, np.int32),
            1,
            shift,
            False,
            -low,
            np.array(values, np.int64)[:, None],
            np.zeros(len(group), np.int32),
        )
