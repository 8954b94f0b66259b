"""What the cards of CICADA's cheaper students add: agreement with the teacher, rates, sizes."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Images
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.models.cicada.card import (
    ERRORS,
    SIMULATED,
    area_cell,
    missing_errors,
    readings_text,
)
from l1kd.models.cicada.config import (
    CicadaConfig,
    CicadaHgqConfig,
    CicadaLogicConfig,
    StudentConfig,
)
from l1kd.statistics import SEVERAL, emd

__all__ = ["agreement", "hgq_card", "logic_card", "qkeras_card"]

Scores = Mapping[str, Callable[[Images], NDArray[np.floating]]]


def agreement(
    scores: Scores, background: Images, signals: Mapping[str, Images]
) -> dict[str, dict[str, dict[str, float]]]:
    """Compare scores with the teacher's, sample by sample.

    Returns
    -------
    dict
        By score and sample: ``emd``, the earth mover's distance of the two distributions, and
        ``mae``, the mean absolute difference image by image.
    """
    samples = {"zero bias": background, **signals}
    wanted = {name: scores["teacher"](images) for name, images in samples.items()}
    table: dict[str, dict[str, dict[str, float]]] = {}
    for label, score in scores.items():
        if label == "teacher":
            continue
        table[label] = {}
        for name, images in samples.items():
            values = score(images)
            table[label][name] = {
                "emd": round(emd(values, wanted[name]), 3),
                "mae": round(float(np.abs(values - wanted[name]).mean()), 3),
            }
    return table


def _grid(title: str, labels: list[str], rows: Mapping[str, list[str]]) -> list[str]:
    lines = [f"| {title} | " + " | ".join(labels) + " |", "|---" * (len(labels) + 1) + "|"]
    return [
        *lines,
        *(f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()),
        "",
    ]


def _areas(table: Mapping[str, Any]) -> list[str]:
    labels = list(next(iter(table.values())))
    rows = {name: [area_cell(row[label]) for label in labels] for name, row in table.items()}
    means = [np.mean([row[label]["auc"] for row in table.values()]) for label in labels]
    rows["mean"] = [f"{mean:.4f}" for mean in means]
    return _grid("signal", labels, rows)


def _below(table: Mapping[str, Any]) -> list[str]:
    """Say where the student is behind any other score by more than the errors added."""
    behind = []
    for name, row in table.items():
        own = row["student"]
        for label, other in row.items():
            gap = other["auc"] - own["auc"]
            if label != "student" and gap > own["error"] + (other["error"] or 0.0):
                behind.append(f"{name} ({label}, by {gap:.3f})")
    text = "; ".join(behind) or "none"
    return [f"Behind another score by more than the sum of both errors: {text}.", ""]


def _test(config: StudentConfig, metrics: Mapping[str, Any]) -> list[str]:
    lines = [
        "## Test: area under the ROC curve against zero bias",
        f"{config.test_images:,} overlaid zero-bias images, collisions and signal events that "
        f"training never saw; {readings_text(metrics)}. All scores see the same "
        "images; the student is the emulator, the simple baselines are on the right. "
        f"{ERRORS}",
        "",
        *_areas(metrics["auc_overlay"]),
        *missing_errors(metrics["auc_overlay"]),
        *_below(metrics["auc_overlay"]),
    ]
    for mu, table in metrics.get("also", {}).items():
        lines += [f"The same at mean pile-up {mu}:", "", *_areas(table), *_below(table)]
    if "auc_simulation" in metrics:
        lines += [
            SIMULATED,
            "",
            *_areas(metrics["auc_simulation"]),
            *_below(metrics["auc_simulation"]),
        ]
    return lines


def _teacher_distance(metrics: Mapping[str, Any]) -> list[str]:
    table = metrics["agreement"]
    samples = list(next(iter(table.values())))
    rows = {
        name: [f"{entry[name]['emd']:.2f} / {entry[name]['mae']:.2f}" for entry in table.values()]
        for name in samples
    }
    return [
        "## Distance from the teacher",
        "Earth mover's distance of the score distributions / mean absolute difference, in units "
        "of the score.",
        "",
        *_grid("sample", list(table), rows),
    ]


def _rate_lines(metrics: Mapping[str, Any]) -> list[str]:
    found = metrics["rates"]
    table = found["table"]
    kept = [(name, row) for name, rows in table.items() for row in rows if row["resolved"]]
    gone = [(name, row) for name, rows in table.items() for row in rows if not row["resolved"]]
    lines = [
        "## Rates",
        f"Thresholds for rates of zero bias (preset `{found['preset']}`) and the percentage of "
        f"each signal that passes, on the overlaid test images. They share {found['library']:,} "
        f"collisions, each of which is in {found['mu']:g} / {found['library']:,} of the crossings: "
        f"rates below {found['limit_hz'] / 1e3:.0f} kHz are not resolved, and where fewer than "
        f"{SEVERAL:g} independent causes make a rate another library would give another threshold. "
        "Such rows are withdrawn. Intervals hold for other libraries of the same size.",
        "",
    ]
    if kept:
        names = list(kept[0][1]["efficiency"])
        rows = {}
        for label, row in kept:
            cells = [f"{row['causes']:.0f}"]
            cells += [f"{row['value']:.1f} ({row['low']:.1f} to {row['high']:.1f})"]
            cells += [_percent(row["efficiency"][name]) for name in names]
            rows[f"{label}, {row['target_hz'] / 1e3:g} kHz"] = cells
        lines += _grid("score, rate", ["causes", "threshold", *names], rows)
    if gone:
        withdrawn = (
            f"{name} at {row['target_hz'] / 1e3:g} kHz ({row['images']} images, "
            f"{row['causes']:.1f} causes)"
            for name, row in gone
        )
        lines += [f"Withdrawn: {'; '.join(withdrawn)}.", ""]
    if found.get("note"):
        lines += [found["note"], ""]
    return lines


def _percent(number: Mapping[str, float]) -> str:
    value, low, high = (100.0 * number[key] for key in ("value", "low", "high"))
    return f"{value:.0f} ({low:.0f} to {high:.0f})"


def _closing(config: StudentConfig, metrics: Mapping[str, Any]) -> list[str]:
    data, history = config.data, metrics["history"]
    first, second = data.split
    formula = "32 ln(MSE)" if config.target == "log_mse_32" else "ln(32 MSE)"
    seconds = sum(entry["seconds"] for entry in history["teacher"])
    teacher = f"the artefact `{config.teacher_artefact}`, 32 times whose score is learned"
    if config.teacher is not None:
        teacher = (
            f"the autoencoder of cicada (same configuration and seed), {config.teacher.epochs} "
            f"epochs, {seconds:.0f} s"
        )
    else:
        formula = "score"
    medians = metrics["zero_bias"]["student"]
    domain = (
        f"Crossings with {data.mu:g} collisions on average: sums of Poisson({data.mu:g}) "
        f"collisions of {data.minimum_bias}, each turned and mirrored. Median score of zero bias "
        f"{medians['median']:.1f}"
    )
    if "simulation_median" in medians:
        domain += (
            f", on fully simulated images {medians['simulation_median']:.1f} (gain and pedestal a "
            f"ring from the first half of {data.reference}, the second half tests)"
        )
    if config.training_mu is not None:
        low, high = config.training_mu
        domain += f"; trained at mean pile-up from {low:g} to {high:g}, uniform"
    return [
        "## Domain",
        f"{domain}. Other pile-up, calibration or zero suppression need another training.",
        "",
        "## Training",
        f"- Teacher: {teacher}.",
        f"- Student: mean absolute difference to the teacher's {formula}, rounded to 1/256, in "
        f"[0, 256), on {config.student_images:,} zero-bias images and {config.exposure_images:,} "
        f"of {', '.join(data.exposure)} (outlier exposure).",
        f"- Collisions of the minimum-bias library are kept apart: {100 * first:.0f}% for "
        f"training, {100 * (second - first):.0f}% for validation, {100 * (1 - second):.0f}% for "
        "the test. Exposure takes the first half of a signal sample, the test the second.",
        f"- Seed {config.seed}. Command, versions, times and hashes of the data: "
        "`provenance.json`.",
        "",
    ]


def _card(config: StudentConfig, metrics: Mapping[str, Any], about: list[str]) -> str:
    lines = [f"# {config.name}-v{config.version}", "", *about, *_test(config, metrics)]
    lines += [*_teacher_distance(metrics), *_rate_lines(metrics), *_closing(config, metrics)]
    return "\n".join(lines)


def _unit(config: StudentConfig) -> str:
    if config.normalised is None:
        return "counts of 0.5 GeV"
    return (
        f"counts of 0.5 GeV, from them residuals over the {config.normalised.by}'s mean to the "
        f"power of {config.normalised.power:g}, 11 bits, `l1kd.emulators.residuals`"
    )


def qkeras_card(config: CicadaConfig, metrics: Mapping[str, Any]) -> str:
    """Write the card of the student in fixed bits, Markdown."""
    export, history, shape = metrics["export"], metrics["history"], config.shape
    filters, formats = "", "ap_fixed<8,2>, <12,4>"
    if shape.architecture == "convolutional":
        bias = ", with a bias" if shape.filter_bias else ""
        filters = f"{shape.filters} filters 2x2, stride 2{bias} -> "
        formats = "ap_fixed<12,4>, <8,2>, <12,4>"
    distances = {
        label: history[stage][-1]["validation_mae"]
        for stage, label in (("student", "in floating point"), ("quantized", "quantized"))
    }
    about = [
        "An anomaly score of the calorimeter image, for the Level-1 trigger: a small network that "
        "mimics how badly an autoencoder reconstructs the image.",
        "",
        f"252 regions (`uint16[18, 14]`, {_unit(config)}) -> {filters}{shape.hidden} neurons -> "
        f"score, in the number formats of the deployed lines: input {export['input']}, weights "
        f"{formats}, hidden layers ap_ufixed<10,6>, score {export['output']}, steps of 1/256, "
        "rounded to nearest even and saturated.",
        "",
        f"Effective bit operations (EBOPs), by the declared widths: {export['ebops']:,}. "
        f"`network.npz` against the compiled C++ of hls4ml (Vitis, latency) on "
        f"{export['vectors']:,} images: {export['mismatches_firmware_emulator']} mismatches; "
        f"against QKeras: {export['mismatches_keras_emulator']}.",
        "",
        "Mean absolute difference to the teacher on zero-bias validation images: "
        + ", ".join(f"{label} {value:.2f}" for label, value in distances.items())
        + ".",
        "",
    ]
    return _card(config, metrics, about)


def _shared(smear: tuple[float, float]) -> str:
    shares = [
        f"{share:g} of each neighbour in {axis}"
        for share, axis in zip(smear, ("phi", "eta"), strict=True)
        if share
    ]
    return f"each with {' and '.join(shares)} -> " if shares else ""


def hgq_card(config: CicadaHgqConfig, metrics: Mapping[str, Any]) -> str:
    """Write the card of the mixed-precision student, Markdown."""
    export, history = metrics["export"], metrics["history"]["student"]
    knots = len(config.knots)
    first, widths = {
        "rings": (
            f"{_shared(config.smear)}{knots} knots `relu(x - knot)` a region, one set a ring in "
            f"eta -> {7 * knots} sums over the 36 regions of each |eta| -> ",
            "Knots and sums are as wide as the full image needs and never overflow; ",
        ),
        "convolutional": (
            f"{config.filters} filters 2x2, stride 2 -> ",
            "Regions are as wide as they are and never overflow; ",
        ),
        "dense": ("", "Regions are as wide as they are and never overflow; "),
        "tables": (
            f"one lookup table of their {config.region_bits} leading bits -> sum -> lookup table "
            "of the sum, each learned as a network of ",
            "The sum wraps at 1024, 32 times what a region can add; ",
        ),
    }[config.architecture]
    steps = 1 << FixedPoint.parse(export["output"]).fraction
    kind = "a network whose every weight and activation has its own bit width, learned with HGQ2"
    parties = "HGQ2, the compiled C++ of hls4ml (Vitis) and `network.npz`"
    if config.architecture == "tables":
        kind = "two lookup tables, learned with HGQ2 as small networks"
        parties = "HGQ2 and `network.npz`, read from da4ml's trace,"
    rows = {}
    for number, entry in enumerate(history, 1):
        if number % 3 == 0 or number == len(history):
            cells = [f"{entry['ebops']:,.0f}", f"{entry['validation_mae']:.2f}"]
            rows[str(number)] = [*cells, f"{entry.get('exposure_auc', np.nan):.4f}"]
    about = [
        f"An anomaly score of the calorimeter image, for the Level-1 trigger: {kind}.",
        "",
        f"252 regions (`uint16[18, 14]`, {_unit(config)}) -> {first}"
        f"{config.hidden} neurons -> score {export['output']}, steps of 1/{steps}. {widths}"
        "later activations saturate.",
        "",
        f"Effective bit operations (EBOPs): {export['ebops']:,}. {parties} agree on all of "
        f"{export['vectors']:,} images (zero bias, signal-like, edge images): 0 mismatches.",
        "",
        "Cost against quality while the EBOPs regularisation rises (zero-bias validation: mean "
        "absolute difference to the teacher; area under the ROC curve for training's own signals):",
        "",
        *_grid("epoch", ["EBOPs", "difference", "area"], rows),
    ]
    return _card(config, metrics, about)


def logic_card(config: CicadaLogicConfig, metrics: Mapping[str, Any]) -> str:
    """Write the card of the logic-gate student, Markdown."""
    export, sizes = metrics["export"], config.sizes
    changed, chosen = export["changed"], export["chosen"]
    of_functions = ", ".join(
        f"{number} of {total}"
        for number, total in zip(changed["functions"], chosen["functions"], strict=True)
    )
    about = [
        "An anomaly score of the calorimeter image, for the Level-1 trigger: a convolutional "
        "network of two-input logic gates and counts of ones, without any multiplier.",
        "",
        f"252 regions (`uint16[18, 14]`, {_unit(config)}) -> {len(export['thresholds'])} "
        f"thresholds a region ({config.encoding.representation}: "
        f"{', '.join(map(str, export['thresholds']))} in units of the input) -> {sizes.kernels} "
        f"trees of {sizes.depth} layers of gates over pairs of neighbours in phi, the same for all "
        f"{252 if sizes.overlapping else 126} pairs -> counts of ones, weighted and summed to one "
        "feature -> table of its "
        f"thresholds: score {export['output']}, multiples of 1/16.",
        "",
        f"{export['comparisons']:,} comparisons with constants, {export['gates']:,} gates (those "
        "that pass one input on are wires), "
        f"{export['counted_bits']:,} counted bits. Learned: {changed['connections']} of "
        f"{chosen['connections']} connections of the trees differ from their start, and "
        f"{of_functions} functions, layer by layer; weights and table.",
        "",
        f"`logic.npz` in the emulator equals the settled model on all of "
        f"{export['vectors']:,} images: 0 mismatches.",
        "",
    ]
    return _card(config, metrics, about)
