"""The command line: `app` with all verbs, `main` to run it."""

from l1kd.cli import evaluate, firmware, insert, study, tools
from l1kd.cli.application import app, main

__all__ = ["app", "evaluate", "firmware", "insert", "main", "study", "tools"]
