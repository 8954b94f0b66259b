# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
"""MET of the whole event: the size of the sum of its candidates or tracks, and its azimuth."""

from math import cos, pi

import numpy as np

from l1kd.emulators.compilation import njit
from l1kd.emulators.correlator.types import HALF_TURN, TURN
from l1kd.emulators.correlator.weighing.columns import LOGARITHM

__all__ = ["COSINE", "add_momenta", "cosine_and_sine", "directions"]

FRACTION = 10
"""Bits of a cosine after the point."""
RIGHT_ANGLE = HALF_TURN // 2
COSINE = np.array([round(cos(k * pi / HALF_TURN) * 2**FRACTION) for k in range(TURN)], np.int32)
"""int32[1440]: cosines of the steps of azimuth, in 1/1024."""


@njit(nogil=True, inline="always")
def cosine_and_sine(phi):
    """Return both of an azimuth of any number of turns, in 1/1024."""
    k = np.int64(phi)
    return np.int64(COSINE[k % TURN]), np.int64(COSINE[(k - RIGHT_ANGLE) % TURN])


@njit(nogil=True)
def add_momenta(event_rows, pt, phi, counts, centre, sums) -> None:
    """Add the momenta of one kind of candidates to the sums of their events.

    Parameters
    ----------
    event_rows : int
        Regions per event.
    pt, phi : int16[n, slots]
        Momentum and local azimuth; a candidate without momentum, or a negative one, is none.
    counts, centre : int16[n]
        Slots that are used, azimuth of the region's centre.
    sums : int64[n_events, 2]
        x and y, in 1/1024 of the step of momentum.
    """
    for r in range(pt.shape[0]):
        x, y = np.int64(0), np.int64(0)
        for i in range(min(counts[r], pt.shape[1])):
            if pt[r, i] > 0:
                cosine, sine = cosine_and_sine(np.int32(centre[r]) + phi[r, i])
                x += pt[r, i] * cosine
                y += pt[r, i] * sine
        sums[r // event_rows, 0] += x
        sums[r // event_rows, 1] += y


@njit(nogil=True)
def directions(sums, out) -> None:
    """Write the logarithm of the size of sums, and their azimuth.

    The azimuth is found in the first quadrant, bit by bit, rounded towards the x axis; the size is
    the projection on it. Nothing has the azimuth 0.

    Parameters
    ----------
    sums : int64[n, 2]
        Output of `add_momenta`.
    out : int64[n, 2]
        `LOGARITHM` of the size, and the azimuth in steps of pi/720, above -720 and up to 720.
    """
    for event in range(len(sums)):
        x, y = abs(sums[event, 0]), abs(sums[event, 1])
        angle = 0
        for bit in (256, 128, 64, 32, 16, 8, 4, 2, 1):
            tried = angle + bit
            inside = y * COSINE[tried] >= x * COSINE[RIGHT_ANGLE - tried]
            if y > 0 and tried <= RIGHT_ANGLE and inside:
                angle = tried
        size = (x * COSINE[angle] + y * COSINE[RIGHT_ANGLE - angle]) >> (2 * FRACTION)
        out[event, 0] = LOGARITHM[min(size, np.int64(65535))]
        if sums[event, 0] < 0:
            angle = HALF_TURN - angle
        out[event, 1] = -angle if sums[event, 1] < 0 and angle < HALF_TURN else angle
