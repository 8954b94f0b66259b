"""How weightings look and are called in the plots of an evaluation."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from l1kd.plot_style import LABELS, colour_of, label_of
from l1kd.report.page import ASSOCIATION_LABELS
from l1kd.report.summary import Number, ResolutionStudy, Summary

__all__ = [
    "ASSOCIATION_LABELS",
    "Look",
    "Looks",
    "balanced",
    "looks",
    "of_test",
    "offsets",
    "percent",
]

_NETWORK_COLOURS = (
    "#e08a00",
    "#c2185b",
    "#00838f",
    "#7a5230",
    "#7cb342",
    "#283593",
    "#ef6c57",
    "#455a64",
    "#9e9d24",
    "#29b6f6",
)
_TEACHER_COLOUR = "#b2182b"
_NETWORK_MARKERS = "^vDP*X<>hH"
_NETWORK_LINES = ("-", "--", ":")
"""Colours and markers begin anew with another line."""
_MARKERS = {"none": "x", "puppi": "o", "linpuppi": "s", "soft_truth": "d", "no_pileup": "+"}
_LINES: dict[str, Any] = {"soft_truth": (0, (1, 1)), "no_pileup": (0, (4, 1, 1, 1))}


class Look(NamedTuple):
    """Colour, marker, line and label of a weighting."""

    colour: str
    marker: str
    line: Any
    label: str


Looks = dict[str, Look]


def of_test(summary: Summary) -> list[ResolutionStudy]:
    """Return the resolutions of the test sample, one for each charged association."""
    tests = {study.dataset for study in summary.weights}
    return [study for study in summary.resolution if study.dataset in tests]


def looks(summary: Summary) -> Looks:
    """Give every weighting of an evaluation a look of its own, in the order of the tables."""
    table = of_test(summary)[0].met
    teachers = {m.name for m in summary.networks if m.kind == "teacher"}
    students = [m.name for m in summary.networks if m.kind != "teacher"]
    found = {}
    for position, name in enumerate(table):
        colour, marker = colour_of(name, position), _MARKERS.get(name, "o")
        line = _LINES.get(name, "-")
        if name in teachers:
            colour, marker = _TEACHER_COLOUR, "p"
        elif name in students:
            turn, i = divmod(students.index(name), len(_NETWORK_COLOURS))
            colour, marker = _NETWORK_COLOURS[i], _NETWORK_MARKERS[i]
            line = _NETWORK_LINES[turn % len(_NETWORK_LINES)]
        label = label_of(name) if name in LABELS else name
        found[name] = Look(colour, marker, line, label)
    return found


def balanced(n: int, most: int = 6) -> int:
    """Columns of a legend with n entries, so that its rows are about equally long."""
    rows = max(-(-n // most), 1)
    return max(-(-n // rows), 1)


def offsets(n: int, width: float = 0.7) -> list[float]:
    """Places of n points beside each other, within a bin of width one."""
    return [width * (i - (n - 1) / 2) / max(n, 1) for i in range(n)]


def percent(numbers: Iterable[Number | None]) -> tuple[list[float], list[tuple[float, float]]]:
    """Values and asymmetric errors in per cent; NaN for what could not be computed."""
    values, errors = [], []
    for x in numbers:
        if x is None or x.value is None or x.low is None or x.high is None:
            values.append(float("nan"))
            errors.append((0.0, 0.0))
            continue
        values.append(100.0 * x.value)
        errors.append((100.0 * max(x.value - x.low, 0.0), 100.0 * max(x.high - x.value, 0.0)))
    return values, errors
