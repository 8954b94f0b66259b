"""Which pairs of objects are in a relation: distances, masses, charges, in the hardware's integers.

All quantities come from the integer tables; products have 64 bits. A relation is computed only for
objects that pass a leg which uses it.
"""

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.compilation import njit
from l1kd.emulators.global_trigger.limits import QUANTITIES

__all__ = ["PAIR_FIELDS", "SIDE_FIELDS", "Pairs", "Triples", "relate", "relate_triples"]

_DETA, _DPHI, _DR, _MASS, _MASSUPT, _MASST, _MASSDR, _TBPT, _OS, _LS = range(len(QUANTITIES))

PAIR_FIELDS: Final = (
    "row",
    "same",
    "half",
    "unit",
    "delta_eta",
    "delta_phi",
    "cosh",
    "cos",
    "inverse",
    "upt",
    "sine",
    "cosine",
    "cut_start",
    "cut_stop",
)
"""Entries of a relation: its first row in the output (row k holds the partners of object k); 1
where both lists are one, so that an object is no partner of itself; half the number of phi bins;
the power of ten that stands for cosh(0); where its tables begin; its cuts."""
_ROW, _SAME, _HALF, _UNIT, _T_DETA, _T_DPHI, _T_COSH, _T_COS, _T_INVERSE, _T_UPT = range(10)
_T_SINE, _T_COSINE, _CUT_START, _CUT_STOP = range(10, 14)

SIDE_FIELDS: Final = (
    "slots",
    "eta",
    "phi",
    "pt",
    "unconstrained",
    "charge",
    "charge_valid",
    "convert",
    "pt_table",
    "leg_start",
    "leg_stop",
)
"""Entries of each of its two lists: length; columns of the record where the fields begin, -1 for a
field that it lacks; 1 where eta and phi move to the muon scales; where the table of momenta begins;
the legs that use the relation."""
_SLOTS, _ETA, _PHI, _PT, _UPT, _CHARGE, _VALID, _CONVERT, _T_PT, _LEG_START, _LEG_STOP = range(11)
_FIRST: Final = len(PAIR_FIELDS)
_SECOND: Final = _FIRST + len(SIDE_FIELDS)


class Pairs(NamedTuple):
    """All relations of pairs, flat.

    Attributes
    ----------
    info
        One relation a row: `PAIR_FIELDS`, then `SIDE_FIELDS` of the first and the second list.
    cuts
        One cut a row: quantity and its inclusive limits. All cuts of a relation must hold.
    legs
        Legs that use the relations.
    tables
        All integer tables, one after the other.
    """

    info: NDArray[np.int64]
    cuts: NDArray[np.int64]
    legs: NDArray[np.int64]
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


@njit(nogil=True)
def _field(record: NDArray[np.int32], info: NDArray[np.int64], at: int, slot: int) -> Any:
    """Return the value of a field of the object in a slot."""
    return np.int64(record[info[at] + slot])


@njit(nogil=True)
def _angle(
    record: NDArray[np.int32], info: NDArray[np.int64], side: int, at: int, slot: int
) -> Any:
    """Return an angular index, on the muon scale where a muon is in the pair."""
    value = _field(record, info, side + at, slot)
    return 4 * value + 2 if info[side + _CONVERT] else value


@njit(nogil=True)
def _eta_distance(record: NDArray[np.int32], info: NDArray[np.int64], i: int, j: int) -> Any:
    """Return the distance in eta bins."""
    return abs(_angle(record, info, _FIRST, _ETA, i) - _angle(record, info, _SECOND, _ETA, j))


@njit(nogil=True)
def _folded(distance: int, half: int) -> int:
    """Return a distance on the circle (a bin past the circle stays inside the tables)."""
    return distance if distance < half else abs(2 * half - distance)


@njit(nogil=True)
def _phi_distance(record: NDArray[np.int32], info: NDArray[np.int64], i: int, j: int) -> Any:
    """Return the folded distance in phi bins."""
    a = _angle(record, info, _FIRST, _PHI, i)
    b = _angle(record, info, _SECOND, _PHI, j)
    return _folded(abs(a - b), info[_HALF])


