"""A menu as it is written: seeds, cuts, external signals."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from l1kd.errors import MenuError

from .expression import ExternalTerm, Node, parse, terms

__all__ = ["OVERLAP_ERAS", "Cut", "MenuText", "Seed"]

OVERLAP_ERAS: Final = ("any-reference", "one-reference")
"""Overlap removal: up to 2018 an object is removed if it overlaps any reference; since 2022 one
reference must exist that overlaps none of the chosen objects."""
_FIRST_YEAR_OF_ONE_REFERENCE: Final = 2022
_YEAR: Final = re.compile(r"(20[1-9]\d)")
_CUT_NAME: Final = re.compile(r"(?:(?P<object>[A-Z0-9]+)-)?(?P<kind>[A-Z]+)(?:_|$)")


@dataclass(frozen=True)
class Cut:
    """A named cut.

    Attributes
    ----------
    name
        As expressions use it.
    object, kind
        Type of object (empty for cuts on pairs) and kind of cut, for example MU and ETA.
    minimum, maximum
        Physical limits, None where the menu gives none.
    emulator
        Limits as the emulator compares them (squared and rounded), where the source gives them.
    data
        Allowed values, a mask, or a word (os, ls, pos, neg, the name of a model).
    line
        Line of the file, where it is known.
    """

    name: str
    object: str
    kind: str
    minimum: float | None = None
    maximum: float | None = None
    emulator: tuple[float, float] | None = None
    data: str = ""
    line: int | None = None

    @staticmethod
    def split(name: str) -> tuple[str, str]:
        """Return the type of object and the kind of cut that a name begins with."""
        match = _CUT_NAME.match(name)
        return (match["object"] or "", match["kind"]) if match else ("", "")


@dataclass(frozen=True)
class Seed:
    """One algorithm of a menu: its name, its bit among the 512, and its expression."""

    name: str
    index: int
    expression: str
    comment: str = ""
    line: int | None = None

    @cached_property
    def tree(self) -> Node:
        """The expression as a tree.

        Raises
        ------
        MenuError
            The expression cannot be read.
        """
        return parse(self.expression)


@dataclass
class MenuText:
    """All that a menu's file says.

    Attributes
    ----------
    name
        Name of the menu.
    source
        File that it was read from.
    seeds, cuts
        Seeds and cuts by name.
    externals
        Bit of every external signal.
    scales
        First edge and step of every (object, scale), where the file gives scales.
    overlap_removal
        One of `OVERLAP_ERAS`, or empty: then the year decides.
    """

    name: str
    source: str = ""
    seeds: dict[str, Seed] = field(default_factory=dict)
    cuts: dict[str, Cut] = field(default_factory=dict)
    externals: dict[str, int] = field(default_factory=dict)
    scales: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    overlap_removal: str = ""

    @property
    def year(self) -> int | None:
        """Year in the menu's name, or in that of its file."""
        for text in (self.name, self.source):
            if match := _YEAR.search(text):
                return int(match[1])
        return None

    @property
    def era(self) -> str:
        """Logic of overlap removal: as set, or by the year."""
        if self.overlap_removal:
            return self.overlap_removal
        year = self.year
        old = year is not None and year < _FIRST_YEAR_OF_ONE_REFERENCE
        return OVERLAP_ERAS[0] if old else OVERLAP_ERAS[1]

    def add_seed(self, seed: Seed) -> None:
        """Add a seed.

        Raises
        ------
        MenuError
            A seed of this name or bit exists.
        """
        if seed.name in self.seeds:
            raise MenuError(f"{where(self.source, seed.line)}: seed {seed.name} stands there twice")
        for other in self.seeds.values():
            if other.index == seed.index:
                raise MenuError(
                    f"{where(self.source, seed.line)}: seeds {other.name} and {seed.name} have the "
                    f"same index {seed.index}"
                )
        self.seeds[seed.name] = seed

    def external_of(self, term: ExternalTerm) -> tuple[str, int]:
        """Return the signal and crossing of a term; a known name may end like a crossing."""
        if term.text in self.externals:
            return term.text, 0
        return term.name, term.crossing

    def used_cuts(self, seed: Seed) -> Iterator[str]:
        """Yield the names of the cuts that a seed uses."""
        for term in terms(seed.tree):
            if isinstance(term, ExternalTerm):
                continue
            yield from term.cuts
            for one in getattr(term, "objects", ()):
                yield from one.cuts

    @classmethod
    def of(
        cls,
        name: str,
        source: str,
        seeds: Sequence[Seed],
        cuts: Mapping[str, Cut],
        externals: Mapping[str, int],
    ) -> "MenuText":
        """Return a menu of these parts."""
        text = cls(name, source, cuts=dict(cuts), externals=dict(externals))
        for seed in seeds:
            text.add_seed(seed)
        return text


def where(source: str, line: int | None) -> str:
    """Return a file's name, with the line where it is known."""
    return source if line is None else f"{source}, line {line}"
