"""The eta-phi grid under `neighbours`: cells, counting sort, surrounding cells."""

import numpy as np

from l1kd.emulators.array_types import AnyFloats, Floats, Integers, Mask
from l1kd.emulators.compilation import njit

ETA_LIMIT = 6.0
"""Half length of the grid in eta. What lies beyond is in the outermost cells and still found."""

TWO_PI = 2.0 * np.pi


@njit(nogil=True)
def grid_shape(radius: float) -> tuple[int, int]:
    """Return rows and columns of a grid whose cells are wider than `radius`."""
    # A little wider: rounding must not put two particles a radius apart two cells apart.
    width = 1.000001 * radius
    columns = int(TWO_PI / width)
    # With three columns or fewer the left and right neighbour are the same cell.
    return max(1, int(2.0 * ETA_LIMIT / width)), columns if columns > 3 else 1


@njit(nogil=True)
def longest_event(offsets: Integers) -> int:
    """Return the number of particles of the largest event."""
    longest = 0
    for event in range(len(offsets) - 1):
        longest = max(longest, offsets[event + 1] - offsets[event])
    return longest


@njit(nogil=True)
def cell_of(eta: float, phi: float, rows: int, columns: int) -> tuple[int, int]:
    """Return row and column of a direction; `phi` in [0, 2 pi)."""
    x = (eta + ETA_LIMIT) * (rows / (2.0 * ETA_LIMIT))
    row = 0
    if x >= rows:
        row = rows - 1
    elif x > 0.0:
        row = int(x)
    return row, min(int(phi * (columns / TWO_PI)), columns - 1)


@njit(nogil=True)
def sort_into_cells(
    eta: Floats,
    phi: Floats,
    event: tuple[int, int],
    selected: Mask,
    shape: tuple[int, int],
    starts: Integers,
    order: Integers,
) -> int:
    """Sort the selected particles of an event by cell and return their number.

    `order` receives the particles, `starts` the position in `order` where each cell begins, and
    last their number. Particles of one cell keep their order.
    """
    rows, columns = shape
    first, last = event
    # which are selected is a matter of chance to the processor: list them without a branch
    listed = np.empty(last - first + 1, np.int64)
    total = 0
    for i in range(first, last):
        listed[total] = i
        total += selected[i]
    cells = np.empty(total, np.int64)
    starts[:] = 0
    for k in range(total):
        row, column = cell_of(eta[listed[k]], phi[listed[k]], rows, columns)
        cells[k] = row * columns + column
        starts[cells[k] + 1] += 1
    for cell in range(rows * columns):
        starts[cell + 1] += starts[cell]
    # Filled from the back, each entry moves from its cell's end to its cell's beginning.
    for k in range(total - 1, -1, -1):
        cell = cells[k] + 1
        starts[cell] -= 1
        order[starts[cell]] = listed[k]
    for cell in range(rows * columns):
        starts[cell] = starts[cell + 1]
    starts[rows * columns] = total
    return total


@njit(nogil=True)
def row_spans(row: int, column: int, columns: int, starts: Integers, spans: Integers) -> None:
    """Write the two ranges of `order` that hold what lies in a row around a column.

    A row is contiguous, so the second range is empty unless phi wraps around.
    """
    base = row * columns
    spans[0] = starts[base + max(column - 1, 0)]
    spans[1] = starts[base + min(column + 2, columns)]
    spans[2] = spans[3] = 0
    if columns > 1 and column == 0:
        spans[2], spans[3] = starts[base + columns - 1], starts[base + columns]
    elif columns > 1 and column == columns - 1:
        spans[2], spans[3] = starts[base], starts[base + 1]


@njit(nogil=True)
def particles_around(
    row: int,
    column: int,
    shape: tuple[int, int],
    starts: Integers,
    order: Integers,
    spans: Integers,
    near: Integers,
) -> int:
    """Write the sorted particles of a cell and of those around it, and return their number.

    They come row by row, and within a row in the two ranges of `row_spans`, so that sums over them
    are formed in one order for all particles of the cell. `spans` receives where in `near` each of
    the up to six ranges begins, and last their end; int64[11], of which the last four are scratch.
    """
    rows, columns = shape
    number, ranges = 0, 0
    for r in range(max(row - 1, 0), min(row + 2, rows)):
        row_spans(r, column, columns, starts, spans[7:])
        for part in range(7, 11, 2):
            spans[ranges] = number
            ranges += 1
            for k in range(spans[part], spans[part + 1]):
                near[number] = order[k]
                number += 1
    spans[ranges:7] = number
    return number


@njit(nogil=True)
def squared_distances(eta: float, phi: float, etas: Floats, phis: Floats, out: Floats) -> None:
    """Write dR^2 from one direction to others, all phi in [0, 2 pi); free of branches."""
    for k in range(len(etas)):
        d_phi = abs(phi - phis[k])
        d_phi = min(d_phi, TWO_PI - d_phi)
        out[k] = (eta - etas[k]) ** 2 + d_phi * d_phi


@njit(nogil=True)
def _periodic(phi: Floats, result: Floats) -> None:
    for i in range(len(phi)):
        angle = phi[i] if phi[i] >= 0.0 else phi[i] + TWO_PI
        if not 0.0 <= angle < TWO_PI:
            angle = phi[i] % TWO_PI
        # The remainder of a tiny negative angle rounds to the full turn.
        result[i] = angle if angle < TWO_PI else 0.0


def periodic(phi: AnyFloats) -> Floats:
    """Return angles in [0, 2 pi), where a difference never needs more than one turn."""
    result = np.empty(len(phi))
    _periodic(np.asarray(phi, np.float64), result)
    return result
