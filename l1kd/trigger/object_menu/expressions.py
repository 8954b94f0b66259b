"""The cut language of object menus: parsed, checked, and never run as code.

A cut is an arithmetic and logical expression over the fields of one object,
``abs(eta) < 2.4 and (hwQual & 2 or pt > 8)``, or over the legs of a seed,
``dR(mu, e) > 0.5 and mu.charge * e.charge < 0``. Python's parser reads it, a list of allowed
constructs turns it into `Node`s, and these are evaluated on columns (`on_columns`) or translated
to the stack code of `l1kd.emulators.global_trigger.leg_cuts` (`to_code`).
"""

import ast
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from l1kd.errors import MenuError

__all__ = ["PAIR_FUNCTIONS", "Node", "fields_of", "legs_of", "on_columns", "parse_cut"]

_BINARY: Final[dict[type[ast.operator], str]] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.BitAnd: "&",
    ast.RShift: ">>",
}
_COMPARE: Final[dict[type[ast.cmpop], str]] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
_FUNCTIONS: Final = {"abs": 1, "sqrt": 1, "min": 2, "max": 2}
PAIR_FUNCTIONS: Final[dict[str, tuple[tuple[int, ...], tuple[str, ...]]]] = {
    "deta": ((2,), ("eta",)),
    "dphi": ((2,), ("phi",)),
    "dR": ((2,), ("eta", "phi")),
    "dz": ((2,), ("z0",)),
    "mass": ((2, 3), ("pt", "eta", "phi")),
    "mt": ((2,), ("pt", "phi")),
    "pt_sum": ((2,), ("pt", "phi")),
    "opposite_sign": ((2,), ("charge",)),
    "same_sign": ((2,), ("charge",)),
}
"""Functions of legs: how many they take, and which fields of each they read."""


@dataclass(frozen=True)
class Node:
    """One step of an expression.

    `kind` is `number` (value), `field` (value: name), `leg field` (value: (leg, field)),
    `function` (value: name), `legs` (value: (function, legs)), `binary`, `compare`, `negative`,
    `not`, `and`, `or` (value: the operator, where there are several).
    """

    kind: str
    value: Any = None
    parts: tuple["Node", ...] = ()


def _nearest(name: str, known: Collection[str]) -> str:
    plain = {k.lower(): k for k in sorted(known)}
    close = get_close_matches(name.lower(), list(plain), 1, 0.5)
    return f"; did you mean {plain[close[0]]!r}?" if close else ""


class _Reader:
    """Turns Python's syntax tree into nodes, and refuses what a cut may not hold."""

    def __init__(self, text: str, where: str, legs: Collection[str] | None) -> None:
        self.text, self.where, self.legs = text, where, legs

    def refuse(self, what: str) -> MenuError:
        return MenuError(f"{self.where}: cut {self.text!r}: {what}")

    def read(self, node: ast.AST) -> Node:
        handler = _HANDLERS.get(type(node))
        if handler is None:
            raise self.refuse(
                f"{type(node).__name__} is not allowed; a cut holds fields, numbers, + - * / & >>, "
                f"comparisons, and, or, not, {', '.join(_FUNCTIONS)}"
                + (f", {', '.join(PAIR_FUNCTIONS)}" if self.legs is not None else "")
            )
        return handler(self, node)

    def number(self, node: ast.Constant) -> Node:
        if isinstance(node.value, bool) or not isinstance(node.value, int | float):
            raise self.refuse(f"{node.value!r} is no number")
        return Node("number", float(node.value))

    def name(self, node: ast.Name) -> Node:
        if self.legs is not None:
            raise self.refuse(
                f"{node.id!r} alone is not a number; write a field of a leg, such as "
                f"{min(self.legs, default='leg')}.pt"
            )
        return Node("field", node.id)

    def attribute(self, node: ast.Attribute) -> Node:
        if not isinstance(node.value, ast.Name) or self.legs is None:
            raise self.refuse("fields of legs are allowed in cuts between legs only, as leg.pt")
        return Node("leg field", (self.leg(node.value), node.attr))

    def leg(self, node: ast.AST) -> str:
        if not isinstance(node, ast.Name):
            raise self.refuse("expected the name of a leg")
        if node.id not in (self.legs or ()):
            raise self.refuse(
                f"unknown leg {node.id!r}; there are {', '.join(sorted(self.legs or ()))}"
            )
        return node.id

    def call(self, node: ast.Call) -> Node:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self.refuse("only plain functions are allowed")
        name, count = node.func.id, len(node.args)
        if name in PAIR_FUNCTIONS and self.legs is not None:
            if count not in PAIR_FUNCTIONS[name][0]:
                raise self.refuse(f"{name} takes {PAIR_FUNCTIONS[name][0]} legs, found {count}")
            return Node("legs", (name, tuple(self.leg(a) for a in node.args)))
        if name not in _FUNCTIONS:
            known = {*_FUNCTIONS, *(PAIR_FUNCTIONS if self.legs is not None else ())}
            raise self.refuse(f"unknown function {name!r}{_nearest(name, known)}")
        if count != _FUNCTIONS[name]:
            raise self.refuse(f"{name} takes {_FUNCTIONS[name]} argument(s), found {count}")
        return Node("function", name, tuple(self.read(a) for a in node.args))

    def binary(self, node: ast.BinOp) -> Node:
        operator = _BINARY.get(type(node.op))
        if operator is None:
            raise self.refuse(f"operator {type(node.op).__name__} is not allowed")
        if operator in ("&", ">>") and self.legs is not None:
            raise self.refuse(f"{operator} is allowed in cuts on one object only; join with 'and'")
        return Node("binary", operator, (self.read(node.left), self.read(node.right)))

    def unary(self, node: ast.UnaryOp) -> Node:
        if isinstance(node.op, ast.USub):
            return Node("negative", None, (self.read(node.operand),))
        if isinstance(node.op, ast.Not):
            return Node("not", None, (self.read(node.operand),))
        raise self.refuse(f"operator {type(node.op).__name__} is not allowed")

    def compare(self, node: ast.Compare) -> Node:
        sides = [self.read(side) for side in (node.left, *node.comparators)]
        parts = []
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if type(operator) not in _COMPARE:
                raise self.refuse(f"comparison {type(operator).__name__} is not allowed")
            parts.append(Node("compare", _COMPARE[type(operator)], (left, right)))
        return parts[0] if len(parts) == 1 else Node("and", None, tuple(parts))

    def boolean(self, node: ast.BoolOp) -> Node:
        kind = "and" if isinstance(node.op, ast.And) else "or"
        return Node(kind, None, tuple(self.read(part) for part in node.values))


