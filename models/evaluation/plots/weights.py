"""Plots of weights: their distributions, and their sums in eta and phi."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from l1kd.emulators.array_types import Floats
from l1kd.models.evaluation.plots.style import Looks, balanced
from l1kd.physics.maps import ETA_EDGES, PHI_EDGES
from l1kd.plot_style import legend, new_figure, styled
from l1kd.processors.particles import NO_PILEUP
from l1kd.report.weight_records import WeightHistograms

__all__ = ["event_map", "ratio_maps", "weight_histograms"]


@styled
def weight_histograms(histograms: WeightHistograms, look: Looks) -> Figure:
    """Distributions of the weights, one panel for each class of particles, logarithmic."""
    figure = new_figure(11.5, 8.2)
    panels = figure.subplots(2, 2, sharex=True).ravel()
    edges = np.asarray(histograms.edges)
    for axes, (title, rows) in zip(panels, histograms.counts.items(), strict=True):
        total = max((sum(counts) for counts in rows.values()), default=0)
        for name, values in rows.items():
            counts = np.asarray(values, dtype=np.float64)
            if name == "none" or not counts.sum():
                continue
            style = look[name]
            # empty bins have no place on a logarithmic axis
            shown = np.where(counts > 0, counts, np.nan)
            axes.stairs(
                shown, edges, baseline=None, color=style.colour, linestyle=style.line, linewidth=1.4
            )
            axes.errorbar(
                (edges[1:] + edges[:-1]) / 2,
                shown,
                np.sqrt(shown),
                color=style.colour,
                linestyle="none",
                elinewidth=0.8,
                marker=style.marker,
                markersize=3,
                label=style.label,
            )
        axes.set_title(f"{title}: {total:,} particles")
        axes.set(yscale="log", xlim=(-0.02, 1.02), ylabel="particles / 0.02")
        axes.set_ylim(0.7, None)
    for axes in panels[2:]:
        axes.set_xlabel("weight")
    legend(figure, balanced(len(look)))
    return figure


def _grid(n: int) -> tuple[Figure, Any]:
    """Make a figure of n panels with as few places left empty as there can be."""
    columns = min(n, 3 if n in (5, 6, 9) else 4)
    rows = -(-n // max(columns, 1))
    figure = new_figure(1.0 + 3.2 * columns, 0.7 + 3.0 * rows)
    return figure, figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)


def _finish(panels: Any, n: int) -> None:
    """Label the outer axes and take away the panels that are not needed."""
    flat, columns = panels.ravel(), panels.shape[1]
    for axes in flat[n:]:
        axes.set_axis_off()
    for axes in flat[:n]:
        axes.minorticks_off()
    for axes in flat[max(n - columns, 0) : n]:
        axes.set_xlabel(r"$\eta$")
        axes.tick_params(labelbottom=True)
    for axes in panels[:, 0]:
        axes.set_ylabel(r"$\phi$ [rad]")


def _mesh(axes: Axes, values: Floats, **style: Any) -> Any:
    return axes.pcolormesh(ETA_EDGES, PHI_EDGES, values.T, rasterized=True, **style)


@styled
def ratio_maps(maps: Mapping[str, Floats], look: Looks, label: str) -> Figure:
    """Draw sums over all events divided by those without pile-up, in eta and phi.

    Parameters
    ----------
    maps
        float[eta, phi] by weighting; `NO_PILEUP` is the denominator. `none` is not drawn.
    look
        Looks of the weightings.
    label
        What was summed.
    """
    plain = maps[NO_PILEUP]
    names = [name for name in maps if name not in ("none", NO_PILEUP)]
    figure, panels = _grid(len(names))
    mesh = None
    for axes, name in zip(panels.ravel(), names, strict=False):
        ratio = np.divide(maps[name], plain, out=np.full(plain.shape, np.nan), where=plain > 0)
        mesh = _mesh(axes, ratio, cmap="RdBu_r", vmin=0.0, vmax=2.0)
        total = maps[name].sum() / plain.sum() if plain.sum() else np.nan
        axes.set_title(f"{look[name].label}: {total:.2f} of no pile-up", fontsize=11)
    _finish(panels, len(names))
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=panels, pad=0.01, extend="max")
        bar.set_label(f"{label}, ratio to no pile-up")
    return figure


@styled
def event_map(maps: Mapping[str, Floats], look: Looks) -> Figure:
    """One event: weighted pt in cells of eta and phi, the one without pile-up first."""
    names = list(maps)
    figure, panels = _grid(len(names))
    norm = mpl.colors.LogNorm(0.3, 100.0)
    mesh = None
    for axes, name in zip(panels.ravel(), names, strict=False):
        shown = np.where(maps[name] > 0.3, maps[name], np.nan)
        mesh = _mesh(axes, shown, cmap="viridis_r", norm=norm)
        axes.set_title(f"{look[name].label}: {maps[name].sum():.0f} GeV", fontsize=11)
    _finish(panels, len(names))
    if mesh is not None:
        bar = figure.colorbar(mesh, ax=panels, pad=0.01, extend="max")
        bar.set_label(r"weighted $p_T$ / cell [GeV]")
    return figure
