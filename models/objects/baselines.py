"""Scores that need no network: what any anomaly trigger on objects must beat."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from l1kd.models.objects.events import N_INPUTS, Events, present
from l1kd.objects import KINDS

__all__ = ["Score", "baselines"]

Score = Callable[[Events], NDArray[np.floating]]
_COMPONENTS = 8
_SMALLEST = 1e-6


def _ht(events: Events) -> NDArray[np.floating]:
    first, last = KINDS["jet"]
    return np.asarray(events[:, first:last, 0].sum(axis=1))


def _leading_pt(events: Events) -> NDArray[np.floating]:
    return np.asarray(events[:, : KINDS["met"][0], 0].max(axis=1))


def _met(events: Events) -> NDArray[np.floating]:
    return np.asarray(events[:, KINDS["met"][0], 0])


def _multiplicity(events: Events) -> NDArray[np.floating]:
    return np.asarray(present(events)[:, : KINDS["met"][0]].sum(axis=1, dtype=np.float64))


def scaled(events: Events) -> NDArray[np.float64]:
    """Scale inputs of PCA and the Mahalanobis distance: log(1 + pt / 5 GeV), eta / 2, phi / pi."""
    values = events.astype(np.float64)
    parts = (np.log1p(values[..., 0] / 5.0), values[..., 1] / 2.0, values[..., 2] / np.pi)
    return np.stack(parts, axis=-1).reshape(-1, N_INPUTS)


def _principal_components(train: Events) -> Score:
    """Squared distance from the hyperplane of the largest components."""
    rows = scaled(train)
    mean = rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows - mean, full_matrices=False)
    kept = axes[:_COMPONENTS]

    def score(events: Events) -> NDArray[np.floating]:
        centred = scaled(events) - mean
        return np.asarray(((centred - centred @ kept.T @ kept) ** 2).mean(axis=1))

    return score


def _mahalanobis(train: Events) -> Score:
    rows = scaled(train)
    mean = rows.mean(axis=0)
    covariance = np.cov(rows, rowvar=False)
    # columns that never vary, such as MET's eta, count nothing
    inverse = np.linalg.pinv(covariance, rcond=_SMALLEST, hermitian=True)

    def score(events: Events) -> NDArray[np.floating]:
        centred = scaled(events) - mean
        return np.einsum("ij,jk,ik->i", centred, inverse, centred)

    return score


def baselines(train: Events) -> Mapping[str, Score]:
    """Return the simple scores by name; two of them learn from background events."""
    return {
        "HT": _ht,
        "leading pT": _leading_pt,
        "MET": _met,
        "multiplicity": _multiplicity,
        "PCA": _principal_components(train),
        "Mahalanobis": _mahalanobis(train),
    }
