"""hls4ml's library as a folder carries it: which functions, and whether they are known.

A call of ``nnet::relu`` means what the folder's own ``nnet_activation.h`` says, and versions of
hls4ml differ, as do copies that were changed by hand. The functions that a call can reach are
compared with those of hls4ml 0.5 to 1.3 and of CMS's public networks, as texts without comments,
pragmas and labels. What is not among them is refused; where known ones differ, the handlers of the
layers look at the text. A folder without a library is taken for hls4ml 1.3.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from l1kd.emulators.network.cpp.known import KNOWN
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError, Location

__all__ = ["Body", "Library", "fingerprint", "read_bodies"]

# Real headers are far smaller; these limits keep hostile ones from taking long.
MAX_HEADER, MAX_PARAMETERS, MAX_NESTING, MAX_FUNCTIONS = 1 << 18, 2000, 6, 2000

# Strings are matched, too, because what looks like a comment in one is none.
_COMMENT = re.compile(
    r"""//(?:[^\n\\]|\\.)*|/\*.*?(?:\*/|\Z)|(?P<code>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)')""",
    re.S,
)
_DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w*)((?:[^\n\\]|\\.)*)$", re.M | re.S)
# Conditions of hls4ml's own functions, whose branches are compared as they stand. Under another one
# the text is not what is compiled.
_CONDITIONS = (
    "__SYNTHESIS__", "__HLS_SYN__", "__VITIS_HLS__",
    "!defined(__SYNTHESIS__)&&defined(SINCOS_LUT_DEBUG)",
)  # fmt: skip
_NO_CONDITIONS = ("pragma", "else", "endif", "error", "warning", "")
_PRAGMA_PACK = re.compile(r"PRAGMA_DATA_PACK\s*\([^)]*\)")
_TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\"[^\"\n]*\"|[^\s\w]", re.ASCII)
_START = re.compile(r"\btemplate\s*<|\binline\b")
_BRACE = re.compile(r"[{}]")
_ANGLE = re.compile(r"[<>]")
_NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")
_CLASS = re.compile(r"\b(?:class|struct)\s+(\w+)\s*(?::[^:]|$)")
_USE = re.compile(r"([A-Za-z_]\w*) (?=[<(]|: :)")
# What differs between versions without changing anything that is computed.
_IDLE = (
    (re.compile(r"if \( CONFIG_T : : io_type = = (?:nnet : : )?io_\w+ \) \{ \}"), ""),
    (re.compile(r"\b(?:static|inline) "), ""),
    (re.compile(r"(?<=[;{}]) \w+ : (?!:)"), " "),
    (re.compile(r"\s+"), " "),
)


# Prints, and loops that did nothing else: what a copy may have besides. Not texts with \", whose
# end is elsewhere.
_PRINTED = r'(?:"[^"]*(?<!\\)"|std : : endl|[\w.\[\] :]+?(?: \. to_\w+ \( \))?)'
_FORMAT = r'"(?:(?!%n)[^"])*(?<!\\)"'
_PRINTS = (
    (re.compile(rf"std : : (?:cout|cerr) (?:< < {_PRINTED} ?)+;"), ""),
    # a format with %n would write to memory
    (
        re.compile(
            rf"(?:std : : )?(?:printf|puts|fprintf) \( (?:std(?:out|err) , )?{_FORMAT}"
            rf"(?: , {_PRINTED})* \) ?;"
        ),
        "",
    ),
    (re.compile(r"\s+"), " "),
    (re.compile(r"for \( (?:int|unsigned) (\w+) = 0 ; \1 < [\w: ]+ ; \1 \+ \+ \) \{ \}"), ""),
    (re.compile(r"\s+"), " "),
)


class Body(NamedTuple):
    """A function or class of the library: its normalised text and its place."""

    name: str
    text: str
    location: Location


