"""The verb `menu optimise`."""

from typing import Any

import typer
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, explained, menu_app, out_console
from l1kd.cli.arguments import swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.study.request import OptimiseRequest
from l1kd.trigger.rates.export import shown

__all__ = ["optimise"]


@menu_app.command()
@explained
@takes(OptimiseRequest)
def optimise(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Find thresholds of a menu (the first file) for a budget, or what an anomaly seed adds."""
    from l1kd.execution.faults import require_writable
    from l1kd.study import optimise as application

    require_files(given, swallowed(given))
    request: OptimiseRequest = settings(OptimiseRequest, given)
    menu, *files = given["fileset"] if isinstance(given["fileset"], list) else [given["fileset"]]
    if not files:
        raise typer.BadParameter(f"files of zero bias are missing behind the menu {menu}")
    require_writable(given["out"])
    result = application.optimise_menu(menu, files, request, status=not quiet and not as_json)
    path = application.write_optimised(result, given["out"], command=given["command"])
    if as_json:
        typer.echo(path.read_text(encoding="utf-8"))
    elif not quiet:
        for table in _tables(result):
            out_console.print(table)
        out_console.print(f"numbers: {path}")


def _percent(number: Any) -> str:
    return f"{100 * number.value:.1f} ({100 * number.low:.1f} to {100 * number.high:.1f})"


def _tables(result: Any) -> list[Table]:
    tables = []
    if result.optimised is not None:
        found = result.optimised
        table = Table("seed and leg", "threshold", "proportional rate [kHz]", title="thresholds")
        for seed, threshold in found.thresholds.items():
            table.add_row(seed, f"{threshold:g}", f"{found.proportional_hz[seed] / 1e3:.4g}")
        table.add_section()
        table.add_row("TOTAL of the menu", "", shown(found.total))
        tables.append(table)
        if found.efficiency:
            table = Table("signal", "efficiency of the menu [%]")
            for name, number in found.efficiency.items():
                table.add_row(name, _percent(number))
            tables.append(table)
    if result.unique is not None:
        extra = result.unique
        title = f"one more seed at threshold {extra.threshold:g}"
        table = Table("", "rate [kHz]", title=title)
        table.add_row("added to the menu", shown(extra.extra))
        table.add_row("its own", shown(extra.rate))
        tables.append(table)
        table = Table("signal", "menu [%]", "only the new seed [%]")
        for name, number in extra.unique.items():
            table.add_row(name, _percent(extra.menu[name]), _percent(number))
        tables.append(table)
    return tables
