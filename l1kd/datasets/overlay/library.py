"""Libraries of single collisions: sparse calorimeter regions, and what was generated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd._documents import open_arrays
from l1kd.emulators.array_types import Bytes, Images, Mask, Offsets, Singles
from l1kd.emulators.calorimeter import N_ETA, N_PHI
from l1kd.emulators.overlay import packed
from l1kd.errors import InputError, UnreadableFileError

__all__ = ["RegionLibrary"]

_LSB_GEV = 1.0 / 16.0
_ARRAYS = ("region_offset", "region_index", "region_et16", "lsb_gev")
_WHOLE: dict[str, tuple[str, int, type[np.integer[Any]]]] = {
    "region_offset": ("offset", np.iinfo(np.int64).max, np.int64),
    "region_index": ("index", N_PHI * N_ETA - 1, np.uint8),
    "region_et16": ("et16", np.iinfo(np.uint16).max, np.uint16),
}
"""Attribute, largest value and type of each list of whole numbers."""
_GENERATED = ("gen_lead_jet_pt", "gen_ht", "gen_ht_central", "gen_met")


def _require_whole(values: NDArray[Any], largest: int, where: str) -> None:
    """Refuse what a cast to the library's own types would change."""
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise InputError(
            f"{where}: expected a list of whole numbers, found {values.dtype} of shape "
            f"{values.shape}"
        )
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= largest:
        raise InputError(
            f"{where}: expected 0 to {largest}, found {values.min()} to {values.max()}"
        )


def _finite(values: NDArray[Any], where: str) -> Singles:
    """Refuse generated numbers that no cut can divide."""
    if values.dtype.kind not in "iuf":
        raise InputError(f"{where}: expected numbers, found {values.dtype}")
    single = values.astype(np.float32, copy=False)
    wrong = ~np.isfinite(single)
    if wrong.any():
        at = int(np.argmax(wrong.ravel()))
        raise InputError(
            f"{where}: expected a finite number of every collision, found {single.ravel()[at]} of "
            f"collision {at} ({int(wrong.sum())} of {wrong.size}); leave these collisions out of "
            "the library, or the array where it was not generated"
        )
    return single


