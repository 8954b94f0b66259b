"""What a student is made of: the sizes of its layers and its number formats."""

from itertools import pairwise
from typing import Literal

from pydantic import Field

from l1kd.algorithms.object_inputs import N_INPUTS
from l1kd.models.config import Strict

__all__ = ["INPUT_PRECISION", "OUTPUT_PRECISION", "Bits", "Hgq", "Student", "parameters"]

INPUT_PRECISION = "ap_fixed<12,4,AP_RND_CONV,AP_SAT>"
"""Steps of 1/256: 0.25 GeV in pt, 0.004 in eta and phi."""
OUTPUT_PRECISION = "ap_ufixed<14,4,AP_RND_CONV,AP_SAT>"
"""Scores from 0 to 16 in steps of 1/1024."""


class Bits(Strict):
    """Number formats of a QKeras student.

    `weight` and `activation` are numbers of bits, the sign of weights included, activations have
    none; the integer bits do not count the sign.
    """

    weight: int = Field(ge=2, le=16)
    weight_integer: int = Field(ge=0, le=6)
    activation: int = Field(ge=2, le=16)
    activation_integer: int = Field(ge=0, le=6)


class Hgq(Strict):
    """A student whose every weight and activation learns its bits, with HGQ2.

    `beta` is what an effective bit operation adds to the loss at the end of the training, where
    it has risen by equal factors from `first_beta`.
    """

    first_beta: float = Field(gt=0)
    beta: float = Field(gt=0)


class Student(Strict):
    """A dense network: sizes of the hidden layers, and bits, HGQ2's cost, or floating point."""

    hidden: tuple[int, ...] = Field(min_length=1)
    numbers: Bits | Hgq | Literal["float"] = "float"


def parameters(hidden: tuple[int, ...]) -> int:
    """Count weights and biases of a student with one output."""
    sizes = (N_INPUTS, *hidden, 1)
    return sum((a + 1) * b for a, b in pairwise(sizes))
