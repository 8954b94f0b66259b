# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202
"""Kernels of LinPuppi that write the result of one block of regions into the output arrays.

Fields of equal type come as one tuple of arrays `[region, slot]`. They arrive filled with zeros,
and only slots in use are written.
"""

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.linpuppi.weight_kernels import (
    BLOCK,
    final_sort,
    phi_at_vertex,
    select,
    weigh_forward,
    weigh_tracker,
)
from l1kd.emulators.correlator.types import global_phi, wrap

__all__ = ["finish_forward", "finish_tracker", "run_forward", "run_tracker"]


@njit(nogil=True, inline="always")
def _vertex_position(r, i, charged, region):
    """Return the global position at the vertex of a charged candidate."""
    eta = wrap(region[0][r] + wrap(np.int32(charged[1][r, i]) + charged[6][r, i], 10), 12)
    phi = phi_at_vertex(charged[2][r, i], charged[3][r, i], charged[7][r, i])
    phi = global_phi(region[1][r] + phi)
    return eta, phi


@njit(nogil=True)
def _write_charged(start, stop, charged, region, counts, setup, associated, kept, assoc, ch16, ch8):
    """Write the association flags and the charged list."""
    for r in range(start, stop):
        n_trk = counts[1][r]
        for i in range(n_trk):
            assoc[r, i] = associated[r - start, i]
        for i in range(min(n_trk, setup[0])):
            if kept[r - start, i]:
                eta, phi = _vertex_position(r, i, charged, region)
                ch16[0][r, i] = charged[0][r, i]
                ch16[1][r, i] = eta
                ch16[2][r, i] = phi
                ch16[3][r, i] = charged[4][r, i]
                ch16[4][r, i] = charged[5][r, i]
                ch8[0][r, i] = charged[3][r, i]
                ch8[1][r, i] = charged[8][r, i]


@njit(nogil=True, inline="always")
def _write_one(r, lane, i, k, neutral, region, weight, nocut, out16, out8):
    """Write neutral i of a region into slot k of a list."""
    out16[0][r, k] = nocut[lane, i]
    out16[1][r, k] = wrap(np.int32(region[0][r]) + neutral[1][r, i], 12)
    out16[2][r, k] = global_phi(np.int32(region[1][r]) + neutral[2][r, i])
    out16[3][r, k] = weight[lane, i]
    out8[0][r, k] = 1 if neutral[3][r, i] else 0
    out8[1][r, k] = neutral[4][r, i]


@njit(nogil=True)
def _write_neutral(start, stop, neutral, region, counts, setup, result, selected, out):
    """Write the lists of neutrals: without cut, with cut, selected."""
    weight, nocut, passed = result
    nocut16, nocut8, all16, sel16, sel8, n_sel = out
    for r in range(start, stop):
        lane = r - start
        n = min(counts[2][r], setup[1])
        for i in range(n):
            if neutral[0][r, i]:
                _write_one(r, lane, i, i, neutral, region, weight, nocut, nocut16, nocut8)
            all16[r, i] = max(passed[lane, i], 0)
        n_sel[r] = min(n, setup[6])
        for k in range(n_sel[r]):
            i = selected[lane, k]
            if i >= 0:
                _write_one(r, lane, i, k, neutral, region, weight, nocut, sel16, sel8)


@njit(nogil=True)
def _write_final(start, stop, charged, neutral, region, setup, weight, order, out):
    """Write the sorted candidates of tracker regions."""
    out16, out8, data, n_puppi, origin, _ = out
    n_track, n_final = setup[0], setup[7]
    for r in range(start, stop):
        lane = r - start
        count = 0
        for k in range(n_final):
            key = order[lane, k]
            if key < 256:
                break
            count += 1
            i = key & 255
            origin[r, k] = i
            out16[0][r, k] = key >> 8
            if i < n_track:
                eta, phi = _vertex_position(r, i, charged, region)
                z0, dxy, quality = charged[4][r, i], charged[5][r, i], charged[8][r, i]
                out16[1][r, k] = eta
                out16[2][r, k] = phi
                out16[3][r, k] = z0
                out16[4][r, k] = dxy
                out8[0][r, k] = charged[3][r, i]
                out8[1][r, k] = quality
                data[r, k] = (z0 & 1023) | (np.int32(dxy) << 10) | (np.int32(quality) << 18)
            else:
                i -= n_track
                w = weight[lane, i]
                out16[1][r, k] = wrap(np.int32(region[0][r]) + neutral[1][r, i], 12)
                out16[2][r, k] = global_phi(np.int32(region[1][r]) + neutral[2][r, i])
                out16[5][r, k] = w
                out8[0][r, k] = 1 if neutral[3][r, i] else 0
                out8[2][r, k] = neutral[4][r, i]
                data[r, k] = w | (np.int32(neutral[4][r, i]) << 9)
        n_puppi[r] = count


