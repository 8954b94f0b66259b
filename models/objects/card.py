"""What the cards of teachers and students share: tables of areas and efficiencies."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l1kd.models.objects.data import ObjectData, ObjectFiles
from l1kd.models.objects.separation import LEVEL, mean_area
from l1kd.models.objects.students.architecture import Bits, Hgq
from l1kd.models.objects.students.config import ObjectStudentConfig
from l1kd.models.objects.teachers.config import ObjectTeacherConfig

__all__ = [
    "area_table",
    "description",
    "domain",
    "efficiency_table",
    "grid",
    "student_card",
    "teacher_card",
]

NOT_RESOLVED = (
    f"Clopper-Pearson intervals at {100 * LEVEL:.0f}%. A rate below one background event is not "
    "resolved: the threshold is then just above every one of them, and efficiencies are those at "
    "an unknown rate, smaller or larger, up to the bound given."
)
"""Said above every table of efficiencies."""
Areas = Mapping[str, Mapping[str, Mapping[str, float]]]


def description() -> dict[str, Any]:
    """Describe what the networks read, for a manifest."""
    return {
        "objects": {
            "shape": ["n", 19, 3],
            "rows": "4 muons, 4 electrons, 10 jets, MET; each kind by falling pt, absent ones zero",
            "columns": "pt [GeV], eta, phi [rad]",
        }
    }


def grid(title: str, columns: list[str], rows: Mapping[str, list[str]]) -> list[str]:
    """Return the lines of a Markdown table, and an empty one."""
    lines = [f"| {title} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(cells) + " |" for name, cells in rows.items()]
    return [*lines, ""]


def area_table(table: Areas) -> list[str]:
    """Scores against signals, and their mean."""
    labels = list(next(iter(table.values())))
    rows = {}
    for label in labels:
        cells = [f"{row[label]['auc']:.3f} ± {row[label]['error']:.3f}" for row in table.values()]
        rows[label] = [*cells, f"{mean_area(table, label):.3f}"]
    return grid("score", [*table, "mean"], rows)


def efficiency_table(found: Mapping[str, list[dict[str, Any]]]) -> list[str]:
    """Efficiencies at shares of the background that pass, by score, with the events behind each."""
    names = list(next(iter(found.values()))[0]["efficiency"])
    cells = {}
    for score, rows in found.items():
        for row in rows:
            label = f"{score}, {row['rate']:g}" + ("" if row["resolved"] else " (not resolved)")
            shown = [f"{row['background_events']} of {row['of']:,} (below {row['high']:.1e})"]
            for name in names:
                value, low, high = (
                    100.0 * row["efficiency"][name][k] for k in ("value", "low", "high")
                )
                shown.append(f"{value:.2f}% ({low:.2f} to {high:.2f})")
            cells[label] = shown
    return grid("score, background that passes", ["background events", *names], cells)


def domain(files: ObjectFiles, data: ObjectData, reads: int = 1) -> list[str]:
    """Say what data, and how the test part was used: how often it was read with this network."""
    counts = [f"{len(data.background(part)):,}" for part in ("train", "validation", "test")]
    return [
        "## Domain",
        f"Data: {files.background}, {', '.join(files.signals)}: Pythia and Delphes, no pile-up, no "
        "quantisation of the trigger, single-lepton preselection. Background for training, "
        f"validation and test: {', '.join(counts)} events. Other objects, thresholds or pile-up "
        "need another training.",
        "",
        _read_once() if reads == 1 else _read_again(reads),
        "",
    ]


def _read_once() -> str:
    return (
        "This training read the test part once, for this card; every choice was made on the "
        "validation part. `l1kd report-objects` reads it again."
    )


def _read_again(reads: int) -> str:
    return (
        f"The test part was read {reads} times with this network: once by its training, later by "
        "`l1kd report-objects`, for figures and for the tables of this card. Every choice was made "
        "on the validation part."
    )


def teacher_card(config: ObjectTeacherConfig, data: ObjectData, metrics: Mapping[str, Any]) -> str:
    """Write the card of a teacher, Markdown."""
    chosen = metrics["chosen"]
    best = max(
        (label for label in next(iter(metrics["auc_test"].values())) if label != "teacher"),
        key=lambda label: mean_area(metrics["auc_test"], label),
    )
    own, other = mean_area(metrics["auc_test"], "teacher"), mean_area(metrics["auc_test"], best)
    verdict = "above" if own > other else "not above"
    lines = [
        f"# {config.name}-v{config.version}",
        "",
        "An anomaly score of an event's objects, in floating point: the teacher of the students "
        "that run in the trigger. It learned background alone.",
        "",
        f"Chosen of all on the validation part: {chosen['method']}, {chosen['of']}; score "
        f"log(1 + 1000 x), {chosen['parameters']:,} parameters.",
        "",
        "## Validation: area under the ROC curve",
        *area_table(metrics["auc_validation"]),
        "## Test: area under the ROC curve",
        "Errors by DeLong; events of one generated collision are not taken as independent.",
        "",
        *area_table(metrics["auc_test"]),
        f"The mean of the teacher, {own:.3f}, is {verdict} that of the best simple score, {best}, "
        f"{other:.3f}.",
        "",
        "## Efficiencies at a share of the background",
        NOT_RESOLVED,
        "",
        *efficiency_table(metrics["efficiencies"]),
        *domain(config.data, data),
        "## Training",
        *(
            f"- {name}: {len(history)} epochs, "
            f"{np.sum([entry['seconds'] for entry in history]):.0f} s."
            for name, history in metrics["history"].items()
        ),
        "",
    ]
    return "\n".join(lines)


def _numbers(config: ObjectStudentConfig) -> str:
    numbers = config.student.numbers
    if isinstance(numbers, Bits):
        return (
            f"QKeras, weights of {numbers.weight} bits ({numbers.weight_integer} integer besides "
            f"the sign), activations of {numbers.activation} ({numbers.activation_integer})"
        )
    if isinstance(numbers, Hgq):
        return f"HGQ2, every weight and activation with its own bits, beta up to {numbers.beta:g}"
    return "floating point"


def _behind(table: Areas) -> str:
    """Say how far the student's areas are from the teacher's."""
    gaps = {name: row["teacher"]["auc"] - row["student"]["auc"] for name, row in table.items()}
    worst = max(gaps, key=lambda name: gaps[name])
    text = ", ".join(f"{name} {-gap:+.4f}" for name, gap in gaps.items())
    return f"Student minus teacher: {text}; furthest behind on {worst}."


def student_card(config: ObjectStudentConfig, data: ObjectData, metrics: Mapping[str, Any]) -> str:
    """Write the card of a student, Markdown."""
    export, table = metrics["export"], metrics["auc_test"]
    exposure = (
        f"{', '.join(f'{s:g}' for s in config.pool.merged)} times as many of 2, 3, ... events"
    )
    if config.pool.by_kind:
        shares = ", ".join(f"{s:g}" for s in config.pool.by_kind)
        exposure += f", and {shares} times as many with each kind of objects from up to 2, 3, ..."
    history = metrics["history"][config.name]
    sizes = "-".join(str(size) for size in config.student.hidden)
    lines = [
        f"# {config.name}-v{config.version}",
        "",
        "An anomaly score of an event's objects, for the Level-1 trigger: a small quantized "
        f"network that mimics {config.teacher}.",
        "",
        f"57 inputs ({export['input']}) -> dense {sizes} -> score {export['output']}; "
        f"{export['parameters']:,} parameters; {_numbers(config)}. "
        f"Effective bit operations (EBOPs): {export['ebops']:,}.",
        *([f"Architecture: {config.search}.", ""] if config.search else [""]),
        f"Keras, the compiled C++ of hls4ml (Vitis) and `network.npz` agree on all of "
        f"{export['vectors']:,} rows (events, merged events, random rows, limits): 0 mismatches.",
        "",
        "## Test: area under the ROC curve",
        "Errors by DeLong; events of one generated collision are not taken as independent.",
        "",
        *area_table(table),
        _behind(table),
        "",
        "Validation: " + _behind(metrics["auc_validation"]),
        "",
        "Mean squared difference from the teacher's score: "
        + ", ".join(f"{name} {value:.3f}" for name, value in metrics["mse_test"].items())
        + ".",
        "",
        "## Efficiencies at a share of the background",
        NOT_RESOLVED,
        "",
        *efficiency_table(metrics["efficiencies"]),
        *domain(config.data, data, metrics.get("test_reads", 1)),
        "## Training",
        f"Mean squared difference from the teacher's log(1 + 1000 x) on background of the training "
        f"part, turned and mirrored anew for every epoch, and on merged events (outlier exposure: "
        f"{exposure}); no signal. {len(history)} epochs, "
        f"{sum(entry['seconds'] for entry in history):.0f} s.",
        "",
    ]
    return "\n".join(lines)
