"""The long training of a student, resumable, and its exact way into firmware."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.object_inputs import N_INPUTS, object_inputs
from l1kd.emulators.network import Network
from l1kd.errors import ArtefactError
from l1kd.models import backend, mixed_precision
from l1kd.models.export import compile_firmware, export_network
from l1kd.models.objects.baselines import Score
from l1kd.models.objects.data import ObjectData
from l1kd.models.objects.students import hgq_student, qkeras_student
from l1kd.models.objects.students.architecture import Hgq
from l1kd.models.objects.students.config import ObjectStudentConfig
from l1kd.models.objects.students.pool import BACKGROUND, EXPOSURE, Pool, PoolSizes, exposed
from l1kd.models.objects.students.quick import objective
from l1kd.models.recipe import Job
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit, run_in_chunks

__all__ = ["emulated", "export", "model_file", "scorer", "train_student"]


def scorer(model: Any) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Return a function from inputs float32[n, 57] to scores float32[n]."""
    return run_in_chunks(lambda x: model(x, training=False)[:, 0], (N_INPUTS,))


def emulated(network: Network) -> Score:
    """Return the scores that an exported network gives events."""
    return lambda events: network.predict(object_inputs(events))[:, 0]


def model_file(config: ObjectStudentConfig) -> str:
    """Return the name of the file of the training framework."""
    return "model.keras" if isinstance(config.student.numbers, Hgq) else "model.h5"


def train_student(
    config: ObjectStudentConfig, data: ObjectData, teacher: Score, job: Job
) -> tuple[Any, list[dict[str, float]]]:
    """Train a student on events that are drawn anew for every epoch.

    Returns
    -------
    model, history
        The history has the distance from the teacher on validation background and exposure.
    """
    tf = backend.tensorflow()
    check = Pool.make(data, teacher, config.pool, config.seed)
    settings, numbers = config.optimisation, config.student.numbers
    train = data.background("train").objects
    steps = len(check.inputs) // settings.batch
    total = steps * settings.epochs
    backend.seed_everything(config.seed, config.threads)  # the teacher drew numbers
    if isinstance(numbers, Hgq):
        model = hgq_student.network(config.student, check.centre, config.seed)
        optimiser = mixed_precision.adam(settings.learning_rate, total)
    else:
        model = qkeras_student.network(config.student, check.centre)
        optimiser = adam(settings, steps)
    score = scorer(model)

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        rng = np.random.default_rng([config.seed, epoch])
        events = exposed(train, config.pool, rng)
        targets = np.asarray(teacher(events), np.float32)
        inputs = object_inputs(events)
        order = rng.permutation(len(inputs))
        for rows in np.split(order[: steps * settings.batch], steps):
            yield tf.constant(inputs[rows]), tf.constant(targets[rows])

    def loss(x: Any, y: Any) -> Any:
        distance = tf.reduce_mean(tf.square(model(x, training=True)[:, 0] - y))
        return distance + tf.add_n(model.losses) if model.losses else distance

    def regularise(step: int) -> None:
        if isinstance(numbers, Hgq) and step % 10 == 0:
            beta = hgq_student.beta_at(numbers, step / total)
            mixed_precision.regularise_ebops(model, beta)

    def validate() -> dict[str, float]:
        mse = {}
        for name in (BACKGROUND, EXPOSURE):
            inputs, targets = check.checks[name]
            mse[name] = float(np.mean((score(inputs).astype(np.float64) - targets) ** 2))
        found = {f"mse_{name}": value for name, value in mse.items()}
        cost = (
            mixed_precision.ebops(model)
            if isinstance(numbers, Hgq)
            else qkeras_student.ebops(model, config.student)
        )
        return {**found, "objective": objective(mse), "ebops": float(cost)}

    task = Fit(
        config.name, model, optimiser, settings.epochs, steps, batches, loss, validate, regularise
    )
    history = fit(task, job.checkpoints(), fingerprint(config, ("search",)), job.quiet)
    if isinstance(numbers, Hgq):
        hgq_student.trace(model)
    return model, history


def proof_rows(data: ObjectData, count: int, seed: int) -> NDArray[np.float32]:
    """Return inputs to prove equality on: events as in training, others at random, the limits."""
    rng = np.random.default_rng([seed, 7])
    train = data.background("train").objects
    sizes = PoolSizes(copies=max(1, -(-count // (2 * len(train)))))
    events = exposed(train, sizes, rng)
    for sample in data.signals("validation").values():
        events = np.concatenate([events, sample.objects])
    least, largest = hgq_student.edge_rows()
    random = rng.uniform(least, largest, (max(count - len(events), count // 10), N_INPUTS))
    return np.concatenate([object_inputs(events), np.float32(random), least[None], largest[None]])


def export(
    config: ObjectStudentConfig, data: ObjectData, model: Any, out: Path
) -> tuple[Network, dict[str, Any]]:
    """Write the integer network, and the model of the training framework.

    Raises
    ------
    ArtefactError
        The integer network differs from the compiled C++ of hls4ml, or from Keras, on any row.
    """
    rows = proof_rows(data, config.check_vectors, config.seed)
    if isinstance(config.student.numbers, Hgq):
        compiled: Callable[[Path], Any] = partial(mixed_precision.firmware, model)
    else:
        compiled = partial(compile_firmware, model, qkeras_student.precisions())
    trained = scorer(model)(rows)[:, None]
    network, metrics = export_network(compiled, rows, out / "network.npz", trained)
    if metrics["mismatches_keras_emulator"]:
        raise ArtefactError(
            f"the integer network differs from Keras on {metrics['mismatches_keras_emulator']} of "
            f"{len(rows)} rows, by up to {metrics['largest_difference_keras_emulator']:.3g}"
        )
    with backend.quiet():
        model.save(out / model_file(config))
    return network, metrics
