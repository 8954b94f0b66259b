"""The integers that a network in the correlator may read of every candidate, by name.

All are what firmware forms from one region's tracks and clusters with shifts, comparisons, sums and
small tables. What the whole event adds is known with the vertex, before any region is weighed, but
for LinPUPPI's MET, for which a network that reads it waits. They are symmetric under reflection in
eta and in phi, and do not change when an event is turned by one azimuthal sector, but for the
rounding of directions of MET.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, log2, pi
from typing import Final, Literal

import numpy as np

from l1kd.emulators.array_types import Bytes
from l1kd.emulators.fixed_point import FixedPoint

__all__ = [
    "COLUMNS", "CONES", "FORMAT", "HALF", "LOGARITHM", "LOST_BY_ANGLE", "NAMES", "OF_MET",
    "OF_PLACES", "OF_TRACK_MET", "TRACKS", "Column", "Tracks", "mode_of", "numbers_of",
]  # fmt: skip

Tracks = Literal["none", "kept", "every"]
"""Which tracks are weighed: none, those that LinPUPPI keeps, or also those that it drops."""
TRACKS: Final[tuple[Tracks, ...]] = ("none", "kept", "every")
"""They, by the number that kernels have for them."""

FORMAT: Final = FixedPoint(9, 5, signed=False)
"""Of every column: value = raw / 16, raw from 0 to 511."""

ONE: Final = 16
"""A flag that is set."""

HALF: Final = 16
"""What a factor of two is in a logarithm."""

CONES: Final = (512, 2048, 8192)
"""Squared radii, in squared steps of pi/720: a neighbour is nearer (dR of 0.099, 0.197, 0.395).

Powers of two, so that the firmware compares by looking at the highest bits. A region's objects
reach 0.25 beyond its edges, and a cone ends there.
"""


def _logarithm() -> Bytes:
    """Return 16 log2(1 + v) for v of 16 bits, by the highest bit and the six below it."""
    mantissa = np.array([round(16 * log2(1 + k / 64)) for k in range(64)])
    x = np.minimum(np.arange(1 << 16), (1 << 16) - 2) + 1
    high = np.floor(np.log2(x)).astype(np.int64)
    below = x - (1 << high)
    index = np.where(high >= 6, below >> np.maximum(high - 6, 0), below << np.maximum(6 - high, 0))
    return np.minimum(16 * high + mantissa[index], 255).astype(np.uint8)


LOGARITHM: Final = _logarithm()
"""uint8[65536]: 16 log2(1 + v), for sums that saturate at 65,535.

The highest bit of v + 1, and a table of 64 entries, round(16 log2(1 + k/64)), for the six bits
below; 255 at most.
"""

LOST_BY_ANGLE: Final = np.array(
    [*(min(round(-16 * log2(cos(k * pi / 720))), 255) for k in range(360)), 255], np.uint8
)
"""uint8[361]: -16 log2 of the cosine of k steps of pi/720, what a projection takes off a logarithm.

