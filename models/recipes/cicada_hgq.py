"""CICADA's student in mixed precision: training, exact export, test."""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Images, Singles
from l1kd.models import backend, mixed_precision
from l1kd.models.cicada import hgq as cicada_hgq
from l1kd.models.cicada.config import CicadaHgqConfig
from l1kd.models.cicada.students_card import hgq_card
from l1kd.models.cicada.targets import (
    TrainingTargets,
    batches,
    emulated,
    finish,
    proof_images,
    training_targets,
)
from l1kd.models.config import read_config
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, fit

__all__ = ["RECIPE"]


def _fit(targets: TrainingTargets, config: CicadaHgqConfig, model: Any) -> list[dict[str, float]]:
    tf = backend.tensorflow()
    settings, cost = config.student, config.ebops_regularisation
    steps = len(targets.images) // settings.batch
    rising = max(settings.epochs - cost.free_epochs - 1, 1)
    trained = cicada_hgq.score(model)

    def score(images: Images) -> Singles:
        return trained(targets.read(images))

    def read(epoch: int) -> Iterator[tuple[Any, ...]]:
        for x, y in batches(targets, epoch, settings.batch):
            yield tf.constant(x), tf.constant(y)

    def loss(x: Any, y: Any) -> Any:
        distance = tf.reduce_mean(tf.abs(model(x, training=True)[:, 0] - y))
        return distance + tf.add_n(model.losses)

    def regularise(step: int) -> None:
        if step % steps == 0:
            done = min(max(step // steps - cost.free_epochs, 0) / rising, 1.0)
            beta = cost.first * (cost.last / cost.first) ** done
            mixed_precision.regularise_ebops(model, beta)

    def validate() -> dict[str, float]:
        return {**targets.metrics(score), "ebops": mixed_precision.ebops(model)}

    optimiser = mixed_precision.adam(settings.learning_rate, settings.epochs * steps)
    task = Fit(
        "student", model, optimiser, settings.epochs, steps, read, loss, validate, regularise
    )
    job = targets.job
    return fit(task, job.checkpoints("student"), fingerprint(config), job.quiet)


def _run(config: CicadaHgqConfig, job: Job) -> Product:
    """Train, and write ``network.npz``, the integer network, and the model of HGQ2.

    Raises
    ------
    ConfigurationError
        HGQ2 is missing, or the folder holds checkpoints of another configuration.
    ArtefactError
        HGQ2, the compiled C++ of hls4ml and the integer network differ on any image.
    """
    targets = training_targets(config, job)
    zero_bias = targets.read(targets.images[: min(20_000, config.student_images)])
    start = float(np.median(targets.validation_targets))
    width = targets.width
    model = cicada_hgq.rings(zero_bias, config.knots, config.hidden, config.seed, width, start)
    histories = {"student": _fit(targets, config, model)}
    like = targets.read(targets.signal_like)
    operations = cicada_hgq.trace(model, np.concatenate([zero_bias, like]), width)
    with tempfile.TemporaryDirectory() as folder:
        network, export = cicada_hgq.export(
            model,
            targets.read(proof_images(targets)),
            Path(folder),
            job.out / "network.npz",
            targets.width,
        )
    with backend.quiet():
        model.save(job.out / "model.keras")
    export |= {
        "kind": "in mixed precision",
        "ebops": operations,
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
    }
    return finish(
        targets,
        emulated(network, config.normalised),
        histories,
        export,
        hgq_card,
        "network.npz",
        "model.keras",
    )


RECIPE = Recipe(
    "cicada_hgq",
    "CICADA's student in mixed precision: every weight and activation has its own width",
    partial(read_config, kind=CicadaHgqConfig),
    _run,
)
