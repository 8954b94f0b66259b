"""Sums of weights in eta and phi against the same events without pile-up."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.columns import event_index
from l1kd.emulators.array_types import Floats, Weights
from l1kd.models.evaluation.measure import NO_PILEUP
from l1kd.models.evaluation.samples import Twin
from l1kd.models.weights.particles import Particles
from l1kd.physics.response import STANDARD, Resampling
from l1kd.statistics import Estimate, bootstrap

__all__ = ["ETA_EDGES", "PHI_EDGES", "Maps", "cell_distance", "event_maps", "weight_maps"]

ETA_EDGES = np.linspace(-5.2, 5.2, 35)
PHI_EDGES = np.linspace(-np.pi, np.pi, 35)
"""Edges of the maps' cells: 34 by 34 between abs(eta) 5.2, as the paper has them."""

_N_ETA, _N_PHI = 26, 16
"""Cells of the distance, about 0.4 by 0.4, the size of a jet."""


class Maps(NamedTuple):
    """Sums in cells of eta and phi, float64[eta, phi] for each weighting.

    `weight`: sum of the weights; `momentum`: sum of weight times pt [GeV]; both an event.
    """

    weight: dict[str, Floats]
    momentum: dict[str, Floats]


def _sums(eta: ArrayLike, phi: ArrayLike, values: ArrayLike) -> Floats:
    azimuth = np.clip(phi, -np.pi, np.pi)  # files round phi up to 1e-3 beyond pi
    sums, _, _ = np.histogram2d(
        np.asarray(eta), azimuth, (ETA_EDGES, PHI_EDGES), weights=np.asarray(values, np.float64)
    )
    return sums


def weight_maps(particles: Particles, weightings: Mapping[str, Weights], twin: Twin | None) -> Maps:
    """Sum weights, and weighted momenta, over all events; `NO_PILEUP` is the twin's.

    Parameters
    ----------
    particles : Particles
        Particles with pile-up.
    weightings : mapping
        Weights of all particles, float32[n], by name.
    twin : Twin or None
        The same events without pile-up.
    """
    p, n = particles, max(particles.n_events, 1)
    weight = {name: _sums(p.eta, p.phi, w) / n for name, w in weightings.items()}
    momentum = {name: _sums(p.eta, p.phi, w * p.pt) / n for name, w in weightings.items()}
    if twin is not None:
        weight[NO_PILEUP] = _sums(twin.eta, twin.phi, np.ones(len(twin.pt))) / n
        momentum[NO_PILEUP] = _sums(twin.eta, twin.phi, twin.pt) / n
    return Maps(weight, momentum)


def event_maps(
    particles: Particles, weightings: Mapping[str, Weights], twin: Twin, event: int
) -> dict[str, Floats]:
    """Weighted pt [GeV] of one event in the same cells, float64[eta, phi] by weighting."""
    p = particles
    mine = slice(p.offsets[event], p.offsets[event + 1])
    plain = slice(twin.offsets[event], twin.offsets[event + 1])
    maps = {
        name: _sums(p.eta[mine], p.phi[mine], (w * p.pt)[mine]) for name, w in weightings.items()
    }
    return {NO_PILEUP: _sums(twin.eta[plain], twin.phi[plain], twin.pt[plain]), **maps}


def _cells(
    eta: NDArray[np.float32], phi: NDArray[np.float32], pt: ArrayLike, offsets: NDArray[np.int64]
) -> Floats:
    """Momentum in the cells of every event, float64[events, cells]."""
    row = np.floor((eta + 5.2) / 10.4 * _N_ETA).astype(np.int64)
    column = np.floor((phi / (2 * np.pi) + 0.5) * _N_PHI).astype(np.int64) % _N_PHI
    cell = np.clip(row, 0, _N_ETA - 1) * _N_PHI + column
    size = _N_ETA * _N_PHI
    n_events = len(offsets) - 1
    sums = np.bincount(event_index(offsets) * size + cell, np.asarray(pt), n_events * size)
    return sums.reshape(n_events, size).astype(np.float64)


def cell_distance(
    particles: Particles,
    weightings: Mapping[str, Weights],
    twin: Twin,
    *,
    reference: str = "puppi",
    resampling: Resampling = STANDARD,
) -> dict[str, Any]:
    """Measure how far the weighted momentum in jet-sized cells is from that without pile-up.

    Of every event the sum over the cells of |with - without|, divided by the sum without; of
    these the median. The detector smears both events on its own and the vertex lies elsewhere, so
    that not even the true weights reach zero.

    Parameters
    ----------
    particles, weightings, twin
        As for `weight_maps`.
    reference : str
        Weighting of which ratios are taken.
    resampling : Resampling
        Parameters of the bootstrap.

    Returns
    -------
    dict
        JSON-ready {weighting: {"distance", "distance_ratio": {value, low, high, n}}}.
    """
    p = particles
    plain = _cells(twin.eta, twin.phi, twin.pt, twin.offsets)
    total = plain.sum(axis=1)
    filled = total > 0
    names = list(weightings)
    distances = np.stack(
        [
            np.abs(_cells(p.eta, p.phi, w * p.pt, p.offsets) - plain)[filled].sum(axis=1)
            / total[filled]
            for w in weightings.values()
        ]
    )

    def statistic(multiplicity: NDArray[np.int64]) -> Floats:
        medians = np.median(np.repeat(distances, multiplicity, axis=1), axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([medians, medians / medians[names.index(reference)]])

    n = int(filled.sum())
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
