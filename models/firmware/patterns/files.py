"""Every kind of file with test vectors, by its name: read, written, and told apart."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from l1kd._documents import read_array
from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.errors import ConfigurationError, InputError, OutputError, UnreadableFileError
from l1kd.models.firmware.patterns import links, memories, waveforms
from l1kd.models.firmware.patterns.words import (
    Layout,
    frames_of,
    lines_of,
    rows_of_frames,
    rows_of_lines,
)
from l1kd.models.firmware.vectors.vectors import cast_rows, rows_of

__all__ = [
    "SUFFIXES",
    "WRITTEN",
    "as_raw",
    "is_recorded",
    "kind_of",
    "read",
    "write",
    "write_values",
]

SUFFIXES = {
    ".npy": "npy",
    ".csv": "csv",
    ".hex": "hex",
    ".mem": "hex",
    ".coe": "coe",
    ".vcd": "vcd",
    ".txt": "emp",
}
"""Kinds by suffix; a text file is EMP's or APx's by what it begins with."""
WRITTEN = {"npy": "npy", "csv": "csv", "hex": "hex", "coe": "coe"} | dict.fromkeys(
    ("emp", "emp1", "apx"), "txt"
)
"""Kinds that are written, with their suffix; a VCD comes of a simulation."""
_MAX_BYTES = 1 << 30


def is_recorded(path: str | Path) -> bool:
    """Tell whether a file holds rows, and not a network."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES or path.suffix == ".root"


def kind_of(path: str | Path, given: str | None = None) -> str:
    """Return the kind of a file that is to be read.

    Raises
    ------
    ConfigurationError
        Its name does not tell.
    """
    path = Path(path)
    kind = given or SUFFIXES.get(path.suffix.lower())
    if kind is None:
        known = ", ".join(SUFFIXES)
        raise ConfigurationError(f"{path}: expected a file of vectors ({known})")
    return kind


def read(
    path: str | Path,
    formats: Sequence[FixedPoint],
    layout: Layout,
    kind: str | None = None,
    signal: str = "data_in",
    skip: int = 0,
) -> AnyArray:
    """Read rows of elements.

    Parameters
    ----------
    formats : sequence of FixedPoint
        Of the elements.
    signal : str
        What is read of a VCD.
    skip : int
        Cycles of a VCD before the first row.

    Returns
    -------
    array, shape (n, elements)
        Integers are raw; numbers in floating point, of ``.npy`` and ``.csv`` alone, are values.

    Raises
    ------
    UnreadableFileError
        There is no such file, or it is no text.
    InputError
        It does not hold such rows.
    """
    path = Path(path)
    kind, name = kind_of(path, kind), str(path)
    if not path.is_file():
        raise UnreadableFileError(f"{path}: expected a file of vectors, found none")
    if kind == "npy":
        return _shaped(_numpy(path), len(formats), name)
    text = _text(path)
    if kind == "csv":
        return _shaped(_table(text, name), len(formats), name)
    if kind in ("hex", "coe"):
        lines = (memories.read_hex if kind == "hex" else memories.read_coe)(text, name)
        return rows_of_lines(lines, formats, layout, name)
    if kind == "vcd":
        cycles = waveforms.read_vcd(text, signal, "clk", name, skip)
        return rows_of_lines(cycles, formats, Layout(), name)
    apx = kind == "apx" or text.lstrip().startswith(("#Sideband", "#LinkLabel"))
    frames = (links.read_apx if apx else links.read_emp)(text, name)
    return rows_of_frames(frames, formats, layout, name)


def as_raw(rows: AnyArray, formats: Sequence[FixedPoint], name: str) -> Integers:
    """Return raw integers of what was read; values are cast as ``ap_fixed`` does."""
    if rows.dtype.kind == "f":
        return cast_rows(rows, formats, name)
    return rows.astype(np.int64)


