"""Leading jet, HT and MET of the calorimeter image: seeds that a calorimeter trigger has anyway."""

import numpy as np

from l1kd.emulators.array_types import Floats, Images, Mask
from l1kd.emulators.calorimeter import COUNT_GEV, N_PHI

__all__ = ["SEEDS", "image_sums"]

SEEDS = ("jet", "HT", "MET")
_JET_GEV = 30.0
_CHUNK = 4096


def _windows(excess: Floats) -> Floats:
    """Sum 3 x 3 regions around each, round in phi, cut at the ends in eta."""
    rows = excess + np.roll(excess, 1, axis=1) + np.roll(excess, -1, axis=1)
    sums = rows.copy()
    sums[:, :, 1:] += rows[:, :, :-1]
    sums[:, :, :-1] += rows[:, :, 1:]
    return sums


def _is_highest(sums: Floats) -> Mask:
    """Where a window is the highest of its neighbours; of equal ones the first in phi, then eta."""
    padded = np.full((len(sums), sums.shape[1], sums.shape[2] + 2), -np.inf)
    padded[:, :, 1:-1] = sums
    highest = np.ones(sums.shape, bool)
    for dphi in (-1, 0, 1):
        for deta in (-1, 0, 1):
            if (dphi, deta) == (0, 0):
                continue
            beside = np.roll(padded, dphi, axis=1)[:, :, 1 - deta : sums.shape[2] + 1 - deta]
            after = (dphi, deta) > (0, 0)
            highest &= sums > beside if after else sums >= beside
    return highest


def image_sums(images: Images) -> dict[str, Floats]:
    """Leading jet, HT and MET of images [GeV].

    Jets are the highest sums of 3 x 3 regions, each less the mean of its ring in eta (the
    subtraction of pile-up by rings); HT adds those above 30 GeV; MET is the vector sum of all
    regions. They stand for the seeds that a calorimeter trigger has anyway.

    Returns
    -------
    {"jet", "HT", "MET"}: float64[n] each.
    """
    phi = 2.0 * np.pi * (np.arange(N_PHI) + 0.5) / N_PHI
    found: dict[str, list[Floats]] = {name: [] for name in SEEDS}
    for begin in range(0, max(len(images), 1), _CHUNK):  # once for no images, for their types
        x = images[begin : begin + _CHUNK].astype(np.float64) * COUNT_GEV
        sums = _windows(x - x.mean(axis=1, keepdims=True))
        jets = np.where(_is_highest(sums), sums, 0.0)
        found["jet"].append(jets.max(axis=(1, 2)))
        found["HT"].append(np.where(jets >= _JET_GEV, jets, 0.0).sum(axis=(1, 2)))
        rows = x.sum(axis=2)
        found["MET"].append(np.hypot(rows @ np.cos(phi), rows @ np.sin(phi)))
    return {name: np.concatenate(parts) for name, parts in found.items()}
