"""Plots of resolutions: gains, responses, and everything in bins."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from l1kd.models.evaluation.plots.style import (
    ASSOCIATION_LABELS,
    Look,
    Looks,
    balanced,
    of_test,
    offsets,
    percent,
)
from l1kd.physics.response import ResponseSample
from l1kd.plot_style import FEWEST, band, legend, new_figure, styled
from l1kd.report.numbers import BinTable, Number, gain
from l1kd.report.summary import Summary

__all__ = ["PAPER_GAINS", "gains", "responses", "versus"]

PAPER_GAINS = {"teacher": (10.0, 18.0), "distillnet": (6.5, 12.0)}
"""Gains [%] in MET and jets over PUPPI that Bal et al. (2024) report, by kind of network."""

_QUANTITIES = {
    "resolution": "resolution  (q75 - q25) / 2",
    "corrected": "response-corrected resolution",
    "u_response": r"response  $-\langle u_\parallel\rangle\,/\,\langle q_T\rangle$",
    "u_parallel_corrected": r"width of $u_\parallel$, corrected [GeV]",
    "u_perp_corrected": r"width of $u_\perp$, corrected [GeV]",
}

_SQUEEZED = 6.0
"""An axis is logarithmic where the largest value is so many times the median one."""

_HIDDEN = ("none",)
"""Not drawn in bins: without a weight the others would be squeezed into a corner."""


def _intervals(numbers: Sequence[Number | None]) -> tuple[Any, Any]:
    """Values and errors float[n], float[2, n] with NaN for what could not be computed."""
    values, errors = percent(numbers)
    return np.array(values) / 100.0, np.array(errors).reshape(-1, 2).T / 100.0


@styled
def gains(summary: Summary, look: Looks) -> Figure:
    """Gain of every weighting over PUPPI, in MET and jets, plain and response-corrected."""
    kinds = {m.name: m.kind for m in summary.networks}
    records = of_test(summary)
    names = [n for n in records[0].met if n not in ("none", "puppi")]
    columns = [
        ("met", "resolution_ratio", "MET"),
        ("met", "corrected_ratio", "MET, response-corrected"),
        ("jets", "resolution_ratio", "jets"),
        ("jets", "corrected_ratio", "jets, response-corrected"),
    ]
    figure = new_figure(12.0, 1.5 + 0.52 * len(names))
    panels = figure.subplots(1, len(columns), sharey=True)
    for axes, (table, quantity, title) in zip(panels, columns, strict=True):
        for record, shift in zip(records, offsets(len(records), 0.5), strict=True):
            rows = getattr(record, table)
            values, errors = percent(gain(rows[n].get(quantity)) for n in names)
            for row, (name, value, error) in enumerate(zip(names, values, errors, strict=True)):
                axes.errorbar(
                    value,
                    row + shift,
                    xerr=np.array(error).reshape(2, 1),
                    marker="o" if record.association == "dz" else "s",
                    markerfacecolor=look[name].colour if record.association == "dz" else "white",
                    color=look[name].colour,
                )
        for row, name in enumerate(names):
            paper = PAPER_GAINS.get(kinds.get(name, ""))
            if paper and quantity == "resolution_ratio":
                place = paper[0 if table == "met" else 1]
                axes.plot([place] * 2, [row - 0.42, row + 0.42], color="black", linewidth=1.2)
        axes.axvline(0.0, color=look["puppi"].colour, linewidth=1.2, zorder=0)
        axes.set(xlabel="gain over PUPPI [%]", ylim=(len(names) - 0.4, -0.6))
        axes.set_title(title)
        axes.tick_params(axis="y", which="both", left=False, right=False)
        axes.grid(axis="x", color="#e6e6e6", linewidth=0.7)
        axes.set_axisbelow(True)
    panels[0].set_yticks(range(len(names)), [look[n].label for n in names])
    _association_legend(figure, summary, kinds)
    return figure


def _association_legend(figure: Figure, summary: Summary, kinds: Mapping[str, str]) -> None:
    handles = [
        Line2D(
            [],
            [],
            color="#444444",
            linestyle="none",
            marker="o" if r.association == "dz" else "s",
            markerfacecolor="#444444" if r.association == "dz" else "white",
            label=ASSOCIATION_LABELS[r.association],
        )
        for r in of_test(summary)
    ]
    if set(kinds.values()) & set(PAPER_GAINS):
        paper = "Bal et al. 2024, their samples"
        handles.append(
            Line2D([], [], color="black", marker="|", linestyle="none", markersize=11, label=paper)
        )
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)


def _distribution(
    axes: Axes, values: Mapping[str, NDArray[Any]], weight: Any, edges: Any, look: Looks
) -> None:
    for name, x in values.items():
        known = np.isfinite(x)
        counts = np.histogram(x[known], edges, weights=weight[known])[0]
        squares = np.histogram(x[known], edges, weights=weight[known] ** 2)[0]
        style = look[name]
        band(
            axes, edges, counts.astype(np.float64), np.sqrt(squares), color=style.colour,
            linestyle=style.line, label=style.label,
        )  # fmt: skip
    axes.set(xlim=(edges[0], edges[-1]))
    axes.set_ylim(0.0, None)


@styled
def responses(sample: ResponseSample, look: Looks) -> Figure:
    """Distributions of the relative error of MET and of the jets' response."""
    figure = new_figure(11.5, 5.2)
    left, right = figure.subplots(1, 2)
    edges = np.linspace(-1.0, 2.0, 31)
    met = {w: sample.relative_met(w) for w in sample.met}
    _distribution(left, met, sample.weight, edges, look)
    left.set(xlabel=r"(MET $-$ MET$_{gen}$) / MET$_{gen}$", ylabel="events / 0.1")
    edges = np.linspace(0.4, 1.8, 36)
    jets = {w: sample.jet_response(w) for w in sample.jet_pt}
    _distribution(right, jets, sample.weight[sample.gen_jet_event], edges, look)
    right.set(xlabel=r"$p_T\;/\;p_{T,gen}$ of matched jets", ylabel="jets / 0.04")
    legend(figure, balanced(len(sample.met)))
    return figure


