"""The page of searches and networks: tables, figures, and the numbers as JSON."""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from l1kd.algorithms.models import read_network
from l1kd.artefacts import load
from l1kd.errors import ConfigurationError
from l1kd.models.firmware.record.metrics import ebops
from l1kd.models.objects.baselines import Score, baselines
from l1kd.models.objects.data import ObjectData, ObjectFiles
from l1kd.models.objects.report import figures
from l1kd.models.objects.report.cards import renew_card
from l1kd.models.objects.report.comparison import (
    COSTS,
    Found,
    compare,
    extent,
    joined,
    read_search,
    verdict,
)
from l1kd.models.objects.separation import areas, efficiencies
from l1kd.models.objects.students.training import emulated
from l1kd.models.objects.teachers import open_teacher
from l1kd.models.objects.unique import EXTRA, SEED_RATE, unique_beside_seeds
from l1kd.plot_style import save

__all__ = ["report"]

_STYLE = (
    "body{font-family:sans-serif;max-width:70em;margin:2em auto}"
    "td,th{padding:.2em .8em;text-align:left}img{max-width:100%}"
)
Rows = list[list[str]]


def _range(value: float, low: float, high: float, form: str) -> str:
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def _count(trials: float) -> str:
    return f"{trials:.0f}" if np.isfinite(trials) else "never"


def _per_cent(interval: Mapping[str, float], form: str) -> str:
    value, low, high = (100 * interval[key] for key in ("value", "low", "high"))
    return _range(value, low, high, form) + "%"


def _comparison_rows(found: Mapping[str, Found]) -> Rows:
    rows = [
        ["strategy", "trials", "best MSE by seed", "median MSE", "within 10% of the best",
         "trials needed by seed", "trials needed", "seconds a trial"],
    ]  # fmt: skip
    for name, entry in found.items():
        near, median, typical = entry.near, entry.median, entry.typical_needed
        counts = ", ".join(f"{v} {k}" for k, v in entry.counts.items() if k != "seconds")
        rows.append(
            [
                name,
                counts,
                ", ".join(f"{best:.4f}" for best in entry.bests.values()),
                _range(median.value, median.low, median.high, ".3f"),
                _range(100 * near.value, 100 * near.low, 100 * near.high, ".1f") + "%",
                ", ".join("never" if n is None else str(n) for n in entry.needed.values()),
                f"{_count(typical.value)} ({_count(typical.low)} to {_count(typical.high)})",
                f"{entry.counts['seconds']:.1f}",
            ]
        )
    return rows


def _cost_rows(found: Mapping[str, Found]) -> Rows:
    def shown(errors: Sequence[float]) -> str:
        return ", ".join(f"{error:.3f}" if np.isfinite(error) else "none" for error in errors)

    rows = [["strategy", *(f"up to {most:,} EBOPs" for most in COSTS), "any"]]
    for name, entry in found.items():
        cells = [shown(entry.by_cost[most]) for most in COSTS]
        rows.append([name, *cells, shown(list(entry.bests.values()))])
    return rows


def _area_rows(table: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Rows:
    rows = [["score", *table]]
    for label in next(iter(table.values())):
        cells = [f"{row[label]['auc']:.3f} ± {row[label]['error']:.3f}" for row in table.values()]
        rows.append([label, *cells])
    return rows


def _efficiency_rows(found: Mapping[str, list[dict[str, Any]]]) -> Rows:
    names = list(next(iter(found.values()))[0]["efficiency"])
    rows = [["score", "background that passes", "background events", *names]]
    for score, entries in found.items():
        for entry in entries:
            cells = [_per_cent(entry["efficiency"][name], ".2f") for name in names]
            rate = f"{entry['rate']:g}" + ("" if entry["resolved"] else " (not resolved)")
            events = f"{entry['background_events']} of {entry['of']:,}"
            rows.append([score, rate, events, *cells])
    return rows


def _unique_rows(found: Mapping[str, dict[str, Any]]) -> Rows:
    names = list(next(iter(found.values()))["signals"])
    rows = [["score", "background events added", *names]]
    for score, entry in found.items():
        cells = []
        for name in names:
            only, seeds = (entry["signals"][name][key] for key in ("unique", "seeds"))
            cells.append(f"{_per_cent(only, '.1f')} beside {100 * seeds['value']:.1f}%")
        rows.append([score, str(entry["events"]), *cells])
    return rows


class _Page:
    """Sections of a page, in their order, with figures inside."""

    def __init__(self, out: Path) -> None:
        self.out, self.parts = out, list[str]()
        self.numbers: dict[str, Any] = {}

    def text(self, words: str, tag: str = "p") -> None:
        self.parts.append(f"<{tag}>{html.escape(words)}</{tag}>")

    def table(self, rows: Rows) -> None:
        lines = [
            "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in row) + "</tr>"
            for row, tag in zip(rows, ["th"] + ["td"] * (len(rows) - 1), strict=True)
        ]
        self.parts.append("<table>" + "\n".join(lines) + "</table>")

    def figure(self, figure: Figure, name: str) -> None:
        _, png = save(figure, self.out, name)
        picture = base64.b64encode(png.read_bytes()).decode()
        self.parts.append(f'<p><img alt="{name}" src="data:image/png;base64,{picture}"></p>')

    def write(self) -> Path:
        body = "\n".join(self.parts)
        page = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f"<title>Anomaly trigger on objects</title><style>{_STYLE}</style></head>"
            f"<body>\n{body}\n</body></html>\n"
        )
        text = json.dumps(self.numbers, indent=1, default=str) + "\n"
        (self.out / "numbers.json").write_text(text, encoding="utf-8")
        path = self.out / "index.html"
        path.write_text(page, encoding="utf-8")
        return path


