"""Members of a configuration structure."""

from __future__ import annotations

from collections.abc import Sequence

from l1kd.emulators.network.cpp.constants import convert
from l1kd.emulators.network.cpp.expressions import split_arguments
from l1kd.emulators.network.cpp.scope import OpenStruct, Scope
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Token, join

__all__ = ["read_members"]

_SPECIFIERS = ("static", "const", "constexpr", "inline")


def read_members(tokens: Sequence[Token], struct: OpenStruct, scope: Scope) -> None:
    """Read the members between the braces of a structure into `struct`.

    Raises
    ------
    FirmwareSourceError
        For members other than aliases, constants, and arrays without an initialiser.
    """
    member: list[Token] = []
    for token in tokens:
        if token.text in ("{", "}") and token.kind == "symbol":
            raise _fail("member not understood", [*member, token])
        if token.text == ":" and [part.text for part in member] == ["public"]:
            member = []
        elif token.text != ";" or token.kind != "symbol":
            member.append(token)
        elif member:
            _member(member, struct, scope)
            member = []
    if member:
        raise _fail("member without an end", member)


def _fail(message: str, tokens: Sequence[Token]) -> FirmwareSourceError:
    return FirmwareSourceError(message, tokens[0].location, join(tokens))


def _member(tokens: list[Token], struct: OpenStruct, scope: Scope) -> None:
    if len(tokens) < 3:
        raise _fail("member not understood", tokens)
    if tokens[0].text == "typedef" and tokens[-1].kind == "name":
        _alias(tokens[-1], tokens[1:-1], struct, scope)
    elif tokens[0].text == "using" and tokens[2].text == "=":
        _alias(tokens[1], tokens[3:], struct, scope)
    elif tokens[0].text == "template":
        _template_alias(tokens, struct)
    elif "static" in (tokens[0].text, tokens[1].text):
        _constant(tokens, struct, scope)
    else:
        raise _fail("member not understood", tokens)


def _alias(name: Token, tokens: Sequence[Token], struct: OpenStruct, scope: Scope) -> None:
    found = scope.type_or_struct(tokens, struct, name)
    if isinstance(found, str):
        struct.structs[name.text] = found
    else:
        struct.types[name.text] = found


def _template_alias(tokens: list[Token], struct: OpenStruct) -> None:
    """``template <class x_T, class y_T> using product = nnet::product::mult<x_T, y_T>``."""
    using = next((i for i, token in enumerate(tokens) if token.text == "using"), 0)
    if using < 3 or tokens[1].text != "<" or tokens[using - 1].text != ">":
        raise _fail("template not understood", tokens)
    parameters = [part[-1].text for part in split_arguments(tokens[2 : using - 1]) if part]
    if len(tokens) < using + 4 or tokens[using + 2].text != "=":
        raise _fail("template not understood", tokens)
    target = tokens[using + 3 :]
    opening = next((i for i, token in enumerate(target) if token.text == "<"), 0)
    arguments = [join(part) for part in split_arguments(target[opening + 1 : -1])]
    if opening == 0 or target[-1].text != ">" or arguments != parameters:
        raise _fail("template alias with other arguments than its own", target)
    struct.templates[tokens[using + 1].text] = join(target[:opening])


def _constant(tokens: list[Token], struct: OpenStruct, scope: Scope) -> None:
    equals = next((i for i, token in enumerate(tokens) if token.text == "="), len(tokens))
    words = [token for token in tokens[:equals] if token.text not in _SPECIFIERS]
    value = tokens[equals + 1 :]
    bracket = next((i for i, token in enumerate(words) if token.text == "["), len(words))
    if bracket < 2 or words[bracket - 1].kind != "name":
        raise _fail("member not understood", tokens)
    name, type_tokens = words[bracket - 1], words[: bracket - 1]
    if not value:
        pointer = type_tokens[-1].text == "*"
        kind = type_tokens[:-1] if pointer else type_tokens
        struct.declared[name.text] = scope.type(kind, struct, name)
        if bracket < len(words) and (pointer or words[-1].text != "]"):
            raise _fail("member not understood", tokens)
        return
    if bracket < len(words):
        raise _fail("array with values inside a structure", tokens)
    if [token.text for token in type_tokens] == ["auto"]:
        struct.templates[name.text] = _function_name(value, tokens)
        return
    built_in = scope.built_in(type_tokens)
    result = scope.value(value, struct, name)
    if built_in and not isinstance(result, str):
        result = convert(result, built_in, name.location)
    elif not isinstance(result, str):
        struct.types[name.text] = scope.type(type_tokens, struct, name)
    struct.constants[name.text] = result


def _function_name(value: Sequence[Token], tokens: Sequence[Token]) -> str:
    """``constexpr static auto dense_da = nnet::dense_da_5<input_t, layer5_t>``."""
    opening = next((i for i, token in enumerate(value) if token.text == "<"), len(value))
    name = value[:opening]
    if not name or any(token.kind != "name" and token.text != "::" for token in name):
        raise _fail("member not understood", tokens)
    return join(name)
