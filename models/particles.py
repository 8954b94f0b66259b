"""Flat particle columns of simulated events, with the truth that training needs."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.distillnet_inputs import distillnet_inputs

__all__ = ["Particles"]


@dataclass(frozen=True)
class Particles:
    """Particles of many events.

    Attributes
    ----------
    pt, eta, phi, energy, d0, dz : numpy.ndarray, shape (n,), float32
        GeV, rad and cm; dz relative to the primary vertex.
    charge, pid : numpy.ndarray, shape (n,)
        As in the canonical record.
    puppi_weight : numpy.ndarray, shape (n,), float32
        Weight of l1kd's PUPPI, an input of the networks.
    truth : numpy.ndarray, shape (n,), float32
        Share of the particle's energy that comes from the hard collision.
    offsets : numpy.ndarray, shape (events + 1,), int64
        Event `i` owns the particles ``offsets[i]:offsets[i + 1]``.
    """

    pt: NDArray[np.float32]
    eta: NDArray[np.float32]
    phi: NDArray[np.float32]
    energy: NDArray[np.float32]
    charge: NDArray[np.int8]
    pid: NDArray[np.uint8]
    d0: NDArray[np.float32]
    dz: NDArray[np.float32]
    puppi_weight: NDArray[np.float32]
    truth: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pt)

    @property
    def n_events(self) -> int:
        """Number of events, those without particles included."""
        return len(self.offsets) - 1

    def events(self, begin: int, end: int) -> "Particles":
        """Return the events from `begin` up to but not including `end`."""
        first, last = self.offsets[begin], self.offsets[end]
        columns = {
            field.name: getattr(self, field.name)[first:last]
            for field in fields(self)
            if field.name != "offsets"
        }
        return Particles(**columns, offsets=self.offsets[begin : end + 1] - first)

    def take(self, order: NDArray[np.int64]) -> "Particles":
        """Return the particles in another order, which must keep each event's together."""
        columns = {
            field.name: getattr(self, field.name)[order]
            for field in fields(self)
            if field.name != "offsets"
        }
        return Particles(**columns, offsets=self.offsets)

    def inputs(self) -> NDArray[np.float32]:
        """Return the input matrix of DistillNet, shape (n, 16)."""
        return distillnet_inputs(
            self.pt,
            self.eta,
            self.phi,
            self.energy,
            self.charge,
            self.pid,
            self.puppi_weight,
            self.d0,
            self.dz,
        )