def _panel(
    axes: Axes,
    bins: Sequence[BinTable],
    quantity: str,
    names: Sequence[str],
    look: Mapping[str, Look],
    gained: bool,
) -> None:
    """Points of one quantity, or of its gain over PUPPI [%], with their intervals."""
    places = np.arange(len(bins)) + 0.5
    for name, shift in zip(names, offsets(len(names)), strict=True):
        numbers = [_drawable(b, name, quantity) for b in bins]
        if gained:
            numbers = [gain(x) for x in numbers]
        values, errors = _intervals(numbers)
        scale = 100.0 if gained else 1.0
        style = look[name]
        axes.errorbar(
            places + shift,
            values * scale,
            errors * scale,
            color=style.colour,
            marker=style.marker,
            linestyle="none",
            elinewidth=1.2,
            label=None if gained else style.label,
        )
    for edge in range(1, len(bins)):
        axes.axvline(edge, color="#dddddd", linewidth=0.7, zorder=0)
    axes.tick_params(axis="x", which="minor", bottom=False, top=False)
    axes.set_xlim(0, len(bins))


def _drawable(b: BinTable, name: str, quantity: str) -> Number | None:
    """Return the number of a bin, unless it or the reference rests on too few entries."""
    rows = [b.table[n] for n in (name, "puppi") if n in b.table]
    base = quantity.removesuffix("_ratio")
    if name not in b.table or any(row[base].n < FEWEST for row in rows):
        return None
    return b.table[name].get(quantity)


def _drawn(bins: Sequence[BinTable]) -> list[str]:
    """Weightings of the bins' tables that are drawn."""
    names: dict[str, None] = {}
    for b in bins:
        names |= dict.fromkeys(b.table)
    return [n for n in names if n not in _HIDDEN]


@styled
def versus(
    bins: Sequence[BinTable],
    look: Looks,
    variable: str,
    quantities: Sequence[str] = ("resolution", "corrected"),
) -> Figure:
    """Draw quantities in bins, one panel each, and below them the gain over PUPPI.

    Parameters
    ----------
    bins
        Tables in bins, of an `ResolutionStudy`.
    look
        Looks of the weightings.
    variable
        Label of the horizontal axis, with its unit.
    quantities
        What to draw. A response has no gain.
    """
    names = _drawn(bins)
    figure = new_figure(5.6 * len(quantities) + 0.4, 6.4)
    grid = figure.add_gridspec(2, len(quantities), height_ratios=(1.7, 1.0))
    for column, quantity in enumerate(quantities):
        if quantity.endswith("response"):
            above = lowest = figure.add_subplot(grid[:, column])
            above.axhline(1.0, color="#999999", linewidth=1.0, zorder=0)
        else:
            above = figure.add_subplot(grid[0, column])
            lowest = figure.add_subplot(grid[1, column], sharex=above)
            above.tick_params(labelbottom=False)
        _panel(above, bins, quantity, names, look, gained=False)
        above.set_ylabel(_QUANTITIES[quantity])
        if lowest is not above:
            _scale(above, bins, quantity, names)
            compared = [n for n in names if n != "puppi"]
            _panel(lowest, bins, f"{quantity}_ratio", compared, look, gained=True)
            lowest.axhline(0.0, color=look["puppi"].colour, linewidth=1.2, zorder=0)
            low, high = lowest.get_ylim()
            lowest.set(ylabel="gain over PUPPI [%]", ylim=(max(low, -100.0), min(high, 100.0)))
        lowest.set_xlabel(variable)
        lowest.set_xticks(range(len(bins) + 1), _edge_labels(bins))
    legend(figure, balanced(len(names)))
    return figure


def _scale(axes: Axes, bins: Sequence[BinTable], quantity: str, names: Sequence[str]) -> None:
    """Start at zero, or go logarithmic where one bin would squeeze all others."""
    numbers = [_drawable(b, name, quantity) for b in bins for name in names]
    values = [x.value for x in numbers if x is not None and x.value]
    if values and max(values) > _SQUEEZED * float(np.median(values)):
        axes.set_yscale("log")
        axes.set_ylim(0.5 * min(values), 1.6 * max(values))
    else:
        axes.set_ylim(0.0, None)


def _edge_labels(bins: Sequence[BinTable]) -> list[str]:
    last = bins[-1].high
    return [f"{b.low:g}" for b in bins] + [r"$\infty$" if last is None else f"{last:g}"]
