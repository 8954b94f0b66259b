"""Reading of named input arrays: presence, type, shape and range."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Shorts
from l1kd.emulators.compilation import njit

__all__ = ["GLOBAL", "LOCAL", "matrices", "row_limits", "vectors"]

UNSIGNED_BITS: Final = {
    "hwPt": 14, "hwId": 3, "hwDxy": 8, "hwDPhi": 7, "hwTkQuality": 3, "hwEmID": 6,
}  # fmt: skip
SIGNED_BITS: Final = {"hwEta": 10, "hwPhi": 10, "hwZ0": 10, "hwDEta": 6, "pv_hwZ0": 10}


@njit(nogil=True)
def _range(values: Shorts) -> tuple[np.int16, np.int16]:
    """Return the smallest and the largest value, or 0 where that lies outside."""
    low, high = np.int16(0), np.int16(0)
    for i in range(values.size):
        low = min(low, values[i])
        high = max(high, values[i])
    return low, high


def _checked(name: str, array: Shorts, bits: Mapping[str, tuple[int, bool]]) -> None:
    field = name if name in bits else name.split("_")[-1]
    if field not in bits or array.size == 0:
        return
    width, signed = bits[field]
    low, high = _range(array.reshape(-1))
    if low < (-(1 << (width - 1)) if signed else 0) or high >= 1 << (width - signed):
        kind = "signed" if signed else "unsigned"
        raise ValueError(
            f"{name} holds values from {array.min()} to {array.max()}; the firmware's type has "
            f"{width} bits, {kind}"
        )


LOCAL: Final[Mapping[str, tuple[int, bool]]] = {
    **{name: (bits, False) for name, bits in UNSIGNED_BITS.items()},
    **{name: (bits, True) for name, bits in SIGNED_BITS.items()},
}
"""Width and sign of the fields of layer 1, whose positions are local."""
GLOBAL: Final[Mapping[str, tuple[int, bool]]] = {
    "hwPt": (14, False),
    "hwEta": (12, True),
    "hwPhi": (11, True),
}
"""Width and sign of the fields of layer 2, whose positions are global."""


def _read(
    inputs: Mapping[str, AnyArray], name: str, shape: tuple[int | None, ...],
    bits: Mapping[str, tuple[int, bool]],
) -> Shorts:  # fmt: skip
    """Return one input as int16, after checking its presence, type, shape and range."""
    if name not in inputs:
        raise ValueError(f"input {name} is missing; there are {', '.join(sorted(inputs))}")
    source = np.asarray(inputs[name])
    if source.dtype.kind not in "iu":
        raise ValueError(f"input {name} has type {source.dtype}; expected raw integers")
    if source.ndim != len(shape) or any(
        b is not None and a != b for a, b in zip(source.shape, shape, strict=True)
    ):
        expected = ", ".join("slots" if b is None else str(b) for b in shape)
        raise ValueError(f"input {name} has shape {source.shape}; expected ({expected})")
    if source.dtype != np.int16:
        if source.size and not -32768 <= int(source.min()) <= int(source.max()) <= 32767:
            raise ValueError(f"input {name} holds values beyond 16 bits")
        source = source.astype(np.int16)
    array = np.ascontiguousarray(source)
    _checked(name, array, bits)
    return array


def vectors(
    inputs: Mapping[str, AnyArray], prefix: str, fields: Iterable[str], n: int | None = None
) -> tuple[Shorts, ...]:
    """Return inputs with one number per region or event, as int16."""
    arrays = []
    for field in fields:
        array = _read(inputs, prefix + field, (n,), LOCAL)
        n = len(array)
        arrays.append(array)
    return tuple(arrays)


def matrices(
    inputs: Mapping[str, AnyArray], prefix: str, fields: Iterable[str], n: int,
    bits: Mapping[str, tuple[int, bool]] = LOCAL,
) -> tuple[Shorts, ...]:  # fmt: skip
    """Return inputs with one number per region or event and slot, as int16 of equal shapes."""
    width: int | None = None
    arrays = []
    for field in fields:
        array = _read(inputs, prefix + field, (n, width), bits)
        width = array.shape[1]
        arrays.append(array)
    return tuple(arrays)


def row_limits(name: str, counts: Shorts, slots: int) -> None:
    """Refuse numbers of objects that are negative or exceed the slots.

    Raises
    ------
    ValueError
        With the offending range.
    """
    if counts.size and not 0 <= int(counts.min()) <= int(counts.max()) <= slots:
        raise ValueError(
            f"{name} runs from {counts.min()} to {counts.max()}; there are {slots} slots"
        )
