"""How the elements of an event become bits, and bits frames of links.

All elements lie side by side, element 0 in the lowest bits, as in the port ``data_in`` of l1kd's
RTL. A field is as wide as its element, or as all fields are declared to be; what is left of it
repeats the sign, or is zero where the element has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers, Mask, Words
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.errors import ConfigurationError, InputError
from l1kd.models.firmware.rtl.rtl import pack, unpack

__all__ = ["Layout", "Links", "frames_of", "lines_of", "rows_of_frames", "rows_of_lines"]

WORD = 64
"""Bits of a frame of one link."""


@dataclass(frozen=True)
class Layout:
    """How events lie in a file.

    Attributes
    ----------
    links : tuple of int
        Numbers of the links. A frame carries one word of 64 bits on each of them, in this order.
    field : int, optional
        Bits of the field of every element; by default each has its own width.
    gap : int
        Frames without data after each event.
    lead : int
        Frames without data before the first event.
    """

    links: tuple[int, ...] = (0,)
    field: int | None = None
    gap: int = 0
    lead: int = 0

    def __post_init__(self) -> None:
        if not self.links or len(set(self.links)) != len(self.links) or min(self.links) < 0:
            raise ConfigurationError(
                f"links {self.links}: expected different numbers that are not negative"
            )
        if self.field is not None and not 1 <= self.field <= WORD:
            raise ConfigurationError(f"a field of {self.field} bits: expected 1 to {WORD}")
        if self.gap < 0 or self.lead < 0:
            raise ConfigurationError("frames without data cannot be fewer than none")

    def fields(self, formats: Sequence[FixedPoint], name: str) -> list[FixedPoint]:
        """Return a format for every field.

        Raises
        ------
        ConfigurationError
            An element does not fit into its field.
        """
        if self.field is None:
            return list(formats)
        widest = max(form.width for form in formats)
        if widest > self.field:
            raise ConfigurationError(
                f"{name}: elements have up to {widest} bits, fields of {self.field} were asked for"
            )
        return [replace(form, width=self.field) for form in formats]


@dataclass(frozen=True, eq=False)
class Links:
    """What links carry, frame by frame.

    Attributes
    ----------
    numbers : tuple of int
        Of the links.
    data : uint64 array, shape (frames, links)
    valid, start, end, orbit : bool array, shape (frames, links)
        Whether a frame holds data, begins or ends a packet, or begins an orbit.
    """

    numbers: tuple[int, ...]
    data: Words
    valid: Mask
    start: Mask
    end: Mask
    orbit: Mask


def lines_of(
    raw: npt.NDArray[np.signedinteger], formats: Sequence[FixedPoint], layout: Layout, name: str
) -> list[int]:
    """Return the bits of every row as one number."""
    words = pack(np.asarray(raw, np.int64), layout.fields(formats, name))
    return [int.from_bytes(row.tobytes(), "little") for row in words]


def rows_of_lines(
    lines: Sequence[int], formats: Sequence[FixedPoint], layout: Layout, name: str
) -> Integers:
    """Return the raw elements of rows that are one number each.

    Raises
    ------
    InputError
        A line has more bits than the elements, or a field holds no value of its element.
    """
    fields = layout.fields(formats, name)
    bits = sum(form.width for form in fields)
    for number, line in enumerate(lines):
        if line < 0 or line >> bits:
            raise InputError(
                f"{name}: row {number} has {line.bit_length()} bits, its elements have {bits}"
            )
    size = -(-bits // 32)
    data = b"".join(line.to_bytes(4 * size, "little") for line in lines)
    words = np.frombuffer(data, "<u4").reshape(len(lines), size)
    return _checked(unpack(words, fields), formats, name)


def frames_of(
    raw: npt.NDArray[np.signedinteger], formats: Sequence[FixedPoint], layout: Layout, name: str
) -> Links:
    """Spread rows over frames of links: the lowest word on the first link of the first frame."""
    words = _words(pack(np.asarray(raw, np.int64), layout.fields(formats, name)))
    links = len(layout.links)
    length = -(-words.shape[1] // links)
    packets = np.zeros((len(raw), length + layout.gap, links), np.uint64)
    flat = np.zeros((len(raw), length * links), np.uint64)
    flat[:, : words.shape[1]] = words
    packets[:, :length] = flat.reshape(len(raw), length, links)
    flags = np.zeros((3, *packets.shape), np.bool_)
    flags[0, :, :length] = flags[1, :, 0] = flags[2, :, length - 1] = True
    lead = ((layout.lead, 0), (0, 0))
    data = np.pad(packets.reshape(-1, links), lead)
    valid, start, end = (np.pad(part.reshape(-1, links), lead) for part in flags)
    orbit = np.zeros(data.shape, np.bool_)
    orbit[layout.lead : layout.lead + 1] = True
    return Links(layout.links, data, valid, start, end, orbit)


def rows_of_frames(
    links: Links, formats: Sequence[FixedPoint], layout: Layout, name: str
) -> Integers:
    """Return the raw elements of all events: of the frames with data, one packet after another.

    Raises
    ------
    InputError
        A link is missing, links carry data in different frames, or frames do not make up events.
    """
    missing = sorted(set(layout.links) - set(links.numbers))
    if missing:
        found = ", ".join(map(str, links.numbers))
        raise InputError(f"{name}: expected link {missing[0]}, found links {found}")
    columns = [links.numbers.index(number) for number in layout.links]
    valid = links.valid[:, columns]
    uneven = np.flatnonzero(valid.any(axis=1) != valid.all(axis=1))
    if uneven.size:
        raise InputError(
            f"{name}: in frame {uneven[0]} some of the links {layout.links} carry data and some "
            "do not: one event needs all of them"
        )
    fields = layout.fields(formats, name)
    bits = sum(form.width for form in fields)
    length = -(-bits // (WORD * len(columns)))
    present = np.flatnonzero(valid[:, 0])
    if len(present) % length:
        raise InputError(
            f"{name}: {len(present)} frames hold data, an event has {length}: expected a multiple"
        )
    begins = np.flatnonzero(links.start[present][:, columns[0]])
    if begins.size and (begins % length).any():
        raise InputError(f"{name}: packets do not begin every {length} frames with data")
    data = links.data[present][:, columns].reshape(-1, length * len(columns))
    words = np.ascontiguousarray(data, "<u8").view("<u4")[:, : -(-bits // 32)]
    return _checked(unpack(words, fields), formats, name)


def _words(packed: npt.NDArray[np.uint32]) -> Words:
    wide = np.zeros((len(packed), packed.shape[1] + packed.shape[1] % 2), np.uint32)
    wide[:, : packed.shape[1]] = packed
    return wide.view(np.uint64)


def _checked(raw: Any, formats: Sequence[FixedPoint], name: str) -> Integers:
    low = np.array([form.minimum for form in formats], np.int64)
    high = np.array([form.maximum for form in formats], np.int64)
    wrong = np.argwhere((raw < low) | (raw > high))
    if wrong.size:
        row, element = map(int, wrong[0])
        raise InputError(
            f"{name}: row {row} gives element {element} the raw value {raw[row, element]}, which "
            f"is none of {formats[element]}: is the field of another width (--field)?"
        )
    return raw
