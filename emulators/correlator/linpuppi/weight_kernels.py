# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202
"""Kernels of LinPuppi: sums over neighbours, weights, final sort; blocks of 64 regions.

Every stage runs over one block of regions whose work arrays stay in the first-level cache.
Inner loops have a fixed length where that compiles to vector instructions.
"""

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.sorting import insertion_order, network_order
from l1kd.emulators.correlator.types import wrap

__all__ = [
    "BLOCK", "eta_bin", "final_sort", "phi_at_vertex", "select", "weigh_forward", "weigh_tracker",
]  # fmt: skip

BLOCK = 64


@njit(nogil=True, inline="always")
def saturate12(x):
    """Clip to the range of a signed 12-bit number."""
    return min(max(x, -2048), 2047)


@njit(nogil=True, inline="always")
def fiducial(eta, phi, eta_half, phi_half):
    """Tell whether a local position belongs to the region: lower edges out, upper edges in."""
    return (-eta_half < eta) & (eta <= eta_half) & (-phi_half < phi) & (phi <= phi_half)


@njit(nogil=True)
def phi_at_vertex(phi, label, bend):
    """Return the local azimuth, from that at the calorimeter, where tracks come from.

    Integers, or arrays of them; the lowest bit of `label` is set where the charge is positive.
    """
    return wrap(phi + bend * (2 * (label & 1) - 1), 10)


@njit(nogil=True, inline="always")
def eta_bin(eta, edges):
    """Count the edges below the size of a global pseudorapidity."""
    size = abs(wrap(eta, 12))
    n = 0
    for edge in edges:
        n += size > edge
    return n


@njit(nogil=True, error_model="numpy", inline="always")
def inverse_dr2(s):
    """Return 65536/s of an int32, rounded half up and saturated at 16 bits; 0 at 0.

    In single precision it equals the reference's table, which is made in double precision.
    """
    ratio = np.float32(65536) / np.float32(max(s, np.int32(1))) + np.float32(0.5)
    return min(np.int32(ratio), np.int32(65535)) if s > 0 else np.int32(0)


@njit(nogil=True, error_model="numpy", inline="always")
def _term(deta, dphi, pt2, dr2_min, dr2_max):
    """Return min(pt^2, ptMax^2)/dR^2 of one source in 1/64, 0 outside the cone."""
    dr2 = np.int32(np.int32(deta * deta) + np.int32(dphi * dphi))
    inverse = inverse_dr2(np.int32(max(dr2, dr2_min) >> 5))
    term = min(np.int32(np.int32(pt2 * inverse) >> 10), np.int32(4095))
    return term if dr2 <= dr2_max else np.int32(0)


@njit(nogil=True, error_model="numpy")
def neighbour_sums(n, m, dr2_min, dr2_max, target, source, sums):
    """Add up the terms of m sources around each of n targets, unsaturated.

    `target` is (eta, phi), `source` is (eta, phi, min(pt^2, ptMax^2) >> 5), all int32 rows with
    room for n rounded up to 32. The lanes are 16 or 32 because shorter loops of fixed length are
    unrolled before they can become vector instructions.
    """
    if n <= 16:
        for lane in range(16):
            sums[lane] = 0
        for k in range(m):
            eta, phi, pt2 = source[0, k], source[1, k], source[2, k]
            for lane in range(16):
                deta = np.int32(target[0, lane] - eta)
                dphi = np.int32(target[1, lane] - phi)
                sums[lane] += _term(deta, dphi, pt2, dr2_min, dr2_max)
        return
    for first in range(0, n, 32):
        for lane in range(32):
            sums[first + lane] = 0
        for k in range(m):
            eta, phi, pt2 = source[0, k], source[1, k], source[2, k]
            for lane in range(32):
                deta = np.int32(target[0, first + lane] - eta)
                dphi = np.int32(target[1, first + lane] - phi)
                sums[first + lane] += _term(deta, dphi, pt2, dr2_min, dr2_max)


