"""The verb `tune`: LinPUPPI's parameters for given candidates."""

import json
from dataclasses import asdict

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
    """Choose LinPUPPI's parameters for these candidates, by efficiency at equal rate."""
    from l1kd.execution.faults import require_writable, writing
    from l1kd.study import tuning

    require_files(given, swallowed(given))
    request = settings(TuneRequest, given)
    require_writable(given["out"])
    found = tuning.tune(
        [tuning.read_regions(file, clusters=request.clusters) for file in request.zero_bias],
        [tuning.read_regions(str(file), clusters=request.clusters) for file in given["fileset"]],
        rounds=request.rounds,
        seed=request.seed,
    )
    path = given["out"] / "tuned.json"
    content = {
        "parameters": {name: asdict(own) for name, own in found.parameters.items()},
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
