"""Expressions of the C++ subset: one parser, and the arithmetic of integral constants.

Constants follow C++: `int` must not overflow, `unsigned` wraps, division truncates toward zero,
a comparison of `int` with `unsigned` converts to `unsigned`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Token, join

__all__ = [
    "Apply",
    "Binary",
    "Conditional",
    "Expression",
    "Index",
    "Name",
    "Number",
    "Unary",
    "parse_expression",
    "parse_number",
    "split_arguments",
]

MAX_NODES = 200
MAX_DEPTH = 30
_TEMPLATES = (
    "ap_fixed", "ap_ufixed", "ap_int", "ap_uint", "bit_shift", "static_cast", "cast",
    "sin_lut", "cos_lut",
)  # fmt: skip
_LEVELS = {
    "||": 1, "&&": 2, "|": 3, "^": 4, "&": 5, "==": 6, "!=": 6, "<": 7, ">": 7, "<=": 7, ">=": 7,
    "<<": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10,
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A literal; `kind` is its C++ type: int, unsigned, long, float, double or bool."""

    value: int | float
    kind: str


@dataclass(frozen=True)
class Name:
    """A name with its scope: ``config3::n_in``."""

    text: str


@dataclass(frozen=True)
class Unary:
    """A prefix operator: ``-``, ``+``, ``!``, ``~``, or ``&`` for an address."""

    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary:
    """An infix operator."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class Conditional:
    """``test ? chosen : other``."""

    test: Expression
    chosen: Expression
    other: Expression


@dataclass(frozen=True)
class Index:
    """``base[index]``."""

    base: Expression
    index: Expression


@dataclass(frozen=True)
class Apply:
    """A call or a conversion, ``function<template arguments>(arguments)``.

    The template arguments are kept as token texts: ``("16", "5")``.
    """

    function: str
    template_arguments: tuple[str, ...]
    arguments: tuple[Expression, ...]


Expression = Number | Name | Unary | Binary | Conditional | Index | Apply


def split_arguments(tokens: Sequence[Token], closers: str = ")]}>") -> list[list[Token]]:
    """Split at the commas outside every bracket; angle brackets count as brackets.

    An empty input gives an empty list.
    """
    openers = "([{<" if ">" in closers else "([{"
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in tokens:
        if token.kind == "symbol":
            if token.text in openers:
                depth += 1
            elif token.text in closers:
                depth -= 1
            elif token.text == "," and depth == 0:
                parts.append([])
                continue
        parts[-1].append(token)
    return [] if parts == [[]] else parts


def parse_number(token: Token) -> Number:
    """Return the value and the C++ type of a numeric literal."""
    text = token.text.lower()
    if len(text) > 400:
        raise FirmwareSourceError("number too long", token.location, token.text)
    if text.startswith("0x"):
        digits = text.rstrip("ul")
        return Number(int(digits, 16), _integer_kind(int(digits, 16), text, hexadecimal=True))
    if any(mark in text for mark in ".e") or text.endswith("f"):
        if text.endswith(("l", "u")):
            raise FirmwareSourceError("unsupported suffix of a number", token.location, token.text)
        single = text.endswith("f")
        return Number(float(text.rstrip("f")), "float" if single else "double")
    digits = text.rstrip("ul")
    if len(digits) > 1 and digits[0] == "0":
        raise FirmwareSourceError("octal numbers are not supported", token.location, token.text)
    return Number(int(digits), _integer_kind(int(digits), text, hexadecimal=False))


def _integer_kind(value: int, text: str, *, hexadecimal: bool) -> str:
    suffix = "".join(sorted(text[len(text.rstrip("ul")) :]))
    kinds = {"": ("int", "long"), "u": ("unsigned", "unsigned long"), "l": ("long",)}
    choices = kinds.get(suffix.replace("ll", "l"), ("unsigned long",))
    if hexadecimal and suffix == "":
        choices = ("int", "unsigned", "long", "unsigned long")
    limits = {"int": 31, "unsigned": 32, "long": 63, "unsigned long": 64}
    for kind in choices:
        if value < 1 << limits[kind]:
            return kind
    return "too large"


class _Parser:
    """Precedence climbing over a slice of tokens."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.nodes = 0
        self.depth = 0

    def fail(self, message: str) -> FirmwareSourceError:
        location = self.tokens[0].location if self.tokens else None
        return FirmwareSourceError(message, location, join(self.tokens))

    def peek(self) -> str:
        if self.position == len(self.tokens):
            return ""
        token = self.tokens[self.position]
        return token.text if token.kind == "symbol" else ""

    def take(self, text: str) -> None:
        if self.peek() != text:
            raise self.fail(f"expected {text!r} in the expression")
        self.position += 1

    def count(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.fail("expression too long")

    def nested(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail("expression nested too deeply")
        expression = self.conditional()
        self.depth -= 1
        return expression

    def conditional(self) -> Expression:
        test = self.binary(1)
        if self.peek() != "?":
            return test
        self.count()
        self.position += 1
        chosen = self.nested()
        self.take(":")
        return Conditional(test, chosen, self.nested())

    def binary(self, level: int) -> Expression:
        left = self.unary()
        while (own := _LEVELS.get(self.peek(), 0)) >= level:
            self.count()
            operator = self.peek()
            self.position += 1
            left = Binary(operator, left, self.binary(own + 1))
        return left

    def unary(self) -> Expression:
        self.count()
        operators: list[str] = []
        while self.peek() in ("-", "+", "!", "~", "&"):
            self.count()
            operators.append(self.peek())
            self.position += 1
        expression = self.postfix()
        for operator in reversed(operators):
            expression = Unary(operator, expression)
        return expression

    def postfix(self) -> Expression:
        if self.position == len(self.tokens):
            raise self.fail("unfinished expression")
        token = self.tokens[self.position]
        expression: Expression
        if token.kind == "number":
            self.position += 1
            return parse_number(token)
        if self.peek() == "(":
            self.position += 1
            expression = self.nested()
            self.take(")")
            if isinstance(expression, Name) and self.operand_follows():
                self.count()
                return Apply(expression.text, (), (self.postfix(),))
        elif token.kind == "name" or token.text == "::":
            expression = self.named()
        else:
            raise self.fail(f"unexpected {token.text!r} in the expression")
        while self.peek() in ("[", "."):
            self.count()
            if self.peek() == ".":
                expression = self.member(expression)
                continue
            self.position += 1
            expression = Index(expression, self.nested())
            self.take("]")
        return expression

    def operand_follows(self) -> bool:
        """Tell whether what stood in parentheses was a type: ``(type)value``."""
        if self.position == len(self.tokens):
            return False
        return self.tokens[self.position].kind in ("name", "number") or self.peek() == "("

    def member(self, base: Expression) -> Expression:
        """Take ``.range()``, the bits of a number, which reads as a call of that name."""
        self.position += 1
        if self.qualified() != "range":
            raise self.fail("member not understood")
        self.take("(")
        self.take(")")
        return Apply("range", (), (base,))

    def named(self) -> Expression:
        name = self.qualified()
        if name in ("true", "false"):
            return Number(int(name == "true"), "bool")
        template: tuple[str, ...] = ()
        known = name.rsplit("::", 1)[-1] in _TEMPLATES or name.startswith("hls::")
        if known and self.peek() == "<":
            template = self.template()
        if self.peek() != "(":
            if template:
                raise self.fail("template without a call")
            return Name(name)
        self.position += 1
        arguments: list[Expression] = []
        while self.peek() != ")":
            arguments.append(self.nested())
            if self.peek() != ")":
                self.take(",")
        self.position += 1
        return Apply(name, template, tuple(arguments))

    def qualified(self) -> str:
        name = ""
        while True:
            if self.peek() == "::":
                name += "::"
                self.position += 1
            if self.position == len(self.tokens) or self.tokens[self.position].kind != "name":
                raise self.fail("expected a name in the expression")
            name += self.tokens[self.position].text
            self.position += 1
            if self.peek() != "::":
                return name

    def template(self) -> tuple[str, ...]:
        start = self.position + 1
        for end in range(start, min(len(self.tokens), start + 40)):
            if self.tokens[end].text == ">":
                self.position = end + 1
                return tuple(join(part) for part in split_arguments(self.tokens[start:end]))
        raise self.fail("template arguments without an end")


def parse_expression(tokens: Sequence[Token]) -> Expression:
    """Parse one complete expression.

    Raises
    ------
    FirmwareSourceError
        When the tokens are not exactly one expression, or more than `MAX_NODES` nodes.
    """
    if len(tokens) > 8 * MAX_NODES:
        raise FirmwareSourceError("expression too long", tokens[0].location, join(tokens))
    parser = _Parser(tokens)
    expression = parser.conditional()
    if parser.position != len(tokens):
        raise parser.fail("expression not understood to its end")
    return expression
