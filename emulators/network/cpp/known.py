"""The library functions that are known, by their fingerprints; see `library` and `releases`.

The table lies in `known.txt`, a function a line: fingerprint, name, and where a function of this
text is found: releases of hls4ml (Vivado and Vitis), or, where no release has it, networks that the
group cms-hls4ml publishes. Functions are missing there that compute otherwise than those of 1.3 and
are not reproduced: old recurrent layers, hard sigmoid, pools of streams, merged quantized
activations, and convolutions of hls4ml before 0.7.

`python -m l1kd.emulators.network.cpp.releases` says what a new release brings, and writes its rows.
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

__all__ = ["KNOWN", "RELEASES", "TABLE", "Row", "rows"]

RELEASES = (
    "0.5.0",
    "0.6.0",
    "0.7.0",
    "0.7.1",
    "0.8.0",
    "0.8.1",
    "1.0.0",
    "1.1.0",
    "1.2.0",
    "1.3.0",
)
"""Releases of hls4ml in their order."""
TABLE = files(__package__) / "known.txt"
"""Where the table lies."""


class Row(NamedTuple):
    """A known function: its fingerprint, its name, and where it is found."""

    fingerprint: str
    function: str
    origins: tuple[str, ...]


def rows() -> list[Row]:
    """Return the rows of the table."""
    parts = (line.split() for line in TABLE.read_text(encoding="utf-8").splitlines())
    return [Row(part[0], part[1], tuple(_origins(part[2:]))) for part in parts]


def _origins(words: list[str]) -> Iterator[str]:
    """Yield every release of the runs from one to another."""
    for word in words:
        first, _, last = word.partition("-")
        if last:
            yield from RELEASES[RELEASES.index(first) : RELEASES.index(last) + 1]
        else:
            yield word


KNOWN = frozenset(row.fingerprint for row in rows())
"""Hashes of names and texts."""
