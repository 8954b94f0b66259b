"""The integer tables of the Global Trigger, computed by formula.

Every entry is floor(x * 10^p + 0.5) in double precision with x = index * step evaluated first; in
this order all 23 tables of the firmware's `gtl_luts_pkg.vhd` come out without a difference, in any
other some entries differ. The inverse of delta R squared follows the firmware's note on its memory
(`doc/rom_one_over_dr_sq`): five digits, muons with half the resolution.
"""

from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.global_trigger.objects import CALO_ETA, CALO_PHI, MUON_ETA, MUON_PHI

__all__ = [
    "CALO_TO_MUON",
    "cos_delta_phi",
    "cosh_delta_eta",
    "cosine",
    "delta_eta",
    "delta_phi",
    "digits",
    "inverse_delta_r_squared",
    "momentum",
    "sine",
    "unconstrained_momentum",
]

Table = NDArray[np.int64]

DELTA_DIGITS: Final = 3
"""Decimal digits of delta eta and delta phi, for every pair."""
INVERSE_DIGITS: Final = 5
"""Decimal digits of the inverse of delta R squared."""
CALO_ETA_BINS: Final = 230
"""Distances in eta that two calorimeter objects can have; the rest of the table is zero."""
MUON_ETA_BINS: Final = 451
"""Distances in eta that two muons can have."""
MIXED_ETA_BINS: Final = 920
"""Distances in eta, in muon bins, that a calorimeter object and a muon can have."""
SIZES: Final = {"calo": 256, "mixed": 1024, "muon": 512}
PHI_SIZES: Final = {"calo": 256, "mixed": 1024, "muon": 1024}
CALO_TO_MUON: Final = (4, 2)
"""A calorimeter index k sits at 4 k + 2 of the muon scales, in eta (signed) and in phi."""


def digits(family: str) -> int:
    """Return the decimal digits of cosh, cos and sin for a pair: 3, or 4 with a muon in it."""
    return 3 if family == "calo" else 4


def _rounded(values: NDArray[np.floating[Any]], places: int) -> Table:
    """Return floor(x * 10^p + 0.5)."""
    return np.floor(values * 10.0**places + 0.5).astype(np.int64)


def _padded(values: Table, size: int) -> Table:
    """Return `values` followed by zeros."""
    out = np.zeros(size, np.int64)
    out[: len(values)] = values
    return out


def _eta(family: str) -> tuple[NDArray[np.floating[Any]], int]:
    """Return delta eta of every index of a pair family, and the size of its table."""
    bins = {"calo": CALO_ETA_BINS, "mixed": MIXED_ETA_BINS, "muon": MUON_ETA_BINS}[family]
    step = CALO_ETA.step if family == "calo" else MUON_ETA.step
    return np.arange(bins) * step, SIZES[family]


def _phi(family: str) -> tuple[NDArray[np.floating[Any]], int]:
    """Return delta phi of every index of a pair family, and the size of its table."""
    scale = CALO_PHI if family == "calo" else MUON_PHI
    return np.arange(scale.bins) * scale.step, PHI_SIZES[family]


@cache
def delta_eta(family: str) -> Table:
    """Return delta eta times 1000 by index distance, for `calo`, `mixed` or `muon` pairs."""
    values, size = _eta(family)
    return _padded(_rounded(values, DELTA_DIGITS), size)


@cache
def delta_phi(family: str) -> Table:
    """Return delta phi times 1000 by index distance (only the folded half is ever asked for)."""
    values, size = _phi(family)
    return _padded(_rounded(values, DELTA_DIGITS), size)


@cache
def cosh_delta_eta(family: str) -> Table:
    """Return the hyperbolic cosine of delta eta times 10^digits."""
    values, size = _eta(family)
    return _padded(_rounded(np.cosh(values), digits(family)), size)


@cache
def cos_delta_phi(family: str) -> Table:
    """Return the cosine of delta phi times 10^digits."""
    values, size = _phi(family)
    return _padded(_rounded(np.cos(values), digits(family)), size)


@cache
def momentum(bits: int, offset: int) -> Table:
    """Return the momentum of the bin centre times 10.

    Parameters
    ----------
    bits
        Width of the index.
    offset
        1 for muons, whose index 0 means "no muon"; 0 otherwise.

    Returns
    -------
    NDArray[int64], shape (2^bits,)
        3, 8, 13, ... for calorimeter objects and sums; 0, 3, 8, ... for muons.
    """
    table = np.floor((np.arange(2**bits) - offset + 0.5) * 5 + 0.5).astype(np.int64)
    table[:offset] = 0
    return table


@cache
def unconstrained_momentum() -> Table:
    """Return the unconstrained momentum of the bin centre times 10 (0, 5, 15, 25, ...)."""
    table = np.floor((np.arange(256) - 0.5) * 10 + 0.5).astype(np.int64)
    table[0] = 0
    return table


def _bin_centres(family: str) -> tuple[NDArray[np.floating[Any]], int]:
    """Return phi of every bin's centre, and the size of the table."""
    scale = CALO_PHI if family == "calo" else MUON_PHI
    return (np.arange(scale.bins) + 0.5) * scale.step, PHI_SIZES[family]


@cache
def cosine(family: str) -> Table:
    """Return the cosine of phi at the bin centre times 10^digits, calorimeter or muon scale."""
    values, size = _bin_centres(family)
    return _padded(_rounded(np.cos(values), digits(family)), size)


@cache
def sine(family: str) -> Table:
    """Return the sine of phi at the bin centre times 10^digits, calorimeter or muon scale."""
    values, size = _bin_centres(family)
    return _padded(_rounded(np.sin(values), digits(family)), size)


@cache
def inverse_delta_r_squared(family: str) -> Table:
    """Return 1 / delta R squared times 10^5, flat, one row of phi distances for each eta distance.

    Parameters
    ----------
    family
        `calo`, or `muon` with doubled bins: the firmware drops the lowest bit of eta and phi.

    Returns
    -------
    NDArray[int64], shape (256 * 256,)
        0 where both distances are 0: there the firmware passes the pair.
    """
    factor = 1 if family == "calo" else 2
    eta = np.arange(256)[:, None] * ((CALO_ETA if family == "calo" else MUON_ETA).step * factor)
    bins = CALO_PHI.bins if family == "calo" else MUON_PHI.bins // factor
    phi = np.arange(256)[None, :] * 2 * np.pi / bins
    square = eta**2 + phi**2
    square[0, 0] = np.inf
    return _rounded(1 / square, INVERSE_DIGITS).ravel()
