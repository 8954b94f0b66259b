"""The verb `evaluate`: what particle weights are worth."""

import json
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from l1kd.cli.application import AsJson, Out, Quiet, app, explained, out_console
from l1kd.errors import ConfigurationError, UnreadableFileError

if TYPE_CHECKING:
    from l1kd.models.evaluation.schema import Evaluation
    from l1kd.report.summary import Number


class Associations(StrEnum):
    """How charged particles are given to the vertex."""

    dz = "dz"
    truth = "truth"
    both = "both"


class Charged(StrEnum):
    """Who weights charged particles in the rows of networks."""

    own = "own"
    vertex = "vertex"


Test = Annotated[list[Path], typer.Argument(help="Delphes files with pile-up.")]
Twins = Annotated[
    list[Path] | None, typer.Option(help="For each file the same events without pile-up.")
]
Models = Annotated[
    list[str] | None, typer.Option(help="Artefacts, names or folders; else all shipped ones.")
]
Background = Annotated[
    list[str] | None, typer.Option(help="name=FILE: events whose missing momentum is fake.")
]
Signal = Annotated[list[str] | None, typer.Option(help="name=FILE: another signal.")]
Association = Annotated[
    Associations, typer.Option(help="dz: realistic; truth: idealised (IsRecoPU); or both.")
]
ChargedBy = Annotated[
    Charged, typer.Option(help="Charged particles in networks' rows: their own weight, or PUPPI's.")
]
MaxEvents = Annotated[int | None, typer.Option(min=1, help="Events of each file.")]
Importance = Annotated[int, typer.Option(min=0, help="Events on which inputs are shuffled.")]
Timing = Annotated[bool, typer.Option(help="Measure times against batch size.")]


def _named(option: str, given: Sequence[str] | None) -> dict[str, list[Path]]:
    """Split name=FILE; a name that comes again gets one more file."""
    named: dict[str, list[Path]] = {}
    for entry in given or ():
        name, equals, path = entry.partition("=")
        if not (name and equals and path):
            raise ConfigurationError(f"{option} {entry}: expected name=FILE")
        named.setdefault(name, []).append(Path(path))
    return named


def _existing(paths: Sequence[Path]) -> list[Path]:
    for path in paths:
        if not path.is_file():
            raise UnreadableFileError(f"{path}: expected a ROOT file of Delphes, found none")
    return list(paths)


def _shown(x: "Number | None") -> str:
    from l1kd.models.evaluation.schema import gain

    found = gain(x)
    if found is None or found.value is None or found.low is None or found.high is None:
        return "-"
    return f"{100 * found.value:+.1f} ({100 * found.low:+.1f} to {100 * found.high:+.1f})"


def _tables(evaluation: "Evaluation") -> list[Table]:
    tables = []
    for record in evaluation.associations:
        test = record.samples["test"]
        table = Table(
            "weighting",
            "MET",
            "MET corrected",
            "jets",
            "jets corrected",
            title=f"gain over PUPPI [%], charged association: {record.association}",
        )
        for name, met in test.met.items():
            if name == "puppi":
                continue
            rows: list[dict[str, Any]] = [met, test.jets[name]]
            quantities = ("resolution_ratio", "corrected_ratio")
            table.add_row(name, *(_shown(row.get(q)) for row in rows for q in quantities))
        tables.append(table)
    return tables


@app.command()
@explained
def evaluate(
    files: Test,
    out: Out,
    truth: Twins = None,
    models: Models = None,
    association: Association = Associations.both,
    background: Background = None,
    signal: Signal = None,
    charged: ChargedBy = Charged.own,
    max_events: MaxEvents = None,
    importance_events: Importance = 150,
    timing: Timing = True,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare particle weights: resolutions, tails, accuracy, importance of inputs, cost."""
    from l1kd.models.evaluation.evaluate import ASSOCIATIONS, Request
    from l1kd.models.evaluation.networks import shipped_networks
    from l1kd.models.evaluation.run import evaluate as run

    chosen = [a for a in ASSOCIATIONS if association.value in (a, "both")]
    backgrounds, signals = _named("--background", background), _named("--signal", signal)
    for paths in (*backgrounds.values(), *signals.values()):
        _existing(paths)
    request = Request(
        files=_existing(files),
        models=models or shipped_networks(),
        truth=_existing(truth or ()),
        associations=chosen,
        backgrounds=backgrounds,
        signals=signals,
        max_events=max_events,
        charged=charged.value,
        importance_events=importance_events,
        timing=timing,
        command=["l1kd", *sys.argv[1:]],
    )
    console = Console(stderr=True)
    talk = not quiet and not as_json
    found = run(request, out, console.print if talk else lambda step: None)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    elif not quiet:
        for table in _tables(found):
            out_console.print(table)
        out_console.print(f"page: {out / 'index.html'}\nnumbers: {out / 'evaluation.json'}")
