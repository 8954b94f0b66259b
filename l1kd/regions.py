"""The canonical 18 x 14 calorimeter image, with one small adapter per input format."""

from typing import Any

import awkward as ak

from l1kd._edge import is_dask, note, partitioned
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.calorimeter import COUNT_GEV, N_ETA, N_PHI
from l1kd.errors import InputError
from l1kd.formats import choose, known, readers

__all__ = ["COUNT_GEV", "N_ETA", "N_PHI", "region_source_of", "region_sources", "regions"]


def region_sources(events: Any) -> list[str]:
    """Names of the calorimeter sources that `events` hold, the default one first."""
    return [reader.name for reader in readers("regions", events)]


def region_source_of(events: Any, source: str | None = None) -> str:
    """Name of the calorimeter source to read: the one asked for, or the default.

    Raises
    ------
    UnknownFormatError
        If the events hold no calorimeter collection, or not the one asked for.
    """
    return choose("regions", events, source, _nothing_found).name


def _nothing_found(found: str) -> str:
    expected = " or ".join(name for needs in known("regions") for name in needs)
    return (
        f"expected the calorimeter collection {expected}, found: {found}. Delphes must store "
        "'Tower', L1 NANO its calorimeter towers."
    )


def _image(events: ak.Array, source: str | None) -> AnyArray:
    reader = choose("regions", events, source, _nothing_found)
    image = reader.read(events)
    if image.shape != (len(events), N_PHI, N_ETA) or image.dtype != "uint16":
        raise InputError(
            f"{reader.name}: expected uint16 regions of shape ({len(events)}, {N_PHI}, {N_ETA}), "
            f"found {image.dtype} of shape {image.shape}"
        )
    return image


def _image_array(events: ak.Array, source: str) -> ak.Array:
    return ak.from_numpy(_image(events, source), regulararray=True)


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
    if source is None:
        note("regions", region_source_of(events))
    if is_dask(events):
        return partitioned(_image_array, events, region_source_of(events, source))
    return _image(events, source)
