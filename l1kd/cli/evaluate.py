"""The verb `evaluate`: what particle weights are worth, and what scores of the image are."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.arguments import OF_IMAGES, swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.statistics import Estimate
from l1kd.study.request import AtRateRequest, CicadaRequest, EvaluateRequest, WeightRequest

if TYPE_CHECKING:
    from l1kd.report.summary import Number, Summary


def _shown(x: "Number | None") -> str:
    from l1kd.report.numbers import gain

    found = gain(x)
    if found is None or found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


def _tables(summary: "Summary") -> list[Table]:
    tables = []
    for study in summary.resolution:
        table = Table(
            "weighting",
            "MET",
            "MET corrected",
            "jets",
            "jets corrected",
            title=f"{study.dataset}: gain over PUPPI [%], charged association {study.association}",
        )
        for name, met in study.met.items():
            if name == "puppi":
                continue
            rows: list[dict[str, Any]] = [met, study.jets[name]]
            quantities = ("resolution_ratio", "corrected_ratio")
            table.add_row(name, *(_shown(row.get(q)) for row in rows for q in quantities))
        tables.append(table)
    return tables


@app.command()
@explained
@takes(EvaluateRequest)
def evaluate(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Compare particle weights: resolutions, tails, agreement, importance of inputs, cost.

    With `--at-rate` weights of the correlator, at equal rate and with the found vertex.
    `l1kd evaluate cicada FOLDER --out RESULTS` compares scores of the calorimeter image instead.
    """
    from l1kd.models.evaluation.evaluate import evaluate as compare

    require_files(given, swallowed(given))
    talk = not quiet and not as_json
    asked = settings(EvaluateRequest, given, status=talk)
    out = given["out"]
    if asked.at_rate:
        _at_rate(asked.part(AtRateRequest), out, talk, as_json)
        return
    request = asked.part(WeightRequest)
    found = compare(request, out, Console(stderr=True).print if talk else lambda step: None)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    elif not quiet:
        for table in _tables(found):
            out_console.print(table)
        out_console.print(f"page: {out / 'index.html'}\nnumbers: {out / 'summary.json'}")


@app.command(name=OF_IMAGES, hidden=True)
@explained
@takes(CicadaRequest)
def evaluate_cicada(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Compare scores of the calorimeter image: `l1kd evaluate cicada FOLDER --out RESULTS`."""
    from l1kd.models.evaluation.images.evaluate import evaluate as compare

    require_files(given, "; these are libraries regions_NAME.npz, or their folder")
    talk = not quiet and not as_json
    request = settings(CicadaRequest, given)
    out = given["out"]
    found = compare(request, out, Console(stderr=True).print if talk else lambda step: None)
    if as_json:
        typer.echo((out / "cicada.json").read_text(encoding="utf-8"))
    elif not quiet:
        for entry in found["at"]:
            out_console.print(_areas_table(entry, found["reference"]))
        out_console.print(f"page: {out / 'index.html'}\nnumbers: {out / 'cicada.json'}")


def _areas_table(entry: dict[str, Any], reference: str) -> Table:
    table = Table(
        "score",
        "mean area",
        f"minus {reference}",
        "p",
        title=f"mean pile-up {entry['mu']:g}",
    )
    for name, row in entry["areas"]["mean"].items():
        table.add_row(
            name,
            f"{row['value']:.4f} ({row['low']:.4f} to {row['high']:.4f})",
            f"{row['difference']['value']:+.4f}",
            f"{row['p_value']:.2g}",
        )
    return table


def _at_rate(request: AtRateRequest, out: Path, talk: bool, as_json: bool) -> None:
    """Judge the correlator's weights at equal rate and show the gains."""
    from l1kd.study import at_rate
    from l1kd.study.judgement_page import write_judgement

    chosen = at_rate.weightings_of(request.models, towers=request.towers)
    found = at_rate.judge(request, chosen)
    page = write_judgement(found, request, chosen, out)
    if as_json:
        typer.echo((out / "at_rate.json").read_text(encoding="utf-8"))
        return
    if not talk:
        return
    for signal, quantities in found.rows.items():
        for target, row in quantities["met"].items():
            title = f"{signal}: MET at {target / 1e3:g} kHz"
            table = Table("weights", "threshold [GeV]", "efficiency [%]", "gain [%]", title=title)
            for name, x in row.items():
                table.add_row(
                    found.labels[name],
                    f"{'' if x.threshold.resolved else '> '}{x.threshold.value:g}",
                    _interval(x.efficiency, ""),
                    "reference" if x.difference is None else _interval(x.difference, "+"),
                )
            out_console.print(table)
    mean = Table(
        "weights",
        *(f"{t / 1e3:g} kHz" for t in found.gains),
        title=f"gain, mean of {', '.join(found.averaged)}",
    )
    for name, label in found.labels.items():
        if name != found.reference:
            mean.add_row(label, *(_interval(own[name], "+") for own in found.gains.values()))
    out_console.print(mean)
    out_console.print(f"page: {page}\nnumbers: {out / 'at_rate.json'}")


def _interval(x: Estimate, sign: str) -> str:
    low, value, high = (f"{100 * n:{sign}.1f}" for n in (x.low, x.value, x.high))
    return f"{value} ({low} to {high})"
