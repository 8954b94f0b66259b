"""Straight-line code of distributed arithmetic, understood as linear forms.

hls4ml writes a matrix of constant weights as additions and shifts of named intermediate results.
Every intermediate result has a type of its own. Where its bounds prove that the type loses nothing,
the result simply is a linear form of the inputs, and the whole function one matrix again. A result
that its type may round or wrap becomes a new element of the basis, cast once, exactly as written.
"""

from dataclasses import dataclass, field

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
from l1kd.emulators.network.linear_form import Linear

__all__ = ["Element", "StraightLine", "format_of"]


@dataclass(frozen=True)
class Element:
    """One element of the basis: an input, or an intermediate result that is cast.

    Attributes
    ----------
    low, high : int
        Bounds of its raw value.
    source : Linear or None
        What is cast into ``format``; None for an input.
    level : int
        0 for inputs, else one more than the highest level among the elements it needs.
    """

    format: FixedPoint
    low: int
    high: int
    source: Linear | None = None
    level: int = 0


def format_of(kind: CppType, location: Location) -> FixedPoint:
    """Return the format of a fixed-point type.

    Raises
    ------
    FirmwareSourceError
        For any other type.
    """
    if kind.base not in ("ap_fixed", "ap_ufixed", "ap_int", "ap_uint"):
        raise FirmwareSourceError("not a fixed-point type", location, kind.text)
    try:
        return FixedPoint.parse(kind.text)
    except ValueError as error:
        raise FirmwareSourceError(str(error), location, kind.text) from None


@dataclass
class StraightLine:
    """Reads one generated function with an input and an output array.

    Attributes
    ----------
    basis : list of Element
        The inputs, then what had to be cast.
    outputs : dict of int to Linear
        What is assigned to every element of the output array, before the cast to its type.
    """

    function: Function
    inputs: list[Element]
    integer_width: int = 0
    """Width of ``ap_int`` inputs, else 0: the library shifts those to a point before the MSB."""
    basis: list[Element] = field(init=False)
    outputs: dict[int, Linear] = field(default_factory=dict)
    _wires: dict[str, Linear] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.basis = list(self.inputs)
        names = parameter_names(self.function)
        if len(names) != 2:
            raise self._fail("two arguments expected", self.function.location)
        self._data, self._result = names
        for statement in statements(self.function):
            if isinstance(statement, Declare):
                if statement.name in self._wires:
                    raise self._fail(f"{statement.name} declared twice", statement.location)
                form = format_of(statement.type, statement.location)
                value = self._value(statement.value, statement.location)
                self._wires[statement.name] = self._cast(value, form)
            elif isinstance(statement, Assign):
                position = self._element(statement.target, self._result)
                if position is None or position in self.outputs:
                    raise self._fail("assignment not understood", statement.location)
                self.outputs[position] = self._value(statement.value, statement.location)
            else:
                raise self._fail("statement not understood", statement.location)

    def _fail(self, message: str, location: Location) -> FirmwareSourceError:
        return FirmwareSourceError(message, location, self.function.name)

    @staticmethod
    def _element(node: Expression, array: str) -> int | None:
        """Return the position when the expression is an element of the named array."""
        if isinstance(node, Index) and node.base == Name(array) and isinstance(node.index, Number):
            return int(node.index.value) if node.index.kind == "int" else None
        return None

    def _value(self, node: Expression, location: Location) -> Linear:
        match node:
            case Number():
                numerator, denominator = float(node.value).as_integer_ratio()
                return Linear({}, numerator, denominator.bit_length() - 1)
            case Name(text=name) if name in self._wires:
                return self._wires[name]
            case Unary(operator="-"):
                return self._value(node.operand, location).scaled(-1)
            case Unary(operator="+"):
                return self._value(node.operand, location)
            case Binary(operator="+" | "-" as operator):
                right = self._value(node.right, location)
                left = self._value(node.left, location)
                return left.plus(right if operator == "+" else right.scaled(-1))
            case Apply(arguments=(argument,)):
                return self._applied(node, argument, location)
        position = self._element(node, self._data)
        if position is None or not 0 <= position < len(self.inputs):
            raise self._fail("expression not understood", location)
        return Linear({position: 1}, 0, self.inputs[position].format.fraction)

    def _applied(self, node: Apply, argument: Expression, location: Location) -> Linear:
        name, template = node.function.rpartition("::")[2], node.template_arguments
        value = self._value(argument, location)
        try:
            numbers = [int(text) for text in template[:2]]
        except ValueError:
            raise self._fail("expression not understood", location) from None
        if name == "bit_shift" and len(template) == 1 and abs(numbers[0]) < 1 << 10:
            plain = self._element(argument, self._data) is None
            if self.integer_width and plain:
                raise self._fail("shift of an integer expression", location)
            return value.shifted(numbers[0] - self.integer_width)
        kind = CppType(name, (*numbers, *template[2:]))
        return self._cast(value, format_of(kind, location))

    def bounds(self, value: Linear) -> tuple[int, int]:
        """Return the smallest and largest value of a form, in units of its last bit."""
        low = high = value.constant
        for key, weight in value.weights.items():
            ends = weight * self.basis[key].low, weight * self.basis[key].high
            low, high = low + min(ends), high + max(ends)
        return low, high

    def reach(self, value: Linear) -> int:
        """Return a limit on the magnitude of every partial sum of a form."""
        terms = (
            abs(weight) * max(abs(self.basis[key].low), abs(self.basis[key].high))
            for key, weight in value.weights.items()
        )
        return abs(value.constant) + sum(terms)

    def _cast(self, value: Linear, form: FixedPoint) -> Linear:
        if not value.weights:
            return Linear({}, form.cast_int(value.constant, value.fraction), form.fraction)
        drop = max(value.fraction - form.fraction, 0)
        whole = not any(part % (1 << drop) for part in (*value.weights.values(), value.constant))
        low, high = self.bounds(value)
        up = max(form.fraction - value.fraction, 0)
        least, most = form.minimum << drop, form.maximum << drop
        symmetric = (form.overflow == "SAT_SYM") << drop
        if whole and least + symmetric <= low << up and high << up <= most:
            return value
        level = 1 + max(self.basis[key].level for key in value.weights)
        self.basis.append(Element(form, form.minimum, form.maximum, value, level))
        return Linear({len(self.basis) - 1: 1}, 0, form.fraction)
