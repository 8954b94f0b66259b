"""Images as sums of Poisson(mu) collisions, counted and clipped as the trigger does."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from l1kd.datasets.overlay.checks import as_array, per_ring, whole_number
from l1kd.datasets.overlay.library import RegionLibrary
from l1kd.emulators.array_types import AnyArray, Floats, Images, Integers
from l1kd.emulators.calorimeter import MAX_REGION_COUNTS, N_ETA
from l1kd.emulators.overlay import add_collisions, draw_collisions, poisson_counts, uniforms
from l1kd.errors import InputError
from l1kd.statistics import Blocks
from l1kd.validation import require_images

__all__ = ["Calibration", "Overlay", "Profile", "calo_overlay", "suppression_for_occupancy"]

_MEAN, _COUNT = 1, 2
"""Purposes of an image's random numbers: its mean pile-up, its number of collisions."""
_LARGEST_MEAN = 1000.0
_LARGEST_GAIN = 1000.0
_MOST_IMAGES = 10**8
"""Images of one call, 50 GB of them."""
_LAST_IMAGE = 2**62


class Profile(Protocol):
    """A profile of pile-up, such as `l1kd.trigger.conditions.PileupProfile`.

    Attributes
    ----------
    edges, shares
        float64[n + 1], ascending, and float64[n] with sum one; within a bin the mean is uniform.
    """

    @property
    def edges(self) -> Floats:
        """Edges of the bins, ascending."""

    @property
    def shares(self) -> Floats:
        """Share of the crossings in each bin."""


@dataclass(frozen=True)
class Calibration:
    """How summed pile-up is brought to the scale of another simulation, ring by ring in eta.

    Attributes
    ----------
    gain : numpy.ndarray, shape (14,), float64
        Factor on the energy of the pile-up.
    pedestal : numpy.ndarray, shape (14,), float64
        Counts of 0.5 GeV that each collision leaves in every region below the library's tower
        thresholds.

    Raises
    ------
    InputError
        There are not 14 numbers, or one is not within 0 to 1000 (gain) or 0 to 1023 (pedestal).
    """

    gain: Floats
    pedestal: Floats

    def __post_init__(self) -> None:
        gain = per_ring(self.gain, _LARGEST_GAIN, "calibration: gain")
        pedestal = per_ring(self.pedestal, MAX_REGION_COUNTS, "calibration: pedestal")
        object.__setattr__(self, "gain", gain)
        object.__setattr__(self, "pedestal", pedestal)

    @classmethod
    def identity(cls) -> "Calibration":
        """Return the calibration that leaves the library as it is."""
        return cls(np.ones(N_ETA), np.zeros(N_ETA))

    def as_dict(self) -> dict[str, list[float]]:
        """Return what the metrics of a training keep of it."""
        return {"gain": self.gain.tolist(), "pedestal": self.pedestal.tolist()}


def _is_profile(mu: float | ArrayLike | Profile) -> TypeGuard[Profile]:
    return hasattr(mu, "edges") and hasattr(mu, "shares")


def _require_pileup(means: AnyArray, found: object) -> None:
    """Refuse a mean pile-up, or an edge of a profile, that is impossible."""
    if not (np.isfinite(means).all() and (means >= 0.0).all() and (means <= _LARGEST_MEAN).all()):
        raise InputError(
            f"mu: expected 0 to {_LARGEST_MEAN:g} collisions a crossing, found {found!r}"
        )


def _require_mu(mu: float | ArrayLike | Profile) -> None:
    """Refuse what is no mean pile-up, whatever the number of images."""
    if not _is_profile(mu):
        _require_pileup(as_array(mu, "mu", "one number, one for each image or a profile"), mu)
        return
    edges = as_array(mu.edges, "mu: edges of the profile", "ascending numbers")
    shares = as_array(mu.shares, "mu: shares of the profile", "numbers that are not negative")
    if shares.ndim != 1 or not shares.size or edges.shape != (shares.size + 1,):
        raise InputError(
            f"mu: expected a profile of n shares between n + 1 edges, found shapes {shares.shape} "
            f"and {edges.shape}"
        )
    _require_pileup(edges, edges)
    if not (np.diff(edges) > 0.0).all():
        raise InputError(f"mu: expected a profile with ascending edges, found {edges!r}")
    if not (np.isfinite(shares).all() and (shares >= 0.0).all() and shares.sum() > 0.0):
        raise InputError(
            f"mu: expected shares of the profile that are not negative, nor all zero, found "
            f"{shares!r}"
        )


