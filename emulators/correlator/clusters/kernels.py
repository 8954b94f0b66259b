# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202
"""Kernels that fill towers, find local maxima, share energy and write clusters."""

from math import floor

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.types import global_phi

__all__ = ["LOSSES", "cluster", "spread"]

LOSSES = (
    "unclustered_cells",
    "unclustered_pt",
    "small_clusters",
    "small_pt",
    "sector_clusters",
    "sector_pt",
    "saturated_pt",
)
CELLS, CELLS_PT, SMALL, SMALL_PT, SECTOR, SECTOR_PT, SATURATED = range(7)

LSB = np.float32(np.pi / 720)
MAX_PT = 16383
MAX_ETA = 1260
PHOTON, HADRON, FORWARD_HADRON, FORWARD_PHOTON = 3, 4, 5, 6
MUON = 2
# raw pseudorapidity 3.0, beyond which particles have classes of their own
FORWARD = 688


@njit(nogil=True, inline="always")
def _round(x):
    """Round to the nearest integer, halves away from zero."""
    return floor(x + 0.5) if x >= 0 else -floor(0.5 - x)


@njit(nogil=True, inline="always")
def _mean(moment, total):
    """Divide and round to the nearest integer, halves up."""
    return (2 * moment + total) // (2 * total)


@njit(nogil=True)
def _fill(start, stop, particles, hard, track_eta, tables, towers, cell_of):
    """Add the deposits of one event to the towers; cell -1 is given to what is no deposit."""
    pt, eta, phi, charge, pid = particles
    rings, grids = tables[0], tables[1]
    em, had, truth = towers
    for i in range(start, stop):
        cell_of[i] = -1
        if charge[i] != 0 and abs(eta[i]) <= track_eta:
            continue
        raw = min(_round(pt[i] * 4), MAX_PT)
        if pid[i] == MUON or raw == 0 or abs(eta[i]) >= 6:
            continue
        raw_eta = _round(np.float64(np.float32(eta[i]) / LSB))
        if abs(raw_eta) > MAX_ETA or rings[raw_eta + MAX_ETA, 0] < 0:
            continue
        raw_phi = _round(np.float64(np.float32(phi[i]) / LSB))
        number, ring = rings[raw_eta + MAX_ETA]
        first, _, columns, width = grids[number, :4]
        column = (raw_phi + 720) % 1440 // width
        cell = first + (ring + 1) * (columns + 2) + column + 1
        if pid[i] == PHOTON or pid[i] == FORWARD_PHOTON or pid[i] == 1:
            em[cell] += raw
        else:
            had[cell] += raw
        truth[cell] += raw * hard[i]
        cell_of[i] = cell


@njit(nogil=True)
def _close(grids, values):
    """Repeat the columns at one end of every grid in the border at the other end."""
    for number in range(grids.shape[0]):
        first, n_rings, columns = grids[number, :3]
        for ring in range(1, n_rings + 1):
            row = first + ring * (columns + 2)
            values[row] = values[row + columns]
            values[row + columns + 1] = values[row + 1]


@njit(nogil=True)
def _seeds(tables, pt, seed, clusters, which):
    """Write the local maxima into `clusters` (cell, grid, ring, column); return their number.

    Of equal neighbours the one of larger eta, and at equal eta of larger azimuth, is the maximum.
    """
    grids = tables[1]
    m = 0
    for number in range(grids.shape[0]):
        first, n_rings, columns = grids[number, :3]
        w = columns + 2
        for ring in range(n_rings):
            for column in range(columns):
                c = first + (ring + 1) * w + column + 1
                e = pt[c]
                if e < seed or e == 0:
                    continue
                before = max(pt[c - w - 1], pt[c - w], pt[c - w + 1], pt[c - 1])
                after = max(pt[c + 1], pt[c + w - 1], pt[c + w], pt[c + w + 1])
                if before > e or after >= e:
                    continue
                clusters[m, 0], clusters[m, 1], clusters[m, 2], clusters[m, 3] = (
                    c, number, ring, column,
                )  # fmt: skip
                m += 1
                which[c] = m
    return m


