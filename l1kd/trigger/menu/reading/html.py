"""Menus from their documentation page, as tm-reporter writes it.

The page shows every seed with its expression, and the cuts with the limits that the emulator uses:
in a table at the end (since 2018), or beside each object and condition (before). It names the set
of external signals, whose bits come from the cabling of that set.
"""

import json
import math
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Final

from l1kd.errors import MenuError
from l1kd.trigger.menu.expression import FunctionTerm, ObjectTerm, parse, terms
from l1kd.trigger.menu.model import Cut, MenuText, Seed

from .stream import opened

__all__ = ["cabling", "read_html"]

_TITLE: Final = re.compile(r"(\d+)(?:::|\s+)(\S+)")
_FLOWING: Final = ("ul", "li", "p", "div", "tr", "table")
"""Elements that end a piece of text."""
_ITEM: Final = re.compile(r"(?P<what>[A-Z][\w -]*?):\s*(?P<rest>.*)", re.DOTALL)
_RANGE: Final = re.compile(r"\[\s*(-?[\d.]+)\s*,\s*(-?[\d.]+)\s*\]")
_KINDS: Final = {
    "Eta": "ETA",
    "Phi": "PHI",
    "Quality": "QLTY",
    "Isolation": "ISO",
    "Impact Parameter": "IP",
    "Charge": "CHG",
    "Unconstrained Pt": "UPT",
    "Index": "INDEX",
    "Slice": "SLICE",
    "Displaced": "DISP",
    "Count": "COUNT",
}
"""What the details of an object call the kinds of its cuts."""


@cache
def cabling(name: str) -> dict[str, int]:
    """Return the bits of a named set of external signals, empty for an unknown set."""
    text = files("l1kd.trigger.menu.reading").joinpath("cabling.json").read_text()
    bits: dict[str, int] = json.loads(text).get(name, {})
    return bits


def read_html(path: Path) -> MenuText:
    """Return the menu of a documentation page.

    Parameters
    ----------
    path
        The page, packed or not.

    Raises
    ------
    MenuError
        The page shows no seeds, or a number in the table of cuts cannot be read; the message names
        the line.
    """
    page = _Page(str(path))
    with opened(path) as stream:
        page.feed(stream.read().decode("utf-8", errors="replace"))
    page.close()
    if not page.menu.seeds:
        raise MenuError(f"{path}: no seeds; this is not the documentation page of a menu")
    return page.menu


class _Page(HTMLParser):
    """Follows the headings, expressions, tables and lists of a page."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = source
        self.menu = MenuText("", source)
        self.words: list[str] = []
        self.row: list[str] = []
        self.in_cuts = False
        self.title: tuple[int, str] | None = None
        self.seed: Seed | None = None
        self.details = _Details()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Enter an element."""
        if tag in _FLOWING or tag in ("h1", "h2", "h3", "pre", "td"):
            self.flush()
        if tag == "tr":
            self.row = []

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if tag in ("h1", "h2", "h3", "pre", "td"):
            text = self.take()
            getattr(self, f"end_{tag}")(text)
        elif tag == "tr" and self.in_cuts and len(self.row) == 6:
            self.keep_cut(self.row)
        elif tag in _FLOWING:
            self.flush()

    def take(self) -> str:
        """Return the text since the last border, with single blanks."""
        text = " ".join("".join(self.words).split())
        self.words.clear()
        return text

    def flush(self) -> None:
        """Handle text that ends without an element of its own: the details of a seed."""
        text = self.take()
        if not text:
            return
        if text.startswith("External Signals Set:"):
            self.menu.externals.update(cabling(text.partition(":")[2].strip()))
        elif self.seed is not None and not self.in_cuts:
            self.details.add(text)

    def end_h1(self, text: str) -> None:
        """Take the name of the menu."""
        self.menu.name = self.menu.name or text

    def end_h2(self, text: str) -> None:
        """Notice where the table of cuts begins."""
        if text == "Cuts":
            self.finish_seed()
            self.in_cuts = True

    def end_h3(self, text: str) -> None:
        """Take the index and name of a seed."""
        self.finish_seed()
        match = _TITLE.match(text)
        self.title = (int(match[1]), match[2]) if match else None

    def end_pre(self, text: str) -> None:
        """Take the first formula under a title: the seed's expression."""
        if self.title is None or self.seed is not None:
            return
        index, name = self.title
        self.seed = Seed(name, index, text, line=self.getpos()[0])
        self.menu.add_seed(self.seed)

    def end_td(self, text: str) -> None:
        """Take a cell."""
        self.row.append(text)

    def finish_seed(self) -> None:
        """Take the cuts from the details of the last seed."""
        if self.seed is not None:
            self.details.assign(self.seed, self.menu)
        self.seed = self.title = None
        self.details = _Details()

    def close(self) -> None:
        """End the page."""
        super().close()
        self.finish_seed()

    def keep_cut(self, row: list[str]) -> None:
        """Take one row of the table of cuts; it replaces what the details said."""
        name, minimum, maximum, low, high, data = row
        kind = Cut.split(name)
        emulator = None
        if low:
            last = self.number(high, name)
            emulator = (self.number(low, name) or 0.0, math.inf if last is None else last)
        self.menu.cuts[name] = Cut(
            name=name,
            object=kind[0],
            kind=kind[1],
            minimum=self.number(minimum, name),
            maximum=self.number(maximum, name),
            emulator=emulator,
            data=data,
            line=self.getpos()[0],
        )

    def number(self, text: str, name: str) -> float | None:
        """Return the number in a cell, None where it is empty."""
        if not text:
            return None
        try:
            return float(text)
        except ValueError:
            raise MenuError(
                f"{self.source}, line {self.getpos()[0]}: cut {name}: not a number: {text!r}"
            ) from None


