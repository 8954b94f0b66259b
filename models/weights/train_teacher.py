"""The recipe of the teacher: data, training, test, artefact."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, write_manifest
from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.models import backend
from l1kd.models.config import TeacherConfig, read_config
from l1kd.models.records import COMMON_FILES, fingerprint, write_records
from l1kd.models.training import Fit, adam, fit, history_seconds
from l1kd.models.weights import teacher
from l1kd.models.weights.batches import Batches, Events
from l1kd.models.weights.card import card, input_description
from l1kd.models.weights.distillnet import Standardisation, standardise
from l1kd.models.weights.event_loss import EventLoss
from l1kd.models.weights.metrics import describe, weightings
from l1kd.models.weights.nearest import nearest
from l1kd.models.weights.particles import Particles
from l1kd.models.weights.samples import Samples

__all__ = ["open_teacher", "teacher_weights", "train_teacher"]

_WEIGHTS = "weights.npz"
_OVERVIEW_BIAS = -7
"""Which of the arrays tells how many units the summary has."""


def _with_columns(events: Events, config: TeacherConfig) -> Events:
    particles = events.particles
    columns = (particles.inputs("local"), nearest(particles, config.neighbours))
    return replace(events, columns=columns)


def _fit(
    config: TeacherConfig, model: Any, samples: Samples, folder: Path, quiet: bool
) -> list[dict[str, float]]:
    settings, loss = config.optimisation, config.loss
    train = _with_columns(samples.train, config)
    validation = _with_columns(samples.validation, config)
    batches = Batches(train, settings.batch, config.seed)
    few = min(settings.batch, validation.particles.n_events)
    check = Batches(validation, few, config.seed)
    judge = backend.tensorflow().function(
        EventLoss(model, loss, few, n_columns=2, training=False),
        reduce_retracing=True,
        autograph=False,
    )

    def validate() -> dict[str, float]:
        values = [float(judge(*batch)) for batch in check(0)]
        return {"validation_loss": float(np.mean(values))}

    task = Fit(
        config.name,
        model,
        adam(settings, batches.steps),
        settings.epochs,
        batches.steps,
        batches,
        EventLoss(model, loss, settings.batch, n_columns=2),
        validate,
    )
    return fit(task, folder, fingerprint(config), quiet)


Weigh = Callable[[Particles], NDArray[np.float32]]
_EVENTS = 4
_LISTENED = 400
"""About how many training events, evenly drawn, tell which units of the summary are never heard."""


def _heard(model: Any, neighbours: int, particles: Particles) -> tuple[NDArray[np.bool_], int]:
    """Tell which units of the summary any particle activates, and of how many training events."""
    tf = backend.tensorflow()

    def loudest(inputs: Any, found: Any, event: Any) -> Any:
        del event
        return tf.reduce_max(model.overview(model.nodes(inputs, found)), axis=0)

    listen = _by_events(loudest, neighbours)
    step = max(1, particles.n_events // _LISTENED)
    events = range(0, particles.n_events, step)
    blocks = (particles.events(i, i + 1) for i in events)
    found: NDArray[np.bool_] = np.max([listen(b) for b in blocks if len(b)], axis=0) > 0.0
    found[0] |= not found.any()  # a layer has at least one unit
    return found, len(events)


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


def _weigher(model: Any, neighbours: int) -> Weigh:
    """Compile a network once; the result weighs all particles of some events together."""

    def call(inputs: Any, found: Any, event: Any) -> Any:
        return model(inputs, found, event, training=False)[:, 0]

    weigh = _by_events(call, neighbours)
    return lambda block: weigh(block) if len(block) else np.empty(0, np.float32)


def _in_blocks(weigh: Weigh, particles: Particles) -> NDArray[np.float32]:
    """Weigh any number of events, a few of them at a time: float32[n]."""
    starts = range(0, particles.n_events, _EVENTS)
    ends = (min(begin + _EVENTS, particles.n_events) for begin in starts)
    parts = [weigh(particles.events(*edges)) for edges in zip(starts, ends, strict=True)]
    return np.concatenate([np.empty(0, np.float32), *parts])


def _save(model: Any, scale: Standardisation, path: Path) -> None:
    values: dict[str, Any] = {f"w{i:03d}": v for i, v in enumerate(model.get_weights())}
    np.savez_compressed(path, mean=scale.mean, spread=scale.spread, **values)


@cache
def _opened(config_path: Path, weights_path: Path) -> Weigh:
    config = read_config(config_path, TeacherConfig)
    with np.load(weights_path, allow_pickle=False) as stored:
        count = sum(name.startswith("w") for name in stored.files)
        weights = [stored[f"w{i:03d}"] for i in range(count)]
        scale = Standardisation(stored["mean"], stored["spread"])
        model = teacher.network(config, scale, len(weights[_OVERVIEW_BIAS]))
        model.set_weights(weights)
    return _weigher(model, config.neighbours)


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
    return _opened(artefact.file("config.yaml"), artefact.file(_WEIGHTS))


def teacher_weights(artefact: Artefact, particles: Particles) -> NDArray[np.float32]:
    """Weigh the particles of any number of events with a teacher: float32[n] in [0, 1]."""
    return _in_blocks(open_teacher(artefact), particles)


def train_teacher(config_path: Path, out: Path, quiet: bool = False) -> Artefact:
    """Train the teacher as a configuration says, and write the artefact.

    Parameters
    ----------
    config_path : pathlib.Path
        YAML file, see `l1kd.models.config.TeacherConfig`.
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bar.

    Returns
    -------
    Artefact
        With ``weights.npz``: the standardisation and the arrays of the network, in its order.

    Raises
    ------
    ConfigurationError
        The configuration is wrong, or the folder holds checkpoints of another one.
    """
    config = read_config(config_path, TeacherConfig)
    backend.seed_everything(config.seed, config.threads)
    samples = Samples.read(config.data, config.loss)
    scale = standardise(samples.train.particles.inputs("local"))
    model = teacher.network(config, scale)
    history = _fit(config, model, samples, out / "checkpoints", quiet)
    heard, listened = _heard(model, config.neighbours, samples.train.particles)
    model = teacher.silenced(model, config, scale, heard)
    _save(model, scale, out / _WEIGHTS)
    weigh = _weigher(model, config.neighbours)
    tests = {
        name: describe(p, truth, weightings(p, _in_blocks(weigh, p)))
        for name, (p, truth) in samples.tests.items()
    }
    metrics = {
        "parameters": int(model.count_params()),
        "silent_units": int((~heard).sum()),
        "events_heard": listened,
        "flops_per_particle": teacher.flops_per_particle(config, int(heard.sum())),
        "tests": tests,
        "history": {config.name: history},
    }
    seconds = {config.name: history_seconds(history)}
    records = (metrics, card(config, metrics))
    write_records(out, config, config_path, samples.files, seconds, *records)
    return write_manifest(
        out,
        name=config.name,
        version=config.version,
        kind="teacher",
        description="Weight of every particle from its neighbours and its event, by attention.",
        inputs=input_description("local"),
        outputs={"weight": {"type": "float32", "range": [0, 1]}},
        files=(_WEIGHTS, *COMMON_FILES),
    )
