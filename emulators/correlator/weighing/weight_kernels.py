# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
"""The kernel that gives candidates their weight, as LinPuppi does with its own."""

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.linpuppi.weight_kernels import eta_bin
from l1kd.emulators.correlator.weighing.input_kernels import FIRST_NEUTRAL

__all__ = ["apply_weights"]


@njit(nogil=True)
def apply_weights(board, begin, end, weights, places, neutral, edges, cuts, result, tracks):
    """Multiply the momenta of one board type's candidates with their weights, and drop the soft.

    Parameters
    ----------
    board, begin, end : int
        Number of the board type; first row of its candidates, and where all end.
    weights : int16[candidates]
        Weights, 1/256.
    places : int16[candidates, 3]
        Board type, row and slot.
    neutral : tuple
        int16[n, slots] pt and local eta of neutrals, int16[n] eta centre.
    edges, cuts : int32[n_bins - 1], int32[n_bins]
        Edges in |eta|; smallest weighted momentum.
    result : tuple of int16[n, n_in]
        Weight, weighted momentum, and the same or -1 where dropped, overwritten.
    tracks : tuple
        int8[n, slots] which are kept, int16[n, slots] momentum and weight: overwritten.

    Returns
    -------
    int
        The first row of the next board type.
    """
    pt, eta, centre = neutral
    kept, track_pt, track_weight = tracks
    i = begin
    while i < end and places[i, 0] == board:
        r, slot, w = places[i, 1], places[i, 2], np.int32(weights[i])
        if slot >= FIRST_NEUTRAL:
            slot -= FIRST_NEUTRAL
            b = eta_bin(np.int32(centre[r]) + eta[r, slot], edges)
            p = min(8191, (np.int32(pt[r, slot]) * w + 128) >> 8)
            result[0][r, slot] = w
            result[1][r, slot] = p
            result[2][r, slot] = p if p >= cuts[b] else -1
        else:
            p = (np.int32(track_pt[r, slot]) * w + 128) >> 8
            track_pt[r, slot] = p
            track_weight[r, slot] = w
            kept[r, slot] = p > 0
        i += 1
    return i
