"""Flat particle columns of simulated events, with the truth that training needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
from coffea.nanoevents import DelphesSchema, NanoEventsFactory
from numpy.typing import NDArray

from l1kd._edge import offsets_of
from l1kd.algorithms.puppi import Association, Puppi
from l1kd.candidates import candidates
from l1kd.columns import EventColumns
from l1kd.emulators.particles.input_matrix import InputSet, input_matrix
from l1kd.physics.jets import Jets, sorted_jets
from l1kd.truth import gen_jets, gen_met
from l1kd.vertices import Vertex

__all__ = ["Generated", "Particles", "read_particles"]

_CHUNK = 200
_COLUMNS = ("pt", "eta", "phi", "energy", "charge", "pid", "d0", "dz")


@dataclass(frozen=True)
class Particles(EventColumns):
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

    def inputs(self, input_set: InputSet = "paper") -> NDArray[np.float32]:
        """Return the input matrix of DistillNet, a column for each name in `INPUT_SETS`."""
        return input_matrix(
            input_set,
            pt=self.pt,
            eta=self.eta,
            phi=self.phi,
            energy=self.energy,
            charge=self.charge,
            pid=self.pid,
            puppi_weight=self.puppi_weight,
            d0=self.d0,
            dz=self.dz,
            offsets=self.offsets,
        )


@dataclass(frozen=True)
class Generated:
    """What was generated in the events of a `Particles`.

    Attributes
    ----------
    met : numpy.ndarray, shape (2, events), float64
        Components of the missing transverse momentum, GeV.
    jets : Jets
        Generated jets.
    """

    met: NDArray[np.float64]
    jets: Jets

    def first(self, n: int) -> "Generated":
        """Return the first `n` events."""
        return Generated(self.met[:, :n], self.jets.events(0, n))


def _chunks(path: Path, stop: int | None) -> Iterator[Any]:
    """Yield the events of a Delphes file, a few hundred at a time."""
    begin = 0
    while stop is None or begin < stop:
        end = begin + _CHUNK if stop is None else min(begin + _CHUNK, stop)
        source = {str(path): "Delphes"}
        events = NanoEventsFactory.from_root(
            source, schemaclass=DelphesSchema, entry_start=begin, entry_stop=end
        ).events()
        if len(events) == 0:
            return
        yield events
        begin += len(events)
        if len(events) < _CHUNK:
            return


def _particles(events: Any, association: Association, vertex: Vertex) -> Particles:
    record = candidates(events, vertex=vertex)
    columns = {name: ak.to_numpy(ak.flatten(record[name])) for name in _COLUMNS}
    return Particles(
        **columns,
        puppi_weight=ak.to_numpy(ak.flatten(Puppi(association=association, vertex=vertex)(events))),
        truth=ak.to_numpy(ak.flatten(record.hard_fraction)),
        offsets=offsets_of(record.pt),
    )


def _generated(events: Any) -> Generated:
    met, jets = gen_met(events), gen_jets(events)
    pt, phi = ak.to_numpy(met.pt), ak.to_numpy(met.phi)
    jet_pt, eta, azimuth, mass = (
        ak.to_numpy(ak.flatten(jets[name])) for name in ("pt", "eta", "phi", "mass")
    )
    return Generated(
        np.stack([pt * np.cos(phi), pt * np.sin(phi)]),
        sorted_jets(jet_pt, eta, azimuth, mass, offsets_of(jets.pt)),
    )


def read_particles(
    paths: Sequence[Path],
    max_events: Sequence[int | None] | int | None = None,
    association: Association = "dz",
    vertex: Vertex = "simulated",
) -> tuple[Particles, Generated]:
    """Read simulated Delphes events as the networks will see them.

    Candidates and PUPPI weights are those that `l1kd.insert` computes by default, so that a
    network meets in use what it met in training.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        Delphes files with E-Flow collections.
    max_events : int or sequence of int, optional
        Read no more events than this of each file, or of the file at the same place.
    association : {"dz", "truth"}
        How PUPPI associates charged particles with the vertex, see `l1kd.algorithms.Puppi`.
    vertex : {"simulated", "found"}
        Vertex that dz is relative to, see `l1kd.insert`.

    Returns
    -------
    particles : Particles
        All particles of all events.
    generated : Generated
        The truth of the same events.

    Raises
    ------
    MissingBranchError
        The files lack what simulation should have.
    """
    parts, truths = [], []
    limits = [max_events] * len(paths) if not isinstance(max_events, Sequence) else max_events
    for path, limit in zip(paths, limits, strict=True):
        for events in _chunks(path, limit):
            parts.append(_particles(events, association, vertex))
            truths.append(_generated(events))
    particles = parts[0].and_then(*parts[1:])
    jets = truths[0].jets.and_then(*(truth.jets for truth in truths[1:]))
    return particles, Generated(np.concatenate([truth.met for truth in truths], axis=1), jets)
