"""The older LinPuppi in plain integers, as CMSSW 12 to 15 ran it.

Source: GlobalCorrelator_HLS puppi/linpuppi_ref.cpp, commit 2110c41f. It differs from the
fixed-point version in the association of charged candidates, in the sums, which do not saturate,
and in the rounding of nearly every step.
"""

from dataclasses import dataclass
from math import log, trunc
from typing import Any, Final, Self

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Integers, Shorts
from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.linpuppi.parameters import LinPuppiParameters
from l1kd.emulators.correlator.linpuppi.weight_kernels import fiducial
from l1kd.emulators.correlator.types import wrap

__all__ = ["LegacyTables", "run_legacy"]

Arrays = tuple[Shorts, ...]
LOG_OFFSET: Final = -105
"""Offset of the logarithm of the sum, in 1/32."""


@dataclass(frozen=True)
class LegacyTables:
    """Raw parameters of the integer variant.

    Attributes
    ----------
    setup : ndarray of int64
        n_track, n_in, dr2_min, dr2_max, pt2_max, dz.
    edges : ndarray of int32
        Edges of the bins of absolute pseudorapidity.
    bins : ndarray of int64, shape (n_bins, 10)
        ptCut, ptSlope, ptZero and prior of hadrons and photons, alphaSlope, alphaZero, alphaCrop.
    logarithm : ndarray of int64
        32*log2(L), truncated, for L in 0..1023.
    weight : ndarray of int16
        Logistic curve for x2 = index - 2048 in 1/64; further out it is 0 or 256.
    forward : bool
        Whether there are no tracks.
    """

    setup: Integers
    edges: Indices
    bins: Integers
    logarithm: Integers
    weight: Shorts
    forward: bool

    @classmethod
    def of(cls, p: LinPuppiParameters) -> Self:
        """Convert parameters with the rounding of the integer variant."""
        raw = p.raw()
        ln2 = log(2)
        bins = [
            [
                int(raw.bins[i, 0]),
                trunc(64 * p.pt_slope[i]), trunc(4 * p.pt_zero[i]), trunc(64 * p.prior[i]),
                trunc(64 * p.pt_slope_photon[i]), trunc(4 * p.pt_zero_photon[i]),
                trunc(64 * p.prior_photon[i]),
                trunc(32 * p.alpha_slope[i] * ln2), trunc(32 * p.alpha_zero[i] / ln2),
                trunc(64 * p.alpha_crop[i]),
            ]
            for i in range(len(p.pt_cut))
        ]  # fmt: skip
        logarithm = np.zeros(1024, dtype=np.int64)
        logarithm[1:] = np.trunc(32 * np.log2(np.arange(1, 1024)))
        curve = 256 / (1 + np.exp(-(np.arange(4096) - 2048) / 64))
        return cls(
            setup=np.array(
                [p.n_track, p.n_in, raw.dr2_min, raw.dr2_max, raw.pt_max**2 >> 5, raw.dz],
                dtype=np.int64,
            ),
            edges=raw.edges,
            bins=np.array(bins, dtype=np.int64),
            logarithm=logarithm,
            weight=np.minimum(256, np.floor(curve + 0.5)).astype(np.int16),
            forward=p.forward,
        )


@njit(nogil=True)
def _legacy_weight(
    total: int, pt: int, row: Integers, em: bool,
    logarithm: Integers, weight: Shorts,
) -> Any:  # fmt: skip
    """Return the weight in 1/256 of one neutral."""
    kind = 3 if em else 0
    alpha = 0
    if total > 0:
        alpha = LOG_OFFSET
        while total >= 1024:
            total >>= 1
            alpha += 32
        alpha += logarithm[total]
    x2a = min(max((row[7] * (alpha - row[8])) >> 4, -row[9]), row[9])
    x2 = x2a + ((row[kind + 1] * (pt - row[kind + 2])) >> 2) - row[kind + 3]
    return weight[min(max(x2, -2048), 2047) + 2048]


