"""CICADA's QKeras student: in floating point, quantized, test, export through hls4ml."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from l1kd.emulators.array_types import Images, Singles
from l1kd.models import backend
from l1kd.models.cicada import students
from l1kd.models.cicada.config import CicadaConfig
from l1kd.models.cicada.students_card import qkeras_card
from l1kd.models.cicada.targets import (
    TrainingTargets,
    batches,
    emulated,
    finish,
    proof_images,
    training_targets,
)
from l1kd.models.config import Optimisation, read_config
from l1kd.models.export import compile_firmware, export_network
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.training import Fit, adam, fit

__all__ = ["RECIPE"]

_BEGIN_SHARE = 8
"""First weights are found from one image in so many."""


def _fit(
    targets: TrainingTargets, label: str, model: Any, settings: Optimisation
) -> list[dict[str, float]]:
    tf = backend.tensorflow()
    steps = len(targets.images) // settings.batch
    trained = students.score(model)

    def score(images: Images) -> Singles:
        return trained(targets.read(images))

    def read(epoch: int) -> Iterator[tuple[Any, ...]]:
        for x, y in batches(targets, epoch, settings.batch):
            yield tf.constant(x), tf.constant(y)

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.abs(model(x, training=True)[:, 0] - y))

    def validate() -> dict[str, float]:
        return targets.metrics(score)

    task = Fit(label, model, adam(settings, steps), settings.epochs, steps, read, loss, validate)
    job = targets.job
    return fit(task, job.checkpoints(label), targets.fingerprint, job.quiet)


def _run(config: CicadaConfig, job: Job) -> Product:
    """Train, and write ``network.npz`` and the model of the training framework.

    The first is the integer network; the second takes part in the proof of a firmware build.

    Raises
    ------
    ConfigurationError
        The folder holds checkpoints of another configuration.
    ArtefactError
        The exported network differs from the compiled C++ of hls4ml on any image.
    """
    targets = training_targets(config, job)
    floating = students.student(config.shape)
    some = slice(None, None, _BEGIN_SHARE)
    students.begin(floating, targets.read(targets.images[some]), targets.targets[some], config.seed)
    quantized = students.quantized_student(config.shape)
    histories = {"student": _fit(targets, "student", floating, config.student)}
    quantized.set_weights(floating.get_weights())
    histories["quantized"] = _fit(targets, "quantized", quantized, config.quantized)
    seen = targets.read(proof_images(targets))
    inputs = {"inputs": {"result": students.input_precision(targets.width)}}
    network, export = export_network(
        partial(compile_firmware, quantized, inputs),
        seen.reshape(-1, 252),
        job.out / "network.npz",
        students.score(quantized)(seen)[:, None],
    )
    with backend.quiet():
        quantized.save(job.out / "model.h5")
    export |= {
        "kind": "in fixed bits",
        "ebops": students.bit_operations(config.shape, targets.width),
        "input": str(network.inputs[0].format),
        "output": str(network.outputs[0].format),
    }
    return finish(
        targets,
        emulated(network, config.normalised),
        histories,
        export,
        qkeras_card,
        "network.npz",
        "model.h5",
    )


RECIPE = Recipe(
    "cicada",
    "anomaly score of the calorimeter image, as firmware",
    partial(read_config, kind=CicadaConfig),
    _run,
)
