"""The application that all verbs register with: errors, consoles, options with many values.

Exit codes: 0 success, 1 an error that the message explains, 2 wrong usage.
"""

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from l1kd._version import __version__, commit
from l1kd.cli.arguments import SHOWN, expanded, routed
from l1kd.emulators.network import FirmwareSourceError
from l1kd.errors import L1KDError
from l1kd.registry import load_plugin

__all__ = [
    "AsJson",
    "Out",
    "Quiet",
    "app",
    "error_console",
    "explained",
    "main",
    "menu_app",
    "out_console",
]


class _Verbs(TyperGroup):
    """The verbs, whose options may take several values each."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, expanded(routed(args, self), self))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return SHOWN.get(name or "", name), command, rest


app = typer.Typer(
    cls=_Verbs,
    help="Level-1 trigger algorithms in offline analysis, bit for bit as the firmware computes.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
menu_app = typer.Typer(cls=_Verbs, help="Trigger menus.", no_args_is_help=True)
app.add_typer(menu_app, name="menu")
# a name between colons, as of a scan or a path, is no emoji
out_console = Console(emoji=False)
error_console = Console(stderr=True, emoji=False)

Out = Annotated[Path, typer.Option(help="Folder of the results.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

_TRACEBACK = "L1KD_TRACEBACK"


def explained(command: Callable[..., None]) -> Callable[..., None]:
    """Turn errors into a message and exit code 1.

    An error that l1kd does not know is said to be one; with the environment variable
    L1KD_TRACEBACK it comes with its traceback.
    """

    @wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
        except (L1KDError, FirmwareSourceError) as error:
            notes = "".join(f"\n  {note}" for note in getattr(error, "__notes__", ()))
            error_console.print(
                f"[bold red]{type(error).__name__}[/]: {escape(str(error) + notes)}",
                soft_wrap=True,
            )
            raise typer.Exit(1) from error
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:
            if os.environ.get(_TRACEBACK):
                raise
            words = " ".join(str(error).split())[:500]
            # a worker's traceback is a note of many lines
            notes = "".join(f"\n  {x}" for x in getattr(error, "__notes__", ()) if "\n" not in x)
            error_console.print(
                f"[bold red]unexpected {type(error).__name__}[/]: {escape(words + notes)}\n"
                f"This is an error that l1kd does not explain; set {_TRACEBACK}=1 to see where it "
                "comes from, and please report it.",
                soft_wrap=True,
            )
            raise typer.Exit(1) from error

    return wrapped


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"{__version__} (commit {commit()})")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True)
    ] = False,
    plugin: Annotated[
        list[str] | None,
        typer.Option(help="Module or .py file that registers your own formats, algorithms, ..."),
    ] = None,
) -> None:
    for name in plugin or ():
        try:
            load_plugin(name)
        except L1KDError as error:
            error_console.print(f"[bold red]{type(error).__name__}[/]: {escape(str(error))}")
            raise typer.Exit(1) from error


def main() -> None:
    """Run the command line."""
    app(sys.argv[1:])
