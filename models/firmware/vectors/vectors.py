"""Input vectors of a proof: real events, edges of the number formats, and random numbers.

Edges: every input at its lowest, its highest, zero, and one step either side of zero, alone and
together, then random mixtures of these. Random numbers are uniform over the format in a third of
their rows, of random magnitude in another, and mostly zero in the last, because rows of large
numbers alone would only ever saturate a network.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from l1kd._documents import read_array
from l1kd.emulators.array_types import Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Lookup
from l1kd.errors import FirmwareError, InputError
from l1kd.models.firmware.stream import RegionStream

__all__ = [
    "DEFAULT_VECTORS",
    "Emulator",
    "Vectors",
    "cast_rows",
    "element_formats",
    "emulate",
    "limits",
    "load_rows",
    "make",
    "name_of",
    "narrow",
    "rows_of",
    "split",
]

_Kind = TypeVar("_Kind", bound=np.generic)
Emulator = Network | LogicNetwork | RegionStream
DEFAULT_VECTORS = 131_072
_EDGE_SHARE = 8
"""At most one vector in this many is an edge."""


@dataclass(frozen=True, eq=False)
class Vectors:
    """Raw inputs of a network.

    Attributes
    ----------
    raw : integer array, shape (n, elements of all inputs)
    counts : dict
        How many rows are ``real``, ``edge`` and ``random``; they lie in this order.
    """

    raw: npt.NDArray[np.signedinteger]
    counts: dict[str, int]

    def kind(self, row: int) -> str:
        """Return of which kind a row is."""
        for name, count in self.counts.items():
            if row < count:
                return name
            row -= count
        return "unknown"


def name_of(network: Emulator) -> str:
    """Return the name of a network."""
    return network.graph.name if isinstance(network, Network) else network.name


def element_formats(network: Emulator, which: str = "inputs") -> list[FixedPoint]:
    """Return the format of every element of all inputs or outputs, side by side."""
    tensors = network.inputs if which == "inputs" else network.outputs
    return [tensor.format for tensor in tensors for _ in range(tensor.size)]


def narrow(raw: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.signedinteger]:
    """Store integers in the narrowest signed type that holds them all, little-endian."""
    low, high = (int(raw.min()), int(raw.max())) if raw.size else (0, 0)
    for kind in ("<i1", "<i2", "<i4"):
        limits = np.iinfo(np.dtype(kind))
        if limits.min <= low and high <= limits.max:
            return raw.astype(kind)
    return raw.astype("<i8")


def make(network: Emulator, count: int, seed: int, real: Integers | None = None) -> Vectors:
    """Make the vectors of a proof; the same arguments give the same vectors.

    Parameters
    ----------
    count : int
        Number of vectors, at least one.
    seed : int
        Seed of the random ones.
    real : int64 array, shape (n, elements), optional
        Raw inputs from events; the first half of `count` of them is used.

    Raises
    ------
    InputError
        The real inputs do not fit the network.
    """
    formats = element_formats(network)
    low, high = limits(network)
    parts = []
    counts = {"real": 0, "edge": 0, "random": 0}
    if real is not None:
        rows = np.asarray(real, np.int64).reshape(len(real), -1)[: count // 2]
        if rows.shape[1] != len(formats) or (rows < low).any() or (rows > high).any():
            raise InputError(
                f"real inputs of shape {rows.shape} do not fit network '{name_of(network)}' "
                f"with {len(formats)} input elements, or leave their formats"
            )
        parts.append(rows)
        counts["real"] = len(rows)
    rng = np.random.default_rng(seed)
    share = max((count - counts["real"]) // _EDGE_SHARE, 1)
    parts.append(_edges(low, high, share, rng)[: count - counts["real"]])
    counts["edge"] = len(parts[-1])
    counts["random"] = count - counts["real"] - counts["edge"]
    parts.append(_random(low, high, counts["random"], rng))
    rows = np.concatenate(parts)
    if isinstance(network, RegionStream):
        rows = network.arranged(rows)
        counts["random"] += len(rows) - sum(counts.values())
    return Vectors(narrow(rows), counts)


def limits(network: Emulator) -> tuple[Integers, Integers]:
    """Return the lowest and highest raw value that vectors have of every input element.

    An index beyond an embedding's table is undefined in C++: none is drawn.
    """
    formats = element_formats(network)
    low = np.array([form.minimum for form in formats], np.int64)
    high = np.array([form.maximum for form in formats], np.int64)
    if not isinstance(network, Network):
        return low, high
    ends = np.cumsum([tensor.size for tensor in network.inputs])
    places = {t.name: slice(end - t.size, end) for t, end in zip(network.inputs, ends, strict=True)}
    for layer in network.graph.layers:
        (first, *_) = layer.operations
        if layer.kind == "embedding" and isinstance(first, Lookup) and first.source in places:
            place, columns = places[first.source], first.table.shape[1]
            fraction = network.graph.tensors[first.source].format.fraction
            entries = len(first.table) // columns - 1
            low[place] = np.maximum(low[place], 0)
            high[place] = np.minimum(high[place], (entries << max(fraction, 0)) - 1)
    return low, high


def _edges(low: Integers, high: Integers, count: int, rng: np.random.Generator) -> Integers:
    """Return every edge for all inputs together, then for single ones, then mixtures."""
    size = low.size
    levels = np.stack([low, high, 0 * low, np.maximum(low, -1), np.minimum(high, 1)])
    together = levels.copy()
    ground = rng.integers(0, 2, 5 * size)[:, None] * high[None]
    alone = ground.copy()
    for level in range(5):
        for element in range(size):
            alone[level * size + element, element] = levels[level, element]
    order = rng.permutation(len(alone))
    room = max(count - len(together), 0)
    single = alone[order][: (room + 1) // 2] if len(alone) > room // 2 else alone
    mixed = max(room - len(single), 0)
    chosen = rng.integers(0, 5, (mixed, size))
    mixture = levels[chosen, np.arange(size)]
    return np.concatenate([together, single, mixture])[:count]


def _random(low: Integers, high: Integers, count: int, rng: np.random.Generator) -> Integers:
    size = low.size
    values = rng.integers(low, high, (count, size), endpoint=True)
    kind = rng.integers(0, 3, count)
    bits = int(max(high.max(), 1)).bit_length()
    shift = rng.integers(0, bits + 1, count)[:, None]
    smaller = values >> shift
    present = rng.random((count, size)) < rng.random(count)[:, None] ** 2
    values = np.where((kind == 1)[:, None], smaller, values)
    return np.where((kind == 2)[:, None], np.where(present, values, 0), values)


def load_rows(path: str | Path, network: Emulator) -> Integers:
    """Read raw or real-valued inputs of a network from a NumPy file.

    Parameters
    ----------
    path : pathlib.Path
        ``.npy``, shape (n, elements): raw integers, or numbers that are cast to the input formats.

    Raises
    ------
    InputError
        The file is no such array, or does not fit the network.
    """
    formats = element_formats(network)
    try:
        rows = read_array(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a NumPy array of input rows: {error}") from error
    rows = rows_of(rows) if rows.ndim > 1 else rows
    if rows.ndim != 2 or rows.shape[1] != len(formats) or rows.dtype.kind not in "iuf":
        raise InputError(
            f"{path}: expected numbers of shape (n, {len(formats)}), found {rows.dtype} of shape "
            f"{rows.shape}"
        )
    if rows.dtype.kind != "f":
        return rows.astype(np.int64)
    return cast_rows(rows, formats, str(path))


def cast_rows(rows: npt.NDArray[np.floating], formats: Sequence[FixedPoint], name: str) -> Integers:
    """Cast numbers, one format for every column.

    Raises
    ------
    InputError
        A number is NaN or infinite.
    """
    raw = np.empty(rows.shape, np.int64)
    try:
        for form in set(formats):
            columns = [number for number, other in enumerate(formats) if other == form]
            raw[:, columns] = form.from_float(rows[:, columns])
    except ValueError as error:
        raise InputError(f"{name}: {error}") from error
    return raw


def rows_of(values: npt.NDArray[_Kind]) -> npt.NDArray[_Kind]:
    """Return elements side by side, shape (n, elements), also of no rows at all."""
    return values.reshape(len(values), prod(values.shape[1:]))


def split(network: Emulator, raw: npt.NDArray[np.signedinteger]) -> list[Integers]:
    """Return the inputs of a network from rows with all elements side by side."""
    ends = np.cumsum([tensor.size for tensor in network.inputs])[:-1]
    return list(np.split(np.asarray(raw, np.int64), ends, axis=1))


def emulate(network: Emulator, raw: npt.NDArray[np.signedinteger]) -> Integers:
    """Run the emulator on rows with all elements side by side; outputs side by side as well."""
    if raw.shape[1] != sum(tensor.size for tensor in network.inputs):
        raise FirmwareError(f"vectors with {raw.shape[1]} elements do not fit the network")
    rows = split(network, raw)
    if isinstance(network, LogicNetwork):
        return network.predict_raw(rows[0])
    result = network.predict_raw(*rows)
    results = result if isinstance(result, tuple) else (result,)
    return np.concatenate([rows_of(part) for part in results], axis=1)