@njit(nogil=True)
def weigh(r, lane, n, neutral, region, sums, bins, tables, work):
    """Turn the sums of one region into weights, momenta and the decision to keep.

    `bins` holds per eta bin: ptCut, then slope, zero and prior of hadrons and of photons.
    Rejected neutrals have -1 in the last work array, others their momentum.
    """
    pt, eta, phi, em = neutral
    edges, alpha, logistic = tables
    weight, nocut, passed = work
    eta_centre, eta_half, phi_half = region[0][r], region[2][r], region[3][r]
    for i in range(n):
        b = eta_bin(eta_centre + eta[r, i], edges)
        kind = 3 if em[r, i] else 0
        raw = np.int32(pt[r, i])
        x2pt = saturate12((bins[b, kind + 1] * (raw - bins[b, kind + 2])) >> 3)
        x2 = saturate12(alpha[b, min(sums[i], 4095)] + x2pt - bins[b, kind + 3])
        w = np.int32(logistic[x2 + 2048]) if raw != 0 else np.int32(0)
        p = min(8191, (raw * w + 128) >> 8)
        keep = fiducial(eta[r, i], phi[r, i], eta_half, phi_half) & (p >= bins[b, 0]) & (raw != 0)
        weight[lane, i] = w
        nocut[lane, i] = p
        passed[lane, i] = p if keep else -1


@njit(nogil=True)
def weigh_tracker(
    start, stop, track, charged, neutral, region, counts, setup, bins, tables, work
) -> None:
    """Associate tracks, keep charged candidates and weigh neutral ones, for one block.

    Parameters
    ----------
    start, stop : int
        The regions of the block.
    track : tuple of int16[n, n_trk]
        pt, eta, phi, z0.
    charged : tuple of int16[n, n_trk]
        pt, eta, phi, id, then fields that are not read here.
    neutral : tuple of int16[n, n_neu]
        pt, eta, phi, isEM.
    region : tuple of int16[n]
        eta centre, phi centre, eta half width, phi half width.
    counts : tuple of int16[n]
        PV z0, number of tracks, number of neutrals.
    setup : int32[7]
        n_track, n_in, dr2_min, dr2_max, pt2_max, dz.
    bins, tables : int32[n_bins, 7], tuple
        Parameters per bin; eta edges, alpha term per bin, logistic table.
    work : tuple
        associated int8[64, tracks], kept int8[64, tracks] and a tuple of weight, nocut and passed
        int16[64, neutrals], which are the result; rows of target, source and sums, int32.
    """
    associated, kept, result, target, source, sums = work
    n_track, n_in, dr2_min, dr2_max, pt2_max, dz_cut = setup[:6]
    for r in range(start, stop):
        lane = r - start
        vertex, n_trk, n_neu = counts[0][r], counts[1][r], min(counts[2][r], n_in)
        eta_half, phi_half = region[2][r], region[3][r]
        for i in range(n_trk):
            associated[lane, i] = abs(np.int32(track[3][r, i]) - vertex) <= dz_cut
        m = 0
        for i in range(min(n_trk, n_track)):
            ok = associated[lane, i] == 1
            pt = np.int32(track[0][r, i])
            source[0, m] = track[1][r, i]
            source[1, m] = track[2][r, i]
            source[2, m] = min((pt * pt) >> 5, pt2_max)
            m += ok & (pt != 0)
            inside = fiducial(charged[1][r, i], charged[2][r, i], eta_half, phi_half)
            kept[lane, i] = (charged[0][r, i] != 0) & inside & (ok | (charged[3][r, i] >= 6))
        for i in range(n_neu):
            target[0, i] = neutral[1][r, i]
            target[1, i] = neutral[2][r, i]
        neighbour_sums(n_neu, m, dr2_min, dr2_max, target, source, sums)
        weigh(r, lane, n_neu, neutral, region, sums, bins, tables, result)


