"""CICADA's teacher: an autoencoder of calorimeter images, its error, and the score made of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from l1kd.models import backend
from l1kd.models.cicada.config import CicadaConfig
from l1kd.models.cicada.images import ImageSource
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit, run_in_chunks

__all__ = ["LARGEST_SCORE", "network", "reconstruction_error", "target", "train_teacher"]

STEPS_PER_UNIT = 256
LARGEST_SCORE = 256.0 - 1.0 / STEPS_PER_UNIT
"""Scores are multiples of 1/256 up to this one."""
_SCALE = 1.0 / 32.0

# a teacher serves every student that is tried on it
_AFTER_TEACHER = (
    "student_images",
    "exposure_images",
    "test_images",
    "student",
    "quantized",
    "target",
)

Target = Literal["log_mse_32", "log_32_mse"]


def network(latent: int) -> Any:
    """Build the autoencoder.

    Parameters
    ----------
    latent : int
        Size of the inner layer.

    Returns
    -------
    tf_keras.Model
        float32[n, 18, 14, 1] counts to the same shape. Scaling by 1/32 is part of the model.
    """
    layers = backend.keras().layers
    keras = backend.keras()
    relu = {"padding": "same", "activation": "relu"}
    return keras.Sequential(
        [
            layers.Input((18, 14, 1)),
            layers.Rescaling(_SCALE),
            layers.Conv2D(20, 3, **relu),
            layers.AveragePooling2D(2),
            layers.Conv2D(30, 3, **relu),
            layers.Flatten(),
            layers.Dense(latent, activation="relu"),
            layers.Dense(9 * 7 * 30),
            layers.Reshape((9, 7, 30)),
            layers.Activation("relu"),
            layers.Conv2D(30, 3, **relu),
            layers.UpSampling2D(2),
            layers.Conv2D(20, 3, **relu),
            layers.Conv2D(1, 3, **relu),
            layers.Rescaling(1.0 / _SCALE),
        ],
        name="teacher",
    )


def reconstruction_error(model: Any) -> Callable[[NDArray[np.uint16]], NDArray[np.float64]]:
    """Return a function that gives the mean squared error of a teacher on each image.

    Parameters
    ----------
    model : tf_keras.Model
        The teacher.

    Returns
    -------
    callable
        uint16[n, 18, 14] to float64[n], counts squared.
    """
    tf = backend.tensorflow()

    def errors(x: Any) -> Any:
        return tf.reduce_mean(tf.square(model(x, training=False) - x), axis=(1, 2, 3))

    predict = run_in_chunks(errors, (18, 14, 1))

    def error(images: NDArray[np.uint16]) -> NDArray[np.float64]:
        return predict(images[..., None]).astype(np.float64)

    return error


def target(error: NDArray[np.float64], kind: Target = "log_mse_32") -> NDArray[np.float32]:
    """Turn the teacher's error into the score that the student learns.

    Parameters
    ----------
    error : numpy.ndarray, shape (n,)
        Mean squared error over the 252 regions, counts squared.
    kind : {"log_mse_32", "log_32_mse"}
        ``32 ln(MSE)`` of the deployed line, or ``ln(32 MSE)`` of the 2025 evaluation paper.

    Returns
    -------
    numpy.ndarray, shape (n,), float32
        Multiples of 1/256 in [0, 256).
    """
    floor = np.maximum(error, np.finfo(np.float64).tiny)
    value = 32.0 * np.log(floor) if kind == "log_mse_32" else np.log(32.0 * floor)
    rounded = np.round(value * STEPS_PER_UNIT) / STEPS_PER_UNIT
    return np.clip(rounded, 0.0, LARGEST_SCORE).astype(np.float32)


def train_teacher(
    config: CicadaConfig, source: ImageSource, folder: Path, quiet: bool
) -> tuple[Any, list[dict[str, float]]]:
    """Train the teacher, or take it from its checkpoints: the Keras model and its history."""
    tf = backend.tensorflow()
    model = network(config.latent)
    settings = config.teacher
    steps = config.images_per_epoch // settings.batch
    check = source.validation(config.validation_images)
    error = reconstruction_error(model)

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
