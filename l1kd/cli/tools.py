"""Verbs of the command line around models, networks and files."""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from l1kd.cli.application import AsJson, Out, Quiet, app, explained, out_console
from l1kd.emulators.network import Network
from l1kd.errors import InputError, UnreadableFileError


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


def _network(folder: Path) -> Network:
    """Read a firmware folder or a network file; their own errors name file, line and construct."""
    if not folder.exists():
        raise UnreadableFileError(f"{folder}: expected a firmware folder or a network file (.npz)")
    try:
        return Network.load(folder) if folder.is_file() else Network.from_hls_project(folder)
    except ValueError as error:
        raise UnreadableFileError(f"{folder}: {error}") from error


def _rows(path: Path, columns: str | None, network: Network) -> Any:
    """Input rows of a network: a .npy array, or calorimeter regions or columns of a ROOT file."""
    if path.suffix == ".npy":
        try:
            return np.load(path, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise UnreadableFileError(f"{path}: expected a NumPy array: {error}") from error
    import awkward as ak

    from l1kd.algorithms import columns_of
    from l1kd.candidates import candidates
    from l1kd.datasets import inspect_file
    from l1kd.regions import regions

    events = inspect_file(str(path)).open()
    if columns is not None:
        return ak.to_numpy(ak.flatten(columns_of(candidates(events), *columns.split(","))))
    size = int(np.prod(network.inputs[0].shape))
    image = regions(events)
    if size != image[0].size:
        raise InputError(
            f"{path}: the network reads {size} values and the calorimeter image has "
            f"{image[0].size}; name the candidates' columns with --columns"
        )
    return image.reshape(len(image), -1).astype(np.int64)


@app.command()
@explained
def emulate(
    folder: Annotated[Path, typer.Argument(help="Firmware folder or network file.")],
    data: Annotated[Path, typer.Argument(help="Rows: a .npy array, or a ROOT file.")],
    out: Annotated[Path, typer.Option(help="File of the result, .npy.")],
    raw: Annotated[bool, typer.Option(help="Write raw integers instead of values.")] = False,
    columns: Annotated[
        str | None, typer.Option(help="Columns of the candidates, for ROOT files: pt,eta,phi")
    ] = None,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    quiet: Quiet = False,
) -> None:
    """Run firmware on data, bit for bit. Arrays of integers are raw values of the input format."""
    network = _network(folder)
    rows = _rows(data, columns, network)
    fmt = network.inputs[0].format
    try:
        if not np.issubdtype(rows.dtype, np.integer):
            rows = fmt.from_float(rows)
        result = network.predict_raw(rows, threads=threads)
    except ValueError as error:
        raise InputError(f"{data}: {error}") from error
    if isinstance(result, tuple):
        raise InputError(f"{folder}: a network with several outputs; use Network.predict_raw")
    np.save(out, result if raw else network.outputs[0].format.to_float(result))
    if not quiet:
        out_console.print(f"{len(result)} rows of {network.outputs[0].format}: {escape(str(out))}")


@app.command("inspect-network")
@explained
def inspect_network(
    folder: Annotated[Path, typer.Argument(help="Firmware folder or network file.")],
) -> None:
    """Show the layers of a firmware folder: shapes, formats, parameters, multiplications."""
    typer.echo(str(_network(folder)))
