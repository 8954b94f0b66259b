"""The networks that l1kd ships, as algorithms."""

from abc import abstractmethod
from functools import cache
from pathlib import Path

import awkward as ak
import numpy as np

from l1kd.algorithms.base import CandidateWeight, EventScore, blocks
from l1kd.algorithms.image_scores import log_error
from l1kd.algorithms.models import loaded, onnx_session, read_network, run_onnx
from l1kd.algorithms.puppi import Puppi
from l1kd.algorithms.residuals import RESIDUALS, Residuals, network_input, normalisation_of
from l1kd.artefacts import Artefact, load, refuse_other_kind
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.calorimeter import N_ETA, N_PHI
from l1kd.emulators.logic import LogicNetwork
from l1kd.emulators.network import Network
from l1kd.emulators.particles.input_matrix import InputSet, input_matrix
from l1kd.errors import ArtefactError
from l1kd.vertices import Vertex

__all__ = ["Cicada", "CicadaTeacher", "DistillNet", "QDistillNet"]


@cache
def _artefact(model: str, kind: str) -> Artefact:
    return load(model, kind)


@cache
def _logic(path: Path) -> LogicNetwork:
    return loaded(path, LogicNetwork.load)


class _DistilledWeight(CandidateWeight):
    """A network that reads `input_matrix`, of the input set that it was trained with."""

    inputs = ("pt", "eta", "phi", "energy", "charge", "pid", "puppi_weight", "d0", "dz")
    kind: str

    def __init__(
        self, model: str | Path, source: str | None = None, *, vertex: Vertex | None = None
    ) -> None:
        super().__init__(source, vertex=vertex)
        self.model = str(model)
        refuse_other_kind(self.model, self.kind)

    @property
    def artefact(self) -> Artefact:
        """The artefact, whose files were checked against their hashes."""
        return _artefact(self.model, self.kind)

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return self.artefact.title

    def particles(self, events: ak.Array) -> ak.Array:
        """Candidates with the PUPPI weight, which is computed unless it was inserted before."""
        particles = super().particles(events)
        if "L1Cand" in events.fields and "puppi_weight" in particles.fields:
            return particles
        weight = Puppi(source=self.source, vertex=self.vertex)(events)
        return ak.with_field(particles, weight, "puppi_weight")

    def numpy_call(self, *, offsets: AnyArray, **columns: AnyArray) -> AnyArray:
        """Weights of all particles, float32 in [0, 1]."""
        weights = np.empty(offsets[-1], np.float32)
        chosen: InputSet = self.artefact.manifest["inputs"]["particles"].get("set", "paper")
        for first, last in blocks(offsets):
            block = slice(offsets[first], offsets[last])
            here = {name: x[block] for name, x in columns.items()}
            edges = offsets[first : last + 1] - offsets[first]
            inputs = input_matrix(chosen, **here, offsets=edges)
            np.clip(self.infer(inputs), 0.0, 1.0, out=weights[block], casting="same_kind")
        return weights

    @abstractmethod
    def infer(self, inputs: AnyArray) -> AnyArray:
        """Evaluate the network on float32 of shape (n_particles, inputs)."""


class DistillNet(_DistilledWeight):
    """DistillNet: a small dense network that gives every particle its weight, in float32.

    Source: Bal et al., Mach. Learn.: Sci. Technol. 5 (2024) 025033.
    """

    name = "distillnet"
    adds = "L1Cand.distillnet_weight"
    label = "DistillNet"
    kind = "distillnet"

    def __init__(
        self,
        model: str | Path = "distillnet_small-v1",
        source: str | None = None,
        *,
        vertex: Vertex | None = None,
    ) -> None:
        super().__init__(model, source, vertex=vertex)

    def infer(self, inputs: AnyArray) -> AnyArray:
        """Evaluate the ONNX model on float32 of shape (n_particles, inputs)."""
        return run_onnx(onnx_session(self.artefact.file("model.onnx")), {"": inputs})


class QDistillNet(_DistilledWeight):
    """QDistillNet: the quantized DistillNet, bit for bit as its firmware computes it."""

    name = "qdistillnet"
    adds = "L1Cand.qdistillnet_weight"
    label = "QDistillNet"
    kind = "qdistillnet"

    def __init__(
        self,
        model: str | Path = "qdistillnet_local-v1",
        source: str | None = None,
        *,
        vertex: Vertex | None = None,
    ) -> None:
        super().__init__(model, source, vertex=vertex)

    @property
    def network(self) -> Network:
        """The integer network that runs."""
        return read_network(self.artefact.file("network.npz"))

    def infer(self, inputs: AnyArray) -> AnyArray:
        """Evaluate the integer network on float32 of shape (n_particles, inputs)."""
        return self.network.predict(inputs)[:, 0]


