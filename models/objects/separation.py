"""How well scores tell signals from background: areas, and efficiencies at small rates."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l1kd.models.objects.baselines import Score
from l1kd.models.objects.data import Sample, blocks_of
from l1kd.statistics import clopper_pearson, delong

__all__ = ["LEVEL", "RATES", "areas", "efficiencies", "mean_area"]

LEVEL = 0.99
"""Probability content of Clopper-Pearson intervals, as in the paper."""
RATES = (1e-5, 1e-3, 1e-2)
"""Shares of the background that pass; the first is the one that Govorkova et al. quote."""


def areas(
    scores: Mapping[str, Score], background: Sample, signals: Mapping[str, Sample]
) -> dict[str, dict[str, dict[str, float]]]:
    """Areas under ROC curves by signal and score, with DeLong's errors.

    Events of one generated collision count as what they are, not as independent.
    """
    noise = [np.asarray(score(background.objects), np.float64) for score in scores.values()]
    table = {}
    for name, sample in signals.items():
        values = [np.asarray(score(sample.objects), np.float64) for score in scores.values()]
        found, covariance = delong(values, noise, blocks_of(sample, background))
        errors = np.sqrt(np.diag(covariance))
        table[name] = {
            label: {"auc": round(float(area), 4), "error": round(float(error), 4)}
            for label, area, error in zip(scores, found, errors, strict=True)
        }
    return table


def mean_area(table: Mapping[str, Mapping[str, Mapping[str, float]]], score: str) -> float:
    """Mean area of a score over the signals."""
    return float(np.mean([row[score]["auc"] for row in table.values()]))


def efficiencies(
    scores: Mapping[str, Score], background: Sample, signals: Mapping[str, Sample]
) -> dict[str, list[dict[str, Any]]]:
    """Share of each signal that passes where a share of the background does, by score.

    Returns
    -------
    dict of str to list of dict
        By score and rate: the threshold, how many background events pass it, the interval of the
        share that they are, and every signal's efficiency with its Clopper-Pearson interval
        (`LEVEL`). A rate below one event has the threshold just above every event: what passes
        there is a bound, and `resolved` is false. Of scores that many events share, fewer may pass
        than the rate allows.
    """
    return {name: _of_score(score, background, signals) for name, score in scores.items()}


def _of_score(
    score: Score, background: Sample, signals: Mapping[str, Sample]
) -> list[dict[str, Any]]:
    """Rows of one score, by rate."""
    noise = np.sort(np.asarray(score(background.objects)))[::-1]
    rows = []
    for rate in RATES:
        wanted = int(rate * len(noise))
        # in the scores' own type: a finer threshold would be rounded to one that passes
        threshold = float(np.nextafter(noise[wanted], noise.dtype.type(np.inf)))
        passing = int((noise >= threshold).sum())
        low, high = clopper_pearson(passing, len(noise), LEVEL)
        row: dict[str, Any] = {
            "rate": rate,
            "threshold": threshold,
            "background_events": passing,
            "of": len(noise),
            "low": float(low),
            "high": float(high),
            "resolved": wanted > 0,
            "efficiency": {},
        }
        for name, sample in signals.items():
            values = np.asarray(score(sample.objects))
            count = int((values >= threshold).sum())
            low, high = clopper_pearson(count, len(values), LEVEL)
            row["efficiency"][name] = {
                "value": count / max(len(values), 1),
                "low": float(low),
                "high": float(high),
            }
        rows.append(row)
    return rows