class _Details:
    """The lists under a seed, which older pages need for the values of cuts.

    They show the objects with the kinds and values of their cuts, mostly without the names, and the
    named cuts of conditions. A name goes with the value in the same place of the object of the same
    name; where objects of one name differ, or a name would mean two things, it stays undefined.
    """

    def __init__(self) -> None:
        self.objects: list[tuple[str, list[tuple[str, str]]]] = []
        self.cuts: list[tuple[str, str]] = []
        self.open_cut = ""

    def add(self, text: str) -> None:
        """Take one piece of text."""
        match = _ITEM.match(text)
        if match is None:
            return
        what, rest = match["what"], match["rest"].strip()
        if what == "Object":
            self.objects.append((rest, []))
            self.open_cut = ""
        elif what == "Cut":
            self.open_cut = rest
        elif self.open_cut:
            self.cuts.append((self.open_cut, rest))
            self.open_cut = ""
        elif what in _KINDS and self.objects:
            self.objects[-1][1].append((_KINDS[what], rest))

    def assign(self, seed: Seed, menu: MenuText) -> None:
        """Define the cuts of a seed in the menu."""
        try:
            found = terms(seed.tree)
        except MenuError:
            return
        for name, rest in self.cuts:
            self.define(_pair_cut(name, rest), menu)
        for term in found:
            if isinstance(term, ObjectTerm):
                self.assign_object(term, menu)
            elif isinstance(term, FunctionTerm):
                for one in term.objects:
                    self.assign_object(one, menu)

    def assign_object(self, term: ObjectTerm, menu: MenuText) -> None:
        """Define the cuts of one object, if the details that fit it say one thing only."""
        wanted = [Cut.split(name)[1] for name in term.cuts]
        fitting = []
        for token, items in self.objects:
            kept = [item for item in items if item[0] != "COUNT" or "COUNT" in wanted]
            if sorted(kind for kind, _ in kept) == sorted(wanted) and _same_object(token, term):
                fitting.append(kept)
        if not fitting or any(other != fitting[0] for other in fitting):
            return
        left = list(fitting[0])
        for name, kind in zip(term.cuts, wanted, strict=True):
            position = next(i for i, item in enumerate(left) if item[0] == kind)
            self.define(_object_cut(name, left.pop(position)[1]), menu)

    @staticmethod
    def define(cut: Cut | None, menu: MenuText) -> None:
        """Add a cut; one that contradicts an earlier one of its name is taken out."""
        if cut is None:
            return
        known = menu.cuts.setdefault(cut.name, cut)
        if known != cut:
            menu.cuts[cut.name] = Cut(cut.name, cut.object, "AMBIGUOUS")


def _same_object(token: str, term: ObjectTerm) -> bool:
    """Whether the name of an object in the details is that of an object of the expression."""
    try:
        found = parse(token)
    except MenuError:
        return False
    return replace(term, cuts=()) == found


def _pair_cut(name: str, rest: str) -> Cut | None:
    """Return a cut on a pair from its details: the limits that the emulator uses."""
    kind = Cut.split(name)[1]
    if kind == "CHGCOR":
        return Cut(name, "", kind, data=rest.split(":")[0].strip())
    ranges = _RANGE.findall(rest)
    if not ranges:
        return None
    low, high = map(float, ranges[-1])
    return Cut(name, "", kind, emulator=(low, high))


def _object_cut(name: str, rest: str) -> Cut | None:
    """Return a cut on an object from its details: the physical limits or the mask."""
    owner, kind = Cut.split(name)
    if ranges := _RANGE.search(rest):
        return Cut(name, owner, kind, float(ranges[1]), float(ranges[2]))
    data = rest.split()[0].strip(":") if rest else ""
    return Cut(name, owner, kind, data=data)
