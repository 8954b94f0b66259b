"""Events to train on, and batches of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models import backend
from l1kd.models.weights.config import Loss
from l1kd.models.weights.particles import Generated, Particles

__all__ = ["MAX_JETS", "Batches", "Events", "jet_numbers"]

MAX_JETS = 64
"""Jets of an event that count, the hardest ones; with the rest of the event they are its groups."""
JET_RADIUS = 0.4


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
    no_pileup : Particles, optional
        The no-pile-up counterparts of the events, for the transport term.
    teacher : numpy.ndarray, shape (n,), float32, optional
        Weights of the teacher, for the likeness of histograms.
    kept : numpy.ndarray, shape (n,), bool
        Charged particles that keep their vertex association, whatever the network says.
    """

    particles: Particles
    jets: NDArray[np.int64]
    columns: tuple[NDArray[Any], ...]
    target: NDArray[np.float32]
    kept: NDArray[np.bool_]
    no_pileup: Particles | None = None
    teacher: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        particles: Particles,
        generated: Generated,
        loss: Loss,
        no_pileup: Particles | None = None,
    ) -> "Events":
        """Sort events by jet, and take the truth as target; no columns yet.

        Sums over sorted groups are reproducible.
        """
        numbers = jet_numbers(particles, generated, loss.jet_min_pt)
        event = np.repeat(np.arange(particles.n_events), np.diff(particles.offsets))
        order = np.lexsort((numbers, event))
        sorted_particles = particles.take(order)
        kept = (sorted_particles.charge != 0) & (loss.charged == "vertex")
        return cls(sorted_particles, numbers[order], (), sorted_particles.truth, kept, no_pileup)

    def and_then(self, others: "Events") -> "Events":
        """Return these events and, after them, others; neither has columns or a teacher yet."""
        return Events(
            self.particles.and_then(others.particles),
            np.concatenate([self.jets, others.jets]),
            (),
            np.concatenate([self.target, others.target]),
            np.concatenate([self.kept, others.kept]),
            (
                self.no_pileup.and_then(others.no_pileup)
                if self.no_pileup and others.no_pileup
                else None
            ),
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
            self.no_pileup.events(begin, end) if self.no_pileup else None,
            None if self.teacher is None else self.teacher[inside],
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
        if self.events.teacher is not None:
            batch.append(self.events.teacher[row])
        if self.events.no_pileup is not None:
            batch += self._no_pileup(chosen, angles, mirrors)
        return tuple(tf.constant(part) for part in batch)

    def _no_pileup(
        self, chosen: NDArray[np.int64], angles: NDArray[np.float64], mirrors: NDArray[np.bool_]
    ) -> list[NDArray[Any]]:
        clean = self.events.no_pileup
        assert clean is not None
        rows = [np.arange(clean.offsets[i], clean.offsets[i + 1]) for i in chosen]
        parts = []
        for r, angle, mirror in zip(rows, angles, mirrors, strict=True):
            direction = np.stack([clean.eta[r], clean.phi[r]], axis=1)
            turned = _rotated(direction, angle, bool(mirror))
            parts.append(np.concatenate([turned, np.log(clean.pt[r])[:, None]], axis=1))
        number = np.repeat(np.arange(self.size), [len(r) for r in rows])
        row = np.concatenate(rows)
        return [np.concatenate(parts).astype(np.float32), clean.pt[row], number.astype(np.int32)]
