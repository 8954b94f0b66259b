"""The command line. Verbs are thin: they turn options into calls and results into tables.

Exit codes: 0 success, 1 a user error that the message explains, 2 wrong usage.
"""

import json
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from l1kd._version import __version__
from l1kd.errors import L1KDError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Level-1 trigger algorithms in offline analysis, bit for bit as the firmware computes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
out_console = Console()
error_console = Console(stderr=True)

_MANY = {
    "--truth",
    "--minbias",
    "--algorithms",
    "--events",
    "--keep",
    "--models",
    "--background",
    "--signal",
}
"""Options that take several values, separated by blanks or commas."""


class Executor(StrEnum):
    """Where chunks are processed."""

    iterative = "iterative"
    futures = "futures"
    dask = "dask"


class Skim(StrEnum):
    """Format of skims."""

    root = "root"
    parquet = "parquet"


Files = Annotated[list[str] | None, typer.Argument(help="Input files: Delphes, PFNano, L1 NANO.")]
FilesetFile = Annotated[Path | None, typer.Option(help="YAML: dataset names with their files.")]
Out = Annotated[Path, typer.Option(help="Folder of the results.")]
Truth = Annotated[list[str] | None, typer.Option(help="The same events without pile-up.")]
Minbias = Annotated[list[str] | None, typer.Option(help="Zero-bias events, for rates.")]
Algorithms = Annotated[list[str] | None, typer.Option(help="Names, see `l1kd models`.")]
Source = Annotated[str | None, typer.Option(help="Particle collection, see `l1kd inspect`.")]
ExecutorOption = Annotated[Executor, typer.Option(help="Where chunks are processed.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes of futures or of a local dask.")]
Scheduler = Annotated[str | None, typer.Option(help="Address of a dask scheduler.")]
Checkpoint = Annotated[Path | None, typer.Option(help="Folder from which a run goes on.")]
SkipBad = Annotated[bool, typer.Option(help="Leave out files that cannot be read, and list them.")]
Chunksize = Annotated[int, typer.Option(min=1, help="Events a chunk.")]
MinPt = Annotated[float, typer.Option(min=0.0, help="Particles above enter the sums [GeV].")]
Norm = Annotated[str, typer.Option(help="Rate normalisation: hl_lhc, run3, phase2_2700.")]
Label = Annotated[str, typer.Option(help="What the sample is, for the page.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def explained(command: Callable[..., None]) -> Callable[..., None]:
    """Turn the errors that l1kd explains into a message and exit code 1."""

    @wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except L1KDError as error:
            error_console.print(
                f"[bold red]{type(error).__name__}[/]: {escape(str(error))}", soft_wrap=True
            )
            raise typer.Exit(1) from error

    return wrapped


def _expanded(arguments: Sequence[str]) -> list[str]:
    """Give every value of an option with many values the option's name, as click wants it."""
    expanded: list[str] = []
    option = None
    for argument in arguments:
        if argument in _MANY:
            option = argument
        elif argument.startswith("-"):
            option = None
            expanded.append(argument)
        elif option is not None:
            for value in filter(None, argument.split(",")):
                expanded += [option, value]
        else:
            expanded.append(argument)
    return expanded


def _fileset(files: list[str] | None, fileset: Path | None) -> Any:
    if bool(files) == (fileset is not None):
        raise typer.BadParameter("give either files or --fileset")
    return fileset if fileset is not None else files


def _study(
    *,
    studies: dict[str, Any],
    out: Path,
    quiet: bool,
    as_json: bool,
    files: list[str] | None,
    fileset: Path | None,
    algorithms: list[str] | None,
    checkpoint: Path | None,
    **options: Any,
) -> None:
    from l1kd.processors.study import Request, study  # imports every study library

    given = {name: value for name, value in options.items() if value is not None}
    if algorithms:
        given["algorithms"] = tuple(algorithms)
    request = Request(
        fileset=_fileset(files, fileset),
        checkpoint=None if checkpoint is None else str(checkpoint),
        status=not quiet and not as_json,
        command=["l1kd", *sys.argv[1:]],
        **studies,
        **given,
    )
    summary = study(request, out)
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))
    elif not quiet:
        from l1kd.report.tables import tables

        for table in tables(summary):
            out_console.print(table)
        out_console.print(f"page: {out / 'index.html'}\nnumbers: {out / 'summary.json'}")


@app.command()
@explained
def run(
    out: Out,
    files: Files = None,
    fileset: FilesetFile = None,
    truth: Truth = None,
    minbias: Minbias = None,
    algorithms: Algorithms = None,
    source: Source = None,
    normalisation: Norm = "hl_lhc",
    min_pt: MinPt = 0.0,
    executor: ExecutorOption = Executor.iterative,
    workers: Workers = 2,
    scheduler: Scheduler = None,
    checkpoint: Checkpoint = None,
    skip_bad_files: SkipBad = False,
    chunksize: Chunksize = 100,
    label: Label = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Insert weights and scores; study resolution, rates and efficiencies; write the page."""
    _study(studies={"resolution": True, "rates": True}, **locals())


@app.command()
@explained
def resolution(
    out: Out,
    files: Files = None,
    fileset: FilesetFile = None,
    truth: Truth = None,
    algorithms: Algorithms = None,
    source: Source = None,
    min_pt: MinPt = 0.0,
    executor: ExecutorOption = Executor.iterative,
    workers: Workers = 2,
    scheduler: Scheduler = None,
    checkpoint: Checkpoint = None,
    skip_bad_files: SkipBad = False,
    chunksize: Chunksize = 100,
    label: Label = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Study the resolution of missing momentum and jets."""
    _study(studies={"resolution": True, "rates": False}, **locals())


@app.command()
@explained
def rates(
    out: Out,
    files: Files = None,
    fileset: FilesetFile = None,
    minbias: Minbias = None,
    algorithms: Algorithms = None,
    source: Source = None,
    normalisation: Norm = "hl_lhc",
    min_pt: MinPt = 0.0,
    executor: ExecutorOption = Executor.iterative,
    workers: Workers = 2,
    scheduler: Scheduler = None,
    checkpoint: Checkpoint = None,
    skip_bad_files: SkipBad = False,
    chunksize: Chunksize = 100,
    label: Label = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Study trigger rates of zero-bias events and the efficiencies of signals."""
    _study(studies={"resolution": False, "rates": True}, **locals())


@app.command()
@explained
def insert(
    out: Out,
    files: Files = None,
    fileset: FilesetFile = None,
    algorithms: Algorithms = None,
    source: Source = None,
    keep: Annotated[list[str] | None, typer.Option(help="Collections to copy.")] = None,
    format: Annotated[Skim, typer.Option(help="Format of the skims.")] = Skim.root,
    executor: ExecutorOption = Executor.iterative,
    workers: Workers = 2,
    scheduler: Scheduler = None,
    checkpoint: Checkpoint = None,
    skip_bad_files: SkipBad = False,
    chunksize: Chunksize = 100,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Insert weights and scores, and write skims with the new fields."""
    from l1kd.execution import run as run_processor
    from l1kd.processors.insert import InsertProcessor

    processor = InsertProcessor(out, format.value, algorithms or None, source, keep or ())
    result = run_processor(
        processor,
        _fileset(files, fileset),
        executor=executor.value,
        workers=workers,
        scheduler=scheduler,
        checkpoint=checkpoint,
        skip_bad_files=skip_bad_files,
        chunksize=chunksize,
        status=not quiet and not as_json,
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
            out_console.print(f"[yellow]left out[/] {escape(reason)}")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    app(_expanded(sys.argv[1:]))
