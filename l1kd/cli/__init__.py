"""The command line."""

from l1kd.cli.application import app, main

__all__ = ["app", "main"]
