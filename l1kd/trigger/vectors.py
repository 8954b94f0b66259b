"""Test vectors of the Global Trigger: hardware words in, stored decisions beside them.

One line a crossing, columns of hexadecimal digits: number of the crossing, 8 muons, 12 EG, 12 taus
(2016: 8), 12 jets, 12 sums (2016: 4), external bits, algorithm bits, final OR.
"""

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from l1kd._documents import content_of
from l1kd.emulators.global_trigger.words import SHOWER_BITS, SUM_WORDS, Bits, extract, unpack
from l1kd.errors import InputError, UnreadableFileError
from l1kd.trigger.hardware import HardwareEvents

__all__ = ["StoredBits", "read_vector"]

_LAYOUTS: Final = {60: (12, 12), 48: (8, 4)}
"""Taus and sums of a line with so many columns."""
_DIGITS: Final = {"MU": 16, "EG": 8, "TAU": 8, "JET": 8, "SUM": 8, "EXT": 64, "ALGO": 128}
_SHOWER: Final = Bits(61, 1)
_ZDC: Final = {"ZDCM": 7, "ZDCP": 8}
"""Words among the sums that hold the zero-degree calorimeters: frames 1 and 2 of their link."""


@dataclass(frozen=True)
class StoredBits:
    """Decisions stored in a test vector, by position.

    Attributes
    ----------
    words
        uint64 of shape (events, 8), bit k in word k // 64.
    final_or
        Bool of shape (events,).
    crossings
        Number of every line's crossing.
    """

    words: NDArray[np.uint64]
    final_or: NDArray[np.bool_]
    crossings: NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.words)

    def bit(self, index: int) -> NDArray[np.bool_]:
        """Return one algorithm bit of all events, bool of shape (events,)."""
        if not 0 <= index < 512:
            raise InputError(f"algorithm bits are 0 to 511, not {index}")
        word, shift = divmod(index, 64)
        return (self.words[:, word] >> np.uint64(shift) & np.uint64(1)).astype(np.bool_)


def read_vector(path: str | PathLike[str]) -> tuple[HardwareEvents, StoredBits]:
    """Read a test vector.

    Parameters
    ----------
    path
        Text file, or the same with `.gz`.

    Returns
    -------
    tuple of HardwareEvents and StoredBits
        Objects, ready for `Menu.evaluate`, and the decisions that the file holds.

    Raises
    ------
    InputError
        A line has the wrong number of columns or digits; the message names it.
    UnreadableFileError
        The file is missing or truncated.
    """
    file = Path(path)
    try:
        text = content_of(file).decode("ascii").splitlines()
    except UnreadableFileError:
        raise
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{file}: cannot be read ({error})") from error
    lines = [(number, line.split()) for number, line in enumerate(text, 1) if line.strip()]
    if not lines:
        raise InputError(f"{file}: no crossings")
    columns = len(lines[0][1])
    if columns not in _LAYOUTS:
        raise InputError(
            f"{file}, line {lines[0][0]}: {columns} columns; a test vector has "
            f"{' or '.join(map(str, _LAYOUTS))}"
        )
    return _decode(_words(lines, columns, str(file)), columns)


def _sections(columns: int) -> dict[str, slice]:
    """Return which columns of a line hold what."""
    taus, sums = _LAYOUTS[columns]
    sections, at = {}, 1
    counts = {"MU": 8, "EG": 12, "TAU": taus, "JET": 12, "SUM": sums, "EXT": 1, "ALGO": 1}
    for name, count in counts.items():
        sections[name] = slice(at, at + count)
        at += count
    return sections


def _words(
    lines: list[tuple[int, list[str]]], columns: int, source: str
) -> dict[str, NDArray[np.uint64]]:
    """Return the words of every section, uint64 of shape (events, words), and the two ends."""
    sections = _sections(columns)
    found: dict[str, list[list[int]]] = {name: [] for name in (*sections, "BX", "OR")}
    for number, line in lines:
        if len(line) != columns:
            raise InputError(
                f"{source}, line {number}: {len(line)} columns, the first line has {columns}"
            )
        try:
            found["BX"].append([int(line[0])])
            found["OR"].append([int(line[-1])])
            for name, section in sections.items():
                words = line[section]
                if any(len(word) != _DIGITS[name] for word in words):
                    raise ValueError(f"{name} needs {_DIGITS[name]} digits a word")
                found[name].append(_split(words, _DIGITS[name]))
        except ValueError as error:
            raise InputError(f"{source}, line {number}: {error}") from error
    return {name: np.array(values, np.uint64) for name, values in found.items()}


def _split(words: list[str], digits: int) -> list[int]:
    """Return words as numbers of at most 64 bits, the lowest first."""
    if digits <= 16:
        return [int(word, 16) for word in words]
    (word,) = words
    return [int(word[at : at + 16], 16) for at in range(digits - 16, -1, -16)]


def _decode(
    words: dict[str, NDArray[np.uint64]], columns: int
) -> tuple[HardwareEvents, StoredBits]:
    """Return objects and decisions."""
    lists = {name: unpack(name, words[name]) for name in ("MU", "EG", "TAU", "JET")}
    for name in ("TAU",):
        missing = 12 - words[name].shape[1]
        lists[name] = {
            key: np.pad(values, ((0, 0), (0, missing))) for key, values in lists[name].items()
        }
    for name, muon in SHOWER_BITS.items():
        lists[name] = {"flag": extract(words["MU"][:, muon : muon + 1], _SHOWER)}
    sums = words["SUM"]
    for k, fields in enumerate(SUM_WORDS[: sums.shape[1]]):
        for (name, field), bits in fields.items():
            lists.setdefault(name, {})[field] = extract(sums[:, k : k + 1], bits)
    if sums.shape[1] > max(_ZDC.values()) and sums[:, 6:].any():
        for name, k in _ZDC.items():
            lists[name] = {"count": extract(sums[:, k : k + 1], Bits(0, 10))}
    stored = StoredBits(
        words["ALGO"], words["OR"][:, 0].astype(np.bool_), words["BX"][:, 0].astype(np.int64)
    )
    return HardwareEvents(lists, words["EXT"]), stored
