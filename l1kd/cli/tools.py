"""Verbs of the command line around models, files and the environment."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from l1kd.cli.application import AsJson, Out, Quiet, app, explained, out_console


@app.command()
@explained
def train(
    name: Annotated[
        str,
        typer.Argument(help="The `kind` of the configuration; a wrong one lists all."),
    ],
    config: Annotated[Path, typer.Option(help="YAML configuration.")],
    out: Out,
    quiet: Quiet = False,
) -> None:
    """Train a network and write its artefact; go on where an earlier run stopped."""
    from l1kd.models.train import train as train_model

    artefact = train_model(name, config, out, quiet)
    if not quiet:
        out_console.print(f"{artefact.title}: {artefact.folder}")


@app.command()
@explained
def models(quiet: Quiet = False, as_json: AsJson = False) -> None:
    """List the algorithms and the shipped models; check the models' hashes."""
    from l1kd.artefacts import load, shipped
    from l1kd.insertion import available

    rows = [a._asdict() for a in available()]
    artefacts = [load(name) for name in shipped()]
    described = [{"name": a.title, "description": a.manifest["description"]} for a in artefacts]
    if as_json:
        typer.echo(json.dumps({"algorithms": rows, "models": described}))
    elif not quiet:
        table = Table("algorithm", "version", "reads", "adds")
        for row in rows:
            table.add_row(row["name"], row["version"], ", ".join(row["reads"]), row["adds"])
        out_console.print(table)
        table = Table("model", "what it is")
        for entry in described:
            table.add_row(entry["name"], entry["description"])
        out_console.print(table)


@app.command()
@explained
def inspect(file: str, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Say what format a file is, what can be computed from it and what is missing.

    Exit code 1 if nothing can be computed.
    """
    from l1kd.inspection import inspect as inspect_events

    found = inspect_events(file)
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    elif not quiet:
        out_console.print(
            f"{escape(file)}: {found.kind}, tree {found.tree}, {found.entries} events"
        )
        table = Table("algorithm", "can be computed", "why not")
        for name, reason in found.algorithms.items():
            table.add_row(name, "no" if reason else "yes", escape(reason or ""))
        out_console.print(table)
        for name, reason in found.truth.items():
            out_console.print(f"{name}: {'yes' if reason is None else escape(reason)}")
        if found.missing_references:
            out_console.print(f"cross-references that the file lacks: {found.missing_references}")
    if not found.computable:
        raise typer.Exit(1)


@app.command()
@explained
def doctor(quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Check the environment for trainings and firmware, and say how to repair it."""
    from l1kd.models.doctor import check

    findings = check()
    if as_json:
        typer.echo(json.dumps([f._asdict() for f in findings]))
    elif not quiet:
        for finding in findings:
            missing = "[yellow]missing[/]" if finding.optional else "[red]wrong[/]"
            mark = "[green]ok[/]" if finding.ok else missing
            out_console.print(f"{mark} {finding.subject}: {escape(finding.message)}")
    if not all(finding.ok or finding.optional for finding in findings):
        raise typer.Exit(1)
