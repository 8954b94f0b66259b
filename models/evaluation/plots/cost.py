"""Plots of tails, of the importance of inputs and of times."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from l1kd.models.evaluation.importance import UNTOUCHED
from l1kd.models.evaluation.plots.style import Looks, balanced, percent
from l1kd.physics.response import ResponseSample
from l1kd.physics.tails import fake_met, survival
from l1kd.plot_style import legend, new_figure, styled
from l1kd.report.numbers import Number, Table
from l1kd.report.summary import Summary
from l1kd.statistics import effective_counts

__all__ = ["fake_met_tails", "importance", "latencies"]


@styled
def fake_met_tails(sample: ResponseSample, scales: Mapping[str, float], look: Looks) -> Figure:
    """Share of background events with fake MET above a threshold.

    Parameters
    ----------
    sample
        Background events.
    scales
        Response of each weighting in the test sample, by which the right panel divides.
    look
        Looks of the weightings.
    """
    figure = new_figure(11.5, 5.4)
    panels = figure.subplots(1, 2, sharey=True)
    shown = [w for w in sample.met if w != "none"]
    n_effective = effective_counts(np.ones(sample.weight.size), sample.weight)[1]
    # below half an event there is nothing to see
    lowest = 0.5 / max(n_effective, 1.0)
    everything = np.concatenate([fake_met(sample, w) for w in shown])
    cuts = np.linspace(0.0, 1.3 * float(everything.max(initial=1.0)), 120)
    seen = 0.0
    for axes, corrected in zip(panels, (False, True), strict=True):
        for name in shown:
            scale = scales.get(name, np.nan) if corrected else 1.0
            scaled = sample._replace(met={name: sample.met[name] / scale})
            values = fake_met(scaled, name)
            if not np.isfinite(values).all():
                continue
            share, low, high = survival(values, sample.weight, cuts)
            filled = share >= lowest
            seen = max(seen, float(cuts[filled].max(initial=0.0)))
            style = look[name]
            axes.plot(
                cuts[filled],
                share[filled],
                color=style.colour,
                linestyle=style.line,
                label=style.label,
            )
            axes.fill_between(
                cuts[filled],
                low[filled],
                high[filled],
                color=style.colour,
                alpha=0.13,
                linewidth=0,
            )
        what = "divided by the response, " if corrected else ""
        axes.set(xlabel=f"fake MET, {what}[GeV]".replace(", [", " ["), yscale="log")
    for axes in panels:
        axes.set_xlim(0.0, 1.05 * max(seen, 1.0))
    panels[0].set(ylabel="share of events above", ylim=(lowest, 1.3))
    legend(figure, balanced(len(shown)))
    return figure


def _loss(ratio: Number | None) -> Number | None:
    """Loss of resolution, the ratio to the untouched network minus one."""
    if ratio is None or ratio.value is None:
        return None
    ends = {"value": ratio.value, "low": ratio.low, "high": ratio.high}
    return Number(n=ratio.n, **{key: None if x is None else x - 1.0 for key, x in ends.items()})


@styled
def importance(table: Table, colour: str) -> Figure:
    """Draw what a network loses when an input is shuffled: MET, jets, its weights."""
    names = [name for name in table if name != UNTOUCHED]
    whole = {name: row["met"].value or 1.0 for name, row in table.items() if name in names}
    whole = {name: x + (table[name]["jets"].value or 1.0) for name, x in whole.items()}
    names.sort(key=lambda name: whole[name])
    figure = new_figure(12.0, 1.3 + 0.34 * len(names))
    panels = figure.subplots(1, 3, sharey=True)
    places = np.arange(len(names))
    for axes, quantity, title in zip(
        panels[:2], ("met", "jets"), ("MET resolution", "jet resolution"), strict=True
    ):
        values, errors = percent(_loss(table[name].get(quantity)) for name in names)
        axes.barh(places, values, color=colour, alpha=0.45, height=0.72)
        axes.errorbar(
            values, places, xerr=np.array(errors).T, linestyle="none", color=colour, elinewidth=1.4
        )
        axes.set(xlabel=f"loss of {title} [%]")
        axes.axvline(0.0, color="#777777", linewidth=0.8)
    errors_of = [table[name]["mean_absolute_error"] for name in names]
    base = table[UNTOUCHED]["mean_absolute_error"].value or 0.0
    values, errors = percent(errors_of)
    panels[2].barh(places, [v - 100 * base for v in values], color=colour, alpha=0.45, height=0.72)
    panels[2].errorbar(
        [v - 100 * base for v in values],
        places,
        xerr=np.array(errors).T,
        linestyle="none",
        color=colour,
        elinewidth=1.4,
    )
    panels[2].set(xlabel="rise of the weights' mean error [0.01]")
    panels[2].axvline(0.0, color="#777777", linewidth=0.8)
    panels[0].set_yticks(places, [name.replace("_", " ") for name in names])
    for axes in panels:
        axes.tick_params(axis="y", which="both", left=False, right=False)
        axes.tick_params(axis="y", which="minor", left=False, right=False)
        axes.set_ylim(-0.6, len(names) - 0.4)
    return figure


@styled
def latencies(summary: Summary, look: Looks) -> Figure:
    """Processor time for 9,000 particles against the particles a call."""
    figure = new_figure(7.6, 5.4)
    axes = figure.add_subplot()
    for model in summary.networks:
        if model.latency is None:
            continue
        points, style = model.latency.points, look[model.name]
        x = [p.particles for p in points]
        y = np.array([p.cpu_ms for p in points])
        error = np.array([[p.cpu_ms - p.low, p.high - p.cpu_ms] for p in points]).T
        axes.errorbar(
            x, y, error, color=style.colour, marker=style.marker, linestyle=style.line,
            label=style.label,
        )  # fmt: skip
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="particles a call",
        ylabel="processor time for 9,000 particles [ms]",
    )
    axes.grid(which="major", color="#e6e6e6", linewidth=0.7)
    legend(figure, balanced(len(summary.networks), 4))
    return figure