@njit(nogil=True)
def _mass(
    record: NDArray[np.int32],
    info: NDArray[np.int64],
    tables: NDArray[np.int64],
    quantity: int,
    i: int,
    j: int,
) -> Any:
    """Return half the squared mass of a pair."""
    if quantity == _MASSUPT:
        first = tables[info[_T_UPT] + _field(record, info, _FIRST + _UPT, i)]
        second = tables[info[_T_UPT] + _field(record, info, _SECOND + _UPT, j)]
    else:
        first = tables[info[_FIRST + _T_PT] + _field(record, info, _FIRST + _PT, i)]
        second = tables[info[_SECOND + _T_PT] + _field(record, info, _SECOND + _PT, j)]
    along = info[_UNIT]
    if quantity != _MASST:
        along = tables[info[_T_COSH] + _eta_distance(record, info, i, j)]
    return first * second * (along - tables[info[_T_COS] + _phi_distance(record, info, i, j)])


@njit(nogil=True)
def _two_body_momentum(
    record: NDArray[np.int32], info: NDArray[np.int64], tables: NDArray[np.int64], i: int, j: int
) -> Any:
    """Return the squared momentum of a pair."""
    first = tables[info[_FIRST + _T_PT] + _field(record, info, _FIRST + _PT, i)]
    second = tables[info[_SECOND + _T_PT] + _field(record, info, _SECOND + _PT, j)]
    a = _angle(record, info, _FIRST, _PHI, i)
    b = _angle(record, info, _SECOND, _PHI, j)
    cosines = tables[info[_T_COSINE] + a] * tables[info[_T_COSINE] + b]
    sines = tables[info[_T_SINE] + a] * tables[info[_T_SINE] + b]
    squares = (first * first + second * second) * info[_UNIT] * info[_UNIT]
    return squares + 2 * first * second * (cosines + sines)


@njit(nogil=True)
def _mass_over_distance(
    record: NDArray[np.int32],
    info: NDArray[np.int64],
    tables: NDArray[np.int64],
    low: int,
    i: int,
    j: int,
) -> bool:
    """Whether half the squared mass over delta R squared reaches `low`.

    The product has up to 84 bits, so the limit is divided instead. Muons lose the lowest bit of eta
    and phi; a pair in one bin always passes.
    """
    drop = 1 if info[_HALF] == 288 else 0
    eta = abs(
        (_field(record, info, _FIRST + _ETA, i) >> drop)
        - (_field(record, info, _SECOND + _ETA, j) >> drop)
    )
    phi = abs(
        (_field(record, info, _FIRST + _PHI, i) >> drop)
        - (_field(record, info, _SECOND + _PHI, j) >> drop)
    )
    inverse = tables[info[_T_INVERSE] + 256 * eta + _folded(phi, info[_HALF] >> drop)]
    if inverse == 0:
        return True
    return _mass(record, info, tables, _MASS, i, j) >= (low + inverse - 1) // inverse


@njit(nogil=True)
def _sign(record: NDArray[np.int32], info: NDArray[np.int64], i: int, j: int) -> int:
    """Return `_LS` for two valid equal charges, `_OS` for opposite ones, -1 for invalid ones."""
    valid = _field(record, info, _FIRST + _VALID, i) & _field(record, info, _SECOND + _VALID, j)
    if not valid:
        return -1
    a = _field(record, info, _FIRST + _CHARGE, i)
    return _LS if a == _field(record, info, _SECOND + _CHARGE, j) else _OS


