"""Grids of trigger towers: barrel, both sides of HGCal, both sides of HF.

Barrel and HGCal have cells of 0.087 in eta and 5 degrees in azimuth, HF of 0.175 and 10 degrees.
The grids know nothing of each other, as the electronics of the three calorimeters do not.

Sectors are what one board or link carries. Barrel: 17 rings times 4 columns, 36 of them, each
sends 8 clusters (cms-sw/cmssw L1Trigger/L1CaloTrigger/interface/Phase2L1CaloPFClusterEmulator.h).
HF: 60 degrees of one side, 8 clusters (same file). HGCal: 120 degrees of one side, three links of
54 words (L1Trigger/Phase2L1ParticleFlow/python/l1ctLayer1_cff.py).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from l1kd.emulators.array_types import Floats, Integers
from l1kd.emulators.correlator.types import ETA_PHI_LSB, TURN

__all__ = ["GRIDS", "MAX_RAW_ETA", "N_SECTORS", "SECTOR_LIMITS", "Grid", "tables"]

CELL: Final = 0.087
"""Width of a cell of barrel and HGCal in eta."""
HF_CELL: Final = 0.175
HF_BEGIN: Final = 34 * CELL
"""Where HF begins; its first ring ends at 3.125."""
MAX_RAW_ETA: Final = 1260
"""End of layer 1 in raw units, 5.5."""
SECTOR_LIMITS: Final = (8, 162, 8)
"""Clusters of one sector that the links carry: barrel, HGCal, HF."""


@dataclass(frozen=True)
class Grid:
    """One grid of cells; rings by ascending eta.

    Attributes
    ----------
    edges : tuple of float
        Edges of the rings, one more than rings.
    columns : int
        Cells around in azimuth, from -pi on.
    detector : int
        0 barrel, 1 HGCal, 2 HF.
    sectors : int
        Sectors around in azimuth.
    halves : int
        Sectors along eta.
    """

    edges: tuple[float, ...]
    columns: int
    detector: int
    sectors: int
    halves: int = 1

    @property
    def rings(self) -> int:
        """Number of rings."""
        return len(self.edges) - 1

    @property
    def width(self) -> int:
        """Width of a cell in azimuth, raw."""
        return TURN // self.columns

    def centres(self) -> Floats:
        """Pseudorapidity of the rings' centres."""
        edges = np.array(self.edges)
        return (edges[1:] + edges[:-1]) / 2


def _mirrored(edges: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(-e for e in reversed(edges))


_BARREL = tuple(CELL * i for i in range(-17, 18))
_HGCAL = tuple(CELL * i for i in range(17, 35))
_HF = (HF_BEGIN, *(3.125 + HF_CELL * i for i in range(15)))

GRIDS: Final = (
    Grid(_BARREL, 72, 0, sectors=18, halves=2),
    Grid(_mirrored(_HGCAL), 72, 1, sectors=3),
    Grid(_HGCAL, 72, 1, sectors=3),
    Grid(_mirrored(_HF), 36, 2, sectors=6),
    Grid(_HF, 36, 2, sectors=6),
)
"""Barrel, HGCal and HF, the side of negative eta first."""
COLUMNS: Final = (72, 36)
"""Cells around in azimuth that there are."""
N_SECTORS: Final = sum(g.sectors * g.halves for g in GRIDS)


def tables() -> tuple[Integers, Integers, Integers, Integers, int]:
    """Return where positions lie and what the grids look like, for the kernel.

    Every grid is stored with a border of one cell on each side: the columns of the border repeat
    those of the other end, its rings are empty.

    Returns
    -------
    rows : ndarray of int64, shape (2521, 2)
        Position of the ring's first cell, in the border, by raw pseudorapidity, index + 1260; and
        which row of `columns` holds its columns.
    grids : ndarray of int64, shape (5, 7)
        Of every grid: position of its first cell (in the border), rings, columns, raw width of a
        column, first sector, sectors in azimuth, rings of one sector.
    centres : ndarray of int64, shape (5, 36)
        Raw pseudorapidity of every ring's centre; the border's repeat the last one.
    columns : ndarray of int64, shape (2, 1440)
        Position within a ring by raw azimuth, index + 720, of 72 and of 36 columns.
    cells : int
        Number of cells, borders included.
    """
    rows = np.full((2 * MAX_RAW_ETA + 1, 2), -1, dtype=np.int64)
    grids, first, sector = [], 0, 0
    centres = np.zeros((len(GRIDS), 2 + max(g.rings for g in GRIDS)), dtype=np.int64)
    eta = np.arange(-MAX_RAW_ETA, MAX_RAW_ETA + 1) * ETA_PHI_LSB
    for number, grid in enumerate(GRIDS):
        # a position on the edge of two rings belongs to the outer one, on either side
        outward = np.searchsorted(grid.edges, eta, side="right") - 1
        inward = np.searchsorted(grid.edges, eta, side="left") - 1
        ring = np.where(eta >= 0, outward, inward)
        inside = (ring >= 0) & (ring < grid.rings)
        rows[inside, 0] = first + (ring[inside] + 1) * (grid.columns + 2)
        rows[inside, 1] = COLUMNS.index(grid.columns)
        raw = np.round(grid.centres() / ETA_PHI_LSB).astype(np.int64)
        centres[number, 1 : 1 + len(raw)] = raw
        centres[number, 0], centres[number, 1 + len(raw) :] = raw[0], raw[-1]
        per_sector = grid.rings // grid.halves
        grids.append(
            (first, grid.rings, grid.columns, grid.width, sector, grid.sectors, per_sector)
        )
        first += (grid.rings + 2) * (grid.columns + 2)
        sector += grid.sectors * grid.halves
    columns = np.array([1 + np.arange(TURN) * n // TURN for n in COLUMNS])
    return rows, np.array(grids, dtype=np.int64), centres, columns, first
