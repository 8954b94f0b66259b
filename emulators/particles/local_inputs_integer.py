"""DistillNet's local inputs in integers, as a trigger's firmware would form them.

`local_inputs` is the floating-point counterpart, with the same kinds, radii and columns. What a
trigger has:

- pT in steps of 0.25 GeV, 14 bits; eta and phi in steps of pi/720, as the correlator's;
- |dz| in steps of 1/3200 cm and |d0| in steps of 1/4000 cm;
- sums of pT in 0.25 GeV, saturating at 16 bits; dR^2 in squared steps of direction;
- 1 / dR^2 from a table with 18 fraction bits, pT^2 / dR^2 = (pT^2 * table) >> 4, sums saturating
  at 40 bits;
- logarithms by the position of the highest bit and a table of 64 entries, rounded to 1/32: all
  columns come as ``ap_ufixed<9,4>``.
"""

import math

import numpy as np

from l1kd.emulators.array_types import AnyFloats, AnyIntegers, Codes, Integers, Shorts
from l1kd.emulators.compilation import njit
from l1kd.emulators.particles.grid import (
    cell_of,
    grid_shape,
    longest_event,
    row_spans,
    sort_into_cells,
)
from l1kd.emulators.particles.local_inputs import (
    DENSITY,
    DISPLACED,
    INNER,
    LARGEST_LOG,
    LEAST_PT,
    N_LOCAL,
    NEAREST,
    NEUTRAL,
    OUTER,
    PILEUP,
    UNIT_D0,
    UNIT_DZ,
    VERTEX,
)
from l1kd.emulators.particles.neighbours import check_flat

__all__ = ["FRACTION_BITS", "local_inputs_integer", "to_hardware"]

PT_STEP = 0.25
"""[GeV]"""
ANGLE_STEP = math.pi / 720
"""[rad] of eta and phi."""
TURN = 1440
"""Steps of phi in a full turn."""
LARGEST_PT = (1 << 14) - 1
FRACTION_BITS = 5
"""Fraction bits of all columns."""

_INVERSE_BITS = 18
_SHIFT = 4
_LARGEST_SUM = (1 << 16) - 1
_LARGEST_DENSITY = (1 << 40) - 1
_MANTISSA_BITS = 6
_LARGEST = round(LARGEST_LOG * (1 << FRACTION_BITS))


def _steps2(radius: float) -> int:
    """Return the largest squared distance in steps that lies within a radius."""
    return math.floor((radius / ANGLE_STEP) ** 2)


_INNER2, _DENSITY2, _OUTER2 = _steps2(INNER), _steps2(DENSITY), _steps2(OUTER)
_NEAREST2 = _steps2(NEAREST) + 1
_INVERSE = np.array(
    [0, *(round((1 << _INVERSE_BITS) / dr2) for dr2 in range(1, _DENSITY2 + 1))], np.int64
)
_MANTISSA = np.array(
    [
        round(math.log2(1.0 + k / (1 << _MANTISSA_BITS)) * (1 << FRACTION_BITS))
        for k in range(1 << _MANTISSA_BITS)
    ],
    np.int64,
)
_GEV2 = (1 << (_INVERSE_BITS - _SHIFT)) * (ANGLE_STEP / PT_STEP) ** 2
_UNIT_DENSITY = round(_GEV2)
"""1 GeV^2 in the units of the sums of pT^2 / dR^2."""
_DENSITY_OFFSET = round(-0.5 * math.log2(_GEV2) * (1 << FRACTION_BITS))
_GEV = round(1 / PT_STEP)
_DZ_UNIT, _D0_UNIT = 32, 8
"""How many steps make the lengths on which the logarithms of dz and d0 begin to rise."""
_DZ_STEP, _D0_STEP = UNIT_DZ / _DZ_UNIT, UNIT_D0 / _D0_UNIT


@njit(nogil=True)
def log2_integer(value: int) -> int:
    """log2 of a positive integer in steps of 1/32, by its highest bit and the six below it."""
    high = 0
    while value >> (high + 1):
        high += 1
    below = value - (1 << high)
    index = (
        below >> (high - _MANTISSA_BITS)
        if high >= _MANTISSA_BITS
        else below << (_MANTISSA_BITS - high)
    )
    return (high << FRACTION_BITS) + _MANTISSA[index]


@njit(nogil=True)
def _log_of_ratio(value: int, unit: int) -> int:
    """log2(1 + value / unit) for a power of two `unit`, not above the largest column."""
    return min(log2_integer(value + unit) - log2_integer(unit), _LARGEST)


@njit(nogil=True)
def _log_of_density(value: int) -> int:
    """Half of log2(1 + sum / GeV^2)."""
    half = log2_integer(value + _UNIT_DENSITY) >> 1
    return min(max(half + _DENSITY_OFFSET, 0), _LARGEST)


