"""What an anomaly seed adds to a menu of jets, HT and MET, all made of the same image."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyFloats, Floats, Mask
from l1kd.emulators.calorimeter import COUNT_GEV
from l1kd.emulators.image_sums import SEEDS
from l1kd.models.evaluation.images.measures import Scored, mean_efficiency, recorded_threshold
from l1kd.statistics import Blocks, SharedEvents
from l1kd.trigger.rates.shared import efficiency_at, shared_threshold

__all__ = ["beside_seeds"]


def _outside(values: AnyFloats, taken: Mask) -> Floats:
    """Values of events that the menu does not take; the others never pass."""
    return np.where(taken, -np.inf, np.asarray(values, np.float64))


def beside_seeds(
    noise: Scored,
    noise_sums: Mapping[str, Floats],
    events: SharedEvents,
    signals: Mapping[str, tuple[Scored, Mapping[str, Floats], Blocks]],
    rates_hz: tuple[float, float],
    input_hz: float,
) -> dict[str, Any]:
    """Efficiency that each score adds to a menu at equal extra rate.

    Parameters
    ----------
    noise, noise_sums, events
        Scores and `image_sums` of stitched zero bias, and what it shares.
    signals
        Likewise of each signal.
    rates_hz
        Rate of each seed of the menu, and the rate that one more seed may add.
    input_hz
        Rate of all crossings.

    Returns
    -------
    dict
        ``menu``: thresholds [GeV], its ``rate_hz``, the ``efficiency`` of each signal and their
        ``mean``; ``added``: for each score, and for each seed of the menu at a lower threshold, the
        share of each signal that it takes and the menu does not, with intervals; null where the
        extra rate is not resolved.
    """
    seed_hz, extra_hz = rates_hz
    cuts = {
        name: shared_threshold(noise_sums[name], events, seed_hz, input_hz, step=COUNT_GEV).value
        for name in SEEDS
    }

    def taken(sums: Mapping[str, Floats]) -> Mask:
        passed: Mask = np.any([sums[name] >= cuts[name] for name in SEEDS], axis=0)
        return passed

    in_menu = taken(noise_sums)
    total = events.fraction(in_menu).estimate
    menu: dict[str, Any] = {
        "thresholds": cuts,
        "rate_hz": {"value": total.value * input_hz, "low": total.low * input_hz,
                    "high": total.high * input_hz, "n": total.n},
        "efficiency": {s: float(taken(sums).mean()) for s, (_, sums, _) in signals.items()},
    }  # fmt: skip
    menu["mean"] = float(np.mean(list(menu["efficiency"].values())))
    added: dict[str, Any] = {}
    for name in (*noise, *SEEDS):
        values = noise[name] if name in noise else noise_sums[name]
        found = shared_threshold(_outside(values, in_menu), events, extra_hz, input_hz)
        row = recorded_threshold(found, _outside(values, in_menu), events, input_hz)
        if found.resolved:
            kept = {
                s: (_outside(scored[name] if name in noise else sums[name], taken(sums)), blocks)
                for s, (scored, sums, blocks) in signals.items()
            }
            row["efficiency"] = {s: efficiency_at(*x, found).as_dict() for s, x in kept.items()}
            row["mean"] = mean_efficiency(kept, found)
        added[name] = row
    return {"menu": menu, "extra_hz": extra_hz, "added": added}
