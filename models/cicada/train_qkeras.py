"""The recipe of CICADA: teacher, student, quantized student, test, export."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.artefacts import Artefact, write_manifest
from l1kd.models import backend
from l1kd.models.cicada import students as cicada
from l1kd.models.cicada.card import card, separation
from l1kd.models.cicada.images import ImageSource
from l1kd.models.config import CicadaConfig, Optimisation, read_config
from l1kd.models.export import compile_firmware, export_network
from l1kd.models.records import COMMON_FILES, fingerprint, write_records
from l1kd.models.training import Fit, adam, fit, history_seconds

__all__ = ["train_cicada", "train_cicada_teacher"]

# a teacher serves every student that is tried on it
_AFTER_TEACHER = (
    "student_images",
    "exposure_images",
    "test_images",
    "student",
    "quantized",
    "target",
)
Scores = Callable[[NDArray[np.uint16]], NDArray[np.floating]]


def train_cicada_teacher(
    config: CicadaConfig, source: ImageSource, folder: Path, quiet: bool
) -> tuple[Any, list[dict[str, float]]]:
    """Train the teacher, or take it from its checkpoints: the Keras model and its history."""
    tf = backend.tensorflow()
    model = cicada.teacher(config.latent)
    settings = config.teacher
    steps = config.images_per_epoch // settings.batch
    check = source.validation(config.validation_images)
    error = cicada.reconstruction_error(model)

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        images = source.training(steps * settings.batch, epoch)
        for part in np.split(images[..., None].astype(np.float32), steps):
            yield (tf.constant(part),)

    def loss(x: Any) -> Any:
        # in units of the scaled input, where Adam's usual pace fits
        return tf.reduce_mean(tf.square(model(x, training=True) - x)) / 32.0**2

    def validate() -> dict[str, float]:
        return {"validation_mse": float(error(check).mean())}

    task = Fit(
        "teacher", model, adam(settings, steps), settings.epochs, steps, batches, loss, validate
    )
    return model, fit(task, folder, fingerprint(config, _AFTER_TEACHER), quiet)


def _fit_student(
    model: Any,
    label: str,
    settings: Optimisation,
    data: tuple[NDArray[np.uint16], NDArray[np.float32]],
    check: tuple[NDArray[np.uint16], NDArray[np.float32]],
    config: CicadaConfig,
    folder: Path,
    quiet: bool,
) -> list[dict[str, float]]:
    tf = backend.tensorflow()
    images, wanted = data
    score = cicada.score(model)
    steps = len(images) // settings.batch

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        order = np.random.default_rng([config.seed, epoch]).permutation(len(images))
        for rows in np.split(order[: steps * settings.batch], steps):
            x = images[rows].reshape(-1, 252).astype(np.float32)
            yield tf.constant(x), tf.constant(wanted[rows])

    def loss(x: Any, y: Any) -> Any:
        return tf.reduce_mean(tf.abs(model(x, training=True)[:, 0] - y))

    def validate() -> dict[str, float]:
        difference = score(check[0]) - check[1]
        return {"validation_mae": float(np.abs(difference).mean())}

    task = Fit(label, model, adam(settings, steps), settings.epochs, steps, batches, loss, validate)
    return fit(task, folder, fingerprint(config), quiet)


def train_cicada(config_path: Path, out: Path, quiet: bool = False) -> Artefact:
    """Train CICADA as a configuration says, and write the artefact.

    Parameters
    ----------
    config_path : pathlib.Path
        YAML file, see `l1kd.models.config.CicadaConfig`.
    out : pathlib.Path
        Folder of the artefact; checkpoints go to ``out/checkpoints``.
    quiet : bool
        Show no progress bars.

    Returns
    -------
    Artefact
        With ``network.npz``, the integer network, and the model of the training framework.

    Raises
    ------
    ConfigurationError
        The configuration is wrong, or the folder holds checkpoints of another one.
    ArtefactError
        The exported network differs from the compiled C++ of hls4ml on any image.
    """
    config = read_config(config_path, CicadaConfig)
    backend.seed_everything(config.seed, config.threads)
    checkpoints = out / "checkpoints"
    source = ImageSource.read(config.data, config.seed)
    teacher, teacher_history = train_cicada_teacher(config, source, checkpoints / "teacher", quiet)
    error = cicada.reconstruction_error(teacher)

    def teach(images: NDArray[np.uint16]) -> NDArray[np.float32]:
        return cicada.target(error(images), config.target)

    # the student's zero-bias images are none of the epochs that the teacher saw
    images = np.concatenate(
        [
            source.training(config.student_images, config.teacher.epochs),
            source.exposure(config.exposure_images),
        ]
    )
    check = source.validation(config.validation_images)
    data, checked = (images, teach(images)), (check, teach(check))
    floating, quantized = cicada.student(), cicada.quantized_student()
    histories = {"teacher": teacher_history}
    for label, model, settings in (
        ("student", floating, config.student),
        ("quantized", quantized, config.quantized),
    ):
        folder = checkpoints / label
        histories[label] = _fit_student(
            model, label, settings, data, checked, config, folder, quiet
        )
        if label == "student":
            quantized.set_weights(floating.get_weights())
    scores: dict[str, Scores] = {
        "teacher": teach,
        "student, floating point": cicada.score(floating),
        "student, quantized": cicada.score(quantized),
    }
    metrics = separation(config, source, scores)
    metrics["history"] = histories
    metrics["calibration"] = {
        "gain": source.calibration.gain.tolist(),
        "pedestal": source.calibration.pedestal.tolist(),
    }
    vectors = source.training(config.check_vectors, config.teacher.epochs + 1)
    network, metrics["export"] = export_network(
        partial(compile_firmware, quantized, {"inputs": {"result": cicada.INPUT_PRECISION}}),
        vectors.reshape(-1, 252),
        out / "network.npz",
        cicada.score(quantized)(vectors)[:, None],
    )
    with backend.quiet():
        quantized.save(out / "model.h5")
    seconds = {name: history_seconds(history) for name, history in histories.items()}
    write_records(out, config, config_path, source.files(), seconds, metrics, card(config, metrics))
    return write_manifest(
        out,
        name=config.name,
        version=config.version,
        kind="cicada",
        description="Anomaly score of a calorimeter image, as firmware.",
        inputs={
            "regions": {
                "shape": ["n", 252],
                "order": "14 * gctPhi + (gctEta - 4)",
                "unit": "counts of 0.5 GeV, clipped at 1023",
                "format": str(network.inputs[0].format),
                "mu": config.data.mu,
            }
        },
        outputs={
            "score": {"format": str(network.outputs[0].format), "target": config.target},
        },
        files=("network.npz", "model.h5", *COMMON_FILES),
    )
