"""The language of seeds: read into a small tree, never evaluated as code.

    seed     := term ((AND | OR | XOR) term)*          NOT binds tightest
    term     := [NOT] (object | external | function | '(' seed ')')
    object   := TYPE [.ge. | .eq.] [threshold] [+n | -n] ['[' cut {',' cut} ']']
    external := EXT_name [+n | -n]
    function := name '{' object {',' object} '}' ['[' cut {',' cut} ']']

A threshold 4p5 means 4.5. AND, OR and XOR side by side without parentheses have no agreed order, so
such a seed is refused.
"""

import re
from dataclasses import dataclass
from typing import Final

from l1kd.emulators.global_trigger.objects import EXTERNAL, KINDS
from l1kd.errors import MenuError

__all__ = [
    "FUNCTIONS",
    "ExternalTerm",
    "FunctionTerm",
    "Node",
    "Not",
    "ObjectTerm",
    "Operation",
    "parse",
    "terms",
]

FUNCTIONS: Final = (
    "comb",
    "dist",
    "mass",
    "mass_inv",
    "mass_inv_3",
    "mass_inv_upt",
    "mass_inv_dr",
    "mass_trv",
    "comb_orm",
    "dist_orm",
    "mass_inv_orm",
    "mass_trv_orm",
)
_OPERATORS: Final = ("AND", "OR", "XOR")
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<bracket>[()\[\]{},])"
    r"|(?P<word>[A-Za-z_](?:[A-Za-z0-9_.]|[+-](?=[A-Za-z0-9_]))*))"
)
_TYPES: Final = sorted(KINDS, key=len, reverse=True)
_AFTER_TYPE: Final = re.compile(
    r"(?P<comparison>\.ge\.|\.eq\.)?(?P<threshold>\d+(?:[p.]\d+)?)?(?P<crossing>[+-]\d+)?$"
)
_CROSSING: Final = re.compile(r"(?P<name>.+?)(?P<crossing>[+-]\d+)?$")


@dataclass(frozen=True)
class ObjectTerm:
    """An object: type, threshold (None for flags and scores), equality, crossing, cut names."""

    kind: str
    threshold: float | None = None
    equal: bool = False
    crossing: int = 0
    cuts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExternalTerm:
    """An external signal in a crossing; `text` is the name as it stands in the expression."""

    name: str
    crossing: int
    text: str


@dataclass(frozen=True)
class FunctionTerm:
    """A condition on several objects."""

    name: str
    objects: tuple[ObjectTerm, ...]
    cuts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Not:
    """The negation of an expression."""

    term: "Node"


@dataclass(frozen=True)
class Operation:
    """Two or more expressions joined by one operator: AND, OR or XOR."""

    operator: str
    terms: "tuple[Node, ...]"


Node = ObjectTerm | ExternalTerm | FunctionTerm | Not | Operation


def parse(text: str) -> Node:
    """Return the tree of an expression.

    Parameters
    ----------
    text
        Expression of a seed.

    Returns
    -------
    Node
        Its tree.

    Raises
    ------
    MenuError
        The text does not follow the grammar, names an unknown type of object or function, or mixes
        AND, OR and XOR without parentheses.
    """
    parser = _Parser(_tokens(text), text)
    node = parser.expression()
    if parser.peek():
        raise MenuError(f"unexpected {parser.peek()!r} in {text!r}")
    return node


def terms(node: Node) -> list[ObjectTerm | ExternalTerm | FunctionTerm]:
    """Return the objects, externals and functions of a tree, from left to right."""
    if isinstance(node, Not):
        return terms(node.term)
    if isinstance(node, Operation):
        return [term for child in node.terms for term in terms(child)]
    return [node]


def _tokens(text: str) -> list[str]:
    """Split an expression into words and brackets."""
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise MenuError(f"cannot read {text[at:].strip()[:20]!r} in {text!r}")
        tokens.append(match[0].strip())
        at = match.end()
    return tokens


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, tokens: list[str], text: str) -> None:
        self.tokens = tokens
        self.text = text
        self.at = 0

    def peek(self) -> str:
        """Return the next token, empty at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        """Consume the next token, which must be `expected` where that is given."""
        token = self.peek()
        if not token or (expected and token != expected):
            found = repr(token) if token else "the end"
            raise MenuError(f"expected {expected or 'a term'!r}, found {found} in {self.text!r}")
        self.at += 1
        return token

    def expression(self) -> Node:
        """Read terms joined by one operator."""
        parts = [self.term()]
        operator = ""
        while self.peek() in _OPERATORS:
            found = self.take()
            if operator and found != operator:
                raise MenuError(
                    f"{operator} and {found} stand side by side in {self.text!r}: their order is "
                    "not defined, write parentheses"
                )
            operator = found
            parts.append(self.term())
        return Operation(operator, tuple(parts)) if operator else parts[0]

    def term(self) -> Node:
        """Read a negation, a parenthesis, a function, an external signal or an object."""
        token = self.take()
        if token == "NOT":
            return Not(self.term())
        if token == "(":
            inner = self.expression()
            self.take(")")
            return inner
        if token in _OPERATORS or not (token[0].isalpha() or token[0] == "_"):
            raise MenuError(f"expected a term, found {token!r} in {self.text!r}")
        if self.peek() == "{":
            return self.function(token)
        if token.startswith(EXTERNAL + "_"):
            return _external(token)
        return self.object(token)

    def function(self, name: str) -> FunctionTerm:
        """Read the objects and cuts of a function."""
        if name not in FUNCTIONS:
            raise MenuError(f"unknown function {name!r} in {self.text!r}")
        self.take("{")
        objects = [self.object(self.take())]
        while self.peek() == ",":
            self.take()
            objects.append(self.object(self.take()))
        self.take("}")
        return FunctionTerm(name, tuple(objects), self.cuts())

    def object(self, token: str) -> ObjectTerm:
        """Read an object from its token and the cuts that follow."""
        for kind in _TYPES:
            if not token.startswith(kind):
                continue
            match = _AFTER_TYPE.match(token[len(kind) :])
            if match is None:
                continue
            threshold = match["threshold"]
            return ObjectTerm(
                kind=kind,
                threshold=float(threshold.replace("p", ".")) if threshold else None,
                equal=match["comparison"] == ".eq.",
                crossing=int(match["crossing"] or 0),
                cuts=self.cuts(),
            )
        raise MenuError(f"unknown type of object {token!r} in {self.text!r}")

    def cuts(self) -> tuple[str, ...]:
        """Read the names of cuts in brackets, if there are any."""
        if self.peek() != "[":
            return ()
        self.take()
        names = [self.take()]
        while self.peek() == ",":
            self.take()
            names.append(self.take())
        self.take("]")
        return tuple(names)


def _external(token: str) -> ExternalTerm:
    """Split the name of an external signal from its crossing."""
    text = token[len(EXTERNAL) + 1 :]
    match = _CROSSING.match(text)
    if match is None:
        raise MenuError(f"an external signal has no name: {token!r}")
    return ExternalTerm(match["name"], int(match["crossing"] or 0), text)
