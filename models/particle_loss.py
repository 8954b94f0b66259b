"""Batches of whole events and the loss on their particle weights."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models import backend
from l1kd.models.config import Loss
from l1kd.models.particles import Particles

__all__ = ["Batches", "loss_function"]


N_PHI_CELLS = 9
N_ETA_CELLS = 16
N_CELLS = N_PHI_CELLS * N_ETA_CELLS
_CELL = 2.0 * np.pi / N_PHI_CELLS


def _cell(particles: Particles) -> NDArray[np.int64]:
    """Return each particle's cell, about as large as a jet, in eta and phi."""
    phi = np.floor((particles.phi + np.pi) / _CELL).astype(np.int64)
    eta = np.floor(particles.eta / _CELL).astype(np.int64) + N_ETA_CELLS // 2
    phi = np.clip(phi, 0, N_PHI_CELLS - 1)
    return np.clip(eta, 0, N_ETA_CELLS - 1) * N_PHI_CELLS + phi


def _sorted_by_cell(
    particles: Particles, inputs: NDArray[np.float32]
) -> tuple[Particles, NDArray[np.float32]]:
    """Order the particles of every event by cell: sums over sorted groups are reproducible."""
    event = np.repeat(np.arange(particles.n_events), np.diff(particles.offsets))
    order = np.lexsort((_cell(particles), event))
    return particles.take(order), inputs[order]


class Batches:
    """Events in a new order every epoch, a fixed number of them a batch.

    Parameters
    ----------
    particles : Particles
        Training events.
    inputs : numpy.ndarray, shape (n, 16), float32
        Their input matrix.
    loss : Loss
        How particles count.
    events : int
        Events a batch.
    seed : int
        With the epoch's number it decides the order.
    """

    def __init__(
        self,
        particles: Particles,
        inputs: NDArray[np.float32],
        loss: Loss,
        events: int,
        seed: int,
    ) -> None:
        self.offsets = particles.offsets
        self.events = events
        self.seed = seed
        particles, inputs = _sorted_by_cell(particles, inputs)
        cells = _cell(particles)
        pt = np.minimum(particles.pt, loss.pt_cap)
        charged = np.where(particles.charge != 0, loss.charged_factor, 1.0)
        self.cells = cells
        self.columns = (
            inputs,
            particles.truth,
            particles.pt,
            (charged * pt**loss.pt_power).astype(np.float32),
            (particles.pt * np.cos(particles.phi)).astype(np.float32),
            (particles.pt * np.sin(particles.phi)).astype(np.float32),
        )

    @property
    def steps(self) -> int:
        """Batches an epoch; events that fill no batch wait for another epoch."""
        return (len(self.offsets) - 1) // self.events

    def __call__(self, epoch: int) -> Iterator[tuple[Any, ...]]:
        """Yield the batches of an epoch."""
        tf = backend.tensorflow()
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.offsets) - 1)
        for events in np.split(order[: self.steps * self.events], self.steps):
            rows = [np.arange(self.offsets[i], self.offsets[i + 1]) for i in events]
            number = np.repeat(np.arange(self.events), [len(part) for part in rows])
            chosen = np.concatenate(rows)
            yield (
                *(tf.constant(column[chosen]) for column in self.columns),
                tf.constant(number.astype(np.int32)),
                tf.constant((number * N_CELLS + self.cells[chosen]).astype(np.int32)),
            )


def loss_function(model: Any, loss: Loss, events: int, training: bool = True) -> Any:
    """Return the loss of a batch of whole events.

    It is the mean over events of three terms, in GeV^2, divided by 1000:

    - ``sum(factor * error^2)`` over particles, error = weight - truth; with a factor of pt^2 it is
      the error of the missing momentum as if the errors of particles were independent;
    - ``event_factor * |sum(pt * error)|^2``, a vector sum: the error of the missing momentum
      itself, with all correlations, hence with any bias;
    - ``cell_factor * sum((pt_0 * S / T)^2)`` over cells as large as a jet whose true pt T exceeds
      pt_0 = ``cell_min_pt``, S being the sum of pt * error: the relative error of jets.

    Parameters
    ----------
    model : tf_keras.Model
        Gives weights [n, 1].
    loss : Loss
        Settings.
    events : int
        Events a batch.
    training : bool
        Whether batch normalisation takes its figures from the batch.

    Returns
    -------
    callable
        ``loss(*batch)`` for what `Batches` yields, a scalar tensor.
    """
    tf = backend.tensorflow()

    def value(
        x: Any, truth: Any, pt: Any, factor: Any, px: Any, py: Any, event: Any, cell: Any
    ) -> Any:
        error = model(x, training=training)[:, 0] - truth
        total = tf.reduce_sum(factor * tf.square(error))
        if loss.event_factor:
            for component in (px, py):
                balance = tf.math.segment_sum(component * error, event)
                total += loss.event_factor * tf.reduce_sum(tf.square(balance))
        if loss.cell_factor:
            wanted = tf.math.segment_sum(pt * truth, cell)
            balance = tf.math.segment_sum(pt * error, cell)
            relative = loss.cell_min_pt * balance / tf.maximum(wanted, loss.cell_min_pt)
            jets = tf.cast(wanted > loss.cell_min_pt, tf.float32)
            total += loss.cell_factor * tf.reduce_sum(jets * tf.square(relative))
        return total / events / 1000.0

    return value
