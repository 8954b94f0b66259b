"""Verbs of the command line for the bench: compare, vectors."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.networks import (
    Columns,
    Field,
    LinkNumbers,
    input_rows,
    layout_of,
    network_named,
    normalisation_named,
)
from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.errors import ConfigurationError, InputError

if TYPE_CHECKING:
    from l1kd.models.firmware.comparison.result import Comparison
    from l1kd.models.firmware.patterns.words import Layout
    from l1kd.models.firmware.vectors.vectors import Emulator


class Kind(StrEnum):
    """A kind of file with test vectors."""

    emp = "emp"
    emp1 = "emp1"
    apx = "apx"
    hex = "hex"
    coe = "coe"
    csv = "csv"
    npy = "npy"
    vcd = "vcd"


def _inputs(
    name: str, network: "Emulator", given: Path | None, recorded: Path | None,
    columns: str | None, layout: "Layout", count: int, seed: int,
) -> Integers:  # fmt: skip
    """Return raw inputs: those given, those that lie beside recorded results, or made ones."""
    from l1kd.models.firmware.vectors import vectors

    holds_both = recorded is not None and recorded.suffix in (".root", ".vcd")
    source = given or (recorded if holds_both else None)
    if source is not None:
        return input_rows(network, source, columns, layout, normalisation_named(name))
    if recorded is not None:
        raise ConfigurationError(
            f"{recorded} holds results alone: name the inputs that they belong to with --inputs"
        )
    return vectors.make(network, count, seed).raw.astype(np.int64)


def _branch(path: Path, branch: str | None, count: int) -> AnyArray:
    """Read results of a ROOT file's branch, shape (n, elements)."""
    import awkward as ak
    import uproot

    from l1kd.datasets import inspect_file
    from l1kd.models.firmware.vectors.vectors import rows_of

    if branch is None:
        raise ConfigurationError(f"{path}: name the branch of the results with --branch")
    with uproot.open(path) as file:
        tree = file[inspect_file(str(path)).tree]
        names: list[str] = tree.keys()
        if branch not in names:
            alike = [name for name in names if branch.lower()[:6] in name.lower()]
            found = ", ".join(alike[:10]) or f"{len(names)} others"
            raise InputError(f"{path}: expected branch '{branch}', found {found}")
        values = tree[branch].array()
    try:
        rows: AnyArray = np.asarray(ak.to_numpy(values))
    except ValueError as error:
        raise InputError(
            f"{path}: branch '{branch}' holds {values.type.content}, not the same number of "
            "results in every event"
        ) from error
    return rows_of(rows) if count > 1 or rows.ndim > 1 else rows[:, None]


def _on_events(name: str, second: str, inputs: Path | None, branch: str | None) -> "Comparison":
    """Compare what an algorithm gives on events, NAME=FOLDER, with a branch or an array."""
    import awkward as ak

    from l1kd.algorithms import algorithm
    from l1kd.datasets import inspect_file
    from l1kd.emulators.fixed_point import FixedPoint
    from l1kd.models.firmware.comparison.comparison import compare_events
    from l1kd.models.firmware.patterns import files

    path = Path(second)
    source = path if inputs is None else inputs
    if source.suffix != ".root" or path.suffix not in (".root", ".npy", ".csv"):
        raise ConfigurationError(
            f"{name} reads events: expected a ROOT file with --branch, or recorded .npy or "
            f".csv and --inputs with a ROOT file; found {second} and --inputs {inputs}"
        )
    used = algorithm(name)
    fields = used.fields(inspect_file(str(source)).open())
    # of two numbers CMSSW stores the one that menus compare
    place = f"{used.adds.partition('.')[0]}.score_raw"
    found = ak.to_numpy(fields[place if place in fields else used.adds])
    if path.suffix == ".root":
        recorded = _branch(path, branch, 1)
    else:
        recorded = files.read(path, [FixedPoint(64, 64)], layout_of("0", None))
    return compare_events(found, recorded, (name, second))


def _recorded(
    network: "Emulator", path: Path, branch: str | None, layout: "Layout", kind: str | None,
    latency: int, rows: int,
) -> AnyArray:  # fmt: skip
    from l1kd.models.firmware.patterns import files
    from l1kd.models.firmware.vectors import vectors

    formats = vectors.element_formats(network, "outputs")
    if path.suffix == ".root":
        return _branch(path, branch, len(formats))
    found = files.read(path, formats, layout, kind, "data_out", latency)
    # the results of the last events of a VCD leave the pipeline after the last one went in
    return found[:rows] if files.kind_of(path, kind) == "vcd" else found


def _latency(name: str, given: int | None) -> int:
    """Return the cycles between an event and its result: a built project knows them."""
    if given is not None:
        return given
    description = Path(name, "project.json")
    if description.is_file():
        from l1kd.models.firmware.project import read_description

        return int((read_description(Path(name)).get("rtl") or {}).get("latency_cycles", 0))
    return 0


def _show(found: "Comparison") -> None:
    colour = "green" if found.agrees else "red"
    out_console.print(
        f"{escape(found.first)} and {escape(found.second)}: "
        f"[{colour}]{found.differing:,} of {found.rows:,} rows differ[/]"
        + (f", by up to {found.largest:g}" if found.differing else "")
    )
    for note in found.notes:
        out_console.print(escape(note))
    for title, counts in (
        ("first layer that differs", found.first_layers),
        ("layer", {name: count for name, count in found.layers.items() if count}),
    ):
        if counts:
            table = Table(title, "rows")
            for name, count in counts.items():
                table.add_row(escape(name), f"{count:,}")
            out_console.print(table)
    if found.differences:
        table = Table("layer", "", escape(found.first), escape(found.second))
        for d in found.differences:
            table.add_row(*map(escape, (d.layer, d.what, d.first, d.second)))
        out_console.print(table)


