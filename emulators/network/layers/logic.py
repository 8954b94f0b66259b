"""Generated code with tables, choices, products and bits: scalar operations of da4ml as C++.

Every named result has a type of its own. Sums and shifts of results are linear forms; what is cut
to its type, chosen, multiplied, looked up or compared becomes an element of a basis, as in the
operation lists of the same tool.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.expressions import (
    Apply,
    Binary,
    Conditional,
    Expression,
    Index,
    Name,
    Number,
    Unary,
)
from l1kd.emulators.network.cpp.functions import Table
from l1kd.emulators.network.cpp.model import CppType, Function, Location
from l1kd.emulators.network.cpp.straight_line import StraightLine, format_of
from l1kd.emulators.network.graph import Operation, Tensor, renamed
from l1kd.emulators.network.layers.waves import PER_TURN, waves
from l1kd.emulators.network.linear_form import Linear
from l1kd.emulators.network.operations.basis import Basis, Form

__all__ = ["WAVES", "is_logic", "logic"]

WAVES = ("sin_lut", "cos_lut")
"""Functions of hls4ml's library that expressions may call."""

_MARKS = {"?", ".", "*", "&", "|", "^", "~", "==", "!=", "static"}
_WAVES = tuple(f"nnet::{name}" for name in WAVES)
BIT = FixedPoint(1, 1, False)


class Typed(NamedTuple):
    """A value and its C++ type; a plain number has none."""

    form: Form
    type: FixedPoint | None


def is_logic(function: Function) -> bool:
    """Tell whether a function holds more than sums, shifts and casts."""
    return any(token.text in _MARKS for token in function.tokens)


def logic(
    function: Function,
    source: Tensor,
    output: Tensor,
    types: Mapping[str, CppType],
    integers: bool,
) -> list[Operation]:
    """Return the operations of a function with an input and an output array.

    Parameters
    ----------
    types : mapping of str to CppType
        Names of types that the code may use.
    integers : bool
        Whether the input's type is ``ap_int`` or ``ap_uint``.

    Raises
    ------
    FirmwareSourceError
        For any statement or expression that is not understood.
    ValueError
        If exact sums need more than 62 bits.
    """
    code = Logic(function, Basis(source.size, source.format), types, integers)
    count = output.size
    if sorted(code.outputs) != list(range(count)):
        raise code.fail(f"does not write {count} elements", function.location)
    forms = [code.outputs[position].form for position in range(count)]
    graph = code.basis.graph(output.name, forms, output.format)
    names = {name: f"{output.name}.{name}" for name in graph.tensors}
    names |= {"inputs": source.name, "outputs": output.name}
    return [
        renamed(operation, _named(operation.output, names, output), names)
        for operation in graph.operations
    ]


def _named(tensor: Tensor, names: dict[str, str], output: Tensor) -> Tensor:
    name = names[tensor.name]
    return output if name == output.name else replace(tensor, name=name)


