"""Straight-line code: named results one after the other, and what is written to an array.

hls4ml and da4ml generate functions of two arrays without loops. Their statements and the commonest
expressions are read here; what values are, and which other expressions there are, a subclass says.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Generic, TypeVar

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.expressions import (
    Apply,
    Binary,
    Expression,
    Index,
    Name,
    Number,
    Unary,
)
from l1kd.emulators.network.cpp.functions import Assign, Declare, parameter_names, statements
from l1kd.emulators.network.cpp.model import CppType, FirmwareSourceError, Function, Location

__all__ = ["INTEGERS", "StraightLine", "format_of"]

INTEGERS = ("ap_int", "ap_uint")
"""Types that `FixedPoint.parse` reads as formats without a fraction."""

# Shifts beyond this are in no real code.
_MAX_SHIFT = 1 << 10
V = TypeVar("V")


def format_of(kind: CppType, location: Location) -> FixedPoint:
    """Return the format into which a fixed-point type casts.

    The integer types take a number without its fraction, that is truncated towards zero.

    Raises
    ------
    FirmwareSourceError
        For any other type.
    """
    if kind.base not in ("ap_fixed", "ap_ufixed", *INTEGERS):
        raise FirmwareSourceError("not a fixed-point type", location, kind.text)
    try:
        form = FixedPoint.parse(kind.text)
    except ValueError as error:
        raise FirmwareSourceError(str(error), location, kind.text) from None
    return replace(form, rounding="TRN_ZERO") if kind.base in INTEGERS else form


@dataclass
class StraightLine(ABC, Generic[V]):
    """Reads one generated function with an input and an output array, statement by statement.

    Attributes
    ----------
    outputs : dict of int to V
        What is assigned to every element of the output array, before the cast to its type.
    wires : dict of str to V
        The named results.

    Raises
    ------
    FirmwareSourceError
        For any statement or expression that is not understood.
    """

    function: Function
    outputs: dict[int, V] = field(init=False, default_factory=dict)
    wires: dict[str, V] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        names = parameter_names(self.function)
        if len(names) != 2:
            raise self.fail("two arguments expected", self.function.location)
        self._data, self._result = names
        for statement in statements(self.function):
            self.statement(statement, statement.location)

    @abstractmethod
    def constant(self, numerator: int, fraction: int) -> V:
        """Return the value ``numerator / 2**fraction``."""

    @abstractmethod
    def input(self, position: int) -> V | None:
        """Return an element of the input array, None where there is no such element."""

    @abstractmethod
    def negated(self, value: V) -> V:
        """Return minus a value."""

    @abstractmethod
    def added(self, left: V, right: V) -> V:
        """Return the sum of two values."""

    @abstractmethod
    def shifted(self, value: V, bits: int, node: Expression, location: Location) -> V:
        """Return ``bit_shift<bits>`` of the value that ``node`` has."""

    @abstractmethod
    def cast(self, value: V, form: FixedPoint) -> V:
        """Return a value cast to a format."""

    @abstractmethod
    def lowest(self, value: V) -> Fraction:
        """Return a lower limit of a value."""

    def typed(self, value: V, kind: CppType, location: Location) -> V:
        """Return a value cast to a type.

        Of negative numbers above minus one an integer type makes 0, or -1 where their own type has
        no integer bits: what cannot be told is refused.
        """
        form = format_of(kind, location)
        if kind.base in INTEGERS and -1 < self.lowest(value) < 0:
            raise self.fail(f"{kind.text} of numbers between minus one and zero", location)
        return self.cast(value, form)

    def statement(self, statement: object, location: Location) -> None:
        """Take one statement."""
        if isinstance(statement, Declare):
            if statement.name in self.wires:
                raise self.fail(f"{statement.name} declared twice", location)
            value = self.value(statement.value, location)
            self.wires[statement.name] = self.typed(value, statement.type, location)
        elif isinstance(statement, Assign):
            position = self._element(statement.target, self._result)
            if position is None or position in self.outputs:
                raise self.fail("assignment not understood", location)
            self.outputs[position] = self.value(statement.value, location)
        else:
            raise self.fail("statement not understood", location)

    def value(self, node: Expression, location: Location) -> V:
        """Return what an expression gives."""
        match node:
            case Number():
                numerator, denominator = float(node.value).as_integer_ratio()
                return self.constant(numerator, denominator.bit_length() - 1)
            case Name(text=name) if name in self.wires:
                return self.wires[name]
            case Unary(operator="-"):
                return self.negated(self.value(node.operand, location))
            case Unary(operator="+"):
                return self.value(node.operand, location)
            case Binary(operator="+" | "-" as operator):
                right = self.value(node.right, location)
                left = self.value(node.left, location)
                return self.added(left, right if operator == "+" else self.negated(right))
            case Apply(arguments=(argument,)) if node.template_arguments:
                return self._applied(node, argument, location)
        position = self._element(node, self._data)
        found = None if position is None else self.input(position)
        if found is None:
            raise self.fail("expression not understood", location)
        return found

    def is_input(self, node: Expression) -> bool:
        """Tell whether an expression is an element of the input array."""
        return self._element(node, self._data) is not None

    def fail(self, message: str, location: Location) -> FirmwareSourceError:
        """Return the error that refuses this function."""
        return FirmwareSourceError(message, location, self.function.name)

    @staticmethod
    def _element(node: Expression, array: str) -> int | None:
        """Return the position when the expression is an element of the named array."""
        if isinstance(node, Index) and node.base == Name(array) and isinstance(node.index, Number):
            return int(node.index.value) if node.index.kind == "int" else None
        return None

    def _applied(self, node: Apply, argument: Expression, location: Location) -> V:
        name, template = node.function.rpartition("::")[2], node.template_arguments
        value = self.value(argument, location)
        try:
            numbers = [int(text) for text in template[:2]]
        except ValueError:
            raise self.fail("expression not understood", location) from None
        if name == "bit_shift" and len(template) == 1 and abs(numbers[0]) < _MAX_SHIFT:
            return self.shifted(value, numbers[0], argument, location)
        return self.typed(value, CppType(name, (*numbers, *template[2:])), location)
