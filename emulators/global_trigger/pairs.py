"""Which pairs of objects are in a relation: distances, masses, charges, in the hardware's integers.

All quantities come from the integer tables; products have 64 bits. A relation is computed only for
objects that pass a leg which uses it.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.compilation import njit
from l1kd.emulators.global_trigger.limits import QUANTITIES

__all__ = ["Pairs", "Triples", "relate", "relate_triples"]

_DETA, _DPHI, _DR, _MASS, _MASSUPT, _MASST, _MASSDR, _TBPT, _OS, _LS = range(len(QUANTITIES))


class Pairs(NamedTuple):
    """All relations of pairs, flat. A second axis of length 2 stands for the two objects.

    Attributes
    ----------
    row
        First row of the relation in the output; row k holds the partners of object k.
    slots
        Lengths of the two lists.
    same
        1 where both are the same list: an object is no partner of itself.
    eta, phi, momentum, unconstrained, charge, charge_valid
        Columns of the record where the fields begin; -1 where the list has none.
    convert
        1 where eta and phi move to the muon scales.
    half
        Half the number of phi bins, where distances fold.
    unit
        Power of ten that stands for cosh(0) in a transverse mass.
    delta_eta, delta_phi, cosh, cos, inverse
        Where the tables of the pair begin in `tables`.
    pt, sine, cosine
        Where the tables of the two objects begin.
    upt
        Where the table of unconstrained momenta begins.
    leg_start, leg_count, leg
        Legs that use the relation: those of side s of relation i are from leg_start[i, s] to
        leg_start[i, s] + leg_count[i, s].
    cut_start, quantity, low, high
        Cuts of relation i and their inclusive limits; all must hold.
    tables
        All integer tables, one after the other.
    """

    row: NDArray[np.int64]
    slots: NDArray[np.int64]
    same: NDArray[np.int64]
    eta: NDArray[np.int64]
    phi: NDArray[np.int64]
    momentum: NDArray[np.int64]
    unconstrained: NDArray[np.int64]
    charge: NDArray[np.int64]
    charge_valid: NDArray[np.int64]
    convert: NDArray[np.int64]
    half: NDArray[np.int64]
    unit: NDArray[np.int64]
    delta_eta: NDArray[np.int64]
    delta_phi: NDArray[np.int64]
    cosh: NDArray[np.int64]
    cos: NDArray[np.int64]
    inverse: NDArray[np.int64]
    pt: NDArray[np.int64]
    sine: NDArray[np.int64]
    cosine: NDArray[np.int64]
    upt: NDArray[np.int64]
    leg_start: NDArray[np.int64]
    leg_count: NDArray[np.int64]
    leg: NDArray[np.int64]
    cut_start: NDArray[np.int64]
    quantity: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]
    tables: NDArray[np.int64]


class Triples(NamedTuple):
    """Relations of three objects of one list by the sum of their three pair masses.

    Attributes
    ----------
    row
        First row in the output; row i * slots + j holds the partners of the objects i and j.
    pair
        A relation of `Pairs` that says where the fields and tables are.
    quantity, low, high
        Mass from momenta or unconstrained momenta, and its inclusive limits.
    """

    row: NDArray[np.int64]
    pair: NDArray[np.int64]
    quantity: NDArray[np.int64]
    low: NDArray[np.int64]
    high: NDArray[np.int64]


@njit(nogil=True, inline="always")
def _angle(column: int, convert: int, slot: int, record: NDArray[np.int32]) -> Any:
    """Return an angular index, on the muon scale where a muon is in the pair."""
    value = np.int64(record[column + slot])
    return 4 * value + 2 if convert else value


@njit(nogil=True, inline="always")
def _eta_distance(r: int, i: int, j: int, record: NDArray[np.int32], pairs: Pairs) -> int:
    """Return the distance in eta bins."""
    a = _angle(pairs.eta[r, 0], pairs.convert[r, 0], i, record)
    b = _angle(pairs.eta[r, 1], pairs.convert[r, 1], j, record)
    return abs(a - b)


@njit(nogil=True, inline="always")
def _phi_distance(r: int, i: int, j: int, record: NDArray[np.int32], pairs: Pairs) -> int:
    """Return the folded distance in phi bins (of a bin past the circle: still inside the table)."""
    a = _angle(pairs.phi[r, 0], pairs.convert[r, 0], i, record)
    b = _angle(pairs.phi[r, 1], pairs.convert[r, 1], j, record)
    distance = abs(a - b)
    return distance if distance < pairs.half[r] else abs(2 * pairs.half[r] - distance)


@njit(nogil=True)
def _mass(r: int, i: int, j: int, quantity: int, record: NDArray[np.int32], pairs: Pairs) -> int:
    """Return half the squared mass of a pair."""
    tables = pairs.tables
    if quantity == _MASSUPT:
        first = tables[pairs.upt[r] + record[pairs.unconstrained[r, 0] + i]]
        second = tables[pairs.upt[r] + record[pairs.unconstrained[r, 1] + j]]
    else:
        first = tables[pairs.pt[r, 0] + record[pairs.momentum[r, 0] + i]]
        second = tables[pairs.pt[r, 1] + record[pairs.momentum[r, 1] + j]]
    along = pairs.unit[r]
    if quantity != _MASST:
        along = tables[pairs.cosh[r] + _eta_distance(r, i, j, record, pairs)]
    return first * second * (along - tables[pairs.cos[r] + _phi_distance(r, i, j, record, pairs)])


@njit(nogil=True)
def _two_body_momentum(r: int, i: int, j: int, record: NDArray[np.int32], pairs: Pairs) -> int:
    """Return the squared momentum of a pair."""
    tables = pairs.tables
    first = tables[pairs.pt[r, 0] + record[pairs.momentum[r, 0] + i]]
    second = tables[pairs.pt[r, 1] + record[pairs.momentum[r, 1] + j]]
    a = _angle(pairs.phi[r, 0], pairs.convert[r, 0], i, record)
    b = _angle(pairs.phi[r, 1], pairs.convert[r, 1], j, record)
    cosines = tables[pairs.cosine[r, 0] + a] * tables[pairs.cosine[r, 1] + b]
    sines = tables[pairs.sine[r, 0] + a] * tables[pairs.sine[r, 1] + b]
    squares = (first * first + second * second) * pairs.unit[r] * pairs.unit[r]
    return squares + 2 * first * second * (cosines + sines)


@njit(nogil=True)
def _mass_over_distance(
    r: int, i: int, j: int, low: int, record: NDArray[np.int32], pairs: Pairs
) -> bool:
    """Whether half the squared mass over delta R squared reaches `low`.

    The product has up to 84 bits, so the limit is divided instead. Muons lose the lowest bit of eta
    and phi; a pair in one bin always passes.
    """
    drop = 1 if pairs.half[r] == 288 else 0
    eta = abs(
        (np.int64(record[pairs.eta[r, 0] + i]) >> drop)
        - (np.int64(record[pairs.eta[r, 1] + j]) >> drop)
    )
    half = pairs.half[r] >> drop
    phi = abs(
        (np.int64(record[pairs.phi[r, 0] + i]) >> drop)
        - (np.int64(record[pairs.phi[r, 1] + j]) >> drop)
    )
    if phi >= half:
        phi = abs(2 * half - phi)
    inverse = pairs.tables[pairs.inverse[r] + 256 * eta + phi]
    if inverse == 0:
        return True
    return _mass(r, i, j, _MASS, record, pairs) >= (low + inverse - 1) // inverse


@njit(nogil=True)
def _sign(r: int, i: int, j: int, record: NDArray[np.int32], pairs: Pairs) -> int:
    """Return 0 without two valid charges, 1 for equal charges, 2 for opposite ones."""
    if not record[pairs.charge_valid[r, 0] + i] or not record[pairs.charge_valid[r, 1] + j]:
        return 0
    return 1 if record[pairs.charge[r, 0] + i] == record[pairs.charge[r, 1] + j] else 2


@njit(nogil=True)
def _related(r: int, i: int, j: int, record: NDArray[np.int32], pairs: Pairs) -> bool:
    """Whether all cuts of a relation hold for a pair."""
    for cut in range(pairs.cut_start[r], pairs.cut_start[r + 1]):
        quantity, low, high = pairs.quantity[cut], pairs.low[cut], pairs.high[cut]
        value = np.int64(0)
        if quantity in (_OS, _LS):
            if _sign(r, i, j, record, pairs) != (1 if quantity == _LS else 2):
                return False
            continue
        if quantity == _MASSDR:
            if not _mass_over_distance(r, i, j, low, record, pairs):
                return False
            continue
        if quantity == _DETA:
            value = pairs.tables[pairs.delta_eta[r] + _eta_distance(r, i, j, record, pairs)]
        elif quantity == _DPHI:
            value = pairs.tables[pairs.delta_phi[r] + _phi_distance(r, i, j, record, pairs)]
        elif quantity == _DR:
            eta = pairs.tables[pairs.delta_eta[r] + _eta_distance(r, i, j, record, pairs)]
            phi = pairs.tables[pairs.delta_phi[r] + _phi_distance(r, i, j, record, pairs)]
            value = eta * eta + phi * phi
        elif quantity == _TBPT:
            value = _two_body_momentum(r, i, j, record, pairs)
        else:
            value = _mass(r, i, j, quantity, record, pairs)
        if value < low or value > high:
            return False
    return True


@njit(nogil=True, inline="always")
def _used(r: int, side: int, passes: NDArray[np.uint64], pairs: Pairs) -> Any:
    """Return the objects of one side that pass any leg which uses the relation."""
    mask = np.uint64(0)
    start = pairs.leg_start[r, side]
    for k in range(start, start + pairs.leg_count[r, side]):
        mask |= passes[pairs.leg[k]]
    return mask


@njit(nogil=True)
def relate(
    records: NDArray[np.int32],
    passes: NDArray[np.uint64],
    pairs: Pairs,
    out: NDArray[np.uint64],
) -> None:
    """Fill the rows of all relations of pairs.

    Parameters
    ----------
    records
        Columns, shape (events, columns).
    passes
        Bit masks of the legs, shape (events, legs).
    pairs
        The relations.
    out
        Rows of bit masks, shape (events, rows).
    """
    one = np.uint64(1)
    for event in range(len(records)):
        record = records[event]
        for r in range(len(pairs.row)):
            for i in range(pairs.slots[r, 0]):
                out[event, pairs.row[r] + i] = 0
            first = _used(r, 0, passes[event], pairs)
            if first == 0:
                continue
            second = _used(r, 1, passes[event], pairs)
            if second == 0:
                continue
            for i in range(pairs.slots[r, 0]):
                if not first & (one << np.uint64(i)):
                    continue
                mask = np.uint64(0)
                for j in range(pairs.slots[r, 1]):
                    bit = one << np.uint64(j)
                    if not second & bit or (pairs.same[r] and i == j):
                        continue
                    if _related(r, i, j, record, pairs):
                        mask |= bit
                out[event, pairs.row[r] + i] = mask


@njit(nogil=True)
def relate_triples(
    records: NDArray[np.int32],
    passes: NDArray[np.uint64],
    pairs: Pairs,
    triples: Triples,
    out: NDArray[np.uint64],
) -> None:
    """Fill the rows of all relations of three objects.

    Parameters
    ----------
    records, passes, pairs
        As for `relate`.
    triples
        The relations.
    out
        Rows of bit masks, shape (events, rows).
    """
    one = np.uint64(1)
    for event in range(len(records)):
        record = records[event]
        for t in range(len(triples.row)):
            r = triples.pair[t]
            n = pairs.slots[r, 0]
            for k in range(n * n):
                out[event, triples.row[t] + k] = 0
            used = _used(r, 0, passes[event], pairs) | _used(r, 1, passes[event], pairs)
            for i in range(n):
                for j in range(i):
                    for k in range(j):
                        bits = (one << np.uint64(i)) | (one << np.uint64(j)) | (one << np.uint64(k))
                        if used & bits != bits:
                            continue
                        quantity = triples.quantity[t]
                        mass = _mass(r, i, j, quantity, record, pairs)
                        mass += _mass(r, i, k, quantity, record, pairs)
                        mass += _mass(r, j, k, quantity, record, pairs)
                        if triples.low[t] <= mass <= triples.high[t]:
                            row = triples.row[t]
                            out[event, row + i * n + j] |= one << np.uint64(k)
                            out[event, row + j * n + i] |= one << np.uint64(k)
                            out[event, row + i * n + k] |= one << np.uint64(j)
                            out[event, row + k * n + i] |= one << np.uint64(j)
                            out[event, row + j * n + k] |= one << np.uint64(i)
                            out[event, row + k * n + j] |= one << np.uint64(i)
