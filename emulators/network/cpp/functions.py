"""Bodies of generated functions: distributed arithmetic, line buffers, per-element casts.

hls4ml writes part of a network as straight-line code into ``nnet_code_gen.h``. Its statements are
declarations, assignments, calls, and conditions on the partition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l1kd.emulators.array_types import Floats
from l1kd.emulators.network.cpp.arrays import read_values
from l1kd.emulators.network.cpp.expressions import Apply, Expression, parse_expression
from l1kd.emulators.network.cpp.model import CppType, Function
from l1kd.emulators.network.cpp.scope import Scope
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Location, Token, join

__all__ = [
    "Assign",
    "Declare",
    "Invoke",
    "Statement",
    "Table",
    "When",
    "parameter_names",
    "statements",
]

MAX_NESTING = 8


@dataclass(frozen=True)
class Declare:
    """``type name = value;``."""

    type: CppType
    name: str
    value: Expression
    location: Location


@dataclass(frozen=True)
class Table:
    """``static const type name[] = {...};``."""

    type: CppType
    name: str
    values: Floats
    location: Location


@dataclass(frozen=True)
class Assign:
    """``target = value;``."""

    target: Expression
    value: Expression
    location: Location


@dataclass(frozen=True)
class Invoke:
    """``function(arguments);``."""

    call: Apply
    location: Location


@dataclass(frozen=True)
class When:
    """``if (test) {body}``."""

    test: Expression
    body: tuple[Statement, ...]
    location: Location


Statement = Declare | Table | Assign | Invoke | When


def parameter_names(function: Function) -> tuple[str, ...]:
    """Return the names of the function's parameters: the last name before the brackets."""
    names = []
    for parameter in function.parameters:
        end = next((i for i, token in enumerate(parameter) if token.text in "[="), len(parameter))
        if end == 0 or parameter[end - 1].kind != "name":
            raise FirmwareSourceError("argument not understood", function.location, join(parameter))
        names.append(parameter[end - 1].text)
    return tuple(names)


def statements(function: Function) -> tuple[Statement, ...]:
    """Parse the body of a generated function.

    A type that is one of the function's template parameters becomes a `CppType` of that name.

    Raises
    ------
    FirmwareSourceError
        For any other kind of statement, such as a loop.
    """
    scope = Scope()
    scope.types.update({name: CppType(name) for name in function.template_parameters})
    return _block(function.tokens, scope, 0)


def _block(tokens: Sequence[Token], scope: Scope, nesting: int) -> tuple[Statement, ...]:
    if nesting > MAX_NESTING:
        raise FirmwareSourceError("blocks nested too deeply", tokens[0].location, tokens[0].text)
    found: list[Statement] = []
    start = position = 0
    while position < len(tokens):
        token = tokens[position]
        if token.kind == "symbol" and token.text == ";":
            if position > start:
                found.append(_statement(tokens[start:position], scope))
            start = position = position + 1
        elif token.kind == "symbol" and token.text == "{":
            end = _closing(tokens, position)
            body = tokens[position + 1 : end]
            found.append(_condition(tokens[start:position], body, token, scope, nesting))
            start = position = end + 1
        else:
            position += 1
    if start < len(tokens):
        raise _fail("statement without an end", tokens[start:])
    return tuple(found)


def _fail(message: str, tokens: Sequence[Token]) -> FirmwareSourceError:
    return FirmwareSourceError(message, tokens[0].location, join(tokens))


def _closing(tokens: Sequence[Token], position: int) -> int:
    depth = 0
    for index in range(position, len(tokens)):
        if tokens[index].kind == "symbol":
            depth += {"{": 1, "}": -1}.get(tokens[index].text, 0)
            if depth == 0:
                return index
    raise _fail("brace without an end", tokens[position : position + 1])


def _condition(
    head: Sequence[Token], body: Sequence[Token], at: Token, scope: Scope, nesting: int
) -> When:
    if len(head) < 4 or head[0].text != "if" or head[1].text != "(" or head[-1].text != ")":
        raise _fail("statement not understood", [*head, at])
    inside = _block(body, scope, nesting + 1) if body else ()
    return When(parse_expression(head[2:-1]), inside, head[0].location)


def _statement(tokens: Sequence[Token], scope: Scope) -> Statement:
    location = tokens[0].location
    equals = next((i for i, token in enumerate(tokens) if token.text == "="), 0)
    if equals == 0:
        call = parse_expression(tokens)
        if not isinstance(call, Apply):
            raise _fail("statement not understood", tokens)
        return Invoke(call, location)
    left = tokens[:equals]
    if len(left) > 3 and left[-1].text == "]" and left[-3].kind == "name" and left[-2].text == "[":
        kind = scope.type(left[:-3], None, left[0])
        values = read_values(tokens[equals + 1 :], kind, None, scope, left[-3])
        return Table(kind, left[-3].text, values, location)
    value = parse_expression(tokens[equals + 1 :])
    if equals > 1 and left[-1].kind == "name" and left[-2].text != "::":
        return Declare(scope.type(left[:-1], None, left[0]), left[-1].text, value, location)
    return Assign(parse_expression(left), value, location)
