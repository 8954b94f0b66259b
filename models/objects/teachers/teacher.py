"""What a teacher is: a network, its loss, and the scores that it gives events."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from l1kd.models import backend
from l1kd.models.objects.baselines import Score
from l1kd.models.training import run_in_chunks

__all__ = ["FLOOR", "Teacher", "logarithm", "natural_scale"]

FLOOR = 1e-3
"""Errors well below it do not count in scores."""


def natural_scale(x: Any) -> Any:
    """log(1 + pt / 5 GeV), eta / 2 and phi / pi of events, a tensor of the same shape."""
    tf = backend.tensorflow()
    parts = (tf.math.log1p(x[..., 0] / 5.0), x[..., 1] / 2.0, x[..., 2] / np.pi)
    return tf.stack(parts, axis=-1)


def logarithm(error: Any) -> Any:
    """Score of an error, log(1 + error / FLOOR): zero for none."""
    return backend.tensorflow().math.log1p(error / FLOOR)


class Teacher(ABC):
    """An autoencoder of events float32[n, 19, 3].

    Attributes
    ----------
    model : tf_keras.Model
        Whose weights are trained.
    best : str
        The score that the teacher stands for, one of `scores`.
    """

    best: ClassVar[str]
    model: Any

    @abstractmethod
    def loss(self, x: Any, noise: Any) -> Any:
        """Loss of a batch, a scalar; `noise` are normal numbers, float32[n, latent]."""

    @abstractmethod
    def tensors(self, x: Any) -> Mapping[str, Any]:
        """Scores of a batch, float32[n] each."""

    def scores(self) -> dict[str, Score]:
        """Return functions that score any number of events."""
        tf = backend.tensorflow()

        def stacked(x: Any) -> Any:
            return tf.stack(list(self.tensors(x).values()), axis=1)

        whole = run_in_chunks(tf.autograph.experimental.do_not_convert(stacked), (19, 3))

        def column(number: int) -> Score:
            return lambda events: whole(events)[:, number]

        names = self.tensors(tf.zeros((1, 19, 3)))
        return {name: column(number) for number, name in enumerate(names)}