@dataclass
class Logic(StraightLine[Typed]):
    """Reads one function of all scalar operations."""

    basis: Basis
    types: Mapping[str, CppType]
    integers: bool
    _tables: dict[str, tuple[FixedPoint, list[int]]] = field(init=False, default_factory=dict)

    def statement(self, statement: object, location: Location) -> None:
        """Take one statement, which may be a table."""
        if isinstance(statement, Table):
            form = format_of(statement.type, location)
            raw = form.from_float(statement.values)
            self._tables[statement.name] = form, [int(value) for value in raw]
        else:
            super().statement(statement, location)

    def constant(self, numerator: int, fraction: int) -> Typed:
        """Return a plain number."""
        return Typed(self.basis.constant(numerator, fraction), None)

    def input(self, position: int) -> Typed | None:
        """Return one element of the basis."""
        if not 0 <= position < self.basis.inputs:
            return None
        return Typed(self.basis.input(position), self.basis.form)

    def negated(self, value: Typed) -> Typed:
        """Return minus a value, whose type is one bit wider."""
        kind = value.type
        if kind is not None:
            kind = FixedPoint(kind.width + 1, kind.integer + 1)
        return Typed(value.form.scaled(-1), kind)

    def added(self, left: Typed, right: Typed) -> Typed:
        """Return the exact sum."""
        return Typed(left.form.plus(right.form), None)

    def shifted(self, value: Typed, bits: int, node: Expression, location: Location) -> Typed:
        """Return a value with another point."""
        if self.integers and self.is_input(node):
            raise self.fail("shift of an integer", location)
        kind = value.type
        if kind is not None:
            kind = replace(kind, integer=kind.integer + bits)
        return Typed(value.form.shifted(bits), kind)

    def lowest(self, value: Typed) -> Fraction:
        """Return the smallest value."""
        return Fraction(self.basis.bounds(value.form)[0]) / Fraction(2) ** value.form.fraction

    def cast(self, value: Typed, form: FixedPoint) -> Typed:
        """Return a value cast to a format; between equal types C++ copies."""
        if value.type == form:
            return value
        if not value.form.weights:
            raw = form.cast_int(value.form.constant, value.form.fraction)
            return Typed(self.basis.constant(raw, form.fraction), form)
        return Typed(self.basis.cast(value.form, form), form)

    def value(self, node: Expression, location: Location) -> Typed:
        """Return what an expression gives."""
        match node:
            case Unary(operator="~"):
                return self._inverted(self.value(node.operand, location), location)
            case Binary(operator="*"):
                left, right = (self.value(side, location) for side in (node.left, node.right))
                return Typed(self.basis.product(left.form, right.form), None)
            case Binary(operator="&" | "|" | "^"):
                return self._bits(node, location)
            case Binary(operator="==" | "!=" | ">"):
                return Typed(self._test(node, location), BIT)
            case Conditional():
                return self._chosen(node, location)
            case Binary(operator="/", left=Number(value=dividend), right=Number(value=divisor)) if (
                divisor
            ):
                quotient = Number(float(dividend) / float(divisor), "double")
                return self.value(quotient, location)
            case Apply(function=name) if name.startswith("hls::"):
                reason = f"{name} is of Vitis' own library, whose bits no public source tells"
                raise self.fail(reason, location)
            case Apply(function=name, arguments=(argument,)) if name in self.types:
                return self.typed(self.value(argument, location), self.types[name], location)
            case Apply(arguments=(argument,)) if node.function in _WAVES:
                return self._wave(node, argument, location)
            case Index(base=Name(text=name)) if name in self._tables:
                return self._looked_up(name, node.index, location)
            case Apply(function=name) if len(node.arguments) != 1 or not node.template_arguments:
                reason = f"{name}: tables of user functions are filled by Vitis' own library"
                raise self.fail(reason, location)
        return super().value(node, location)

    def _wave(self, node: Apply, argument: Expression, location: Location) -> Typed:
        """Sine or cosine by hls4ml's table: turns of the circle, whose fraction is the index."""
        kind = self.types.get(node.template_arguments[0]) if node.template_arguments else None
        if kind is None:
            raise self.fail("expression not understood", location)
        form = format_of(kind, location)
        if not 2 <= form.fraction <= 16 or (form.fraction < 3 and form.integer < 1):
            raise self.fail(f"a table of {form.fraction} fraction bits", location)
        angle = self.cast(self.value(argument, location), form).form
        turns = self.cast(Typed(angle.scaled(PER_TURN).shifted(-16), None), form)
        phase = self.cast(turns, FixedPoint(form.fraction, 0, False))
        entries = waves(form)[int(node.function == "nnet::sin_lut")]
        if not phase.form.weights:
            raw = phase.form.constant << form.fraction - phase.form.fraction
            return Typed(self.basis.constant(entries[raw], form.fraction), form)
        found = self.basis.lookup(phase.form, form.fraction, 0, entries, form.fraction)
        return Typed(found, form)

    def _inverted(self, value: Typed, location: Location) -> Typed:
        """All bits of a value turned over."""
        kind = value.type
        if kind is None:
            raise self.fail("bits of a number without a type", location)
        top = 0 if kind.signed else 1 << kind.width
        return Typed(value.form.scaled(-1).plus(Linear({}, top - 1, kind.fraction)), kind)

    def _bits(self, node: Binary, location: Location) -> Typed:
        left, right = (self.value(side, location) for side in (node.left, node.right))
        if left.type is None or left.type != right.type:
            raise self.fail("bits of different types", location)
        both = self.basis.bitwise_and(left.form, right.form, left.type, left.type)
        if node.operator == "&":
            return Typed(both, left.type)
        twice = both.scaled(-1 if node.operator == "|" else -2)
        return Typed(left.form.plus(right.form).plus(twice), left.type)

    def _test(self, node: Expression, location: Location) -> Form:
        """Return one where a condition holds, else zero."""
        if isinstance(node, Binary) and node.operator in ("==", "!=", ">"):
            form, other = (self.value(side, location).form for side in (node.left, node.right))
            difference = form.plus(other.scaled(-1))
            fraction = difference.fraction
            above = self.basis.exceeds(difference, 0, fraction)
            if node.operator == ">":
                return above
            equal = self.basis.exceeds(difference, -1, fraction).plus(above.scaled(-1))
            if node.operator == "==":
                return equal
            return equal.scaled(-1).plus(self.basis.constant(1, 0))
        if isinstance(node, Index) and isinstance(node.base, Name):
            value, place = self.wires.get(node.base.text), node.index
            if value is not None and value.type is not None and isinstance(place, Number):
                return self._bit(value.form, value.type, int(place.value), location)
        raise self.fail("condition not understood", location)

    def _bit(self, form: Form, kind: FixedPoint, place: int, location: Location) -> Form:
        if not 0 <= place < kind.width:
            raise self.fail("a bit outside its number", location)
        if kind.signed and place == kind.width - 1:
            above = self.basis.exceeds(form, -1, form.fraction)
            return above.scaled(-1).plus(self.basis.constant(1, 0))
        position = place - kind.fraction
        return self.basis.cast(form, FixedPoint(1, position + 1, False)).shifted(-position)

    def _chosen(self, node: Conditional, location: Location) -> Typed:
        """Return one of two values; a relu where that is what it says."""
        yes, no = (self.value(side, location) for side in (node.chosen, node.other))
        if yes.type is None or yes.type != no.type:
            raise self.fail("a choice between different types", location)
        if isinstance(node.test, Binary) and node.test.operator == ">":
            relu = self._relu(node, yes.type, location)
            if relu is not None:
                return Typed(relu, yes.type)
        bit = self._test(node.test, location)
        change = yes.form.plus(no.form.scaled(-1))
        return Typed(no.form.plus(self.basis.product(bit, change)), yes.type)

    def _relu(self, node: Conditional, kind: FixedPoint, location: Location) -> Form | None:
        test, zero = node.test, Number(0, "int")
        if not isinstance(test, Binary) or test.right != zero:
            return None
        chosen, other = (
            side.arguments[0] if isinstance(side, Apply) and side.arguments else None
            for side in (node.chosen, node.other)
        )
        value = self.value(test.left, location).form
        if chosen == test.left and other == zero:
            return self.basis.cast(value, kind, positive=True)
        if chosen == zero and other == Unary("-", test.left):
            return self.basis.cast(value.scaled(-1), kind, positive=True)
        return None

    def _looked_up(self, name: str, node: Expression, location: Location) -> Typed:
        """Return the entry that the bits of a value name."""
        if not isinstance(node, Apply) or node.function != "range":
            raise self.fail("index of a table not understood", location)
        value, (form, entries) = self.value(node.arguments[0], location), self._tables[name]
        kind = value.type
        if kind is None or kind.width > 24 or len(entries) != 1 << kind.width:
            raise self.fail("a table has another size than the range of its index", location)
        if kind.signed:
            half = len(entries) // 2
            entries = [*entries[half:], *entries[:half]]
        low = kind.minimum
        index = value.form
        if not index.weights:
            raw = kind.cast_int(index.constant, index.fraction)
            return Typed(self.basis.constant(entries[raw - low], form.fraction), form)
        found = self.basis.lookup(index, kind.fraction, low, entries, form.fraction)
        return Typed(found, form)
