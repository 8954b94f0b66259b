"""Loops over neighbours on the grid; `neighbours` checks what goes in."""

import numpy as np

from l1kd.emulators.array_types import Floats, Integers, Mask, Offsets, Singles
from l1kd.emulators.compilation import njit
from l1kd.emulators.particles.grid import (
    TWO_PI,
    cell_of,
    grid_shape,
    longest_event,
    particles_around,
    row_spans,
    sort_into_cells,
    squared_distances,
)


@njit(nogil=True, error_model="numpy")
def _terms(
    here: tuple[float, float, float], near: Floats, limits2: tuple[float, float], work: Floats
) -> None:
    """Write (pT / dR)^2 of sources, 0 for those that do not count.

    `near` holds their eta, phi, eta for the distance and pT^2. Contiguous and without branches, it
    vectorises.
    """
    for k in range(near.shape[1]):
        d_phi = abs(here[1] - near[1, k])
        d_phi = min(d_phi, TWO_PI - d_phi)
        d_eta, d_distance = here[0] - near[0, k], here[2] - near[2, k]
        dr2 = d_distance * d_distance + d_phi * d_phi
        counts = (d_eta * d_eta + d_phi * d_phi <= limits2[0]) & (dr2 >= limits2[1])
        work[k] = (near[3, k] if counts else 0.0) / (dr2 if counts else 1.0)


@njit(nogil=True)
def _sum_of_ranges(work: Floats, spans: Integers) -> float:
    """Add what stands in up to six ranges, each range first by itself."""
    total = 0.0
    for part in range(6):
        of_range = 0.0
        for k in range(spans[part], spans[part + 1]):
            of_range += work[k]
        total += of_range
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
    shape = (rows, columns)
    longest = longest_event(offsets)
    starts = np.empty((2, rows * columns + 1), np.int64)
    order = np.empty((2, longest), np.int64)
    # columns of the sources around a cell: read once for all targets in the cell
    near, members, work = np.empty((4, longest)), np.empty(longest, np.int64), np.empty(longest)
    spans = np.empty(11, np.int64)
    limits2 = (radius * radius, nearest * nearest)
    for event in range(len(offsets) - 1):
        span = (offsets[event], offsets[event + 1])
        if sort_into_cells(eta, phi, span, sources, shape, starts[0], order[0]) == 0:
            continue
        sort_into_cells(eta, phi, span, targets, shape, starts[1], order[1])
        for cell in range(rows * columns):
            first, last = starts[1, cell], starts[1, cell + 1]
            if first == last:
                continue
            row, column = cell // columns, cell % columns
            n = particles_around(row, column, shape, starts[0], order[0], spans, members)
            if n == 0:
                continue
            for k in range(n):
                j = members[k]
                near[0, k], near[1, k], near[2, k] = eta[j], phi[j], distance_eta[j]
                near[3, k] = pt[j] * pt[j]
            for place in range(first, last):
                i = order[1, place]
                _terms((eta[i], phi[i], distance_eta[i]), near[:, :n], limits2, work)
                result[i] = _sum_of_ranges(work, spans)


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