@dataclass(frozen=True)
class RegionLibrary:
    """Sparse calorimeter regions of single collisions.

    Attributes
    ----------
    offset : numpy.ndarray, shape (n + 1,), int64
        Collision `i` owns the entries ``offset[i]:offset[i + 1]``.
    index : numpy.ndarray, uint8
        Region of an entry, ``iphi * 14 + ieta``.
    et16 : numpy.ndarray, uint16
        Transverse energy of an entry in 1/16 GeV.
    generated : mapping
        float32[n] of each collision, as far as the file has them: ``gen_lead_jet_pt``, ``gen_ht``,
        ``gen_ht_central``, ``gen_met`` [GeV].
    path : str
        Where it was read, for messages.

    Raises
    ------
    InputError
        The arrays hold other numbers, or do not fit together.
    """

    offset: Offsets
    index: Bytes
    et16: NDArray[np.uint16]
    generated: Mapping[str, Singles] = field(default_factory=dict)
    path: str = "library"

    def __post_init__(self) -> None:
        for name, (own, largest, dtype) in _WHOLE.items():
            values = np.asarray(getattr(self, own))
            _require_whole(values, largest, f"{self.path}: {name}")
            object.__setattr__(self, own, values.astype(dtype, copy=False))
        generated = {
            name: _finite(np.asarray(values), f"{self.path}: {name}")
            for name, values in self.generated.items()
        }
        object.__setattr__(self, "generated", generated)
        self._check()

    def __len__(self) -> int:
        return len(self.offset) - 1

    @classmethod
    def read(cls, path: str | Path) -> "RegionLibrary":
        """Read a ``regions_*.npz`` file.

        Raises
        ------
        UnreadableFileError
            There is no such file, or it is no npz archive of plain arrays.
        InputError
            An array is missing, another unit is stated, or the arrays do not fit together.
        """
        try:
            with open_arrays(Path(path)) as data:
                content = {name: data[name] for name in (*_ARRAYS, *_GENERATED) if name in data}
        except (OSError, ValueError) as error:
            raise UnreadableFileError(
                f"{path}: expected a library of regions (.npz), which cannot be read: {error}"
            ) from error
        missing = [name for name in _ARRAYS if name not in content]
        if missing:
            raise InputError(f"{path} is no library of regions: it lacks {', '.join(missing)}")
        units = np.unique(content["lsb_gev"])
        if units.tolist() != [_LSB_GEV]:
            raise InputError(
                f"{path}: expected E_T in units of {_LSB_GEV} GeV (lsb_gev), found "
                f"{', '.join(map(str, units)) or 'none'}; write the library in that unit"
            )
        return cls(
            content["region_offset"],
            content["region_index"],
            content["region_et16"],
            {name: content[name] for name in _GENERATED if name in content},
            str(path),
        )

    def _check(self) -> None:
        n, entries = len(self.offset) - 1, len(self.index)
        ends = (self.offset[0], self.offset[-1]) if len(self.offset) else (-1, -1)
        if n < 1 or ends != (0, entries) or (np.diff(self.offset) < 0).any():
            raise InputError(
                f"{self.path}: region_offset must rise from 0 to the {entries} entries, for one "
                f"collision or more; found {len(self.offset)} offsets"
            )
        if len(self.et16) != entries:
            raise InputError(f"{self.path}: {len(self.et16)} E_T values for {entries} regions")
        for name, values in self.generated.items():
            if values.shape != (n,):
                raise InputError(f"{self.path}: {values.size} values of {name} for {n} collisions")

    @cached_property
    def packed(self) -> tuple[NDArray[np.uint64], NDArray[np.uint16]]:
        """Heads and words of the collisions, as the overlay's kernel reads them."""
        return packed(self.offset, self.index, self.et16)

    def part(self, begin: float, end: float) -> "RegionLibrary":
        """Return the collisions between two fractions of the library, both in [0, 1].

        Raises
        ------
        InputError
            The fractions do not rise within [0, 1], or no collision lies between them.
        """
        if not 0.0 <= begin <= end <= 1.0:
            raise InputError(
                f"{self.path}: expected a part between two rising fractions in [0, 1], found "
                f"{begin} to {end}"
            )
        first, last = round(begin * len(self)), round(end * len(self))
        chosen = np.zeros(len(self), bool)
        chosen[first:last] = True
        return self.where(chosen)

    def where(self, chosen: Mask) -> "RegionLibrary":
        """Return the collisions that are chosen by bool[n].

        Raises
        ------
        InputError
            None is, or `chosen` is no bool[n].
        """
        chosen = np.asarray(chosen)
        if chosen.dtype != np.bool_ or chosen.shape != (len(self),):
            raise InputError(
                f"{self.path}: expected one bool for each of {len(self)} collisions, found "
                f"{chosen.dtype} of shape {chosen.shape}"
            )
        if not chosen.any():
            raise InputError(f"{self.path}: none of {len(self)} collisions is left")
        sizes = np.diff(self.offset)
        entries = np.repeat(chosen, sizes)
        return RegionLibrary(
            np.concatenate([[0], np.cumsum(sizes[chosen])]).astype(np.int64),
            self.index[entries],
            self.et16[entries],
            {name: values[chosen] for name, values in self.generated.items()},
            self.path,
        )

    def column(self, name: str) -> Singles:
        """Return what was generated, float32[n].

        Raises
        ------
        InputError
            The file does not have it.
        """
        if name not in self.generated:
            found = ", ".join(self.generated) or "nothing of the kind"
            raise InputError(f"{self.path}: expected {name} of every collision, found {found}")
        return self.generated[name]

    def images(self) -> Singles:
        """Return all collisions as dense images, shape (n, 18, 14), float32, GeV."""
        row = np.repeat(np.arange(len(self)), np.diff(self.offset))
        dense = np.zeros((len(self), N_PHI * N_ETA), np.float32)
        dense[row, self.index] = self.et16 * np.float32(_LSB_GEV)
        return dense.reshape(-1, N_PHI, N_ETA)

    def counts(self) -> Images:
        """Return all collisions as the trigger would see them alone: uint16, shape (n, 18, 14)."""
        return np.minimum(np.floor(self.images() * 2.0), 1023).astype(np.uint16)
