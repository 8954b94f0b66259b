"""Straight-line code of distributed arithmetic, understood as linear forms.

hls4ml writes a matrix of constant weights as additions and shifts of named intermediate results.
Every intermediate result has a type of its own. Where its bounds prove that the type loses nothing,
the result simply is a linear form of the inputs, and the whole function one matrix again. A result
that its type may round or wrap becomes a new element of the basis, cast once, exactly as written.
"""

from dataclasses import dataclass, field
from fractions import Fraction

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.expressions import Expression
from l1kd.emulators.network.cpp.model import Location
from l1kd.emulators.network.cpp.straight_line import StraightLine
from l1kd.emulators.network.linear_form import Linear

__all__ = ["Element", "LinearCode"]


@dataclass(frozen=True)
class Element:
    """One element of the basis: an input, or an intermediate result that is cast.

    Attributes
    ----------
    low, high : int
        Bounds of its raw value.
    source : Linear or None
        What is cast into ``format``; None for an input.
    level : int
        0 for inputs, else one more than the highest level among the elements it needs.
    """

    format: FixedPoint
    low: int
    high: int
    source: Linear | None = None
    level: int = 0


@dataclass
class LinearCode(StraightLine[Linear]):
    """Reads one generated function of sums, shifts and casts.

    Attributes
    ----------
    basis : list of Element
        The inputs, then what had to be cast.
    """

    inputs: list[Element]
    integer_width: int = 0
    """Width of ``ap_int`` inputs, else 0: the library shifts those to a point before the MSB."""
    basis: list[Element] = field(init=False)

    def __post_init__(self) -> None:
        self.basis = list(self.inputs)
        super().__post_init__()

    def constant(self, numerator: int, fraction: int) -> Linear:
        """Return a form without weights."""
        return Linear({}, numerator, fraction)

    def input(self, position: int) -> Linear | None:
        """Return the form that is one element."""
        if not 0 <= position < len(self.inputs):
            return None
        return Linear({position: 1}, 0, self.inputs[position].format.fraction)

    def negated(self, value: Linear) -> Linear:
        """Return minus a form."""
        return value.scaled(-1)

    def added(self, left: Linear, right: Linear) -> Linear:
        """Return the exact sum."""
        return left.plus(right)

    def shifted(self, value: Linear, bits: int, node: Expression, location: Location) -> Linear:
        """Return a form times a power of two."""
        if self.integer_width and not self.is_input(node):
            raise self.fail("shift of an integer expression", location)
        return value.shifted(bits - self.integer_width)

    def bounds(self, value: Linear) -> tuple[int, int]:
        """Return the smallest and largest value of a form, in units of its last bit."""
        low = high = value.constant
        for key, weight in value.weights.items():
            ends = weight * self.basis[key].low, weight * self.basis[key].high
            low, high = low + min(ends), high + max(ends)
        return low, high

    def reach(self, value: Linear) -> int:
        """Return a limit on the magnitude of every partial sum of a form."""
        terms = (
            abs(weight) * max(abs(self.basis[key].low), abs(self.basis[key].high))
            for key, weight in value.weights.items()
        )
        return abs(value.constant) + sum(terms)

    def lowest(self, value: Linear) -> Fraction:
        """Return the smallest value of a form."""
        return Fraction(self.bounds(value)[0]) / Fraction(2) ** value.fraction

    def cast(self, value: Linear, form: FixedPoint) -> Linear:
        """Return the form itself where the format loses nothing, else a new element."""
        if not value.weights:
            return Linear({}, form.cast_int(value.constant, value.fraction), form.fraction)
        drop = max(value.fraction - form.fraction, 0)
        whole = not any(part % (1 << drop) for part in (*value.weights.values(), value.constant))
        low, high = self.bounds(value)
        up = max(form.fraction - value.fraction, 0)
        if whole and form.lowest << drop <= low << up and high << up <= form.maximum << drop:
            return value
        level = 1 + max(self.basis[key].level for key in value.weights)
        self.basis.append(Element(form, form.minimum, form.maximum, value, level))
        return Linear({len(self.basis) - 1: 1}, 0, form.fraction)
