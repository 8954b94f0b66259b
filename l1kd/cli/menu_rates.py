"""The verbs `rates MENU FILES...` and `rates merge`."""

import json
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.arguments import MERGE, OF_MENU, swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.study.request import MenuRequest, TableRequest

__all__ = ["rates_merge", "rates_of_menu"]


def _written(record: Any, request: Any, given: Given, quiet: bool, as_json: bool) -> None:
    from l1kd.study.menu_rates import make_tables, write_report
    from l1kd.trigger.rates.export import as_dict, terminal_tables

    report = make_tables(record, request)
    page = write_report(record, report, request, given["out"], command=given["command"])
    if as_json:
        typer.echo(json.dumps(as_dict(report.rates, record.indices)))
    elif not quiet:
        for table in terminal_tables(report.rates, record.indices):
            out_console.print(table)
        for note in report.rates.notes:
            out_console.print(f"[yellow]note[/] {escape(note)}")
        if report.rates.not_evaluated:
            listed = ", ".join(report.rates.not_evaluated)
            out_console.print(
                f"[yellow]note[/] {len(report.rates.not_evaluated)} seeds of the prescale table "
                "are not in the menu or could not be evaluated, with them the total is larger: "
                f"{escape(listed)}"
            )
        out_console.print(f"page: {page}\nrecord: {Path(given['out']) / 'rates.npz'}")


@app.command(OF_MENU, hidden=True)
@explained
@takes(MenuRequest)
def rates_of_menu(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Evaluate a menu (the first of the files) on events: rates of seeds, totals, overlaps."""
    from l1kd.execution.faults import require_writable
    from l1kd.study.menu_rates import accumulate

    require_files(given, swallowed(given))
    request: MenuRequest = settings(MenuRequest, given)
    menu, *files = given["fileset"] if isinstance(given["fileset"], list) else [given["fileset"]]
    if not files:
        raise typer.BadParameter(f"files of events are missing behind the menu {menu}")
    require_writable(given["out"])
    record = accumulate(menu, files, request, status=not quiet and not as_json)
    _written(record, request, given, quiet, as_json)


@app.command(MERGE, hidden=True)
@explained
@takes(TableRequest)
def rates_merge(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Add the records of several jobs, exactly and in any order, and write tables and page."""
    from l1kd.trigger.counts.record import RateRecord

    require_files(given, swallowed(given))
    paths = given["fileset"] if isinstance(given["fileset"], list) else [given["fileset"]]
    records = [RateRecord.read(path) for path in paths]
    total = records[0]
    for record in records[1:]:
        total = total + record
    _written(total, settings(TableRequest, given), given, quiet, as_json)
