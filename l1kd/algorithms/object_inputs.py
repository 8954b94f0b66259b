"""What networks of objects read: 57 numbers of an event, in units that are powers of two."""

from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Singles
from l1kd.emulators.object_arrays import scaled
from l1kd.errors import InputError
from l1kd.objects import N_OBJECTS

__all__ = ["LIMITS", "N_INPUTS", "object_inputs"]

N_INPUTS: Final = 3 * N_OBJECTS
_PT_UNIT: Final = 64.0
"""GeV; a shift of bits in firmware."""
_LARGEST: Final = 8.0 - 1.0 / 256.0
LIMITS: Final = ((0.0, _LARGEST), (-5.0, 5.0), (-np.pi, np.pi))
"""Least and largest value of pt, eta and phi as networks read them: 511.75 GeV saturate."""
_AT_ONCE: Final = 16
"""Events whose numbers make one pattern: whole registers, whatever the processor."""


def _pattern(*columns: float) -> Singles:
    return np.tile(np.array(columns, np.float32), N_OBJECTS * _AT_ONCE)


_LEAST, _MOST = (_pattern(*limits) for limits in zip(*LIMITS, strict=True))
_SCALE = _pattern(1.0 / _PT_UNIT, 1.0, 1.0)
_LOWEST = float(np.finfo(np.float32).min)
_SMALLEST = _pattern(0.0, _LOWEST, _LOWEST)


def object_inputs(objects: AnyArray, out: Singles | None = None) -> Singles:
    """Scale events for a network.

    Parameters
    ----------
    objects : float array, shape (n, 19, 3)
        pt [GeV], eta, phi [rad], as `l1kd.objects.objects` gives them.
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
        Another shape, or values that are not finite.
    """
    values = np.asarray(objects)
    if values.ndim != 3 or values.shape[1:] != (N_OBJECTS, 3):
        raise InputError(f"objects: expected shape (n, {N_OBJECTS}, 3), found {values.shape}")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32)
    inputs = np.empty((len(values), N_INPUTS), np.float32) if out is None else out
    numbers = np.ascontiguousarray(values).reshape(-1)
    if not scaled(numbers, _SCALE, _LEAST, _MOST, _SMALLEST, inputs.reshape(-1)):
        if not np.isfinite(values).all():
            raise InputError("objects: expected finite pt, eta and phi")
        raise InputError(f"objects: expected pt >= 0 GeV, found {values[..., 0].min()}")
    return inputs