@njit(nogil=True)
def _share(tables, towers, which, slots, sums, truths, links, n_links, lost):
    """Give the energy of every tower to the maximum that it is or that it touches.

    A tower between several maxima is split in proportion to their towers, electromagnetic and
    hadronic part each rounded down; what is left goes to the largest. Returns the number of links.

    Parameters
    ----------
    towers : tuple of arrays
        em, had, pt int64 and truth float64, of every cell.
    which : int32[cells]
        Number of the maximum in a cell, counted from one, 0 where there is none.
    slots : int64[cells]
        Receives the position of every occupied tower's first link.
    sums : int64[maxima, 4]
        Receives em, had and the moments in eta and azimuth.
    truths : float64[maxima]
        Receives the energy of the hard collision.
    links : tuple of arrays
        Receives the maximum (from 0) and the fraction of each link; a tower's links are ended by
        one with the maximum -1.
    """
    em, had, pt, truth = towers
    grids, centres = tables[1], tables[2]
    near = np.empty(8, np.int64)
    for number in range(grids.shape[0]):
        first, n_rings, columns, width = grids[number, :4]
        w = columns + 2
        for ring in range(n_rings):
            for column in range(columns):
                c = first + (ring + 1) * w + column + 1
                if pt[c] == 0:
                    continue
                slots[c] = n_links
                own = which[c] - 1
                if own >= 0:
                    sums[own, 0] += em[c]
                    sums[own, 1] += had[c]
                    truths[own] += truth[c]
                    links[0][n_links], links[1][n_links] = own, 1
                    links[0][n_links + 1] = -1
                    n_links += 2
                    continue
                k, total, largest = 0, 0, -1
                for de in range(-1, 2):
                    for dp in range(-1, 2):
                        other = c + de * w + dp
                        if which[other] > 0:
                            near[k], near[k + 4] = other, 3 * (de + 1) + dp + 1
                            total += pt[other]
                            if largest < 0 or pt[other] > pt[near[largest]]:
                                largest = k
                            k += 1
                if k == 0:
                    lost[CELLS] += 1
                    lost[CELLS_PT] += pt[c]
                left_em, left_had = em[c], had[c]
                for j in range(k):
                    left_em -= em[c] * pt[near[j]] // total
                    left_had -= had[c] * pt[near[j]] // total
                for j in range(k):
                    part_em = em[c] * pt[near[j]] // total + (left_em if j == largest else 0)
                    part_had = had[c] * pt[near[j]] // total + (left_had if j == largest else 0)
                    s, place = which[near[j]] - 1, near[j + 4]
                    part = part_em + part_had
                    sums[s, 0] += part_em
                    sums[s, 1] += part_had
                    de, dp = place // 3 - 1, place % 3 - 1
                    sums[s, 2] += part * (
                        centres[number, ring + 1] - centres[number, ring + 1 + de]
                    )
                    sums[s, 3] -= part * dp * width
                    fraction = part / pt[c]
                    truths[s] += truth[c] * fraction
                    links[0][n_links], links[1][n_links] = s, fraction
                    n_links += 1
                links[0][n_links] = -1
                n_links += 1
    return n_links


@njit(nogil=True)
def _limit(grids, clusters, m, pt, limits, minimum, kept, best, used, lost):
    """Decide which clusters leave: of every sector the largest, equal ones as they come."""
    used[:] = 0
    for s in range(m):
        kept[s] = pt[s] >= minimum
        if not kept[s]:
            lost[SMALL] += 1
            lost[SMALL_PT] += pt[s]
            continue
        number, ring, column = clusters[s, 1], clusters[s, 2], clusters[s, 3]
        limit = limits[number]
        if limit < 0:
            continue
        columns, first, around, per = (
            grids[number, 2], grids[number, 4], grids[number, 5], grids[number, 6],
        )  # fmt: skip
        sector = first + ring // per * around + column * around // columns
        place = used[sector]
        while place > 0 and pt[best[sector, place - 1]] < pt[s]:
            place -= 1
        dropped = -1
        if used[sector] < limit:
            used[sector] += 1
        else:
            dropped = s if place == limit else best[sector, limit - 1]
        for k in range(used[sector] - 1, place, -1):
            best[sector, k] = best[sector, k - 1]
        if place < limit:
            best[sector, place] = s
        if dropped >= 0:
            kept[dropped] = False
            lost[SECTOR] += 1
            lost[SECTOR_PT] += pt[dropped]


@njit(nogil=True)
def _write(m, tables, clusters, sums, truths, pt, kept, em_cut, n, out, target, lost):
    """Write the clusters of one event behind position n; return the position behind the last.

    `target` int64[maxima] receives the position of each, -1 where it is dropped.
    """
    o_pt, o_eta, o_phi, o_em, o_truth, o_source, o_pid = out
    grids, centres = tables[1], tables[2]
    for s in range(m):
        target[s] = -1
        if not kept[s]:
            continue
        number, ring, column = clusters[s, 1], clusters[s, 2], clusters[s, 3]
        width = grids[number, 3]
        total = pt[s]
        eta = centres[number, ring + 1] + _mean(sums[s, 2], total)
        phi = column * width + width // 2 - 720 + _mean(sums[s, 3], total)
        o_pt[n] = min(total, MAX_PT)
        lost[SATURATED] += total - o_pt[n]
        o_eta[n] = eta
        o_phi[n] = global_phi(phi)
        o_em[n] = sums[s, 0] / total
        o_truth[n] = truths[s] / total
        o_source[n] = -1
        is_em = sums[s, 0] * 256 >= em_cut * total
        if abs(eta) > FORWARD:
            o_pid[n] = FORWARD_PHOTON if is_em else FORWARD_HADRON
        else:
            o_pid[n] = PHOTON if is_em else HADRON
        target[s] = n
        n += 1
    return n


