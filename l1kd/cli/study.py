"""The verbs `run`, `resolution` and `rates`."""

import json

import typer

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.arguments import swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.study.request import Request

_NOT_RATES = ("minbias", "zero_bias", "normalisation", "bunches", "library", "mean_pileup",
              "targets", "ht_min_pt", "ht_max_eta")  # fmt: skip
_NOT_RESOLUTION = ("truth", "max_dr", "met_edges", "jet_edges")


def _study(given: Given, quiet: bool, as_json: bool, **studies: bool) -> None:
    from l1kd.study.run import study  # imports every study library

    if not given["fileset"] and not (studies["rates"] and given.get("minbias")):
        require_files(given, swallowed(given))
    request = settings(Request, given, status=not quiet and not as_json, **studies)
    out = given["out"]
    summary = study(request, out)
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))
    elif not quiet:
        from l1kd.report.tables import tables

        for table in tables(summary):
            out_console.print(table)
        out_console.print(f"page: {out / 'index.html'}\nnumbers: {out / 'summary.json'}")


@app.command()
@explained
@takes(Request)
def run(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Insert weights and scores; study resolution, rates and efficiencies; write the page."""
    _study(given, quiet, as_json, resolution=True, rates=True)


@app.command()
@explained
@takes(Request, without=_NOT_RATES)
def resolution(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Study the resolution of MET and jets."""
    _study(given, quiet, as_json, resolution=True, rates=False)


@app.command()
@explained
@takes(Request, without=_NOT_RESOLUTION)
def rates(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Study rates of quantities; `rates MENU FILES...`: of a menu, `rates merge`: add records."""
    _study(given, quiet, as_json, resolution=False, rates=True)
