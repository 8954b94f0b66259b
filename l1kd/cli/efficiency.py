"""The verb `efficiency`: turn-ons, scalings, algorithms at equal rate."""

from typing import Any

import typer
from rich.table import Table

from l1kd.cli.application import AsJson, Quiet, app, explained, out_console
from l1kd.cli.arguments import swallowed
from l1kd.cli.options import Given, require_files, settings, takes
from l1kd.study.request import EfficiencyRequest

__all__ = ["efficiency"]


@app.command()
@explained
@takes(EfficiencyRequest)
def efficiency(given: Given, quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Measure turn-ons against generated or offline objects; compare algorithms at equal rate."""
    from l1kd.execution.faults import require_writable
    from l1kd.study import efficiency as application

    require_files(given, swallowed(given))
    request: EfficiencyRequest = settings(EfficiencyRequest, given)
    require_writable(given["out"])
    status = not quiet and not as_json
    asked = request.turn_ons is not None or request.online is not None
    if not asked and not request.background:
        raise typer.BadParameter(
            "nothing to measure: give --turn-ons YAML, or --online and --reference, or --background"
        )
    results: list[Any] = []
    lines: dict[str, Any] = {}
    tables: list[Any] = []
    if asked:
        turn_ons = application.measure_turn_ons(given["fileset"], request, status=status)
        results, lines = application.turn_on_results(turn_ons, request)
    if request.background:
        tables = application.compare_at_rate(given["fileset"], request, status=status)
    page = application.write_efficiency(
        results, lines, tables, request, given["out"], command=given["command"]
    )
    if as_json:
        typer.echo((given["out"] / "efficiency.json").read_text(encoding="utf-8"))
        return
    if quiet:
        return
    for table in _tables(results, tables):
        out_console.print(table)
    out_console.print(f"page: {page}\nnumbers: {given['out'] / 'efficiency.json'}")


def _tables(results: list[Any], tables: list[Any]) -> list[Table]:
    found = []
    if results:
        shown = Table("turn-on", "region", "threshold", "plateau", "95%", "fit", "p")
        for r in results:
            best = r.fits.get(r.best)
            point = r.points[0.95]
            at = point[0] if point[0].value == point[0].value else point[1]
            shown.add_row(
                f"{r.dataset}, {r.name}",
                r.region,
                f"{r.threshold:g}",
                "-" if best is None else f"{best.plateau.value:.3f}",
                "-" if at.value != at.value else f"{at.value:.1f} ({at.low:.1f} to {at.high:.1f})",
                r.best or "-",
                "-" if best is None else f"{best.p_value:.2g}",
            )
        found.append(shown)
    for table in tables:
        title = f"{table.signal}: {table.quantity} at equal rate"
        shown = Table("algorithm", "rate [kHz]", "threshold", "efficiency [%]", "difference [%]",
                      title=title)  # fmt: skip
        for target, row in table.rows.items():
            for name, x in row.items():
                e, d = x.efficiency, x.difference
                bound = "" if x.threshold.resolved else "> "
                shown.add_row(
                    name,
                    f"{target / 1e3:g}",
                    f"{bound}{x.threshold.value:g}",
                    f"{100 * e.value:.1f} ({100 * e.low:.1f} to {100 * e.high:.1f})",
                    "" if d is None else
                    f"{100 * d.value:+.1f} ({100 * d.low:+.1f} to {100 * d.high:+.1f})",
                )  # fmt: skip
        found.append(shown)
    return found
