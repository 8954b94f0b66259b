"""What is measured of CICADA's teacher, and its card."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Images
from l1kd.models.cicada.card import BASELINES, ERRORS, area_cell, readings_text
from l1kd.models.cicada.config import CicadaTeacherConfig
from l1kd.models.cicada.images import ImageSource
from l1kd.statistics import SharedEvents, roc_auc
from l1kd.trigger.rates import normalisation
from l1kd.trigger.rates.shared import shared_threshold

__all__ = ["Scores", "growth", "mean_areas", "teacher_card", "validation"]

Scores = dict[str, Callable[[Images], NDArray[np.floating]]]
_PRESET, _TARGET_HZ, _AT_MU = "hl_lhc", 1e6, 140.0


def validation(
    source: ImageSource, scores: Scores, config: CicadaTeacherConfig
) -> dict[str, dict[str, float]]:
    """Mean area over the signals on validation images, by mean pile-up and score: what chooses."""
    found: dict[str, dict[str, float]] = {}
    for mu in config.test_mu:
        at = source.at(mu)
        noise = at.validation(config.validation_images)
        images = {name: at.validation_signal(name) for name in config.data.signals}
        found[f"{mu:g}"] = {
            label: round(
                float(np.mean([roc_auc(score(x), score(noise)).value for x in images.values()])), 4
            )
            for label, score in scores.items()
        }
    return found


def mean_areas(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Mean over the signals of each score's area."""
    table = metrics["auc_overlay"]
    labels = next(iter(table.values()))
    return {
        label: round(float(np.mean([row[label]["auc"] for row in table.values()])), 4)
        for label in labels
    }


def growth(
    source: ImageSource, scores: Scores, config: CicadaTeacherConfig
) -> dict[str, dict[str, Any]]:
    """Rate of the threshold for 1 MHz at 140 collisions, at other mean pile-ups.

    Returns
    -------
    dict
        By score: ``threshold``, and ``rate_hz``, by mean pile-up, of value, low and high.
    """
    hertz, n = normalisation(_PRESET).input_hz, config.test_images
    sets = {mu: source.at(mu) for mu in sorted({_AT_MU, *config.rate_mu})}
    images = {mu: at.test(n) for mu, at in sets.items()}
    events = {mu: SharedEvents(at.collisions(n)) for mu, at in sets.items()}
    found: dict[str, dict[str, Any]] = {}
    for label, score in {**scores, **BASELINES}.items():
        cut = shared_threshold(score(images[_AT_MU]), events[_AT_MU], _TARGET_HZ, hertz).value
        rates = {}
        for mu in config.rate_mu:
            estimate = events[mu].fraction(score(images[mu]) >= cut).estimate
            value, low, high = (round(hertz * part) for part in estimate[:3])
            rates[f"{mu:g}"] = {"value": value, "low": low, "high": high}
        found[label] = {"threshold": float(cut), "rate_hz": rates}
    return found


def _areas(metrics: Mapping[str, Any], mu: str) -> list[str]:
    table = metrics["test"][mu]["auc_overlay"]
    labels = list(next(iter(table.values())))
    lines = [f"| mu {mu} | " + " | ".join(labels) + " |", "|---" * (len(labels) + 1) + "|"]
    for name, row in table.items():
        lines.append(f"| {name} | " + " | ".join(area_cell(row[x]) for x in labels) + " |")
    means = metrics["mean_auc"][mu]
    return [*lines, "| mean | " + " | ".join(f"{means[x]:.4f}" for x in labels) + " |", ""]


def _rates(metrics: Mapping[str, Any]) -> list[str]:
    found = metrics["growth"]
    mus = list(next(iter(found.values()))["rate_hz"])
    lines = ["| score | " + " | ".join(f"mu {mu}" for mu in mus) + " |"]
    lines.append("|---" * (len(mus) + 1) + "|")
    for label, entry in found.items():
        cells = [
            f"{x['value'] / 1e6:.2f} ({x['low'] / 1e6:.2f} to {x['high'] / 1e6:.2f})"
            for x in entry["rate_hz"].values()
        ]
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _seen(config: CicadaTeacherConfig) -> str:
    shape = config.autoencoder
    text = "It reads counts of 0.5 GeV."
    if shape.normalised is not None:
        text = (
            "It reads residuals: what a region has above the mean of its ring in |eta|, over the "
            f"mean of the {shape.normalised.by} to the power of {shape.normalised.power:g}, in "
            "integers (`l1kd.emulators.residuals`)."
        )
    if shape.hidden:
        text += (
            f" In training {100 * shape.hidden:.0f}% of the regions, other ones each time, are set "
            "to zero, and the loss is that of these: what stands out cannot be copied."
        )
    if any(shape.smear):
        phi, eta = shape.smear
        text += (
            f" Before errors are squared each neighbour in phi gets {phi:g} of a region's, each in "
            f"eta {eta:g}: a jet that regions share counts as one."
        )
    return text


def teacher_card(config: CicadaTeacherConfig, metrics: Mapping[str, Any]) -> str:
    """Write the card of the teacher, Markdown."""
    first, second = config.data.split
    low, high = config.training_mu
    chosen = "; ".join(
        f"mu {mu}: " + ", ".join(f"{label} {area:.4f}" for label, area in row.items())
        for mu, row in metrics["validation"].items()
    )
    test = [line for mu in metrics["test"] for line in _areas(metrics, mu)]
    return "\n".join(
        [
            f"# {config.name}-v{config.version}",
            "",
            "How badly an autoencoder reconstructs the calorimeter image: ln(32 MSE) over the 252 "
            "regions, the score that CICADA's students learn. Trained on zero bias alone.",
            "",
            f"Convolutions 20 and 30 (3x3), {config.autoencoder.latent} inner neurons, the decoder "
            f"of the paper ({config.autoencoder.decoder}): {metrics['parameters']:,} parameters. "
            + _seen(config),
            "",
            "## Test: area under the ROC curve against zero bias",
            f"{config.test_images:,} overlaid zero-bias images, collisions and signal events that "
            f"training and choices never saw; {readings_text(metrics)}. The "
            f"scores on the right need no training. {ERRORS}",
            "",
            *test,
            f"On validation images, where the network was chosen, the mean area is: {chosen}.",
            "",
            "## Rate against pile-up",
            f"Rate [MHz] of the threshold that gives {_TARGET_HZ / 1e6:g} MHz at {_AT_MU:g} "
            f"collisions (preset `{_PRESET}`), with intervals that hold for other libraries.",
            "",
            *_rates(metrics),
            "## Training",
            f"{config.teacher.epochs} epochs of {config.images_per_epoch:,} new zero-bias images "
            f"each, mean pile-up {low:g} to {high:g}. Of the minimum-bias collisions the first "
            f"{100 * first:.0f}% train, up to {100 * second:.0f}% validate, the rest tests; of the "
            "signals the first half validates and the second tests.",
            "",
            f"Seed {config.seed}. Command, versions and hashes of the data: `provenance.json`.",
            "",
        ]
    )
