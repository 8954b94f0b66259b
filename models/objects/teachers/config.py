"""Configuration of teachers."""

from typing import Literal

from pydantic import Field

from l1kd.models.config import Optimisation, Strict, Training
from l1kd.models.objects.data import ObjectFiles

__all__ = [
    "METHODS",
    "Method",
    "ObjectTeacherConfig",
    "TeacherTraining",
]

Method = Literal["dense", "convolutional", "variational", "sets"]
METHODS: tuple[Method, ...] = ("dense", "convolutional", "variational", "sets")
"""Kinds of teachers, see `l1kd.models.objects.teachers`."""


class TeacherTraining(Strict):
    """How one teacher is trained: the size of its inner layer, and the weight of its KL term."""

    latent: int = Field(gt=0)
    beta: float = Field(default=0.0, ge=0)
    optimisation: Optimisation


class ObjectTeacherConfig(Training):
    """Autoencoders of background, of which the best on the validation parts is the artefact."""

    kind: Literal["object_teacher"]
    data: ObjectFiles
    teachers: dict[Method, TeacherTraining] = Field(min_length=1)
