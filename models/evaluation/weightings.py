"""All weightings of a sample under one charged association, and histograms of their weights."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.puppi import Association
from l1kd.emulators.array_types import Weights
from l1kd.models.evaluation.networks import Judged
from l1kd.models.evaluation.samples import Sample
from l1kd.models.weights.particles import Particles

__all__ = ["CLASSES", "N_BINS", "Charged", "all_weightings", "particle_classes", "weight_counts"]

Charged = Literal["own", "vertex"]
"""Who weights charged particles in a network's comparison: the network, or PUPPI's association."""

CLASSES = ("charged, hard", "charged, pile-up", "neutral, hard", "neutral, pile-up")
"""Classes of particles by charge and by the larger share of their true energy."""

N_BINS = 50
"""Bins of the histograms of weights."""


def all_weightings(
    sample: Sample,
    association: Association,
    networks: Sequence[Judged],
    charged: Charged = "own",
) -> dict[str, Weights]:
    """Weights of all particles for every weighting, with the same charged association.

    Parameters
    ----------
    sample : Sample
        Events.
    association : str
        "dz" or "truth"; PUPPI and LinPUPPI use it, and networks read the PUPPI weight made with it.
    networks : sequence of Judged
        Networks to run.
    charged : str
        "own": a network's weights are taken as it gives them. "vertex": charged particles take
        PUPPI's weight, which is their association.

    Returns
    -------
    dict
        ``none``, ``puppi``, ``linpuppi``, the networks, ``soft_truth``; float32[n] in [0, 1].
    """
    particles = sample.particles[association]
    weights = {
        "none": np.ones(len(particles), np.float32),
        "puppi": particles.puppi_weight,
        "linpuppi": sample.linpuppi[association],
    }
    for network in networks:
        own = network.weights(particles)
        if charged == "vertex":
            own = np.where(particles.charge != 0, particles.puppi_weight, own)
        weights[network.name] = own
    weights["soft_truth"] = particles.truth
    return weights


def particle_classes(particles: Particles) -> NDArray[np.int64]:
    """Position in `CLASSES` of every particle."""
    neutral, pileup = particles.charge == 0, particles.truth < 0.5
    return 2 * neutral.astype(np.int64) + pileup


def weight_counts(particles: Particles, weightings: Mapping[str, Weights]) -> dict[str, Any]:
    """Histogram the weights of each class of particles.

    Returns
    -------
    dict
        JSON-ready {"edges": [...], "counts": {class: {weighting: [...]}}}; weight one is in the
        last bin.
    """
    kind = particle_classes(particles)
    counts: dict[str, dict[str, list[int]]] = {name: {} for name in CLASSES}
    for weighting, weights in weightings.items():
        place = np.minimum((weights.astype(np.float64) * N_BINS).astype(np.int64), N_BINS - 1)
        table = np.bincount(kind * N_BINS + place, minlength=len(CLASSES) * N_BINS)
        for name, row in zip(CLASSES, table.reshape(len(CLASSES), N_BINS), strict=True):
            counts[name][weighting] = row.tolist()
    return {"edges": np.linspace(0.0, 1.0, N_BINS + 1).tolist(), "counts": counts}
