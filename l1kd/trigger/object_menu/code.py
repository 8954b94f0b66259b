"""From a cut between legs to the stack code of `l1kd.emulators.global_trigger.leg_cuts`."""

from collections.abc import Callable, Sequence
from typing import Final

from l1kd.emulators.global_trigger.leg_cuts import Op
from l1kd.trigger.object_menu.expressions import Node

__all__ = ["to_code"]

_OPERATORS: Final = {
    "+": Op.ADD,
    "-": Op.SUBTRACT,
    "*": Op.MULTIPLY,
    "/": Op.DIVIDE,
    "<": Op.LESS,
    "<=": Op.LESS_EQUAL,
    ">": Op.GREATER,
    ">=": Op.GREATER_EQUAL,
    "==": Op.EQUAL,
    "!=": Op.NOT_EQUAL,
    "abs": Op.ABS,
    "sqrt": Op.SQRT,
    "min": Op.MIN,
    "max": Op.MAX,
    "negative": Op.NEGATIVE,
    "not": Op.NOT,
}
_OF_LEGS: Final = {
    "deta": (Op.DETA, False),
    "dphi": (Op.DPHI, False),
    "dR": (Op.DR2, True),
    "dR2": (Op.DR2, False),
    "dz": (Op.DZ, False),
    "mass": (Op.MASS2, True),
    "mass2": (Op.MASS2, False),
    "mt": (Op.MT2, True),
    "mt2": (Op.MT2, False),
    "pt_sum": (Op.PT_SUM2, True),
    "pt_sum2": (Op.PT_SUM2, False),
    "opposite_sign": (Op.OPPOSITE_SIGN, False),
    "same_sign": (Op.SAME_SIGN, False),
}
"""Operation of each function of legs, and whether the root of its result is meant."""

Step = tuple[int, int, int, int]


def to_code(
    node: Node, legs: Sequence[str], column: Callable[[int, str], int], constants: list[float]
) -> list[Step]:
    """Translate one cut.

    Parameters
    ----------
    node
        The cut.
    legs
        Names of the seed's legs, in order.
    column
        Where the column of a leg's field begins: (number of the leg, field) -> start.
    constants
        Pool of constants, to which those of the cut are appended.
    """
    if node.kind == "number":
        constants.append(node.value)
        return [(Op.CONSTANT, len(constants) - 1, 0, 0)]
    if node.kind == "leg field":
        leg = legs.index(node.value[0])
        return [(Op.FIELD, leg, column(leg, node.value[1]), 0)]
    if node.kind == "legs":
        name, used = node.value
        operation, root = _OF_LEGS[name]
        numbers = [legs.index(leg) for leg in used] + [-1]
        steps: list[Step] = [(operation, numbers[0], numbers[1], numbers[2])]
        return [*steps, (Op.SQRT, 0, 0, 0)] if root else steps
    parts = [to_code(part, legs, column, constants) for part in node.parts]
    if node.kind in ("and", "or"):
        joined, operation = parts[0], Op.AND if node.kind == "and" else Op.OR
        for part in parts[1:]:
            joined = [*joined, *part, (operation, 0, 0, 0)]
        return joined
    operation = _OPERATORS[node.value if node.value is not None else node.kind]
    return [*(step for part in parts for step in part), (operation, 0, 0, 0)]