@njit(nogil=True, error_model="numpy")
def weigh_forward(start, stop, cluster, region, counts, setup, bins, tables, work) -> None:
    """Weigh the clusters of regions without tracks by the other clusters, for one block.

    The arguments are those of `weigh_tracker`; `cluster` takes the place of the neutrals. The
    sum first includes the cluster itself at no distance, whose term is then taken away: the
    total does not saturate before that.
    """
    _, _, result, target, source, sums = work
    _, n_in, dr2_min, dr2_max, pt2_max, _ = setup[:6]
    inverse = inverse_dr2(np.int32(dr2_min >> 5))
    for r in range(start, stop):
        n = min(counts[2][r], n_in)
        for i in range(n):
            pt = np.int32(cluster[0][r, i])
            target[0, i] = cluster[1][r, i]
            target[1, i] = cluster[2][r, i]
            source[0, i] = target[0, i]
            source[1, i] = target[1, i]
            source[2, i] = min((pt * pt) >> 5, pt2_max)
        neighbour_sums(n, n, dr2_min, dr2_max, target, source, sums)
        for i in range(n):
            sums[i] -= min((source[2, i] * inverse) >> 10, 4095)
        weigh(r, r - start, n, cluster, region, sums, bins, tables, result)


@njit(nogil=True)
def select(start, stop, counts, setup, passed, selected, keys, rank, order) -> None:
    """Sort the neutrals of a block by insertion; `selected` holds their slots, -1 if rejected."""
    n_in, n_out = setup[1], setup[6]
    for r in range(start, stop):
        lane = r - start
        n = min(counts[2][r], n_in)
        for i in range(n):
            keys[i] = (max(np.int32(passed[lane, i]), 0) << 8) | i
        insertion_order(keys, n, order, n_out, rank)
        for k in range(min(n, n_out)):
            slot = order[k] & 255
            selected[lane, k] = slot if passed[lane, slot] >= 0 else -1


@njit(nogil=True)
def final_keys(lane, n_trk, n_neu, charged_pt, r, setup, work, row):
    """Write the keys of one region in the order of the final sort's input slots; return how many.

    Slots are the tracks and then the neutrals, or the selected neutrals where fewer leave than
    enter. Empty slots get no key: they would end behind all others and be dropped.
    """
    kept, passed, selected = work
    n_track, n_in, n_out = setup[0], setup[1], setup[6]
    m = 0
    for i in range(min(n_trk, n_track)):
        row[m] = (np.int32(charged_pt[r, i]) << 8) | i
        m += kept[lane, i]
    for i in range(min(n_neu, n_out)):
        slot = i if n_out == n_in else selected[lane, i]
        p = np.int32(passed[lane, slot]) if slot >= 0 else np.int32(0)
        row[m] = (p << 8) | (n_track + i)
        m += p > 0
    return m


@njit(nogil=True)
def final_sort(
    start, stop, charged_pt, counts, setup, network, work, scratch, order, passing
) -> None:
    """Sort the candidates of a block of tracker regions.

    `order` int32[64, n_final] gets the keys, `passing` int16[n] how many candidates were sorted.
    """
    selected = work[2]
    keys, rank, wires = scratch
    pairs, outputs, _ = network
    n_track, n_in, n_out, n_final = setup[0], setup[1], setup[6], setup[7]
    by_network = pairs.shape[0] > 0
    if by_network:
        wires[:] = 0
    order[:] = 0
    for r in range(start, stop):
        lane = r - start
        n_trk, n_neu = counts[1][r], min(counts[2][r], n_in)
        m = final_keys(lane, n_trk, n_neu, charged_pt, r, setup, work, keys)
        passing[r] = m
        if by_network:
            for i in range(m):
                wires[keys[i] & 255, lane] = keys[i]
        else:
            insertion_order(keys, m, order[lane], n_final, rank)
    if by_network:
        network_order(wires, pairs)
        for k in range(outputs.shape[0]):
            for lane in range(stop - start):
                order[lane, k] = wires[outputs[k], lane]
    if n_out != n_in:
        for lane in range(stop - start):
            for k in range(n_final):
                slot = (order[lane, k] & 255) - n_track
                if order[lane, k] >= 256 and slot >= 0:
                    order[lane, k] += selected[lane, slot] - slot
