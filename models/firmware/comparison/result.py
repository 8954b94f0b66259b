"""What a comparison found, and its page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Comparison", "Difference", "Example", "markdown"]


@dataclass(frozen=True)
class Difference:
    """One difference between two descriptions.

    Attributes
    ----------
    layer : str
        Name in the first network, and in the second where it has another.
    what : str
        ``kind``, ``shape``, ``result``, a role of a format, or the constants concerned.
    first, second : str
    """

    layer: str
    what: str
    first: str
    second: str


@dataclass(frozen=True)
class Example:
    """A row whose results differ: raw input, both results as numbers, the first layer."""

    row: int
    input: list[int]
    first: list[float]
    second: list[float]
    layer: str


@dataclass(frozen=True)
class Comparison:
    """What agrees and what does not.

    Attributes
    ----------
    first, second : str
        Names.
    rows, differing : int
        Rows that were compared, and those whose results differ.
    largest : float
        Largest difference of a result.
    differences : list of Difference
        Of layers, formats and constants; empty for recorded results.
    layers : dict
        Rows in which a layer's numbers differ, by layer, in order; those that agree are there, too.
    first_layers : dict
        Rows by the first layer that differs.
    examples : list of Example
        At most 10.
    notes : list of str
        What was not compared, and why.
    """

    first: str
    second: str
    rows: int
    differing: int
    largest: float
    differences: list[Difference] = field(default_factory=list)
    layers: dict[str, int] = field(default_factory=dict)
    first_layers: dict[str, int] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def agrees(self) -> bool:
        """Whether every row gives the same numbers."""
        return self.differing == 0

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {**asdict(self), "agrees": self.agrees}


def markdown(found: Comparison) -> str:
    """Return a comparison as a page of Markdown."""
    lines = [
        f"# {found.first} and {found.second}",
        "",
        f"{found.differing:,} of {found.rows:,} rows differ"
        + (f", by up to {found.largest:g}." if found.differing else "."),
        *(f"\n{note[0].upper()}{note[1:]}." for note in found.notes),
    ]
    if found.first_layers:
        lines += ["", "| first layer that differs | rows |", "|---|---|"]
        lines += [f"| {name} | {count:,} |" for name, count in found.first_layers.items()]
    if found.layers:
        lines += ["", "| layer | rows that differ |", "|---|---|"]
        lines += [f"| {name} | {count:,} |" for name, count in found.layers.items()]
    if found.differences:
        lines += ["", f"| layer | | {found.first} | {found.second} |", "|---|---|---|---|"]
        lines += [f"| {d.layer} | {d.what} | {d.first} | {d.second} |" for d in found.differences]
    if found.examples:
        lines += ["", f"| row | input (raw) | {found.first} | {found.second} | first layer |"]
        lines += ["|---|---|---|---|---|"]
        for example in found.examples:
            cells = [_short(example.input), _short(example.first), _short(example.second)]
            lines.append(f"| {example.row} | {' | '.join(cells)} | {example.layer} |")
    return "\n".join(lines) + "\n"


def _short(numbers: Sequence[float], most: int = 16) -> str:
    text = ", ".join(f"{number:g}" for number in numbers[:most])
    return text if len(numbers) <= most else f"{text}, ... ({len(numbers)})"
