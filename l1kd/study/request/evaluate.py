"""Both comparisons of weights, as one command has them."""

from typing import TypeVar

from pydantic import Field

from l1kd.study.request.at_rate import AtRateRequest
from l1kd.study.request.execution import Execution
from l1kd.study.request.weights import WeightRequest

__all__ = ["EvaluateRequest"]

_Part = TypeVar("_Part", bound=Execution)


class EvaluateRequest(WeightRequest, AtRateRequest):
    """Options of `l1kd evaluate`: those of the comparison offline, and of that at equal rate."""

    at_rate: bool = Field(
        False, description="Weights of the correlator at equal rate, with the found vertex."
    )

    def part(self, kind: type[_Part]) -> _Part:
        """Return the request of one of the two comparisons."""
        return kind(**{name: getattr(self, name) for name in kind.model_fields})
