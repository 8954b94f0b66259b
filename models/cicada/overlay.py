"""Calorimeter images with pile-up, overlaid from a library of single collisions.

An image is the sum of Poisson(mu) minimum-bias collisions, each turned by a random number of
phi steps and mirrored in eta at random (the library is symmetric in both), and of a signal where
one is asked for; then it is counted and clipped as the trigger does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1kd.columns import offsets_from_counts
from l1kd.emulators.array_types import Integers, Singles
from l1kd.emulators.compilation import njit
from l1kd.errors import InputError
from l1kd.statistics import Blocks

__all__ = ["Calibration", "RegionLibrary", "calibrate", "collisions", "count", "overlay", "pileup"]


N_PHI = 18
N_ETA = 14
COUNTS_PER_GEV = 2.0
LARGEST_COUNT = 1023
_CHUNK = 4096


@dataclass(frozen=True)
class RegionLibrary:
    """Sparse calorimeter regions of single collisions.

    Attributes
    ----------
    offset : numpy.ndarray, shape (n + 1,), int64
        Collision `i` owns the entries ``offset[i]:offset[i + 1]``.
    index : numpy.ndarray, uint8
        Region of an entry, ``iphi * 14 + ieta``.
    et : numpy.ndarray, float32
        Transverse energy of an entry in GeV.
    """

    offset: NDArray[np.int64]
    index: NDArray[np.uint8]
    et: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.offset) - 1

    @classmethod
    def read(cls, path: Path) -> "RegionLibrary":
        """Read a ``regions_*.npz`` file.

        Raises
        ------
        InputError
            The file lacks one of the arrays of the library.
        """
        with np.load(path, allow_pickle=False) as data:
            missing = {"region_offset", "region_index", "region_et16", "lsb_gev"} - set(data.files)
            if missing:
                raise InputError(f"{path} is no region library: it lacks {sorted(missing)}")
            energy = data["region_et16"].astype(np.float32) * np.float32(data["lsb_gev"])
            return cls(data["region_offset"].astype(np.int64), data["region_index"], energy)

    def part(self, begin: float, end: float) -> "RegionLibrary":
        """Return the collisions between two fractions of the library, both in [0, 1]."""
        first, last = round(begin * len(self)), round(end * len(self))
        low, high = self.offset[first], self.offset[last]
        return RegionLibrary(
            self.offset[first : last + 1] - low, self.index[low:high], self.et[low:high]
        )

    def images(self) -> NDArray[np.float32]:
        """Return all collisions as dense images, shape (n, 18, 14), GeV."""
        row = np.repeat(np.arange(len(self)), np.diff(self.offset))
        dense = np.zeros((len(self), N_PHI * N_ETA), np.float32)
        dense[row, self.index] = self.et
        return dense.reshape(-1, N_PHI, N_ETA)


@dataclass(frozen=True)
class Calibration:
    """How summed pile-up is brought to the scale of another simulation, ring by ring in eta.

    Attributes
    ----------
    gain : numpy.ndarray, shape (14,), float64
        Factor on the energy of the pile-up.
    pedestal : numpy.ndarray, shape (14,), float64
        Counts of 0.5 GeV that `mu` collisions leave below the library's tower thresholds.
    """

    gain: NDArray[np.float64]
    pedestal: NDArray[np.float64]

    @classmethod
    def identity(cls) -> "Calibration":
        """Return the calibration that leaves the library as it is."""
        return cls(np.ones(N_ETA), np.zeros(N_ETA))

    def as_dict(self) -> dict[str, list[float]]:
        """Return what the metrics of a training keep of it."""
        return {"gain": self.gain.tolist(), "pedestal": self.pedestal.tolist()}


@njit(nogil=True)
def _add(
    image: Singles,
    offset: Integers,
    index: NDArray[np.uint8],
    et: Singles,
    picks: Integers,
    turns: Integers,
    mirrors: NDArray[np.bool_],
) -> None:
    for k in range(len(picks)):
        for j in range(offset[picks[k]], offset[picks[k] + 1]):
            phi = (index[j] // 14 + turns[k]) % 18
            eta = index[j] % 14
            if mirrors[k]:
                eta = 13 - eta
            image[phi, eta] += et[j]


@njit(nogil=True)
def _overlay(
    offset: Integers,
    index: NDArray[np.uint8],
    et: Singles,
    begin: Integers,
    picks: Integers,
    turns: Integers,
    mirrors: NDArray[np.bool_],
    out: Singles,
) -> None:
    for i in range(len(out)):
        part = slice(begin[i], begin[i + 1])
        _add(out[i], offset, index, et, picks[part], turns[part], mirrors[part])


def pileup(
    library: RegionLibrary, n: int, mu: float, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Sum Poisson(mu) random collisions per image.

    Parameters
    ----------
    library : RegionLibrary
        Minimum-bias collisions to draw from, with replacement.
    n : int
        Number of images.
    mu : float
        Mean number of collisions per image.
    rng : numpy.random.Generator
        Source of all randomness.

    Returns
    -------
    images : numpy.ndarray, shape (n, 18, 14), float32
        Transverse energy in GeV.
    collisions : numpy.ndarray, shape (n,), int64
        Number of collisions in each image.
    """
    begin, picks, turns, mirrors = _draw(library, n, mu, rng)
    images = np.zeros((n, N_PHI, N_ETA), np.float32)
    _overlay(library.offset, library.index, library.et, begin, picks, turns, mirrors, images)
    return images, np.diff(begin)