@njit(nogil=True)
def run_tracker(
    track, charged, neutral, region, counts, setup, bins, tables, network, full, lists, out
) -> None:
    """Run LinPuppi with tracks over all regions.

    Parameters
    ----------
    track : tuple of int16[n, n_trk]
        pt, eta, phi, z0.
    charged : tuple of int16[n, n_trk]
        pt, eta, phi, id, z0, dxy, deta, dphi, track quality.
    neutral : tuple of int16[n, n_neu]
        pt, eta, phi, isEM, emID.
    region, counts, setup, bins, tables
        As for `weigh_tracker`; setup continues with n_out and n_final.
    network : tuple
        Exchanges, output wires and number of wires; no exchanges for insertion.
    full : bool
        Write the intermediate lists too.
    lists : tuple
        Association, charged and neutral lists.
    out : tuple
        Tuple of int16[n, n_final] pt eta phi z0 dxy weight, tuple of int8 id quality emID, int32
        data word, int16[n] size, int16[n, n_final] slot of origin, int16[n] size before the crop.
    """
    n_track, n_in, n_out, n_final = setup[0], setup[1], setup[6], setup[7]
    wide = (max(n_track, n_in) + n_track + n_out + 64) & ~31
    n_slots = track[0].shape[1]
    associated = np.empty((BLOCK, n_slots), np.int8)
    kept = np.empty((BLOCK, n_slots), np.int8)
    result = (
        np.empty((BLOCK, n_in), np.int16),
        np.empty((BLOCK, n_in), np.int16),
        np.empty((BLOCK, n_in), np.int16),
    )
    target = np.zeros((2, wide), np.int32)
    source = np.zeros((3, wide), np.int32)
    rows = np.zeros((4, wide), np.int32)
    selected = np.empty((BLOCK, n_out), np.int16)
    wires = np.zeros((network[2], BLOCK), np.int32)
    order = np.zeros((BLOCK, max(n_final, 1)), np.int32)
    work = (associated, kept, result, target, source, rows[0])
    assoc, ch16, ch8 = lists[0], lists[1], lists[2]
    for start in range(0, region[0].shape[0], BLOCK):
        stop = min(start + BLOCK, region[0].shape[0])
        weigh_tracker(
            start, stop, track, charged, neutral[:4], region, counts, setup, bins, tables, work
        )
        if full or n_out != n_in:
            select(start, stop, counts, setup, result[2], selected, rows[1], rows[2], rows[3])
        final_sort(
            start, stop, charged[0], counts, setup, network, (kept, result[2], selected),
            (rows[1], rows[2], wires), order, out[5],
        )  # fmt: skip
        _write_final(start, stop, charged, neutral, region, setup, result[0], order, out)
        if full:
            _write_charged(
                start, stop, charged, region, counts, setup, associated, kept, assoc, ch16, ch8
            )
            _write_neutral(start, stop, neutral, region, counts, setup, result, selected, lists[3:])


