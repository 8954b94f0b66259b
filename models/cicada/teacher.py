"""CICADA's teacher: an autoencoder of calorimeter images, and its error."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from l1kd.algorithms.residuals import RESIDUALS
from l1kd.emulators.array_types import Floats, Images, Singles
from l1kd.errors import ConfigurationError
from l1kd.models import backend
from l1kd.models.cicada.config import Autoencoder, CicadaTeacherConfig, StudentConfig
from l1kd.models.cicada.images import ImageSource
from l1kd.models.records import fingerprint
from l1kd.models.training import Fit, adam, fit, run_in_chunks

__all__ = ["network", "reconstruction_error", "train_teacher"]

_SCALE = 1.0 / 32.0

# what decides the teacher: it serves every student that is tried on it
_OF_TEACHER = {
    *("seed", "data", "training_mu", "images_per_epoch", "validation_images"),
    *("latent", "autoencoder", "teacher"),
}


def network(settings: Autoencoder) -> Any:
    """Build the autoencoder.

    Parameters
    ----------
    settings : Autoencoder
        Size of the inner layer, kind of decoder, and whether images are normalised.

    Returns
    -------
    tf_keras.Model
        float32[n, 18, 14, 1] counts, or residuals, to the same shape. Scaling counts by 1/32 is
        part of the model.
    """
    layers = backend.keras().layers
    keras = backend.keras()
    relu = {"padding": "same", "activation": "relu"}
    scale = _SCALE if settings.normalised is None else 1.0
    larger = [layers.UpSampling2D(2), layers.Conv2D(20, 3, **relu)]
    if settings.decoder == "transposed":
        larger = [layers.Conv2DTranspose(20, 3, strides=2, **relu)]
    return keras.Sequential(
        [
            layers.Input((18, 14, 1)),
            layers.Rescaling(scale),
            layers.Conv2D(20, 3, **relu),
            layers.AveragePooling2D(2),
            layers.Conv2D(30, 3, **relu),
            layers.Flatten(),
            layers.Dense(settings.latent, activation="relu"),
            layers.Dense(9 * 7 * 30),
            layers.Reshape((9, 7, 30)),
            layers.Activation("relu"),
            layers.Conv2D(30, 3, **relu),
            *larger,
            layers.Conv2D(1, 3, **relu),
            layers.Rescaling(1.0 / scale),
        ],
        name="teacher",
    )


def _read(images: Images, settings: Autoencoder) -> Singles:
    """Give what the autoencoder reads of images: counts, or residuals; float32[n, 18, 14]."""
    if settings.normalised is None:
        return images.astype(np.float32)
    raw = settings.normalised.residuals().raw(images)
    return RESIDUALS.to_float(raw).astype(np.float32)


def reconstruction_error(
    model: Any, settings: Autoencoder | None = None
) -> Callable[[Images], Floats]:
    """Return a function that gives the mean squared error of a teacher on each image.

    Parameters
    ----------
    model : tf_keras.Model
        The teacher.
    settings : Autoencoder, optional
        How it sees images, and how errors are smeared; counts and not at all by default.

    Returns
    -------
    callable
        uint16[n, 18, 14] counts to float64[n], in the square of what the teacher reads.
    """
    tf = backend.tensorflow()
    seen = settings or Autoencoder()

    phi, eta = seen.smear

    def errors(x: Any) -> Any:
        missed = model(x, training=False) - x
        if any(seen.smear):
            beside = tf.pad(missed, ((0, 0), (0, 0), (1, 1), (0, 0)))
            around = tf.roll(missed, 1, axis=1) + tf.roll(missed, -1, axis=1)
            missed += phi * around + eta * (beside[:, :, 2:] + beside[:, :, :-2])
        return tf.reduce_mean(tf.square(missed), axis=(1, 2, 3))

    predict = run_in_chunks(errors, (18, 14, 1))

    def error(images: Images) -> Floats:
        return predict(_read(images, seen)[..., None]).astype(np.float64)

    return error


def _loss(model: Any, hidden: float) -> Callable[[Any, Any], Any]:
    """Mean squared error; where regions are hidden, that of these, in their place zeros are read.

    In units of the scaled input, where Adam's usual pace fits.
    """
    tf = backend.tensorflow()
    unit = model.layers[0].scale ** 2

    def loss(x: Any, chance: Any) -> Any:
        if hidden == 0.0:
            return tf.reduce_mean(tf.square(model(x, training=True) - x)) * unit
        asked = tf.cast(chance < hidden, tf.float32)
        missed = tf.square(model(x * (1.0 - asked), training=True) - x) * asked
        return tf.reduce_sum(missed) / tf.maximum(tf.reduce_sum(asked), 1.0) * unit

    return loss


def train_teacher(
    config: StudentConfig | CicadaTeacherConfig, source: ImageSource, folder: Path, quiet: bool
) -> tuple[Any, list[dict[str, float]]]:
    """Train the teacher, or take it from its checkpoints: the Keras model and its history."""
    if config.teacher is None:
        raise ConfigurationError("the teacher is an artefact: it is not trained")
    tf = backend.tensorflow()
    shape = config.autoencoder
    model = network(shape)
    settings = config.teacher
    steps = config.images_per_epoch // settings.batch
    check = source.validation(config.validation_images)
    error = reconstruction_error(model, shape)

    def batches(epoch: int) -> Iterator[tuple[Any, ...]]:
        images = source.training(steps * settings.batch, epoch)
        rng = np.random.default_rng([config.seed, epoch])
        for part in np.split(images, steps):
            x = _read(part, shape)[..., None]
            yield tf.constant(x), tf.constant(rng.random(x.shape, np.float32))

    def validate() -> dict[str, float]:
        return {"validation_mse": float(error(check).mean())}

    task = Fit(
        "teacher",
        model,
        adam(settings, steps),
        settings.epochs,
        steps,
        batches,
        _loss(model, shape.hidden),
        validate,
    )
    other = set(type(config).model_fields) - _OF_TEACHER
    return model, fit(task, folder, fingerprint(config, other), quiet)
