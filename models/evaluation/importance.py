"""Which inputs a network lives on: shuffle one over all particles and see what is lost."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.candidates import PID_NAMES
from l1kd.emulators.array_types import Floats, Weights
from l1kd.models.evaluation.networks import Judged
from l1kd.models.weights.particles import Generated, Particles
from l1kd.physics.agreement import agreement
from l1kd.physics.jets import anti_kt
from l1kd.physics.matching import match_nearest
from l1kd.physics.met import missing_pt
from l1kd.physics.response import Resampling, ResponseSample, jet_table, met_table
from l1kd.physics.slices import CARD_JETS

__all__ = ["UNTOUCHED", "input_groups", "permutation_importance"]

UNTOUCHED = "untouched"
"""The network with all its inputs as they are: what the others are compared with."""

_MIN_JET_PT = 15.0
_SEED = 20260101
_RESAMPLING = Resampling(replicas=200)
_TEACHER_GROUPS = {
    "momentum": ("pt", "energy"),
    "eta": ("eta",),
    "phi": ("phi",),
    "particle class": ("charge", "pid"),
    "puppi_weight": ("puppi_weight",),
    "d0": ("d0",),
    "dz": ("dz",),
}


def input_groups(columns: tuple[str, ...]) -> dict[str, list[int]]:
    """Which columns are shuffled together, by the name of the group.

    The one-hot class of a particle is one input, and so are its charge and class; every other
    column is one by itself.
    """
    classes = {name.replace(" ", "_").replace(".", "") for name in PID_NAMES} | {"charge"}
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(columns):
        groups.setdefault("particle class" if name in classes else name, []).append(i)
    return groups


def _student(
    network: Judged, particles: Particles, order: NDArray[np.int64]
) -> dict[str, Callable[[], Weights]]:
    rows = network.features(particles)

    def shuffled(columns: list[int]) -> Weights:
        changed = rows.copy()
        changed[:, columns] = rows[order][:, columns]
        return network.infer(changed)

    groups = input_groups(network.columns)
    return {name: partial(shuffled, columns) for name, columns in groups.items()}


def _teacher(
    network: Judged, particles: Particles, order: NDArray[np.int64]
) -> dict[str, Callable[[], Weights]]:
    from l1kd.models.weights.trained_teacher import teacher_weights  # imports TensorFlow

    def shuffled(names: tuple[str, ...]) -> Weights:
        changed = {name: getattr(particles, name)[order] for name in names}
        return teacher_weights(network.artefact, replace(particles, **changed))

    return {name: partial(shuffled, names) for name, names in _TEACHER_GROUPS.items()}


def _measured(
    particles: Particles, generated: Generated, event_weight: Floats, weights: dict[str, Weights]
) -> ResponseSample:
    """MET and matched jets of all weightings."""
    p, jets = particles, generated.jets.select(generated.jets.pt > _MIN_JET_PT)
    met, jet_pt = {}, {}
    for name, given in weights.items():
        met[name] = np.stack(missing_pt(p.pt, p.phi, p.offsets, given))
        found = anti_kt(p.pt, p.eta, p.phi, p.energy, p.offsets, given, min_pt=_MIN_JET_PT)
        mine, wanted = match_nearest(found, jets)
        jet_pt[name] = np.full(len(jets.pt), np.nan)
        jet_pt[name][wanted] = found.pt[mine]
    return ResponseSample(generated.met, met, event_weight, jets.pt, jets.eta, jets.event, jet_pt)


def permutation_importance(
    network: Judged,
    particles: Particles,
    generated: Generated,
    event_weight: Floats,
    wanted: Weights,
) -> dict[str, Any]:
    """Shuffle each input over all particles of all events.

    What is lost says how much this network relies on the input, given the others; an input that
    another one can replace seems unimportant.

    Parameters
    ----------
    network : Judged
        For a student columns of its input matrix are shuffled, the sums over neighbours one by
        one; for a teacher columns of the particles, from which it makes its own neighbourhoods.
    particles, generated : Particles, Generated
        Events, see `l1kd.models.weights.particles.read_particles`.
    event_weight : numpy.ndarray, shape (events,), float64
        Weights of the events.
    wanted : numpy.ndarray, shape (n,), float32
        Weights of the teacher or of the truth, for the accuracy.

    Returns
    -------
    dict
        JSON-ready {input: {"met", "jets": ratio of the response-corrected resolution to that of
        the untouched network; "symmetric_ratio", "mean_absolute_error": agreement with `wanted`}},
        each {value, low, high, n}; `UNTOUCHED` has the agreement only.
    """
    order = np.random.default_rng(_SEED).permutation(len(particles))
    make = _teacher if network.kind == "teacher" else _student
    weights = {UNTOUCHED: network.weights(particles)}
    weights |= {name: call() for name, call in make(network, particles, order).items()}
    measured = _measured(particles, generated, event_weight, weights)
    met = met_table(measured, reference=UNTOUCHED, resampling=_RESAMPLING)
    jets = jet_table(measured, reference=UNTOUCHED, resampling=_RESAMPLING, **CARD_JETS)
    result: dict[str, Any] = {}
    for name, given in weights.items():
        found = agreement(given, wanted, particles.offsets)
        result[name] = {key: found[key] for key in ("symmetric_ratio", "mean_absolute_error")}
        if name != UNTOUCHED:
            result[name] |= {
                "met": met[name]["corrected_ratio"],
                "jets": jets[name]["corrected_ratio"],
            }
    return result
