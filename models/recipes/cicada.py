"""CICADA: teacher, student, quantized student, test, export through hls4ml."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.image_scores import log_error
from l1kd.models import backend
from l1kd.models.cicada import students, teacher
from l1kd.models.cicada.card import card, image_description, separation
from l1kd.models.cicada.config import CicadaConfig
from l1kd.models.cicada.images import ImageSource
from l1kd.models.config import Optimisation, read_config
from l1kd.models.export import compile_firmware, export_network
from l1kd.models.recipe import Job, Product, Recipe
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit

__all__ = ["RECIPE"]

Scores = Callable[[NDArray[np.uint16]], NDArray[np.floating]]


def _fit_student(
    model: Any,
    label: str,
    settings: Optimisation,
    data: tuple[NDArray[np.uint16], NDArray[np.float32]],
    check: tuple[NDArray[np.uint16], NDArray[np.float32]],
    config: CicadaConfig,
    job: Job,
) -> list[dict[str, float]]:
    tf = backend.tensorflow()
    images, targets = data
    score = students.score(model)
    steps = len(images) // settings.batch

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        order = np.random.default_rng([config.seed, epoch]).permutation(len(images))
        for rows in np.split(order[: steps * settings.batch], steps):
            x = images[rows].reshape(-1, 252).astype(np.float32)
            yield tf.constant(x), tf.constant(targets[rows])

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.abs(model(x, training=True)[:, 0] - y))

    def validate() -> dict[str, float]:
        difference = score(check[0]) - check[1]
        return {"validation_mae": float(np.abs(difference).mean())}

    task = Fit(label, model, adam(settings, steps), settings.epochs, steps, batches, loss, validate)
    return fit(task, job.checkpoints(label), fingerprint(config), job.quiet)


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
    source = ImageSource.read(config.data, config.seed)
    autoencoder, teacher_history = teacher.train_teacher(
        config, source, job.checkpoints("teacher"), job.quiet
    )
    error = teacher.reconstruction_error(autoencoder)

    def target(images: NDArray[np.uint16]) -> NDArray[np.float32]:
        return log_error(error(images), config.target)

    # the student's zero-bias images are none of the epochs that the teacher saw
    images = np.concatenate(
        [
            source.training(config.student_images, config.teacher.epochs),
            source.exposure(config.exposure_images),
        ]
    )
    check = source.validation(config.validation_images)
    data, checked = (images, target(images)), (check, target(check))
    floating, quantized = students.student(), students.quantized_student()
    histories = {"teacher": teacher_history}
    for label, model, settings in (
        ("student", floating, config.student),
        ("quantized", quantized, config.quantized),
    ):
        histories[label] = _fit_student(model, label, settings, data, checked, config, job)
        if label == "student":
            quantized.set_weights(floating.get_weights())
    scores: dict[str, Scores] = {
        "teacher": target,
        "student, floating point": students.score(floating),
        "student, quantized": students.score(quantized),
    }
    metrics = separation(source, source.test_images(config.test_images), scores)
    metrics["history"] = histories
    metrics["calibration"] = source.calibration.as_dict()
    vectors = source.training(config.check_vectors, config.teacher.epochs + 1)
    network, metrics["export"] = export_network(
        partial(compile_firmware, quantized, {"inputs": {"result": students.INPUT_PRECISION}}),
        vectors.reshape(-1, 252),
        job.out / "network.npz",
        students.score(quantized)(vectors)[:, None],
    )
    with backend.quiet():
        quantized.save(job.out / "model.h5")
    return Product(
        kind="cicada",
        description="Anomaly score of a calorimeter image, as firmware.",
        inputs=image_description(str(network.inputs[0].format), config.data.mu),
        outputs={
            "score": {"format": str(network.outputs[0].format), "target": config.target},
        },
        files=("network.npz", "model.h5"),
        data=tuple(source.files()),
        metrics=metrics,
        card=card(config, metrics),
    )


RECIPE = Recipe(
    "cicada",
    "anomaly score of the calorimeter image, as firmware",
    partial(read_config, kind=CicadaConfig),
    _run,
)
