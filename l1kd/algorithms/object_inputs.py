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
_EXTREME = float(np.finfo(np.float32).max)
_SMALLEST = _pattern(0.0, -_EXTREME, -np.pi)
_LARGEST_READ = _pattern(_EXTREME, _EXTREME, np.pi)


def object_inputs(objects: AnyArray, out: Singles | None = None) -> Singles:
    """Scale events for a network.

    Parameters
    ----------
    objects : float array, shape (n, 19, 3)
        pt [GeV], eta, phi [rad], as `l1kd.objects.objects` gives them; phi of any turn.
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
        Another shape, values that are not finite in single precision, or pt below 0.
    """
    values = np.asarray(objects)
    if values.dtype.kind not in "fiu":
        raise InputError(f"objects: expected real numbers, found {values.dtype}")
    if values.ndim != 3 or values.shape[1:] != (N_OBJECTS, 3):
        raise InputError(f"objects: expected shape (n, {N_OBJECTS}, 3), found {values.shape}")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32)
    inputs = np.empty((len(values), N_INPUTS), np.float32) if out is None else out
    if not _scaled(values, inputs):
        with np.errstate(over="ignore"):
            if not np.isfinite(values.astype(np.float32)).all():
                raise InputError("objects: expected pt, eta and phi finite in single precision")
        if values[..., 0].min() < 0.0:
            raise InputError(f"objects: expected pt >= 0 GeV, found {values[..., 0].min()}")
        _scaled(_in_one_turn(values), inputs)
    return inputs


def _scaled(values: AnyArray, inputs: Singles) -> bool:
    numbers = np.ascontiguousarray(values).reshape(-1)
    return scaled(numbers, _SCALE, _LEAST, _MOST, _SMALLEST, _LARGEST_READ, inputs.reshape(-1))


def _in_one_turn(values: AnyArray) -> AnyArray:
    """Return a copy whose angles are between -pi and pi; those that were stay as they are."""
    turned = values.astype(np.float64)
    phi = turned[..., 2]
    outside = np.abs(values[..., 2]) > np.float32(np.pi)
    phi[outside] = np.remainder(phi[outside] + np.pi, 2.0 * np.pi) - np.pi
    return turned
