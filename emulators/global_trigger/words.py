"""The bits of the hardware words that carry the objects to the Global Trigger.

Source: the firmware's package `gtl_pkg.vhd` (cms-l1-globaltrigger/mp7_ugt_legacy, 6892efd3).
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["OBJECT_WORDS", "SHOWER_BITS", "SUM_WORDS", "Bits", "extract", "unpack"]


class Bits(NamedTuple):
    """A field of a word: lowest bit, width, two's complement or not."""

    low: int
    width: int
    signed: bool = False


_CALO: Final = {"pt": Bits(0, 9), "eta": Bits(9, 8, True), "phi": Bits(17, 8), "iso": Bits(25, 2)}

OBJECT_WORDS: Final[dict[str, dict[str, Bits]]] = {
    "MU": {
        "phi": Bits(0, 10),
        "pt": Bits(10, 9),
        "quality": Bits(19, 4),
        "eta": Bits(23, 9, True),
        "iso": Bits(32, 2),
        "charge": Bits(34, 1),
        "charge_valid": Bits(35, 1),
        "index": Bits(36, 7),
        "upt": Bits(53, 8),
        "ip": Bits(62, 2),
    },
    "EG": _CALO,
    "TAU": _CALO,
    "JET": {
        "pt": Bits(0, 11),
        "eta": Bits(11, 8, True),
        "phi": Bits(19, 8),
        "displaced": Bits(27, 1),
    },
}
"""Fields of the words of object lists; eta and phi of muons at the vertex."""

SHOWER_BITS: Final = {"MUS0": 0, "MUS1": 2, "MUS2": 3, "MUSOOT0": 4, "MUSOOT1": 6}
"""Muon whose word holds a shower flag, in bit 61."""

SUM_WORDS: Final[tuple[dict[tuple[str, str], Bits], ...]] = (
    {("ETT", "pt"): Bits(0, 12), ("ETTEM", "pt"): Bits(12, 12), ("MBT0HFP", "count"): Bits(28, 4)},
    {
        ("HTT", "pt"): Bits(0, 12),
        ("TOWERCOUNT", "count"): Bits(12, 13),
        ("MBT0HFM", "count"): Bits(28, 4),
    },
    {
        ("ETM", "pt"): Bits(0, 12),
        ("ETM", "phi"): Bits(12, 8),
        ("ASYMET", "count"): Bits(20, 8),
        ("MBT1HFP", "count"): Bits(28, 4),
    },
    {
        ("HTM", "pt"): Bits(0, 12),
        ("HTM", "phi"): Bits(12, 8),
        ("ASYMHT", "count"): Bits(20, 8),
        ("MBT1HFM", "count"): Bits(28, 4),
    },
    {
        ("ETMHF", "pt"): Bits(0, 12),
        ("ETMHF", "phi"): Bits(12, 8),
        ("ASYMETHF", "count"): Bits(20, 8),
        **{(f"CENT{bit}", "flag"): Bits(28 + bit, 1) for bit in range(4)},
    },
    {
        ("HTMHF", "pt"): Bits(0, 12),
        ("HTMHF", "phi"): Bits(12, 8),
        ("ASYMHTHF", "count"): Bits(20, 8),
        **{(f"CENT{bit + 4}", "flag"): Bits(28 + bit, 1) for bit in range(4)},
    },
)
"""Fields of the six words of sums: ETT, HTT, ETM, HTM, ETMHF, HTMHF."""


def extract(words: NDArray[np.uint64], bits: Bits) -> NDArray[np.int32]:
    """Return one field of many words.

    Parameters
    ----------
    words
        Hardware words, any shape.
    bits
        The field.

    Returns
    -------
    NDArray[int32]
        Its values, in the shape of `words`.
    """
    mask = np.uint64((1 << bits.width) - 1)
    value = ((words >> np.uint64(bits.low)) & mask).astype(np.int32)
    if bits.signed:
        value = np.where(value >> (bits.width - 1), value - (1 << bits.width), value)
    return value.astype(np.int32)


def unpack(name: str, words: NDArray[np.uint64]) -> dict[str, NDArray[np.int32]]:
    """Return all fields of the words of an object list.

    Parameters
    ----------
    name
        `MU`, `EG`, `TAU` or `JET`.
    words
        Words, shape (events, slots).

    Returns
    -------
    dict of str to NDArray[int32]
        Every field, in the shape of `words`.
    """
    return {field: extract(words, bits) for field, bits in OBJECT_WORDS[name].items()}
