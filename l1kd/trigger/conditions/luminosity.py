"""Which luminosity sections count, and how much pile-up each had."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l1kd._documents import content_of
from l1kd.emulators.array_types import Floats, Integers, Mask
from l1kd.errors import ConfigurationError, InputError, UnreadableFileError

__all__ = ["SECTION_SECONDS", "LumiMask", "PileupProfile", "PileupTable"]

SECTION_SECONDS = 2**18 / 11246.0
"""Length of a luminosity section: 2^18 turns of the LHC, 23.31 s."""


def _read(path: Path) -> str:
    try:
        return content_of(path).decode("utf-8-sig")
    except UnreadableFileError:
        raise
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path}: cannot be read: {error}") from error


def _keys(run: ArrayLike, lumi: ArrayLike) -> Integers:
    """One integer for a run and a luminosity section."""
    return np.asarray(run, dtype=np.int64) * (1 << 32) + np.asarray(lumi, dtype=np.int64)


@dataclass(frozen=True)
class LumiMask:
    """Certified luminosity sections: the ranges of a certification JSON.

    Attributes
    ----------
    first, last
        int64[n] keys of the ranges' ends, in ascending order.
    """

    first: Integers
    last: Integers

    @classmethod
    def read(cls, path: str | Path) -> "LumiMask":
        """Read {"run": [[first, last], ...], ...}.

        Raises
        ------
        UnreadableFileError, ConfigurationError
            If the file cannot be read or has another form; the message names the run.
        """
        path = Path(path)
        try:
            content: Any = json.loads(_read(path))
        except json.JSONDecodeError as error:
            raise ConfigurationError(f"{path} is not JSON: {error}") from error
        if not isinstance(content, Mapping):
            raise ConfigurationError(f"{path}: expected runs with their luminosity sections")
        first, last = [], []
        for run, ranges in content.items():
            try:
                number = int(run)
                pairs = [(int(a), int(b)) for a, b in ranges]
            except (TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"{path}, run {run}: expected ranges [[first, last], ...], found {ranges!r}"
                ) from error
            for a, b in pairs:
                if not 0 <= a <= b:
                    raise ConfigurationError(f"{path}, run {run}: range [{a}, {b}] is reversed")
                first.append(int(_keys(number, a)))
                last.append(int(_keys(number, b)))
        order = np.argsort(np.array(first, dtype=np.int64), kind="stable")
        lower = np.array(first, dtype=np.int64)[order]
        # overlapping ranges are as good as one: where one begins, all before it may still be open
        upper = np.maximum.accumulate(np.array(last, dtype=np.int64)[order])
        return cls(lower, upper)

    def __call__(self, run: ArrayLike, lumi: ArrayLike) -> Mask:
        """Whether each section is certified: bool[n]."""
        keys = _keys(run, lumi)
        at = np.searchsorted(self.first, keys, side="right") - 1
        if not self.first.size:
            return np.zeros(keys.shape, dtype=bool)
        return (at >= 0) & (keys <= self.last[np.maximum(at, 0)])


@dataclass(frozen=True)
class PileupTable:
    """Mean pile-up of luminosity sections, from a csv.

    Attributes
    ----------
    keys, pileup
        int64[n] in ascending order, and float64[n].
    path
        Where it was read.
    """

    keys: Integers
    pileup: Floats
    path: str

    @classmethod
    def read(cls, path: str | Path) -> "PileupTable":
        """Read a csv with a header that names run, luminosity section and pile-up.

        `fill,run,lumi section,pile-up` and what brilcalc writes with ``--byls`` (`run:fill`,
        `ls` as `12:12`, `avgpu`) are understood; lines that begin with `#` and hold no header are
        comments. A file without a header has the first form's order.

        Raises
        ------
        UnreadableFileError, ConfigurationError
            If the file cannot be read, lacks a column, or a cell is no number.
        """
        path = Path(path)
        places: tuple[int, int, int] | None = None
        keys, pileup = [], []
        for i, line in enumerate(csv.reader(_read(path).splitlines()), 1):
            cells = [cell.strip() for cell in line]
            if not any(cells):
                continue
            found = _places(cells)
            if found is not None:
                places = found
                continue
            if cells[0].startswith("#"):
                continue
            run, lumi, mu = places or (1, 2, 3)
            try:
                section = int(cells[lumi].split(":")[0])
                keys.append(int(_keys(int(cells[run].split(":")[0]), section)))
                pileup.append(float(cells[mu]))
            except (IndexError, ValueError) as error:
                raise ConfigurationError(
                    f"{path}, line {i}: expected run, luminosity section and pile-up, found "
                    f"{','.join(cells)[:80]!r}"
                ) from error
        if not keys:
            raise ConfigurationError(f"{path}: no luminosity sections")
        order = np.argsort(np.array(keys, dtype=np.int64), kind="stable")
        ordered = np.array(keys, dtype=np.int64)[order]
        if np.any(ordered[1:] == ordered[:-1]):
            raise ConfigurationError(f"{path}: a luminosity section occurs twice")
        return cls(ordered, np.array(pileup)[order], str(path))

    def of(self, run: ArrayLike, lumi: ArrayLike) -> Floats:
        """Mean pile-up of each event's section: float64[n].

        Raises
        ------
        InputError
            If a section is not in the table.
        """
        keys = _keys(run, lumi)
        at = np.minimum(np.searchsorted(self.keys, keys), self.keys.size - 1)
        missing = self.keys[at] != keys
        if missing.any():
            first = int(np.asarray(keys)[missing][0])
            raise InputError(
                f"{self.path}: no pile-up for run {first >> 32}, luminosity section "
                f"{first & 0xFFFFFFFF} ({int(missing.sum())} events); add it, or leave the section "
                "out with a luminosity mask"
            )
        return self.pileup[at]


def _places(cells: list[str]) -> tuple[int, int, int] | None:
    """Positions of run, luminosity section and pile-up in a header; None if it is none."""
    names = [c.lower().lstrip("#").replace("-", "").replace("_", "").strip() for c in cells]
    run = [i for i, n in enumerate(names) if n in {"run", "run:fill"}]
    lumi = [i for i, n in enumerate(names) if n in {"ls", "lumi", "lumisection", "lumi section"}]
    mu = [i for i, n in enumerate(names) if n in {"pileup", "pu", "avgpu", "mu"}]
    return (run[0], lumi[0], mu[0]) if run and lumi and mu else None


@dataclass(frozen=True)
class PileupProfile:
    """Shares of the crossings in bins of pile-up.

    Attributes
    ----------
    edges, shares
        float64[n + 1], ascending, and float64[n], not negative, with sum one.
    """

    edges: Floats
    shares: Floats

    @classmethod
    def read(cls, path: str | Path) -> "PileupProfile":
        """Read a csv of lower edge, upper edge and weight, one bin a line, a header allowed.

        Raises
        ------
        UnreadableFileError, ConfigurationError
            If the file cannot be read, the bins do not join, or the weights are no profile.
        """
        path = Path(path)
        rows: list[tuple[float, float, float]] = []
        for i, cells in enumerate(csv.reader(_read(path).splitlines()), 1):
            if not any(cells) or cells[0].lstrip().startswith("#"):
                continue
            try:
                low, high, weight = (float(cell) for cell in cells)
            except ValueError as error:
                if not rows and i == 1:
                    continue
                raise ConfigurationError(
                    f"{path}, line {i}: expected 'low,high,weight', found {','.join(cells)[:80]!r}"
                ) from error
            rows.append((low, high, weight))
        if not rows:
            raise ConfigurationError(f"{path}: no bins of pile-up")
        for before, after in pairwise(rows):
            if before[1] != after[0]:
                raise ConfigurationError(
                    f"{path}: the bin from {after[0]:g} does not begin where the one before ends"
                )
        return cls.of([rows[0][0], *(r[1] for r in rows)], [r[2] for r in rows], str(path))

    @classmethod
    def of(cls, edges: ArrayLike, weights: ArrayLike, path: str = "profile") -> "PileupProfile":
        """Make a profile from edges, float[n + 1], and weights, float[n], of any sum."""
        e, w = np.asarray(edges, dtype=np.float64), np.asarray(weights, dtype=np.float64)
        if e.size != w.size + 1 or not np.all(np.diff(e) > 0.0):
            raise ConfigurationError(f"{path}: {e.size} edges of {w.size} bins must ascend")
        if not (np.all(np.isfinite(w)) and np.all(w >= 0.0) and w.sum() > 0.0):
            raise ConfigurationError(f"{path}: weights must not be negative, and not all zero")
        return cls(e, w / w.sum())

    def bins(self, pileup: ArrayLike) -> Integers:
        """Bin of each event, int64[n]; -1 below the first edge, n_bins from the last one on."""
        at = np.searchsorted(self.edges, np.asarray(pileup, dtype=np.float64), side="right") - 1
        return at.astype(np.int64)