def write(
    path: str | Path,
    raw: npt.NDArray[np.signedinteger],
    formats: Sequence[FixedPoint],
    layout: Layout,
    kind: str,
    depth: int | None = None,
) -> list[Path]:
    """Write raw elements.

    Parameters
    ----------
    kind : str
        One of `WRITTEN`; ``emp`` is version 2, ``emp1`` version 1.
    depth : int, optional
        Most frames a file of links may have, whole events in each: a file for each such part.

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    ConfigurationError
        There is no such kind, or not one event fits.
    OutputError
        It cannot be written.
    """
    path = Path(path)
    name = str(path)
    bits = sum(form.width for form in layout.fields(formats, name))
    if kind not in WRITTEN:
        raise ConfigurationError(f"'{kind}' is not written: expected {', '.join(WRITTEN)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "npy":
            np.save(path, np.asarray(raw, np.int64))
        elif kind == "csv":
            _write_table(path, raw)
        elif kind in ("hex", "coe"):
            lines = lines_of(raw, formats, layout, name)
            text = (memories.write_hex if kind == "hex" else memories.write_coe)(lines, bits)
            path.write_text(text, encoding="utf-8")
        else:
            return _write_links(path, raw, formats, layout, kind, depth)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}") from error
    return [path]


def write_values(path: Path, values: Floats) -> None:
    """Write numbers in floating point as ``.csv``, shape (n, elements), exactly.

    Raises
    ------
    OutputError
        It cannot be written.
    """
    try:
        _write_table(path, values)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error}") from error


def _write_table(path: Path, rows: AnyArray) -> None:
    # the shortest text of a float64 has a point or an exponent, and is read as the same number
    names = ",".join(f"element_{number}" for number in range(rows.shape[1]))
    lines = (",".join(map(repr, row)) for row in rows.tolist())
    path.write_text("\n".join([names, *lines, ""]), encoding="utf-8")


def _write_links(
    path: Path,
    raw: npt.NDArray[np.signedinteger],
    formats: Sequence[FixedPoint],
    layout: Layout,
    kind: str,
    depth: int | None,
) -> list[Path]:
    writer = {"emp": links.write_emp2, "emp1": links.write_emp1, "apx": links.write_apx}[kind]
    one = len(frames_of(raw[:1], formats, layout, str(path)).data) - layout.lead
    events = len(raw) if depth is None else (depth - layout.lead) // one
    if events < 1 and len(raw):
        raise ConfigurationError(
            f"{path}: an event takes {one} frames after {layout.lead} without data; files of "
            f"{depth} frames hold none"
        )
    parts = [raw[start : start + events] for start in range(0, len(raw), max(events, 1))]
    paths = []
    for number, part in enumerate(parts):
        target = path if len(parts) == 1 else path.with_stem(f"{path.stem}_{number}")
        text = writer(frames_of(part, formats, layout, str(path)))
        target.write_text(text, encoding="utf-8")
        paths.append(target)
    return paths


def _text(path: Path) -> str:
    if path.stat().st_size > _MAX_BYTES:
        raise InputError(f"{path} is larger than {_MAX_BYTES} bytes")
    try:
        return path.read_text(encoding="utf-8-sig")  # editors put a mark in front
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(f"{path}: expected text: {error}") from error


def _numpy(path: Path) -> AnyArray:
    try:
        return read_array(path)
    except (OSError, ValueError) as error:
        raise UnreadableFileError(f"{path}: expected a NumPy array: {error}") from error


def _table(text: str, name: str) -> AnyArray:
    """Read a csv with or without a line of names; integers unless any number has a point."""
    rows = [row for row in csv.reader(text.splitlines()) if row]
    if rows and not _is_number(rows[0][0]):
        rows = rows[1:]
    if len({len(row) for row in rows}) > 1:
        raise InputError(f"{name}: rows differ in their number of columns")
    try:
        try:
            return np.array([[int(cell) for cell in row] for row in rows], np.int64)
        except ValueError:
            return np.array([[float(cell) for cell in row] for row in rows], np.float64)
    except (ValueError, OverflowError) as error:
        raise InputError(f"{name}: expected numbers: {error}") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _shaped(rows: AnyArray, count: int, name: str) -> AnyArray:
    if rows.ndim > 1:
        rows = rows_of(rows)
    elif rows.ndim == 1 and count == 1:
        rows = rows[:, None]
    if rows.ndim != 2 or rows.shape[1] != count or rows.dtype.kind not in "iuf":
        raise InputError(
            f"{name}: expected numbers of shape (n, {count}), found {rows.dtype} of shape "
            f"{rows.shape}"
        )
    return rows