@njit(nogil=True)
def _write_selected(start, stop, cluster, region, counts, setup, result, selected, out):
    """Write the sorted candidates of regions without tracks, without those of no momentum."""
    weight, _, passed = result
    out16, out8, _, n_puppi, origin, passing = out
    for r in range(start, stop):
        lane = r - start
        count = 0
        for k in range(min(counts[2][r], setup[1], setup[6])):
            i = selected[lane, k]
            if i < 0 or passed[lane, i] == 0:
                break
            count += 1
            origin[r, k] = i
            out16[0][r, k] = passed[lane, i]
            out16[1][r, k] = wrap(np.int32(region[0][r]) + cluster[1][r, i], 12)
            out16[2][r, k] = global_phi(np.int32(region[1][r]) + cluster[2][r, i])
            out16[5][r, k] = weight[lane, i]
            out8[0][r, k] = 1 if cluster[3][r, i] else 0
        n_puppi[r] = count
        passing[r] = count


@njit(nogil=True)
def run_forward(cluster, region, counts, setup, bins, tables, full, lists, out) -> None:
    """Run LinPuppi without tracks; arguments as `run_tracker`.

    The selected list is the result: `full` writes the lists, otherwise `out` is written.
    """
    n_in, n_out = setup[1], setup[6]
    wide = (n_in + n_out + 64) & ~31
    empty = np.empty((1, 1), np.int8)
    result = (
        np.empty((BLOCK, n_in), np.int16),
        np.empty((BLOCK, n_in), np.int16),
        np.empty((BLOCK, n_in), np.int16),
    )
    target = np.zeros((2, wide), np.int32)
    source = np.zeros((3, wide), np.int32)
    rows = np.zeros((4, wide), np.int32)
    selected = np.empty((BLOCK, n_out), np.int16)
    work = (empty, empty, result, target, source, rows[0])
    for start in range(0, region[0].shape[0], BLOCK):
        stop = min(start + BLOCK, region[0].shape[0])
        weigh_forward(start, stop, cluster[:4], region, counts, setup, bins, tables, work)
        select(start, stop, counts, setup, result[2], selected, rows[1], rows[2], rows[3])
        if full:
            _write_neutral(start, stop, cluster, region, counts, setup, result, selected, lists)
        else:
            _write_selected(start, stop, cluster, region, counts, setup, result, selected, out)


@njit(nogil=True)
def finish_tracker(charged, neutral, region, counts, setup, network, kept, result, out) -> None:
    """Sort and write the final candidates of regions with tracks that have been weighed.

    Parameters
    ----------
    charged, neutral, region, counts, setup, network, out
        As for `run_tracker`.
    kept : int8[n, slots]
        Which tracks leave.
    result : tuple of int16[n, n_in]
        Weight, weighted momentum, and the same or -1 where dropped, of the neutrals.
    """
    n_track, n_in, n_out, n_final = setup[0], setup[1], setup[6], setup[7]
    rows = np.zeros((4, (max(n_track, n_in) + n_track + n_out + 64) & ~31), np.int32)
    selected = np.empty((BLOCK, n_out), np.int16)
    wires = np.zeros((network[2], BLOCK), np.int32)
    order = np.zeros((BLOCK, max(n_final, 1)), np.int32)
    for start in range(0, region[0].shape[0], BLOCK):
        stop = min(start + BLOCK, region[0].shape[0])
        weight, passed = result[0][start:stop], result[2][start:stop]
        if n_out != n_in:
            select(start, stop, counts, setup, passed, selected, rows[1], rows[2], rows[3])
        final_sort(
            start, stop, charged[0], counts, setup, network, (kept[start:stop], passed, selected),
            (rows[1], rows[2], wires), order, out[5],
        )  # fmt: skip
        _write_final(start, stop, charged, neutral, region, setup, weight, order, out)


@njit(nogil=True)
def finish_forward(cluster, region, counts, setup, result, out) -> None:
    """Sort and write the final candidates of regions without tracks that have been weighed."""
    n_in, n_out = setup[1], setup[6]
    rows = np.zeros((3, (n_in + n_out + 64) & ~31), np.int32)
    selected = np.empty((BLOCK, n_out), np.int16)
    for start in range(0, region[0].shape[0], BLOCK):
        stop = min(start + BLOCK, region[0].shape[0])
        part = (result[0][start:stop], result[1][start:stop], result[2][start:stop])
        select(start, stop, counts, setup, part[2], selected, rows[0], rows[1], rows[2])
        _write_selected(start, stop, cluster, region, counts, setup, part, selected, out)
