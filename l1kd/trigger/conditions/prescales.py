"""Prescale tables and masks as Run 3 keeps them: csv for people, XML for the hardware.

In the csv a row is a seed and a column a set of prescales that an operator chooses; 0 switches a
seed off, 1 keeps every event, and since 2022 a prescale may have two decimals. In the XML rows are
named by the seed's bit or, in newer files, by its name. A seed without a row is off, as the
trigger's own software has it.
"""

import csv
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import ArrayLike

from l1kd._documents import content_of
from l1kd.emulators.array_types import Mask
from l1kd.errors import ConfigurationError, InputError, UnreadableFileError

__all__ = ["PrescaleTable", "count_prescales", "read_mask"]


@dataclass(frozen=True)
class PrescaleTable:
    """Prescales of every seed in several columns.

    Attributes
    ----------
    columns
        Names in the table's order.
    rows
        {seed: prescales, one a column}; the key is the seed's name or its bit in the menu.
    default
        Column that the XML names as the one in use, or None.
    path
        Where it was read.
    """

    columns: tuple[str, ...]
    rows: Mapping[str | int, tuple[float, ...]]
    default: str | None = None
    path: str = field(default="", compare=False)

    @classmethod
    def read(cls, path: str | Path) -> "PrescaleTable":
        """Read a table, by the file's ending: .csv or .xml.

        Raises
        ------
        UnreadableFileError
            If the file is missing or no text.
        ConfigurationError
            If it is no prescale table; the message names the line or the element.
        """
        path = Path(path)
        if path.suffix == ".xml":
            return _from_xml(path)
        if path.suffix == ".csv":
            return _from_csv(path)
        raise ConfigurationError(f"{path}: a prescale table ends in .csv or .xml")

    @classmethod
    def of_menu(cls, columns: Mapping[str, Mapping[str, float]], where: str) -> "PrescaleTable":
        """Make the table of the columns that a menu writes, {column: {seed: prescale}}."""
        seeds = dict.fromkeys(seed for own in columns.values() for seed in own)
        rows: dict[str | int, tuple[float, ...]] = {
            seed: tuple(own[seed] for own in columns.values()) for seed in seeds
        }
        return cls(tuple(columns), rows, None, where)

    def column(
        self, name: str | None, indices: Mapping[str, int]
    ) -> tuple[str, dict[str, float], list[str]]:
        """Prescales of the seeds of a menu.

        Parameters
        ----------
        name
            Column; None for the default one, or the only one.
        indices
            {seed: its bit} of the menu.

        Returns
        -------
        name of the column, {seed: prescale} of all seeds of the menu and all others of the table
        that has names, and the seeds of the menu that the table lacks, which are off.

        Raises
        ------
        ConfigurationError
            If there is no such column, or none is named and there are several.
        """
        if name is None:
            name = self.default or (self.columns[0] if len(self.columns) == 1 else None)
        if name is None:
            raise ConfigurationError(
                f"{self.path}: name one of the columns: {', '.join(self.columns)}"
            )
        if name not in self.columns:
            near = difflib.get_close_matches(name, self.columns, 1, 0.0)
            raise ConfigurationError(
                f"{self.path}: no column {name!r}, did you mean {near[0]!r}? There are: "
                f"{', '.join(self.columns)}"
            )
        at = self.columns.index(name)
        by_key = {key: values[at] for key, values in self.rows.items()}
        found = {str(key): value for key, value in by_key.items() if isinstance(key, str)}
        absent = []
        for seed, index in indices.items():
            value = by_key.get(seed, by_key.get(index))
            if value is None:
                absent.append(seed)
            found[seed] = value or 0.0
        return name, found, absent


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigurationError(f"{where}: prescale {text!r} is not a number") from None
    if not (value == 0.0 or 1.0 <= value < np.inf):
        raise ConfigurationError(f"{where}: prescale {text}, expected 0 (off) or 1 and more")
    return value


def _text(path: Path) -> str:
    try:
        return content_of(path).decode("utf-8-sig")
    except UnreadableFileError:
        raise
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path}: cannot be read: {error}") from error


