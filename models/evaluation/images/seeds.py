"""What an anomaly seed adds to a menu of jets, HT and MET, all made of the same image."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyFloats, Floats, Images, Mask
from l1kd.emulators.calorimeter import COUNT_GEV, N_PHI
from l1kd.models.evaluation.images.measures import Scored
from l1kd.statistics import Blocks, SharedEvents
from l1kd.trigger.rates.shared import efficiency_at, shared_threshold

__all__ = ["SEEDS", "beside_seeds", "image_sums"]

SEEDS = ("jet", "HT", "MET")
_JET_GEV = 30.0
_CHUNK = 4096


def _windows(excess: Floats) -> Floats:
    """Sum 3 x 3 regions around each, round in phi, cut at the ends in eta."""
    rows = excess + np.roll(excess, 1, axis=1) + np.roll(excess, -1, axis=1)
    sums = rows.copy()
    sums[:, :, 1:] += rows[:, :, :-1]
    sums[:, :, :-1] += rows[:, :, 1:]
    return sums


def _is_highest(sums: Floats) -> Mask:
    """Where a window is the highest of its neighbours; of equal ones the first in phi, then eta."""
    padded = np.full((len(sums), sums.shape[1], sums.shape[2] + 2), -np.inf)
    padded[:, :, 1:-1] = sums
    highest = np.ones(sums.shape, bool)
    for dphi in (-1, 0, 1):
        for deta in (-1, 0, 1):
            if (dphi, deta) == (0, 0):
                continue
            beside = np.roll(padded, dphi, axis=1)[:, :, 1 - deta : sums.shape[2] + 1 - deta]
            after = (dphi, deta) > (0, 0)
            highest &= sums > beside if after else sums >= beside
    return highest


def image_sums(images: Images) -> dict[str, Floats]:
    """Leading jet, HT and MET of images [GeV].

    Jets are the highest sums of 3 x 3 regions, each less the mean of its ring in eta (the
    subtraction of pile-up by rings); HT adds those above 30 GeV; MET is the vector sum of all
    regions. They stand for the seeds that a calorimeter trigger has anyway.

    Returns
    -------
    {"jet", "HT", "MET"}: float64[n] each.
    """
    phi = 2.0 * np.pi * (np.arange(N_PHI) + 0.5) / N_PHI
    found: dict[str, list[Floats]] = {name: [] for name in SEEDS}
    for begin in range(0, len(images), _CHUNK):
        x = images[begin : begin + _CHUNK].astype(np.float64) * COUNT_GEV
        sums = _windows(x - x.mean(axis=1, keepdims=True))
        jets = np.where(_is_highest(sums), sums, 0.0).reshape(len(x), -1)
        found["jet"].append(jets.max(axis=1))
        found["HT"].append(np.where(jets >= _JET_GEV, jets, 0.0).sum(axis=1))
        rows = x.sum(axis=2)
        found["MET"].append(np.hypot(rows @ np.cos(phi), rows @ np.sin(phi)))
    return {name: np.concatenate(parts) for name, parts in found.items()}


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
        ``menu``: thresholds [GeV], its ``rate_hz`` and the ``efficiency`` of each signal;
        ``added``: for each score, and for each seed of the menu at a lower threshold, the share of
        each signal that it takes and the menu does not, with intervals; null where the extra rate
        is not resolved.
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
    menu = {
        "thresholds": cuts,
        "rate_hz": {"value": total.value * input_hz, "low": total.low * input_hz,
                    "high": total.high * input_hz, "n": total.n},
        "efficiency": {s: float(taken(sums).mean()) for s, (_, sums, _) in signals.items()},
    }  # fmt: skip
    added: dict[str, Any] = {}
    for name in (*noise, *SEEDS):
        values = noise[name] if name in noise else noise_sums[name]
        found = shared_threshold(_outside(values, in_menu), events, extra_hz, input_hz)
        row = found.as_dict()
        if found.resolved:
            row["efficiency"] = {
                s: efficiency_at(
                    _outside(scored[name] if name in noise else sums[name], taken(sums)),
                    blocks,
                    found,
                ).as_dict()
                for s, (scored, sums, blocks) in signals.items()
            }
            row["mean"] = float(np.mean([x["value"] for x in row["efficiency"].values()]))
        added[name] = row
    return {"menu": menu, "extra_hz": extra_hz, "added": added}
