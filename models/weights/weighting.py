"""Weights of every kind of network for flat particles, for training and evaluation."""

import hashlib
from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.models import onnx_session, read_network, run_onnx
from l1kd.artefacts import Artefact, load
from l1kd.emulators.array_types import Weights
from l1kd.emulators.compilation import cache_folder
from l1kd.emulators.particles.input_matrix import InputSet
from l1kd.errors import ArtefactError
from l1kd.models.memoise import memoise_on_disk
from l1kd.models.weights.particles import Particles
from l1kd.models.weights.trained_teacher import teacher_weights

__all__ = ["input_set_of", "network_weights"]

_BLOCK = 1 << 16
_EVENTS = 50


def input_set_of(artefact: Artefact) -> InputSet:
    """Return the input set that an artefact's network reads."""
    chosen: InputSet = artefact.manifest["inputs"]["particles"].get("set", "paper")
    return chosen


def network_weights(model: str | Path, particles: Particles) -> Weights:
    """Weigh particles with an artefact of kind "distillnet", "qdistillnet" or "teacher".

    A teacher's weights take long: they are kept in ``teacher`` below the folder of
    `l1kd.emulators.compilation.cache_folder`, under a hash of the teacher and of the particles.

    Parameters
    ----------
    model : str or pathlib.Path
        Name of a shipped artefact or its folder.
    particles : Particles
        Whole events; the PUPPI weight is an input, hence so is the charged association.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Weights in [0, 1].

    Raises
    ------
    ArtefactError
        The artefact does not exist, is damaged, or is of another kind.
    """
    artefact = load(model)
    if artefact.kind == "teacher":
        return _of_teacher(artefact, particles)
    if artefact.kind not in ("distillnet", "qdistillnet"):
        raise ArtefactError(
            f"artefact {artefact.title} is of kind '{artefact.kind}': expected a network that "
            "weighs particles (distillnet, qdistillnet or teacher)"
        )
    weights = np.empty(len(particles), np.float32)
    for begin in range(0, particles.n_events, _EVENTS):
        end = min(begin + _EVENTS, particles.n_events)
        inside = slice(particles.offsets[begin], particles.offsets[end])
        inputs = particles.events(begin, end).inputs(input_set_of(artefact))
        weights[inside] = _infer(artefact, inputs)
    return weights


def _infer(artefact: Artefact, inputs: NDArray[np.float32]) -> Weights:
    if artefact.kind == "distillnet":
        session = onnx_session(artefact.file("model.onnx"))
        blocks = [inputs[i : i + _BLOCK] for i in range(0, len(inputs), _BLOCK)]
        parts = [run_onnx(session, {"": block}) for block in blocks]
        return np.concatenate([np.empty(0, np.float32), *parts])
    network = read_network(artefact.file("network.npz"))
    return network.predict(inputs)[:, 0].astype(np.float32)


def _of_teacher(artefact: Artefact, particles: Particles) -> Weights:
    key = hashlib.sha256(artefact.manifest["files"]["weights.npz"]["sha256"].encode())
    for field in fields(particles):
        if field.name != "truth":
            key.update(np.ascontiguousarray(getattr(particles, field.name)).tobytes())
    path = cache_folder() / "teacher" / f"{key.hexdigest()}.npy"
    return memoise_on_disk(path, len(particles), lambda: teacher_weights(artefact, particles))