@app.command()
@explained
def compare(
    first: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A network, as `build` takes it; NAME=FOLDER, such as axol1tl=FOLDER, on events.",
        ),
    ],
    second: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="A second network, or recorded results: .npy, .csv, .hex, .coe, .vcd, EMP or APx "
            ".txt, or a ROOT file with --branch.",
        ),
    ],
    inputs: Annotated[
        Path | None, typer.Option(help="Rows for both; else edges and random numbers.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="Branch of the recorded results: CICADA2025_CICADAScore.")
    ] = None,
    columns: Columns = None,
    links: LinkNumbers = "0",
    output_links: Annotated[
        str | None, typer.Option(help="Links of recorded results, where they are others.")
    ] = None,
    field: Field = None,
    kind: Annotated[
        Kind | None, typer.Option(help="Of recorded results, where the name does not tell.")
    ] = None,
    latency: Annotated[
        int | None, typer.Option(min=0, help="Cycles of a VCD; else what the project says.")
    ] = None,
    vectors: Annotated[int, typer.Option(min=1, help="Made rows.")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="Of the made rows.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Folder for the report.")] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Compare two networks, or a network with recorded results; exit code 1 if any row differs.

    Between networks, layers, formats and constants are compared as well, and the first layer whose
    numbers differ is named.
    """
    from l1kd.algorithms import known_algorithm
    from l1kd.models.firmware.comparison.comparison import compare_networks, compare_recorded
    from l1kd.models.firmware.comparison.result import markdown
    from l1kd.models.firmware.patterns.files import is_recorded

    def record(name: str) -> Path | None:
        return Path(name) if is_recorded(name) and Path(name).is_file() else None

    def on_rows() -> "Comparison":
        # of a network and a record, in either order
        names = (second, first) if record(first) and not record(second) else (first, second)
        network, layout = network_named(names[0]), layout_of(links, field)
        recorded = record(names[1])
        rows = _inputs(names[0], network, inputs, recorded, columns, layout, vectors, seed)
        if recorded is None:
            return compare_networks(network, network_named(second), rows, names)
        there = layout_of(output_links or links, field)
        delay = _latency(names[0], latency)
        rows = rows[: len(rows) - delay] if recorded.suffix == ".vcd" and inputs is None else rows
        given = _recorded(network, recorded, branch, there, kind, delay, len(rows))
        return compare_recorded(network, rows, given, names)

    events = "=" in first and known_algorithm(first)
    found = _on_events(first, second, inputs, branch) if events else on_rows()
    if out is not None:
        from l1kd.models.firmware.project import write_json

        write_json(out / "comparison.json", found.as_dict())
        (out / "comparison.md").write_text(markdown(found), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(found.as_dict()))
    elif not quiet:
        _show(found)
    if not found.agrees:
        raise typer.Exit(1)


@app.command()
@explained
def vectors(
    network: Annotated[str, typer.Argument(help="A network, as `build` takes it, or a project.")],
    out: Annotated[Path, typer.Option(help="Folder of the files.")],
    kind: Annotated[Kind, typer.Option(help="Of the files; vcd: of a built project with RTL.")],
    inputs: Annotated[
        Path | None, typer.Option(help="Rows; else a project's own, or edges and random numbers.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Rows.")] = 1024,
    seed: Annotated[int, typer.Option(min=0, help="Of the made rows.")] = 1,
    columns: Columns = None,
    links: LinkNumbers = "0",
    output_links: Annotated[
        str | None, typer.Option(help="Links of the results, where they are others.")
    ] = None,
    field: Field = None,
    gap: Annotated[int, typer.Option(min=0, help="Frames without data after each event.")] = 0,
    lead: Annotated[int, typer.Option(min=0, help="Frames without data at the beginning.")] = 0,
    depth: Annotated[
        int | None, typer.Option(min=1, help="Most frames a file: 1024 for the boards' buffers.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write inputs and the results that the emulator gives, in a format of the bench."""
    from l1kd.models.firmware.patterns import files
    from l1kd.models.firmware.vectors import vectors as drawn

    emulator, layout = network_named(network), layout_of(links, field, gap, lead)
    if inputs is None:
        rows = _own_rows(network, emulator, count, seed)
    else:
        given = normalisation_named(network)
        rows = input_rows(emulator, inputs, columns, layout, given)[:count]
        if not len(rows):
            raise InputError(f"{inputs}: there are no rows: expected one at least")
    if kind == Kind.vcd:
        from l1kd.models.firmware.proof.checks import record_waveform

        written = [record_waveform(Path(network), rows, out)]
    else:
        there = layout_of(output_links or links, field, gap, lead)
        results = drawn.emulate(emulator, rows)
        written = []
        for name, raw, which, place in (
            ("inputs", rows, "inputs", layout),
            ("outputs", results, "outputs", there),
        ):
            target = out / f"{name}.{files.WRITTEN[kind]}"
            formats = drawn.element_formats(emulator, which)
            written += files.write(target, raw, formats, place, kind, depth)
    if not quiet:
        for path in written:
            out_console.print(escape(str(path)))


def _own_rows(name: str, network: "Emulator", count: int, seed: int) -> Integers:
    """Return the stored vectors of a built project, or made ones."""
    from l1kd.models.firmware import project
    from l1kd.models.firmware.vectors import vectors as drawn

    folder = Path(name)
    if (folder / project.DESCRIPTION).is_file():
        stored, _ = project.read_vectors(folder, project.read_description(folder))
        return stored.raw[:count].astype(np.int64)
    return drawn.make(network, count, seed).raw.astype(np.int64)
