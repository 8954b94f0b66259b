"""Initialisers of arrays: from the literals of a header to doubles."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from l1kd.emulators.array_types import Floats
from l1kd.emulators.network.cpp.expressions import split_arguments
from l1kd.emulators.network.cpp.model import CppType
from l1kd.emulators.network.cpp.scope import Scope
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Token, join, tokenize

__all__ = ["read_values"]

MAX_ELEMENTS = 1 << 24
_PLAIN = re.compile(r"[-+.0-9eE,\s]*$")
_OCTAL = re.compile(r"(?<![\w.])0[0-9]+(?![0-9.eE])")
_LARGEST_EXACT = float(1 << 53)


def read_values(
    tokens: Sequence[Token], kind: CppType, size: int | None, scope: Scope, name: Token
) -> Floats:
    """Return the values of ``= {...}``.

    Parameters
    ----------
    tokens : sequence of Token
        The initialiser.
    kind : CppType
        Type of the elements; a record makes the result two-dimensional.
    size : int or None
        Declared length, None for ``[]``.

    Returns
    -------
    float64 array, shape (size,) or (size, number of fields), read-only

    Raises
    ------
    FirmwareSourceError
        When the number of values differs from the declared size (``{0}``, C++'s way to say all
        zeros, excepted), and for literals that a double cannot hold.
    """

    def fail(message: str) -> FirmwareSourceError:
        return FirmwareSourceError(message, tokens[0].location, f"{name.text} = {join(tokens)}")

    if len(tokens) == 1 and tokens[0].kind == "list":
        values = _plain_list(tokens[0], scope)
        width = 1
    elif len(tokens) > 1 and tokens[0].text == "{" and tokens[-1].text == "}":
        rows = [_row(part, scope, name) for part in split_arguments(tokens[1:-1], ")]}") if part]
        width = max((len(row) for row in rows), default=1)
        if any(len(row) != width for row in rows):
            raise fail("rows of unequal length")
        values = np.array(rows, dtype=np.float64).reshape(-1)
    else:
        raise fail("initialiser not understood")
    if width != max(1, len(kind.fields)):
        raise fail("values do not fit the type of the array")
    length = len(values) // width
    if size is not None and length != size:
        if length > 1 or width > 1 or values.any() or size > MAX_ELEMENTS:
            raise fail(f"{length} values for {size} elements")
        values = np.zeros(size)
    if kind.fields:
        values = values.reshape(-1, width)
    values.flags.writeable = False
    return values


def _plain_list(token: Token, scope: Scope) -> Floats:
    parts = token.text[1:-1].split(",")
    if not parts[-1].strip():
        parts.pop()
    if _PLAIN.match(token.text, 1, len(token.text) - 1) and not _OCTAL.search(token.text):
        try:
            values = np.array([float(part) for part in parts])
        except ValueError:
            pass
        else:
            if len(values) and np.abs(values).max() < _LARGEST_EXACT:
                return values
    return np.array([_element(part, token, scope) for part in parts])


def _element(text: str, token: Token, scope: Scope) -> float:
    tokens = [part._replace(line=token.line) for part in tokenize(text, token.path).tokens]
    return _exact(tokens, token, scope)


def _exact(tokens: Sequence[Token], at: Token, scope: Scope) -> float:
    number = scope.number(tokens, None, at)
    value = float(number.value)
    if value != number.value:
        raise FirmwareSourceError("integer too large", at.location, join(tokens))
    return value


def _row(tokens: Sequence[Token], scope: Scope, name: Token) -> list[float]:
    """Return one element: a number, or the members of a record in braces."""
    if tokens[0].kind == "list" and len(tokens) == 1:
        return _plain_list(tokens[0], scope).tolist()
    if tokens[0].text == "{" and tokens[-1].text == "}":
        return [_exact(part, name, scope) for part in split_arguments(tokens[1:-1], ")]}")]
    return [_exact(tokens, name, scope)]
