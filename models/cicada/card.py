"""Metrics and card of CICADA."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.models.cicada.config import CicadaConfig
from l1kd.models.cicada.images import ImageSource, OverlaidTest
from l1kd.statistics import Blocks, delong

__all__ = [
    "BASELINES",
    "ERRORS",
    "SIMULATED",
    "area_cell",
    "card",
    "image_description",
    "missing_errors",
    "separation",
]

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


BASELINES: dict[str, Scores] = {"sum of E_T": _sum, "rms": _rms, "hottest region": _hottest}


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


def _table(title: str, table: Mapping[str, Any]) -> list[str]:
    labels = list(next(iter(table.values())))
    lines = [f"| {title} | " + " | ".join(labels) + " |", "|---" * (len(labels) + 1) + "|"]
    for name, row in table.items():
        cells = [area_cell(row[label]) for label in labels]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _architecture(export: Mapping[str, Any]) -> list[str]:
    return [
        "252 regions (`uint16[18, 14]`, counts of 0.5 GeV, clipped at 1023) -> 4 filters 2x2, "
        "stride 2 -> 16 -> 1, in the number formats of the deployed line: input ap_ufixed<10,10>, "
        "weights ap_fixed<12,4>, <8,2>, <12,4>, hidden layers ap_ufixed<10,6>, score "
        "ap_ufixed<16,8>, steps of 1/256, rounded to nearest even and saturated.",
        "",
        f"`network.npz` against the compiled C++ of hls4ml (Vitis, latency) on "
        f"{export['vectors']:,} zero-bias images: {export['mismatches_firmware_emulator']} "
        f"mismatches; against QKeras: {export['mismatches_keras_emulator']}.",
        "",
    ]


def _domain(config: CicadaConfig, metrics: Mapping[str, Any]) -> list[str]:
    data = config.data
    lines = [
        "## Domain",
        f"Crossings with {data.mu:g} collisions on average. Images: sums of Poisson({data.mu:g}) "
        f"collisions of {data.minimum_bias}, each turned by a random number of regions in phi and "
        "mirrored in eta at random.",
    ]
    medians = metrics["zero_bias"]["student, quantized"]
    if data.reference is not None:
        lines.append(
            "Gain and pedestal a ring of regions bring them to the scale of the fully simulated "
            f"{data.reference} (the first half of its entries; the second half tests): the "
            f"quantized student's median score of zero bias is {medians['median']:.1f} on overlaid "
            f"and {medians['simulation_median']:.1f} on simulated images. Other pile-up, other "
            "calibration or zero suppression need another training: `data.mu` and "
            "`data.reference` of the configuration."
        )
    return [*lines, ""]


def _training(config: CicadaConfig, metrics: Mapping[str, Any]) -> list[str]:
    history = {stage: entries[-1] for stage, entries in metrics["history"].items()}
    formula = "32 ln(MSE)" if config.target == "log_mse_32" else "ln(32 MSE)"
    first, second = config.data.split
    return [
        "## Training",
        f"- Teacher: convolutional autoencoder with {config.latent} inner neurons, mean squared "
        f"error over the 252 regions; {config.teacher.epochs} epochs of "
        f"{config.images_per_epoch:,} new zero-bias images each; error on validation images "
        f"{history['teacher']['validation_mse']:.1f} counts squared.",
        f"- Student: mean absolute difference to the target {formula} of the teacher, rounded to "
        f"1/256, in [0, 256), on {config.student_images:,} zero-bias images and "
        f"{config.exposure_images:,} of {', '.join(config.data.exposure)} (outlier exposure). "
        f"First in floating point (on validation images "
        f"{history['student']['validation_mae']:.2f}), then quantized "
        f"({history['quantized']['validation_mae']:.2f}).",
        f"- Collisions of the minimum-bias library are kept apart: {100 * first:.0f}% for "
        f"training, {100 * (second - first):.0f}% for validation, {100 * (1 - second):.0f}% for "
        "the test. Exposure takes the first half of a signal sample, the test the second.",
        f"- Seed {config.seed}. Command, versions and hashes of the data: `provenance.json`.",
        "",
    ]


def card(config: CicadaConfig, metrics: Mapping[str, Any]) -> str:
    """Write the model card, Markdown.

    Parameters
    ----------
    config : CicadaConfig
        How it was trained.
    metrics : mapping
        What `separation` measured, the histories, and what the export recorded.
    """
    simulated = []
    if "auc_simulation" in metrics:
        simulated = [
            SIMULATED,
            "",
            *_table("signal", metrics["auc_simulation"]),
        ]
    return "\n".join(
        [
            f"# {config.name}-v{config.version}",
            "",
            "An anomaly score of the calorimeter image, for the Level-1 trigger: a small network "
            "that mimics how badly an autoencoder reconstructs the image.",
            "",
            *_architecture(metrics["export"]),
            "## Test: area under the ROC curve against zero bias",
            f"{config.test_images:,} overlaid zero-bias images, collisions and signal events that "
            "training never saw. All scores see the same images, the baselines on the right are "
            f"the simple ones. {ERRORS}",
            "",
            *_table("signal", metrics["auc_overlay"]),
            *missing_errors(metrics["auc_overlay"]),
            *simulated,
            *_domain(config, metrics),
            *_training(config, metrics),
        ]
    )
