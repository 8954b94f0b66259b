"""Tokens of the C++ subset that firmware folders are written in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["FirmwareSourceError", "Location", "SourceText", "Token", "join", "tokenize"]


MAX_MESSAGE = 300


@dataclass(frozen=True)
class Location:
    """A place in the sources: path relative to the folder that was read, and line from 1."""

    path: str
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"


class FirmwareSourceError(ValueError):
    """The firmware sources hold something this reader does not understand or does not allow.

    Attributes
    ----------
    location : Location or None
        File and line of the construct; None when the folder as a whole is at fault.
    construct : str
        The construct as it stands in the sources, shortened; empty when there is none.
    """

    def __init__(self, message: str, location: Location | None = None, construct: str = "") -> None:
        self.location = location
        self.construct = construct if len(construct) <= 120 else construct[:117] + "..."
        if len(message) > MAX_MESSAGE:
            message = f"{message[: MAX_MESSAGE - 3]}..."
        where = f"{location}: " if location else ""
        what = f": `{self.construct}`" if construct else ""
        super().__init__(f"{where}{message}{what}")


class Token(NamedTuple):
    """A token and where it stands.

    `kind` is ``name``, ``number``, ``string``, ``list`` (a brace list of plain numbers, kept whole
    so that large weight arrays cost one token), ``directive`` (a whole preprocessor line without
    the hash) or ``symbol``.
    """

    kind: str
    text: str
    line: int
    path: str

    @property
    def location(self) -> Location:
        """File and line of the token."""
        return Location(self.path, self.line)


class SourceText(NamedTuple):
    """A tokenized file: its tokens, and the last line comment of every line that has one."""

    tokens: list[Token]
    comments: dict[int, str]


_PATTERN = re.compile(
    r"""
    (?P<space>(?:\s|\\\r?\n)+)
  | (?P<comment>//(?:[^\n\\]|\\.|\\\n)*)
  | (?P<block>/\*.*?\*/)
  | (?P<directive>\#(?:[^\n\\/]|\\\r?\n|\\.|/(?![/*])|/\*.*?\*/)*)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<list>\{\s*[-+.0-9][-+.0-9a-fA-FxXuUlL,\s]*\})
  | (?P<number>0[xX][0-9a-fA-F]+[uUlL]*
        |(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?[fFuUlL]*)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<symbol>/(?!\*)|::|<<|<=|>=|==|!=|&&|\|\||->|\+\+|--|[-+*%&|^]=|[-+*%&|^~!<>=?:;,.(){}\[\]])
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_BLOCK = re.compile(r"/\*.*?\*/", re.DOTALL)
_CONTINUATION = re.compile(r"\\\r?\n")


def tokenize(text: str, path: str) -> SourceText:
    """Split C++ source into tokens.

    Parameters
    ----------
    text : str
        The source.
    path : str
        Name of the file for messages, relative to the folder.

    Raises
    ------
    FirmwareSourceError
        For a character or an unfinished comment or string that is no C++ token.
    """
    tokens: list[Token] = []
    comments: dict[int, str] = {}
    line, position = 1, 0
    at_line_start = True
    match_at = _PATTERN.match
    while position < len(text):
        match = match_at(text, position)
        if match is None:
            construct = text[position : position + 40].split("\n")[0]
            raise FirmwareSourceError("not a C++ token", Location(path, line), construct)
        kind, found = match.lastgroup or "", match.group()
        position = match.end()
        if kind == "comment":
            comments[line] = found[2:].strip()
        elif kind == "directive":
            if not at_line_start:
                raise FirmwareSourceError("stray #", Location(path, line), found)
            body = _CONTINUATION.sub(" ", _BLOCK.sub(" ", found[1:])).strip()
            tokens.append(Token(kind, body, line, path))
        elif kind not in ("space", "block"):
            tokens.append(Token(kind, found, line, path))
        newlines = found.count("\n")
        line += newlines
        blank = kind in ("space", "block", "comment")
        at_line_start = blank and (at_line_start or newlines > 0)
    return SourceText(tokens, comments)


def join(tokens: Sequence[Token]) -> str:
    """Return the tokens as one line of text, for messages."""
    text = ""
    for token in tokens:
        glue = text and (text[-1].isalnum() or text[-1] == "_") and token.kind in ("name", "number")
        text += f" {token.text}" if glue else token.text
        if len(text) > 200:
            break
    return text
