"""Plots of a run: every function returns a matplotlib Figure, `save` writes it as SVG and PNG.

All quantities have their unit on the axis and their statistical uncertainty drawn; legends stand
above the axes, never on the data. No figure goes through pyplot, so nothing is kept alive and any
thread may draw.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import hist
import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from l1kd.emulators.array_types import Floats
from l1kd.physics.response import ResponseSample
from l1kd.plot_style import (
    DASHES,
    FEWEST,
    LABELS,
    MARKERS,
    band,
    colour_of,
    drawn,
    frame,
    label_of,
    new_figure,
    save,
    styled,
)
from l1kd.statistics import quantile
from l1kd.trigger.plots.quantities import (
    efficiency_versus_rate,
    rate_versus_threshold,
    score_distributions,
)

__all__ = [
    "LABELS",
    "efficiency_versus_rate",
    "event_display",
    "jet_response",
    "label_of",
    "met_response",
    "rate_versus_threshold",
    "resolution_versus",
    "save",
    "score_distributions",
    "weight_histograms",
]

FEW = 400
"""So many entries make a histogram; fewer are drawn as points and quartiles."""


@styled
def met_response(sample: ResponseSample, *, edges: ArrayLike | None = None) -> Figure:
    """Distribution of (MET - gen) / gen for each weighting."""
    shown = {w: sample.relative_met(w) for w in sample.met}
    return _distributions(
        shown,
        sample.weight,
        np.linspace(-1.0, 2.5, 36) if edges is None else np.asarray(edges),
        r"(MET $-$ MET$_{gen}$) / MET$_{gen}$",
        "events",
    )


@styled
def jet_response(sample: ResponseSample, *, edges: ArrayLike | None = None) -> Figure:
    """Distribution of the jets' pt over the generated pt for each weighting."""
    shown = {w: sample.jet_response(w) for w in sample.jet_pt}
    return _distributions(
        shown,
        sample.weight[sample.gen_jet_event],
        np.linspace(0.0, 2.5, 51) if edges is None else np.asarray(edges),
        r"$p_T\;/\;p_{T,gen}$ of matched jets",
        "jets",
    )


def _distributions(
    values: Mapping[str, Floats], weight: Floats, edges: Floats, label: str, counted: str
) -> Figure:
    """Several weightings in one frame: histograms, or points where there are few entries."""
    most = max((int(np.isfinite(x).sum()) for x in values.values()), default=0)
    if most < FEW:
        return _rows(values, weight, edges, label, counted)
    figure = new_figure()
    axes = figure.add_subplot()
    for i, (name, x) in enumerate(values.items()):
        known = np.isfinite(x)
        counts = np.histogram(x[known], edges, weights=weight[known])[0].astype(np.float64)
        squares = np.histogram(x[known], edges, weights=weight[known] ** 2)[0]
        style = {"color": colour_of(name, i), "linestyle": DASHES.get(name, "-")}
        band(axes, edges, counts, np.sqrt(squares), label=drawn(name), **style)
    axes.set(xlabel=label, ylabel=f"{counted} / {edges[1] - edges[0]:.2f}", ylim=(0, None))
    axes.set_xlim(edges[0], edges[-1])
    frame(figure)
    return figure


