"""What l1kd takes of da4ml and alkaid beyond their interface, and the versions that it fits.

Symbolic variables remember a factor, where they come from and, in da4ml's arrays, the variables
themselves; modules are written line by line with the operation's number (`sums_of_three`, `tables`
in `l1kd.models.firmware` rewrite such lines). Another version may differ in any of that without an
error, and give other bits: it is refused.
"""

from importlib import metadata
from typing import Any

from l1kd.errors import ToolError

__all__ = ["VERSIONS", "factor_of", "require_version", "variables_of", "wraps_unsigned"]

VERSIONS = {"da4ml": "0.6.0", "alkaid": "0.8.2"}
"""The tested versions, the same as in the extra `firmware` of the package."""


def require_version(tool: str) -> None:
    """Refuse a tool that is missing, or of another version than the one that was tested.

    Raises
    ------
    ToolError
        The message names both versions and how to install the right one.
    """
    wanted = VERSIONS[tool]
    try:
        found = metadata.version(tool)
    except metadata.PackageNotFoundError:
        raise ToolError(f"{tool} is not installed: pip install {tool}=={wanted}") from None
    if found != wanted:
        raise ToolError(
            f"{tool} {found} is installed; l1kd writes RTL with {tool} {wanted}, whose operation "
            f"lists and modules it knows line by line: pip install {tool}=={wanted}"
        )


def factor_of(wire: Any) -> float:
    """Return what a variable is multiplied with where it is read: a power of two with a sign."""
    return float(wire._factor)


def variables_of(array: Any) -> list[Any]:
    """Return the variables of an array of da4ml."""
    return list(array._vars)


def wraps_unsigned(wire: Any) -> bool:
    """Tell whether a variable of da4ml is the wrapped value of an unsigned one."""
    return bool(wire.opr == "wrap" and wire._from[0].low >= 0)