@njit(nogil=True)
def _legacy_sum(
    r: int, i: int, setup: Integers, neutral: Arrays, track: Arrays,
    vertex: Any, n: int, m: int, forward: bool,
) -> Any:  # fmt: skip
    """Return the sum around one neutral over associated tracks, or over the other clusters."""
    total = 0
    for j in range(n if forward else m):
        if forward:
            pt, eta, phi = neutral[0][r, j], neutral[1][r, j], neutral[2][r, j]
            if j == i:
                continue
        else:
            pt, eta, phi = track[0][r, j], track[1][r, j], track[2][r, j]
            if abs(np.int64(track[3][r, j]) - vertex) > setup[5]:
                continue
        deta, dphi = np.int64(neutral[1][r, i]) - eta, np.int64(neutral[2][r, i]) - phi
        dr2 = deta * deta + dphi * dphi
        near = max(dr2, setup[2]) >> 5
        if dr2 <= setup[3] and near > 0:
            total += min((np.int64(pt) * pt) >> 5, setup[4]) * (32768 // near)
    return total


@njit(nogil=True)
def _run(
    setup: Integers, edges: Indices, bins: Integers,
    logarithm: Integers, weight: Shorts, forward: bool,
    track: Arrays, charged: Arrays, neutral: Arrays, region: Arrays, counts: Arrays, out: Arrays,
) -> None:  # fmt: skip
    """Run all regions; `out` receives the nocut momentum and weight, the all and charged lists."""
    nocut, puppi_weight, passed, kept = out
    for r in range(len(counts[0])):
        n, m = min(counts[2][r], setup[1]), min(counts[1][r], setup[0])
        vertex = np.int64(counts[0][r])
        for i in range(m):
            inside = fiducial(charged[1][r, i], charged[2][r, i], region[2][r], region[3][r])
            near = abs(np.int64(charged[4][r, i]) - vertex) <= setup[5]
            if inside and (near or charged[3][r, i] >= 6):
                kept[r, i] = charged[0][r, i]
        for i in range(n):
            pt = np.int64(neutral[0][r, i])
            if pt == 0:
                continue
            total = _legacy_sum(r, i, setup, neutral, track, vertex, n, m, forward)
            b = 0
            for edge in edges:
                b += abs(wrap(np.int64(region[0][r]) + neutral[1][r, i], 12)) > edge
            w = _legacy_weight(total, pt, bins[b], neutral[3][r, i] != 0, logarithm, weight)
            nocut[r, i] = (pt * w) >> 8
            puppi_weight[r, i] = w
            inside = fiducial(neutral[1][r, i], neutral[2][r, i], region[2][r], region[3][r])
            if inside and nocut[r, i] >= bins[b, 0]:
                passed[r, i] = nocut[r, i]


def run_legacy(
    tables: LegacyTables, track: Arrays, charged: Arrays, neutral: Arrays, region: Arrays,
    counts: Arrays,
) -> dict[str, AnyArray]:  # fmt: skip
    """Run the integer variant over all regions.

    Returns
    -------
    dict of ndarray of int16
        `legacy_nocut_hwPt`, `legacy_nocut_hwPuppiW`, `legacy_all_hwPt`, shape (n, n_in), and with
        tracks `legacy_ch_hwPt`, shape (n, n_track).
    """
    n = len(region[0])
    n_track, n_in = int(tables.setup[0]), int(tables.setup[1])
    nocut, weight, passed = (np.zeros((n, n_in), dtype=np.int16) for _ in range(3))
    kept = np.zeros((n, n_track), dtype=np.int16)
    empty = np.empty((0, 0), dtype=np.int16)
    _run(
        tables.setup, tables.edges, tables.bins, tables.logarithm, tables.weight, tables.forward,
        track or (empty,) * 4, charged or (empty,) * 9, neutral, region, counts,
        (nocut, weight, passed, kept),
    )  # fmt: skip
    named = {
        "legacy_nocut_hwPt": nocut,
        "legacy_nocut_hwPuppiW": weight,
        "legacy_all_hwPt": passed,
    }
    return named if tables.forward else {**named, "legacy_ch_hwPt": kept}