def _rows(
    values: Mapping[str, Floats], weight: Floats, edges: Floats, label: str, counted: str
) -> Figure:
    """One row a weighting: every entry a point, a box from quartile to quartile, the median."""
    figure = new_figure(6.6, 1.35 + 0.52 * max(len(values), 2))
    axes = figure.add_subplot()
    places = np.arange(len(values))[::-1]
    # a fixed scatter within the row, so that points of like value are seen
    for i, (place, (name, x)) in enumerate(zip(places, values.items(), strict=True)):
        known = np.isfinite(x)
        shown, n = x[known], int(known.sum())
        colour = colour_of(name, i)
        height = 0.56 * ((np.arange(n) * 0.618034) % 1.0 - 0.5)
        inside = (shown >= edges[0]) & (shown <= edges[-1])
        axes.plot(
            shown[inside], place + height[inside], ".", color=colour, alpha=0.35, markersize=3.5,
            markeredgewidth=0,
        )  # fmt: skip
        low, median, high = quantile(shown, (0.25, 0.5, 0.75), weight[known])
        axes.barh(
            place, high - low, left=low, height=0.62, facecolor="none", edgecolor=colour,
            linewidth=1.4,
        )  # fmt: skip
        axes.plot([median, median], [place - 0.31, place + 0.31], color=colour, linewidth=2.4)
        axes.annotate(
            f"{n}", (0.985, place), xycoords=("axes fraction", "data"), ha="right", va="center",
            fontsize=9.5, color="#555555",
        )  # fmt: skip
    right = 1.0 if edges[0] >= 0.0 else 0.0
    axes.axvline(right, color="#999999", linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
    axes.set_yticks(places, [drawn(name) for name in values])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.set(xlabel=f"{label}   (boxes: quartiles; right: {counted})")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(-0.6, len(values) - 0.4)
    frame(figure, left=1.55)
    return figure


@styled
def resolution_versus(
    bins: Sequence[Mapping[str, Any]],
    *,
    variable: str,
    quantity: str = "corrected",
    label: str | None = None,
    reference: str = "puppi",
) -> Figure:
    """Draw a quantity in bins for each weighting, and below it the ratio to the reference.

    Below, `none` is not drawn: its ratio would flatten the others.

    Parameters
    ----------
    bins
        Result of `l1kd.physics.response.met_bins` or `jet_bins`.
    variable
        Label of the horizontal axis, with its unit.
    quantity
        Which number of the tables, for example "resolution" or "corrected".
    label
        Label of the vertical axis; by default what the quantity is called.
    reference
        Weighting to which the ratios in the tables refer.
    """
    figure = new_figure(6.6, 5.8)
    above, below = figure.subplots(2, sharex=True, height_ratios=(2.4, 1.0))
    names = list(bins[0]["table"]) if bins else []
    # bins are drawn equally wide: their edges are labels, not a scale
    places = np.arange(len(bins)) + 0.5
    for i, name in enumerate(names):
        style: dict[str, Any] = {
            "color": colour_of(name, i),
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": "none",
            "elinewidth": 1.5,
            "label": drawn(name),
        }
        x = (places + 0.7 * (i - (len(names) - 1) / 2) / len(names)).astype(np.float64)
        _points(above, x, [b["table"][name].get(quantity) for b in bins], style)
        if name not in (reference, "none"):
            ratios = [b["table"][name].get(f"{quantity}_ratio") for b in bins]
            _points(below, x, ratios, style)
    below.axhline(1.0, color=colour_of(reference, 0), linewidth=1.2, zorder=0)
    below.set(xlabel=variable, ylabel=f"ratio to\n{drawn(reference)}", ylim=(0.0, None))
    above.tick_params(labelbottom=False)
    above.set(ylabel=label or _QUANTITIES.get(quantity, quantity), ylim=(0.0, None))
    _label_edges(below, bins)
    for axes in (above, below):
        axes.tick_params(axis="x", which="minor", bottom=False, top=False)
        for edge in range(1, len(bins)):
            axes.axvline(edge, color="#dddddd", linewidth=0.7, zorder=0)
    frame(figure, left=0.98, between=(0.3, 0.14))
    return figure


_QUANTITIES = {
    "resolution": "resolution  (q75 - q25) / 2",
    "corrected": "response-corrected resolution",
    "response": "median response",
    "u_perp_corrected": r"response-corrected width of $u_\perp$ [GeV]",
    "u_parallel_corrected": r"response-corrected width of $u_\parallel$ [GeV]",
}


def _label_edges(axes: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    """Label the ends of the bins, that of an open bin by infinity."""
    if not bins:
        return
    last = bins[-1]["high"]
    names = [f"{b['low']:g}" for b in bins] + [r"$\infty$" if last is None else f"{last:g}"]
    axes.set_xticks(np.arange(len(names)), names)
    axes.set_xlim(0, len(bins))


def _points(
    axes: Axes, x: Floats, numbers: Sequence[Mapping[str, Any] | None], style: dict[str, Any]
) -> None:
    """Points with their intervals; not of numbers of fewer than `FEWEST` entries.

    Quantiles of a handful of entries hardly vary between bootstrap replicas: their intervals would
    look better than they are.
    """
    known = [
        i
        for i, n in enumerate(numbers)
        if n is not None and n["value"] is not None and n["n"] >= FEWEST
    ]
    rows = [numbers[i] for i in known]
    value, low, high = (
        np.array([np.nan if r is None or r[key] is None else r[key] for r in rows], dtype=float)
        for key in ("value", "low", "high")
    )
    errors = np.nan_to_num(np.maximum(np.stack([value - low, high - value]), 0.0))
    axes.errorbar(x[known], value, errors, **style)


@styled
def weight_histograms(
    histogram: hist.Hist, *, groups: Mapping[str, Sequence[str]] | None = None
) -> Figure:
    """Distributions of particle weights, one panel for each group of kinds, by true origin.

    Parameters
    ----------
    histogram
        Axes weighting, kind, origin, value, as `ResolutionProcessor` fills it.
    groups
        Kinds that share a panel; by default charged particles, photons and neutral hadrons within
        the tracker, and forward particles.
    """
    groups = groups or {
        "charged": ("charged hadron", "electron", "muon"),
        "photons": ("photon",),
        "neutral hadrons": ("neutral hadron",),
        "forward": ("forward hadron", "forward e.m."),
    }
    figure = new_figure(11.0, 3.9)
    panels = figure.subplots(1, len(groups), sharey=True)
    edges = histogram.axes["value"].edges
    lines = {"hard": "-", "pile-up": (0, (3, 1.5)), "unknown": "-"}
    for axes, (title, kinds) in zip(np.atleast_1d(panels), groups.items(), strict=True):
        for i, name in enumerate(histogram.axes["weighting"]):
            for origin, line in lines.items():
                counts = sum(histogram[name, kind, origin, :].values() for kind in kinds)
                total = np.sum(counts)
                if total == 0:
                    continue
                own = drawn(name) + (f", {origin}" if origin != "unknown" else "")
                # empty bins have no place on a logarithmic axis
                seen = np.where(np.asarray(counts) > 0, counts, np.nan)
                band(
                    axes, edges, seen / total, np.sqrt(seen) / total,
                    color=colour_of(name, i), linestyle=line, linewidth=1.2, label=own,
                )  # fmt: skip
        axes.set_title(title)
        axes.set(xlabel="weight", yscale="log", xlim=(-0.03, 1.03), ylim=(1e-5, 3.0))
        axes.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        axes.tick_params(labelleft=axes is np.atleast_1d(panels)[0])
    np.atleast_1d(panels)[0].set_ylabel("share of particles / 0.02")
    frame(figure, 4, title=True, between=(0.12, 0.3))
    return figure


@styled
def event_display(
    pt: ArrayLike, eta: ArrayLike, phi: ArrayLike, weights: Mapping[str, ArrayLike | None]
) -> Figure:
    """One event in eta and phi, a panel for each weighting; area and colour show weighted pt.

    Parameters
    ----------
    pt, eta, phi
        float[n] of one event: GeV, pseudorapidity, rad.
    weights
        For each weighting float[n], or None for weight one.
    """
    momentum, x, y = (np.asarray(v, dtype=np.float64) for v in (pt, eta, phi))
    panels = max(len(weights), 1)
    figure = new_figure(3.6 * panels + 1.7, 4.3)
    grid = figure.add_gridspec(1, panels)
    norm = mpl.colors.LogNorm(0.5, 100.0)
    points = None
    for i, (name, weight) in enumerate(weights.items()):
        axes = figure.add_subplot(grid[0, i])
        scaled = momentum if weight is None else momentum * np.asarray(weight, dtype=np.float64)
        shown = np.flatnonzero(scaled > 0.1)
        shown = shown[np.argsort(scaled[shown])]
        points = axes.scatter(
            x[shown],
            y[shown],
            s=1.5 + 4.0 * scaled[shown] ** 0.9,
            c=np.clip(scaled[shown], 0.5, 100.0),
            norm=norm,
            cmap="viridis_r",
            linewidths=0,
            alpha=0.85,
            rasterized=True,
        )
        axes.set_title(
            f"{drawn(name)}: {scaled.sum():.0f} GeV, {shown.size} particles", fontsize=11
        )
        axes.set(xlabel=r"$\eta$", xlim=(-5.2, 5.2), ylim=(-np.pi, np.pi))
        axes.set_yticks([-3, -2, -1, 0, 1, 2, 3])
        axes.tick_params(labelleft=i == 0)
        if i == 0:
            axes.set_ylabel(r"$\phi$ [rad]")
    frame(figure, left=0.6, right=1.15, title=True, between=(0.14, 0.3))
    if points is not None:
        last = figure.axes[-1].get_position()
        place = (last.x1 + 0.12 / figure.get_figwidth(), last.y0, 0.014, last.height)
        bar = figure.colorbar(points, cax=figure.add_axes(place))
        bar.set_label(r"weighted $p_T$ [GeV]")
    return figure
