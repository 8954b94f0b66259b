"""Variational autoencoders: the KL term of an event is a score that needs no decoder."""

from collections.abc import Mapping
from typing import Any, ClassVar

from l1kd.models import backend
from l1kd.models.objects.events import N_INPUTS
from l1kd.models.objects.teachers.config import TeacherTraining
from l1kd.models.objects.teachers.teacher import Teacher, logarithm, natural_scale

__all__ = ["Encoded", "Variational"]


class Encoded(Teacher):
    """An encoder to mean and log variance of a normal distribution, and a decoder of the mean.

    Parameters
    ----------
    encoder : tf_keras.Model
        To 2 `latent` numbers.
    decoder : tf_keras.Model
        Of `latent` numbers.
    """

    best: ClassVar[str] = "reconstruction"

    def __init__(self, settings: TeacherTraining, encoder: Any, decoder: Any) -> None:
        self.latent, self.beta = settings.latent, settings.beta
        self.encoder, self.decoder = encoder, decoder
        keras = backend.keras()
        mean = keras.layers.Lambda(lambda code: code[:, : settings.latent])(encoder.output)
        self.model = keras.Model(encoder.inputs, decoder(mean))

    def prepared(self, x: Any) -> Any:
        """Turn events into what the encoder reads."""
        tf = backend.tensorflow()
        return tf.reshape(natural_scale(x), (-1, N_INPUTS))

    def error(self, x: Any, output: Any) -> Any:
        """Error of the decoder's output for events, float32[n]."""
        tf = backend.tensorflow()
        return tf.reduce_mean(tf.square(output - self.prepared(x)), axis=1)

    def _code(self, x: Any) -> tuple[Any, Any]:
        """Mean and log variance; the latter stays in [-8, 8]."""
        tf = backend.tensorflow()
        code = self.encoder(self.prepared(x))
        return code[:, : self.latent], 8.0 * tf.tanh(code[:, self.latent :] / 8.0)

    @staticmethod
    def _divergence(mean: Any, log_variance: Any) -> Any:
        tf = backend.tensorflow()
        terms = tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance
        return 0.5 * tf.reduce_sum(terms, axis=1)

    def loss(self, x: Any, noise: Any) -> Any:
        """Error of a random point of the distribution, and the KL term times beta."""
        tf = backend.tensorflow()
        mean, log_variance = self._code(x)
        point = mean + tf.exp(0.5 * log_variance) * noise
        error = self.error(x, self.decoder(point))
        return tf.reduce_mean(error + self.beta * self._divergence(mean, log_variance))

    def tensors(self, x: Any) -> Mapping[str, Any]:
        """Log of the error, of the KL term, and of the squared mean."""
        tf = backend.tensorflow()
        mean, log_variance = self._code(x)
        return {
            "reconstruction": logarithm(self.error(x, self.decoder(mean))),
            "KL": logarithm(self._divergence(mean, log_variance)),
            "radius": logarithm(tf.reduce_sum(tf.square(mean), axis=1)),
        }


class Variational(Encoded):
    """The dense autoencoder as a variational one; its KL term is the score."""

    best: ClassVar[str] = "KL"

    def __init__(self, settings: TeacherTraining) -> None:
        keras = backend.keras()
        layers = keras.layers

        def stack(size: int, hidden: tuple[int, int], result: int) -> Any:
            inner = [layers.Dense(width, activation="elu") for width in hidden]
            return keras.Sequential([layers.Input((size,)), *inner, layers.Dense(result)])

        latent = settings.latent
        super().__init__(
            settings, stack(N_INPUTS, (32, 16), 2 * latent), stack(latent, (16, 32), N_INPUTS)
        )
