"""The page of a search: its trials as a plot, the Pareto front as a table, all trials as JSON."""

import base64
import html
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from l1kd.models.objects.search.config import ObjectSearchConfig
from l1kd.models.objects.search.run import SearchOptions
from l1kd.models.search.front import best_trial, finished, pareto_front
from l1kd.models.search.trial import Trial
from l1kd.plot_style import frame, new_figure, save, styled

__all__ = ["front_figure", "write_page"]


def _costs_and_errors(trials: Sequence[Trial]) -> tuple[list[int], list[float]]:
    known = [
        (t.cost, t.objective) for t in trials if t.cost is not None and t.objective is not None
    ]
    return [cost for cost, _ in known], [error for _, error in known]


@styled
def front_figure(trials: Sequence[Trial], title: str) -> Figure:
    """Draw error against cost of the finished trials, with the Pareto front."""
    figure = new_figure()
    axes = figure.subplots()
    done, front = finished(trials), pareto_front(trials)
    axes.scatter(*_costs_and_errors(done), s=14, c="#8c8c8c", label="trials")
    axes.plot(*_costs_and_errors(front), "o-", color="#c2185b", label="Pareto front")
    axes.set(xscale="log", yscale="log", xlabel="EBOPs", ylabel="MSE of the log score")
    frame(figure)
    axes.annotate(title, (0.97, 0.95), xycoords="axes fraction", ha="right", va="top")
    return figure


def described(trial: Trial) -> tuple[str, str]:
    """Return layers and number formats of a trial's student, in words."""
    student = trial.student
    numbers = student["numbers"]
    if isinstance(numbers, dict) and "beta" in numbers:
        text = f"HGQ2, beta {numbers['beta']:.1e}"
    elif isinstance(numbers, dict):
        text = (
            f"weights {numbers['weight']} bits ({numbers['weight_integer']} integer), "
            f"activations {numbers['activation']} ({numbers['activation_integer']})"
        )
    else:
        text = "floating point"
    return "-".join(str(size) for size in student["hidden"]), text


def write_page(
    trials: Sequence[Trial], options: SearchOptions, config: ObjectSearchConfig, out: Path
) -> Path:
    """Write ``index.html``, ``front.png``, ``front.svg`` and ``trials.json`` into a folder.

    Returns
    -------
    pathlib.Path
        The page, which needs no other file.
    """
    title = f"{options.strategy}, seed {options.seed}"
    save(front_figure(trials, title), out, "front")
    content = {
        "strategy": options.strategy,
        "seed": options.seed,
        "configuration": config.model_dump(mode="json"),
        "trials": [trial.as_dict() for trial in trials],
    }
    (out / "trials.json").write_text(json.dumps(content) + "\n", encoding="utf-8")
    best = best_trial(trials)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(trial)) + "</tr>\n"
        for trial in pareto_front(trials)
    )
    picture = base64.b64encode((out / "front.png").read_bytes()).decode()
    states = [trial.state for trial in trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    seconds = sum(trial.seconds for trial in trials)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Search: {html.escape(title)}</title>
<style>body{{font-family:sans-serif;max-width:60em;margin:2em auto}}
td,th{{padding:.2em .8em;text-align:left}}</style></head><body>
<h1>Search for students: {html.escape(title)}</h1>
<p>{len(trials)} trials ({counts}), {seconds:.0f} s of training in all; best:
{f"trial {best.number}" if best else "none"}. The error is the mean squared difference of the
student's score log(1 + 1000 x) from that of the teacher, half on validation background and half on
merged events; signals do not count.</p>
<img alt="error against cost" src="data:image/png;base64,{picture}">
<h2>Pareto front</h2>
<table><tr><th>trial</th><th>hidden layers</th><th>numbers</th><th>MSE</th><th>EBOPs</th></tr>
{rows}</table></body></html>
"""
    path = out / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def _cells(trial: Trial) -> tuple[str, ...]:
    layers, numbers = described(trial)
    return str(trial.number), layers, numbers, f"{trial.objective:.4f}", f"{trial.cost:,}"
