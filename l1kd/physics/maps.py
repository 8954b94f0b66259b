"""Sums of weights in eta and phi against the same events without pile-up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.columns import event_index
from l1kd.emulators.array_types import Floats
from l1kd.physics.response import STANDARD, Resampling
from l1kd.statistics import Estimate, bootstrap

__all__ = ["ETA_EDGES", "PHI_EDGES", "cell_sums", "cells_by_event", "distance_table"]

ETA_EDGES = np.linspace(-5.2, 5.2, 35)
PHI_EDGES = np.linspace(-np.pi, np.pi, 35)
"""Edges of the maps' cells: 34 by 34 between abs(eta) 5.2, as the paper on DistillNet has them."""

_N_ETA, _N_PHI = 26, 16
"""Cells of the distance, about 0.4 by 0.4, the size of a jet."""


def cell_sums(eta: ArrayLike, phi: ArrayLike, values: ArrayLike) -> Floats:
    """Sum values of particles in cells of eta and phi, float64[34, 34]."""
    azimuth = np.clip(phi, -np.pi, np.pi)  # files round phi up to 1e-3 beyond pi
    sums, _, _ = np.histogram2d(
        np.asarray(eta), azimuth, (ETA_EDGES, PHI_EDGES), weights=np.asarray(values, np.float64)
    )
    return sums


def cells_by_event(
    eta: ArrayLike, phi: ArrayLike, pt: ArrayLike, offsets: NDArray[np.int64]
) -> Floats:
    """Sum momentum in jet-sized cells of every event, float64[events, cells]."""
    row = np.floor((np.asarray(eta) + 5.2) / 10.4 * _N_ETA).astype(np.int64)
    azimuth = np.asarray(phi) / (2 * np.pi) + 0.5
    column = np.floor(azimuth * _N_PHI).astype(np.int64) % _N_PHI
    cell = np.clip(row, 0, _N_ETA - 1) * _N_PHI + column
    size = _N_ETA * _N_PHI
    n_events = len(offsets) - 1
    sums = np.bincount(event_index(offsets) * size + cell, np.asarray(pt), n_events * size)
    return sums.reshape(n_events, size).astype(np.float64)


def distance_table(
    distances: Mapping[str, Floats],
    *,
    reference: str = "puppi",
    resampling: Resampling = STANDARD,
) -> dict[str, Any]:
    """Median over the events of the distance from the event without pile-up.

    Of every event the distance is the sum over the jet-sized cells of |with - without|, divided by
    the sum without. The detector smears both events on its own and the vertex lies elsewhere, so
    that not even the true weights reach zero.

    Parameters
    ----------
    distances : mapping
        Distance of every event for each weighting, float64[n]; NaN where the event without pile-up
        is empty.
    reference : str
        Weighting of which ratios are taken.
    resampling : Resampling
        Parameters of the bootstrap.

    Returns
    -------
    dict
        JSON-ready {weighting: {"distance", "distance_ratio": {value, low, high, n}}}.
    """
    names = list(distances)
    stacked = np.stack(list(distances.values()))
    stacked = stacked[:, np.isfinite(stacked[0])]

    def statistic(multiplicity: NDArray[np.int64]) -> Floats:
        medians = np.median(np.repeat(stacked, multiplicity, axis=1), axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([medians, medians / medians[names.index(reference)]])

    n = stacked.shape[1]
    replicas, level, seed = resampling
    found = bootstrap(statistic, n, replicas=replicas, level=level, seed=seed)
    return {
        name: {
            quantity: Estimate(
                float(found.value[row, i]), float(found.low[row, i]), float(found.high[row, i]), n
            ).as_dict()
            for row, quantity in enumerate(("distance", "distance_ratio"))
        }
        for i, name in enumerate(names)
    }
