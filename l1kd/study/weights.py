"""Event weights are checked before any event is processed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l1kd.datasets import InputFile
from l1kd.errors import InputError, L1KDError
from l1kd.formats import first

__all__ = ["require_weights"]


def _weights(file: InputFile) -> NDArray[np.float64] | None:
    """Weights of the entries of a file that are wanted; None where it has none."""
    parts = []
    for start, stop in file.ranges:
        events = file.open(start, stop)
        reader = first("event_weight", events)
        if reader is None:
            return None
        parts.append(np.asarray(reader.read(events), dtype=np.float64))
    return np.concatenate(parts) if parts else None


def _entry(file: InputFile, position: int) -> int:
    """Entry of the file at a position among those that are wanted."""
    entries = np.concatenate([np.arange(start, stop) for start, stop in file.ranges])
    return int(entries[position])


def require_weights(
    files: Sequence[InputFile], *, skip_bad_files: bool = False
) -> dict[str, float]:
    """Refuse datasets from whose event weights no number can be computed.

    Negative weights are fine as long as those of a dataset add up to more than zero: then
    fractions, quantiles and distances are defined. Only the weights are read, of the entries that
    are wanted. With `skip_bad_files` a file that cannot be read, or holds such a weight, is left to
    the run, which skips and lists it.

    Returns
    -------
    Sum of the weights of each dataset that has any.

    Raises
    ------
    InputError
        If a weight is NaN or infinite, or the weights of a dataset do not add up to more than zero.
    """
    totals: dict[str, list[float]] = {}
    for file in files:
        try:
            weights = _weights(file)
        except L1KDError:
            if not skip_bad_files:
                raise
            continue
        if weights is None:
            continue
        wrong = np.flatnonzero(~np.isfinite(weights))
        if wrong.size and skip_bad_files:
            continue
        if wrong.size:
            first_wrong = int(wrong[0])
            raise InputError(
                f"{file.path}: {wrong.size} of {weights.size} event weights are not finite, the "
                f"first is that of entry {_entry(file, first_wrong)}, {weights[first_wrong]}; mend "
                "the file or leave it out"
            )
        totals.setdefault(file.dataset, []).append(float(weights.sum()))
    for dataset, sums in totals.items():
        if not sum(sums) > 0.0:
            raise InputError(
                f"dataset {dataset!r}: the event weights add up to {sum(sums):g}, so fractions and "
                "distributions of its events are not defined; use more events or other weights"
            )
    return {dataset: sum(sums) for dataset, sums in totals.items()}
