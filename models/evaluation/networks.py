"""The networks under evaluation: their weights, their inputs, what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms import CandidateWeight
from l1kd.algorithms.models import onnx_session, read_network, run_onnx
from l1kd.artefacts import Artefact, load, shipped
from l1kd.emulators.array_types import AnyArray, Weights
from l1kd.errors import ConfigurationError
from l1kd.models.weights.particles import Particles
from l1kd.models.weights.weighting import input_set_of, network_weights

__all__ = ["KINDS", "Charged", "Judged", "NetworkWeight", "judged", "shipped_networks"]

Charged = Literal["own", "vertex"]
"""Who weights charged particles in a network's rows: the network, or PUPPI's association."""

KINDS = ("teacher", "distillnet", "qdistillnet")
"""Kinds of artefacts that give particles weights, the teacher first."""


@dataclass(frozen=True)
class Judged:
    """A network under evaluation.

    Attributes
    ----------
    name : str
        As plots and tables call it, for instance ``distillnet_paper-v1``.
    artefact : Artefact
        Its checked files.
    """

    name: str
    artefact: Artefact

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return self.artefact.kind

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the input columns, in order."""
        return tuple(self.artefact.manifest["inputs"]["particles"]["columns"])

    def weights(self, particles: Particles) -> Weights:
        """Weights of all particles, float32[n] in [0, 1]; a teacher's are kept in a cache."""
        return network_weights(self.artefact.folder, particles)

    def features(self, particles: Particles) -> NDArray[np.float32]:
        """Input matrix of a student, float32[n, columns]."""
        return particles.inputs(input_set_of(self.artefact))

    def infer(self, features: NDArray[np.float32]) -> Weights:
        """Weights that a student gives for rows of its input matrix, float32[n]."""
        if self.kind == "distillnet":
            session = onnx_session(self.artefact.file("model.onnx"))
            return run_onnx(session, {"": features})
        network = read_network(self.artefact.file("network.npz"))
        return network.predict(features)[:, 0].astype(np.float32)


class NetworkWeight(CandidateWeight):
    """A network under evaluation as an algorithm that `l1kd.insert` takes.

    Parameters
    ----------
    network
        Which one.
    charged
        "own": its weights as it gives them. "vertex": charged particles take PUPPI's weight, which
        is their association.
    """

    inputs = ("pt", "eta", "phi", "energy", "charge", "pid", "puppi_weight", "d0", "dz")

    def __init__(self, network: Judged, charged: Charged = "own") -> None:
        super().__init__()
        self.network = network
        self.charged = charged
        self.name = network.name
        self.adds = f"L1Cand.{network.name}_weight"

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return self.network.artefact.title

    def numpy_call(self, *, offsets: AnyArray, **columns: AnyArray) -> AnyArray:
        """Weights of all particles, float32 in [0, 1]."""
        unknown = np.zeros(int(offsets[-1]), np.float32)
        particles = Particles(**columns, truth=unknown, offsets=np.asarray(offsets, np.int64))
        weights = self.network.weights(particles)
        if self.charged == "vertex":
            weights = np.where(columns["charge"] != 0, columns["puppi_weight"], weights)
        return weights.astype(np.float32)


def _names(artefacts: Sequence[Artefact]) -> list[str]:
    """Titles; where two are equal, with the folder."""
    titles = [artefact.title for artefact in artefacts]
    return [
        title if titles.count(title) == 1 else f"{title} ({artefact.folder.name})"
        for title, artefact in zip(titles, artefacts, strict=True)
    ]


def shipped_networks() -> tuple[str, ...]:
    """Return the names of all shipped artefacts that give particles weights."""
    return tuple(name for name in shipped() if load(name).kind in KINDS)


def judged(models: Sequence[str | Path]) -> list[Judged]:
    """Find the networks to evaluate, the teacher first.

    Parameters
    ----------
    models : sequence of str or pathlib.Path
        Names of shipped artefacts or folders.

    Raises
    ------
    ArtefactError
        One does not exist or its files differ from their hashes.
    ConfigurationError
        One gives no weights, two are the same, or there are two teachers.
    """
    artefacts = [load(model) for model in models]
    for artefact in artefacts:
        if artefact.kind not in KINDS:
            raise ConfigurationError(
                f"artefact {artefact.title} is of kind '{artefact.kind}', which gives particles no "
                f"weights; kinds that do: {', '.join(KINDS)}"
            )
    names = _names(artefacts)
    if len(set(names)) != len(names):
        raise ConfigurationError(f"models {', '.join(names)}: name each one once")
    teachers = [name for name, a in zip(names, artefacts, strict=True) if a.kind == "teacher"]
    if len(teachers) > 1:
        raise ConfigurationError(
            f"{len(teachers)} teachers ({', '.join(teachers)}): accuracies refer to one teacher; "
            "evaluate them one by one"
        )
    found = [Judged(name, a) for name, a in zip(names, artefacts, strict=True)]
    return sorted(found, key=lambda network: KINDS.index(network.kind))
