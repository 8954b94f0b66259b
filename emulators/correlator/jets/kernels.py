# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202
"""Kernels of the seeded-cone jets."""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.sorting import insertion_order
from l1kd.emulators.correlator.tables import JET_INVERSE_PT
from l1kd.emulators.correlator.types import wrap

__all__ = ["JET_FIELDS", "cluster", "empty_jets", "inverse_pt"]

JET_FIELDS = (
    "hwPt",
    "hwEta",
    "hwPhi",
    "nConstituents",
    "seed_hwPt",
    "seed_hwEta",
    "seed_hwPhi",
    "massTieAmbiguous",
)
SLOTS = 160
MASS_CONSTITUENTS = 32
UNSIGNED_MAX = (1 << 20) - 1
SIGNED_MAX = (1 << 21) - 1


def inverse_pt() -> Indices:
    """Return the 18-bit reciprocal of every raw momentum, which wraps at 4 GeV and below."""
    pt = np.arange(16384)
    msb = np.zeros(16384, dtype=np.int64)
    for bit in range(1, 14):
        msb[pt >= 1 << bit] = bit
    index = ((pt << (13 - msb)) >> 3) & 1023
    return ((JET_INVERSE_PT[index] << (13 - msb)) & ((1 << 18) - 1)).astype(np.int32)


INVERSE_PT = inverse_pt()


def empty_jets(n: int, n_jets: int) -> tuple[Any, Any, Any]:
    """Allocate the number of jets, the 16-bit fields and the squared masses."""
    return (
        np.zeros(n, dtype=np.int16),
        np.zeros((len(JET_FIELDS), n, n_jets), dtype=np.int16),
        np.zeros((n, n_jets), dtype=np.int32),
    )


@njit(nogil=True, inline="always")
def _turn(dphi):
    """Bring a difference of azimuths to [-720, 720]; both ends stay as they are."""
    return dphi - 1440 if dphi > 720 else (dphi + 1440 if dphi < -720 else dphi)


