"""The page of a scan: area and distance to the teacher against bit operations."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from l1kd.models.cicada.search.config import CicadaSearchConfig
from l1kd.models.search import Trial, pareto_front
from l1kd.plot_style import frame, new_figure, save, styled

__all__ = ["scan_figure", "write_page"]

_MARKS = ("o", "s", "^", "D", "v", "P")
_PANELS = (("area", "mean area of the signals"), ("emd", "EMD to the teacher, zero bias"))


@styled
def scan_figure(trials: Sequence[Trial], mu: str) -> Figure:
    """Draw both panels at one mean pile-up, a curve for each family."""
    figure = new_figure(height=6.4)
    upper, lower = figure.subplots(2, 1, sharex=True)
    families = list(dict.fromkeys(trial.student["family"] for trial in trials))
    for axes, (measure, label) in zip((upper, lower), _PANELS, strict=True):
        for family, mark in zip(families, _MARKS, strict=False):
            own = sorted(
                (trial.cost or 0, trial.mse[f"{measure} {mu}"])
                for trial in trials
                if trial.student["family"] == family
            )
            axes.plot(*zip(*own, strict=True), marker=mark, label=family)
        axes.set(xscale="log", ylabel=label)
    lower.set(yscale="log", xlabel="EBOPs")
    upper.set_title(f"mean pile-up {mu}")
    frame(figure, title=True)
    return figure


def _rows(trials: Sequence[Trial], config: CicadaSearchConfig) -> str:
    best = {trial.number for trial in pareto_front(trials)}
    lines = []
    for trial in sorted(trials, key=lambda each: -(each.cost or 0)):
        cells = [trial.student["family"], f"{trial.student['beta']:.0e}", f"{trial.cost:,}"]
        for mu in (f"{each:g}" for each in config.validation_mu):
            cells += [f"{trial.mse[f'area {mu}']:.4f}", f"{trial.mse[f'emd {mu}']:.2f}"]
        cells.append("yes" if trial.number in best else "")
        row = "".join(f"<td>{html.escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr>{row}</tr>")
    return "\n".join(lines)


def write_page(trials: Sequence[Trial], config: CicadaSearchConfig, out: Path) -> Path:
    """Write ``index.html`` and the figures into the folder of a scan; return the page's path."""
    pictures = []
    for mu in (f"{each:g}" for each in config.validation_mu):
        save(scan_figure(trials, mu), out, f"scan_{mu}")
        coded = base64.b64encode((out / f"scan_{mu}.png").read_bytes()).decode()
        pictures.append(f'<img alt="scan at pile-up {mu}" src="data:image/png;base64,{coded}">')
    heads = "".join(f"<th>area, mu {mu:g}</th><th>EMD</th>" for mu in config.validation_mu)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Scan of CICADA's students</title>
<style>body{{font-family:sans-serif;max-width:60em;margin:2em auto}}
td,th{{padding:.2em .8em;text-align:left}}img{{width:48%}}</style></head><body>
<h1>Mixed-precision students of {html.escape(str(config.teacher_artefact))}</h1>
<p>{len(trials)} trainings, each from the one before of its family at a higher price beta of an
effective bit operation (EBOP). Areas under the ROC curve, mean over
{len(config.data.signals)} signals, and earth mover's distance of the scores of zero bias to the
teacher's, in units of the score, on validation images.</p>
{" ".join(pictures)}
<table><tr><th>family</th><th>beta</th><th>EBOPs</th>{heads}<th>Pareto front</th></tr>
{_rows(trials, config)}</table></body></html>
"""
    path = out / "index.html"
    path.write_text(page, encoding="utf-8")
    return path
