"""Names for the types of arrays, one for each kind of number, for signatures everywhere in l1kd.

They say what an array holds; shapes and units are in the docstrings. Import them from here instead
of defining aliases of one's own.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AnyArray",
    "AnyFloats",
    "AnyIntegers",
    "Bytes",
    "Codes",
    "Exact",
    "Floats",
    "Images",
    "Indices",
    "Integers",
    "Mask",
    "Offsets",
    "Shorts",
    "SignedIntegers",
    "Singles",
    "Weights",
    "Words",
]

AnyArray: TypeAlias = NDArray[Any]
"""Numbers of any type."""
AnyFloats: TypeAlias = NDArray[np.floating]
"""Floating-point numbers of any precision."""
Floats: TypeAlias = NDArray[np.float64]
"""Numbers of double precision."""
Singles: TypeAlias = NDArray[np.float32]
"""Numbers of single precision."""
AnyIntegers: TypeAlias = NDArray[np.integer]
"""Integers of any width."""
SignedIntegers: TypeAlias = NDArray[np.signedinteger]
"""Signed integers of any width: raw values in the narrowest word."""
Integers: TypeAlias = NDArray[np.int64]
"""Integers of 64 bits: raw values of fixed-point formats, counts."""
Indices: TypeAlias = NDArray[np.int32]
"""Integers of 32 bits: positions in another array."""
Shorts: TypeAlias = NDArray[np.int16]
"""Integers of 16 bits: hardware fields."""
Codes: TypeAlias = NDArray[np.int8]
"""Integers of 8 bits: charges, particle types, flags with three values."""
Bytes: TypeAlias = NDArray[np.uint8]
"""Unsigned integers of 8 bits: bits one by one or packed, truth tables."""
Words: TypeAlias = NDArray[np.uint64]
"""Machine words: 64 bits of 64 events, or a packed candidate."""
Exact: TypeAlias = NDArray[Any]
"""Python integers of any size in an object array, for arithmetic that must not overflow."""
Mask: TypeAlias = NDArray[np.bool_]
"""True or false for each element."""
Offsets: TypeAlias = NDArray[np.int64]
"""Where each event begins in a flat column, and the column's length at the end: n_events + 1."""
Weights: TypeAlias = NDArray[np.float32]
"""A weight for each particle, 0 to 1."""
Images: TypeAlias = NDArray[np.uint16]
"""Regions of the calorimeter, (n_events, 18, 14), in counts of the trigger."""
