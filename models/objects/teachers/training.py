"""Training of teachers, on background alone."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from l1kd.models import backend
from l1kd.models.objects.data import Sample
from l1kd.models.objects.events import augment
from l1kd.models.objects.teachers.config import Method, ObjectTeacherConfig, TeacherTraining
from l1kd.models.objects.teachers.convolutional import Convolutional
from l1kd.models.objects.teachers.dense import Dense
from l1kd.models.objects.teachers.sets import Sets
from l1kd.models.objects.teachers.teacher import Teacher
from l1kd.models.objects.teachers.variational import Variational
from l1kd.models.recipe import Job
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit, run_in_chunks

__all__ = ["build", "train_teacher"]

_KINDS = {
    "dense": Dense,
    "convolutional": Convolutional,
    "variational": Variational,
    "sets": Sets,
}


def build(method: Method, settings: TeacherTraining) -> Teacher:
    """Build a teacher, with weights drawn at random."""
    teacher: Teacher = _KINDS[method](settings)  # type: ignore[abstract]
    return teacher


def train_teacher(
    method: Method,
    settings: TeacherTraining,
    config: ObjectTeacherConfig,
    background: tuple[Sample, Sample],
    job: Job,
) -> tuple[Teacher, list[dict[str, float]]]:
    """Train a teacher, or go on where its training stopped.

    Parameters
    ----------
    background : two Sample
        To train and to validate on; every epoch turns and mirrors the events anew.
    """
    tf = backend.tensorflow()
    backend.seed_everything(config.seed, config.threads)
    teacher, (train, check) = build(method, settings), background
    pace = settings.optimisation
    steps = len(train) // pace.batch
    plain = tf.autograph.experimental.do_not_convert

    def middle(x: Any) -> Any:
        return teacher.loss(x, tf.zeros((tf.shape(x)[0], settings.latent)))[None]

    judge = run_in_chunks(plain(middle), (19, 3), max(len(check), 1))

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        rng = np.random.default_rng([config.seed, epoch])
        events = augment(train.objects, rng)[rng.permutation(len(train))]
        for part in np.split(events[: steps * pace.batch], steps):
            noise = rng.standard_normal((len(part), settings.latent), np.float32)
            yield tf.constant(part), tf.constant(noise)

    def validate() -> dict[str, float]:
        return {"validation_loss": float(judge(check.objects)[0])}

    task = Fit(
        method, teacher.model, adam(pace, steps), pace.epochs, steps, batches, plain(teacher.loss),
        validate,
    )  # fmt: skip
    only = config.model_copy(update={"teachers": {method: settings}})
    return teacher, fit(task, job.checkpoints(method), fingerprint(only), job.quiet)
