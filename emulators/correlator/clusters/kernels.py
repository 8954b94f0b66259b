# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202
"""Kernels that fill towers, find local maxima, share energy and write clusters."""

from math import floor
from typing import Literal, get_args

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.types import global_phi

__all__ = ["LOSSES", "WINDOWS", "Window", "cluster", "spread"]

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

Window = Literal["towers", "1x1", "cross", "3x3", "2x2"]
WINDOWS = get_args(Window)
"""What a cluster is made of: every tower alone, or a maximum alone, with the four towers that share
an edge with it, with all eight around it, or with the three of its square that hold most."""
TOWERS, SQUARE = 0, 4
WINDOW_BITS = np.array([0b000_010_000, 0b000_010_000, 0b010_111_010, 0b111_111_111])
"""Towers of a window, by place: three of smaller eta first, of these the smaller azimuth first."""
SQUARE_BITS = np.array([0b000_011_011, 0b000_110_110, 0b011_011_000, 0b110_110_000])

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
    rows, columns = tables[0], tables[3]
    em, had, truth = towers
    for i in range(start, stop):
        cell_of[i] = -1
        if charge[i] != 0 and abs(eta[i]) <= track_eta:
            continue
        raw = min(_round(pt[i] * 4), MAX_PT)
        if pid[i] == MUON or raw == 0 or abs(eta[i]) >= 6:
            continue
        raw_eta = _round(np.float64(np.float32(eta[i]) / LSB))
        if abs(raw_eta) > MAX_ETA:
            continue
        raw_phi = _round(np.float64(np.float32(phi[i]) / LSB))
        cell = rows[raw_eta + MAX_ETA, 0]
        cell += columns[rows[raw_eta + MAX_ETA, 1], (raw_phi + 720) % 1440]
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
def _occupied(grids, pt, cells):
    """List the towers with energy: cell, grid, ring, column; return their number."""
    m = 0
    for number in range(grids.shape[0]):
        first, n_rings, columns = grids[number, :3]
        for ring in range(n_rings):
            row = first + (ring + 1) * (columns + 2) + 1
            for column in range(columns):
                cells[m, 0], cells[m, 1] = row + column, number
                cells[m, 2], cells[m, 3] = ring, column
                m += pt[row + column] > 0
    return m


@njit(nogil=True)
def _seeds(grids, cells, n_cells, pt, seed, windows, seeds, which):
    """List the local maxima and write their numbers, from one, to `which`; return how many.

    Of equal neighbours the one of larger eta, and at equal eta of larger azimuth, is the maximum.
    Where every tower is a cluster all are maxima.
    """
    m = 0
    for k in range(n_cells):
        c, w = cells[k, 0], grids[cells[k, 1], 2] + 2
        e = pt[c]
        before = max(pt[c - w - 1], pt[c - w], pt[c - w + 1], pt[c - 1])
        after = max(pt[c + 1], pt[c + w - 1], pt[c + w], pt[c + w + 1])
        # whether it is one is a matter of chance to the processor: no branch, here and below
        is_seed = (before <= e) & (after < e) | (windows[cells[k, 1]] == TOWERS)
        is_seed &= e >= seed
        seeds[m] = k
        m += is_seed
        which[c] = m * is_seed
    return m


@njit(nogil=True)
def _reach(grids, cells, seeds, m, pt, windows, reach):
    """Write to every maximum which of its nine towers it may take, one bit for each place.

    Of the four squares of 2 x 2 the first with the largest sum is taken: smaller eta and smaller
    azimuth come first.
    """
    for s in range(m):
        c, number = cells[seeds[s], 0], cells[seeds[s], 1]
        if windows[number] < SQUARE:
            reach[c] = WINDOW_BITS[windows[number]]
            continue
        w, most = grids[number, 2] + 2, -1
        for square in range(4):
            a, b = w if square >= 2 else -w, 1 if square % 2 else -1
            total = pt[c + a] + pt[c + b] + pt[c + a + b]
            if total > most:
                most, reach[c] = total, SQUARE_BITS[square]


