"""Parameters of LinPuppi: physical values, their conversion to raw integers, and the presets."""

from dataclasses import dataclass, replace
from math import floor, log
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np

from l1kd.emulators.array_types import Indices, Shorts
from l1kd.emulators.correlator.sorting import ALGORITHMS
from l1kd.emulators.correlator.tables import LOG2
from l1kd.emulators.correlator.types import ETA_PHI_LSB, Z0_LSB

__all__ = ["PRESETS", "LinPuppiParameters", "LinPuppiRaw"]

LOG_OFFSET: Final = 91
"""16 * (log2(0.0625 / (pi/720)^2) - 6): from sums of pt^2/dR^2 to firmware units."""


@dataclass(frozen=True)
class LinPuppiRaw:
    """Raw integers that the firmware holds.

    Attributes
    ----------
    dr2_min, dr2_max : int
        Range of the squared distance, in squared angular steps.
    pt_max : int
        Cap on the momentum that enters the sum, 0.25 GeV.
    dz : int
        Largest distance of an associated track, 0.05 cm.
    edges : ndarray of int32
        Edges of the bins of absolute pseudorapidity, in angular steps.
    bins : ndarray of int32, shape (n_bins, 7)
        ptCut; ptSlope, ptZero and prior of hadrons; the same of photons. Steps: 0.25 GeV,
        1/64, 0.25 GeV, 1/32.
    alpha : ndarray of int32, shape (n_bins, 3)
        alphaSlope (1/32), alphaZero (1/16), alphaCrop (1/32).
    """

    dr2_min: int
    dr2_max: int
    pt_max: int
    dz: int
    edges: Indices
    bins: Indices
    alpha: Indices

    def alpha_table(self) -> Shorts:
        """Return the neighbourhood term in 1/32 for every 12-bit sum and bin.

        Returns
        -------
        ndarray of int16, shape (n_bins, 4096)
            Each step is truncated downwards and saturated at 12 bits before the next.
        """
        total = np.arange(4096)
        halvings = (total >= 1024).astype(int) + (total >= 2048)
        logarithm = LOG2[total >> halvings].astype(int)
        table = np.empty((len(self.alpha), 4096), dtype=np.int16)
        for row, (slope, zero, crop) in zip(table, self.alpha.tolist(), strict=True):
            start = _saturate(-(slope * zero) >> 4)
            steps = [_saturate(start + ((slope * LOG_OFFSET) >> 4))]
            steps += [_saturate(steps[0] + slope)]
            steps += [_saturate(steps[1] + slope)]
            x = np.clip(np.array(steps)[halvings] + ((slope * logarithm) >> 4), -2048, 2047)
            x[0] = start
            row[:] = np.clip(x, -crop, crop)
        return table


def _saturate(x: int) -> int:
    return min(max(x, -2048), 2047)


def _nearest(x: float) -> int:
    """Round half up; the arguments here are not negative."""
    return floor(x + 0.5)


def _within(name: str, raw: int, lowest: int, highest: int) -> int:
    """Return a raw parameter, which must fit the type that the firmware holds it in."""
    if not lowest <= raw <= highest:
        raise ValueError(
            f"LinPuppi parameter {name} is {raw} in firmware units; the firmware type holds "
            f"{lowest} to {highest}"
        )
    return raw


