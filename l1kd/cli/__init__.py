"""The command line: `app` with all verbs, `main` to run it."""

from l1kd.cli import evaluate, firmware, insert, menu_rates, study, tools
from l1kd.cli.application import app, main

__all__ = ["app", "evaluate", "firmware", "insert", "main", "menu_rates", "study", "tools"]
