"""Macros of the preprocessor: their definitions and their replacement."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Token, tokenize

__all__ = ["Macro", "expand", "read_macro"]

MAX_EXPANSION = 20_000

_DEFINE = re.compile(r"define\s+([A-Za-z_]\w*)(\(([^()]*)\))?(.*)$", re.DOTALL | re.ASCII)

# Tokens still to be read, each with the macros whose expansion it comes from.
_Stack = list[tuple[Token, frozenset[str]]]


@dataclass(frozen=True)
class Macro:
    """A macro; `parameters` is None for one without brackets."""

    parameters: tuple[str, ...] | None
    body: tuple[Token, ...]


def read_macro(directive: Token) -> tuple[str, Macro]:
    """Return the name and the definition that a ``#define`` gives."""
    match = _DEFINE.match(directive.text)
    if match is None:
        raise FirmwareSourceError("macro not understood", directive.location, f"#{directive.text}")
    name, brackets, parameters, body = match.groups()
    names = None
    if brackets is not None:
        names = tuple(part.strip() for part in parameters.split(",")) if parameters else ()
    tokens = tokenize(body, directive.path).tokens
    return name, Macro(names, tuple(part._replace(line=directive.line) for part in tokens))


def expand(tokens: Sequence[Token], macros: Mapping[str, Macro]) -> list[Token]:
    """Replace macros; a macro is not replaced again inside its own expansion.

    The replacement takes the location of the place where the macro is used.

    Raises
    ------
    FirmwareSourceError
        For a call with the wrong number of arguments, and beyond `MAX_EXPANSION` tokens.
    """
    if not any(token.kind == "name" and token.text in macros for token in tokens):
        return list(tokens)
    output: list[Token] = []
    stack: _Stack = [(token, frozenset()) for token in reversed(tokens)]
    produced = 0
    while stack:
        token, hidden = stack.pop()
        macro = macros.get(token.text) if token.kind == "name" else None
        if macro is None or token.text in hidden:
            output.append(token)
            continue
        inner = hidden | {token.text}
        if macro.parameters is None:
            body = [(part, inner) for part in macro.body]
        elif stack and stack[-1][0].text == "(":
            body = _apply(token, macro, macro.parameters, inner, stack)
        else:
            output.append(token)
            continue
        produced += len(body)
        if produced > MAX_EXPANSION + len(tokens):
            raise FirmwareSourceError("macros expand too far", token.location, token.text)
        stack.extend(
            (part._replace(line=token.line, path=token.path), hide) for part, hide in reversed(body)
        )
    return output


def _apply(
    token: Token,
    macro: Macro,
    parameters: tuple[str, ...],
    inner: frozenset[str],
    stack: _Stack,
) -> _Stack:
    """Take the arguments of a macro call off the stack and put them into its body."""
    stack.pop()
    arguments: list[_Stack] = [[]]
    depth = 1
    while True:
        if not stack:
            raise FirmwareSourceError("unfinished macro call", token.location, token.text)
        part, hidden = stack.pop()
        if part.kind == "symbol":
            depth += {"(": 1, ")": -1}.get(part.text, 0)
            if depth == 0:
                break
            if part.text == "," and depth == 1:
                arguments.append([])
                continue
        arguments[-1].append((part, hidden))
    if len(arguments) != len(parameters) and not (arguments == [[]] and not parameters):
        raise FirmwareSourceError("wrong number of arguments", token.location, token.text)
    values = dict(zip(parameters, arguments, strict=False))
    body: _Stack = []
    for part in macro.body:
        body.extend(values.get(part.text, [(part, inner)]))
        if len(body) > MAX_EXPANSION:
            raise FirmwareSourceError("macros expand too far", token.location, token.text)
    return body
