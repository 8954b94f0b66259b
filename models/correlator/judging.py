"""Efficiency at equal rate of weights on the events of a training."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import AnyArray, Floats, Singles
from l1kd.emulators.correlator.weighing import FORMAT
from l1kd.models.correlator.batches import rows_of
from l1kd.models.correlator.crossings import Crossings
from l1kd.study.tuning import figure_of_merit

__all__ = ["RATES_HZ", "figures", "mets"]

RATES_HZ = (310e3, 100e3)
"""Rates by which networks are chosen."""
_AT_A_TIME = 100

Weigh = Callable[[AnyArray], Singles]


def mets(crossings: Crossings, events: NDArray[np.int64], weigh: Weigh, pt_cut: float) -> Floats:
    """MET [GeV] of events, with weights in steps of 1/256 and the cut on neutrals."""
    found = np.empty(len(events))
    for first in range(0, len(events), _AT_A_TIME):
        rows = rows_of(crossings, events[first : first + _AT_A_TIME])
        values = rows["values"].astype(np.float32) * np.float32(2.0**-FORMAT.fraction)
        weight = np.rint(weigh(values) * 256.0) / 256.0
        kept = ~rows["neutral"] | (weight * rows["pt"] >= pt_cut)
        n = int(rows["event"][-1]) + 1
        x, y = (
            np.bincount(rows["event"], kept * weight * rows[p], minlength=n) for p in ("px", "py")
        )
        found[first : first + n] = np.hypot(x, y)
    return found


def figures(
    zero_bias: Sequence[tuple[Crossings, Floats]], signals: Mapping[str, Floats]
) -> dict[str, Any]:
    """Efficiency of each signal at each of `RATES_HZ`, and the mean of all.

    Parameters
    ----------
    zero_bias
        Classes with the MET of their events.
    signals
        MET of each signal's events.
    """
    met = np.concatenate([m for _, m in zero_bias])
    hertz = np.concatenate([np.full(len(m), c.rate / len(m)) for c, m in zero_bias])
    found: dict[str, Any] = {
        name: {
            f"{rate / 1e3:g} kHz": figure_of_merit((met, hertz), [m], (rate,)) for rate in RATES_HZ
        }
        for name, m in signals.items()
    }
    found["mean"] = figure_of_merit((met, hertz), list(signals.values()), RATES_HZ)
    return found
