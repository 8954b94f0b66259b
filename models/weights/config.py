"""Configurations of the networks that weigh particles."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from l1kd.emulators.particles.input_matrix import InputSet
from l1kd.models.config import Optimisation, Strict, Training

__all__ = [
    "DistillNetConfig",
    "Distillation",
    "HgqDistillNetConfig",
    "Loss",
    "ParticleData",
    "QDistillNetConfig",
    "StudentConfig",
    "TeacherConfig",
]


class ParticleData(Strict):
    """Where particles come from. `folder` is taken relative to the working directory.

    The last events of the last training files validate. `test` names each test sample.
    `no_pileup` names the no-pile-up counterparts of the training files, the same events in the same
    order, for the loss's transport term.
    `first_events` limits training files to their first events; the others stay unseen.
    `association` is how charged particles are associated with the vertex. With "both", every event
    is met twice: with the association by dz, and with the true one, which charged particles keep
    there, since there is nothing about it that a network could mend.
    """

    renamed: ClassVar[Mapping[str, str]] = {"twin": "no_pileup"}

    folder: Path
    train: tuple[str, ...] = Field(min_length=1)
    no_pileup: tuple[str, ...] = ()
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
    masses: Literal["momentum", "equal"] = "momentum"
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
    inputs: InputSet = "local"
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
    inputs: InputSet = "local"
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
    """DistillNet in mixed precision, see `l1kd.models.weights.qdistillnet_hgq`.

    `ebops_regularisation` is what a bit operation adds to the loss, in the beginning and from the
    share `regularise_until` of the training on; `logit_regularisation` is a factor on it for the
    last layer. With `bit_operations`, wanted numbers on the same path, it follows what is spent.
    """

    renamed: ClassVar[Mapping[str, str]] = {
        "pressure": "ebops_regularisation",
        "pressure_until": "regularise_until",
        "logit_pressure": "logit_regularisation",
    }

    kind: Literal["qdistillnet"]
    method: Literal["hgq"]
    data: ParticleData
    inputs: InputSet = "local"
    distillation: Distillation = Distillation()
    hidden: tuple[int, ...] = (64, 32)
    first_bits: int = Field(default=8, ge=2, le=12)
    logit_fraction: int = Field(default=5, ge=0, le=8)
    logit_regularisation: float = Field(default=1.0, ge=0)
    calibrated: bool = False
    ebops_regularisation: tuple[float, float] = (1e-8, 1e-6)
    bit_operations: tuple[float, float] | None = None
    regularise_until: float = Field(default=0.7, gt=0, le=1)
    loss: Loss = Loss()
    optimisation: Optimisation

    @model_validator(mode="after")
    def _has_reference(self) -> "HgqDistillNetConfig":
        if self.calibrated and self.distillation.teacher is None:
            raise ValueError("calibrated needs a teacher")
        return self


StudentConfig = DistillNetConfig | QDistillNetConfig | HgqDistillNetConfig
"""Of the networks that see one particle at a time."""
