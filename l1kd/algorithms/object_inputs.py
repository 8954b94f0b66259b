"""What networks of objects read: 57 numbers of an event, in units that are powers of two."""

from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Singles
from l1kd.errors import InputError
from l1kd.objects import N_OBJECTS

__all__ = ["LIMITS", "N_INPUTS", "object_inputs"]

N_INPUTS: Final = 3 * N_OBJECTS
_PT_UNIT: Final = 64.0
"""GeV; a shift of bits in firmware."""
_LARGEST: Final = 8.0 - 1.0 / 256.0
LIMITS: Final = ((0.0, _LARGEST), (-5.0, 5.0), (-np.pi, np.pi))
"""Least and largest value of pt, eta and phi as networks read them: 511.75 GeV saturate."""


def object_inputs(objects: AnyArray) -> Singles:
    """Scale events for a network.

    Parameters
    ----------
    objects : float array, shape (n, 19, 3)
        pt [GeV], eta, phi [rad], as `l1kd.objects.objects` gives them.

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
    values = np.asarray(objects, np.float32)
    if values.ndim != 3 or values.shape[1:] != (N_OBJECTS, 3):
        raise InputError(f"objects: expected shape (n, {N_OBJECTS}, 3), found {values.shape}")
    if not np.isfinite(values).all():
        raise InputError("objects: expected finite pt, eta and phi")
    if values.size and values[..., 0].min() < 0.0:
        raise InputError(f"objects: expected pt >= 0 GeV, found {values[..., 0].min()}")
    scaled = values * np.array([1.0 / _PT_UNIT, 1.0, 1.0], np.float32)
    least, largest = np.array(LIMITS, np.float32).T
    return np.clip(scaled, least, largest).reshape(len(values), N_INPUTS)
