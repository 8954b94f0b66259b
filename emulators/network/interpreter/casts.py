"""Parameters of casts for the machine."""

from collections.abc import Sequence

import numpy as np

from l1kd.emulators.array_types import Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.analysis.intervals import Bounds, after_cast
from l1kd.emulators.network.interpreter import machine

__all__ = ["Casts"]

_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1


class Casts:
    """The cast of many elements, each from ``fraction`` fraction bits to its own format.

    Steps that the bounds rule out are skipped.

    Attributes
    ----------
    wraps, zeroes : bool
        Whether any element can wrap, or become zero where it overflows.
    simple : bool
        Whether a right shift with additions and limits are enough.
    reach : int
        Largest magnitude of an intermediate value.
    trivial : bool
        Whether the cast changes nothing at all.

    Raises
    ------
    ValueError
        If saturation to zero meets other overflow modes, or too many bits are dropped.
    """

    def __init__(
        self,
        exact: Bounds,
        fraction: int,
        formats: Sequence[FixedPoint],
        choice: Indices | None = None,
        finest: int | None = None,
    ) -> None:
        count = exact.low.size
        self.table = np.zeros((count, machine.PARAMETERS), np.int64)
        self.table[:, machine.LOW], self.table[:, machine.HIGH] = _LOWEST, _HIGHEST
        self.table[:, machine.MASK] = -1
        self.wrap_bits = np.zeros(count, np.int64)
        self.wraps, self.zeroes, self.reach = False, False, 0
        self.trivial, self.simple = True, True
        used: set[str] = set()
        for number, form in enumerate(formats):
            chosen = np.arange(count) if choice is None else np.flatnonzero(choice == number)
            if chosen.size:
                used.add(form.overflow)
                post = 0 if finest is None else finest - form.fraction
                self.table[chosen, machine.POST] = post
                self.trivial &= post == 0
                self.simple &= post == 0
                self._add(chosen, Bounds(exact.low[chosen], exact.high[chosen]), fraction, form)
        if self.zeroes and len(used) > 1:
            raise ValueError("one layer mixes AP_SAT_ZERO with other overflow modes")

    def _add(self, chosen: Integers, exact: Bounds, fraction: int, form: FixedPoint) -> None:
        table, drop = self.table, fraction - form.fraction
        # In two's complement the lowest number is one further from zero than the highest.
        reach = max(int(exact.high.max()), -int(exact.low.min()) - 1, 0)
        if drop > 0:
            if drop > 62:
                raise ValueError(f"a cast drops {drop} bits")
            half = 1 << (drop - 1)
            plus, even, extra = {
                "TRN": (0, 0, 0),
                "TRN_ZERO": (0, 0, (1 << drop) - 1),
                "RND": (half, 0, 0),
                "RND_ZERO": (half - 1, 0, 1),
                "RND_MIN_INF": (half - 1, 0, 0),
                "RND_INF": (half, 0, -1),
                "RND_CONV": (half - 1, 1, 0),
            }[form.rounding]
            table[chosen, machine.RIGHT], table[chosen, machine.PLUS] = drop, plus
            table[chosen, machine.EVEN], table[chosen, machine.SIGNED_PLUS] = even, extra
            self.simple &= extra == 0
            reach += plus + even + abs(extra)
        elif drop < 0:
            table[chosen, machine.LEFT] = -drop
            self.simple = False
            reach = (reach + 1) << -drop
        self.reach = max(self.reach, reach)
        never = after_cast(exact, fraction, form)[1]
        self.trivial &= never and drop == 0
        if never:
            return
        if form.overflow == "WRAP":
            self.wraps, self.simple = True, False
            self.wrap_bits[chosen] = form.width if form.signed else -form.width
            return
        table[chosen, machine.LOW] = form.lowest
        table[chosen, machine.HIGH] = form.maximum
        self.zeroes |= form.overflow == "SAT_ZERO"
        self.simple &= not self.zeroes

    def positive(self) -> "Casts":
        """Take zero for negative values as well: rounding does not carry them above zero."""
        self.table[:, machine.LOW] = np.maximum(self.table[:, machine.LOW], 0)
        return self

    def parameters(self, compute: int, out: int) -> Integers:
        """Return the table for arithmetic in ``compute`` bits and results that fit ``out``."""
        table = self.table.copy()
        signed, unsigned = self.wrap_bits > 0, self.wrap_bits < 0
        table[signed, machine.WRAP] = np.maximum(compute - self.wrap_bits[signed], 0)
        table[unsigned, machine.MASK] = (np.int64(1) << -self.wrap_bits[unsigned]) - 1
        bits = min(compute, out)
        low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
        columns = [machine.LOW, machine.HIGH]
        table[:, columns] = np.clip(table[:, columns], low, high)
        return table