@njit(nogil=True)
def _value(
    record: NDArray[np.int32],
    info: NDArray[np.int64],
    tables: NDArray[np.int64],
    quantity: int,
    i: int,
    j: int,
) -> Any:
    """Return a quantity of a pair."""
    if quantity == _DETA:
        return tables[info[_T_DETA] + _eta_distance(record, info, i, j)]
    if quantity == _DPHI:
        return tables[info[_T_DPHI] + _phi_distance(record, info, i, j)]
    if quantity == _DR:
        eta = tables[info[_T_DETA] + _eta_distance(record, info, i, j)]
        phi = tables[info[_T_DPHI] + _phi_distance(record, info, i, j)]
        return eta * eta + phi * phi
    if quantity == _TBPT:
        return _two_body_momentum(record, info, tables, i, j)
    return _mass(record, info, tables, quantity, i, j)


@njit(nogil=True)
def _related(
    record: NDArray[np.int32],
    info: NDArray[np.int64],
    cuts: NDArray[np.int64],
    tables: NDArray[np.int64],
    i: int,
    j: int,
) -> bool:
    """Whether all cuts of a relation hold for a pair."""
    for cut in range(info[_CUT_START], info[_CUT_STOP]):
        quantity, low, high = cuts[cut, 0], cuts[cut, 1], cuts[cut, 2]
        if quantity in (_OS, _LS):
            if _sign(record, info, i, j) != quantity:
                return False
        elif quantity == _MASSDR:
            if not _mass_over_distance(record, info, tables, low, i, j):
                return False
        else:
            value = _value(record, info, tables, quantity, i, j)
            if value < low or value > high:
                return False
    return True


@njit(nogil=True)
def _used(
    info: NDArray[np.int64], side: int, passes: NDArray[np.uint64], legs: NDArray[np.int64]
) -> Any:
    """Return the objects of one side that pass any leg which uses the relation."""
    mask = np.uint64(0)
    for k in range(info[side + _LEG_START], info[side + _LEG_STOP]):
        mask |= passes[legs[k]]
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
    cuts, legs, tables = pairs.cuts, pairs.legs, pairs.tables
    for event in range(len(records)):
        record, passing, rows = records[event], passes[event], out[event]
        for r in range(len(pairs.info)):
            info = pairs.info[r]
            slots, row = info[_FIRST + _SLOTS], info[_ROW]
            for i in range(slots):
                rows[row + i] = 0
            first = _used(info, _FIRST, passing, legs)
            if first == 0:
                continue
            second = _used(info, _SECOND, passing, legs)
            if second == 0:
                continue
            for i in range(slots):
                if not first & (one << np.uint64(i)):
                    continue
                mask = np.uint64(0)
                for j in range(info[_SECOND + _SLOTS]):
                    bit = one << np.uint64(j)
                    if not second & bit or (info[_SAME] and i == j):
                        continue
                    if _related(record, info, cuts, tables, i, j):
                        mask |= bit
                rows[row + i] = mask


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
        record, passing, rows = records[event], passes[event], out[event]
        for t in range(len(triples.row)):
            info = pairs.info[triples.pair[t]]
            n, row, quantity = info[_FIRST + _SLOTS], triples.row[t], triples.quantity[t]
            for k in range(n * n):
                rows[row + k] = 0
            used = _used(info, _FIRST, passing, pairs.legs)
            used |= _used(info, _SECOND, passing, pairs.legs)
            for i in range(n):
                for j in range(i):
                    for k in range(j):
                        bits = (one << np.uint64(i)) | (one << np.uint64(j)) | (one << np.uint64(k))
                        if used & bits != bits:
                            continue
                        mass = _mass(record, info, pairs.tables, quantity, i, j)
                        mass += _mass(record, info, pairs.tables, quantity, i, k)
                        mass += _mass(record, info, pairs.tables, quantity, j, k)
                        if triples.low[t] <= mass <= triples.high[t]:
                            rows[row + i * n + j] |= one << np.uint64(k)
                            rows[row + j * n + i] |= one << np.uint64(k)
                            rows[row + i * n + k] |= one << np.uint64(j)
                            rows[row + k * n + i] |= one << np.uint64(j)
                            rows[row + j * n + k] |= one << np.uint64(i)
                            rows[row + k * n + j] |= one << np.uint64(i)
