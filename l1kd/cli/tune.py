"""The verb `tune`: LinPUPPI's and PUPPI's parameters for given candidates."""

import json
from dataclasses import asdict
from functools import partial
from typing import Any

import typer

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.arguments import swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.study.request import TuneRequest

__all__ = ["tune"]


@app.command()
@explained
@takes(TuneRequest)
def tune(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Choose LinPUPPI's or PUPPI's parameters for these candidates, at equal rate."""
    from l1kd.execution.faults import require_writable, writing

    require_files(given, swallowed(given))
    request = settings(TuneRequest, given)
    require_writable(given["out"])
    tuned = _puppi if request.puppi else _linpuppi
    found, parameters = tuned(request, [str(file) for file in given["fileset"]])
    path = given["out"] / "tuned.json"
    content = {
        "parameters": parameters,
        "before": found.before,
        "after": found.after,
        "tried": found.tried,
        "history": found.history,
        "command": given["command"],
    }
    with writing(given["out"]):
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(content))
    elif not quiet:
        out_console.print(
            f"efficiency {found.before:.3f} with the presets, {found.after:.3f} after "
            f"{found.tried} changes tried\nnumbers: {path}"
        )


def _linpuppi(request: TuneRequest, signals: list[str]) -> tuple[Any, dict[str, Any]]:
    from l1kd.study import tuning

    read = partial(tuning.read_regions, clusters=request.clusters)
    found = tuning.tune(
        [read(file) for file in request.zero_bias], [read(file) for file in signals],
        rounds=request.rounds, seed=request.seed,
    )  # fmt: skip
    return found, {name: asdict(own) for name, own in found.parameters.items()}


def _puppi(request: TuneRequest, signals: list[str]) -> tuple[Any, dict[str, Any]]:
    from l1kd.study import puppi_tuning

    read = partial(puppi_tuning.read_particles, clusters=request.clusters)
    found = puppi_tuning.tune_puppi(
        [read(file) for file in request.zero_bias], [read(file) for file in signals],
        rounds=request.rounds, seed=request.seed,
    )  # fmt: skip
    return found, asdict(found.parameters)
