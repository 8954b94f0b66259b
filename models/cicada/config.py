"""Configurations of CICADA and of its cheaper students."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from l1kd.algorithms.residuals import Residuals
from l1kd.models.config import Optimisation, Strict, Training

__all__ = [
    "Annealing",
    "Autoencoder",
    "CicadaConfig",
    "CicadaHgqConfig",
    "CicadaLogicConfig",
    "CicadaTeacherConfig",
    "EbopsRegularisation",
    "Encoding",
    "GateSizes",
    "HgqShape",
    "ImageData",
    "Normalised",
    "QKerasShape",
    "StudentConfig",
]


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


class Normalised(Strict):
    """Images above their rings' means over a power of pile-up: `l1kd.algorithms.residuals`."""

    power: float = Field(ge=0, le=1)
    by: Literal["event", "ring"] = "event"

    def residuals(self) -> Residuals:
        """Return what normalises the images."""
        return Residuals(self.power, self.by)


class Autoencoder(Strict):
    """The teacher's architecture, and how it sees the images.

    A share `hidden` of the regions, other ones each time, is set to zero in training, and the loss
    is that of these regions: what stands out of an image cannot be copied then, only inferred.

    `smear` is the share of a region's error that each neighbour in phi, and each in eta, gets
    before errors are squared: a jet that regions share counts as one.
    """

    latent: int = Field(default=80, gt=0)
    decoder: Literal["upsampling", "transposed"] = "upsampling"
    hidden: float = Field(default=0.0, ge=0, lt=1)
    smear: tuple[float, float] = (0.0, 0.0)
    normalised: Normalised | None = None


class CicadaTeacherConfig(Training):
    """The teacher as an artefact of its own, trained on zero bias alone.

    Training images have a mean pile-up from `training_mu`, uniform; the test is made at each of
    `test_mu`, and rates of one threshold are followed over `rate_mu`.
    """

    kind: Literal["cicada_teacher"]
    data: ImageData
    training_mu: tuple[float, float]
    test_mu: tuple[float, ...] = (60.0, 140.0)
    rate_mu: tuple[float, ...] = (60.0, 100.0, 140.0, 160.0, 200.0)
    images_per_epoch: int = Field(gt=0)
    validation_images: int = Field(gt=0)
    test_images: int = Field(gt=0)
    autoencoder: Autoencoder
    teacher: Optimisation


class StudentConfig(Training):
    """What a student has besides its own training: its images and its teacher.

    The teacher is the artefact `teacher_artefact`, or it is trained here as `teacher` says, on
    counts; its checkpoints may be taken from another student with the same values. Of an artefact
    the student learns 32 times the score. `training_mu` gives training images a mean pile-up from
    and to, instead of `data.mu`; `also_mu` adds tests. `compare` names shipped artefacts for the
    tables.
    """

    data: ImageData
    images_per_epoch: int = Field(gt=0)
    validation_images: int = Field(gt=0)
    test_images: int = Field(gt=0)
    latent: int = Field(default=80, gt=0)
    teacher: Optimisation | None = None
    teacher_artefact: str | None = None
    training_mu: tuple[float, float] | None = None
    also_mu: tuple[float, ...] = ()
    normalised: Normalised | None = None
    student_images: int = Field(gt=0)
    exposure_images: int = Field(ge=0)
    target: Literal["log_mse_32", "log_32_mse"] = "log_mse_32"
    compare: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_teacher(self) -> Self:
        if (self.teacher is None) == (self.teacher_artefact is None):
            raise ValueError("give either teacher, how to train it, or teacher_artefact")
        return self

    @property
    def autoencoder(self) -> Autoencoder:
        """A teacher that is trained here, which sees the counts."""
        return Autoencoder(latent=self.latent)


class QKerasShape(Strict):
    """Size of the QKeras student; by default that of the deployed convolutional line.

    ``dense`` has neither filters nor their bias.
    """

    architecture: Literal["dense", "convolutional"] = "convolutional"
    filters: int = Field(default=4, gt=0)
    filter_bias: bool = False
    hidden: int = Field(default=16, gt=0)


