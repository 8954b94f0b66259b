"""An autoencoder for which the objects of a kind have no order.

Source of the idea: Kosiorek et al., arXiv:1806.07423 and Zhang et al., arXiv:1906.06565 (sets), and
the Set-VAE of "Optimization of ML-Based BSM triggering ..." (Lorusso, ISGC 2025).
"""

from typing import Any, ClassVar

import numpy as np

from l1kd.models import backend
from l1kd.models.objects.teachers.config import TeacherTraining
from l1kd.models.objects.teachers.teacher import natural_scale
from l1kd.models.objects.teachers.variational import Encoded
from l1kd.objects import KINDS, N_OBJECTS

__all__ = ["Sets"]

_FEATURES, _SUMMARY = 24, 16


class Sets(Encoded):
    """Sums over the objects of each kind are encoded, kinds are compared by Chamfer distances."""

    best: ClassVar[str] = "reconstruction"

    def __init__(self, settings: TeacherTraining) -> None:
        keras = backend.keras()
        layers = keras.layers
        kinds = np.zeros((N_OBJECTS, len(KINDS)), np.float32)
        for number, (first, last) in enumerate(KINDS.values()):
            kinds[first:last, number] = 1.0
        self._kinds = kinds
        # pt, eta, cos and sin of phi, kind
        objects = layers.Input((N_OBJECTS, 4 + len(KINDS)))
        there = layers.Input((N_OBJECTS, 1))
        hidden = layers.Dense(_FEATURES, activation="elu")(objects)
        hidden = layers.Dense(_SUMMARY, activation="elu")(hidden)
        tf = backend.tensorflow()
        sums = layers.Lambda(
            lambda x: tf.reshape(
                tf.einsum("nof,ok->nkf", x[0] * x[1], tf.constant(kinds)),
                (-1, len(KINDS) * _SUMMARY),
            )
        )([hidden, there])
        code = layers.Dense(32, activation="elu")(sums)
        encoder = keras.Model([objects, there], layers.Dense(2 * settings.latent)(code))
        decoder = keras.Sequential(
            [
                layers.Input((settings.latent,)),
                layers.Dense(32, activation="elu"),
                layers.Dense(64, activation="elu"),
                layers.Dense(4 * N_OBJECTS),
                layers.Reshape((N_OBJECTS, 4)),
            ]
        )
        super().__init__(settings, encoder, decoder)

    def _points(self, x: Any) -> Any:
        """Objects as points: log pt, eta, and the direction in phi; absent ones are the origin."""
        tf = backend.tensorflow()
        scaled, there = natural_scale(x), tf.cast(x[..., :1] > 0, tf.float32)
        phi = x[..., 2:]
        return tf.concat([scaled[..., :2], tf.cos(phi) * there, tf.sin(phi) * there], axis=-1)

    def prepared(self, x: Any) -> Any:
        """Objects with their kinds, and which of them are there."""
        tf = backend.tensorflow()
        points = self._points(x)
        kinds = tf.broadcast_to(self._kinds, (tf.shape(points)[0], *self._kinds.shape))
        return [tf.concat([points, kinds], axis=-1), tf.cast(x[..., :1] > 0, tf.float32)]

    def error(self, x: Any, output: Any) -> Any:
        """Chamfer distance of the objects of each kind, mean over the rows."""
        tf = backend.tensorflow()
        wanted, total = self._points(x), 0.0
        for first, last in KINDS.values():
            a, b = wanted[:, first:last, None], output[:, None, first:last]
            distance = tf.reduce_sum(tf.square(a - b), axis=-1)
            total += tf.reduce_sum(tf.reduce_min(distance, axis=2), axis=1)
            total += tf.reduce_sum(tf.reduce_min(distance, axis=1), axis=1)
        return total / (2.0 * N_OBJECTS)
