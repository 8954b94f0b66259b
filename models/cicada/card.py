"""What is measured of CICADA's networks, and what their cards share."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.image_sums import image_sums
from l1kd.models.cicada.images import ImageSource, OverlaidTest
from l1kd.models.records import unchanged
from l1kd.statistics import Blocks, delong

__all__ = [
    "BASELINES",
    "ERRORS",
    "SIMULATED",
    "area_cell",
    "image_description",
    "missing_errors",
    "readings",
    "readings_text",
    "separation",
]

_ONCE = {"times": 1, "same_network": True}
Scores = Callable[[NDArray[np.uint16]], NDArray[np.floating]]


def image_description(form: str, mu: float) -> dict[str, Any]:
    """Describe the networks' input for a manifest: its number format, and its mean pile-up."""
    return {
        "regions": {
            "shape": ["n", 252],
            "order": "14 * gctPhi + (gctEta - 4)",
            "unit": "counts of 0.5 GeV, clipped at 1023",
            "format": form,
            "mu": mu,
        }
    }


def _sum(images: NDArray[np.uint16]) -> NDArray[np.floating]:
    return images.sum(axis=(1, 2), dtype=np.float64)


def _rms(images: NDArray[np.uint16]) -> NDArray[np.floating]:
    return images.reshape(len(images), -1).astype(np.float64).std(axis=1)


def _hottest(images: NDArray[np.uint16]) -> NDArray[np.floating]:
    return images.max(axis=(1, 2)).astype(np.float64)


def _ht(images: NDArray[np.uint16]) -> NDArray[np.floating]:
    return image_sums(images)["HT"]


BASELINES: dict[str, Scores] = {
    "sum of E_T": _sum,
    "HT": _ht,
    "rms": _rms,
    "hottest region": _hottest,
}


def _areas(
    scores: Mapping[str, Scores],
    background: NDArray[np.uint16],
    signals: Mapping[str, NDArray[np.uint16]],
    shared: Mapping[str, Blocks] = MappingProxyType({}),
) -> dict[str, dict[str, dict[str, float]]]:
    """Areas and their errors; `shared` holds the collisions of a signal's and all background."""
    noise = [score(background) for score in scores.values()]
    table = {}
    for name, images in signals.items():
        values = [score(images) for score in scores.values()]
        areas, covariance = delong(values, noise, shared.get(name))
        errors = np.sqrt(np.diag(covariance))
        table[name] = {
            label: {"auc": round(float(area), 4), "error": round(float(error), 4)}
            for label, area, error in zip(scores, areas, errors, strict=True)
        }
    return table


def separation(
    source: ImageSource, images: OverlaidTest, scores: Mapping[str, Scores]
) -> dict[str, Any]:
    """Measure how well each score separates signals from zero bias.

    Parameters
    ----------
    source : ImageSource
        Gives the fully simulated images.
    images : OverlaidTest
        The overlaid ones, from `source`.
    scores : mapping
        Functions from images to scores; the simple baselines are added.

    Returns
    -------
    dict
        ``auc_overlay`` and ``auc_simulation``: ROC area and its standard error for every signal
        and score, on the same images for all scores. On overlaid images the error knows which
        collisions they share; the simulated files do not say which they share. ``zero_bias``
        describes the scores of the zero-bias images.
    """
    everything = {**scores, **BASELINES}
    background = images.background
    shared = {
        name: x.followed_by(images.collisions) for name, x in images.signal_collisions.items()
    }
    metrics: dict[str, Any] = {
        "auc_overlay": _areas(everything, background, images.signals, shared)
    }
    simulated, simulated_signals = source.whole_simulation()
    if simulated_signals:
        metrics["auc_simulation"] = _areas(everything, simulated, simulated_signals)
    metrics["zero_bias"] = {}
    for label, score in scores.items():
        values = score(background)
        quantiles = np.quantile(values, [0.01, 0.5, 0.99, 0.999])
        entry = {"median": float(quantiles[1]), "quantiles": [float(q) for q in quantiles]}
        if len(simulated):
            entry["simulation_median"] = float(np.median(score(simulated)))
        metrics["zero_bias"][label] = entry
    return metrics


ERRORS = (
    "Standard errors are DeLong's, with the collisions that images share (a bootstrap of the "
    "library's collisions, to first order): they hold for other libraries of the same size."
)
"""What the errors on overlaid images are."""

SIMULATED = (
    "Fully simulated crossings (Delphes, never used in training except for the scale). They are "
    "made from a library of collisions, too; which of them a crossing holds the files do not say, "
    "so these errors are lower bounds:"
)
"""Heading of the areas on simulated images."""


def area_cell(entry: Mapping[str, Any]) -> str:
    """Write an area and its error, for a table; without an error that was not computed."""
    error = "" if entry["error"] is None else f" ± {entry['error']:.3f}"
    return f"{entry['auc']:.3f}{error}"


def missing_errors(table: Mapping[str, Any]) -> list[str]:
    """Say why areas of some scores have no error, where that is so."""
    first = next(iter(table.values()))
    labels = [label for label, entry in first.items() if entry["error"] is None]
    if not labels:
        return []
    return [
        f"Without an error: {', '.join(labels)} (not shipped; what used to stand here took the "
        "images as independent and is withdrawn).",
        "",
    ]


def readings(out: Path, network: str) -> dict[str, Any]:
    """Count how often trainings in a folder have read the test, the present one included.

    Parameters
    ----------
    out : pathlib.Path
        Folder of the artefact, as the training before left it.
    network : str
        Name of the network's file, which is written already.

    Returns
    -------
    dict
        ``times``, and whether all of them had the ``same_network``.
    """
    metrics = out / "metrics.json"
    if not metrics.is_file():
        return _ONCE
    before = json.loads(metrics.read_text(encoding="utf-8")).get("test_readings", _ONCE)
    same = before["same_network"] and unchanged(out, network)
    return {"times": before["times"] + 1, "same_network": same}


def readings_text(metrics: Mapping[str, Any]) -> str:
    """Say how often the test was read."""
    found = metrics.get("test_readings", _ONCE)
    times = {1: "once", 2: "twice"}.get(found["times"], f"{found['times']} times")
    if not found["same_network"]:
        return f"trainings in one folder read them {times}, not always for the same network"
    again = "" if found["times"] == 1 else ": the same network, measured again"
    return f"this training read them {times}, after every choice{again}"
