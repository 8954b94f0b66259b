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
from l1kd.study.request import Execution, VertexChoice
from l1kd.study.samples import named_files


class Skimming(Execution):
    """What to insert, and which skims to write."""

    algorithms: tuple[str, ...] | None = Field(None, description="Names, see `l1kd models`.")
    source: str | None = Field(None, description="Particle collection, see `l1kd inspect`.")
    vertex: VertexChoice = Field(
        None,
        description="Vertex that dz is relative to: found by the trigger from the tracks, for "
        "rates, or simulated (the file's own), the default.",
    )
    keep: tuple[str, ...] = Field(
        (), description="Collections or branches to copy (patterns, GenJet or Jet_*); default all."
    )
    drop: tuple[str, ...] = Field((), description="Collections or branches to exclude.")
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
        InsertProcessor(
            given["out"],
            wanted.format,
            wanted.algorithms,
            wanted.source,
            wanted.keep,
            wanted.drop,
            wanted.vertex,
        ),
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
        table = Table("dataset", "events", "files", "branches inserted", "copied", "excluded")
        for name, entry in result.output.items():
            counts = (entry["seen"], len(entry["files"]), len(entry["inserted"]), entry["kept"])
            table.add_row(name, *map(str, counts), str(entry["dropped"]))
        out_console.print(table)
        for name, entry in result.output.items():
            if entry["lost"]:
                out_console.print(
                    f"[yellow]not copied[/] from {escape(name)}, since a skim holds no lists of "
                    f"lists and no text: {escape(', '.join(entry['lost']))}"
                )
        for reason in result.skipped.values():
            out_console.print(f"[yellow]skipped[/] {escape(reason)}")