_HANDLERS: Final[dict[type[ast.AST], Callable[[_Reader, Any], Node]]] = {
    ast.Constant: _Reader.number,
    ast.Name: _Reader.name,
    ast.Attribute: _Reader.attribute,
    ast.Call: _Reader.call,
    ast.BinOp: _Reader.binary,
    ast.UnaryOp: _Reader.unary,
    ast.Compare: _Reader.compare,
    ast.BoolOp: _Reader.boolean,
}
_LONGEST: Final = 2000


def parse_cut(text: str, where: str, legs: Collection[str] | None = None) -> Node:
    """Read one cut.

    Parameters
    ----------
    text
        The cut.
    where
        What it belongs to, for messages.
    legs
        Names of the legs that it may use; None for a cut on one object.

    Raises
    ------
    MenuError
        If it is no expression of the language; the message says what is not allowed.
    """
    if len(text) > _LONGEST:
        raise MenuError(f"{where}: a cut has at most {_LONGEST} characters")
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise MenuError(f"{where}: cut {text!r} cannot be read: {error}") from None
    return _Reader(text, where, legs).read(tree.body)


def fields_of(node: Node) -> set[str]:
    """Fields that a cut on one object reads."""
    found = {node.value} if node.kind == "field" else set()
    return found.union(*(fields_of(part) for part in node.parts))


def legs_of(node: Node) -> dict[str, set[str]]:
    """Legs that a cut between legs uses, each with the fields that are read of it."""
    found: dict[str, set[str]] = {}
    if node.kind == "leg field":
        found[node.value[0]] = {node.value[1]}
    elif node.kind == "legs":
        name, legs = node.value
        read = PAIR_FUNCTIONS[name.removesuffix("2")][1]  # a square, as hardware compares it
        for leg in legs:
            found.setdefault(leg, set()).update(read)
    for part in node.parts:
        for leg, names in legs_of(part).items():
            found.setdefault(leg, set()).update(names)
    return found


_ON_ARRAYS: Final[dict[str, Callable[..., Any]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "min": np.minimum,
    "max": np.maximum,
}


def _truth(values: Any) -> Any:
    array = np.asarray(values)
    return array if array.dtype == np.bool_ else array != 0


def _bits(values: Any) -> Any:
    return np.asarray(values).astype(np.int64)


def on_columns(node: Node, columns: Mapping[str, NDArray[Any]]) -> Any:
    """Evaluate a cut on one object for all objects at once.

    Parameters
    ----------
    node
        From `parse_cut` without legs.
    columns
        name: values, one an object, all of one length.

    Returns
    -------
    ndarray or number
        Numbers in float64, truth values in bool. A comparison with NaN is false.
    """
    if node.kind == "number":
        return node.value
    if node.kind == "field":
        return columns[node.value]
    values = [on_columns(part, columns) for part in node.parts]
    if node.kind in ("and", "or"):
        combine = np.logical_and if node.kind == "and" else np.logical_or
        found = _truth(values[0])
        for value in values[1:]:
            found = combine(found, _truth(value))
        return found
    if node.kind == "not":
        return np.logical_not(_truth(values[0]))
    if node.kind == "negative":
        return np.negative(np.asarray(values[0], np.float64))
    if node.value in ("&", ">>"):
        operation = np.bitwise_and if node.value == "&" else np.right_shift
        return operation(_bits(values[0]), _bits(values[1]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return _ON_ARRAYS[node.value](*(np.asarray(v, np.float64) for v in values))
