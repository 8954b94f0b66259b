"""The verb `evaluate`: what particle weights are worth."""

import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.arguments import swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.study.request import WeightRequest

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
@takes(WeightRequest)
def evaluate(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Compare particle weights: resolutions, tails, agreement, importance of inputs, cost."""
    from l1kd.models.evaluation.evaluate import evaluate as compare

    require_files(given, swallowed(given))
    talk = not quiet and not as_json
    request = settings(WeightRequest, given)
    out = given["out"]
    found = compare(request, out, Console(stderr=True).print if talk else lambda step: None)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    elif not quiet:
        for table in _tables(found):
            out_console.print(table)
        out_console.print(f"page: {out / 'index.html'}\nnumbers: {out / 'summary.json'}")