def _means(mu: float | ArrayLike | Profile, n: int, first: int, key: np.uint64) -> Floats:
    """Mean pile-up of each image."""
    if _is_profile(mu):
        steps = np.concatenate([[0.0], np.cumsum(mu.shares)])
        means = np.interp(uniforms(n, first, key, _MEAN) * steps[-1], steps, mu.edges)
    else:
        given = np.asarray(mu)
        if given.shape not in ((), (n,)):
            raise InputError(f"mu: expected one number, {n} numbers or a profile, found {given!r}")
        means = np.broadcast_to(given.astype(np.float64), (n,))
    return np.ascontiguousarray(means)


def _require_images(n: int, first: int) -> tuple[int, int]:
    """Refuse a number of images, or of the first one, that is none."""
    advice = f"make at most {_MOST_IMAGES} images at a time, the others with first=..."
    return (
        whole_number(n, _MOST_IMAGES, "n, number of images", advice),
        whole_number(first, _LAST_IMAGE, "first, number of the first image", "begin with 0"),
    )


@dataclass(frozen=True)
class Overlay:
    """A stream of images: image `i` depends on the arguments and `i` alone.

    Attributes
    ----------
    library : RegionLibrary
        Collisions of pile-up, drawn with replacement.
    mu : float, float[n] or Profile
        Mean number of collisions in a crossing: of all, of each image of a call, or a profile.
    seed : int or tuple of int
        Of all that is random. Zeros at the end do not count: 5, (5,) and (5, 0) are one stream.
    signal : RegionLibrary, optional
        Image `i` gets event ``i % len(signal)`` of it besides, turned and mirrored at random.
    calibration : Calibration, optional
        Of the pile-up. The signal is taken as it is.
    zero_suppression : int or int[14]
        Regions with fewer counts read zero; one number, or one a ring in eta.
    """

    library: RegionLibrary
    mu: float | ArrayLike | Profile
    seed: int | tuple[int, ...]
    signal: RegionLibrary | None = None
    calibration: Calibration | None = None
    zero_suppression: int | ArrayLike = 0

    def __post_init__(self) -> None:
        for name, given, kind, wanted in (
            ("library", self.library, RegionLibrary, "RegionLibrary"),
            ("signal", self.signal, RegionLibrary | None, "RegionLibrary or None"),
            ("calibration", self.calibration, Calibration | None, "Calibration or None"),
        ):
            if not isinstance(given, kind):
                raise InputError(f"overlay: expected a {wanted} as the {name}, found {given!r}")
        _require_mu(self.mu)
        expected = "a whole number, 0 or more, or several as the seed"
        seeds = as_array(self.seed, "overlay", expected)
        if seeds.dtype.kind not in "iu" or seeds.ndim > 1 or not seeds.size or seeds.min() < 0:
            raise InputError(f"overlay: expected {expected}, found {self.seed!r}")
        expected = f"one whole number of counts, 0 or more, or {N_ETA}"
        least = as_array(self.zero_suppression, "zero_suppression", expected)
        if (
            least.dtype.kind not in "iu"
            or least.shape not in ((), (N_ETA,))
            or not 0 <= int(least.min()) <= int(least.max()) <= np.iinfo(np.int64).max
        ):
            raise InputError(
                f"zero_suppression: expected {expected}, found {self.zero_suppression!r}"
            )

    @property
    def _key(self) -> np.uint64:
        key: np.uint64 = np.random.SeedSequence(self.seed).generate_state(1, np.uint64)[0]
        return key

    def collisions(self, n: int, first: int = 0) -> Integers:
        """Numbers of collisions in images `first` to `first + n - 1`, int64[n]."""
        n, first = _require_images(n, first)
        means = _means(self.mu, n, first, self._key)
        return poisson_counts(means, uniforms(n, first, self._key, _COUNT))

    def images(self, n: int, first: int = 0) -> Images:
        """Images `first` to `first + n - 1`: uint16[n, 18, 14], counts of 0.5 GeV."""
        n, first = _require_images(n, first)
        scale = self.calibration or Calibration.identity()
        least = np.broadcast_to(np.asarray(self.zero_suppression, np.int64), (N_ETA,))
        none = np.zeros(0, np.uint64), np.zeros(0, np.uint16)
        signal = none if self.signal is None else self.signal.packed
        try:
            return add_collisions(
                *self.library.packed, self.collisions(n, first), first, self._key,
                *signal, scale.gain, scale.pedestal, np.ascontiguousarray(least),
            )  # fmt: skip
        except MemoryError as error:
            raise InputError(
                f"n, number of images: there is no memory for {n}; make fewer at a time, the "
                "others with first=..."
            ) from error

    def blocks(self, n: int, first: int = 0) -> Blocks:
        """Which collisions of the library the images hold, for errors that know what is shared."""
        n, first = _require_images(n, first)
        counts = self.collisions(n, first)
        size = len(self.library)
        picks, offsets = draw_collisions(size, counts, first, self._key)
        return Blocks(picks, offsets, size)


