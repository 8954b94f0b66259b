"""What students learn from: events of background, busier ones, and the teacher's scores."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from l1kd.algorithms.object_inputs import object_inputs
from l1kd.models.config import Strict
from l1kd.models.objects.baselines import Score
from l1kd.models.objects.data import ObjectData
from l1kd.models.objects.events import Events, augment, merged, merged_by_kind

__all__ = ["BACKGROUND", "EXPOSURE", "Pool", "PoolSizes"]

BACKGROUND, EXPOSURE = "background", "exposure"
"""Samples on which a student's distance from its teacher is judged; signals stand beside them."""


class PoolSizes(Strict):
    """How many events a student sees.

    `copies` of every training event, each turned and mirrored anew, and, as outlier exposure,
    `merged[k]` times as many events that k + 2 of them are laid over each other in, and
    `by_kind[k]` times as many in which each kind of objects comes from 1 to k + 2 of them. Signals
    are never seen.
    """

    copies: int = Field(default=2, ge=1)
    merged: tuple[float, ...] = (0.6, 0.4, 0.25)
    by_kind: tuple[float, ...] = ()


@dataclass(frozen=True)
class Pool:
    """Inputs and targets of the training, and of every sample of the validation.

    Attributes
    ----------
    inputs, targets : float32[n, 57], float32[n]
        What networks read, and the teacher's score.
    checks : mapping of str to (float32[m, 57], float32[m])
        `BACKGROUND`, `EXPOSURE` and the signals.
    """

    inputs: NDArray[np.float32]
    targets: NDArray[np.float32]
    checks: Mapping[str, tuple[NDArray[np.float32], NDArray[np.float32]]]

    @property
    def centre(self) -> float:
        """Mean of the targets."""
        return float(self.targets.mean())

    @classmethod
    def make(cls, data: ObjectData, score: Score, sizes: PoolSizes, seed: int) -> "Pool":
        """Draw the events and score them."""
        rng = np.random.default_rng([seed, 20])
        events = exposed(data.background("train").objects, sizes, rng)
        held_out = data.background("validation").objects
        checks = {
            BACKGROUND: held_out,
            EXPOSURE: np.concatenate([merged(held_out, number, rng) for number in (2, 3)]),
        }
        checks |= {name: sample.objects for name, sample in data.signals("validation").items()}

        def scored(some: Events) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            return object_inputs(some), np.asarray(score(some), np.float32)

        return cls(*scored(events), {name: scored(some) for name, some in checks.items()})


def exposed(train: Events, sizes: PoolSizes, rng: np.random.Generator) -> Events:
    """Return copies of training events and merged ones."""
    parts = [augment(train, rng) for _ in range(sizes.copies)]
    for lay, shares in ((merged, sizes.merged), (merged_by_kind, sizes.by_kind)):
        for number, share in enumerate(shares, 2):
            whole, rest = divmod(round(share * len(train)), len(train))
            parts += [lay(train, number, rng) for _ in range(whole)]
            parts.append(lay(train, number, rng)[rng.permutation(len(train))[:rest]])
    return np.concatenate(parts)
