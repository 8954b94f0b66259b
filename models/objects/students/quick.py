"""A short training of a student, for searches: no checkpoints, no progress, seconds long."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.errors import ConfigurationError
from l1kd.models import backend, mixed_precision
from l1kd.models.objects.students import hgq_student, qkeras_student
from l1kd.models.objects.students.architecture import Hgq, Student
from l1kd.models.objects.students.pool import BACKGROUND, EXPOSURE, Pool

__all__ = ["Outcome", "Pace", "objective", "train_quickly"]

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-7
"""Of Adam."""


@dataclass(frozen=True)
class Pace:
    """Length of a short training; `rungs` are the epochs after which it may be stopped."""

    epochs: int
    batch: int
    learning_rate: float
    rungs: tuple[int, ...] = ()


@dataclass
class Outcome:
    """What a short training gave.

    Attributes
    ----------
    mse : dict of str to float
        Mean squared difference from the teacher's score by sample; empty if it was stopped.
    ebops : int
        Effective bit operations.
    rungs : dict of int to (float, int)
        Objective and cost after an epoch.
    """

    ebops: int = 0
    mse: dict[str, float] = field(default_factory=dict)
    rungs: dict[int, tuple[float, int]] = field(default_factory=dict)


Stop = Callable[[int, float, int], bool]


def objective(mse: dict[str, float]) -> float:
    """Mean of the background's and the exposure's difference: signals do not count."""
    return 0.5 * (mse[BACKGROUND] + mse[EXPOSURE])


def _step(model: Any, pool: Pool, pace: Pace, hgq: bool) -> Callable[[Any], None]:
    """Return one step of Adam, its pace falling as a cosine to zero.

    All variables are updated as one vector: half of the time of a short training goes into
    building its graph, and an optimiser of Keras is a large part of that.
    """
    tf = backend.tensorflow()
    inputs, targets = tf.constant(pool.inputs), tf.constant(pool.targets)
    variables = model.trainable_variables
    sizes = [int(np.prod(variable.shape)) for variable in variables]
    total = len(pool.inputs) // pace.batch * pace.epochs
    mean, square = tf.Variable(tf.zeros(sum(sizes))), tf.Variable(tf.zeros(sum(sizes)))
    done = tf.Variable(0.0)

    @tf.function(autograph=False)
    def step(rows: Any) -> None:
        with tf.GradientTape() as tape:
            scores = model(tf.gather(inputs, rows), training=True)[:, 0]
            loss = tf.reduce_mean(tf.square(scores - tf.gather(targets, rows)))
            if hgq:
                loss += tf.add_n(model.losses)
        gradients = tape.gradient(loss, [_plain(variable) for variable in variables])
        flat = tf.concat([tf.reshape(gradient, (-1,)) for gradient in gradients], axis=0)
        rate = 0.5 * pace.learning_rate * (1.0 + tf.cos(np.pi * done / total))
        done.assign_add(1.0)
        mean.assign(_FIRST * mean + (1.0 - _FIRST) * flat)
        square.assign(_SECOND * square + (1.0 - _SECOND) * tf.square(flat))
        scale = tf.sqrt(1.0 - _SECOND**done) / (1.0 - _FIRST**done)
        change = tf.split(rate * scale * mean / (tf.sqrt(square) + _EPSILON), sizes)
        for variable, part in zip(variables, change, strict=True):
            value = _plain(variable) - tf.reshape(part, variable.shape)
            limit = getattr(variable, "constraint", None)
            _plain(variable).assign(value if limit is None else limit(value))

    return step


def _plain(variable: Any) -> Any:
    """Return the variable of TensorFlow inside one of Keras 3."""
    return getattr(variable, "value", variable) if hasattr(variable, "_value") else variable


Differences = Callable[[tuple[str, ...]], dict[str, float]]


def _judge(model: Any, pool: Pool) -> Differences:
    """Return a function that measures the distance from the teacher on samples of the pool.

    It runs the model as it is: a graph for a few calls costs more than it saves.
    """

    def differences(names: tuple[str, ...]) -> dict[str, float]:
        inputs = np.concatenate([pool.checks[name][0] for name in names])
        targets = np.concatenate([pool.checks[name][1] for name in names])
        ends = np.cumsum([len(pool.checks[name][1]) for name in names])
        scores = np.asarray(model(inputs, training=False))[:, 0].astype(np.float64)
        parts = np.split((scores - targets) ** 2, ends[:-1])
        return {name: float(part.mean()) for name, part in zip(names, parts, strict=True)}

    return differences


def train_quickly(
    student: Student, pool: Pool, pace: Pace, seed: int, stop: Stop = lambda *_: False
) -> tuple[Outcome, Any]:
    """Train a student; the same arguments give the same outcome in any process.

    Parameters
    ----------
    stop : callable
        ``stop(epoch, objective, cost)`` is asked at every rung.

    Returns
    -------
    Outcome, model

    Raises
    ------
    ConfigurationError
        If the pool does not fill a batch.
    """
    steps = len(pool.inputs) // pace.batch
    if not steps:
        raise ConfigurationError(
            f"batch: expected at most the {len(pool.inputs)} events of the pool, "
            f"found {pace.batch}; give a smaller batch, or pool more copies"
        )
    backend.keras().backend.clear_session()
    backend.seed_everything(seed, 1)
    total = steps * pace.epochs
    numbers = student.numbers
    if isinstance(numbers, Hgq):
        keras, _, _ = mixed_precision.frameworks()
        keras.backend.clear_session()
        keras.utils.set_random_seed(seed)
        model = hgq_student.network(student, pool.centre, seed)
    else:
        model = qkeras_student.network(student, pool.centre)
    step = _step(model, pool, pace, isinstance(numbers, Hgq))
    outcome, differences = Outcome(), _judge(model, pool)

    def cost() -> int:
        if isinstance(numbers, Hgq):
            return mixed_precision.ebops(model)
        return qkeras_student.ebops(model, student)

    tf = backend.tensorflow()
    for epoch in range(pace.epochs):
        order: NDArray[np.int64] = np.random.default_rng([seed, epoch]).permutation(
            len(pool.inputs)
        )
        for number in range(steps):
            if isinstance(numbers, Hgq) and number % 10 == 0:
                progress = (epoch * steps + number) / total
                mixed_precision.regularise_ebops(model, hgq_student.beta_at(numbers, progress))
            step(tf.constant(order[number * pace.batch : (number + 1) * pace.batch]))
        if epoch + 1 in pace.rungs:
            reached = objective(differences((BACKGROUND, EXPOSURE)))
            outcome.rungs[epoch + 1] = (reached, cost())
            if stop(epoch + 1, *outcome.rungs[epoch + 1]):
                outcome.ebops = cost()
                return outcome, model
    if isinstance(numbers, Hgq):
        outcome.ebops = hgq_student.trace(model)
    else:
        outcome.ebops = cost()
    outcome.mse = differences(tuple(pool.checks))
    return outcome, model
