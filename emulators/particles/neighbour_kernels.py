"""Loops over neighbours on the grid; `neighbours` checks what goes in."""

import numpy as np

from l1kd.emulators.array_types import Floats, Integers, Mask, Offsets, Singles
from l1kd.emulators.compilation import njit
from l1kd.emulators.particles.grid import (
    TWO_PI,
    cell_of,
    grid_shape,
    longest_event,
    row_spans,
    sort_into_cells,
    squared_distances,
)


@njit(nogil=True, error_model="numpy")
def _terms(
    here: tuple[float, float, float],
    etas: Floats,
    phis: Floats,
    distance_etas: Floats,
    pt2: Floats,
    limits2: tuple[float, float],
    work: Floats,
) -> float:
    """Sum (pT / dR)^2 over a range of sources; contiguous and without branches: it vectorises."""
    for k in range(len(etas)):
        d_phi = abs(here[1] - phis[k])
        d_phi = min(d_phi, TWO_PI - d_phi)
        d_eta, d_distance = here[0] - etas[k], here[2] - distance_etas[k]
        dr2 = d_distance * d_distance + d_phi * d_phi
        counts = (d_eta * d_eta + d_phi * d_phi <= limits2[0]) & (dr2 >= limits2[1])
        work[k] = (pt2[k] if counts else 0.0) / (dr2 if counts else 1.0)
    total = 0.0
    for k in range(len(etas)):
        total += work[k]
    return total


@njit(nogil=True)
def pt2_over_dr2(
    pt: Floats,
    eta: Floats,
    phi: Floats,
    distance_eta: Floats,
    offsets: Offsets,
    sources: Mask,
    targets: Mask,
    radius: float,
    nearest: float,
    result: Floats,
) -> None:
    """Sum as `neighbours.sum_pt2_over_dr2` does: checked float64 columns, `phi` in [0, 2 pi)."""
    rows, columns = grid_shape(radius)
    starts = np.empty(rows * columns + 1, np.int64)
    longest = longest_event(offsets)
    order = np.empty(longest, np.int64)
    # eta, phi, eta for the distance and pT^2 of the sources in the order of the cells.
    near, work = np.empty((4, longest)), np.empty(longest)
    spans = np.empty(4, np.int64)
    limits2 = (radius * radius, nearest * nearest)
    for event in range(len(offsets) - 1):
        first, last = offsets[event], offsets[event + 1]
        total = sort_into_cells(eta, phi, (first, last), sources, (rows, columns), starts, order)
        for k in range(total):
            i = order[k]
            near[0, k], near[1, k], near[2, k] = eta[i], phi[i], distance_eta[i]
            near[3, k] = pt[i] * pt[i]
        for i in range(first, last):
            if total == 0 or not targets[i]:
                continue
            row, column = cell_of(eta[i], phi[i], rows, columns)
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                row_spans(r, column, columns, starts, spans)
                for part in range(0, 4, 2):
                    a, b = spans[part], spans[part + 1]
                    if a < b:
                        result[i] += _terms(
                            (eta[i], phi[i], distance_eta[i]),
                            near[0, a:b],
                            near[1, a:b],
                            near[2, a:b],
                            near[3, a:b],
                            limits2,
                            work,
                        )


@njit(nogil=True)
def pt_in_cones(
    pt: Floats,
    eta: Floats,
    phi: Floats,
    group: Integers,
    offsets: Offsets,
    radii2: Floats,
    n_groups: int,
    result: Singles,
) -> None:
    """Sum as `neighbours.sum_pt_in_cones` does: checked columns, `phi` in [0, 2 pi)."""
    largest = np.sqrt(radii2[-1])
    rows, columns = grid_shape(largest)
    starts = np.empty(rows * columns + 1, np.int64)
    longest = longest_event(offsets)
    order = np.empty(longest, np.int64)
    near, dr2 = np.empty((3, longest)), np.empty(longest)
    counted = group >= 0
    spans = np.empty(4, np.int64)
    sums = np.empty((len(radii2), n_groups))
    for event in range(len(offsets) - 1):
        first, last = offsets[event], offsets[event + 1]
        total = sort_into_cells(eta, phi, (first, last), counted, (rows, columns), starts, order)
        for k in range(total):
            i = order[k]
            near[0, k], near[1, k], near[2, k] = eta[i], phi[i], pt[i]
        for i in range(first, last):
            row, column = cell_of(eta[i], phi[i], rows, columns)
            sums[:] = 0.0
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                row_spans(r, column, columns, starts, spans)
                for part in range(0, 4, 2):
                    a, b = spans[part], spans[part + 1]
                    squared_distances(eta[i], phi[i], near[0, a:b], near[1, a:b], dr2)
                    for k in range(b - a):
                        if dr2[k] > radii2[-1] or order[a + k] == i:
                            continue
                        ring = 0
                        while dr2[k] > radii2[ring]:
                            ring += 1
                        sums[ring, group[order[a + k]]] += near[2, a + k]
            for ring in range(len(radii2)):
                for g in range(n_groups):
                    if ring > 0:
                        sums[ring, g] += sums[ring - 1, g]
                    result[i, g, ring] = sums[ring, g]
