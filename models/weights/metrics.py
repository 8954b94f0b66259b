"""What the cards of networks that weigh particles say: resolutions and accuracies."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Weights
from l1kd.models.weights.particles import Generated, Particles
from l1kd.physics.agreement import agreement
from l1kd.physics.jets import anti_kt
from l1kd.physics.matching import match_nearest
from l1kd.physics.met import missing_pt
from l1kd.physics.response import ResponseSample, jet_table, met_table

__all__ = ["JET_ETA", "JET_PT", "accuracy", "describe", "weightings"]

JET_PT = 20.0
JET_ETA = 4.0


def _sample(
    particles: Particles, generated: Generated, weightings: Mapping[str, Weights]
) -> ResponseSample:
    p = particles
    met, jet_pt = {}, {}
    for name, weights in weightings.items():
        met[name] = np.stack(missing_pt(p.pt, p.phi, p.offsets, weights))
        jets = anti_kt(p.pt, p.eta, p.phi, p.energy, p.offsets, weights)
        measured, wanted = match_nearest(jets, generated.jets)
        matched = np.full(len(generated.jets.pt), np.nan)
        matched[wanted] = jets.pt[measured]
        jet_pt[name] = matched
    events = p.n_events
    return ResponseSample(
        generated.met,
        met,
        np.ones(events),
        generated.jets.pt,
        generated.jets.eta,
        np.repeat(np.arange(events), np.diff(generated.jets.offsets)),
        jet_pt,
    )


def weightings(particles: Particles, weights: Weights) -> dict[str, Weights]:
    """Return the weightings that a card compares, by name.

    ``network`` takes the network's weights for all particles; ``network, charged by vertex`` takes
    them for neutrals only, and for charged particles the vertex association that PUPPI makes.
    """
    charged = particles.charge != 0
    return {
        "none": np.ones(len(particles), np.float32),
        "puppi": particles.puppi_weight,
        "network": weights,
        "network, charged by vertex": np.where(charged, particles.puppi_weight, weights),
        "truth": particles.truth,
    }


def describe(
    particles: Particles, generated: Generated, weights: Mapping[str, Weights]
) -> dict[str, Any]:
    """Measure a network on test events.

    Parameters
    ----------
    particles, generated
        Test events.
    weights : mapping
        What `weightings` returned.

    Returns
    -------
    dict
        JSON-ready: ``met`` and ``jets``, the tables of `l1kd.physics.response`; ``accuracy`` of the
        neutrals' weights against the truth and ``accuracy_teacher`` against the teacher;
        ``agreement_teacher`` of all particles' weights with it, see
        `l1kd.physics.agreement.agreement`.
    """
    sample = _sample(particles, generated, weights)
    neutral = particles.charge == 0
    truth = particles.truth[neutral]
    return {
        "events": particles.n_events,
        "particles": len(particles),
        "met": met_table(sample),
        "jets": jet_table(sample, max_abs_eta=JET_ETA, gen_pt_range=(JET_PT, np.inf)),
        "accuracy": {
            name: accuracy(weights[name][neutral], truth) for name in ("puppi", "network")
        },
        "accuracy_teacher": {
            name: accuracy(weights[name][neutral], weights["teacher"][neutral])
            for name in ("puppi", "network")
            if "teacher" in weights
        },
        "agreement_teacher": agreement(weights["network"], weights["teacher"], particles.offsets)
        if "teacher" in weights
        else {},
    }


def accuracy(weights: Weights, truth: Weights, bins: int = 20) -> float:
    """Return the mean ratio of two weight histograms, as the DistillNet paper defines accuracy.

    Parameters
    ----------
    weights, truth : numpy.ndarray, shape (n,)
        Weights of a network and those that it should give, in [0, 1].
    bins : int
        Bins of equal width.

    Returns
    -------
    float
        Mean over the bins that hold anything of smaller over larger content.
    """
    first, _ = np.histogram(weights, bins, (0.0, 1.0))
    second, _ = np.histogram(truth, bins, (0.0, 1.0))
    filled = np.maximum(first, second) > 0
    ratio = np.minimum(first, second)[filled] / np.maximum(first, second)[filled]
    return float(ratio.mean())
