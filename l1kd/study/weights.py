"""Event weights are checked before any event is processed."""

from collections.abc import Sequence

import awkward as ak
import numpy as np
import uproot
from numpy.typing import NDArray

from l1kd.datasets import InputFile
from l1kd.errors import InputError

__all__ = ["require_weights"]

_BRANCHES = {"delphes": "Event.Weight"}
_OTHERWISE = "genWeight"


def _weights(file: InputFile) -> NDArray[np.float64] | None:
    """Weights of a file's events; None where it has none or is no ROOT file."""
    name = _BRANCHES.get(file.kind, _OTHERWISE)
    if not file.path.endswith(".root"):
        return None
    with uproot.open({file.path: file.tree}) as tree:
        found = [branch for branch in tree.keys(recursive=True) if branch.endswith(name)]
        if not found:
            return None
        return ak.to_numpy(ak.flatten(tree[found[0]].array(), axis=None)).astype(np.float64)


def require_weights(files: Sequence[InputFile]) -> dict[str, float]:
    """Refuse datasets from whose event weights no number can be computed.

    Negative weights are fine as long as those of a dataset add up to more than zero: then
    fractions, quantiles and distances are defined. Only the weights are read.

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
        weights = _weights(file)
        if weights is None:
            continue
        wrong = np.flatnonzero(~np.isfinite(weights))
        if wrong.size:
            raise InputError(
                f"{file.path}: {wrong.size} of {weights.size} event weights are not finite, the "
                f"first is that of entry {wrong[0]}, {weights[wrong[0]]}; mend the file or "
                "leave it out"
            )
        totals.setdefault(file.dataset, []).append(float(weights.sum()))
    for dataset, sums in totals.items():
        if not sum(sums) > 0.0:
            raise InputError(
                f"dataset {dataset!r}: the event weights add up to {sum(sums):g}, so fractions and "
                "distributions of its events are not defined; use more events or other weights"
            )
    return {dataset: sum(sums) for dataset, sums in totals.items()}
