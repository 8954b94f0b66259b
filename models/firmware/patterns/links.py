"""Pattern files of the boards: EMP in both versions, and APx.

The columns are what `L1Trigger/DemonstratorTools` of CMSSW reads and writes. Version 1 of EMP has a
flag for data alone, version 2 and APx mark where packets begin and end as well.
"""

import re
from collections.abc import Iterator

import numpy as np

from l1kd.errors import InputError
from l1kd.models.firmware.patterns.words import Links

__all__ = ["read_apx", "read_emp", "write_apx", "write_emp1", "write_emp2"]

_EMP1 = re.compile(r"(?:[01]s)?([01])v([0-9a-fA-F]{1,16})")
_EMP2 = re.compile(r"[01]?([01])([01])([01])([01])\s([0-9a-fA-F]{16})")
_FRAME = re.compile(r"\s*Frame\s+(\d+)\s*:?\s*(.*)")
_METADATA = "Metadata: (strobe,) start of orbit, start of packet, end of packet, valid"
_NAME = "l1kd"


def write_emp1(links: Links) -> str:
    """Return a file of EMP boards, version 1."""
    quads = "".join(f"         q{n // 4:02d}c{n % 4}       " for n in links.numbers)
    names = "".join(f"          {n:03d}        " for n in links.numbers)
    lines = [f"Board {_NAME}", f" Quad/Chan :{quads}", f"      Link :{names}"]
    for number, (data, valid) in enumerate(zip(links.data, links.valid, strict=True)):
        words = "".join(f"   {v:d}v{d:016x}" for d, v in zip(data.tolist(), valid, strict=True))
        lines.append(f"Frame {number:04d} :{words}")
    return "\n".join(lines) + "\n"


def write_emp2(links: Links) -> str:
    """Return a file of EMP boards, version 2."""
    names = "".join(f"            {n:03d}        " for n in links.numbers)
    lines = [f"ID: {_NAME}", _METADATA, "", f"      Link  {names}"]
    flags = np.stack([links.orbit, links.start, links.end, links.valid], axis=-1).astype(int)
    for number, (data, flag) in enumerate(zip(links.data.tolist(), flags.tolist(), strict=True)):
        words = "".join(
            f"  {''.join(map(str, f))} {d:016x}" for d, f in zip(data, flag, strict=True)
        )
        lines.append(f"Frame {number:04d}  {words}")
    return "\n".join(lines) + "\n"


def write_apx(links: Links) -> str:
    """Return a file of APx boards, with its sideband."""
    names = "".join(f"                LINK_{n:02d}    " for n in links.numbers)
    lines = ["#Sideband ON", f"#LinkLabel{names}", "#BeginData"]
    side = links.valid + 2 * links.start + 4 * links.orbit + 8 * links.end
    for number, (data, flag) in enumerate(zip(links.data.tolist(), side.tolist(), strict=True)):
        words = "".join(f"    0x{f:02x} 0x{d:016x}" for d, f in zip(data, flag, strict=True))
        lines.append(f"0x{number:04x}{words}")
    return "\n".join(lines) + "\n"


def read_emp(text: str, name: str) -> Links:
    """Read a file of EMP boards, of either version.

    Raises
    ------
    InputError
        A line is not of the format; the message names it.
    """
    lines = _filled(text)
    _, first = next(lines, (0, ""))
    if not first.startswith(("Board", "ID:")):
        raise InputError(f"{name}: expected 'Board' (EMP version 1) or 'ID:' (2) at the beginning")
    second = first.startswith("ID:")
    numbers: tuple[int, ...] | None = None
    data: list[list[int]] = []
    flags: list[list[tuple[bool, ...]]] = []
    for place, line in lines:
        frame = _FRAME.fullmatch(line)
        if frame is None:
            head = re.fullmatch(r"\s*Link\s*:?((?:\s+\d+)+)\s*", line)
            if head is not None:
                numbers = tuple(map(int, head[1].split()))
            continue
        if numbers is None or int(frame[1]) != len(data):
            raise InputError(
                f"{name}, line {place}: expected {'a line of links' if numbers is None else ''}"
                f"{'' if numbers is None else f'frame {len(data)}'} before frame {int(frame[1])}"
            )
        words = _split(frame[2], second)
        if words is None or len(words) != len(numbers):
            raise InputError(
                f"{name}, line {place}: expected {len(numbers)} words of EMP version "
                f"{2 if second else 1}, such as '{'0101' if second else '1v'}"
                f"{' ' if second else ''}{'0' * 16}', found '{frame[2].strip()[:60]}'"
            )
        data.append([word for word, _ in words])
        flags.append([flag for _, flag in words])
    return _links(numbers or (), data, flags, name)


def _split(text: str, second: bool) -> list[tuple[int, tuple[bool, ...]]] | None:
    """Return the words of a frame with orbit, start, end and valid; None for another text."""
    found = []
    if second:
        for match in _EMP2.finditer(text):
            found.append((int(match[5], 16), tuple(match[i] == "1" for i in (1, 2, 3, 4))))
        return found if not _EMP2.sub("", text).strip() else None
    for token in text.split():
        match1 = _EMP1.fullmatch(token)
        if match1 is None:
            return None
        found.append((int(match1[2], 16), (False, False, False, match1[1] == "1")))
    return found


def read_apx(text: str, name: str) -> Links:
    """Read a file of APx boards, with or without a sideband.

    Without a sideband every frame holds data.

    Raises
    ------
    InputError
        A line is not of the format; the message names it.
    """
    numbers: tuple[int, ...] | None = None
    begun, side = False, True
    data: list[list[int]] = []
    flags: list[list[tuple[bool, ...]]] = []
    for place, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if words[0] == "#Sideband":
            side = words[1:] != ["OFF"]
        elif words[0] == "#LinkLabel":
            if not all(re.fullmatch(r"LINK_\d+", word) for word in words[1:]):
                raise InputError(f"{name}, line {place}: expected labels such as LINK_00")
            numbers = tuple(int(word[5:]) for word in words[1:])
        elif words[0] == "#BeginData":
            begun = True
        elif numbers is None or not begun:
            raise InputError(f"{name}, line {place}: expected #LinkLabel and #BeginData first")
        else:
            values = _numbers(words, name, place)
            count = len(numbers) * (2 if side else 1)
            if len(values) != count + 1 or values[0] != len(data):
                raise InputError(
                    f"{name}, line {place}: expected row {len(data):#06x} and {count} words, found "
                    f"row {words[0]} and {len(values) - 1}"
                )
            step = 2 if side else 1
            data.append(values[step::step])
            marks = values[1::2] if side else [1] * len(numbers)
            flags.append([tuple(bool(m >> bit & 1) for bit in (2, 1, 3, 0)) for m in marks])
    return _links(numbers or (), data, flags, name)


def _numbers(words: list[str], name: str, place: int) -> list[int]:
    if not all(re.fullmatch(r"0x[0-9a-fA-F]{1,16}", word) for word in words):
        raise InputError(f"{name}, line {place}: expected hexadecimal numbers such as 0x0000")
    return [int(word, 16) for word in words]


def _filled(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines that are neither empty nor comments, with their numbers."""
    for place, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield place, line


def _links(
    numbers: tuple[int, ...],
    data: list[list[int]],
    flags: list[list[tuple[bool, ...]]],
    name: str,
) -> Links:
    if not data:
        raise InputError(f"{name}: expected frames, found none")
    marks = np.array(flags, np.bool_)
    orbit, start, end, valid = (marks[..., place] for place in range(4))
    return Links(numbers, np.array(data, np.uint64), valid, start, end, orbit)
