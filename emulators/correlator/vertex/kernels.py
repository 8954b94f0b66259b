# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202
"""Kernels of the histogram vertex finder: track words, histogram, window, position."""

from math import floor

import numpy as np

from l1kd.emulators.compilation import njit

__all__ = ["find"]

N_BINS = 256
WINDOW = 3
PT_PER_GEV = 32
MAX_PT = (1 << 14) - 1
MAX_Z0 = 20.46912512
Z0_STEP = 2 * MAX_Z0 / 4096
MAX_BIN = (1 << 16) - 1
MAX_LINK = (1 << 9) - 1
# 1/x with 13 fractional bits, rounded to nearest, for every sum of a window
INVERSE = np.array([0] + [floor(8192 / x + 0.5) for x in range(1, MAX_LINK * WINDOW + 1)])
# width of a bin, 0.15991504 cm, with ten fractional bits
WIDTH = 164
NOTHING = -(1 << 14)


@njit(nogil=True, inline="always")
def _half_even(x):
    """Round to the nearest integer, halves to the even one."""
    low = floor(x)
    rest = x - low
    return low + (rest > 0.5 or (rest == 0.5 and low % 2 == 1))


@njit(nogil=True)
def _fill(start, stop, tracks, limits, histogram):
    """Add the momenta of one event's tracks to the bins, in 1/32 GeV, saturating at 16 bits."""
    pt, eta, charge, z0 = tracks
    min_pt, max_eta, max_z0 = limits
    histogram[:] = 0
    for i in range(start, stop):
        used = charge[i] != 0 and pt[i] >= min_pt
        if not (used and abs(eta[i]) <= max_eta and abs(z0[i]) <= max_z0):
            continue
        word = min(max(floor(z0[i] / Z0_STEP), -2048), 2047)
        momentum = np.int64(min(_half_even(pt[i] * PT_PER_GEV), MAX_PT))
        b = (np.int64(word) + 2048) >> 4
        histogram[b] = min(histogram[b] + momentum, MAX_BIN)


@njit(nogil=True)
def _position(b, first, second, third):
    """Return z0 in 1/512 cm of the window that begins at bin b, the mean of its bins by momentum.

    Ten fractional bits of the position in bins, halves away from zero; nine of z0, halves to even.
    """
    mean = ((second + 2 * third) * INVERSE[first + second + third] + 4) >> 3
    product = (mean + (b << 10) + 512 - (N_BINS // 2 << 10)) * WIDTH
    low, rest = product >> 11, product & 2047
    return low + (rest > 1024 or (rest == 1024 and low & 1))


@njit(nogil=True)
def find(offsets, tracks, limits, z0, sum_pt) -> None:
    """Find the vertex of every event.

    Parameters
    ----------
    offsets : int64[n_events + 1]
        Bounds of the events.
    tracks : tuple of arrays
        pt, eta float64; charge int8; z0 float64 [cm].
    limits : tuple of float
        Smallest momentum, largest absolute eta and z0 of a track that counts.
    z0 : int16[n_events]
        Receives the position in 1/512 cm.
    sum_pt : int16[n_events]
        Receives the momentum in the window [GeV].
    """
    histogram = np.empty(N_BINS, np.int64)
    for event in range(len(offsets) - 1):
        _fill(offsets[event], offsets[event + 1], tracks, limits, histogram)
        for b in range(N_BINS):
            histogram[b] = min(histogram[b] >> 5, MAX_LINK)
        best, where = 0, 0
        for b in range(N_BINS - WINDOW + 1):
            total = histogram[b] + histogram[b + 1] + histogram[b + 2]
            where = b if total > best else where
            best = max(best, total)
        sum_pt[event] = best
        z0[event] = NOTHING
        if best > 0:
            z0[event] = _position(
                where, histogram[where], histogram[where + 1], histogram[where + 2]
            )
