"""What networks of objects read: 57 numbers of an event, in units that are powers of two."""

from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Singles
from l1kd.emulators.network.preparation import Preparation
from l1kd.emulators.object_arrays import in_order, scaled, tidy
from l1kd.errors import InputError
from l1kd.objects import KINDS, N_OBJECTS, in_native_precision, require_objects
from l1kd.validation import unmasked

__all__ = ["LIMITS", "N_INPUTS", "PREPARATION", "object_inputs", "object_rows", "tidied"]

N_INPUTS: Final = 3 * N_OBJECTS
_PT_UNIT: Final = 64.0
"""GeV; a shift of bits in firmware."""
_LARGEST: Final = 8.0 - 1.0 / 256.0
LIMITS: Final = ((0.0, _LARGEST), (-5.0, 5.0), (-np.pi, np.pi))
"""Least and largest value of pt, eta and phi as networks read them: 511.75 GeV saturate."""
_AT_ONCE: Final = 16
"""Events whose numbers make one pattern: whole registers, whatever the processor."""
_EXTREME: Final = float(np.finfo(np.float32).max)
_KINDS: Final = np.array([0, *(last for _, last in KINDS.values())], np.int32)


def _pattern(*columns: float) -> Singles:
    return np.tile(np.array(columns, np.float32), N_OBJECTS)


def _pairs(*places: tuple[int, int]) -> Indices:
    return np.array(places, np.int32)


PREPARATION: Final = Preparation(
    scale=_pattern(1.0 / _PT_UNIT, 1.0, 1.0),
    least=_pattern(*(low for low, _ in LIMITS)),
    most=_pattern(*(high for _, high in LIMITS)),
    smallest=_pattern(0.0, -_EXTREME, -np.pi),
    largest=_pattern(_EXTREME, _EXTREME, np.pi),
    falling=_pairs(*((3 * row - 3, 3 * row) for row in range(1, N_OBJECTS) if row not in _KINDS)),
    empty=_pairs(*((3 * row, 3 * row + side) for row in range(N_OBJECTS) for side in (1, 2))),
)
"""What `object_inputs` does to events whose objects are sorted and whose angles are in one turn."""
_PATTERNS: Final = [
    np.tile(part, _AT_ONCE)
    for part in (
        PREPARATION.scale, PREPARATION.least, PREPARATION.most, PREPARATION.smallest,
        PREPARATION.largest,
    )
]  # fmt: skip


def object_rows(objects: AnyArray) -> AnyArray:
    """Check kind and shape of events; return them in single or double precision, one row each.

    Single precision where it holds every value of the type, else double.
    """
    values = np.asarray(unmasked(objects, "objects"))
    if values.dtype.kind not in "fiu":
        raise InputError(f"objects: expected real numbers, found {values.dtype}")
    if values.ndim != 3 or values.shape[1:] != (N_OBJECTS, 3):
        raise InputError(f"objects: expected shape (n, {N_OBJECTS}, 3), found {values.shape}")
    return in_native_precision(values).reshape(-1, N_INPUTS)


def object_inputs(objects: AnyArray, out: Singles | None = None) -> Singles:
    """Scale events for a network.

    Parameters
    ----------
    objects : float array, shape (n, 19, 3)
        pt [GeV], eta, phi [rad], as `l1kd.objects.objects` gives them; phi of any turn. Objects of
        a kind are sorted by falling pt where they are not, of equal ones those that come first
        first; rows whose pt is 0, once rounded to single precision, hold no object, and what else
        they hold is taken as zero.
    out : float32[n, 57], optional
        Where to write the result.

    Returns
    -------
    float32[n, 57]
        pt / 64 GeV, eta and phi of every row, one after the other; pt saturates at 511.75 GeV, eta
        at 5. Exact: the unit of pt is a power of two.

    Raises
    ------
    InputError
        Another shape, masked entries, values that are not finite in single precision, or pt below 0
        in it.
    """
    values = object_rows(objects)
    inputs = np.empty((len(values), N_INPUTS), np.float32) if out is None else out
    if not (_scaled(values, inputs) and in_order(_events(values), _KINDS)):
        _scaled(tidied(values), inputs)
    return inputs


def tidied(values: AnyArray, first: int = 0) -> Singles:
    """Return rows as `object_rows` gives them sorted, with angles in one turn and empty rows zero.

    `first` is the number of the first event, for messages.

    Raises
    ------
    InputError
        Values that are not finite in single precision, or pt below 0.
    """
    rows = np.empty(values.shape, np.float32)
    if not tidy(_events(values), _KINDS, _events(rows)):
        require_objects(_events(values), "objects", first)
    return rows


def _events(values: AnyArray) -> AnyArray:
    return values.reshape(-1, N_OBJECTS, 3)


def _scaled(values: AnyArray, inputs: Singles) -> bool:
    return scaled(np.ascontiguousarray(values).reshape(-1), *_PATTERNS, inputs.reshape(-1))