def _searches(page: _Page, folders: Sequence[Path]) -> None:
    searches = joined([read_search(folder) for folder in folders])
    found = compare(searches)
    page.text("Searches", "h2")
    page.text(extent(searches))
    for other in ("phasesearch", "hgq"):
        page.text(verdict(found, "cosearch", other))
    page.text(
        "The error is the mean squared difference of log(1 + 1000 x) from the teacher's, half on "
        "validation background and half on merged events. Trials needed: until a quantized one is "
        "within 10% of the best of all strategies, those of the first phase and stopped ones "
        "included. Intervals: bootstrap of seeds and of trials in their order, 68%."
    )
    page.table(_comparison_rows(found))
    page.text(
        "Smallest error by seed among students that cost no more. Costs of HGQ2's trials are its "
        "own count, with the bits of every single value; those of the others take the bits of a "
        "layer's values, and of each weight only those that are not zero at its ends."
    )
    page.table(_cost_rows(found))
    page.figure(figures.boxes(searches), "boxes")
    page.text("Finished quantized trials; boxes from quartile to quartile, whiskers 5% to 95%.")
    page.figure(figures.progress(searches), "progress")
    page.numbers["searches"] = {name: asdict(entry) for name, entry in found.items()}


def _networks(
    page: _Page, students: Sequence[str], teacher: str, files: ObjectFiles, cards: bool
) -> None:
    data = ObjectData.read(files)
    background, signals = data.background("test"), data.signals("test")
    scores: dict[str, Score] = {"teacher": open_teacher(teacher)}
    networks = {}
    for name in students:
        artefact = load(name, "object_anomaly")
        networks[artefact.title] = read_network(artefact.file("network.npz"))
        scores[artefact.title] = emulated(networks[artefact.title])
    simple = baselines(data.background("train").objects)
    table = areas({**scores, **simple}, background, signals)
    rates = efficiencies({**scores, **simple}, background, signals)
    page.text("Networks", "h2")
    page.text("Areas under the ROC curve on the test part, errors by DeLong.")
    page.table(_area_rows(table))
    page.figure(figures.roc_curves(scores, background, signals), "roc")
    page.text("Bands: Clopper-Pearson intervals of the signal that passes, 99%.")
    page.table(_efficiency_rows(rates))
    page.text(
        "Below one background event a rate is not resolved: the threshold is just above every "
        "event, and what passes there does so at an unknown rate."
    )
    held_out = data.background("validation")
    unique = {
        name: unique_beside_seeds(score, held_out, background, signals)
        for name, score in {**scores, **simple}.items()
    }
    cuts = next(iter(unique.values()))["thresholds"]
    page.text("Beside seeds on leptons, jets and MET", "h2")
    page.text(
        "Seeds: "
        + ", ".join(f"{seed} above {threshold:.0f} GeV" for seed, threshold in cuts.items())
        + f", each {100 * SEED_RATE:g}% of the background of the validation part. The score adds "
        f"at most {100 * EXTRA:g}%; what only it keeps, beside what the seeds keep (99% intervals)."
    )
    page.table(_unique_rows(unique))
    page.numbers["unique"] = unique
    for name, network in networks.items():
        page.figure(figures.architecture(network, name), f"architecture_{name}")
        page.text(f"{name}: {ebops(network):,} effective bit operations.")
    page.numbers["areas"], page.numbers["efficiencies"] = table, rates
    for name in students if cards else ():
        artefact = load(name, "object_anomaly")
        others = networks.keys() - {artefact.title}
        renew_card(artefact, data, {k: rows for k, rows in rates.items() if k not in others})


def report(
    out: Path,
    searches: Sequence[Path] = (),
    students: Sequence[str] = (),
    teacher: str = "object_teacher-v1",
    files: ObjectFiles | None = None,
    cards: bool = False,
) -> Path:
    """Write a page of searches, or of students beside their teacher, or of both.

    Parameters
    ----------
    out : pathlib.Path
        Folder of ``index.html``, ``numbers.json`` and the figures.
    searches : sequence of pathlib.Path
        Folders of `l1kd search objects`.
    students : sequence of str
        Artefacts of kind ``object_anomaly``.
    teacher : str
        Artefact of kind ``object_teacher``.
    files : ObjectFiles, optional
        Data whose test part is read, needed with students.
    cards : bool
        Write the table of efficiencies into the students' own cards and metrics, too, where one
        more reading of the test part is counted.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    ConfigurationError
        Nothing was given, students without data, or searches that cannot be compared.
    ArtefactError
        There is no such student.
    """
    if not searches and not students:
        raise ConfigurationError("a report needs --searches, --students or both")
    for name in students:
        load(name, "object_anomaly")
    if students and files is None:
        raise ConfigurationError("students are tested on data: give --config")
    out.mkdir(parents=True, exist_ok=True)
    page = _Page(out)
    page.text("Anomaly trigger on objects", "h1")
    if searches:
        _searches(page, searches)
    if students and files is not None:
        _networks(page, students, teacher, files, cards)
    return page.write()
