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
from l1kd.statistics import SEVERAL, Blocks, resolution_limit, shared_fraction
from l1kd.trigger.rates.curves import Normalisation, normalisation, threshold_for_rate

__all__ = ["rates"]

_PRESET = "hl_lhc"
_TARGETS_HZ = (1e6, 300e3, 100e3, 30e3)
_STEP = 1.0 / 256

Scores = Mapping[str, Callable[[Images], NDArray[np.floating]]]
Values = NDArray[np.floating]


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
    table = {}
    for label, score in scores.items():
        noise = np.asarray(score(images.background), np.float64)
        values = {name: np.asarray(score(x), np.float64) for name, x in images.signals.items()}
        table[label] = [_row(noise, values, images, hertz, norm, limit) for hertz in _TARGETS_HZ]
    return {
        "preset": _PRESET,
        "mu": mu,
        "library": library,
        "limit_hz": round(limit),
        "table": table,
    }


def _row(
    noise: Values,
    values: Mapping[str, Values],
    images: OverlaidTest,
    target_hz: float,
    norm: Normalisation,
    limit_hz: float,
) -> dict[str, Any]:
    """One rate of one score."""
    cut = threshold_for_rate(noise, target_hz, norm, step=_STEP).value
    passed = noise >= cut
    found = shared_fraction(passed, images.collisions)
    resolved = found.resolved and target_hz >= limit_hz
    row: dict[str, Any] = {
        "target_hz": target_hz,
        "images": int(passed.sum()),
        "causes": round(found.n_causes, 1),
        "resolved": resolved,
    }
    if not resolved:
        reason = f"fewer than {SEVERAL:g} causes" if target_hz >= limit_hz else "below the limit"
        return row | {"reason": reason}
    share = target_hz / norm.input_hz
    low, high = (_lowest_cut(noise, images.collisions, share, end) for end in (1, 2))
    rate = {
        name: x * norm.input_hz
        for name, x in zip(("value", "low", "high"), found.estimate[:3], strict=True)
    }
    efficiency = {}
    for name, x in values.items():
        shared = images.signal_collisions[name]
        nominal, least, most = (shared_fraction(x >= c, shared).estimate for c in (cut, high, low))
        efficiency[name] = {"value": nominal[0], "low": least[1], "high": most[2], "n": len(x)}
    return row | {"value": cut, "low": low, "high": high, "rate_hz": rate, "efficiency": efficiency}


def _lowest_cut(noise: Values, collisions: Blocks, share: float, end: int) -> float:
    """Lowest threshold at which one end (1 low, 2 high) of the fraction's interval fits."""
    falling = np.unique(noise)[::-1]

    def fits(cut: float) -> bool:
        return shared_fraction(noise >= cut, collisions).estimate[end] <= share

    first, last = 0, falling.size
    while first < last:  # the interval's ends fall with the threshold, but for fluctuations
        middle = (first + last) // 2
        first, last = (middle + 1, last) if fits(falling[middle]) else (first, middle)
    return float(falling[first - 1]) if first else float(falling[0] + _STEP)
