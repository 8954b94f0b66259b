"""Constant expressions, evaluated with the rules of C++ and without `eval`."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

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
from l1kd.emulators.network.cpp.model import Constant
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Location

__all__ = ["Resolver", "Value", "convert", "evaluate", "of_python"]

Value = Number | str
"""A typed number, or the bare name of an enumerator."""

Resolver = Callable[[str], Value]
"""Looks a qualified name up; raises FirmwareSourceError when there is none."""

_RANK = ("bool", "int", "unsigned", "long", "unsigned long", "float", "double")
_BITS = {"int": 32, "unsigned": 32, "long": 64, "unsigned long": 64}


def evaluate(expression: Expression, resolve: Resolver, location: Location) -> Value:
    """Evaluate a constant expression.

    Parameters
    ----------
    expression : Expression
        The parsed expression; the parser has bounded its depth.
    resolve : callable
        Gives the value of a name.
    location : Location
        Where the expression stands, for messages.

    Raises
    ------
    FirmwareSourceError
        For arithmetic on enumerators, overflow of a signed type, division by zero, calls.
    """

    def fail(message: str) -> FirmwareSourceError:
        return FirmwareSourceError(message, location)

    def number(node: Expression) -> Number:
        value = visit(node)
        if isinstance(value, str):
            raise fail(f"arithmetic on the enumerator {value}")
        return value

    def visit(node: Expression) -> Value:
        match node:
            case Number():
                return _checked(node.value, node.kind, fail)
            case Name():
                return resolve(node.text)
            case Unary():
                return _unary(node.operator, number(node.operand), fail)
            case Conditional():
                return visit(node.chosen if number(node.test).value else node.other)
            case Binary(operator="&&" | "||"):
                left = bool(number(node.left).value)
                short = left == (node.operator == "||")
                return Number(int(left if short else bool(number(node.right).value)), "bool")
            case Binary():
                left_value, right_value = visit(node.left), visit(node.right)
                if isinstance(left_value, str) or isinstance(right_value, str):
                    return _compare_names(node.operator, left_value, right_value, fail)
                return _binary(node.operator, left_value, right_value, fail)
            case Index():
                raise fail("array element in a constant expression")
            case Apply():
                raise fail(f"call of {node.function} in a constant expression")

    return visit(expression)


_Fail = Callable[[str], FirmwareSourceError]


def _checked(value: int | float, kind: str, fail: _Fail) -> Number:
    """Bring a result into the range of its type."""
    if kind == "too large":
        raise fail("integer too large for any type")
    if kind in ("float", "double"):
        single = float(np.float32(value)) if kind == "float" and abs(value) < 3e38 else float(value)
        if not math.isfinite(single):
            raise fail("number is not finite")
        return Number(single, kind)
    if kind.startswith("unsigned"):
        return Number(int(value) % (1 << _BITS[kind]), kind)
    if kind in _BITS and not -(1 << _BITS[kind] - 1) <= value < 1 << _BITS[kind] - 1:
        raise fail(f"overflow of {kind} in a constant expression")
    return Number(int(value), kind)


def _unary(operator: str, value: Number, fail: _Fail) -> Number:
    kind = "int" if value.kind == "bool" else value.kind
    if operator == "!":
        return Number(int(not value.value), "bool")
    if operator == "&":
        raise fail("address in a constant expression")
    if operator == "~":
        if kind not in _BITS:
            raise fail("~ of a floating-point number")
        return _checked(~int(value.value), kind, fail)
    return _checked(-value.value if operator == "-" else value.value, kind, fail)


def _compare_names(operator: str, left: Value, right: Value, fail: _Fail) -> Number:
    if operator not in ("==", "!=") or not (isinstance(left, str) and isinstance(right, str)):
        raise fail("arithmetic on an enumerator")
    return Number(int((left == right) == (operator == "==")), "bool")


def _binary(operator: str, left: Number, right: Number, fail: _Fail) -> Number:
    if operator == "<<":
        kind = "int" if left.kind == "bool" else left.kind
        if kind not in _BITS or right.kind not in ("bool", *_BITS):
            raise fail("shift of a floating-point number")
        if not 0 <= right.value < _BITS[kind]:
            raise fail("shift by more than the width of the type")
        return _checked(int(left.value) << int(right.value), kind, fail)
    kind = _RANK[max(_RANK.index("int"), _RANK.index(left.kind), _RANK.index(right.kind))]
    a, b = _checked(left.value, kind, fail).value, _checked(right.value, kind, fail).value
    match operator:
        case "+":
            return _checked(a + b, kind, fail)
        case "-":
            return _checked(a - b, kind, fail)
        case "*":
            return _checked(a * b, kind, fail)
        case "==" | "!=":
            return Number(int((a == b) == (operator == "==")), "bool")
        case "<" | ">":
            return Number(int(a < b if operator == "<" else a > b), "bool")
        case "<=" | ">=":
            return Number(int(a <= b if operator == "<=" else a >= b), "bool")
    if operator in ("/", "%") and b == 0:
        raise fail("division by zero in a constant expression")
    if kind in ("float", "double"):
        if operator != "/":
            raise fail(f"{operator} of floating-point numbers")
        return _checked(a / b, kind, fail)
    quotient = abs(int(a)) // abs(int(b)) * (1 if (a < 0) == (b < 0) else -1)
    bitwise = {"&": int(a) & int(b), "|": int(a) | int(b), "^": int(a) ^ int(b)}
    results = {"/": quotient, "%": int(a) - quotient * int(b), **bitwise}
    return _checked(results[operator], kind, fail)


def convert(value: Number, kind: str, location: Location) -> Number:
    """Convert an initialiser to the declared built-in type, as C++ does.

    Parameters
    ----------
    value : Number
        The initialiser.
    kind : str
        ``bool``, ``int``, ``unsigned``, ``long``, ``unsigned long``, ``float`` or ``double``;
        `short` and `char` types are written ``int8``, ``uint8``, ``int16``, ``uint16``.
    location : Location
        For messages.
    """

    def fail(message: str) -> FirmwareSourceError:
        return FirmwareSourceError(message, location)

    if kind == "bool":
        return Number(int(value.value != 0), kind)
    if kind in ("float", "double"):
        return _checked(value.value, kind, fail)
    whole = math.trunc(value.value)
    if whole != value.value and not -(1 << 31) <= whole < 1 << 31:
        raise fail("number out of the range of an integer")
    narrow = {"int8": 8, "uint8": 8, "int16": 16, "uint16": 16}
    if kind in narrow:
        low = 0 if kind[0] == "u" else -(1 << narrow[kind] - 1)
        if not low <= whole < low + (1 << narrow[kind]):
            raise fail("number out of the range of its type")
        return Number(whole, "int")
    return _checked(whole, kind, fail)


def of_python(value: Value) -> Constant:
    """Return a plain bool, int, float or str."""
    if isinstance(value, str):
        return value
    return bool(value.value) if value.kind == "bool" else value.value