@njit(nogil=True, inline="always")
def _touching(c, w, reach, near):
    """List the maxima that a cell touches, their cell and place of nine; return their number."""
    k = 0
    for place in range(9):
        other = c + (place // 3 - 1) * w + place % 3 - 1
        near[k], near[k + 9] = other, place
        # seen from there, this cell lies at the opposite place
        k += (reach[other] >> (8 - place)) & 1
    return k


@njit(nogil=True, inline="always")
def _split(energy, k, near, pt, part):
    """Split an energy among k maxima by their towers; the largest takes what rounding leaves.

    The quotient in floating point is exact after rounding down: products stay below 2^53.
    """
    total, largest = 0, 0
    for j in range(k):
        total += pt[near[j]]
        largest = j if pt[near[j]] > pt[near[largest]] else largest
    left = energy
    for j in range(k):
        part[j] = np.int64(np.float64(energy * pt[near[j]]) / np.float64(total))
        left -= part[j]
    part[largest] += left


@njit(nogil=True)
def _share(tables, cells, n_cells, towers, which, reach, slots, sums, truths, links, n_links, lost):
    """Give the energy of every tower to the maximum that it is or to those that it touches.

    Parameters
    ----------
    cells, n_cells
        The occupied towers.
    towers : tuple of arrays
        em, had, pt int64 and truth float64, of every cell.
    which : int32[cells]
        Number of the maximum in a cell, counted from one, 0 where there is none.
    reach : int64[cells]
        Which of the nine towers around it a maximum takes, 0 where there is none.
    slots : int64[cells]
        Receives the position of every occupied tower's first link.
    sums : int64[maxima, 4]
        Receives em, had and the moments in eta and azimuth.
    truths : float64[maxima]
        Receives the energy of the hard collision.
    links : tuple of arrays
        Receives the maximum (from 0) and the fraction of each link; a tower's links are ended by
        one with the maximum -1. From position `n_links` on; the new number is returned.
    """
    em, had, pt, truth = towers
    grids, centres = tables[1], tables[2]
    near, part = np.empty(18, np.int64), np.empty(8, np.int64)
    for tower in range(n_cells):
        c, number, ring = cells[tower, 0], cells[tower, 1], cells[tower, 2]
        slots[c] = n_links
        if which[c] > 0:
            k, near[0], near[9] = 1, c, 4
        else:
            k = _touching(c, grids[number, 2] + 2, reach, near)
        part[0], part[4] = em[c], had[c]
        if k > 1:
            _split(em[c], k, near, pt, part[:4])
            _split(had[c], k, near, pt, part[4:])
        for j in range(k):
            s, given = which[near[j]] - 1, part[j] + part[j + 4]
            d_ring, d_column = near[j + 9] // 3 - 1, near[j + 9] % 3 - 1
            sums[s, 0] += part[j]
            sums[s, 1] += part[j + 4]
            shift = centres[number, ring + 1] - centres[number, ring + 1 + d_ring]
            sums[s, 2] += given * shift
            sums[s, 3] -= given * d_column * grids[number, 3]
            fraction = given / pt[c]
            truths[s] += truth[c] * fraction
            links[0][n_links], links[1][n_links] = s, fraction
            n_links += 1
        links[0][n_links] = -1
        n_links += 1
        if k == 0:
            lost[CELLS] += 1
            lost[CELLS_PT] += pt[c]
    return n_links


@njit(nogil=True, inline="always")
def _sector(grids, number, ring, column):
    """Return the sector of a tower."""
    columns, first, around, per = (
        grids[number, 2], grids[number, 4], grids[number, 5], grids[number, 6],
    )  # fmt: skip
    return first + ring // per * around + column * around // columns


@njit(nogil=True)
def _limit(grids, cells, seeds, m, pt, limits, minimum, kept, best, used, lost):
    """Decide which clusters leave: of every sector the largest, equal ones as they come.

    `used` int64[2, sectors] and `best` int64[sectors, largest limit] are work arrays.
    """
    used[:] = 0
    for s in range(m):
        number, ring, column = cells[seeds[s], 1], cells[seeds[s], 2], cells[seeds[s], 3]
        kept[s] = pt[s] >= minimum
        used[0, _sector(grids, number, ring, column)] += kept[s]
    for s in range(m):
        if not kept[s]:
            lost[SMALL] += 1
            lost[SMALL_PT] += pt[s]
            continue
        number, ring, column = cells[seeds[s], 1], cells[seeds[s], 2], cells[seeds[s], 3]
        limit, sector = limits[number], _sector(grids, number, ring, column)
        if limit < 0 or used[0, sector] <= limit:
            continue
        place = used[1, sector]
        while place > 0 and pt[best[sector, place - 1]] < pt[s]:
            place -= 1
        dropped = -1
        if used[1, sector] < limit:
            used[1, sector] += 1
        else:
            dropped = s if place == limit else best[sector, limit - 1]
        for k in range(used[1, sector] - 1, place, -1):
            best[sector, k] = best[sector, k - 1]
        if place < limit:
            best[sector, place] = s
        if dropped >= 0:
            kept[dropped] = False
            lost[SECTOR] += 1
            lost[SECTOR_PT] += pt[dropped]


@njit(nogil=True)
def _write(m, tables, cells, seeds, sums, truths, pt, kept, em_cut, n, out, target, lost):
    """Write the clusters of one event behind position n; return the position behind the last.

    `target` int64[maxima] receives the position of each, -1 where it is dropped.
    """
    o_pt, o_eta, o_phi, o_em, o_truth, o_source, o_pid = out
    grids, centres = tables[1], tables[2]
    for s in range(m):
        target[s] = -1
        if not kept[s]:
            continue
        number, ring, column = cells[seeds[s], 1], cells[seeds[s], 2], cells[seeds[s], 3]
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
    offsets, particles, hard, track_eta, cuts, limits, windows, tables, out, bounds, links, lost
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
    windows : int64[5]
        Position in `WINDOWS` of what a cluster is made of, by grid.
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
    grids, size = tables[1], tables[4]
    em, had, pt = np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64)
    truth, which, slots = np.zeros(size), np.zeros(size, np.int32), np.empty(size, np.int64)
    reach = np.zeros(size, np.int64)
    cells, seeds = np.empty((size, 4), np.int64), np.empty(size, np.int64)
    sums, truths, sizes = np.empty((size, 4), np.int64), np.empty(size), np.empty(size, np.int64)
    kept, target = np.empty(size, np.bool_), np.empty(size, np.int64)
    sectors = grids[-1, 4] + grids[-1, 5]
    best, used = (
        np.empty((sectors, max(limits.max(), 1)), np.int64),
        np.empty((2, sectors), np.int64),
    )
    n, n_links = 0, 0
    for event in range(len(offsets) - 1):
        start, stop = offsets[event], offsets[event + 1]
        em[:], had[:], truth[:], which[:], reach[:] = 0, 0, 0, 0, 0
        _fill(start, stop, particles, hard, track_eta, tables, (em, had, truth), links[0])
        pt[:] = em + had
        n_cells = _occupied(grids, pt, cells)
        _close(grids, pt)
        m = _seeds(grids, cells, n_cells, pt, cuts[0], windows, seeds, which)
        _reach(grids, cells, seeds, m, pt, windows, reach)
        _close(grids, which)
        _close(grids, reach)
        sums[:m], truths[:m] = 0, 0
        begin = n_links
        n_links = _share(
            tables, cells, n_cells, (em, had, pt, truth), which, reach, slots, sums, truths,
            links[1:], n_links, lost[event],
        )  # fmt: skip
        sizes[:m] = sums[:m, 0] + sums[:m, 1]
        _limit(grids, cells, seeds, m, sizes, limits, cuts[1], kept, best, used, lost[event])
        end = n_links
        n, n_links = _passing(start, stop, slots, links, n_links, n, out[5])
        n = _write(
            m, tables, cells, seeds, sums, truths, sizes, kept, cuts[2], n, out, target, lost[event]
        )
        for k in range(begin, end):
            if links[1][k] >= 0:
                place = target[links[1][k]]
                links[1][k] = place if place >= 0 else -2
        bounds[event + 1] = n
    return n_links


@njit(nogil=True)
def _passing(start, stop, slots, links, n_links, n, source):
    """Link deposits to their towers and let the rest pass; return positions behind the last."""
    first_link, link_target, link_fraction = links
    for i in range(start, stop):
        if first_link[i] >= 0:
            first_link[i] = slots[first_link[i]]
            continue
        source[n] = i
        first_link[i] = n_links
        link_target[n_links], link_fraction[n_links] = n, 1
        link_target[n_links + 1] = -1
        n_links += 2
        n += 1
    return n, n_links


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
