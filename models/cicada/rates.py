"""Thresholds of scores for given rates of overlaid zero bias, and what they keep of signals.

The overlaid images share the collisions of a library. Below input rate x mu / library a rate is
not resolved, and where fewer than three independent causes make it, another library would give
another threshold: such rows are withdrawn, with the reason.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Images
from l1kd.models.cicada.images import OverlaidTest
from l1kd.statistics import SharedEvents, resolution_limit
from l1kd.trigger.rates import normalisation
from l1kd.trigger.rates.shared import efficiencies, shared_threshold

__all__ = ["rates"]

_PRESET = "hl_lhc"
_TARGETS_HZ = (1e6, 300e3, 100e3, 30e3)
_STEP = 1.0 / 256

Scores = Mapping[str, Callable[[Images], NDArray[np.floating]]]


def rates(scores: Scores, images: OverlaidTest, mu: float) -> dict[str, Any]:
    """Thresholds for given rates of zero bias, and how much of every signal passes them.

    Parameters
    ----------
    scores : mapping
        Functions from images to scores, in steps of 1/256.
    images : OverlaidTest
        Zero bias and signals, and the collisions that they hold.
    mu : float
        Mean number of collisions in an image.

    Returns
    -------
    dict
        ``preset``, ``mu``, ``library`` (number of collisions), ``limit_hz`` (the smallest rate that
        it resolves) and ``table``: for each score a list of rows, one a rate, with ``target_hz``,
        ``images`` (how many pass), ``causes`` (their effective number) and ``resolved``. Resolved
        rows have the threshold ``value``, ``low`` and ``high``, ``rate_hz`` and ``efficiency`` of
        each signal, all with intervals that hold for other libraries.
    """
    norm = normalisation(_PRESET)
    library = images.collisions.n_blocks
    limit = resolution_limit(norm.input_hz, len(images.background), mu, library)
    events = SharedEvents(images.collisions)
    table: dict[str, list[dict[str, Any]]] = {}
    for label, score in scores.items():
        noise = np.asarray(score(images.background), np.float64)
        kept = {
            name: (score(x), images.signal_collisions[name]) for name, x in images.signals.items()
        }
        table[label] = []
        for hertz in _TARGETS_HZ:
            found = shared_threshold(noise, events, hertz, norm.input_hz, step=_STEP)
            row = found._replace(resolved=found.resolved and hertz >= limit).as_dict()
            if row["resolved"]:
                row["efficiency"] = efficiencies(kept, found)
            elif hertz < limit:
                row["reason"] = "below the limit"
            table[label].append(row)
    return {
        "preset": _PRESET,
        "mu": mu,
        "library": library,
        "limit_hz": round(limit),
        "table": table,
    }
