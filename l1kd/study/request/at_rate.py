"""A comparison of the correlator's weights at equal rate."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from l1kd.study.request.execution import Execution

__all__ = ["AtRateRequest"]


class AtRateRequest(Execution):
    """Which weights of the correlator to compare, and on which samples.

    Attributes
    ----------
    fileset
        Signals: files, `NAME=FILE` for more than one sample.
    """

    fileset: Any = None
    status: bool = False
    command: Sequence[str] | None = None
    zero_bias: tuple[str, ...] = Field(
        (), description="Zero-bias files; event weights are rates in Hz. NAME=FILE for classes."
    )
    models: tuple[str, ...] = Field((), description="Further networks of the correlator.")
    pileup: tuple[str, ...] = Field(
        (), description="MU=FILE: soft collisions at mean pile-up MU, the zero bias's included."
    )
    targets: tuple[float, ...] = Field(
        (310.0, 100.0, 20.0), description="Rates of the comparison [kHz]."
    )
    replicas: int = Field(200, ge=2, description="Replicas of the paired bootstrap.")
    mean_pileup: float = Field(200.0, gt=0, description="Mean number of collisions of a crossing.")
    library: int | None = Field(
        None, gt=0, description="Collisions that the zero bias was overlaid from, and shares."
    )
    mean_of: tuple[str, ...] = Field(
        (), description="Signals of the mean gain; all where none is named."
    )
    towers: bool = Field(
        True, description="Compare with LinPUPPI and PUPPI on unclustered towers, too."
    )
    label: str = Field("", description="What the samples are, for the page.")
