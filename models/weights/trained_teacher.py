"""A trained teacher: written, opened, and asked for the weights of any number of events."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.artefacts import Artefact
from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.models import backend
from l1kd.models.config import read_config
from l1kd.models.weights import teacher
from l1kd.models.weights.config import TeacherConfig
from l1kd.models.weights.distillnet import Standardisation
from l1kd.models.weights.nearest import nearest
from l1kd.models.weights.particles import Particles

__all__ = [
    "WEIGHTS",
    "active_units",
    "in_blocks",
    "open_teacher",
    "save_teacher",
    "teacher_weights",
    "weigher",
]

WEIGHTS = "weights.npz"
"""File of the standardisation and of the arrays of the network, in its order."""
_OVERVIEW_BIAS = -7
"""Which of the arrays tells how many units the summary has."""
_EVENTS = 4
_SEARCHED = 400
"""About how many training events, evenly drawn, tell which units of the summary are dead."""

Weigh = Callable[[Particles], NDArray[np.float32]]


def _by_events(call: Callable[[Any, Any, Any], Any], neighbours: int) -> Weigh:
    """Compile a function of inputs, neighbours and numbers of events into one of particles."""
    tf = backend.tensorflow()
    signature = [
        tf.TensorSpec((None, len(INPUT_SETS["local"])), tf.float32),
        tf.TensorSpec((None, neighbours), tf.int32),
        tf.TensorSpec((None,), tf.int32),
    ]
    compiled = tf.function(call, input_signature=signature, autograph=False)

    def apply(block: Particles) -> NDArray[np.float32]:
        counts = np.diff(block.offsets)
        start = np.repeat(block.offsets[:-1], counts).astype(np.int32)
        found = nearest(block, neighbours) + start[:, None]
        number = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        values: NDArray[np.float32] = compiled(block.inputs("local"), found, number).numpy()
        return values

    return apply


def active_units(
    model: Any, neighbours: int, particles: Particles
) -> tuple[NDArray[np.bool_], int]:
    """Find the units of the summary that any particle activates; the others are dead.

    Parameters
    ----------
    model : tf_keras.Model
        What `teacher.network` built, trained.
    neighbours : int
        Of every particle.
    particles : Particles
        Training events, of which some hundred are searched.

    Returns
    -------
    active : bool array, shape (units,)
        At least one is true.
    searched : int
        Number of events.
    """
    tf = backend.tensorflow()

    def largest(inputs: Any, found: Any, event: Any) -> Any:
        del event
        return tf.reduce_max(model.overview(model.nodes(inputs, found)), axis=0)

    search = _by_events(largest, neighbours)
    step = max(1, particles.n_events // _SEARCHED)
    events = range(0, particles.n_events, step)
    blocks = (particles.events(i, i + 1) for i in events)
    active: NDArray[np.bool_] = np.max([search(b) for b in blocks if len(b)], axis=0) > 0.0
    active[0] |= not active.any()  # a layer has at least one unit
    return active, len(events)


def weigher(model: Any, neighbours: int) -> Weigh:
    """Compile a network once; the result weighs all particles of some events together."""

    def call(inputs: Any, found: Any, event: Any) -> Any:
        return model(inputs, found, event, training=False)[:, 0]

    weigh = _by_events(call, neighbours)
    return lambda block: weigh(block) if len(block) else np.empty(0, np.float32)


def in_blocks(weigh: Weigh, particles: Particles) -> NDArray[np.float32]:
    """Weigh any number of events, a few of them at a time: float32[n]."""
    starts = range(0, particles.n_events, _EVENTS)
    ends = (min(begin + _EVENTS, particles.n_events) for begin in starts)
    parts = [weigh(particles.events(*edges)) for edges in zip(starts, ends, strict=True)]
    return np.concatenate([np.empty(0, np.float32), *parts])


def save_teacher(model: Any, scale: Standardisation, folder: Path) -> None:
    """Write the file `WEIGHTS`."""
    values: dict[str, Any] = {f"w{i:03d}": v for i, v in enumerate(model.get_weights())}
    np.savez_compressed(folder / WEIGHTS, mean=scale.mean, spread=scale.spread, **values)


@cache
def _opened(config_path: Path, weights_path: Path) -> Weigh:
    config = read_config(config_path, TeacherConfig)
    with np.load(weights_path, allow_pickle=False) as stored:
        count = sum(name.startswith("w") for name in stored.files)
        weights = [stored[f"w{i:03d}"] for i in range(count)]
        scale = Standardisation(stored["mean"], stored["spread"])
        model = teacher.network(config, scale, len(weights[_OVERVIEW_BIAS]))
        model.set_weights(weights)
    return weigher(model, config.neighbours)


def open_teacher(artefact: Artefact) -> Weigh:
    """Open a teacher, once a process.

    Parameters
    ----------
    artefact : Artefact
        Of kind "teacher".

    Returns
    -------
    callable
        Weighs the particles of a few whole events together: `Particles` to float32[n] in [0, 1].
    """
    return _opened(artefact.file("config.yaml"), artefact.file(WEIGHTS))


def teacher_weights(artefact: Artefact, particles: Particles) -> NDArray[np.float32]:
    """Weigh the particles of any number of events with a teacher: float32[n] in [0, 1]."""
    return in_blocks(open_teacher(artefact), particles)
