"""The canonical 18 x 14 calorimeter image, with one small adapter per input format."""

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import (
    Array,
    collections,
    flat,
    is_dask,
    note,
    offsets_of,
    partitioned,
    read,
    shown,
)
from l1kd.emulators.calorimeter import (
    COUNT_GEV,
    N_ETA,
    N_PHI,
    image_from_regions,
    image_from_towers,
    towers_from_energy,
)
from l1kd.errors import InputError, UnknownFormatError
from l1kd.formats.columns import require_momentum

__all__ = ["COUNT_GEV", "N_ETA", "N_PHI", "region_source_of", "region_sources", "regions"]


def _checked(values: Array, low: int, high: int, where: str) -> Array:
    outside = (values < low) | (values > high)
    if outside.any():
        first = int(np.flatnonzero(outside)[0])
        raise InputError(
            f"{where}: expected {low} to {high}, found {values[first]} at position {first}"
        )
    return values


def _delphes_towers(events: ak.Array, name: str) -> Array:
    """Delphes' towers as trigger towers: e.m. and hadronic E_T each floored to 0.5 GeV counts."""
    eta = flat(read(events, name, "Eta"), np.float64)
    phi = flat(read(events, name, "Phi"), np.float64)
    em = require_momentum(flat(read(events, name, "Eem"), np.float64), f"{name}.Eem")
    had = require_momentum(flat(read(events, name, "Ehad"), np.float64), f"{name}.Ehad")
    offsets = offsets_of(read(events, name, "Eta"))
    return towers_from_energy(eta, phi, em, had, offsets)


def _trigger_towers(events: ak.Array, name: str) -> Array:
    iet = flat(read(events, name, "iet"), np.int64)
    ieta = flat(read(events, name, "ieta"), np.int64)
    iphi = flat(read(events, name, "iphi"), np.int64)
    _checked(iet, 0, 2**31 - 1, f"{name}.iet")
    _checked(iphi, 1, 72, f"{name}.iphi")
    _checked(np.abs(ieta), 1, 41, f"|{name}.ieta|")
    return image_from_towers(iet, ieta, iphi, offsets_of(read(events, name, "iet")))


def _regions(events: ak.Array, name: str) -> Array:
    et = _checked(flat(read(events, name, "et"), np.int64), 0, 2**31 - 1, f"{name}.et")
    ieta = _checked(flat(read(events, name, "ieta"), np.int64), 0, 21, f"{name}.ieta")
    iphi = _checked(flat(read(events, name, "iphi"), np.int64), 0, N_PHI - 1, f"{name}.iphi")
    return image_from_regions(et, ieta, iphi, offsets_of(read(events, name, "et")))


SOURCES: dict[str, Callable[[ak.Array, str], Array]] = {
    "Regions": _regions,
    "SimRegions": _regions,
    "L1UnpackedCaloTower": _trigger_towers,
    "L1EmulCaloTower": _trigger_towers,
    "Tower": _delphes_towers,
}


def region_sources(events: Any) -> list[str]:
    """Names of the calorimeter sources that `events` hold, the default one first."""
    present = collections(events)
    return [name for name in SOURCES if name in present]


def region_source_of(events: Any, source: str | None = None) -> str:
    """Name of the calorimeter source to read: the one asked for, or the default.

    Raises
    ------
    UnknownFormatError
        If the events hold no calorimeter collection, or not the one asked for.
    """
    found = region_sources(events)
    if source is not None and source in found:
        return source
    if source is None and found:
        return found[0]
    raise UnknownFormatError(
        f"expected the calorimeter collection {source or ' or '.join(SOURCES)}, found: "
        f"{shown(collections(events))}. Delphes must store 'Tower', L1 NANO its calorimeter towers."
    )


def _image_array(events: ak.Array, name: str) -> ak.Array:
    return ak.from_numpy(SOURCES[name](events, name), regulararray=True)


def regions(events: Any, source: str | None = None) -> Any:
    """Calorimeter regions of every event.

    Parameters
    ----------
    events
        NanoEvents of Delphes (`Tower`), customised L1 NANO (`L1EmulCaloTower`,
        `L1UnpackedCaloTower`) or anomaly ntuples (`Regions`, `SimRegions`).
    source
        The collection, by default the first of `region_sources(events)`.

    Returns
    -------
    np.ndarray
        uint16 of shape (n_events, 18, 14): row = gctPhi 0..17, column = gctEta - 4 (0..13), value =
        E_T of 4 x 4 trigger towers in counts of 0.5 GeV, clipped at 1023. For dask-awkward events
        a dask-awkward array of the same values.

    Raises
    ------
    UnknownFormatError
        As `region_source_of`.
    InputError
        For NaN, infinity, negative energy or indices outside the detector.
    """
    name = region_source_of(events, source)
    if source is None:
        note("regions", name)
    if is_dask(events):
        return partitioned(_image_array, events, name)
    return SOURCES[name](events, name)
