"""The fast histogram vertex finder, bit for bit as CMSSW emulates its firmware.

Source: `VertexFinder::fastHistoEmulation` of L1Trigger/VertexFinder/src/VertexFinder.cc in
CMS-L1T-Jet-Tagging/cmssw, commit d962fea5, with the configuration of cms-sw/cmssw
L1Trigger/VertexFinder/python/l1tVertexProducer_cfi.py (114c7f08), the words of
DataFormats/L1TrackTrigger/interface/TTTrack_TrackWord.h and DataFormats/L1Trigger/interface/
VertexWord.h, and the tracks of L1Trigger/L1TTrackMatch/python/l1tTrackSelectionProducer_cfi.py.

| what | type | here |
|---|---|---|
| track pt | ap_ufixed<14, 9, RND_CONV, SAT> | 1/32 GeV |
| track z0 | ap_int<12> | floor of z0 / 0.009994690 cm, saturated |
| bin | ap_uint<8> | the upper 8 bits of z0 + 2048 |
| sum of a bin | ap_ufixed<16, 11, SAT> | 1/32 GeV |
| bin as the window reads it | ap_ufixed<9, 9, SAT> | whole GeV, rounded down |
| window of three bins | ap_ufixed<11, 11> | whole GeV; of equal windows the first |
| 1 / sum | ap_ufixed<14, 1, RND_INF> | 1/8192, a table |
| position in bins | ap_fixed<20, 10, RND_INF, SAT> | 1/1024 bin |
| width of a bin | the same | 164/1024 cm, for 0.15991504 cm |
| z0 | ap_fixed<15, 6, RND_CONV, SAT> | 1/512 cm |

The firmware reads the momentum from a curvature word by a table; here the momentum of the track is
rounded to the word's step. Quality cuts on stubs and chi2 have no counterpart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import Floats, Shorts
from l1kd.emulators.correlator.vertex.kernels import find

__all__ = ["Z0_LSB", "VertexFinder", "Vertices"]

Z0_LSB: Final = 1 / 512
"""Step of the vertex word [cm]."""


@dataclass(frozen=True)
class Vertices:
    """The vertex of every event.

    Attributes
    ----------
    raw_z0 : ndarray of int16
        Position in 1/512 cm; without a track the most negative value, -16384.
    sum_pt : ndarray of int16
        Momentum of the tracks in the window [GeV], 0 without a track.
    """

    raw_z0: Shorts
    sum_pt: Shorts

    @property
    def z0(self) -> Floats:
        """Position of every event's vertex [cm], float64; -32 without a track."""
        return self.raw_z0.astype(np.float64) * Z0_LSB


@dataclass(frozen=True)
class VertexFinder:
    """Fast histogram vertex finder.

    Parameters
    ----------
    min_pt : float
        Tracks below do not count [GeV].
    max_abs_eta : float
        Tracks beyond do not count.
    max_abs_z0 : float
        Tracks beyond do not count [cm].
    """

    min_pt: float = 2.0
    max_abs_eta: float = 2.4
    max_abs_z0: float = 15.0

    def run(self, particles: Mapping[str, Any], offsets: Any) -> Vertices:
        """Find the vertices of events from their charged particles.

        Parameters
        ----------
        particles : mapping of array_like
            Flat columns `pt` [GeV], `eta`, `charge`, `z0` [cm], relative to the centre of the
            detector. A track whose z0 is NaN does not count.
        offsets : array_like of int
            Position of the first particle of every event, and the number of particles at the end.

        Returns
        -------
        Vertices

        Raises
        ------
        ValueError
            If a column is missing, or lengths and offsets do not fit.
        """
        bounds = np.ascontiguousarray(offsets, dtype=np.int64)
        columns = []
        for name, kind in _COLUMNS:
            if name not in particles:
                raise ValueError(f"track column {name} is missing; there are {sorted(particles)}")
            columns.append(np.ascontiguousarray(particles[name], dtype=kind))
            if columns[-1].shape != (bounds[-1],):
                raise ValueError(
                    f"track column {name} has shape {columns[-1].shape}; expected ({bounds[-1]},)"
                )
        if bounds[0] != 0 or np.any(np.diff(bounds) < 0):
            raise ValueError("offsets must run from 0 to the number of particles and not decrease")
        n = len(bounds) - 1
        z0, total = np.empty(n, dtype=np.int16), np.empty(n, dtype=np.int16)
        limits = (float(self.min_pt), float(self.max_abs_eta), float(self.max_abs_z0))
        find(bounds, tuple(columns), limits, z0, total)
        return Vertices(z0, total)


_COLUMNS: Final = (
    ("pt", np.float64), ("eta", np.float64), ("charge", np.int8), ("z0", np.float64),
)  # fmt: skip
