"""Event scores of the calorimeter image: those without training, and the grid of the others."""

from typing import Literal

import numpy as np

from l1kd.algorithms.base import EventScore
from l1kd.algorithms.residuals import Residuals
from l1kd.emulators.array_types import AnyArray, AnyFloats, Singles
from l1kd.emulators.image_scores import (
    CHI2_FRACTION,
    chi2_of_rings,
    chi2_of_rings_raw,
    hottest_region,
    rms_of_regions,
    sum_of_regions,
)
from l1kd.emulators.image_sums import image_sums

__all__ = [
    "LARGEST_SCORE",
    "CaloHottest",
    "CaloHt",
    "CaloRms",
    "CaloSum",
    "RingChi2",
    "RingChi2Integer",
    "RingExcess",
    "log_error",
]


class RingExcess(EventScore):
    """Mean square of the residuals: what stands above its ring, over a power of the pile-up.

    In integers as firmware could: the sum of the squares of the 252 residuals of
    `l1kd.emulators.residuals`, of 30 bits, without its last six, read with 12 fraction bits. The
    power 0.35 of the event's mean was chosen on validation images at 60 and 140 collisions.
    """

    name = "ring_excess"
    adds = "RingExcess.score"
    label = "excess over rings"
    step = 2.0**-12

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32, multiples of 1/4096."""
        residuals = Residuals(_EXCESS_POWER).raw(image).astype(np.int64)
        return ((np.square(residuals).sum(axis=(1, 2)) >> 6) * self.step).astype(np.float32)


_EXCESS_POWER = 0.35
_STEPS_PER_UNIT = 256
LARGEST_SCORE = 256.0 - 1.0 / _STEPS_PER_UNIT
"""CICADA's scores are multiples of 1/256 up to this one."""


def log_error(
    error: AnyFloats, kind: Literal["log_mse_32", "log_32_mse"] = "log_mse_32"
) -> Singles:
    """Turn an autoencoder's error into the score that its students learn.

    Parameters
    ----------
    error : numpy.ndarray, shape (n,)
        Mean squared error over the 252 regions.
    kind : {"log_mse_32", "log_32_mse"}
        ``32 ln(MSE)`` of the deployed line, or ``ln(32 MSE)`` of the 2025 evaluation paper.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Multiples of 1/256 in [0, 256).
    """
    floor = np.maximum(np.asarray(error, np.float64), np.finfo(np.float64).tiny)
    value = 32.0 * np.log(floor) if kind == "log_mse_32" else np.log(32.0 * floor)
    rounded = np.round(value * _STEPS_PER_UNIT) / _STEPS_PER_UNIT
    return np.clip(rounded, 0.0, LARGEST_SCORE).astype(np.float32)


class CaloSum(EventScore):
    """Sum of the transverse energy of all regions, in counts of 0.5 GeV."""

    name = "calo_sum"
    adds = "CaloSum.score"
    label = "sum of regions"
    step = 1.0

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32, whole numbers."""
        return sum_of_regions(image)


class CaloHottest(EventScore):
    """Transverse energy of the hottest region, in counts of 0.5 GeV."""

    name = "calo_hottest"
    adds = "CaloHottest.score"
    label = "hottest region"
    step = 1.0

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32, whole numbers."""
        return hottest_region(image)


class CaloHt(EventScore):
    """HT of the image: its jets above 30 GeV, 3 x 3 regions above their rings' means, in GeV."""

    name = "calo_ht"
    adds = "CaloHt.score"
    label = "HT of regions"

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32."""
        return image_sums(image)["HT"].astype(np.float32)


class CaloRms(EventScore):
    """Standard deviation of the 252 regions, in counts of 0.5 GeV."""

    name = "calo_rms"
    adds = "CaloRms.score"
    label = "rms of regions"

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32."""
        return rms_of_regions(image)


class RingChi2(EventScore):
    """Chi-squared of rings: mean over regions of (x - m)^2 / m, m the mean of the ring in eta."""

    name = "ring_chi2"
    adds = "RingChi2.score"
    label = "chi2 of rings"

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32."""
        return chi2_of_rings(image)


class RingChi2Integer(EventScore):
    """Chi-squared of rings in the integers of a possible firmware, 252/256 of `RingChi2`."""

    name = "ring_chi2_integer"
    adds = "RingChi2Integer.score"
    label = "chi2 of rings, integers"
    step = 2.0**-CHI2_FRACTION

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32, multiples of 1/4096."""
        return (chi2_of_rings_raw(image) * 2.0**-CHI2_FRACTION).astype(np.float32)
