"""Plots of rates, efficiencies and event scores; see `l1kd.plots`."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from l1kd.plot_style import DASHES, band, colour_of, drawn, frame, new_figure, styled
from l1kd.statistics import weighted_survival
from l1kd.trigger.rates.curves import Normalisation, RateCurve

__all__ = ["efficiency_versus_rate", "rate_versus_threshold", "score_distributions"]


@styled
def rate_versus_threshold(
    curves: Mapping[str, RateCurve], *, variable: str, norm: Normalisation
) -> Figure:
    """Rate against threshold with Clopper-Pearson bands, down to the last event.

    An arrow marks the upper limit from where nothing passes; the line across is the budget.

    Parameters
    ----------
    curves
        For each name (weighting) its curve, thresholds rising.
    variable
        Label of the horizontal axis, with its unit.
    norm
        Normalisation of the curves; its budget is drawn where it has one.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    lowest, right, left = norm.input_hz, -np.inf, np.inf
    for i, (name, curve) in enumerate(curves.items()):
        colour, line = colour_of(name, i), DASHES.get(name, "-")
        some = ~curve.upper_limit
        x, rate = curve.thresholds[some], curve.rate[some] / 1e3
        axes.plot(x, rate, color=colour, linestyle=line, label=drawn(name))
        left = min(left, float(curve.thresholds.min(initial=np.inf)))
        right = max(right, float(curve.thresholds.max(initial=0.0)))
        axes.fill_between(
            x, curve.low[some] / 1e3, curve.high[some] / 1e3, color=colour, alpha=0.18, linewidth=0
        )
        if curve.upper_limit.any():
            first = int(np.flatnonzero(curve.upper_limit)[0])
            limit = (curve.thresholds[first : first + 1], curve.high[first : first + 1] / 1e3)
            axes.errorbar(
                *limit, yerr=0.45 * limit[1], uplims=True, color=colour, linestyle="none",
                marker="_", markersize=7, elinewidth=1.4, capsize=3.5, clip_on=False, zorder=3,
            )  # fmt: skip
        lowest = min(lowest, norm.input_hz / max(curve.n_total, 1))
    if not any((curve.n_pass[1:] > 0).any() for curve in curves.values()):
        axes.text(
            0.5, 0.55, "no event reaches a threshold above the smallest", ha="center",
            transform=axes.transAxes, color="#555555",
        )  # fmt: skip
    if norm.budget_hz is not None:
        axes.axhline(norm.budget_hz / 1e3, color="#555555", linewidth=1.0, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{norm.budget_hz / 1e3:g}\nkHz",
            (1.01, norm.budget_hz / 1e3),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9.5,
            color="#555555",
        )
    axes.set_ylim(lowest / 4e3, norm.input_hz * 2 / 1e3)
    axes.set_yscale("log")
    axes.set(xlabel=f"threshold on {variable}", ylabel="rate [kHz]")
    if left < right:
        # upper limits stand at the end of the curves: leave room for their arrows
        axes.set_xlim(left, right + 0.03 * (right - left))
    frame(figure, right=0.5)
    return figure


@styled
def efficiency_versus_rate(
    background: ArrayLike,
    signals: Mapping[str, ArrayLike],
    norm: Normalisation,
    weights: Mapping[str, ArrayLike] = MappingProxyType({}),
) -> Figure:
    """Fraction of each signal that a threshold keeps, against the rate at that threshold.

    `weights` holds the event weights of the signals that have any.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    zero_bias = np.sort(np.asarray(background, dtype=np.float64))
    cuts = np.unique(zero_bias)[::-1]
    share = (zero_bias.size - np.searchsorted(zero_bias, cuts)) / max(zero_bias.size, 1)
    rate = share * norm.input_hz / 1e3
    for i, (name, values) in enumerate(signals.items()):
        x = np.asarray(values, dtype=np.float64)
        w = np.asarray(weights.get(name, np.ones(x.size)), dtype=np.float64)
        passed, low, high = weighted_survival(x, cuts, w)
        colour = colour_of(name, i)
        axes.plot(rate, passed, color=colour, label=drawn(name))
        axes.fill_between(rate, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.set_xscale("log")
    axes.set(xlabel="rate [kHz]", ylabel="signal efficiency", ylim=(0, 1.02))
    axes.margins(x=0)
    frame(figure, right=0.5)
    return figure


@styled
def score_distributions(
    scores: Mapping[str, ArrayLike],
    *,
    weights: Mapping[str, ArrayLike] = MappingProxyType({}),
    variable: str = "CICADA score",
    bins: int | None = None,
) -> Figure:
    """Normalised distributions of an event score for several samples, with their errors.

    `weights` holds the event weights of the samples that have any; the number in the legend is
    that of the events. `bins` is by default what the smallest sample can fill.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    arrays = {name: np.asarray(x, dtype=np.float64) for name, x in scores.items()}
    filled = [x for x in arrays.values() if x.size]
    low = min((float(x.min()) for x in filled), default=0.0)
    high = max((float(x.max()) for x in filled), default=1.0)
    if bins is None:
        # few events are not spread over many bins
        bins = int(np.clip(2.5 * np.sqrt(min((x.size for x in filled), default=0)), 8, 40))
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    for i, (name, x) in enumerate(arrays.items()):
        w = np.asarray(weights.get(name, np.ones(x.size)), dtype=np.float64)
        counts = np.histogram(x, edges, weights=w)[0]
        squares = np.histogram(x, edges, weights=w * w)[0]
        total = max(float(counts.sum()), np.finfo(float).tiny)
        band(
            axes, edges, counts / total, np.sqrt(squares) / total, color=colour_of(name, i),
            label=f"{drawn(name)} ({x.size})",
        )  # fmt: skip
    most = max((x.size for x in filled), default=1)
    axes.set_ylim(0.3 / most, 1.5)  # before the scale: an empty sample has no range of its own
    axes.set(xlabel=variable, ylabel="share of events", yscale="log")
    axes.set_xlim(edges[0], edges[-1])
    frame(figure, right=0.5)
    return figure
