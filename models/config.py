"""Training configurations: YAML files validated by pydantic.

An unknown key is an error that names the nearest known one. Strings are never evaluated.
"""

import difflib
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from l1kd.errors import ConfigurationError

__all__ = [
    "CicadaConfig",
    "DistillNetConfig",
    "Distillation",
    "HgqDistillNetConfig",
    "Optimisation",
    "QDistillNetConfig",
    "Strict",
    "TeacherConfig",
    "Training",
    "read_config",
    "read_qdistillnet",
    "shipped_configs",
]


class Strict(BaseModel):
    """A part of a configuration: no unknown keys, not to be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Optimisation(Strict):
    """Length and pace of one training."""

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)


class Training(Strict):
    """What every training configuration has."""

    kind: str
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    seed: int = Field(ge=0)
    threads: int = Field(default=0, ge=0)
    check_vectors: int = Field(default=100_000, gt=0)


class ImageData(Strict):
    """Where calorimeter images come from.

    `folder` is taken relative to the working directory.
    """

    folder: Path
    minimum_bias: str
    signals: tuple[str, ...]
    exposure: tuple[str, ...]
    reference: str | None = None
    test_files: dict[str, str] = Field(default_factory=dict)
    mu: float = Field(gt=0)
    split: tuple[float, float] = (0.7, 0.8)


class CicadaConfig(Training):
    """Teacher autoencoder and quantized student of CICADA."""

    kind: Literal["cicada"]
    data: ImageData
    images_per_epoch: int = Field(gt=0)
    validation_images: int = Field(gt=0)
    test_images: int = Field(gt=0)
    latent: int = Field(default=80, gt=0)
    teacher: Optimisation
    student_images: int = Field(gt=0)
    exposure_images: int = Field(ge=0)
    student: Optimisation
    quantized: Optimisation
    target: Literal["log_mse_32", "log_32_mse"] = "log_mse_32"


class ParticleData(Strict):
    """Where particles come from. `folder` is taken relative to the working directory.

    The last events of the last training files validate. `test` names each test sample. `twin` are
    the training files' events without pile-up, in the same order, for the loss's transport term.
    `first_events` limits training files to their first events; the others stay unseen.
    `association` is how charged particles are associated with the vertex. With "both", every event
    is met twice: with the association by dz, and with the true one, which charged particles keep
    there, since there is nothing about it that a network could mend.
    """

    folder: Path
    train: tuple[str, ...] = Field(min_length=1)
    twin: tuple[str, ...] = ()
    first_events: dict[str, int] = Field(default_factory=dict)
    test: dict[str, str] = Field(min_length=1)
    validation_fraction: float = Field(default=0.1, gt=0, lt=1)
    association: Literal["dz", "truth", "both"] = "dz"
    max_events: int | None = Field(default=None, gt=1)


class Loss(Strict):
    """How the error of weights is counted, see `l1kd.models.weights.event_loss.EventLoss`."""

    particle: float = Field(default=1.0, ge=0)
    error: Literal["squared", "absolute"] = "squared"
    pt_cap: float = Field(default=50.0, gt=0)
    met: float = Field(default=1.0, ge=0)
    met_scale: float = Field(default=15.0, gt=0)
    jet: float = Field(default=1.0, ge=0)
    jet_scale: float = Field(default=0.1, gt=0)
    jet_min_pt: float = Field(default=15.0, gt=0)
    transport: float = Field(default=0.0, ge=0)
    slices: int = Field(default=16, gt=0)
    charged: Literal["network", "vertex"] = "network"


class TeacherConfig(Training):
    """Graph network that sees a particle's neighbours, always with the `local` inputs."""

    kind: Literal["teacher"]
    data: ParticleData
    neighbours: int = Field(default=16, gt=0)
    width: int = Field(default=64, gt=0)
    edge: int = Field(default=48, gt=0)
    heads: int = Field(default=4, gt=0)
    rounds: int = Field(default=2, gt=0)
    loss: Loss = Loss()
    optimisation: Optimisation


class Distillation(Strict):
    """Where a student's target comes from.

    The target is ``(alpha * truth + beta * teacher) / (alpha + beta)``: for squared errors the same
    as ``alpha * error(truth)^2 + beta * error(teacher)^2``. `gamma` is the factor of the difference
    between the histograms of the student's and of the teacher's weights in the loss, see
    `l1kd.models.weights.event_loss.EventLoss`, which counts after the share `gamma_from` of the
    training: before, it would keep weights from moving through the bins. `teacher` is an artefact,
    shipped or a folder; needed if beta or gamma is not 0.
    """

    teacher: str | None = None
    alpha: float = Field(default=1.0, ge=0)
    beta: float = Field(default=0.0, ge=0)
    gamma: float = Field(default=0.0, ge=0)
    gamma_from: float = Field(default=0.5, ge=0, lt=1)

    @model_validator(mode="after")
    def _complete(self) -> "Distillation":
        if self.alpha + self.beta == 0.0:
            raise ValueError("alpha and beta must not both be 0")
        if (self.beta or self.gamma) and self.teacher is None:
            raise ValueError("beta and gamma need a teacher")
        return self