@njit(nogil=True)
def cluster(
    offsets, particles, hard, track_eta, cuts, limits, tables, out, bounds, links, lost
) -> int:
    """Replace the deposits of every event by clusters.

    Parameters
    ----------
    offsets : int64[n_events + 1]
        Bounds of the events.
    particles : tuple of arrays
        pt, eta, phi float64; charge, pid int8.
    hard : float32[n]
        Share of the hard collision in every particle.
    track_eta : float
        Charged particles within pass, those beyond leave deposits.
    cuts : tuple of int
        Smallest tower of a maximum, smallest cluster, both raw; smallest electromagnetic share of
        a photon in 1/256.
    limits : int64[5]
        Clusters of a sector by grid, -1 for no limit.
    tables : tuple
        `geometry.tables`.
    out : tuple of arrays
        Receives raw pt, eta, phi int64, electromagnetic and hard share float32, source int64 (-1 of
        clusters), pid int8. Of what passes only the source is written, before the clusters.
    bounds : int64[n_events + 1]
        Receives the bounds of the events in them.
    links : tuple of arrays
        int64[n] position of each particle's first link; int32 position in `out` and float32
        fraction of every link. Links end with the position -1, of which those to dropped clusters
        have -2.
    lost : int64[n_events, 7]
        Losses.

    Returns
    -------
    int
        Number of links.
    """
    grids, cells = tables[1], tables[3]
    first_link, link_target, link_fraction = links
    em, had, pt = np.zeros(cells, np.int64), np.zeros(cells, np.int64), np.zeros(cells, np.int64)
    truth, which, slots = np.zeros(cells), np.zeros(cells, np.int32), np.empty(cells, np.int64)
    clusters, sums = np.empty((cells, 4), np.int64), np.empty((cells, 4), np.int64)
    truths, sizes = np.empty(cells), np.empty(cells, np.int64)
    kept, target = np.empty(cells, np.bool_), np.empty(cells, np.int64)
    sectors = grids[-1, 4] + grids[-1, 5]
    best = np.empty((sectors, max(limits.max(), 1)), np.int64)
    used = np.empty(sectors, np.int64)
    n, n_links = 0, 0
    for event in range(len(offsets) - 1):
        start, stop = offsets[event], offsets[event + 1]
        em[:], had[:], truth[:], which[:] = 0, 0, 0, 0
        _fill(start, stop, particles, hard, track_eta, tables, (em, had, truth), first_link)
        pt[:] = em + had
        _close(grids, pt)
        m = _seeds(tables, pt, cuts[0], clusters, which)
        _close(grids, which)
        sums[:m], truths[:m] = 0, 0
        begin = n_links
        n_links = _share(
            tables, (em, had, pt, truth), which, slots, sums, truths,
            (link_target, link_fraction), n_links, lost[event],
        )  # fmt: skip
        sizes[:m] = sums[:m, 0] + sums[:m, 1]
        _limit(grids, clusters, m, sizes, limits, cuts[1], kept, best, used, lost[event])
        for i in range(start, stop):
            if first_link[i] >= 0:
                first_link[i] = slots[first_link[i]]
                continue
            out[5][n] = i
            first_link[i] = n_links
            link_target[n_links], link_fraction[n_links] = n, 1
            link_target[n_links + 1] = -1
            n_links += 2
            n += 1
        own_links = n_links - 2 * (n - bounds[event])
        n = _write(
            m, tables, clusters, sums, truths, sizes, kept, cuts[2], n, out, target, lost[event]
        )
        for k in range(begin, own_links):
            if link_target[k] >= 0:
                place = target[link_target[k]]
                link_target[k] = place if place >= 0 else -2
        bounds[event + 1] = n
    return n_links


@njit(nogil=True)
def spread(first_link, link_target, link_fraction, values, result) -> None:
    """Add up for every particle the values of what it became, by the fractions of its energy."""
    for i in range(len(first_link)):
        k = first_link[i]
        total = 0.0
        while link_target[k] != -1:
            if link_target[k] >= 0:
                total += link_fraction[k] * values[link_target[k]]
            k += 1
        result[i] = total
