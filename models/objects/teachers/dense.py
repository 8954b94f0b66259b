"""A dense autoencoder of the 57 numbers of an event."""

from collections.abc import Mapping
from typing import Any, ClassVar

from l1kd.models import backend
from l1kd.models.objects.events import N_INPUTS
from l1kd.models.objects.teachers.config import TeacherTraining
from l1kd.models.objects.teachers.teacher import Teacher, logarithm, natural_scale

__all__ = ["Dense"]


class Dense(Teacher):
    """57-32-16-latent-16-32-57 with exponential linear units; the score is its log error."""

    best: ClassVar[str] = "reconstruction"

    def __init__(self, settings: TeacherTraining) -> None:
        layers = backend.keras().layers
        sizes = (32, 16, settings.latent, 16, 32)
        stack = [layers.Input((N_INPUTS,))]
        stack += [
            layers.Dense(size, activation=None if size == settings.latent else "elu")
            for size in sizes
        ]
        self.model = backend.keras().Sequential([*stack, layers.Dense(N_INPUTS)], name="dense")

    def _error(self, x: Any) -> Any:
        tf = backend.tensorflow()
        wanted = tf.reshape(natural_scale(x), (-1, N_INPUTS))
        return tf.reduce_mean(tf.square(self.model(wanted) - wanted), axis=1)

    def loss(self, x: Any, noise: Any) -> Any:
        """Mean squared error of all numbers."""
        del noise
        return backend.tensorflow().reduce_mean(self._error(x))

    def tensors(self, x: Any) -> Mapping[str, Any]:
        """Log of the mean squared error."""
        return {"reconstruction": logarithm(self._error(x))}
