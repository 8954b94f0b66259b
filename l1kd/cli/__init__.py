"""The command line: `app` with all verbs, `main` to run it."""

from l1kd.cli import (
    bench,
    efficiency,
    evaluate,
    firmware,
    insert,
    menu,
    menu_optimise,
    menu_rates,
    networks,
    search,
    study,
    tools,
    tune,
)
from l1kd.cli.application import app, main

__all__ = [
    "app",
    "bench",
    "efficiency",
    "evaluate",
    "firmware",
    "insert",
    "main",
    "menu",
    "menu_optimise",
    "menu_rates",
    "networks",
    "search",
    "study",
    "tools",
    "tune",
]