@dataclass(frozen=True)
class LinPuppiParameters:
    """Configuration of LinPuppi in physical units; one entry per eta bin where a tuple.

    Attributes
    ----------
    name : str
        Name of the preset this comes from.
    reference : str
        Repository, file and commit of the reference these values were taken from.
    n_track, n_in, n_out, n_final : int
        Slots read of tracks and neutrals, selected neutrals, final candidates. No tracks means
        the algorithm of regions without tracks.
    final_sort : {"Insertion", "Hybrid", "FoldedHybrid"}
        Algorithm of the final sort; regions without tracks do not use it.
    dz : float
        Largest distance of an associated track from the vertex [cm].
    dr_max, dr_min : float
        Cone and inner plateau of the sum over neighbours.
    pt_max : float
        Cap on the momentum that enters the sum [GeV].
    eta_edges : tuple of float
        Inner edges of the bins of absolute pseudorapidity.
    pt_cut : tuple of float
        Smallest Puppi momentum kept [GeV].
    pt_slope, pt_slope_photon, pt_zero, pt_zero_photon, prior, prior_photon : tuple of float
        Momentum term slope [1/GeV], its zero [GeV] and the prior, of hadrons and photons.
    alpha_slope, alpha_zero, alpha_crop : tuple of float
        Neighbourhood term: slope and zero for the natural logarithm, largest size.
    """

    name: str
    n_track: int
    n_in: int
    n_out: int
    n_final: int
    final_sort: str
    dz: float
    dr_min: float
    pt_max: float
    pt_cut: tuple[float, ...]
    pt_slope: tuple[float, ...]
    pt_slope_photon: tuple[float, ...]
    pt_zero: tuple[float, ...]
    pt_zero_photon: tuple[float, ...]
    alpha_slope: tuple[float, ...]
    alpha_zero: tuple[float, ...]
    alpha_crop: tuple[float, ...]
    prior: tuple[float, ...]
    prior_photon: tuple[float, ...]
    eta_edges: tuple[float, ...] = ()
    dr_max: float = 0.3
    reference: str = (
        "cms-sw/cmssw L1Trigger/Phase2L1ParticleFlow/python/l1ctLayer1_cff.py and "
        "src/puppi/linpuppi_ref.cpp, commit 1c4c42c4a5b04f441a2f746cdaba8b38e0d85405"
    )

    def __post_init__(self) -> None:
        """Refuse lists of different lengths, unknown sorts and too many slots."""
        for field in _PER_BIN:
            if len(getattr(self, field)) != len(self.eta_edges) + 1:
                raise ValueError(
                    f"LinPuppi parameter {field} has {len(getattr(self, field))} entries; "
                    f"{len(self.eta_edges)} eta edges make {len(self.eta_edges) + 1} bins"
                )
        if self.final_sort not in ALGORITHMS:
            raise ValueError(f"unknown sort {self.final_sort!r}; known: {', '.join(ALGORITHMS)}")
        slots = (self.n_track, self.n_in, self.n_out, self.n_final)
        if min(slots) < 0 or self.n_track + max(self.n_in, self.n_out) > 255:
            raise ValueError(f"LinPuppi cannot have {slots} slots: none negative, at most 255")

    @property
    def forward(self) -> bool:
        """Whether clusters are weighed by other clusters because there are no tracks."""
        return self.n_track == 0

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed."""
        return replace(self, **changes)

    def quantized(self) -> Self:
        """Return the parameters as the firmware holds them: physical values of the raw integers."""
        raw, ln2 = self.raw(), log(2)
        bins, alpha = raw.bins.T.tolist(), raw.alpha.T.tolist()

        def scaled(row: list[int], step: float) -> tuple[float, ...]:
            return tuple(x * step for x in row)

        return self.replace(
            dz=raw.dz * Z0_LSB,
            dr_min=raw.dr2_min**0.5 * ETA_PHI_LSB,
            dr_max=raw.dr2_max**0.5 * ETA_PHI_LSB,
            pt_max=raw.pt_max / 4,
            eta_edges=tuple(float(e) * ETA_PHI_LSB for e in raw.edges),
            pt_cut=scaled(bins[0], 1 / 4),
            pt_slope=scaled(bins[1], 1 / 64),
            pt_zero=scaled(bins[2], 1 / 4),
            prior=scaled(bins[3], 1 / 32),
            pt_slope_photon=scaled(bins[4], 1 / 64),
            pt_zero_photon=scaled(bins[5], 1 / 4),
            prior_photon=scaled(bins[6], 1 / 32),
            alpha_slope=scaled(alpha[0], 1 / 32 / ln2),
            alpha_zero=scaled(alpha[1], ln2 / 16),
            alpha_crop=scaled(alpha[2], 1 / 32),
        )

    def raw(self) -> LinPuppiRaw:
        """Convert to the integers of the firmware.

        Raises
        ------
        ValueError
            If a value does not fit the firmware's type.
        """
        ln2 = log(2)
        bins, alpha = [], []
        for i in range(len(self.pt_cut)):
            row = [_within("pt_cut", _nearest(4 * self.pt_cut[i]), 0, 16383)]
            for suffix in ("", "_photon"):
                slope, zero, prior = (
                    getattr(self, field + suffix)[i] for field in ("pt_slope", "pt_zero", "prior")
                )
                row += [
                    _within("pt_slope" + suffix, floor(64 * slope), 0, 63),
                    _within("pt_zero" + suffix, _nearest(4 * zero), 0, 16383),
                    _within("prior" + suffix, floor(32 * prior), -2048, 2047),
                ]
            bins.append(row)
            alpha.append([
                _within("alpha_slope", _nearest(32 * self.alpha_slope[i] * ln2), 0, 127),
                _within("alpha_zero", _nearest(16 * self.alpha_zero[i] / ln2), -2048, 2047),
                _within("alpha_crop", floor(32 * self.alpha_crop[i]), 0, 2047),
            ])  # fmt: skip
        raw = LinPuppiRaw(
            dr2_min=_squared_cone(self.dr_min),
            dr2_max=_squared_cone(self.dr_max),
            pt_max=_within("pt_max", _nearest(4 * self.pt_max), 0, 16383),
            dz=_within("dz", _nearest(self.dz / Z0_LSB), 0, 1023),
            edges=np.array([_nearest(e / ETA_PHI_LSB) for e in self.eta_edges], dtype=np.int32),
            bins=np.array(bins, dtype=np.int32),
            alpha=np.array(alpha, dtype=np.int32),
        )
        if raw.pt_max > 1023 and raw.dr2_max > 16287:
            raise ValueError(
                f"LinPuppi with pt_max {self.pt_max} above 255.75 GeV and dr_max {self.dr_max} "
                "above 0.556 exceeds 32-bit sums; lower one of them"
            )
        return raw


def _squared_cone(radius: float) -> int:
    """Return the squared radius in squared angular steps, rounded up in single precision."""
    lsb = np.float32(ETA_PHI_LSB)
    r = np.float32(radius)
    return int(np.ceil(r * r / (lsb * lsb)))


_PER_BIN: Final = (
    "pt_cut",
    "pt_slope",
    "pt_slope_photon",
    "pt_zero",
    "pt_zero_photon",
    "alpha_slope",
    "alpha_zero",
    "alpha_crop",
    "prior",
    "prior_photon",
)

PRESETS: Final = MappingProxyType({
    "barrel": LinPuppiParameters(
        name="barrel", n_track=22, n_in=25, n_out=25, n_final=18, final_sort="Insertion",
        dz=0.5, dr_min=0.07, pt_max=50.0, pt_cut=(1.0,),
        pt_slope=(0.3,), pt_slope_photon=(0.3,), pt_zero=(4.0,), pt_zero_photon=(2.5,),
        alpha_slope=(0.7,), alpha_zero=(6.0,), alpha_crop=(4.0,), prior=(5.0,), prior_photon=(1.0,),
    ),
    "hgcal": LinPuppiParameters(
        name="hgcal", n_track=30, n_in=20, n_out=20, n_final=18, final_sort="FoldedHybrid",
        dz=1.33, dr_min=0.04, pt_max=50.0, eta_edges=(2.0,), pt_cut=(1.0, 2.0),
        pt_slope=(0.3, 0.3), pt_slope_photon=(0.4, 0.4),
        pt_zero=(5.0, 7.0), pt_zero_photon=(3.0, 4.0),
        alpha_slope=(1.5, 1.5), alpha_zero=(6.0, 6.0), alpha_crop=(3.0, 3.0),
        prior=(5.0, 5.0), prior_photon=(1.5, 1.5),
    ),
    "hgcalnotk": LinPuppiParameters(
        name="hgcalnotk", n_track=0, n_in=12, n_out=12, n_final=12, final_sort="Hybrid",
        dz=1.33, dr_min=0.04, pt_max=50.0, pt_cut=(4.0,),
        pt_slope=(0.3,), pt_slope_photon=(0.4,), pt_zero=(9.0,), pt_zero_photon=(5.0,),
        alpha_slope=(2.2,), alpha_zero=(9.0,), alpha_crop=(4.0,), prior=(7.0,), prior_photon=(5.0,),
    ),
    "hf": LinPuppiParameters(
        name="hf", n_track=0, n_in=18, n_out=18, n_final=10, final_sort="Insertion",
        dz=1.33, dr_min=0.1, pt_max=100.0, pt_cut=(10.0,),
        pt_slope=(0.25,), pt_slope_photon=(0.25,), pt_zero=(14.0,), pt_zero_photon=(14.0,),
        alpha_slope=(0.6,), alpha_zero=(9.0,), alpha_crop=(4.0,), prior=(6.0,), prior_photon=(6.0,),
    ),
})  # fmt: skip
"""The four board types of layer 1, as configured in the reference commit."""