def _library(given: RegionLibrary | str | Path, name: str) -> RegionLibrary:
    if isinstance(given, RegionLibrary):
        return given
    if not isinstance(given, str | Path):
        raise InputError(
            f"calo_overlay: expected a RegionLibrary or the path of its file as the {name}, found "
            f"{given!r}"
        )
    return RegionLibrary.read(given)


def calo_overlay(
    library: RegionLibrary | str | Path,
    mu: float | ArrayLike | Profile,
    n: int,
    seed: int | tuple[int, ...],
    signal: RegionLibrary | str | Path | None = None,
    *,
    first: int = 0,
    calibration: Calibration | None = None,
    zero_suppression: int | ArrayLike = 0,
) -> Images:
    """Make calorimeter images with pile-up, as the trigger would see them.

    An image is the sum of Poisson(mu) collisions of the library, drawn with replacement, each
    turned by a random number of regions in phi and mirrored in eta at random (the library is
    symmetric in both), and of one signal event where a signal is given. The sum is counted and
    clipped.

    Parameters
    ----------
    library
        Minimum-bias collisions: a `RegionLibrary`, or the path of its file.
    mu
        Mean number of collisions in a crossing; float[n], one for each image; or a profile of
        pile-up with `edges` and `shares`.
    n
        Number of images.
    seed
        The same seed gives the same images, on every machine; zeros at the end of several numbers
        do not count.
    signal
        Library of signal events; image `i` gets event ``i % len(signal)``.
    first
        Number of the first image: ``calo_overlay(..., n=10, first=5)`` gives images 5 to 14 of the
        stream of this seed, so that pieces can be made apart.
    calibration
        Scale of the pile-up, see `calibrate`.
    zero_suppression
        Regions with fewer counts read zero: one number or int[14]; see
        `suppression_for_occupancy`.

    Returns
    -------
    numpy.ndarray, shape (n, 18, 14), uint16
        Counts of 0.5 GeV, floor, clipped at 1023.

    Raises
    ------
    InputError
        If an argument is none of its kind or out of range, or a file is no library.
    UnreadableFileError
        If a file cannot be read.

    Examples
    --------
    >>> images = calo_overlay("regions_minbias.npz", 60.0, 1000, seed=1)  # doctest: +SKIP
    >>> images.shape, images.dtype  # doctest: +SKIP
    ((1000, 18, 14), dtype('uint16'))
    """
    _require_images(n, first)
    source = Overlay(
        _library(library, "library"),
        mu,
        seed,
        None if signal is None else _library(signal, "signal"),
        calibration,
        zero_suppression,
    )
    return source.images(n, first)


def suppression_for_occupancy(images: Images, occupancy: float) -> Integers:
    """Find the zero suppression that leaves a given share of regions above zero.

    Parameters
    ----------
    images
        uint16[n, 18, 14] without zero suppression.
    occupancy
        Share of regions that may be left, between 0 and 1, the same in every ring.

    Returns
    -------
    int64[14]
        For each ring in eta, the same on both sides, the smallest threshold, in counts, at which
        no more is left.

    Raises
    ------
    InputError
        There is no image, images have another type or shape or counts above 1023, or the occupancy
        is no share.
    """
    require_images(images, "suppression_for_occupancy")
    if not len(images):
        raise InputError("suppression_for_occupancy: expected one image or more, found none")
    if not isinstance(occupancy, float | np.floating) or not 0.0 < occupancy < 1.0:
        raise InputError(f"occupancy: expected a share between 0 and 1, found {occupancy!r}")
    both = np.concatenate([images, images[:, :, ::-1]]).reshape(-1, N_ETA)
    thresholds = []
    for ring in both.T:
        share_from = np.cumsum(np.bincount(ring, minlength=1024)[::-1])[::-1] / ring.size
        thresholds.append(int(np.argmax(np.append(share_from, 0.0) <= occupancy)))
    return np.maximum(np.array(thresholds, np.int64), 1)
