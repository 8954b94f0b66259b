"""Limits of pair quantities in the integer units in which the Global Trigger computes them.

A menu gives physical values; the hardware compares the square of a distance and half the square of
a mass. A minimum is rounded down and a maximum up to a few decimal digits of the *squared* value,
in double precision: 0.9 gives 0.81, but 0.6000000000000001 gives 0.361. Both ends are inclusive.
"""

from math import ceil, floor
from typing import Final

from l1kd.emulators.global_trigger.tables import DELTA_DIGITS, INVERSE_DIGITS, digits

__all__ = ["NO_LIMIT", "PLACES", "QUANTITIES", "from_emulator", "from_physical"]

NO_LIMIT: Final = 2**62
"""Stands for a limit that no pair reaches."""

QUANTITIES: Final = (
    "DETA",
    "DPHI",
    "DR",
    "MASS",
    "MASSUPT",
    "MASST",
    "MASSDR",
    "TBPT",
    "OS",
    "LS",
)
"""Pair quantities: distances, invariant mass (from the momentum or the unconstrained one),
transverse mass, mass over delta R, momentum of the pair, opposite and like sign."""

PLACES: Final = {
    "DETA": 3,
    "DPHI": 3,
    "DR": 3,
    "MASS": 1,
    "MASSUPT": 1,
    "MASST": 1,
    "MASSDR": 1,
    "TBPT": 1,
}
"""Decimal digits that the limits of a quantity keep."""


def _scale(quantity: str, family: str) -> int:
    """Return the decimal digits of the integer in which the hardware holds a quantity."""
    if quantity in ("DETA", "DPHI"):
        return DELTA_DIGITS
    if quantity == "DR":
        return 2 * DELTA_DIGITS
    if quantity == "TBPT":
        return 2 + 2 * digits(family)
    return 2 + digits(family) + (INVERSE_DIGITS if quantity == "MASSDR" else 0)


def _transformed(quantity: str, value: float) -> float:
    """Return the value as it is compared: itself, its square, or half its square."""
    if quantity in ("DETA", "DPHI"):
        return value
    square = value * value
    return square if quantity in ("DR", "TBPT") else square / 2


def _units(steps: int, quantity: str, family: str) -> int:
    """Return a limit, given in steps of its last decimal digit, in hardware units."""
    return min(steps * 10 ** (_scale(quantity, family) - PLACES[quantity]), NO_LIMIT)


def from_physical(quantity: str, family: str, low: float, high: float) -> tuple[int, int]:
    """Return the inclusive limits of a quantity from its physical values.

    Parameters
    ----------
    quantity
        One of `QUANTITIES`.
    family
        `calo`, `mixed` or `muon`.
    low, high
        Limits as a menu's XML gives them, every digit kept.

    Returns
    -------
    tuple of int
        Limits in hardware units.
    """
    factor = 10.0 ** PLACES[quantity]
    first = floor(_transformed(quantity, low) * factor)
    last = ceil(_transformed(quantity, high) * factor)
    return _units(first, quantity, family), _units(last, quantity, family)


def from_emulator(quantity: str, family: str, low: float, high: float) -> tuple[int, int]:
    """Return the inclusive limits of a quantity from the values that the emulator uses.

    Parameters
    ----------
    quantity, family
        As for `from_physical`.
    low, high
        Limits that are squared and rounded already, as the documentation pages print them.

    Returns
    -------
    tuple of int
        Limits in hardware units.
    """
    factor = 10 ** PLACES[quantity]
    first, last = floor(low * factor + 0.5), floor(high * factor + 0.5)
    return _units(first, quantity, family), _units(last, quantity, family)