def _from_csv(path: Path) -> PrescaleTable:
    lines = csv.reader(_text(path).splitlines())
    header: list[str] | None = None
    rows: dict[str | int, tuple[float, ...]] = {}
    for line in lines:
        cells = [cell.strip() for cell in line]
        if not any(cells):
            continue
        where = f"{path}, line {lines.line_num}"
        if header is None:
            if [c.lower() for c in cells[:2]] != ["index", "name"] or len(cells) < 3:
                raise ConfigurationError(
                    f"{where}: expected a header 'Index,Name,<column>,...', found {line}"
                )
            header = cells
            if len(set(header)) != len(header):
                raise ConfigurationError(f"{where}: two columns have one name")
            continue
        if len(cells) != len(header):
            raise ConfigurationError(f"{where}: {len(cells)} cells, the header has {len(header)}")
        if not cells[1]:
            continue
        if cells[1] in rows:
            raise ConfigurationError(f"{where}: seed {cells[1]} for the second time")
        rows[cells[1]] = tuple(_number(cell, f"{where} ({cells[1]})") for cell in cells[2:])
    if header is None or not rows:
        raise ConfigurationError(f"{path}: an empty prescale table")
    return PrescaleTable(tuple(header[2:]), rows, None, str(path))


def _table(path: Path, name: str) -> tuple[list[str], list[list[str]], dict[str, str]]:
    """Columns and rows of a table of the run settings, and the plain parameters beside it."""
    try:
        root = ElementTree.fromstring(_text(path))
    except ElementTree.ParseError as error:
        raise ConfigurationError(f"{path} is not XML: {error}") from error
    if root.tag != "run-settings":
        raise ConfigurationError(f"{path}: expected the root <run-settings>, found <{root.tag}>")
    plain = {
        str(p.get("id")): (p.text or "").strip()
        for p in root.iter("param")
        if p.get("type") != "table"
    }
    for param in root.iter("param"):
        if param.get("id") == name and param.get("type") == "table":
            columns = [c.strip() for c in (param.findtext("columns") or "").split(",")]
            rows = [[c.strip() for c in (r.text or "").split(",")] for r in param.iter("row")]
            for i, row in enumerate(rows):
                if len(row) != len(columns):
                    raise ConfigurationError(
                        f"{path}: row {i} of {name!r} has {len(row)} cells for {len(columns)} "
                        f"columns: {','.join(row)[:80]}"
                    )
            return columns, rows, plain
    raise ConfigurationError(f"{path}: no table {name!r} in the run settings")


def _key(cell: str) -> str | int:
    return int(cell) if cell.isdecimal() else cell


def _from_xml(path: Path) -> PrescaleTable:
    columns, cells, plain = _table(path, "prescales")
    rows: dict[str | int, tuple[float, ...]] = {}
    for row in cells:
        if _key(row[0]) in rows:
            raise ConfigurationError(f"{path}: seed {row[0]} for the second time")
        rows[_key(row[0])] = tuple(_number(c, f"{path}, seed {row[0]}") for c in row[1:])
    default = plain.get("index")
    if default not in columns[1:]:
        default = None
    return PrescaleTable(tuple(columns[1:]), rows, default, str(path))


def read_mask(path: str | Path, indices: Mapping[str, int]) -> list[str]:
    """Seeds of a menu that a mask of the final OR (XML) takes out: those with a 0.

    Raises
    ------
    ConfigurationError
        If the file holds no table `finorMask`, or a value that is neither 0 nor 1.
    """
    path = Path(path)
    _, cells, _ = _table(path, "finorMask")
    masks: dict[str | int, bool] = {}
    for row in cells:
        if row[1] not in {"0", "1"}:
            raise ConfigurationError(f"{path}: mask {row[1]!r} of seed {row[0]}, expected 0 or 1")
        masks[_key(row[0])] = row[1] == "1"
    return [s for s, i in indices.items() if not masks.get(s, masks.get(i, True))]


def count_prescales(
    fired: ArrayLike, prescales: Sequence[float], weights: ArrayLike | None = None
) -> Mask:
    """Decide event by event with the counters of L1MenuTools.

    Each seed has a counter. An event that fires it adds 100 (times its weight), and when the
    counter has reached 100 times the prescale, rounded, the event is accepted and as much is taken
    off. The outcome depends on the order of the events, so that partial results do not merge to
    what one pass gives; rates are better taken from the expectation (`l1kd.trigger.rates.tables`).

    Parameters
    ----------
    fired
        bool[n_events, n_seeds], in order.
    prescales
        One a seed, 0 for off.
    weights
        float[n_events]; one by default.

    Returns
    -------
    bool[n_events, n_seeds], the final decisions.
    """
    decisions = np.asarray(fired, dtype=bool)
    n = decisions.shape[0]
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    if decisions.shape[1] != len(prescales) or w.shape != (n,):
        raise InputError(
            f"{decisions.shape} decisions with {len(prescales)} prescales and {w.shape} weights"
        )
    result = np.zeros_like(decisions)
    for seed, prescale in enumerate(prescales):
        if prescale == 0.0:
            continue
        full, counter = float(round(100.0 * prescale)), 0.0
        for event in np.flatnonzero(decisions[:, seed]):
            counter += 100.0 * w[event]
            if counter >= full:
                counter -= full
                result[event, seed] = True
    return result