class CicadaConfig(StudentConfig):
    """QKeras student in the number formats of the deployed lines.

    It is trained in floating point first (`student`), then quantized (`quantized`).
    """

    kind: Literal["cicada"]
    shape: QKerasShape = QKerasShape()
    student: Optimisation
    quantized: Optimisation


class EbopsRegularisation(Strict):
    """What bit operations cost in the training: loss + beta * EBOPs.

    `beta` stays at `first` for `free_epochs`, then rises by equal factors to `last`.
    """

    first: float = Field(gt=0)
    last: float = Field(gt=0)
    free_epochs: int = Field(ge=0)


class HgqShape(Strict):
    """Kind and size of the mixed-precision student, see `l1kd.models.cicada.hgq`.

    ``rings`` has `knots` for every ring in eta, in spreads above its mean, where each neighbour in
    phi, and each in eta, gets the share `smear` of a region before; ``convolutional`` has
    `filters`; ``tables`` reads `region_bits` leading bits of a region. All have `hidden` neurons;
    ``tables`` has them behind its first table.
    """

    architecture: Literal["rings", "convolutional", "dense", "tables"] = "rings"
    knots: tuple[float, ...] = (-1.0, 1.5)
    smear: tuple[float, float] = (0.0, 0.0)
    filters: int = Field(default=4, gt=0)
    region_bits: int = Field(default=7, ge=3, le=10)
    hidden: int = Field(default=8, gt=1)

    @model_validator(mode="after")
    def _shifts(self) -> Self:
        if any(share and math.frexp(share)[0] != 0.5 for share in self.smear):
            raise ValueError(f"expected shares of 0 or powers of two, found {self.smear}")
        if any(self.smear) and self.architecture != "rings":
            raise ValueError(f"smear belongs to the architecture rings, found {self.architecture}")
        return self


class CicadaHgqConfig(StudentConfig, HgqShape):
    """Student with a learned bit width for every weight and activation."""

    renamed: ClassVar[Mapping[str, str]] = {"pressure": "ebops_regularisation"}

    kind: Literal["cicada_hgq"]
    student: Optimisation
    ebops_regularisation: EbopsRegularisation


class Encoding(Strict):
    """Which bits a region becomes: comparisons with powers of two, or with given numbers.

    ``lt2`` is the paper's equation 3, a thermometer of the logarithm in base two: `exponents`.
    ``thermometer`` has `thresholds`, in units of the input.
    """

    representation: Literal["lt2", "thermometer"] = "lt2"
    exponents: tuple[int, ...] = (3, 4, 5, 6, 7, 8, 9, 10)
    thresholds: tuple[int, ...] = ()

    @property
    def limits(self) -> tuple[int, ...]:
        """Thresholds of every region, rising."""
        return self.thresholds or tuple(1 << exponent for exponent in self.exponents)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if (self.representation == "thermometer") != bool(self.thresholds):
            raise ValueError(
                "thresholds belong to the representation thermometer, exponents to lt2"
            )
        if list(self.limits) != sorted(set(self.limits)) or self.limits[0] < 1:
            raise ValueError(f"expected thresholds that rise from 1, found {self.limits}")
        return self


class GateSizes(Strict):
    """Sizes of the logic-gate student, see `l1kd.models.cicada.logic`.

    `kernels` trees of `depth` layers of gates over pairs of neighbours in phi, side by side or
    `overlapping`; with `learned: false` connections and functions stay as they begin.
    """

    kernels: int = Field(gt=0)
    depth: int = Field(gt=0, le=4)
    levels: int = Field(gt=1)
    overlapping: bool = False
    learned: bool = True


class Annealing(Strict):
    """Temperature of the choices among functions and bits, from the first epoch to the last.

    In the last `hard_epochs` the forward pass takes the likeliest choice alone.
    """

    first: float = Field(default=1.0, gt=0)
    last: float = Field(default=0.1, gt=0)
    hard_epochs: int = Field(default=4, ge=0)


class CicadaLogicConfig(StudentConfig):
    """Student of learned logic gates."""

    kind: Literal["cicada_logic"]
    encoding: Encoding = Encoding()
    sizes: GateSizes
    temperature: Annealing = Annealing()
    student: Optimisation
