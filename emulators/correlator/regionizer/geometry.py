"""The 108 regions of layer 1 and the order in which their candidates reach layer 2.

Sources in cms-sw/cmssw: DataFormats/L1TParticleFlow/src/layer1_emulator.cpp (0b9d0fec) for the
construction, L1Trigger/Phase2L1ParticleFlow/python/l1ctLayer1_cff.py (1c4c42c4) for the list,
python/l1tDeregionizerProducer_cfi.py (387a6d62) and src/deregionizer (964bf0cd, 4932b001) for the
order.
"""

from dataclasses import dataclass
from math import floor, pi
from typing import Final

import numpy as np

from l1kd.emulators.array_types import Codes, Shorts
from l1kd.emulators.correlator.types import ETA_PHI_LSB, HALF_TURN, TURN

__all__ = ["BOARDS", "EXTRA", "LAYER2_SLOTS", "Board", "layer2_order", "slice_tables"]

N_PHI: Final = 9
EXTRA: Final = floor(0.25 / ETA_PHI_LSB + 0.5)
"""Overlap beyond the edges of a region, in both coordinates."""
LAYER2_SLOTS: Final = 128
"""Length of the candidate list of layer 2."""


def _edge(eta: float) -> int:
    """Return an eta edge in raw units, rounded to an even number so that centres are integers."""
    half = eta / ETA_PHI_LSB / 2
    return 2 * (floor(half + 0.5) if half >= 0 else -floor(-half + 0.5))


@dataclass(frozen=True)
class Board:
    """The regions of one board type, eta slices outside, nine azimuthal slices inside.

    Attributes
    ----------
    name : str
        Name of the LinPuppi preset.
    first : int
        Global index of the first region.
    eta_edges : tuple of tuple of float
        Lower and upper edge of each eta slice.
    n_tracks, n_neutrals : int
        Slots that the regionizer fills.
    links : int
        Links per output board to layer 2.
    outputs : tuple of (int, tuple of int)
        Output boards: their number in the layer-2 order and the eta slices and azimuthal slices
        as region indices within this board type.
    """

    name: str
    first: int
    eta_edges: tuple[tuple[float, float], ...]
    n_tracks: int
    n_neutrals: int
    links: int
    outputs: tuple[tuple[int, tuple[int, ...]], ...]

    @property
    def n_regions(self) -> int:
        """Number of regions."""
        return N_PHI * len(self.eta_edges)

    def geometry(self) -> tuple[Shorts, ...]:
        """Return eta centre, phi centre, eta half width, phi half width of every region, raw."""
        centres, halves = [], []
        for low, high in self.eta_edges:
            centre = (_edge(low) + _edge(high)) // 2
            centres.append(centre)
            halves.append(centre - _edge(low))
        phi = [round(i * TURN / N_PHI) for i in range(N_PHI)]
        phi = [p - TURN if p > HALF_TURN else p for p in phi]
        half_slice = floor(pi / N_PHI / ETA_PHI_LSB + 0.5)
        return (
            np.repeat(np.array(centres, dtype=np.int16), N_PHI),
            np.tile(np.array(phi, dtype=np.int16), len(centres)),
            np.repeat(np.array(halves, dtype=np.int16), N_PHI),
            np.full(self.n_regions, half_slice, dtype=np.int16),
        )


BOARDS: Final = (
    Board(
        "barrel", 0, tuple((-1.5 + 0.5 * i, -1.0 + 0.5 * i) for i in range(6)), 25, 25, 6,
        tuple((b, tuple(9 * e + 3 * b + i for e in range(6) for i in range(3))) for b in range(3)),
    ),
    Board(
        "hgcal", 54, ((-2.5, -1.5), (1.5, 2.5)), 30, 20, 3,
        ((3, tuple(range(9))), (4, tuple(range(9, 18)))),
    ),
    Board(
        "hgcalnotk", 72, ((-3.0, -2.5), (2.5, 3.0)), 0, 12, 4, ((5, tuple(range(18))),),
    ),
    Board(
        "hf", 90, ((-5.5, -3.0), (3.0, 5.5)), 0, 18, 3,
        ((6, tuple(range(9))), (7, tuple(range(9, 18)))),
    ),
)  # fmt: skip
"""The board types in the order of their global region indices."""


def slice_tables() -> tuple[Codes, Codes]:
    """Return which slices hold a position, edges and overlap included.

    Returns
    -------
    eta : ndarray of int8, shape (4096, 3)
        Eta slices (barrel 0-5, HGCal 6-7, HGCal beyond the tracker 8-9, HF 10-11) of the global
        raw pseudorapidity index - 2048; -1 where there are fewer.
    phi : ndarray of int8, shape (1441, 2)
        Azimuthal slices of the global raw azimuth index - 720; -1 where there is one.
    """
    centres = np.concatenate([b.geometry()[0][::N_PHI] for b in BOARDS]).astype(int)
    halves = np.concatenate([b.geometry()[2][::N_PHI] for b in BOARDS]).astype(int)
    phi_centres, phi_half = BOARDS[0].geometry()[1][:N_PHI].astype(int), 80
    eta = np.full((4096, 3), -1, dtype=np.int8)
    for row, position in zip(eta, range(-2048, 2048), strict=True):
        found = np.flatnonzero(np.abs(position - centres) <= halves + EXTRA)
        row[: len(found)] = found
    phi = np.full((1441, 2), -1, dtype=np.int8)
    for row, position in zip(phi, range(-720, 721), strict=True):
        distance = (position - phi_centres + HALF_TURN) % TURN - HALF_TURN
        found = np.flatnonzero(np.abs(distance) <= phi_half + EXTRA)
        row[: len(found)] = found
    return eta, phi


def layer2_order() -> Shorts:
    """Return the order in which candidate slots reach layer 2.

    Candidates leave a board on several links, a few clock cycles per region. Layer 2 takes them
    cycle by cycle, of each cycle board by board, of each board link by link.

    Returns
    -------
    ndarray of int16, shape (1836, 3)
        Board type, region within it, slot.
    """
    rows = []
    for kind, board in enumerate(BOARDS):
        for output, regions in board.outputs:
            frames = 54 // len(regions)
            for i, region in enumerate(regions):
                for slot in range(board.links * frames):
                    clock = i * frames + slot % frames
                    rows.append((clock, output, slot // frames, kind, region, slot))
    rows.sort()
    return np.array([row[3:] for row in rows], dtype=np.int16)
