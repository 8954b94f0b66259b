"""What is searched, and how long one trial is."""

from typing import Literal

from pydantic import Field

from l1kd.models.config import Strict, Training
from l1kd.models.objects.data import ObjectFiles
from l1kd.models.objects.students.pool import PoolSizes
from l1kd.models.objects.students.quick import Pace

__all__ = ["STRATEGIES", "ObjectSearchConfig", "Space", "Strategy", "TrialLength"]

Strategy = Literal["cosearch", "phasesearch", "hgq"]
STRATEGIES: tuple[Strategy, ...] = ("cosearch", "phasesearch", "hgq")
"""Architecture and bits together; architecture first, then bits; architecture and HGQ2's cost."""


class TrialLength(Strict):
    """Length of the training of one trial, of which some are stopped at the rungs."""

    epochs: int = Field(gt=0)
    batch: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    rungs: tuple[int, ...] = ()

    @property
    def pace(self) -> Pace:
        """The same as what a short training takes."""
        return Pace(self.epochs, self.batch, self.learning_rate, self.rungs)


class Space(Strict):
    """What trials may choose from; pairs are the least and the largest value.

    `beta` is what an effective bit operation costs at the end of HGQ2's training; it begins a
    factor of `beta_rise` lower.
    """

    layers: tuple[int, int] = (2, 6)
    widths: tuple[int, ...] = (4, 8, 16, 32, 64)
    bits: tuple[int, int] = (4, 16)
    integer: tuple[int, int] = (0, 5)
    beta: tuple[float, float] = (1e-7, 1e-4)
    beta_rise: float = 100.0
    most_parameters: int = Field(default=6200, gt=0)


class ObjectSearchConfig(Training):
    """A search for students of a teacher.

    `batch_of_trials` trials are asked for at once, whatever the number of workers, so that the
    outcome does not depend on it. The first `startup` trials of a phase are drawn at random. A
    trial of HGQ2 takes longer and has its own length.
    """

    kind: Literal["object_search"]
    data: ObjectFiles
    teacher: str
    pool: PoolSizes = PoolSizes()
    space: Space = Space()
    trial: TrialLength
    hgq_trial: TrialLength
    batch_of_trials: int = Field(default=4, gt=0)
    startup: int = Field(default=16, ge=1)
    pruning_after: int = Field(default=8, ge=1)
