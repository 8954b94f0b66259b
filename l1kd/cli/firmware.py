"""Verbs of the command line around firmware: build, verify, report-firmware."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, app, error_console, explained, out_console
from l1kd.errors import ConfigurationError

if TYPE_CHECKING:
    from l1kd.models.firmware.proof.proof import Proof


class Backend(StrEnum):
    """What writes the firmware."""

    vitis = "vitis"
    vivado = "vivado"
    da4ml = "da4ml"
    alkaid = "alkaid"


class Strategy(StrEnum):
    """How hls4ml multiplies."""

    latency = "latency"
    resource = "resource"
    distributed_arithmetic = "distributed_arithmetic"


class Board(StrEnum):
    """Regions of the correlator."""

    barrel = "barrel"
    hgcal = "hgcal"
    hgcalnotk = "hgcalnotk"
    hf = "hf"


@contextmanager
def _interruptible() -> Iterator[None]:
    """Clean up behind an interruption: a signal to end is an exception like Ctrl-C."""

    def stop(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        error_console.print("interrupted: what was there before is unchanged")
        raise SystemExit(getattr(error, "code", None) or 128 + signal.SIGINT) from error
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _telling(show: bool) -> Iterator[Callable[[str], None]]:
    """Show the step that is going on, with its time."""
    if not show:
        yield lambda _: None
        return
    if not error_console.is_terminal:
        yield lambda step: error_console.print(escape(step))
        return
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(finished_text="·"),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=error_console, transient=False) as bars:
        current: list[Any] = []

        def tell(step: str) -> None:
            if current:
                bars.update(current[0], total=1, completed=1)
            current[:] = [bars.add_task(escape(step), total=None)]

        yield tell
        if current:
            bars.update(current[0], total=1, completed=1)


def _precisions(given: list[str]) -> dict[str, dict[str, str]]:
    """Read ``layer.role=type`` and ``layer=type``."""
    from l1kd.emulators.fixed_point import FixedPoint

    found: dict[str, dict[str, str]] = {}
    for text in given:
        place, equals, kind = text.partition("=")
        layer, _, role = place.partition(".")
        if not equals or not layer:
            raise ConfigurationError(
                f"--precision '{text}': expected LAYER.ROLE=TYPE, for example "
                "inputs.result=ap_ufixed<10,10> or default=ap_fixed<16,6>"
            )
        try:
            FixedPoint.parse(kind)
        except ValueError as error:
            raise ConfigurationError(f"--precision '{text}': {error}") from error
        found.setdefault(layer, {})[role or "result"] = kind
    return found


def _proof_table(proofs: "dict[str, Proof]") -> Table:
    table = Table("compared with the emulator", "vectors", "mismatches")
    for title, proof in proofs.items():
        for name, entry in proof.compared.items():
            label = f"{name}, {title}" if title else name
            if "failed" in entry:
                table.add_row(label, "[red]failed[/]", escape(entry["failed"]))
            elif "skipped" in entry:
                table.add_row(label, "not compared", escape(entry["skipped"]))
            else:
                colour = "red" if entry["mismatches"] else "green"
                table.add_row(label, f"{entry['vectors']:,}", f"[{colour}]{entry['mismatches']}[/]")
            if entry.get("declared"):
                table.add_row("", "constants", f"of the firmware: {', '.join(entry['declared'])}")
    return table


@app.command()
@explained
def build(
    network: Annotated[
        str,
        typer.Argument(
            help="Shipped network, its folder, .npz, firmware folder, .keras, .h5, .onnx, .json."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the project.")],
    backend: Annotated[Backend, typer.Option(help="vitis, vivado: HLS; da4ml, alkaid: RTL.")],
    part: Annotated[str, typer.Option(help="FPGA.")] = "xcvu13p-flga2577-2-e",
    clock: Annotated[
        str, typer.Option(help="Clock frequency: 240MHz, 0.24GHz, or MHz.")
    ] = "240MHz",
    latency_cutoff: Annotated[
        float | None,
        typer.Option(
            min=0, help="Adders a pipeline stage; 0: no pipeline; else to suit the clock."
        ),
    ] = None,
    strategy: Annotated[Strategy, typer.Option(help="Of hls4ml.")] = Strategy.latency,
    vectors: Annotated[int, typer.Option(min=1, help="Vectors of the proof.")] = 131_072,
    seed: Annotated[int, typer.Option(min=0, help="Of the random vectors.")] = 1,
    events: Annotated[
        list[Path] | None, typer.Option(help="Real inputs: ROOT files, or .npy rows.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="LAYER.ROLE=TYPE that a model leaves open.")
    ] = None,
    synthesis: Annotated[bool, typer.Option(help="Run Yosys, and vendor tools if present.")] = True,
    board: Annotated[
        Board, typer.Option(help="Board type of the correlator, for networks in its regions.")
    ] = Board.barrel,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Build firmware of a network, and prove it equal to the emulator in every bit."""
    from l1kd.models.firmware.build import BuildOptions
    from l1kd.models.firmware.build import build as build_project
    from l1kd.models.firmware.record import metrics

    options = BuildOptions(
        backend=backend.value,
        part=part,
        clock_mhz=1000.0 / metrics.period_ns(clock),
        latency_cutoff=latency_cutoff,
        strategy=strategy.value,
        vectors=vectors,
        seed=seed,
        events=tuple(events or ()),
        precisions=_precisions(precision or []),
        synthesize=synthesis,
        board=board.value,
    )
    with _interruptible(), _telling(not quiet and not as_json) as progress:
        built = build_project(network, out, options, progress)
    if as_json:
        content = {"folder": str(built.folder), "figures": built.figures}
        proof = {"compared": built.proof.compared, "mismatches": built.proof.differing}
        typer.echo(json.dumps({**content, **proof, "failed": built.failed}))
    elif not quiet:
        out_console.print(_proof_table({"": built.proof}))
        out_console.print(f"clock: {options.clock_mhz:g} MHz, part: {escape(options.part)}")
        for label, value in metrics.summary(built.figures):
            out_console.print(f"{escape(label)}: {value}")
        out_console.print(escape(str(built.folder)))
    if built.proof.differing:
        error_console.print(f"[bold red]differs[/]: {escape(str(out / 'mismatches.json'))}")
    for step, reason in built.failed.items():
        error_console.print(f"[bold red]failed[/]: {escape(step)}: {escape(reason)}")
    if not built.good:
        raise typer.Exit(1)


