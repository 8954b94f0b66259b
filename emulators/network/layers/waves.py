"""Sine and cosine of hls4ml's symbolic regression, ``nnet::sin_lut`` and ``nnet::cos_lut``.

The argument is turned into turns of the circle in its own type; the fraction bits of the turns are
an octant and an index into 512 entries of the first octant. Source: ``nnet_math.h``, hls4ml 0.8 to
1.3; where it reads a table that it has not filled, there are fewer than three fraction bits.
"""

from math import pi

import numpy as np

from l1kd.emulators.array_types import Integers
from l1kd.emulators.fixed_point import FixedPoint

__all__ = ["PER_TURN", "waves"]

PER_TURN = int(0.15915494309 * (1 << 16))
"""``1 / (2 pi)`` as an ``ap_ufixed<16,0>``."""

_ENTRIES = 512
_EIGHTH = 0.7071067811865475244008
_SINE, _COSINE = 0, 1


def waves(form: FixedPoint) -> tuple[list[int], list[int]]:
    """Return raw cosines and sines for every fraction of a turn, in the format of the results."""
    bits = form.fraction
    phase = np.arange(1 << bits)
    if bits < 3:
        quarters = phase << (2 - bits)
        whole = form.from_float([1.0, 0.0, -1.0, 0.0])
        return whole[quarters].tolist(), whole[(quarters - 1) % 4].tolist()
    octant = phase >> (bits - 3)
    index = _index(phase & ((1 << (bits - 3)) - 1), bits)
    index = np.where(octant & 1, -index, index) % _ENTRIES
    up, down = _octant(form)
    # In every octant the sine is one of the two tables, with a sign; so is the cosine.
    sine = np.select(
        [np.isin(octant, x) for x in ([0, 3], [1, 2], [4, 7])],
        [up[_SINE][index], up[_COSINE][index], down[_SINE][index]],
        down[_COSINE][index],
    )
    cosine = np.select(
        [np.isin(octant, x) for x in ([1, 6], [3, 4], [2, 5])],
        [up[_SINE][index], down[_COSINE][index], down[_SINE][index]],
        up[_COSINE][index],
    )
    eighth = form.from_float([_EIGHTH, -_EIGHTH])
    for turns, signs in ((1, (0, 0)), (3, (1, 0)), (5, (1, 1)), (7, (0, 1))):
        place = turns << (bits - 3)
        cosine[place], sine[place] = eighth[signs[0]], eighth[signs[1]]
    return cosine.tolist(), sine.tolist()


def _index(low: Integers, bits: int) -> Integers:
    """Return the index into the table of the first octant; more than 12 bits are rounded."""
    if bits <= 12:
        return low << (12 - bits)
    more = bits - 12
    index = low >> more
    index = index + ((low & ((1 << more) - 1)) > 1 << (more - 1))
    index = np.where(low << 1 > (2 * _ENTRIES - 1) << more, _ENTRIES - 1, index)
    return np.where((low <= 1 << (more - 1)) & (low != 0), 1, index)


def _octant(form: FixedPoint) -> tuple[list[Integers], list[Integers]]:
    """Return the tables of sine and cosine, and of their negatives, in the results' format."""
    angle, angles = 0.0, []
    for _ in range(_ENTRIES):
        angles.append(angle)
        angle += pi / (4 * _ENTRIES)
    held = FixedPoint(form.width, form.integer, False, "RND")
    raw = [held.from_float(wave(angles)) for wave in (np.sin, np.cos)]
    negative = FixedPoint(form.width + 1, form.integer + 1, True)
    return [form.cast(r, held) for r in raw], [form.cast(-r, negative) for r in raw]
