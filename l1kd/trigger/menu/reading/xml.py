"""Menus in the hardware's XML, read as a stream: most of a file is scale bins, which are skipped.

Grammar: the schemas of tmxsd (cms-data/L1Trigger-L1TGlobal, Luminosity/startup/xsd-type).
"""

from pathlib import Path
from typing import Any
from xml.parsers import expat

from l1kd.errors import MenuError
from l1kd.trigger.menu.model import Cut, MenuText, Seed

from .stream import opened

__all__ = ["read_xml"]

_PIECES = ("algorithm", "cut", "object_requirement", "external_requirement", "ext_signal", "scale")
"""Elements whose children are collected."""
_IGNORED = ("object_requirement", "external_requirement")
"""What the expression of the seed says already."""


def read_xml(path: Path) -> MenuText:
    """Return the menu of an XML file.

    Parameters
    ----------
    path
        The file, packed or not.

    Raises
    ------
    MenuError
        The file is not well-formed, declares entities, or an element lacks what it needs; the
        message names the line, the seed and the element.
    """
    source = str(path)
    reader = _Reader(source)
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = reader.refuse_entity
    parser.buffer_text = True
    reader.parser = parser
    try:
        with opened(path) as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise MenuError(f"{source}, line {error.lineno}: not well-formed XML ({error})") from error
    if not reader.seen_menu:
        raise MenuError(f"{source}: no menu element; this is not a trigger menu")
    return reader.menu


class _Reader:
    """Collects the pieces of a menu from the events of the parser."""

    def __init__(self, source: str) -> None:
        self.menu = MenuText(Path(source).name.partition(".")[0], source)
        self.source = source
        self.seen_menu = False
        self.parser: Any = None
        self.path: list[str] = []
        self.pieces: list[tuple[str, int, dict[str, str]]] = []
        self.words: list[str] = []
        self.cuts: list[Cut] = []

    def refuse_entity(self, name: str, *_: Any) -> None:
        """Refuse a file that defines its own entities."""
        raise MenuError(
            f"{self.source}, line {self.line}: entity {name!r} is not allowed in a menu"
        )

    @property
    def line(self) -> int:
        """Line that the parser has reached."""
        return int(self.parser.CurrentLineNumber)

    def start(self, tag: str, _: dict[str, str]) -> None:
        """Enter an element."""
        name = tag.rpartition(":")[2]
        self.path.append(name)
        self.seen_menu |= name == "menu"
        if name in _PIECES:
            self.pieces.append((name, self.line, {}))
        self.words.clear()

    def text(self, text: str) -> None:
        """Take text inside an element."""
        if self.path and self.path[-1] != "bin":
            self.words.append(text)

    def end(self, tag: str) -> None:
        """Leave an element."""
        name = tag.rpartition(":")[2]
        content = "".join(self.words).strip()
        self.words.clear()
        self.path.pop()
        if self.pieces and name == self.pieces[-1][0]:
            self.finish(*self.pieces.pop())
        elif self.pieces and len(self.path) and self.path[-1] == self.pieces[-1][0]:
            self.pieces[-1][2].setdefault(name, content)
        elif name == "name" and self.path == ["menu"]:
            self.menu.name = content

    def finish(self, name: str, line: int, values: dict[str, str]) -> None:
        """Keep a finished piece."""
        if name in _IGNORED:
            return
        if name == "algorithm":
            seed = self.seed(line, values)
            self.menu.add_seed(seed)
            self.keep_cuts(seed)
        elif name == "cut":
            self.cuts.append(self.cut(line, values))
        elif name == "scale":
            key = (values.get("object", ""), values.get("type", ""))
            edge, step = (self.number(values, k, name, line) for k in ("minimum", "step"))
            self.menu.scales[key] = (edge, step)
        else:
            cable = self.number(values, "cable", name, line)
            channel = self.number(values, "channel", name, line)
            self.menu.externals[self.need(values, "name", name, line)] = int(64 * cable + channel)

    def keep_cuts(self, seed: Seed) -> None:
        """Add the cuts of a seed; one name must mean one cut in the whole menu."""
        for cut in self.cuts:
            known = self.menu.cuts.setdefault(cut.name, cut)
            same = (cut.kind, cut.minimum, cut.maximum, cut.data)
            if same != (known.kind, known.minimum, known.maximum, known.data):
                raise MenuError(
                    f"{self.source}, line {cut.line}: seed {seed.name}: cut {cut.name} differs "
                    f"from the one of the same name in line {known.line}"
                )
        self.cuts.clear()

    def seed(self, line: int, values: dict[str, str]) -> Seed:
        """Return a seed."""
        name = self.need(values, "name", "algorithm", line)
        what = f"algorithm {name}"
        index = int(self.number(values, "index", what, line))
        if not 0 <= index < 512:
            raise MenuError(f"{self.source}, line {line}: {what}: index {index} is not in 0..511")
        expression = self.need(values, "expression", what, line)
        return Seed(name, index, expression, values.get("comment", ""), line)

    def cut(self, line: int, values: dict[str, str]) -> Cut:
        """Return a cut."""
        name = self.need(values, "name", "cut", line)
        kind = self.need(values, "type", f"cut {name}", line)
        on_pair = "-" not in name.partition("_")[0]
        return Cut(
            name=name,
            object="" if on_pair else values.get("object", ""),
            kind=kind,
            minimum=self.optional(values, "minimum", name, line),
            maximum=self.optional(values, "maximum", name, line),
            data=values.get("data", ""),
            line=line,
        )

    def need(self, values: dict[str, str], key: str, what: str, line: int) -> str:
        """Return a child that must be there."""
        if not values.get(key):
            raise MenuError(f"{self.source}, line {line}: {what} has no {key}")
        return values[key]

    def number(self, values: dict[str, str], key: str, what: str, line: int) -> float:
        """Return a child that must be a number."""
        text = self.need(values, key, what, line)
        try:
            return float(text)
        except ValueError:
            raise MenuError(
                f"{self.source}, line {line}: {what}: {key} is not a number: {text!r}"
            ) from None

    def optional(self, values: dict[str, str], key: str, name: str, line: int) -> float | None:
        """Return a limit, None where it is empty."""
        return self.number(values, key, f"cut {name}", line) if values.get(key) else None
