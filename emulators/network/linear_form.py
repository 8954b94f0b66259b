"""Exact linear forms of integers: what a chain of additions and shifts amounts to."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

__all__ = ["Linear"]


@dataclass(frozen=True)
class Linear:
    """``(sum of weight * raw value + constant) / 2**fraction`` over elements of the basis."""

    weights: Mapping[int, int]
    constant: int
    fraction: int

    def shifted(self, bits: int) -> "Linear":
        """Return the form times ``2**bits``."""
        return Linear(self.weights, self.constant, self.fraction - bits)

    def scaled(self, factor: int) -> "Linear":
        """Return the form times an integer."""
        weights = {key: weight * factor for key, weight in self.weights.items() if factor}
        return Linear(weights, self.constant * factor, self.fraction)

    def plus(self, other: "Linear") -> "Linear":
        """Return the exact sum."""
        fraction = max(self.fraction, other.fraction)
        mine, theirs = fraction - self.fraction, fraction - other.fraction
        weights = {key: weight << mine for key, weight in self.weights.items()}
        for key, weight in other.weights.items():
            total = weights.get(key, 0) + (weight << theirs)
            if total:
                weights[key] = total
            else:
                weights.pop(key, None)
        return Linear(weights, (self.constant << mine) + (other.constant << theirs), fraction)

    def ray(self) -> tuple[dict[int, int], int]:
        """Return what all positive multiples of the form have in common: whole, without divisor."""
        divisor = gcd(self.constant, *self.weights.values()) or 1
        return {key: w // divisor for key, w in self.weights.items()}, self.constant // divisor
