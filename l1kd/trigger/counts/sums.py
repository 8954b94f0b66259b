"""Sums of floats that do not depend on the order of their terms.

Partial results of a distributed run are added in whatever order they come. Sums of doubles would
then differ in their last bits, and with them every number made from them. Here a sum is kept as
one long integer, so that addition is exact, associative and commutative.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats, Integers
from l1kd.errors import InputError

__all__ = ["ExactSums"]


_LIMB = 32
_MASK = np.int64((1 << _LIMB) - 1)
_MANTISSA = 53
_LARGEST = 2.0**400
"""No event weight in Hz, pb or as a ratio comes near; its square still is a double."""


class ExactSums:
    """Exact sums of doubles, an array of them.

    Parameters
    ----------
    shape
        Shape of the array of sums, all zero at first.

    Notes
    -----
    A sum is the integer with the digits `limbs[..., j]` in base 2^32, times 2^(32 `lowest`). All
    digits but the last are in [0, 2^32), the last one carries the sign.
    """

    def __init__(self, shape: int | tuple[int, ...] = 0) -> None:
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self.limbs: Integers = np.zeros((int(np.prod(self.shape)), 1), np.int64)
        self.lowest = 0

    @classmethod
    def from_state(cls, limbs: ArrayLike, lowest: int, shape: tuple[int, ...]) -> "ExactSums":
        """Make sums from what `limbs`, `lowest` and `shape` of others held."""
        made = cls(shape)
        digits = np.asarray(limbs, dtype=np.int64)
        if digits.ndim != 2 or digits.shape[0] != made.limbs.shape[0] or digits.shape[1] < 1:
            raise InputError(
                f"exact sums: digits of shape {digits.shape} for an array of shape {shape}"
            )
        made.limbs, made.lowest = digits.copy(), int(lowest)
        made._carry()
        return made

    def add(self, where: ArrayLike, values: ArrayLike) -> None:
        """Add values to the sums at the flat positions `where`; a position may come many times.

        Parameters
        ----------
        where
            int[n], positions in the flattened array.
        values
            float[n], finite, of either sign.

        Raises
        ------
        InputError
            If a value is NaN, infinite, or beyond 2^400.
        """
        x = np.asarray(values, dtype=np.float64).ravel()
        index = np.asarray(where, dtype=np.int64).ravel()
        if not np.all(np.abs(x) < _LARGEST):
            wrong = int(np.count_nonzero(~(np.abs(x) < _LARGEST)))
            raise InputError(f"{wrong} of {x.size} event weights are not finite numbers")
        index, x = index[x != 0.0], x[x != 0.0]
        if x.size == 0:
            return
        fraction, exponent = np.frexp(x)
        mantissa = np.ldexp(fraction, _MANTISSA).astype(np.int64)
        limb, shift = np.divmod(exponent.astype(np.int64) - _MANTISSA, _LIMB)
        low = (mantissa & _MASK) << shift
        high = ((mantissa >> _LIMB) << shift) + (low >> _LIMB)
        self._reach(int(limb.min()), int(limb.max()) + 3)
        place = limb - self.lowest
        for step, digit in enumerate((low & _MASK, high & _MASK, high >> _LIMB)):
            np.add.at(self.limbs, (index, place + step), digit)
        self._carry()
        self._trim()

    def regrouped(self, target: ArrayLike, n: int) -> "ExactSums":
        """Sum rows: row i of the first axis goes to row target[i] of n."""
        tail = self.shape[1:]
        width = int(np.prod(tail))
        made = ExactSums((n, *tail))
        made.lowest = self.lowest
        made.limbs = np.zeros((n * width, self.limbs.shape[1]), np.int64)
        rows = np.asarray(target, dtype=np.int64)
        flat = (rows[:, None] * width + np.arange(width)).ravel()
        np.add.at(made.limbs, flat, self.limbs)
        made._carry()
        return made

    def joined(self, other: "ExactSums") -> "ExactSums":
        """Rows of both, those of `other` behind."""
        if self.shape[1:] != other.shape[1:]:
            raise InputError(f"exact sums: shapes {self.shape} and {other.shape} do not join")
        mine, theirs = self._aligned(other)
        made = ExactSums((self.shape[0] + other.shape[0], *self.shape[1:]))
        made.limbs, made.lowest = np.concatenate([mine.limbs, theirs.limbs]), mine.lowest
        return made

    def values(self) -> Floats:
        """Return float64 of the array's shape, the same whatever the order of addition."""
        limbs = self.limbs.copy()
        negative = limbs[:, -1] < 0
        positive = ExactSums(limbs.shape[0])
        limbs[negative] *= -1
        positive.limbs, positive.lowest = limbs, self.lowest
        positive._carry()
        total = np.zeros(limbs.shape[0])
        for j in range(positive.limbs.shape[1] - 1, -1, -1):
            digits = positive.limbs[:, j].astype(np.float64)
            total += np.ldexp(digits, _LIMB * (j + positive.lowest))
        return np.where(negative, -total, total).reshape(self.shape)

    def __eq__(self, other: object) -> bool:
        """Whether all sums are equal, exactly."""
        if not isinstance(other, ExactSums):
            return NotImplemented
        if self.shape != other.shape:
            return False
        mine, theirs = self._aligned(other)
        return bool(np.array_equal(mine.limbs, theirs.limbs))

    __hash__ = None  # type: ignore[assignment]

    def _aligned(self, other: "ExactSums") -> tuple["ExactSums", "ExactSums"]:
        """Both with the same digits."""
        copies = []
        for each in (self, other):
            copy: Any = ExactSums(each.shape)
            copy.limbs, copy.lowest = each.limbs.copy(), each.lowest
            copies.append(copy)
        low = min(c.lowest for c in copies)
        high = max(c.lowest + c.limbs.shape[1] for c in copies)
        for copy in copies:
            copy._reach(low, high)
        return copies[0], copies[1]

    def _reach(self, low: int, high: int) -> None:
        """Have digits from `low` up to and without `high`."""
        rows = self.limbs.shape[0]
        below = max(self.lowest - low, 0)
        above = max(high - self.lowest - self.limbs.shape[1], 0)
        if below:
            self.limbs = np.concatenate([np.zeros((rows, below), np.int64), self.limbs], axis=1)
            self.lowest -= below
        if above:
            self.limbs = np.concatenate([self.limbs, np.zeros((rows, above), np.int64)], axis=1)
        if above:
            self._carry()

    def _carry(self) -> None:
        """Bring all digits but the last into [0, 2^32)."""
        limbs = self.limbs
        for j in range(limbs.shape[1] - 1):
            limbs[:, j + 1] += limbs[:, j] >> _LIMB
            limbs[:, j] &= _MASK
        top = limbs[:, -1]
        if np.any((top >= 1 << (_LIMB - 1)) | (top < -(1 << (_LIMB - 1)))):
            self.limbs = np.concatenate([limbs, (top >> _LIMB)[:, None]], axis=1)
            self.limbs[:, -2] &= _MASK

    def _trim(self) -> None:
        """Drop digits that are zero in all sums, at either end."""
        used = np.flatnonzero(self.limbs.any(axis=0))
        if not used.size:
            self.limbs, self.lowest = np.zeros((self.limbs.shape[0], 1), np.int64), 0
            return
        first, last = int(used[0]), int(used[-1])
        # the last digit carries the sign: a zero above a digit of full size has to stay
        full = bool(np.any(self.limbs[:, last] >= 1 << (_LIMB - 1)))
        stop = min(last + 1 + full, self.limbs.shape[1])
        self.limbs = np.ascontiguousarray(self.limbs[:, first:stop])
        self.lowest += first
