"""Bits of the calorimeter image, and how often pairs of regions show them.

A region becomes bits by comparison with thresholds. As many of them are set as thresholds are
reached: a region has a level from 0 to their number.

Gates read pairs of neighbours in phi, and are the same for all of them. Pairs lie side by side, or
they overlap: then every region is in two, and a score does not change when its image is turned.
What a gate counts in an image is then decided by how many pairs show each of the possible couples
of levels, which `couples` counts once: a training need never look at the image again.
"""

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Images

__all__ = ["couples", "levels_of_couples", "pairs_of_regions"]


def pairs_of_regions(overlapping: bool = False) -> NDArray[np.int64]:
    """Return the numbers of the regions of every pair, int64[126, 2], or [252, 2] overlapping."""
    regions = np.arange(252).reshape(18, 14)
    pairs = np.stack([regions, np.roll(regions, -1, axis=0)], axis=-1)
    return pairs[:: 1 if overlapping else 2].reshape(-1, 2)


def couples(
    images: Images, limits: NDArray[np.int64], overlapping: bool = False
) -> NDArray[np.uint8]:
    """Count the pairs that show each couple of levels.

    Parameters
    ----------
    images : numpy.ndarray, shape (n, 18, 14), uint16
    limits : numpy.ndarray, shape (t,), int64
    overlapping : bool
        Count all pairs of neighbours, not every second.

    Returns
    -------
    numpy.ndarray, shape (n, (t + 1)**2), uint8
        Entry ``(t + 1) * i + j``: pairs whose first region has level i, and whose second level j.
    """
    size = len(limits) + 1
    level = np.searchsorted(limits, images.reshape(len(images), -1), side="right")
    first, second = pairs_of_regions(overlapping).T
    couple = level[:, first] * size + level[:, second]
    couple += np.arange(len(images))[:, None] * size**2
    counted = np.bincount(couple.ravel(), minlength=len(images) * size**2)
    return counted.reshape(len(images), size**2).astype(np.uint8)


def levels_of_couples(count: int) -> NDArray[np.float32]:
    """Return the bits of every couple of levels of `count` thresholds, float32[(t + 1)**2, 2 t].

    Bit k of the first region, then of the second, says whether threshold k is reached.
    """
    size = count + 1
    reached = (np.arange(size)[:, None] > np.arange(count)).astype(np.float32)
    return np.concatenate([np.repeat(reached, size, axis=0), np.tile(reached, (size, 1))], axis=1)