class Cicada(EventScore):
    """CICADA-style anomaly score of the calorimeter image, on the firmware's grid.

    Parameters
    ----------
    model
        An artefact of the kind, by name or folder: ``cicada_hgq-v4`` (mixed precision),
        ``cicada-v4`` (QKeras), ``cicada_hgq_tables-v1`` (lookup tables) and ``cicada_logic-v3``
        (logic gates) on residual images, ``cicada_hgq-v1`` and ``cicada-v1`` on counts, your own.
        Or firmware: the folder of an hls4ml project, such as those deployed in CMS, or the file of
        a network.
    source
        Calorimeter collection.
    """

    name = "cicada"
    adds = "CICADA.score"
    label = "CICADA"
    step = 1.0 / 256.0

    def __init__(self, model: str | Path = "cicada_hgq-v4", source: str | None = None) -> None:
        super().__init__(source)
        self.model = str(model)
        refuse_other_kind(self.model, "cicada")

    @property
    def artefact(self) -> Artefact:
        """The artefact, whose files were checked against their hashes."""
        return _artefact(self.model, "cicada")

    @property
    def _firmware(self) -> Path | None:
        """Firmware folder or network file, if the model is one."""
        path = Path(self.model)
        is_project = path.is_dir() and not (path / "manifest.json").is_file()
        return path if is_project or path.is_file() else None

    @property
    def is_firmware(self) -> bool:
        """Whether the model is a firmware folder or network file, and no artefact."""
        return self._firmware is not None

    @property
    def version(self) -> str:
        """Name and version of the model, or the name of the firmware folder."""
        firmware = self._firmware
        return self.artefact.title if firmware is None else firmware.name

    @property
    def network(self) -> Network | LogicNetwork:
        """The integer network, or the network of logic gates, that runs.

        Raises
        ------
        ArtefactError, FirmwareSourceError
            If it cannot be read, or does not turn 252 regions into one score.
        """
        firmware = self._firmware
        if firmware is not None:
            return _of_regions(read_network(firmware), firmware)
        artefact = self.artefact
        if "logic.npz" in artefact.manifest["files"]:
            return _logic(artefact.file("logic.npz"))
        return read_network(artefact.file("network.npz"))

    @property
    def normalisation(self) -> Residuals | None:
        """What is done to the image before the network; None where it reads the counts."""
        if self.is_firmware:
            return None
        return normalisation_of(self.artefact.manifest["inputs"], self.artefact.title)

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32, on the grid of the network's output."""
        network, normalisation = self.network, self.normalisation
        own, scale = network.inputs[0].format, 2.0 ** -network.outputs[0].format.fraction
        scores = np.empty(len(image), np.float32)
        for begin in range(0, len(image), _IMAGES):
            part = slice(begin, begin + _IMAGES)
            read, form = network_input(image[part], normalisation)
            values = read.reshape(len(read), N_PHI * N_ETA)
            # a network may read less than every bit of a region
            if own.fraction != form.fraction or own.maximum < form.maximum:
                values = own.cast(values.astype(np.int64), form)
            scores[part] = network.predict_raw(values).reshape(len(read)) * scale
        return scores


class CicadaTeacher(EventScore):
    """How badly an autoencoder reconstructs the calorimeter image: what CICADA's students learn.

    The score is ln(32 MSE), MSE the mean squared error over the 252 regions, as in the paper of
    2025, rounded to 1/256; in float32, no firmware.
    """

    name = "cicada_teacher"
    adds = "CicadaTeacher.score"
    label = "teacher"
    step = 1.0 / 256.0

    def __init__(self, model: str | Path = "cicada_teacher-v2", source: str | None = None) -> None:
        super().__init__(source)
        self.model = str(model)
        refuse_other_kind(self.model, "cicada_teacher")

    @property
    def artefact(self) -> Artefact:
        """The artefact, whose files were checked against their hashes."""
        return _artefact(self.model, "cicada_teacher")

    @property
    def version(self) -> str:
        """Name and version of the model."""
        return self.artefact.title

    def numpy_call(self, image: AnyArray) -> AnyArray:
        """Scores of all events, float32, multiples of 1/256 in [0, 256)."""
        normalisation = normalisation_of(self.artefact.manifest["inputs"], self.artefact.title)
        session = onnx_session(self.artefact.file("model.onnx"))
        errors = [np.zeros(0, np.float32)]
        for begin in range(0, len(image), _TEACHER_IMAGES):
            part = image[begin : begin + _TEACHER_IMAGES]
            if normalisation is None:
                read = part.astype(np.float32)
            else:
                read = RESIDUALS.to_float(normalisation.raw(part)).astype(np.float32)
            errors.append(run_onnx(session, {"": read}))
        return log_error(np.concatenate(errors), "log_32_mse")


_IMAGES = 8192
"""Images that are normalised before a network reads them, which keeps their memory in use."""
_TEACHER_IMAGES = 4096
"""Images a call of the autoencoder, whose layers take 10 kB each."""


def _of_regions(network: Network, path: Path) -> Network:
    sizes = [[tensor.size for tensor in side] for side in (network.inputs, network.outputs)]
    if sizes != [[N_PHI * N_ETA], [1]]:
        raise ArtefactError(
            f"{path}: expected a network of 252 regions with one score, found inputs and outputs "
            f"of {sizes[0]} and {sizes[1]} numbers"
        )
    return network
