"""The teacher: attention over the nearest particles, and a weight for each.

Every particle sends messages to those around it, some rounds of them, and then sees a summary of
its event; that is what a network that meets one particle at a time can never know. After ABCNet
(Mikuni and Canelli, Eur. Phys. J. Plus 135 (2020) 463) and Phys. Rev. D 108 (2023) 096003, smaller.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.particles.input_matrix import INPUT_SETS
from l1kd.models import backend
from l1kd.models.weights.config import TeacherConfig
from l1kd.models.weights.distillnet import Standardisation

__all__ = ["flops_per_particle", "network", "without_dead_units"]

_GEOMETRY = 4
_CONE = 0.4


def _dense(layers: Any, sizes: tuple[int, ...], name: str) -> Any:
    stack = [
        layers.Dense(size, activation="relu", name=f"{name}{i}") for i, size in enumerate(sizes)
    ]
    return backend.keras().Sequential(stack, name=name)


def network(
    config: TeacherConfig, standardisation: Standardisation, overview: int | None = None
) -> Any:
    """Build the network.

    Parameters
    ----------
    config : TeacherConfig
        Sizes.
    standardisation : Standardisation
        Of the input columns, applied inside the model.
    overview : int, optional
        Units of the summary of the event; as many as a message has where it is not given.

    Returns
    -------
    tf_keras.Model
        ``model(inputs, neighbours, event, training=...)``: float32[n, 31], int32[n, k] positions in
        the batch, int32[n] number of the event, rising; gives weights float32[n, 1] in [0, 1].
    """
    tf, keras = backend.tensorflow(), backend.keras()
    layers = keras.layers
    width, edge, heads = config.width, config.edge, config.heads

    class Attention(layers.Layer):  # type: ignore[name-defined]
        """Messages of the neighbours, weighted by how much the receiver attends to each."""

        def __init__(self, name: str) -> None:
            super().__init__(name=name)
            self.sender = layers.Dense(edge, use_bias=False, name="sender")
            self.receiver = layers.Dense(edge, name="receiver")
            self.geometry = layers.Dense(edge, use_bias=False, name="geometry")
            self.message = layers.Dense(edge, activation="relu", name="message")
            self.score = layers.Dense(heads, name="score")
            self.update = layers.Dense(width, activation="relu", name="update")
            self.norm = layers.LayerNormalization(name="norm")

        def call(self, nodes: Any, neighbours: Any, geometry: Any) -> Any:
            sent = tf.gather(self.sender(nodes), neighbours)
            pair = tf.nn.relu(sent + self.receiver(nodes)[:, None, :] + self.geometry(geometry))
            message = self.message(pair)
            attention = tf.nn.softmax(self.score(pair), axis=1)
            shape = tf.shape(message)
            split = tf.reshape(message, (shape[0], shape[1], heads, edge // heads))
            received = tf.reduce_sum(attention[..., None] * split, axis=1)
            received = tf.reshape(received, (shape[0], edge))
            largest = tf.reduce_max(message, axis=1)
            return self.norm(nodes + self.update(tf.concat([nodes, received, largest], axis=1)))

    class Teacher(keras.Model):  # type: ignore[name-defined]
        """Encoder, rounds of messages, a summary of the event, decoder."""

        def __init__(self) -> None:
            super().__init__(name="teacher")
            scale = 1.0 / standardisation.spread
            self.standardise = layers.Rescaling(scale, -standardisation.mean * scale)
            self.encoder = _dense(layers, (2 * width, width), "encoder")
            self.rounds = [Attention(f"attention{i}") for i in range(config.rounds)]
            units = edge if overview is None else overview
            self.overview = layers.Dense(units, activation="relu", name="overview")
            self.decoder = _dense(layers, (2 * width, width), "decoder")
            self.logit = layers.Dense(1, activation="sigmoid", name="weight")

        def call(self, inputs: Any, neighbours: Any, event: Any, training: bool = False) -> Any:
            values = self.standardise(inputs)
            nodes = self.nodes(inputs, neighbours)
            summary = tf.gather(tf.math.segment_mean(self.overview(nodes), event), event)
            return self.logit(self.decoder(tf.concat([values, nodes, summary], axis=1)))

        def nodes(self, inputs: Any, neighbours: Any) -> Any:
            """Return what every particle knows after the last round of messages: [n, width]."""
            geometry = self.geometry(inputs, neighbours)
            nodes = self.encoder(self.standardise(inputs))
            for attention in self.rounds:
                nodes = attention(nodes, neighbours, geometry)
            return nodes

        @staticmethod
        def geometry(inputs: Any, neighbours: Any) -> Any:
            """Distances to the neighbours, and how their momenta compare."""
            place = tf.gather(inputs[:, :3], neighbours) - inputs[:, None, :3]
            d_eta, d_phi, log_pt = place[..., 0], place[..., 1], place[..., 2]
            d_phi -= 2.0 * np.pi * tf.round(d_phi / (2.0 * np.pi))
            distance = tf.sqrt(tf.square(d_eta) + tf.square(d_phi) + 1e-6)
            near = tf.math.log(distance / _CONE) / 2.0
            return tf.stack([d_eta / _CONE, d_phi / _CONE, near, log_pt], axis=-1)

    model = Teacher()
    model(
        tf.zeros((1, len(INPUT_SETS["local"]))),
        tf.zeros((1, config.neighbours), tf.int32),
        tf.zeros((1,), tf.int32),
    )
    # a layer under a name that Keras keeps for itself would be neither trained nor saved
    expected = len(model.rounds) * 12 + 12
    assert len(model.weights) == expected, f"{len(model.weights)} arrays, expected {expected}"
    return model


def without_dead_units(
    model: Any, config: TeacherConfig, standardisation: Standardisation, active: NDArray[np.bool_]
) -> Any:
    """Return the network without those units of the summary that are never active.

    Parameters
    ----------
    model : tf_keras.Model
        What `network` built with these sizes, trained.
    config : TeacherConfig
        Sizes.
    standardisation : Standardisation
        Of the input columns.
    active : numpy.ndarray, shape (overview,), bool
        Which units to keep. The others always give zero, so weights do not change.
    """
    smaller = network(config, standardisation, int(active.sum()))
    columns = len(INPUT_SETS["local"]) + config.width
    kept = np.concatenate([np.ones(columns, np.bool_), active])
    first, inner = model.overview, model.decoder.layers[0]
    changed = {
        id(first.kernel): first.kernel.numpy()[:, active],
        id(first.bias): first.bias.numpy()[active],
        id(inner.kernel): inner.kernel.numpy()[kept],
    }
    smaller.set_weights([changed.get(id(w), w.numpy()) for w in model.weights])
    return smaller


def flops_per_particle(config: TeacherConfig, overview: int) -> int:
    """Count multiplications and additions for one particle: 2 for each weight it meets."""
    columns, width, edge = len(INPUT_SETS["local"]), config.width, config.edge
    encoder = columns * 2 * width + 2 * width * width
    pair = _GEOMETRY * edge + edge * edge + edge * config.heads + edge
    attention = 2 * width * edge + config.neighbours * pair + (width + 2 * edge) * width
    decoder = (columns + width + overview) * 2 * width + 2 * width * width + width
    return 2 * (encoder + config.rounds * attention + width * overview + decoder)
