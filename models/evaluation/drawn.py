"""What the plots of an evaluation draw that its numbers do not hold."""

from collections.abc import Mapping
from dataclasses import dataclass

from l1kd.emulators.array_types import Floats
from l1kd.physics.response import ResponseSample

__all__ = ["Drawn"]


@dataclass(frozen=True)
class Drawn:
    """What plots need beside the numbers, for one association.

    Attributes
    ----------
    test, backgrounds
        Responses, event by event.
    weight, momentum
        Sums of weights, and of weighted pt, in cells, an event, by weighting.
    event
        Weighted pt in cells of one event, by weighting; empty without the events without pile-up.
    """

    test: ResponseSample
    backgrounds: Mapping[str, ResponseSample]
    weight: Mapping[str, Floats]
    momentum: Mapping[str, Floats]
    event: Mapping[str, Floats]
