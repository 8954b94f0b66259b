"""Cuts on the integers of the Phase-2 Global Trigger instead of on floating-point values.

Steps are those of CMSSW (L1Trigger/Phase2L1GT/python/l1tGTScales.py): pt and sums 1/32 GeV, eta
and phi pi/4096, z0 1/(5 x 2^9) cm. A lower limit is rounded up and an upper limit down
(interface/L1GTScales.h), so that a strict comparison keeps its meaning on the grid: every physical
limit v of a quantity with step s becomes v/s, and the integers are compared with that.
Masses and transverse masses use cosh and cos of the integer differences in floating point; the
tables of the firmware for them are not public.
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.global_trigger.leg_cuts import Scale
from l1kd.errors import MenuError
from l1kd.trigger.object_menu.expressions import Node

__all__ = [
    "FLOAT_SCALE",
    "HARDWARE_SCALE",
    "STEPS",
    "in_steps",
    "limit",
    "require_scale",
    "to_integers",
]

_ANGLE: Final = math.pi / 4096
STEPS: Final = {
    "pt": 1 / 32,
    "et": 1 / 32,
    "ht": 1 / 32,
    "mht": 1 / 32,
    "eta": _ANGLE,
    "phi": _ANGLE,
    "z0": 1 / (5 * 2**9),
}
"""Physical value of one unit of the integer, by field [GeV, rad, cm]; others have no scale."""
_FUNCTION_STEPS: Final = {
    "deta": ("deta", _ANGLE, 1),
    "dphi": ("dphi", _ANGLE, 1),
    "dR": ("dR2", _ANGLE, 2),
    "dz": ("dz", STEPS["z0"], 1),
    "mass": ("mass2", STEPS["pt"], 2),
    "mt": ("mt2", STEPS["pt"], 2),
    "pt_sum": ("pt_sum2", STEPS["pt"], 2),
}
_REAL: Final = ("mass2", "mt2", "pt_sum2")
"""Quantities that are no integers even on the grid."""
FLOAT_SCALE: Final = Scale(2.0 * math.pi, 1.0)
HARDWARE_SCALE: Final = Scale(8192.0, _ANGLE)
_TURNED: Final = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


def to_integers(field: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Column of a field on the hardware's grid, as integers in float64."""
    return np.rint(values / STEPS[field]) if field in STEPS else values


def limit(value: float, operator: str, step: float, power: int = 1) -> float:
    """Integer to which an integer quantity is compared instead of `value`.

    The result of ``quantity operator limit`` is that of ``quantity * step**power operator
    value**power`` for every integer quantity.
    """
    exact = (value / step) ** power
    nearest = round(exact)
    # limits such as 0.7 / (1/32) that are integers but for the last bit of the division
    on_grid = math.isclose(exact, nearest, rel_tol=1e-12, abs_tol=1e-12)
    if on_grid or operator in ("==", "!="):
        return float(nearest) if on_grid else exact
    return float(math.ceil(exact) if operator in (">=", "<") else math.floor(exact))


def _step_of(node: Node) -> tuple[Node, float, int] | None:
    """Quantity as it is in integers, its step, and its power; None where it has no scale."""
    if node.kind == "function" and node.value == "abs":
        inner = _step_of(node.parts[0])
        return None if inner is None else (Node("function", "abs", (inner[0],)), *inner[1:])
    if node.kind == "field" and node.value in STEPS:
        return node, STEPS[node.value], 1
    if node.kind == "leg field" and node.value[1] in STEPS:
        return node, STEPS[node.value[1]], 1
    if node.kind == "legs" and node.value[0] in _FUNCTION_STEPS:
        name, step, power = _FUNCTION_STEPS[node.value[0]]
        return Node("legs", (name, node.value[1])), step, power
    return None


def _number(node: Node) -> float | None:
    if node.kind == "negative" and node.parts[0].kind == "number":
        return -float(node.parts[0].value)
    return float(node.value) if node.kind == "number" else None


def require_scale(field: str, where: str) -> None:
    """Refuse a field that is called like one with a scale but for its capitals (Delphes' `PT`).

    Raises
    ------
    MenuError
        It would be taken for a number without a scale, silently.
    """
    if field not in STEPS and field.lower() in STEPS:
        raise MenuError(
            f"{where}: {field!r} has no hardware scale, {field.lower()!r} has; name the field so, "
            "or use scale: float"
        )


def in_steps(node: Node, where: str) -> Node:
    """Rewrite a cut for columns of integers.

    Raises
    ------
    MenuError
        If a quantity with a scale is not compared with a number directly, or a field has the name
        of one with a scale in other capitals.
    """
    if node.kind in ("field", "leg field"):
        require_scale(node.value if node.kind == "field" else node.value[1], where)
    if node.kind == "compare":
        operator, (left, right) = node.value, node.parts
        if _number(left) is not None:
            operator, left, right = _TURNED[operator], right, left
        scaled, value = _step_of(left), _number(right)
        if scaled is not None and value is not None:
            quantity, step, power = scaled
            if power == 2 and value < 0:  # a square root is above it, whatever its square
                return Node("compare", operator, (quantity, Node("number", -1.0)))
            real = quantity.kind == "legs" and quantity.value[0] in _REAL
            found = (value / step) ** power if real else limit(value, operator, step, power)
            return Node("compare", operator, (quantity, Node("number", found)))
    if _step_of(node) is not None:
        raise MenuError(
            f"{where}: on hardware scales pt, eta, phi, z0 and functions of them can only be "
            "compared with a number; write the cut so, or use scale: float"
        )
    return Node(node.kind, node.value, tuple(in_steps(part, where) for part in node.parts))