@njit(nogil=True)
def _fill(
    pt: Integers,
    eta: Integers,
    phi: Integers,
    kind: Codes,
    dz: Integers,
    d0: Integers,
    offsets: Integers,
    out: Shorts,
) -> None:
    rows, columns = grid_shape(OUTER)
    starts = np.empty(rows * columns + 1, np.int64)
    order = np.empty(longest_event(offsets), np.int64)
    counted = pt >= round(LEAST_PT / PT_STEP)
    wide_eta, wide_phi = eta * ANGLE_STEP, phi * ANGLE_STEP
    spans = np.empty(4, np.int64)
    inner, outer = np.empty(4, np.int64), np.empty(4, np.int64)
    density, whole = np.empty(4, np.int64), np.empty(4, np.int64)
    for event in range(len(offsets) - 1):
        first, last = offsets[event], offsets[event + 1]
        total = sort_into_cells(
            wide_eta, wide_phi, (first, last), counted, (rows, columns), starts, order
        )
        whole[:] = 0
        for k in range(total):
            whole[kind[order[k]]] += pt[order[k]]
        for i in range(first, last):
            row, column = cell_of(wide_eta[i], wide_phi[i], rows, columns)
            inner[:] = 0
            outer[:] = 0
            density[:] = 0
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                row_spans(r, column, columns, starts, spans)
                for part in range(0, 4, 2):
                    for k in range(spans[part], spans[part + 1]):
                        j = order[k]
                        if j == i:
                            continue
                        d_eta, d_phi = eta[i] - eta[j], abs(phi[i] - phi[j])
                        d_phi = min(d_phi, TURN - d_phi)
                        dr2 = d_eta * d_eta + d_phi * d_phi
                        if dr2 > _OUTER2:
                            continue
                        outer[kind[j]] += pt[j]
                        if dr2 <= _INNER2:
                            inner[kind[j]] += pt[j]
                        if _NEAREST2 <= dr2 <= _DENSITY2:
                            density[kind[j]] += (pt[j] * pt[j] * _INVERSE[dr2]) >> _SHIFT
            for k in range(4):
                out[i, 2 * k] = _log_of_ratio(min(inner[k], _LARGEST_SUM), _GEV)
                out[i, 2 * k + 1] = _log_of_ratio(min(outer[k], _LARGEST_SUM), _GEV)
            vertex = density[VERTEX] + density[DISPLACED]
            out[i, 8] = _log_of_density(min(vertex, _LARGEST_DENSITY))
            out[i, 9] = _log_of_density(min(density[PILEUP], _LARGEST_DENSITY))
            out[i, 10] = _log_of_density(min(density[NEUTRAL], _LARGEST_DENSITY))
            out[i, 11] = _log_of_ratio(min(whole[VERTEX], _LARGEST_SUM), _GEV)
            out[i, 12] = _log_of_ratio(min(whole[PILEUP], _LARGEST_SUM), _GEV)
            neutral = kind[i] == NEUTRAL
            out[i, 13] = 0 if neutral else _log_of_ratio(dz[i], _DZ_UNIT)
            out[i, 14] = 0 if neutral else _log_of_ratio(d0[i], _D0_UNIT)


def to_hardware(
    pt: AnyFloats, eta: AnyFloats, phi: AnyFloats, d0: AnyFloats, dz: AnyFloats
) -> tuple[Integers, Integers, Integers, Integers, Integers]:
    """Turn physical columns into the steps that `local_inputs_integer` counts in.

    Parameters
    ----------
    pt, eta, phi, d0, dz
        Shape (n,), GeV, rad, cm. NaN in d0 and dz counts as 0.

    Returns
    -------
    int64, shape (n,) each: pT rounded down and saturated, eta and phi rounded to the nearest step
    (phi 0 to 1439), |d0| and |dz| rounded down, at most 2 cm.
    """
    steps = np.minimum(np.floor(np.asarray(pt, np.float64) / PT_STEP), LARGEST_PT).astype(np.int64)
    angles = [np.rint(np.asarray(x, np.float64) / ANGLE_STEP).astype(np.int64) for x in (eta, phi)]
    lengths = [
        np.floor(np.minimum(np.nan_to_num(np.abs(np.asarray(x, np.float64))), 2.0) / unit)
        for x, unit in ((d0, _D0_STEP), (dz, _DZ_STEP))
    ]
    short, long = (length.astype(np.int64) for length in lengths)
    return steps, angles[0], angles[1] % TURN, short, long


def local_inputs_integer(
    pt: AnyIntegers,
    eta: AnyIntegers,
    phi: AnyIntegers,
    kind: AnyIntegers,
    d0: AnyIntegers,
    dz: AnyIntegers,
    offsets: Integers,
) -> Shorts:
    """Build the local inputs in integers from flat columns in hardware steps.

    Parameters
    ----------
    pt
        Shape (n,), steps of 0.25 GeV, 0 to 16383.
    eta, phi
        Shape (n,), steps of pi/720; phi 0 to 1439.
    kind
        Shape (n,): vertex 0, pile-up 1, neutral 2, displaced 3 (`local_inputs.kinds`).
    d0, dz
        Shape (n,), |d0| in steps of 1/4000 cm, |dz| in steps of 1/3200 cm.
    offsets
        First particle of every event: int64, (n_events + 1,).

    Returns
    -------
    int16, shape (n, 15): raw values of ``ap_ufixed<9,4>``, columns as `LOCAL_FEATURES`.

    Raises
    ------
    ValueError
        Columns and offsets do not fit, or a value is outside its range.
    """
    edges = check_flat(offsets, pt=pt, eta=eta, phi=phi, kind=kind, d0=d0, dz=dz)
    ranges = {"pt": (pt, LARGEST_PT), "phi": (phi, TURN - 1), "kind": (kind, DISPLACED)}
    for name, (values, largest) in ranges.items():
        if len(values) and not 0 <= np.min(values) <= np.max(values) <= largest:
            raise ValueError(
                f"{name} must be from 0 to {largest}, found {np.min(values)} to {np.max(values)}"
            )
    out = np.empty((edges[-1], N_LOCAL), np.int16)
    columns = (np.asarray(x, np.int64) for x in (pt, eta, phi))
    lengths = (np.asarray(x, np.int64) for x in (dz, d0))
    _fill(*columns, np.asarray(kind, np.int8), *lengths, edges, out)
    return out
