"""The verb `insert`: skims with the new fields."""

import json
from typing import Any, Literal

import typer
from pydantic import Field
from rich.markup import escape
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.arguments import swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.study.request import Execution
from l1kd.study.samples import named_files


class Skimming(Execution):
    """What to insert, and which skims to write."""

    algorithms: tuple[str, ...] | None = Field(None, description="Names, see `l1kd models`.")
    source: str | None = Field(None, description="Particle collection, see `l1kd inspect`.")
    keep: tuple[str, ...] = Field((), description="Collections to copy.")
    format: Literal["root", "parquet"] = Field("root", description="Format of the skims.")


@app.command()
@explained
@takes(Skimming)
def insert(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Insert weights and scores, and write skims with the new fields."""
    from l1kd.execution import run
    from l1kd.processors.insert import InsertProcessor

    require_files(given, swallowed(given))
    wanted: Skimming = settings(Skimming, given)
    fileset: Any = given["fileset"]
    if isinstance(fileset, list):
        fileset = named_files(fileset)
    result = run(
        InsertProcessor(given["out"], wanted.format, wanted.algorithms, wanted.source, wanted.keep),
        fileset,
        status=not quiet and not as_json,
        **wanted.execution(),
    )
    content = {
        "datasets": result.output,
        "events": result.events,
        "skipped": result.skipped,
        "seconds": result.seconds,
    }
    if as_json:
        typer.echo(json.dumps(content))
    elif not quiet:
        table = Table("dataset", "events", "files")
        for name, entry in result.output.items():
            table.add_row(name, str(entry["seen"]), str(len(entry["files"])))
        out_console.print(table)
        for reason in result.skipped.values():
            out_console.print(f"[yellow]skipped[/] {escape(reason)}")
