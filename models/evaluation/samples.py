"""Samples of an evaluation: particles under each charged association, and what simulation knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import awkward as ak
import numpy as np
from numpy.typing import NDArray

from l1kd._edge import flat, offsets_of
from l1kd.algorithms import LinPuppi
from l1kd.algorithms.puppi import Association
from l1kd.candidates import candidates
from l1kd.columns import EventColumns
from l1kd.emulators.array_types import Floats, Weights
from l1kd.errors import ConfigurationError, MissingBranchError
from l1kd.formats.delphes import vertex_count
from l1kd.models.weights.particles import Generated, Particles, read_particles
from l1kd.truth import event_weight, open_twin, require_pairing

__all__ = ["Sample", "Twin", "describe_files", "read_sample"]

_CHUNK = 200
_FAR = 25.0
"""dz [cm] of a track that is said to belong to another vertex: the largest of the firmware."""


@dataclass(frozen=True)
class Twin(EventColumns):
    """Particles of the same events without pile-up; columns as in `Particles`."""

    pt: NDArray[np.float32]
    eta: NDArray[np.float32]
    phi: NDArray[np.float32]
    energy: NDArray[np.float32]
    offsets: NDArray[np.int64]

    def above(self, min_pt: float) -> "Twin":
        """Return the particles with pt >= min_pt [GeV], in the same events."""
        return self.select(self.pt >= min_pt)


@dataclass(frozen=True)
class Sample:
    """Events of one sample with all that the evaluation needs.

    Attributes
    ----------
    name : str
        How figures and tables call it.
    files : tuple of pathlib.Path
        Where it comes from.
    particles : mapping
        For each charged association the particles with that association's PUPPI weight; all
        other columns are the same.
    linpuppi : mapping
        For each association LinPUPPI's weights, float32[n].
    generated : Generated
        The truth of the events.
    n_vertices : numpy.ndarray, shape (events,), int64
        Vertices of the event, the hard one included.
    event_weight : numpy.ndarray, shape (events,), float64
        Weight of the event in its sample.
    twin : Twin or None
        The same events without pile-up, particles above the softest stored with pile-up.
    """

    name: str
    files: tuple[Path, ...]
    particles: Mapping[Association, Particles]
    linpuppi: Mapping[Association, Weights]
    generated: Generated
    n_vertices: NDArray[np.int64]
    event_weight: Floats
    twin: Twin | None

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.event_weight)

    def first(self, n: int) -> "Sample":
        """Return the first `n` events."""
        n = min(n, self.n_events)
        last = {a: int(p.offsets[n]) for a, p in self.particles.items()}
        found = self.generated.jets.events(0, n)
        return replace(
            self,
            particles={a: p.events(0, n) for a, p in self.particles.items()},
            linpuppi={a: w[: last[a]] for a, w in self.linpuppi.items()},
            generated=Generated(self.generated.met[:, :n], found),
            n_vertices=self.n_vertices[:n],
            event_weight=self.event_weight[:n],
            twin=None if self.twin is None else self.twin.events(0, n),
        )

    @property
    def any_particles(self) -> Particles:
        """Particles, of which the association does not matter to the caller."""
        return next(iter(self.particles.values()))


def _linpuppi(events: ak.Array, association: Association) -> Weights:
    """LinPUPPI's weights with charged particles associated as asked.

    The firmware associates by z0 alone. For "truth" every charged particle is therefore moved to
    the vertex or as far from it as the firmware can say, by Delphes' `IsRecoPU`.
    """
    algorithm = LinPuppi()
    _, columns = algorithm.prepare_awkward(events)
    if association == "truth":
        particles = algorithm.particles(events)
        if "is_reco_pu" not in particles.fields:
            raise MissingBranchError(
                "association 'truth' needs the branch EFlowTrack.IsRecoPU, which these events "
                "lack; evaluate with --association dz"
            )
        pileup = flat(particles.is_reco_pu, np.bool_) & (columns["charge"] != 0)
        columns["dz"] = np.where(pileup, _FAR, 0.0).astype(np.float32)
    algorithm.validate_numpy_input(**columns)
    weights: Weights = algorithm.numpy_call(**columns)
    return weights


class _Extras(NamedTuple):
    """What `read_particles` does not read, of one chunk."""

    linpuppi: dict[Association, Weights]
    n_vertices: NDArray[np.int64]
    event_weight: Floats
    twin: Twin | None


def _twin(events: ak.Array, path: Path, start: int) -> Twin:
    plain = open_twin(path, start, start + len(events))
    require_pairing(events, plain, str(path), start)
    record = candidates(plain)
    pt, eta, phi, energy = (flat(record[x], np.float32) for x in ("pt", "eta", "phi", "energy"))
    return Twin(pt, eta, phi, energy, offsets_of(record.pt))


def _extras(
    path: Path, associations: Sequence[Association], truth: Path | None, stop: int | None
) -> list[_Extras]:
    parts: list[_Extras] = []
    start = 0
    while stop is None or start < stop:
        end = start + _CHUNK if stop is None else min(start + _CHUNK, stop)
        events = open_twin(path, start, end)
        if len(events) == 0:
            break
        parts.append(
            _Extras(
                {a: _linpuppi(events, a) for a in associations},
                vertex_count(events),
                event_weight(events),
                None if truth is None else _twin(events, truth, start),
            )
        )
        start += len(events)
        if len(events) < _CHUNK:
            break
    return parts


def _joined_twin(parts: Sequence[_Extras], min_pt: float) -> Twin | None:
    twins = [part.twin for part in parts if part.twin is not None]
    if not twins:
        return None
    return twins[0].and_then(*twins[1:]).above(min_pt)


def read_sample(
    name: str,
    files: Sequence[Path],
    associations: Sequence[Association],
    *,
    truth: Sequence[Path] = (),
    max_events: int | None = None,
) -> Sample:
    """Read Delphes files for an evaluation.

    Parameters
    ----------
    name : str
        Name of the sample.
    files : sequence of pathlib.Path
        Delphes files with pile-up and E-Flow collections.
    associations : sequence of str
        Out of "dz" and "truth".
    truth : sequence of pathlib.Path
        For each file the same events without pile-up, or nothing.
    max_events : int, optional
        Read no more events than this of each file.

    Returns
    -------
    Sample

    Raises
    ------
    ConfigurationError
        There are not as many files without as with pile-up.
    PairingError
        A file without pile-up holds other events.
    """
    if truth and len(truth) != len(files):
        raise ConfigurationError(
            f"sample {name}: {len(files)} files with pile-up and {len(truth)} without; give one "
            "without pile-up for each, in the same order, or none"
        )
    first, generated = read_particles(files, max_events, associations[0])
    particles = {associations[0]: first}
    for association in associations[1:]:
        # only the PUPPI weight differs: the other columns are kept once
        other, _ = read_particles(files, max_events, association)
        particles[association] = replace(first, puppi_weight=other.puppi_weight)
    twins: Sequence[Path | None] = list(truth) or [None] * len(files)
    parts = [
        part
        for path, twin in zip(files, twins, strict=True)
        for part in _extras(path, associations, twin, max_events)
    ]
    softest = float(first.pt.min(initial=np.inf))
    return Sample(
        name,
        tuple(files),
        particles,
        {a: np.concatenate([part.linpuppi[a] for part in parts]) for a in associations},
        generated,
        np.concatenate([part.n_vertices for part in parts]),
        np.concatenate([part.event_weight for part in parts]),
        _joined_twin(parts, softest),
    )


def describe_files(sample: Sample) -> dict[str, Any]:
    """Say what a sample is made of, JSON-ready."""
    return {
        "files": [str(path) for path in sample.files],
        "events": sample.n_events,
        "particles": len(sample.any_particles),
        "vertices": float(sample.n_vertices.mean()) if sample.n_events else None,
        "paired": sample.twin is not None,
    }
