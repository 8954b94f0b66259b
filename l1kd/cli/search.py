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
from l1kd.errors import ConfigurationError

if TYPE_CHECKING:
    from l1kd.models.search import Trial

_SHOWN = 8


class Subject(StrEnum):
    """What can be searched."""

    objects = "objects"
    cicada = "cicada"


class Strategy(StrEnum):
    """Which numbers of a student are searched together."""

    cosearch = "cosearch"
    phasesearch = "phasesearch"
    hgq = "hgq"


def _scan_table(trials: "list[Trial]", wanted: int) -> Table:
    """Show every network of a scan: its family, price, cost and mean area."""
    table = Table("family", "beta", "EBOPs", "mean area", title=f"{len(trials)} of {wanted}")
    for trial in trials:
        student, area = trial.student, 1.0 - (trial.objective or 0.0)
        table.add_row(student["family"], f"{student['beta']:g}", f"{trial.cost:,}", f"{area:.4f}")
    return table


def _table(trials: "list[Trial]", wanted: int) -> Table:
    """Show the Pareto front, cheapest last, and how far the search is."""
    from l1kd.models.search.front import pareto_front

    states = [trial.state for trial in trials]
    counts = ", ".join(
        f"{states.count(state)} {state}" for state in ("complete", "pruned", "too large")
    )
    table = Table(
        "trial", "hidden layers", "numbers", "MSE", "EBOPs",
        title=f"{max(wanted, len(trials))} trials: {counts}",
    )  # fmt: skip
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
def _live(
    show: bool, wanted: int, table: "Callable[[list[Trial], int], Table]" = _table
) -> "Iterator[Callable[[list[Trial]], None]]":
    if not show:
        yield lambda _: None
        return
    with Live(table([], wanted), console=error_console, auto_refresh=False) as live:
        yield lambda trials: live.update(table(trials, wanted), refresh=True)


def _scan(out: Path, config: Path | None, quiet: bool, as_json: bool) -> None:
    from l1kd.models.cicada.search import CicadaSearchConfig, scan, write_page
    from l1kd.models.config import named_artefacts, read_config, shipped_searches

    path = config or shipped_searches()["cicada"]
    settings = read_config(path, CicadaSearchConfig)
    wanted = len(settings.families) * len(settings.betas)
    show = not quiet and not as_json and error_console.is_terminal
    with _live(show, wanted, _scan_table) as watch, named_artefacts(settings, path):
        found = scan(settings, out, watch)
    page = write_page(found, settings, out)
    if as_json:
        typer.echo(json.dumps([trial.as_dict() for trial in found]))
    elif not quiet:
        out_console.print(_scan_table(found, wanted))
        out_console.print(str(page))


@app.command()
@explained
def search(
    subject: Annotated[Subject, typer.Argument(help="What is searched.")],
    out: Out,
    strategy: Annotated[
        Strategy | None,
        typer.Option(
            help="Of objects. cosearch: architecture and bits; phasesearch: one by one; hgq: HGQ2."
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option(min=2, help="In all, earlier runs included; none is taken away.")
    ] = 100,
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
    """Search for the best student; go on where an earlier run was stopped.

    Students of objects are searched by a sampler; those of CICADA in a grid of families and prices
    of bit operations, which the configuration holds.
    """
    if subject is Subject.cicada:
        _scan(out, config, quiet, as_json)
        return
    if strategy is None:
        raise ConfigurationError(f"a search of objects needs --strategy: {', '.join(Strategy)}")
    from l1kd.models.config import named_artefacts, read_config, shipped_searches
    from l1kd.models.objects.search import ObjectSearchConfig, SearchOptions
    from l1kd.models.objects.search import search as run
    from l1kd.models.objects.search.page import write_page
    from l1kd.models.search.front import best_trial

    path = config or shipped_searches()["objects"]
    settings = read_config(path, ObjectSearchConfig)
    options = SearchOptions(strategy.value, trials, seed, workers, dask)
    show = not quiet and not as_json
    shown = _live(show and error_console.is_terminal, trials)
    with shown as watch, named_artefacts(settings, path):
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
    cards: Annotated[
        bool, typer.Option("--cards", help="Write efficiencies into the students' cards, too.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Compare strategies of a search, and test students beside their teacher: one page."""
    from l1kd.models.config import read_config
    from l1kd.models.objects.report import report
    from l1kd.models.objects.students.config import ObjectStudentConfig

    files = read_config(config, ObjectStudentConfig).data if config else None
    page = report(out, searches or (), students or (), teacher, files, cards)
    if not quiet:
        out_console.print(str(page))