class DistillNetConfig(Training):
    """DistillNet in floating point."""

    kind: Literal["distillnet"]
    data: ParticleData
    inputs: Literal["paper", "local"] = "local"
    distillation: Distillation = Distillation()
    without: tuple[str, ...] = ()
    hidden: tuple[int, ...] = (128, 64)
    loss: Loss = Loss()
    optimisation: Optimisation


class QDistillNetConfig(Training):
    """DistillNet with quantized, pruned weights."""

    kind: Literal["qdistillnet"]
    method: Literal["qkeras"] = "qkeras"
    data: ParticleData
    inputs: Literal["paper", "local"] = "local"
    distillation: Distillation = Distillation()
    hidden: tuple[int, ...] = (64, 32)
    bits: int = Field(default=8, ge=2, le=16)
    integer: int = Field(default=1, ge=0)
    bias_bits: int = Field(default=8, ge=2, le=16)
    activation_bits: int = Field(default=8, ge=2, le=16)
    activation_integer: int = Field(default=3, ge=0)
    input_width: int = Field(default=12, ge=4, le=18)
    input_integer: int = Field(default=5, ge=1)
    sparsity: float = Field(default=0.75, ge=0, lt=1)
    prune_until: float = Field(default=0.6, gt=0, le=1)
    loss: Loss = Loss()
    optimisation: Optimisation


class HgqDistillNetConfig(Training):
    """DistillNet in mixed precision, see `l1kd.models.weights.qdistillnet_hgq`."""

    kind: Literal["qdistillnet"]
    method: Literal["hgq"]
    data: ParticleData
    inputs: Literal["paper", "local"] = "local"
    distillation: Distillation = Distillation()
    hidden: tuple[int, ...] = (64, 32)
    first_bits: int = Field(default=8, ge=2, le=12)
    logit_fraction: int = Field(default=5, ge=0, le=8)
    logit_pressure: float = Field(default=1.0, ge=0)
    calibrated: bool = False
    pressure: tuple[float, float] = (1e-8, 1e-6)
    bit_operations: tuple[float, float] | None = None
    pressure_until: float = Field(default=0.7, gt=0, le=1)
    loss: Loss = Loss()
    optimisation: Optimisation

    @model_validator(mode="after")
    def _has_reference(self) -> "HgqDistillNetConfig":
        if self.calibrated and self.distillation.teacher is None:
            raise ValueError("calibrated needs a teacher")
        return self


_Config = TypeVar("_Config", bound=Training)


def shipped_configs() -> dict[str, Path]:
    """Return the configurations that come with the package, by kind of training."""
    folder = Path(__file__).parent / "configs"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        if field is None or not isinstance(field.annotation, type):
            break
        if not issubclass(field.annotation, BaseModel):
            break
        model = field.annotation
    return list(model.model_fields)


def _explain(error: ValidationError, model: type[BaseModel], path: Path) -> str:
    lines = []
    for problem in error.errors():
        where = ".".join(str(part) for part in problem["loc"])
        text = f"{where}: {problem['msg']}, found {problem['input']!r}"
        if problem["type"] == "extra_forbidden":
            known = _known_keys(model, problem["loc"][:-1])
            near = difflib.get_close_matches(str(problem["loc"][-1]), known, n=1, cutoff=0.0)
            text = f"{where}: unknown key; the nearest known key is '{near[0]}'"
        lines.append(text)
    return f"{path}: " + "; ".join(lines)


def read_qdistillnet(path: Path) -> QDistillNetConfig | HgqDistillNetConfig:
    """Read the configuration of a QDistillNet; its `method` tells which kind it is.

    Raises
    ------
    ConfigurationError
        As in `read_config`.
    """
    if _content(path).get("method") == "hgq":
        return read_config(path, HgqDistillNetConfig)
    return read_config(path, QDistillNetConfig)


def _content(path: Path) -> dict[str, Any]:
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"{path} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} holds no mapping of keys to values")
    return content


def read_config(path: Path, kind: type[_Config]) -> _Config:
    """Read and validate a training configuration.

    Parameters
    ----------
    path : pathlib.Path
        YAML file.
    kind : type
        One of the configuration classes of this module.

    Returns
    -------
    CicadaConfig or DistillNetConfig or QDistillNetConfig
        Validated and immutable.

    Raises
    ------
    ConfigurationError
        The file does not exist, is not a YAML mapping, or has an unknown key or a value outside
        its range.
    """
    content = _content(path)
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ConfigurationError(_explain(error, kind, path)) from error