def read_bodies(text: str, path: str) -> Iterator[Body]:
    """Yield the templates and inline functions of a header, nested ones too.

    Raises
    ------
    FirmwareSourceError
        If the header is larger than any of hls4ml's could be.
    """
    if len(text) > MAX_HEADER:
        raise FirmwareSourceError("a header of the library is too large", Location(path, 1))
    text = _COMMENT.sub(_blank, text)
    text = _PRAGMA_PACK.sub("", _DIRECTIVE.sub(_mark, text))
    ends = _ends(text)
    line, before, count, read = 1, 0, 0, 0
    for match in _START.finditer(text):
        after, count = match.end(), count + 1
        if count > MAX_FUNCTIONS:
            raise FirmwareSourceError("too many functions in one header", Location(path, line))
        if match.group() != "inline":
            after = _after_parameters(text, after)
        elif text[max(0, match.start() - 100) : match.start()].rstrip()[-1:] == ">":
            continue
        brace, semicolon = text.find("{", after), text.find(";", after)
        if brace < 0 or 0 <= semicolon < brace or brace - after > MAX_PARAMETERS:
            continue
        head = text[after:brace]
        found = _NAME.search(head) or _CLASS.search(head)
        line += text.count("\n", before, match.start())
        before, end = match.start(), ends.get(brace, len(text))
        read += end - before
        if read > MAX_NESTING * max(len(text), 1000):
            raise FirmwareSourceError("functions nested too deeply", Location(path, line))
        if found:
            body = " ".join(_TOKEN.findall(text[match.start() : end]))
            yield Body(found.group(1), _normalised(body), Location(path, line))


def _ends(text: str) -> dict[int, int]:
    """Return where the block of every opening brace ends."""
    opened: list[int] = []
    ends = {}
    for match in _BRACE.finditer(text):
        if match.group() == "{":
            opened.append(match.start())
        elif opened:
            ends[opened.pop()] = match.end()
    return ends


def _after_parameters(text: str, start: int) -> int:
    """Return where the parameters of a template end."""
    depth = 1
    for match in _ANGLE.finditer(text, start, start + MAX_PARAMETERS):
        depth += 1 if match.group() == "<" else -1
        if depth == 0:
            return match.end()
    return start


def _blank(match: re.Match[str]) -> str:
    return match["code"] or "\n" * match.group().count("\n")


def _mark(match: re.Match[str]) -> str:
    """Leave a sign in the text for directives that change what is compiled."""
    word, rest = match[1], re.sub(r"\s", "", match[2])
    harmless = word in _NO_CONDITIONS or (word.startswith("if") and rest in _CONDITIONS)
    return ("" if harmless else f"#{word}") + "\n" * match.group().count("\n")


def _normalised(text: str) -> str:
    for _ in range(MAX_NESTING):
        shorter = text
        for pattern, replacement in _IDLE:
            shorter = pattern.sub(replacement, shorter)
        if shorter == text:
            break
        text = shorter
    return text.strip()


def fingerprint(body: Body) -> str:
    """Return the hash under which a known function is listed."""
    return hashlib.sha256(f"{body.name} {body.text}".encode()).hexdigest()[:8]


def known(body: Body) -> bool:
    """Tell whether a function is that of a known version, prints aside."""
    if fingerprint(body) in KNOWN:
        return True
    text = body.text
    for pattern, replacement in _PRINTS:
        text = pattern.sub(replacement, text)
    return fingerprint(body._replace(text=text.strip())) in KNOWN


@dataclass(frozen=True)
class Library:
    """The functions of the library by name, those of arrays apart from those of streams."""

    arrays: Mapping[str, Sequence[Body]] = field(default_factory=dict)
    streams: Mapping[str, Sequence[Body]] = field(default_factory=dict)

    @classmethod
    def of(cls, bodies: Iterable[Body]) -> Library:
        """Sort functions by their headers."""
        arrays: dict[str, list[Body]] = {}
        streams: dict[str, list[Body]] = {}
        for body in bodies:
            kind = streams if body.location.path.endswith("_stream.h") else arrays
            kind.setdefault(body.name, []).append(body)
        return cls(arrays, streams)

    def bodies(self, name: str, *, streams: bool) -> Sequence[Body]:
        """Return the functions of a name, in networks of streams or of arrays."""
        both = self.arrays.get(name, ()), self.streams.get(name, ())
        return [*both[0], *both[1]] if streams or not both[0] else both[0]

    def holds(self, name: str) -> bool:
        """Tell whether there is a function of a name."""
        return name in self.arrays or name in self.streams

    def check(self, names: Iterable[str], *, streams: bool) -> None:
        """Refuse what these functions can reach if any of it is unknown.

        Raises
        ------
        FirmwareSourceError
            With the place of the function.
        """
        left, seen = list(names), set(names)
        while left:
            for body in self.bodies(left.pop(), streams=streams):
                if not known(body):
                    message = "this function of the library is in no known version of hls4ml"
                    raise FirmwareSourceError(message, body.location, body.name)
                fresh = set(_USE.findall(body.text)) - seen
                seen |= fresh
                left += fresh

    def says(self, name: str, text: str, *, streams: bool = False) -> bool:
        """Tell whether a function of a name holds a piece of normalised text."""
        return any(text in body.text for body in self.bodies(name, streams=streams))