@app.command()
@explained
def verify(
    folder: Annotated[Path, typer.Argument(help="Built project.")],
    vectors: Annotated[
        int | None, typer.Option(min=1, help="Fresh vectors; as many as are stored.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of the fresh vectors.")] = None,
    model: Annotated[
        str | None, typer.Option(help="Model of the training framework, to compare with as well.")
    ] = None,
    allow_changed: Annotated[
        bool,
        typer.Option(
            "--allow-changed", help="Compile and run files that were changed or added, too."
        ),
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Repeat a project's proof, on its vectors and on fresh ones; exit code 1 if any differs.

    The project's code is compiled and runs as you: its hashes are checked first.
    """
    from l1kd.models.firmware.proof.checks import verify as verify_project

    with _interruptible(), _telling(not quiet and not as_json) as progress:
        verified = verify_project(
            folder, vectors, seed, model, progress, allow_changed=allow_changed
        )
    proofs = {"stored vectors": verified.stored, "fresh vectors": verified.fresh}
    changes = verified.changes
    if as_json:
        content = {
            "stored": verified.stored.compared if verified.stored else None,
            "fresh": verified.fresh.compared if verified.fresh else None,
            "changed": list(changes.changed),
            "added": list(changes.added),
            "refused": verified.refused,
            "good": verified.good,
        }
        typer.echo(json.dumps(content))
    elif not quiet and not verified.refused:
        out_console.print(_proof_table({title: p for title, p in proofs.items() if p}))
    for name in changes.changed:
        error_console.print(f"[bold red]changed since the build[/]: {escape(name)}")
    for name in changes.added:
        error_console.print(f"[bold red]added since the build[/]: {escape(name)}")
    if verified.refused:
        error_console.print(
            "nothing of the project was compiled or run; if you trust these files, --allow-changed "
            "does so all the same",
            soft_wrap=True,
        )
    if not verified.good:
        raise typer.Exit(1)


@app.command("report-firmware")
@explained
def report_firmware(
    folders: Annotated[list[Path], typer.Argument(help="Built projects.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for Markdown, JSON, HTML and the plot.")
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Make the tables of the papers, and the Pareto front of quality against resources."""
    from l1kd.models.firmware.record import report, tables

    rows = report.collect(folders)
    if out is not None:
        report.write(rows, out)
    if as_json:
        typer.echo(json.dumps(tables.as_dict(rows)))
    elif not quiet:
        for table in tables.tables(rows):
            shown = Table(*table.columns, title=table.title)
            for cells in table.cells():
                shown.add_row(*map(escape, cells))
            Console(width=max(out_console.width, 160)).print(shown)
