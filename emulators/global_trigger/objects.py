"""What the Global Trigger receives: kinds of objects, their fields and their integer scales.

Source: the firmware's package `gtl_pkg.vhd` (cms-l1-globaltrigger/mp7_ugt_legacy, 6892efd3) and the
scale sets of the menus.
"""

from math import pi
from typing import Final, NamedTuple

__all__ = [
    "CALORIMETER",
    "COUNTS",
    "EXTERNAL",
    "FLAGS",
    "KINDS",
    "SCORES",
    "SUMS",
    "VECTOR_SUMS",
    "Kind",
    "Scale",
    "kind_of",
]


class Scale(NamedTuple):
    """An angular scale: step, bins of the full circle (0 for eta), whether bins are centred."""

    step: float
    bins: int
    centred: bool


class Kind(NamedTuple):
    """One kind of object.

    Attributes
    ----------
    name
        As menus call it.
    slots
        Objects of this kind in one crossing.
    fields
        Bits of every field; a negative number marks a signed field.
    step
        GeV of one step of the threshold; 1 for counts, flags and scores.
    offset
        Index of the first bin that holds the value 0 (muon scales keep index 0 for "no muon").
    eta, phi
        Angular scales, or None.
    """

    name: str
    slots: int
    fields: dict[str, int]
    step: float
    offset: int = 0
    eta: Scale | None = None
    phi: Scale | None = None

    @property
    def lead(self) -> str:
        """Return the field that a threshold looks at."""
        return next(iter(self.fields))


CALO_ETA: Final = Scale(0.0435, 0, False)
CALO_PHI: Final = Scale(2 * pi / 144, 144, False)
MUON_ETA: Final = Scale(0.010875, 0, True)
MUON_PHI: Final = Scale(2 * pi / 576, 576, False)

CALORIMETER: Final = ("EG", "TAU", "JET")
VECTOR_SUMS: Final = ("ETM", "HTM", "ETMHF", "HTMHF")
SUMS: Final = ("ETT", "HTT", "ETTEM", *VECTOR_SUMS)
COUNTS: Final = (
    "MBT0HFP",
    "MBT0HFM",
    "MBT1HFP",
    "MBT1HFM",
    "TOWERCOUNT",
    "ASYMET",
    "ASYMHT",
    "ASYMETHF",
    "ASYMHTHF",
    "ZDCP",
    "ZDCM",
)
FLAGS: Final = (
    "MUS0",
    "MUS1",
    "MUS2",
    "MUSOOT0",
    "MUSOOT1",
    *(f"CENT{bit}" for bit in range(8)),
)
SCORES: Final = ("AXO", "TOPO", "CICADA")
EXTERNAL: Final = "EXT"
"""External signals: one flag for each name, called `EXT_<signal>`."""

_COUNT_BITS: Final = {"TOWERCOUNT": 13, "ZDCP": 10, "ZDCM": 10}


def _kinds() -> dict[str, Kind]:
    """Return every kind by its name."""
    muon = {
        "pt": 9,
        "eta": -9,
        "phi": 10,
        "quality": 4,
        "iso": 2,
        "charge": 1,
        "charge_valid": 1,
        "index": 7,
        "upt": 8,
        "ip": 2,
    }
    kinds = [Kind("MU", 8, muon, 0.5, 1, MUON_ETA, MUON_PHI)]
    for name in ("EG", "TAU"):
        fields = {"pt": 9, "eta": -8, "phi": 8, "iso": 2}
        kinds.append(Kind(name, 12, fields, 0.5, 0, CALO_ETA, CALO_PHI))
    jet = {"pt": 11, "eta": -8, "phi": 8, "displaced": 1}
    kinds.append(Kind("JET", 12, jet, 0.5, 0, CALO_ETA, CALO_PHI))
    for name in SUMS:
        if name in VECTOR_SUMS:
            kinds.append(Kind(name, 1, {"pt": 12, "phi": 8}, 0.5, 0, None, CALO_PHI))
        else:
            kinds.append(Kind(name, 1, {"pt": 12}, 0.5))
    for name in COUNTS:
        bits = 8 if name.startswith("ASYM") else _COUNT_BITS.get(name, 4)
        kinds.append(Kind(name, 1, {"count": bits}, 1.0))
    kinds.extend(Kind(name, 1, {"flag": 1}, 1.0) for name in FLAGS)
    kinds.append(Kind("CICADA", 1, {"score": 16}, 1.0))
    kinds.append(Kind("AXO", 1, {"score": 18}, 1.0))
    kinds.append(Kind("TOPO", 1, {"score": 21}, 1.0))  # what is compared, in steps of 1 / 1024
    return {kind.name: kind for kind in kinds}


KINDS: Final = _kinds()
"""Every kind of object by the name that menus use."""


def kind_of(name: str) -> Kind:
    """Return the kind called `name`.

    External signals (`EXT_<signal>`) and the scores of a named model (`AXO:v4`) have kinds of
    their own, since each is a column of its own.

    Raises
    ------
    KeyError
        No such kind exists.
    """
    if name.startswith(EXTERNAL + "_"):
        return Kind(name, 1, {"flag": 1}, 1.0)
    family, _, model = name.partition(":")
    kind = KINDS[family]
    return kind._replace(name=name) if model else kind