@njit(nogil=True, inline="always")
def _divide(total, inverse):
    """Multiply by a reciprocal with 20 fractional bits, truncated toward zero, 12 bits."""
    product = np.int64(total) * inverse
    return wrap(product // 1048576 if product >= 0 else -(-product // 1048576), 12)


@njit(nogil=True)
def _seed(pt, n):
    """Return the position of the largest momentum, the first of equal ones."""
    best = np.int32(-1)
    for i in range(n):
        key = np.int32(np.int32(pt[i] << 8) | np.int32(255 - i))
        best = max(best, key)
    return 255 - (best & 255)


@njit(nogil=True)
def _split(pt, eta, phi, inside, n, seed_eta, seed_phi, cone2, members):
    """Move the candidates in the cone to `members` (pt, deta, dphi); close the gaps in the rest."""
    for i in range(n):
        deta = np.int32(eta[i] - seed_eta)
        dphi = np.int32(_turn(np.int32(phi[i] - seed_phi)))
        members[3, i] = deta
        members[4, i] = dphi
        inside[i] = np.int32(np.int32(deta * deta) + np.int32(dphi * dphi)) < cone2
    m = 0
    rest = 0
    for i in range(n):
        p, e, f = pt[i], eta[i], phi[i]
        members[0, m] = p
        members[1, m] = members[3, i]
        members[2, m] = members[4, i]
        pt[rest] = p
        eta[rest] = e
        phi[rest] = f
        m += inside[i]
        rest += 1 - inside[i]
    return m


@njit(nogil=True)
def _largest(members, m, keys, order, rank):
    """Sort the constituents by momentum, equal ones as they come; return if the cut hits a tie."""
    for i in range(m):
        keys[i] = (members[0, i] << 8) | (255 - i)
    insertion_order(keys, m, order, m, rank)
    for k in range(m):
        i = 255 - (order[k] & 255)
        members[3, k] = members[1, i]
        members[4, k] = members[2, i]
        rank[k] = members[0, i]
    for k in range(m):
        members[0, k] = rank[k]
        members[1, k] = members[3, k]
        members[2, k] = members[4, k]
    return m > MASS_CONSTITUENTS and rank[MASS_CONSTITUENTS - 1] == rank[MASS_CONSTITUENTS]


@njit(nogil=True)
def _mass2(members, m, trigonometry):
    """Return the squared mass of constituents that are in order of momentum.

    Each sum saturates at every addition; only in sums of both signs does the order matter.
    """
    energy, px, py, pz = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for i in range(min(m, MASS_CONSTITUENTS)):
        pt, deta, dphi = members[0, i], members[1, i], members[2, i]
        e, f = abs(deta), abs(dphi)
        energy = min(energy + ((pt * trigonometry[0, e]) >> 6), UNSIGNED_MAX)
        px = min(px + ((pt * trigonometry[1, f]) >> 6), UNSIGNED_MAX)
        y = pt * trigonometry[2, f]
        z = pt * trigonometry[3, e]
        py = min(max(py + ((y if dphi >= 0 else -y) >> 6), -SIGNED_MAX - 1), SIGNED_MAX)
        pz = min(max(pz + ((z if deta >= 0 else -z) >> 6), -SIGNED_MAX - 1), SIGNED_MAX)
    return min(max((energy * energy - px * px - py * py - pz * pz) >> 14, 0), 131071)


@njit(nogil=True)
def cluster(
    n_cand, cand_pt, cand_eta, cand_phi, cone2, mass, trigonometry, n_jets, out, mass2
) -> None:
    """Find the jets of all events.

    Parameters
    ----------
    n_cand : int16[n]
        Candidates per event.
    cand_pt, cand_eta, cand_phi : int16[n, slots]
        Raw global candidates.
    cone2 : int
        Squared radius.
    mass : bool
        Compute the squared mass.
    trigonometry : int32[4, 185]
        cosh, cos, sin, sinh in 1/4096.
    n_jets, out, mass2 : int16[n], int16[8, n, jets], int32[n, jets]
        Results, filled with zeros on entry.
    """
    pt, eta, phi, inside = (
        np.zeros(SLOTS, np.int32),
        np.zeros(SLOTS, np.int32),
        np.zeros(SLOTS, np.int32),
        np.zeros(SLOTS, np.int32),
    )
    members = np.zeros((5, SLOTS), np.int32)
    keys, order, rank = (
        np.zeros(SLOTS, np.int32),
        np.zeros(SLOTS, np.int32),
        np.zeros(SLOTS, np.int32),
    )
    for event in range(len(n_cand)):
        n = np.int64(n_cand[event])
        for i in range(n):
            pt[i] = cand_pt[event, i]
            eta[i] = cand_eta[event, i]
            phi[i] = cand_phi[event, i]
        jet = 0
        while n > 0 and jet < out.shape[2]:
            s = _seed(pt, n)
            seed_pt, seed_eta, seed_phi = pt[s], eta[s], phi[s]
            m = _split(pt, eta, phi, inside, n, seed_eta, seed_phi, cone2, members)
            n -= m
            total, sum_eta, sum_phi = 0, 0, 0
            for i in range(m):
                total += members[0, i]
                sum_eta += (members[0, i] * members[1, i]) >> 2
                sum_phi += (members[0, i] * members[2, i]) >> 2
            total = min(total, 16383)
            inverse = INVERSE_PT[total]
            out[0, event, jet] = total
            out[1, event, jet] = wrap(seed_eta + _divide(wrap(sum_eta, 22), inverse), 12)
            shifted = wrap(seed_phi + _divide(wrap(sum_phi, 22), inverse), 12)
            out[2, event, jet] = wrap(shifted, 11)
            out[3, event, jet] = m
            out[4, event, jet] = seed_pt
            out[5, event, jet] = seed_eta
            out[6, event, jet] = seed_phi
            tie = _largest(members, m, keys, order, rank)
            out[7, event, jet] = tie
            if mass:
                mass2[event, jet] = _mass2(members, m, trigonometry)
            jet += 1
        n_jets[event] = jet
