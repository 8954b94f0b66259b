"""What an anomaly score keeps that seeds on leptons, jets and MET do not."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models.objects.baselines import Score
from l1kd.models.objects.data import Sample
from l1kd.models.objects.events import Events
from l1kd.models.objects.separation import LEVEL
from l1kd.objects import KINDS
from l1kd.trigger.rates.optimise import unique_efficiency

__all__ = ["EXTRA", "SEED_RATE", "seeds", "unique_beside_seeds"]

SEED_RATE, EXTRA = 0.01, 0.005
"""Share of the background that each seed keeps, and that the score may add to all of them."""


def _leading(events: Events, *kinds: str) -> NDArray[np.floating]:
    rows = [events[:, slice(*KINDS[kind]), 0] for kind in kinds]
    return np.asarray(np.concatenate(rows, axis=1).max(axis=1))


def seeds(chosen_on: Sample) -> dict[str, tuple[Score, float]]:
    """Return a seed on the leading lepton, the leading jet and MET: what it cuts on, and where.

    Thresholds [GeV] keep `SEED_RATE` of the sample each.
    """
    scores: dict[str, Score] = {
        "lepton": lambda events: _leading(events, "muon", "electron"),
        "jet": lambda events: _leading(events, "jet"),
        "MET": lambda events: _leading(events, "met"),
    }
    return {
        name: (score, float(np.quantile(score(chosen_on.objects), 1.0 - SEED_RATE)))
        for name, score in scores.items()
    }


def unique_beside_seeds(
    score: Score,
    chosen_on: Sample,
    background: Sample,
    signals: Mapping[str, Sample],
) -> dict[str, Any]:
    """Give the score `EXTRA` of the background besides three seeds, and count what only it keeps.

    Parameters
    ----------
    chosen_on : Sample
        Background on which the seeds' thresholds are chosen; the score's is chosen on
        `background`, as the largest that adds no more than it may.

    Returns
    -------
    dict
        ``thresholds`` of the seeds [GeV] and of the ``score``, ``events`` of the background that
        the score adds, and ``signals``: {name: {"unique", "seeds"}} with intervals (`LEVEL`).
    """
    found = seeds(chosen_on)

    def accepted(sample: Sample) -> NDArray[np.bool_]:
        passed = [cut(sample.objects) >= threshold for cut, threshold in found.values()]
        return np.asarray(np.any(passed, axis=0))

    def columns(sample: Sample) -> tuple[Any, Any, Any]:
        share = np.full(len(sample), 1.0 / max(len(sample), 1))
        return score(sample.objects), accepted(sample), share

    result = unique_efficiency(
        *columns(background), {name: columns(s) for name, s in signals.items()}, EXTRA, level=LEVEL
    )
    return {
        "thresholds": {name: threshold for name, (_, threshold) in found.items()},
        "score": result.threshold,
        "events": round(result.extra.value * len(background)),
        "signals": {
            name: {"unique": unique.as_dict(), "seeds": result.menu[name].as_dict()}
            for name, unique in result.unique.items()
        },
    }