255, which leaves nothing, at a right angle.
"""


@dataclass(frozen=True)
class Column:
    """One input of a network.

    Attributes
    ----------
    name : str
        How artefacts name it.
    largest : int
        Largest raw value.
    meaning : str
        What it is, in one sentence.
    """

    name: str
    largest: int
    meaning: str

    @property
    def bits(self) -> int:
        """Bits that it needs of the nine."""
        return self.largest.bit_length()


def _cones(kind: str, what: str) -> list[Column]:
    return [
        Column(f"{kind}_pt_{size}", 255, f"log of the pt of {what} nearer than {radius}")
        for size, radius in (("01", 0.099), ("02", 0.197), ("04", 0.395))
    ]


_VERTEX = "tracks of the vertex"
_PILEUP = "tracks of other vertices"
_NEUTRAL = "neutrals"

COLUMNS: Final = (
    Column("pt", 255, "log of its own pt"),
    Column("abs_eta", 255, "size of eta, in steps of 8 pi/720"),
    Column("em", ONE, "identified as electromagnetic (neutral), or an electron"),
    Column("track", ONE, "a charged candidate"),
    Column("muon", ONE, "a muon"),
    Column("tracker", ONE, "its region has tracks"),
    Column("hf", ONE, "its region lies in HF"),
    Column("dz", 63, "distance of a track from the vertex, in 0.05 cm; 0 for neutrals"),
    Column("linpuppi_weight", 256, "weight of LinPUPPI; 256 for tracks that it keeps, 0 for "
           "those that it drops"),
    Column("alpha", 255, "log of LinPUPPI's sum of pt^2/dR^2, without itself"),
    *_cones("vertex", _VERTEX),
    Column("vertex_max_02", 255, f"log of the largest pt of {_VERTEX} nearer than 0.197"),
    *_cones("pileup", _PILEUP),
    Column("pileup_count_04", 31, f"number of {_PILEUP} nearer than 0.395"),
    *_cones("neutral", _NEUTRAL),
    Column("neutral_max_02", 255, f"log of the largest pt of {_NEUTRAL} nearer than 0.197"),
    Column("neutral_count_04", 31, f"number of {_NEUTRAL} nearer than 0.395"),
    Column("em_pt_02", 255, "log of the pt of electromagnetic neutrals nearer than 0.197"),
    Column("pileup_alpha", 255, f"log of the sum of pt^2/dR^2 of {_PILEUP}"),
    Column("neutral_alpha", 255, f"log of the sum of pt^2/dR^2 of {_NEUTRAL}"),
    Column("region_vertex_pt", 255, f"log of the pt of {_VERTEX} in the region"),
    Column("region_pileup_pt", 255, f"log of the pt of {_PILEUP} in the region"),
    Column("region_neutral_pt", 255, f"log of the pt of {_NEUTRAL} in the region"),
    Column("region_pileup_count", 31, f"number of {_PILEUP} in the region"),
    Column("region_neutral_count", 31, f"number of {_NEUTRAL} in the region"),
    Column("event_vertex_pt", 255, "log of the pt of tracks within 0.2 cm of the vertex, 50 GeV "
           "at most each, of the whole event"),
    Column("event_vertex_count", 255, "log of their number"),
    Column("event_pileup_count", 255, "log of the number of all other tracks of the event"),
    Column("own_z_pt", 255, "of a track: log of the pt of the tracks of the whole event within "
           "0.2 cm of its own z0, 50 GeV at most each; 0 for neutrals"),
    Column("other_z_max_02", 255, f"the largest such log of {_PILEUP} nearer than 0.197"),
    Column("other_z_max_04", 255, f"the largest such log of {_PILEUP} nearer than 0.395"),
    Column("second_pt_02", 255, f"log of the pt of {_PILEUP} nearer than 0.197 whose such log is "
           "at most 1 below event_vertex_pt: at least half as much"),
    Column("second_pt_04", 255, "log of the pt of the same nearer than 0.395"),
    Column("event_second_pt", 255, "the largest such log of the event's tracks that are more than "
           "0.4 cm from the vertex"),
    Column("event_met", 255, "log of LinPUPPI's MET: the vector sum of its candidates of all "
           "regions"),
    Column("met_away", 255, "log of the part of that MET that points away from the candidate; 0 "
           "where it points towards it"),
    Column("met_toward", 255, "log of the part that points towards it; 0 where it points away"),
    Column("event_track_met", 255, "log of the track MET: the vector sum of the event's tracks "
           "within 0.2 cm of the vertex"),
    Column("track_met_away", 255, "log of the part of it that points away from the candidate"),
    Column("track_met_toward", 255, "log of the part that points towards it"),
)  # fmt: skip
"""Every column, in the order of `region_inputs`. "Log" is `LOGARITHM` of a sum in 0.25 GeV, or of a
number; sums of pt^2/dR^2 are LinPUPPI's, in 1/64. Sums leave the candidate itself out, except those
of the region, of the event and of tracks at one z0. Tracks of the vertex are those that LinPUPPI
associates with it, among the tracks that it reads."""

NAMES: Final = tuple(column.name for column in COLUMNS)
"""Their names."""


OF_PLACES: Final = NAMES[NAMES.index("own_z_pt") : NAMES.index("event_met")]
"""Those that tell how hard the places of tracks in z are."""

OF_MET: Final = NAMES[NAMES.index("event_met") : NAMES.index("event_track_met")]
"""Those that are made of LinPUPPI's MET in the whole event."""

OF_TRACK_MET: Final = NAMES[NAMES.index("event_track_met") :]
"""Those that are made of the MET of the vertex's tracks."""


def mode_of(tracks: Tracks) -> int:
    """Return the position of a choice in `TRACKS`.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if tracks not in TRACKS:
        raise ValueError(f"tracks {tracks!r}: expected one of {', '.join(TRACKS)}")
    return TRACKS.index(tracks)


def numbers_of(names: Sequence[str]) -> tuple[int, ...]:
    """Return the positions of columns in `COLUMNS`.

    Raises
    ------
    ValueError
        If a name is unknown or given twice, or there is none.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names or len(set(names)) != len(names):
        raise ValueError(
            f"inputs {list(names)}: expected names of {', '.join(NAMES)}, each once; "
            f"unknown: {unknown}"
        )
    return tuple(NAMES.index(name) for name in names)
