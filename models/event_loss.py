"""Batches of whole events and the loss on their particle weights.

Everything that a weight is for enters the loss: the particle, the missing momentum, the jets, and,
without any truth about particles, the event without pile-up.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models import backend
from l1kd.models.config import Loss
from l1kd.models.particles import Generated, Particles

__all__ = ["Batches", "EventLoss", "Events", "jet_numbers"]

MAX_JETS = 64
"""Jets of an event that count, the hardest ones; with the rest of the event they are its groups."""
JET_RADIUS = 0.4
LIKENESS_BINS = 20
"""Bins of the histograms of weights, as in the evaluation."""
_EDGE = 0.01


def jet_numbers(particles: Particles, generated: Generated, min_pt: float) -> NDArray[np.int64]:
    """Return for each particle the generated jet it lies in, int64[n].

    Jets of an event are numbered from 1, the hardest first; a particle belongs to the nearest jet
    above `min_pt` [GeV] within dR 0.4, and has 0 where there is none.
    """
    numbers = np.zeros(len(particles), np.int64)
    jets = generated.jets
    for event in range(particles.n_events):
        inside = slice(particles.offsets[event], particles.offsets[event + 1])
        first = jets.offsets[event]
        hard = jets.pt[first : jets.offsets[event + 1]] > min_pt
        chosen = first + np.flatnonzero(hard)[: MAX_JETS - 1]
        if len(chosen) == 0:
            continue
        d_eta = particles.eta[inside, None] - jets.eta[chosen]
        d_phi = particles.phi[inside, None] - jets.phi[chosen]
        dr2 = d_eta**2 + (np.remainder(d_phi + np.pi, 2 * np.pi) - np.pi) ** 2
        nearest = dr2.argmin(axis=1)
        close = dr2[np.arange(len(dr2)), nearest] < JET_RADIUS**2
        numbers[inside] = np.where(close, nearest + 1, 0)
    return numbers


@dataclass(frozen=True)
class Events:
    """Training events: what a network reads, and what it should have said.

    Attributes
    ----------
    particles : Particles
        Sorted by jet.
    jets : numpy.ndarray, shape (n,), int64
        What `jet_numbers` gives.
    columns : tuple of numpy.ndarray, each of length n
        What the network reads of every particle: its input matrix, and for the teacher its
        neighbours, as positions within the event.
    target : numpy.ndarray, shape (n,), float32
        Weight that each particle should have.
    twin : Particles, optional
        The same events without pile-up, for the transport term.
    taught : numpy.ndarray, shape (n,), float32, optional
        Weights of a teacher, for the likeness of histograms.
    kept : numpy.ndarray, shape (n,), bool
        Charged particles that keep their vertex association, whatever the network says.
    """

    particles: Particles
    jets: NDArray[np.int64]
    columns: tuple[NDArray[Any], ...]
    target: NDArray[np.float32]
    kept: NDArray[np.bool_]
    twin: Particles | None = None
    taught: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        particles: Particles,
        generated: Generated,
        loss: Loss,
        twin: Particles | None = None,
    ) -> "Events":
        """Sort events by jet, and take the truth as target; no columns yet.

        Sums over sorted groups are reproducible.
        """
        numbers = jet_numbers(particles, generated, loss.jet_min_pt)
        event = np.repeat(np.arange(particles.n_events), np.diff(particles.offsets))
        order = np.lexsort((numbers, event))
        sorted_particles = particles.take(order)
        kept = (sorted_particles.charge != 0) & (loss.charged == "vertex")
        return cls(sorted_particles, numbers[order], (), sorted_particles.truth, kept, twin)

    def and_then(self, others: "Events") -> "Events":
        """Return these events and, after them, others; neither has columns or a teacher yet."""
        return Events(
            self.particles.and_then(others.particles),
            np.concatenate([self.jets, others.jets]),
            (),
            np.concatenate([self.target, others.target]),
            np.concatenate([self.kept, others.kept]),
            self.twin.and_then(others.twin) if self.twin and others.twin else None,
        )

    def part(self, begin: int, end: int) -> "Events":
        """Return the events from `begin` up to but not including `end`."""
        first, last = self.particles.offsets[begin], self.particles.offsets[end]
        inside = slice(first, last)
        return Events(
            self.particles.events(begin, end),
            self.jets[inside],
            tuple(column[inside] for column in self.columns),
            self.target[inside],
            self.kept[inside],
            self.twin.events(begin, end) if self.twin else None,
            None if self.taught is None else self.taught[inside],
        )


def _rotated(inputs: NDArray[np.float32], angle: float, mirror: bool) -> NDArray[np.float32]:
    """Turn an event around the beam and exchange its ends: columns 0 and 1 are eta and phi."""
    turned = inputs.copy()
    turned[:, 1] = np.remainder(inputs[:, 1] + angle + np.pi, 2 * np.pi) - np.pi
    if mirror:
        turned[:, 0] = -inputs[:, 0]
    return turned


class Batches:
    """Events in a new order every epoch, each turned around the beam by chance.

    Parameters
    ----------
    events : Events
        What to train on.
    size : int
        Events a batch.
    seed : int
        With the epoch's number it decides order and angles.
    """

    def __init__(self, events: Events, size: int, seed: int) -> None:
        self.events, self.size, self.seed = events, size, seed

    @property
    def steps(self) -> int:
        """Batches an epoch; events that fill no batch wait for another epoch."""
        return self.events.particles.n_events // self.size

    def __call__(self, epoch: int) -> Iterator[tuple[Any, ...]]:
        """Yield the batches of an epoch; their parts are what `EventLoss` reads."""
        random = np.random.default_rng([self.seed, epoch])
        order = random.permutation(self.events.particles.n_events)
        for chosen in np.split(order[: self.steps * self.size], self.steps):
            yield self._batch(chosen, random)

    def _batch(self, chosen: NDArray[np.int64], random: np.random.Generator) -> tuple[Any, ...]:
        tf = backend.tensorflow()
        p = self.events.particles
        rows = [np.arange(p.offsets[i], p.offsets[i + 1]) for i in chosen]
        row = np.concatenate(rows)
        counts = np.array([len(part) for part in rows])
        number = np.repeat(np.arange(self.size), counts)
        angles = random.uniform(-np.pi, np.pi, self.size)
        mirrors = random.random(self.size) < 0.5
        inputs, *rest = self.events.columns
        parts = zip(rows, angles, mirrors, strict=True)
        turned = np.concatenate([_rotated(inputs[r], a, bool(m)) for r, a, m in parts])
        start = np.repeat(np.cumsum(counts) - counts, counts)
        others = [column[row] + start[:, None].astype(column.dtype) for column in rest]
        phi = turned[:, 1]
        batch = [
            turned,
            *others,
            number.astype(np.int32),
            self.events.target[row],
            p.truth[row],
            p.pt[row],
            p.pt[row] * np.cos(phi),
            p.pt[row] * np.sin(phi),
            np.where(self.events.kept[row], p.puppi_weight[row], np.float32(-1.0)),
            (number * MAX_JETS + self.events.jets[row]).astype(np.int32),
        ]
        if self.events.taught is not None:
            batch.append(self.events.taught[row])
        if self.events.twin is not None:
            batch += self._twin(chosen, angles, mirrors)
        return tuple(tf.constant(part) for part in batch)

    def _twin(
        self, chosen: NDArray[np.int64], angles: NDArray[np.float64], mirrors: NDArray[np.bool_]
    ) -> list[NDArray[Any]]:
        twin = self.events.twin
        assert twin is not None
        rows = [np.arange(twin.offsets[i], twin.offsets[i + 1]) for i in chosen]
        parts = []
        for r, angle, mirror in zip(rows, angles, mirrors, strict=True):
            direction = np.stack([twin.eta[r], twin.phi[r]], axis=1)
            turned = _rotated(direction, angle, bool(mirror))
            parts.append(np.concatenate([turned, np.log(twin.pt[r])[:, None]], axis=1))
        number = np.repeat(np.arange(self.size), [len(r) for r in rows])
        row = np.concatenate(rows)
        return [np.concatenate(parts).astype(np.float32), twin.pt[row], number.astype(np.int32)]


class EventLoss:
    """The loss of a batch of whole events, the mean over events of up to four terms.

    With the error of a weight, weight - target, and h(x, s) = s^2 (sqrt(1 + x^2 / s^2) - 1), which
    is x^2 / 2 for small and s |x| for large x, so that the core counts more than rare tails:

    - ``particle * sum(min(pt, pt_cap)^2 error^2) / 1000`` [GeV^2]: single particles; or
      ``particle * sum(min(pt, pt_cap) |error|)`` [GeV], the mean absolute error of the paper;
    - ``met * h(|sum(pt_vector error)|, met_scale) / 1000`` [GeV^2]: the missing momentum;
    - ``jet * sum h(sum(pt error) / sum(pt truth), jet_scale)`` over generated jets: relative error
      of a jet's momentum, for jets with at least half of `jet_min_pt` of true momentum;
    - ``transport * W / 1000``: sliced Wasserstein distance between the weighted event and the same
      event without pile-up, see `_transport`; it needs no truth about particles;
    - ``likeness * chi^2``: difference of the batch's histograms of weights from the teacher's, see
      `_unlikeness`; a student that learns the mean of what it cannot tell apart gives too many
      weights between zero and one, whatever the other terms say.

    Where charged particles keep their vertex association, they enter the second and third term with
    that weight, and no other term.

    Parameters
    ----------
    model : callable
        ``model(*columns, event, training)`` gives weights [n, 1].
    loss : Loss
        Settings.
    size : int
        Events a batch.
    n_columns : int
        How many columns of the batch the model reads.
    training : bool
        Whether batch normalisation takes its figures from the batch.
    likeness : tensorflow.Variable, optional
        Factor of the last term. With it, batches hold the teacher's weights.
    """

    def __init__(
        self,
        model: Any,
        loss: Loss,
        size: int,
        n_columns: int = 1,
        training: bool = True,
        likeness: Any = None,
    ) -> None:
        self.model, self.loss, self.size = model, loss, size
        self.n_columns, self.training, self.likeness = n_columns, training, likeness
        self._tf = backend.tensorflow()

    def __call__(self, *batch: Any) -> Any:
        """Return the loss, a scalar tensor, of what `Batches` yields."""
        columns, event = batch[: self.n_columns], batch[self.n_columns]
        return self.of(self.model(*columns, event, training=self.training)[:, 0], *batch)

    def of(self, weight: Any, *batch: Any) -> Any:
        """Return the loss of the weights that a batch's particles were given."""
        tf = self._tf
        loss, columns = self.loss, batch[: self.n_columns]
        event, target, truth, pt, px, py, vertex, jet, *more = batch[self.n_columns :]
        taken = tf.cast(vertex < 0.0, tf.float32)
        weight = taken * weight + (1.0 - taken) * vertex
        error = weight - target
        capped = tf.minimum(pt, loss.pt_cap)
        if loss.error == "absolute":
            single = tf.abs(error) * capped
        else:
            single = tf.square(error * capped) / 1000.0
        total = loss.particle * tf.reduce_sum(taken * single)
        if loss.met:
            balance = [tf.math.segment_sum(p * error, event) for p in (px, py)]
            total += loss.met * self._h(tf.norm(balance, axis=0), loss.met_scale) / 1000.0
        if loss.jet:
            wanted, wrong = (tf.math.segment_sum(pt * value, jet) for value in (truth, error))
            in_jet = tf.range(tf.shape(wanted)[0]) % MAX_JETS > 0
            counts = tf.cast(in_jet & (wanted > loss.jet_min_pt / 2), tf.float32)
            relative = counts * wrong / tf.maximum(wanted, loss.jet_min_pt / 2)
            total += loss.jet * self._h(relative, loss.jet_scale)
        if self.likeness is not None:
            total += self.likeness * self._unlikeness(weight, more.pop(0), taken)
        if loss.transport:
            twin, twin_pt, twin_event = more
            here = tf.concat([columns[0][:, :2], tf.math.log(pt)[:, None]], axis=1)
            total += loss.transport * self._transport(
                (here, weight * pt, event), (twin, twin_pt, twin_event)
            )
        return total / self.size

    def _h(self, value: Any, scale: float) -> Any:
        tf = self._tf
        ratio = tf.square(value / scale)
        return tf.reduce_sum(scale**2 * (tf.sqrt(1.0 + ratio) - 1.0))

    def _unlikeness(self, given: Any, wanted: Any, counted: Any) -> Any:
        """Mean over 20 bins of (n - m)^2 / (n + m + 1), the contents being those of the batch.

        Edges of bins are smooth, so that a weight near one feels it. With the sum of contents below
        the square, chance alone costs the same whatever the contents are: emptying a bin does not
        pay.
        """
        tf = self._tf
        edges = tf.range(1, LIKENESS_BINS, dtype=tf.float32) / LIKENESS_BINS
        above = [
            tf.tensordot(counted, tf.sigmoid((w[:, None] - edges) / _EDGE), 1)
            for w in (given, wanted)
        ]
        everything = tf.reduce_sum(counted)[None]
        ends = [tf.concat([everything, part, [0.0]], 0) for part in above]
        first, second = (end[:-1] - end[1:] for end in ends)
        return tf.reduce_mean(tf.square(first - second) / (first + second + 1.0))

    def _transport(self, first: tuple[Any, Any, Any], second: tuple[Any, Any, Any]) -> Any:
        """Sliced Wasserstein distance of two sets of events, [GeV] / 1000, summed over events.

        Particles are masses of their pt at the point (eta / 2, cos phi, sin phi, ln(pt) / 2). Along
        a random direction the distance is the integral of the difference of the two cumulative
        masses; they need not be equal, what is missing counts as far as the end of the axis.
        After Phys. Rev. D 108 (2023) 096003, there with equal masses.
        """
        tf = self._tf
        slices, bins = self.loss.slices, 64
        direction = tf.random.normal((4, slices))
        direction /= tf.norm(direction, axis=0)
        masses = []
        for where, mass, event in (first, second):
            eta, phi, log_pt = where[:, 0], where[:, 1], where[:, 2]
            point = tf.stack([eta / 2.0, tf.cos(phi), tf.sin(phi), log_pt / 2.0], axis=1)
            place = tf.clip_by_value((point @ direction + 4.0) / 8.0 * bins, 0.0, bins - 1.0)
            cell = tf.cast(place, tf.int32) + bins * tf.range(slices)
            cell += bins * slices * event[:, None]
            spread = tf.repeat(mass[:, None], slices, axis=1)
            total = tf.math.unsorted_segment_sum(
                tf.reshape(spread, [-1]), tf.reshape(cell, [-1]), self.size * slices * bins
            )
            masses.append(tf.reshape(total, (self.size, slices, bins)))
        difference = tf.abs(tf.cumsum(masses[0] - masses[1], axis=2))
        return tf.reduce_sum(difference) * (8.0 / bins) / slices / 1000.0
