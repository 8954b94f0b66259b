"""Metrics and card of CICADA."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models.config import CicadaConfig
from l1kd.models.images import ImageSource
from l1kd.statistics import delong

__all__ = ["BASELINES", "card", "separation"]

Scores = Callable[[NDArray[np.uint16]], NDArray[np.floating]]


def _sum(images: NDArray[np.uint16]) -> NDArray[np.floating]:
    return images.sum(axis=(1, 2), dtype=np.float64)


def _rms(images: NDArray[np.uint16]) -> NDArray[np.floating]:
    return images.reshape(len(images), -1).astype(np.float64).std(axis=1)


def _hottest(images: NDArray[np.uint16]) -> NDArray[np.floating]:
    return images.max(axis=(1, 2)).astype(np.float64)


BASELINES: dict[str, Scores] = {"sum of E_T": _sum, "rms": _rms, "hottest region": _hottest}


def _areas(
    scores: Mapping[str, Scores],
    background: NDArray[np.uint16],
    signals: Mapping[str, NDArray[np.uint16]],
) -> dict[str, dict[str, dict[str, float]]]:
    noise = [score(background) for score in scores.values()]
    table = {}
    for name, images in signals.items():
        areas, covariance = delong([score(images) for score in scores.values()], noise)
        errors = np.sqrt(np.diag(covariance))
        table[name] = {
            label: {"auc": round(float(area), 4), "error": round(float(error), 4)}
            for label, area, error in zip(scores, areas, errors, strict=True)
        }
    return table


def separation(
    config: CicadaConfig, source: ImageSource, scores: Mapping[str, Scores]
) -> dict[str, Any]:
    """Measure how well each score separates signals from zero bias.

    Parameters
    ----------
    config : CicadaConfig
        Gives the number of zero-bias images.
    source : ImageSource
        Gives the test images.
    scores : mapping
        Functions from images to scores; the simple baselines are added.

    Returns
    -------
    dict
        ``auc_overlay`` and ``auc_simulation``: ROC area and its DeLong standard error for every
        signal and score, on the same images for all scores. ``zero_bias`` describes the scores
        of the zero-bias images.
    """
    everything = {**scores, **BASELINES}
    background = source.test(config.test_images)
    signals = {name: source.signal(name) for name in config.data.signals}
    figures: dict[str, Any] = {"auc_overlay": _areas(everything, background, signals)}
    simulated, simulated_signals = source.whole_simulation()
    if simulated_signals:
        figures["auc_simulation"] = _areas(everything, simulated, simulated_signals)
    figures["zero_bias"] = {}
    for label, score in scores.items():
        values = score(background)
        quantiles = np.quantile(values, [0.01, 0.5, 0.99, 0.999])
        entry = {"median": float(quantiles[1]), "quantiles": [float(q) for q in quantiles]}
        if len(simulated):
            entry["simulation_median"] = float(np.median(score(simulated)))
        figures["zero_bias"][label] = entry
    return figures


def _table(title: str, table: Mapping[str, Any]) -> list[str]:
    labels = list(next(iter(table.values())))
    lines = [f"| {title} | " + " | ".join(labels) + " |", "|---" * (len(labels) + 1) + "|"]
    for name, row in table.items():
        cells = [f"{row[label]['auc']:.3f} ± {row[label]['error']:.3f}" for label in labels]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def card(config: CicadaConfig, metrics: Mapping[str, Any]) -> str:
    """Write the model card, Markdown."""
    lines = [f"# {config.name}-v{config.version}", ""]
    lines += _table("signal", metrics["auc_overlay"])
    if "auc_simulation" in metrics:
        lines += _table("signal", metrics["auc_simulation"])
    return "\n".join(lines)
