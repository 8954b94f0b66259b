"""The verb `search`: many short trainings that look for the best network."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live
from rich.table import Table

from l1kd.cli.application import AsJson, Out, Quiet, app, error_console, explained, out_console

if TYPE_CHECKING:
    from l1kd.models.objects.search import Trial

_SHOWN = 8


class Subject(StrEnum):
    """What can be searched."""

    objects = "objects"


class Strategy(StrEnum):
    """Which numbers of a student are searched together."""

    cosearch = "cosearch"
    phasesearch = "phasesearch"
    hgq = "hgq"


def _table(trials: "list[Trial]", wanted: int) -> Table:
    """Show the Pareto front, cheapest last, and how far the search is."""
    from l1kd.models.objects.search.front import pareto_front

    states = [trial.state for trial in trials]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in ("complete", "pruned", "too large")
    )
    table = Table(
        "trial", "hidden layers", "numbers", "MSE", "EBOPs", title=f"{wanted} trials: {counts}"
    )
    for trial in pareto_front(trials)[:_SHOWN]:
        student = trial.student
        layers = "-".join(str(size) for size in student["hidden"])
        numbers = student["numbers"]
        if isinstance(numbers, dict):
            numbers = ", ".join(f"{key} {value:g}" for key, value in numbers.items())
        table.add_row(
            str(trial.number), layers, numbers, f"{trial.objective:.4f}", f"{trial.cost:,}"
        )
    return table


@contextmanager
def _live(show: bool, wanted: int) -> "Iterator[Callable[[list[Trial]], None]]":
    if not show:
        yield lambda _: None
        return
    with Live(_table([], wanted), console=error_console, auto_refresh=False) as live:
        yield lambda trials: live.update(_table(trials, wanted), refresh=True)


@app.command()
@explained
def search(
    subject: Annotated[Subject, typer.Argument(help="What is searched.")],
    strategy: Annotated[
        Strategy,
        typer.Option(help="cosearch: architecture and bits; phasesearch: one by one; hgq: HGQ2."),
    ],
    out: Out,
    trials: Annotated[int, typer.Option(min=2, help="In all, earlier runs included.")] = 100,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of sampler and trainings.")] = 0,
    config: Annotated[
        Path | None, typer.Option(help="YAML configuration; by default the shipped one.")
    ] = None,
    dask: Annotated[
        str, typer.Option(help="Address of a dask scheduler, in place of processes.")
    ] = "",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Search for the best student; go on where an earlier run was stopped."""
    from l1kd.models.config import read_config, shipped_searches
    from l1kd.models.objects.search import ObjectSearchConfig, SearchOptions
    from l1kd.models.objects.search import search as run
    from l1kd.models.objects.search.front import best_trial
    from l1kd.models.objects.search.page import write_page

    path = config or shipped_searches()["objects"]
    settings = read_config(path, ObjectSearchConfig)
    options = SearchOptions(strategy.value, trials, seed, workers, dask)
    show = not quiet and not as_json
    with _live(show and error_console.is_terminal, trials) as watch:
        found = run(settings, options, out, watch)
    page = write_page(found, options, settings, out)
    best = best_trial(found)
    if as_json:
        typer.echo(json.dumps(best.as_dict() if best else None))
    elif not quiet:
        out_console.print(_table(found, trials))
        out_console.print(f"best: {f'trial {best.number}' if best else 'none'}; {page}")


@app.command("report-objects")
@explained
def report_objects(
    out: Out,
    searches: Annotated[
        list[Path] | None, typer.Option(help="Folders of `l1kd search objects`.")
    ] = None,
    students: Annotated[
        list[str] | None, typer.Option(help="Students, shipped or folders.")
    ] = None,
    teacher: Annotated[str, typer.Option(help="Their teacher.")] = "object_teacher-v1",
    config: Annotated[
        Path | None, typer.Option(help="YAML configuration of a student: whose data tests.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Compare strategies of a search, and test students beside their teacher: one page."""
    from l1kd.models.config import read_config
    from l1kd.models.objects.report import report
    from l1kd.models.objects.students.config import ObjectStudentConfig

    files = read_config(config, ObjectStudentConfig).data if config else None
    page = report(out, searches or (), students or (), teacher, files)
    if not quiet:
        out_console.print(str(page))
