"""Results that take long, kept on disk under a name that says what they were computed from."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["memoise_on_disk"]


def memoise_on_disk(
    path: Path, count: int, compute: Callable[[], NDArray[Any]], dtype: Any = np.float32
) -> NDArray[Any]:
    """Return an array from its file, or compute it and keep it there.

    Parameters
    ----------
    path : pathlib.Path
        ``.npy`` file, whose name is a hash of everything that decides the result.
    count : int
        Length that the array must have; a file of another length or type is made anew.
    compute : callable
        Gives the array, shape (count,).
    dtype
        Of the array.
    """
    if path.is_file():
        try:
            stored: NDArray[Any] = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # cut short: made anew
            stored = np.empty(0, dtype)
        if stored.shape == (count,) and stored.dtype == dtype:
            return stored
    values = np.asarray(compute(), dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    # another process may do the same: a complete file takes the place in one step
    draft = path.with_suffix(f".{os.getpid()}.tmp.npy")
    np.save(draft, values, allow_pickle=False)
    draft.replace(path)
    return values
