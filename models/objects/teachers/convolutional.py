"""The convolutional autoencoder of Govorkova et al., Nat. Mach. Intell. 4 (2022) 154."""

from collections.abc import Mapping
from typing import Any, ClassVar

from l1kd.models import backend
from l1kd.models.objects.teachers.config import TeacherTraining
from l1kd.models.objects.teachers.teacher import Teacher, logarithm
from l1kd.objects import N_OBJECTS

__all__ = ["Convolutional"]

_PT_UNIT = 20.0
"""GeV; the paper normalises pt linearly."""


class Convolutional(Teacher):
    """Filters over neighbouring rows of the list of objects; the score is its log error."""

    best: ClassVar[str] = "reconstruction"

    def __init__(self, settings: TeacherTraining) -> None:
        layers = backend.keras().layers
        relu: dict[str, Any] = {"padding": "same", "activation": "relu"}
        self.model = backend.keras().Sequential(
            [
                layers.Input((N_OBJECTS, 3, 1)),
                layers.Conv2D(16, 3, **relu),
                layers.AveragePooling2D((3, 1)),
                layers.Conv2D(32, (3, 1), **relu),
                layers.AveragePooling2D((3, 1)),
                layers.Flatten(),
                layers.Dense(settings.latent),
                layers.Dense(2 * 3 * 32, activation="relu"),
                layers.Reshape((2, 3, 32)),
                layers.Conv2D(32, (3, 1), **relu),
                layers.UpSampling2D((3, 1)),
                layers.Conv2D(16, (3, 1), **relu),
                layers.UpSampling2D((3, 1)),
                layers.ZeroPadding2D(((0, 1), (0, 0))),
                layers.Conv2D(1, 3, padding="same"),
            ],
            name="convolutional",
        )

    def _error(self, x: Any) -> Any:
        tf = backend.tensorflow()
        wanted = (x / tf.constant([_PT_UNIT, 1.0, 1.0]))[..., None]
        return tf.reduce_mean(tf.square(self.model(wanted) - wanted), axis=(1, 2, 3))

    def loss(self, x: Any, noise: Any) -> Any:
        """Mean squared error of all numbers."""
        del noise
        return backend.tensorflow().reduce_mean(self._error(x))

    def tensors(self, x: Any) -> Mapping[str, Any]:
        """Log of the mean squared error."""
        return {"reconstruction": logarithm(self._error(x))}