def _draw(
    library: RegionLibrary, n: int, mu: float, rng: np.random.Generator
) -> tuple[Integers, Integers, Integers, NDArray[np.bool_]]:
    """Draw what each image is made of: offsets, collisions, turns and mirrors."""
    begin = offsets_from_counts(rng.poisson(mu, n))
    picks = rng.integers(0, len(library), begin[-1])
    turns = rng.integers(0, N_PHI, begin[-1])
    return begin, picks, turns, rng.integers(0, 2, begin[-1]).astype(np.bool_)


def collisions(
    library: RegionLibrary, n: int, mu: float, rng: np.random.Generator, *, signal: bool = False
) -> Blocks:
    """Tell which collisions of the library the images of `overlay` hold.

    Parameters
    ----------
    library, n, mu, rng
        As given to `overlay`, the generator in the same state.
    signal
        Whether a signal was overlaid, which draws random numbers, too.
    """
    counts, picks = [], []
    for part in _chunks(n):
        size = part.stop - part.start
        begin, chosen = _draw(library, size, mu, rng)[:2]
        counts.append(np.diff(begin))
        picks.append(chosen)
        if signal:
            _motions(size, rng)
    offsets = offsets_from_counts(np.concatenate(counts))
    return Blocks.of(np.concatenate(picks), offsets, len(library))


def count(energy: NDArray[np.floating]) -> NDArray[np.uint16]:
    """Turn counts of 0.5 GeV with fractions into what the trigger sees: floor, clip at 1023."""
    return np.clip(np.floor(energy), 0, LARGEST_COUNT).astype(np.uint16)


def _chunks(n: int) -> Iterator[slice]:
    for begin in range(0, n, _CHUNK):
        yield slice(begin, min(begin + _CHUNK, n))


def overlay(
    library: RegionLibrary,
    n: int,
    mu: float,
    rng: np.random.Generator,
    calibration: Calibration,
    signal: NDArray[np.float32] | None = None,
) -> NDArray[np.uint16]:
    """Make images as the trigger would see them.

    Parameters
    ----------
    library, n, mu, rng
        As in `pileup`.
    calibration : Calibration
        Scale of the pile-up. The signal is taken as it is.
    signal : numpy.ndarray, shape (m, 18, 14), float32, optional
        Signal collisions in GeV; image `i` gets signal ``i % m``, turned and mirrored at random.

    Returns
    -------
    numpy.ndarray, shape (n, 18, 14), uint16
        Counts of 0.5 GeV, floor, clipped at 1023.
    """
    out = np.empty((n, N_PHI, N_ETA), np.uint16)
    for part in _chunks(n):
        size = part.stop - part.start
        images, number = pileup(library, size, mu, rng)
        energy = COUNTS_PER_GEV * calibration.gain * images
        energy += calibration.pedestal * (number / mu)[:, None, None]
        if signal is not None:
            energy += COUNTS_PER_GEV * _moved(signal, part, rng)
        out[part] = count(energy)
    return out


def _motions(n: int, rng: np.random.Generator) -> tuple[Integers, Integers]:
    """Draw a turn and a mirroring for each signal event."""
    return rng.integers(0, N_PHI, n), rng.integers(0, 2, n)


def _moved(
    signal: NDArray[np.float32], part: slice, rng: np.random.Generator
) -> NDArray[np.float32]:
    picks = np.arange(part.start, part.stop) % len(signal)
    turns, mirrors = _motions(len(picks), rng)
    rows = (np.arange(N_PHI)[None, :] - turns[:, None]) % N_PHI
    columns = np.where(mirrors[:, None] == 1, np.arange(N_ETA)[::-1], np.arange(N_ETA))
    return signal[picks[:, None, None], rows[:, :, None], columns[:, None, :]]


def calibrate(
    library: RegionLibrary,
    mu: float,
    rng: np.random.Generator,
    reference: NDArray[np.uint16],
    n: int = 4000,
) -> Calibration:
    """Match mean and spread of overlaid images to reference images, ring by ring in |eta|.

    The library's towers passed thresholds collision by collision; a simulation of the whole
    crossing keeps what lies below them, as a pedestal that hardly fluctuates.

    Parameters
    ----------
    library, mu, rng
        As in `pileup`.
    reference : numpy.ndarray, shape (m, 18, 14), uint16
        Zero-bias images in counts of 0.5 GeV, each with `mu` collisions on average.
    n : int
        Number of images to overlay for the comparison.

    Returns
    -------
    Calibration
        Symmetric in eta.
    """
    images, _ = pileup(library, n, mu, rng)
    energy = COUNTS_PER_GEV * images.astype(np.float64)

    def rings(values: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        both = np.concatenate([values, values[:, :, ::-1]])
        return both.mean(axis=(0, 1)), both.std(axis=(0, 1))

    mean, spread = rings(energy)
    # counts are floored: the energy behind a count is half a count larger on average
    wanted_mean, wanted_spread = rings(reference.astype(np.float64) + 0.5)
    gain = wanted_spread / spread
    return Calibration(gain, np.maximum(wanted_mean - gain * mean, 0.0))
