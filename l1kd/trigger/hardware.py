"""Events as the hardware has them, and what every source of events offers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.global_trigger.objects import EXTERNAL, kind_of
from l1kd.emulators.global_trigger.program import Column, Leg
from l1kd.errors import InputError

__all__ = ["HardwareEvents", "Source", "external_name", "in_range"]


class Source(Protocol):
    """Where a menu gets its columns from."""

    def __len__(self) -> int:
        """Return the number of events."""

    def lacking(self, column: Column, externals: Mapping[str, int]) -> str:
        """Return why a column is not there, empty if it is."""

    def too_low(self, leg: Leg) -> str:
        """Return why a leg reaches objects that were not kept, empty if it does not."""

    def charge_unknown(self, leg: Leg) -> str:
        """Return why it is not known whether the charge of a leg's muons is valid."""

    def column(
        self, column: Column, externals: Mapping[str, int], start: int, stop: int
    ) -> NDArray[np.int32]:
        """Return a column of some events, shape (events, slots)."""


def external_name(column: Column) -> str:
    """Return the signal of an external's column, empty for any other column."""
    kind = column.place.kind
    return kind[len(EXTERNAL) + 1 :] if kind.startswith(EXTERNAL + "_") else ""


def in_range(values: NDArray[np.int32], column: Column, what: str) -> NDArray[np.int32]:
    """Return integers after a check that the hardware can hold them.

    Raises
    ------
    InputError
        A value does not fit its field.
    """
    kind = kind_of(column.place.kind)
    bits = kind.fields[column.field]
    low, high = (-(1 << (-bits - 1)), (1 << (-bits - 1)) - 1) if bits < 0 else (0, (1 << bits) - 1)
    if values.size and (values.min() < low or values.max() > high):
        bad = values[(values < low) | (values > high)].ravel()[0]
        raise InputError(f"{what}: {bad} is outside {low}..{high}, the range of the hardware")
    return values


@dataclass
class HardwareEvents:
    """Objects of many events in hardware integers, of the triggered crossing only.

    Attributes
    ----------
    lists
        For every kind of object (`MU`, `EG`, `HTT`, `MUS0`, ...) its fields, int32 of shape
        (events, slots); a slot with index 0 is empty.
    externals
        External bits, uint64 of shape (events, 4), or None where there are none.
    """

    lists: dict[str, dict[str, NDArray[np.int32]]]
    externals: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        """Return the number of events."""
        for fields in self.lists.values():
            for values in fields.values():
                return len(values)
        return 0 if self.externals is None else len(self.externals)

    def __getitem__(self, chosen: Any) -> "HardwareEvents":
        """Return some events, by a slice, a mask or positions."""
        lists = {
            name: {key: np.atleast_2d(values[chosen]) for key, values in fields.items()}
            for name, fields in self.lists.items()
        }
        externals = None if self.externals is None else np.atleast_2d(self.externals[chosen])
        return HardwareEvents(lists, externals)

    def lacking(self, column: Column, externals: Mapping[str, int]) -> str:
        """Return why a column is not there, empty if it is."""
        place, name = column
        if place.crossing:
            return f"crossing {place.crossing:+d} is not stored"
        if signal := external_name(column):
            if self.externals is None:
                return "no external bits"
            if signal not in externals:
                return f"external signal {signal}: bit is not known"
            bits = 64 * self.externals.shape[1]
            bit = externals[signal]
            return "" if bit < bits else f"external signal {signal}: bit {bit} of {bits}"
        if place.kind not in self.lists:
            return f"no {place.kind.partition(':')[0]}"
        return "" if name in self.lists[place.kind] else f"no {name} of {place.kind}"

    def too_low(self, leg: Leg) -> str:
        """Return an empty string: every object is there."""
        return ""

    def charge_unknown(self, leg: Leg) -> str:
        """Return an empty string: the words say whether a charge is valid."""
        return ""

    def column(
        self, column: Column, externals: Mapping[str, int], start: int, stop: int
    ) -> NDArray[np.int32]:
        """Return a column of some events, shape (events, slots)."""
        if signal := external_name(column):
            assert self.externals is not None
            word, bit = divmod(externals[signal], 64)
            words = self.externals[start:stop, word : word + 1]
            return ((words >> np.uint64(bit)) & np.uint64(1)).astype(np.int32)
        place, name = column
        values = self.lists[place.kind][name][start:stop]
        return in_range(values, column, f"{place.kind} {name}")
