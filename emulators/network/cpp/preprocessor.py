"""The preprocessor: includes, macros and conditions, as the synthesis tool sees the sources.

Only files inside the folder are opened. The synthesis tool's own headers are not read, nor is
hls4ml's library (``nnet_*.h``), whose headers are only listed; its one generated file,
``nnet_code_gen.h``, is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from l1kd.emulators.network.cpp.constants import evaluate
from l1kd.emulators.network.cpp.expressions import Number, parse_expression
from l1kd.emulators.network.cpp.macros import Macro, expand, read_macro
from l1kd.emulators.network.cpp.tokens import (
    FirmwareSourceError,
    Location,
    SourceText,
    Token,
    tokenize,
)

__all__ = ["MAX_FILE_BYTES", "Preprocessor"]

MAX_FILE_BYTES = 64 * 2**20
MAX_TOTAL_BYTES = 256 * 2**20
MAX_FILES = 4000
MAX_INCLUDE_DEPTH = 30
MAX_CONDITIONS = 100

_EXTERNAL = re.compile(r"(ap|hls|ac|nnet)_[a-z0-9_]+\.h$")
_GENERATED = "nnet_code_gen.h"
_LIBRARY = re.compile(r"nnet_\w+\.h$", re.ASCII)
_INCLUDE = re.compile(r'include\s*(?:"([^"]+)"|(<[^>]+>))\s*$')
_NAME = re.compile(r"[A-Za-z_]\w*$", re.ASCII)
_WORD = re.compile(r"[a-z]*")


# What the synthesis tool and hls4ml's nnet_common.h define.
_PREDEFINED = """
#define __SYNTHESIS__ 1
#define __cplusplus 201402
#define DIV_ROUNDUP(n, d) ((n + d - 1) / d)
#define MIN(n, d) (n > d ? d : n)
#define MAX(n, d) (n > d ? n : d)
"""


@dataclass
class Preprocessor:
    """Reads one translation unit.

    Attributes
    ----------
    root : Path
        The folder; nothing outside it is opened. Must be resolved.
    files : list of str
        Files read so far, relative to the root.
    comments : dict
        Line comments by (file, line).
    library : dict
        Headers of hls4ml's library that the sources include, in order; keys only.
    """

    root: Path
    search: Path
    files: list[str] = field(default_factory=list)
    comments: dict[tuple[str, int], str] = field(default_factory=dict)
    macros: dict[str, Macro] = field(default_factory=dict)
    library: dict[Path, None] = field(default_factory=dict)
    _bytes: int = 0
    _once: set[Path] = field(default_factory=set)

    def __post_init__(self) -> None:
        for token in tokenize(_PREDEFINED, "<built in>").tokens:
            self.macros.update([read_macro(token)])

    def run(self, path: Path) -> list[Token]:
        """Return the tokens of the file at `path` with everything it includes, macros expanded."""
        output: list[Token] = []
        self._file(path, output, 0)
        return output

    def read(self, path: Path) -> SourceText:
        """Open and tokenize one file of the folder."""
        text = self.text(path)
        name = _relative(path, self.root)
        if name not in self.files:
            self.files.append(name)
        return tokenize(text, name)

    def text(self, path: Path) -> str:
        """Open one file of the folder."""
        resolved = path.resolve()
        name = _relative(path, self.root)
        if not resolved.is_relative_to(self.root):
            raise FirmwareSourceError(f"{name} lies outside the folder")
        try:
            size = resolved.stat().st_size
            self._bytes += size
            if size > MAX_FILE_BYTES or self._bytes > MAX_TOTAL_BYTES:
                raise FirmwareSourceError("file too large", Location(name, 1))
            if len(self.files) >= MAX_FILES:
                raise FirmwareSourceError("too many includes", Location(name, 1))
            with resolved.open("rb") as stream:
                content = stream.read(size)
        except OSError as error:
            raise FirmwareSourceError(f"cannot read {name}: {error.strerror}") from None
        return content.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")

    def number_macros(self) -> dict[str, Number]:
        """Return the macros without parameters that stand for a number."""
        numbers: dict[str, Number] = {}
        for name, macro in self.macros.items():
            if macro.parameters is None and macro.body and not name.startswith("_"):
                try:
                    numbers[name] = self._number(list(macro.body))
                except FirmwareSourceError:
                    continue
        return numbers

    def _number(self, tokens: Sequence[Token]) -> Number:
        expanded = expand(tokens, self.macros)
        location = tokens[0].location

        def unknown(name: str) -> Number:
            raise FirmwareSourceError(f"{name} is not defined", location)

        value = evaluate(parse_expression(expanded), unknown, location)
        if isinstance(value, str):
            raise FirmwareSourceError(f"{value} is not a number", location)
        return value

    def _file(self, path: Path, output: list[Token], depth: int) -> None:
        if depth > MAX_INCLUDE_DEPTH:
            name = _relative(path, self.root)
            raise FirmwareSourceError("includes nested too deeply", Location(name, 1))
        if path.resolve() in self._once:
            return
        source = self.read(path)
        name = _relative(path, self.root)
        self.comments.update(((name, line), text) for line, text in source.comments.items())
        # One entry per open condition: (branch taken now, some branch was taken, its directive).
        conditions: list[tuple[bool, bool, Token]] = []
        active = True
        pending: list[Token] = []
        for token in source.tokens:
            if token.kind != "directive":
                if active:
                    pending.append(token)
                continue
            word = _directive(token)
            if word in ("if", "ifdef", "ifndef", "elif", "else", "endif"):
                self._condition(word, token, conditions)
                active = all(taken for taken, _, _ in conditions)
            elif active:
                output.extend(expand(pending, self.macros))
                pending.clear()
                self._command(word, token, path, output, depth)
        if conditions:
            raise FirmwareSourceError("condition without #endif", conditions[-1][2].location)
        output.extend(expand(pending, self.macros))

    def _condition(
        self, word: str, token: Token, conditions: list[tuple[bool, bool, Token]]
    ) -> None:
        rest = token.text[len(word) :].strip()
        if len(conditions) > MAX_CONDITIONS:
            raise FirmwareSourceError("conditions nested too deeply", token.location, token.text)
        enclosing = all(taken for taken, _, _ in conditions)
        if word in ("ifdef", "ifndef"):
            if not _NAME.match(rest):
                raise FirmwareSourceError("not understood", token.location, f"#{token.text}")
            taken = enclosing and (rest in self.macros) == (word == "ifdef")
            conditions.append((taken, taken or not enclosing, token))
        elif word == "if":
            taken = enclosing and self._test(rest, token)
            conditions.append((taken, taken or not enclosing, token))
        elif not conditions:
            raise FirmwareSourceError("no condition is open", token.location, f"#{token.text}")
        elif word == "endif":
            conditions.pop()
        else:
            _, done, opening = conditions.pop()
            taken = not done and (word == "else" or self._test(rest, token))
            conditions.append((taken, done or taken, opening))

    def _test(self, text: str, directive: Token) -> bool:
        replaced = re.sub(
            r"\bdefined\s*(?:\(\s*([A-Za-z_]\w*)\s*\)|([A-Za-z_]\w*))",
            lambda match: str(int((match.group(1) or match.group(2)) in self.macros)),
            text,
        )
        tokens = [
            token._replace(line=directive.line)
            for token in tokenize(replaced, directive.path).tokens
        ]
        if not tokens:
            raise FirmwareSourceError("empty condition", directive.location)
        expression = parse_expression(expand(tokens, self.macros))
        # A name that is no macro counts as 0 in a condition.
        value = evaluate(expression, lambda _: Number(0, "int"), directive.location)
        return isinstance(value, Number) and value.value != 0

    def _command(
        self, word: str, token: Token, path: Path, output: list[Token], depth: int
    ) -> None:
        if word == "define":
            self.macros.update([read_macro(token)])
        elif word == "undef":
            self.macros.pop(token.text[len(word) :].strip(), None)
        elif word == "include":
            included = self._find(token, path)
            if included is not None:
                self._file(included, output, depth + 1)
        elif word == "pragma":
            if token.text.split() == ["pragma", "once"]:
                self._once.add(path.resolve())
        elif word not in ("", "warning"):
            raise FirmwareSourceError("directive not understood", token.location, f"#{token.text}")

    def _find(self, token: Token, path: Path) -> Path | None:
        """Return the included file, or None for headers that are not part of the network."""
        match = _INCLUDE.match(token.text)
        if match is None:
            raise FirmwareSourceError("include not understood", token.location, f"#{token.text}")
        name, system = match.groups()
        if system:
            return None
        relative = Path(name)
        library = relative.parent.name == "nnet_utils" or path.parent.name == "nnet_utils"
        library |= _LIBRARY.match(relative.name) is not None
        if library and relative.name != _GENERATED:
            for header in self._candidates(relative, path):
                if header.resolve().is_relative_to(self.root):
                    self.library[header] = None
            return None
        if relative.is_absolute():
            raise FirmwareSourceError("absolute include", token.location, f"#{token.text}")
        for candidate in self._candidates(relative, path):
            return candidate
        if library or _EXTERNAL.match(relative.name):
            return None
        raise FirmwareSourceError("header not found", token.location, f"#{token.text}")

    def _candidates(self, relative: Path, path: Path) -> list[Path]:
        """Return the files that an include may mean, the nearest first."""
        folders = [relative] if relative.is_absolute() else [
            folder / relative for folder in (path.parent, self.search)
        ]  # fmt: skip
        return [file for file in folders if file.is_file()][:1]


def _directive(token: Token) -> str:
    match = _WORD.match(token.text)
    return match.group() if match else ""


def _relative(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root).as_posix()
    except ValueError:
        return path.name
