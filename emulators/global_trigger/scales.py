"""Thresholds and windows of a menu as inclusive limits on hardware indices.

The rules were checked against the integers that the menus' documentation pages print for every
object: 6,053 thresholds, 3,479 eta windows and 14 phi windows.
"""

from math import ceil, floor

from l1kd.emulators.global_trigger.objects import Kind, Scale

__all__ = ["OPEN_END", "eta_window", "phi_window", "threshold", "unconstrained_window"]

OPEN_END = 1 << 30
"""Upper limit of a window that has none."""


def _nearest(value: float) -> int:
    """Round half up."""
    return floor(value + 0.5)


def threshold(kind: Kind, value: float) -> int:
    """Return the smallest index that reaches `value`.

    Parameters
    ----------
    kind
        Kind of the object.
    value
        Threshold in GeV, or the count.

    Returns
    -------
    int
        Index. An empty slot (index 0) of an object list never passes, so it is at least 1 there.
    """
    steps = value / kind.step
    index = (_nearest(steps) if abs(steps - _nearest(steps)) < 1e-6 else ceil(steps)) + kind.offset
    return max(index, 1) if kind.slots > 1 else index


def eta_window(scale: Scale, low: float, high: float) -> tuple[int, int]:
    """Return the inclusive range of eta indices of a window.

    Parameters
    ----------
    scale
        Scale of eta.
    low, high
        Edges of the window in pseudorapidity.

    Returns
    -------
    tuple of int
        First and last index inside.
    """
    if scale.centred:
        return _nearest(low / scale.step + 0.5), _nearest(high / scale.step - 0.5)
    return _nearest(low / scale.step), _nearest(high / scale.step) - 1


def phi_window(scale: Scale, low: float, high: float) -> tuple[int, int]:
    """Return the inclusive range of phi indices of a window.

    Parameters
    ----------
    scale
        Scale of phi.
    low, high
        Edges in rad, 0 to 2 pi. A window may run through 0: then the first index is above the last.

    Returns
    -------
    tuple of int
        First and last index inside.
    """
    last = _nearest(high / scale.step) - 1
    return _nearest(low / scale.step), last if last >= 0 else scale.bins - 1


def unconstrained_window(low: float, high: float) -> tuple[int, int]:
    """Return the inclusive range of indices of a window in unconstrained momentum (1 GeV steps).

    Parameters
    ----------
    low, high
        Edges in GeV.

    Returns
    -------
    tuple of int
        First and last index inside; index k >= 1 holds [k - 1, k) GeV.
    """
    return _nearest(low) + 1, _nearest(high) + 1
