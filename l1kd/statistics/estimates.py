"""A measured number with its interval."""

import math
from typing import NamedTuple

from l1kd.emulators.array_types import Floats

__all__ = ["ONE_SIGMA", "Estimate", "Floats"]

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""Probability content of one standard deviation, 0.6827: the level of every interval by default."""


class Estimate(NamedTuple):
    """A measured number, its interval and the size of the sample behind it."""

    value: float
    low: float
    high: float
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return a JSON-ready dictionary; what is not finite becomes None."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        finite = {key: float(x) if math.isfinite(x) else None for key, x in numbers.items()}
        return {**finite, "n": int(self.n)}
