"""The verbs `menu check`, `menu verify` and `menu diff`."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, explained, menu_app, out_console
from l1kd.errors import InputError

__all__ = ["check", "diff", "verify"]

MenuPath = Annotated[str, typer.Argument(help="Menu: .xml, .html, .json, .yaml, also with .gz.")]
EventsPath = Annotated[Path, typer.Argument(help="NanoAOD, or a test vector (.txt, .txt.gz).")]


@menu_app.command()
@explained
def check(menu: MenuPath, file: EventsPath, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Say seed by seed whether a file's events can be evaluated, and what is missing."""
    from l1kd.trigger.menu import Menu
    from l1kd.trigger.menu.files import stretches

    opened = Menu.read(menu)
    found: dict[str, str] = {}
    for stretch in stretches(file):
        for name, why in opened.check(stretch.events):
            found[name] = found.get(name) or why
    able = sum(not why for why in found.values())
    if as_json:
        typer.echo(json.dumps({"evaluable": able, "seeds": len(found), "reasons": found}))
    elif not quiet:
        table = Table("seed", "what is missing")
        for name, why in found.items():
            if why:
                table.add_row(name, escape(why))
        out_console.print(table)
        out_console.print(f"{able} of {len(found)} seeds can be evaluated")


@menu_app.command()
@explained
def verify(menu: MenuPath, file: EventsPath, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Compare a menu with the decisions that a file stores; a contradiction gives exit code 1.

    Bits in data come after prescales and masks: a set bit must have a true condition, a true
    condition may have a clear bit.
    """
    from l1kd.trigger.menu.verification import verify as verified

    result = verified(_global_trigger_menu(menu), file)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "equal": result.equal,
                    "consistent": result.consistent,
                    "contradicted": result.contradicted,
                    "not_stored": result.not_stored,
                    "reasons": result.reasons,
                    "seeds": {name: vars(verdict) for name, verdict in result.seeds.items()},
                }
            )
        )
    elif not quiet:
        table = Table("seed", "events", "condition", "bit", "only bit", "only condition")
        for name in (*result.contradicted, *result.consistent):
            v = result.seeds[name]
            table.add_row(name, *map(str, (v.events, v.passed, v.stored, v.bit_only,
                                           v.condition_only)))  # fmt: skip
        out_console.print(table)
        out_console.print(
            f"{len(result.equal)} seeds equal in every event, {len(result.consistent)} consistent "
            f"with a prescale or mask, {len(result.contradicted)} contradicted, "
            f"{len(result.reasons)} not evaluable, {len(result.not_stored)} not stored"
        )
    if result.contradicted:
        raise typer.Exit(1)


@menu_app.command()
@explained
def diff(
    old: MenuPath,
    new: MenuPath,
    file: Annotated[
        Path | None, typer.Argument(help="Events on which decisions are compared, too.")
    ] = None,
    preset: Annotated[str, typer.Option(help="Normalisation of the rates.")] = "run3",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two menus; with a file also the rates that move."""
    from l1kd.trigger.menu.difference import decisions_moved, difference

    menus = _global_trigger_menu(old), _global_trigger_menu(new)
    found = difference(*menus)
    moved = _rates(decisions_moved(*menus, file), preset) if file is not None else {}
    if as_json:
        typer.echo(json.dumps(vars(found) | ({"rates": moved} if file is not None else {})))
    elif not quiet:
        table = Table("seed", "what changed")
        for name in found.added:
            table.add_row(name, "[green]added[/]")
        for name in found.removed:
            table.add_row(name, "[red]removed[/]")
        for name, (before, after) in found.moved.items():
            table.add_row(name, f"bit {before} -> {after}")
        for name, said in found.changed.items():
            table.add_row(name, escape("\n".join(said)))
        out_console.print(table)
        if file is not None:
            out_console.print(_rate_table(moved))


def _rates(moved: dict[str, Any], preset: str) -> dict[str, Any]:
    """Return counts and rates, with their intervals, of seeds whose decisions moved."""
    from l1kd.statistics import clopper_pearson
    from l1kd.trigger.rates.curves import normalisation

    hertz = normalisation(preset).input_hz
    found = {}
    for name, one in moved.items():
        row: dict[str, Any] = vars(one).copy()
        for side in ("old", "new"):
            low, high = (float(x) * hertz for x in clopper_pearson(row[side], one.events))
            row[f"{side}_hz"] = {"value": row[side] / one.events * hertz, "low": low, "high": high}
        found[name] = row
    return found


def _rate_table(moved: dict[str, Any]) -> Table:
    """Return a table of rates that move, if the events are zero bias."""
    title = "rates that move, if the events are zero bias"
    table = Table("seed", "old [kHz]", "new [kHz]", "lost", "gained", title=title)
    for name, row in moved.items():
        shown = [
            f"{rate['value'] / 1e3:.4g} ({rate['low'] / 1e3:.4g} to {rate['high'] / 1e3:.4g})"
            for rate in (row["old_hz"], row["new_hz"])
        ]
        table.add_row(name, *shown, str(row["lost"]), str(row["gained"]))
    return table


def _global_trigger_menu(path: str) -> Any:
    """Return a menu of the Global Trigger, which has bits in the data."""
    from l1kd.trigger.menu import Menu

    menu = Menu.read(path)
    if not isinstance(menu, Menu):
        raise InputError(f"{path} is a menu of objects; this verb needs one of the Global Trigger")
    return menu
