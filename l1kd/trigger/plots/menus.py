"""Plots of a menu's rates, of turn-ons and of algorithms at equal rate; see `l1kd.plots`."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from l1kd.plot_style import FEWEST, MARKERS, colour_of, drawn, frame, new_figure, styled
from l1kd.statistics import Estimate
from l1kd.trigger.counts.survival import Survival
from l1kd.trigger.efficiency.turn_on import Curve, Fit
from l1kd.trigger.rates.pileup import PileupBin, PileupFit
from l1kd.trigger.rates.tables import MenuRates

__all__ = [
    "efficiency_against_rate",
    "overlap_map",
    "pileup_dependence",
    "scan_curves",
    "seed_rates",
    "turn_ons",
]


def _room(names: Sequence[str], size: float) -> float:
    """Room [inch] that the longest name takes at a font size."""
    return 0.3 + max((len(name) for name in names), default=0) * size * 0.0088


@styled
def seed_rates(rates: MenuRates, *, most: int = 25) -> Figure:
    """Draw final, proportional and pure rate of the seeds that cost most, with intervals."""
    seeds = sorted((s for s in rates.seeds if s.final.high > 0), key=lambda s: -s.final.value)
    chosen = seeds[:most][::-1]
    names = [drawn(seed.name) for seed in chosen]
    figure = new_figure(5.6 + _room(names, 9.0), 1.3 + 0.27 * max(len(chosen), 3))
    axes = figure.add_subplot()
    places = np.arange(len(chosen), dtype=np.float64)
    for i, (name, label) in enumerate(
        (("final", "final"), ("proportional", "proportional"), ("pure", "pure"))
    ):
        numbers = [getattr(seed, name) for seed in chosen]
        value = np.array([n.value for n in numbers]) / 1e3
        some = value > 0.0
        errors = (
            np.array(
                [[n.value - n.low for n in numbers], [n.high - n.value for n in numbers]]
            ).reshape(2, -1)
            / 1e3
        )
        axes.errorbar(
            value[some],
            (places + 0.22 * (1 - i))[some],
            xerr=errors[:, some],
            color=colour_of("", i),
            marker=MARKERS[i],
            linestyle="none",
            elinewidth=1.3,
            label=label,
        )
    axes.set_yticks(places, names, fontsize=9)
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set(xlabel="rate [kHz]", ylim=(-0.7, len(chosen) - 0.3))
    total = rates.total.value / 1e3
    if total > 0.0:
        axes.set_xscale("log")
        axes.axvline(total, color="#555555", linewidth=1.0, linestyle=(0, (4, 3)), label="total")
    for place in places[1:]:
        axes.axhline(place - 0.5, color="#e4e4e4", linewidth=0.7, zorder=0)
    frame(figure, 4, left=_room(names, 9.0))
    return figure


@styled
def overlap_map(rates: MenuRates, *, most: int = 25) -> Figure:
    """Share of each row's rate that the column's seed accepts too, for the costliest seeds."""
    cost = np.array([seed.final.value for seed in rates.seeds])
    chosen = [i for i in np.argsort(-cost, kind="stable")[:most].tolist() if cost[i] > 0.0]
    names = [drawn(rates.seeds[i].name) for i in chosen]
    room, size = _room(names, 8.0), 0.8 + 0.24 * max(len(chosen), 8)
    figure = new_figure(room + size + 1.5, room + size + 0.3)
    axes = figure.add_subplot()
    if not chosen:
        axes.text(0.5, 0.5, "no seed has a rate", ha="center", va="center")
        axes.set_axis_off()
        return figure
    part = rates.overlap[np.ix_(chosen, chosen)]
    share = 100.0 * part / np.maximum(np.diag(part), np.finfo(float).tiny)[:, None]
    image = axes.imshow(
        np.where(share > 0.0, share, np.nan),
        norm=LogNorm(0.1, 100.0),
        cmap="viridis",
        aspect="equal",
    )
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.tick_params(which="both", top=False, right=False, bottom=False, left=False)
    axes.minorticks_off()
    if len(chosen) <= 12:
        for i in range(len(chosen)):
            for j in range(len(chosen)):
                if share[i, j] > 0.0:
                    colour = "white" if share[i, j] < 15.0 else "black"
                    text = f"{share[i, j]:.0f}" if share[i, j] >= 1.0 else f"{share[i, j]:.1f}"
                    axes.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
    frame(figure, left=room, bottom=room, right=1.3)
    width, height = figure.get_size_inches()
    place = (1.0 - 1.1 / width, room / height, 0.17 / width, size / height)
    figure.colorbar(image, cax=figure.add_axes(place), label="share of the row's rate [%]")
    return figure


@styled
def scan_curves(
    scans: Mapping[str, Survival],
    *,
    variable: str = "threshold",
    budget_hz: float | None = None,
    marks: Mapping[str, float] | None = None,
) -> Figure:
    """Rate against threshold, with intervals; an arrow is the limit where nothing passes.

    `marks` are thresholds in use, drawn on their curves; `budget_hz` is a line across.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    for i, (name, scan) in enumerate(scans.items()):
        colour = colour_of(name, i)
        some = scan.n_pass > 0
        x = scan.thresholds[some]
        axes.plot(x, scan.value[some] / 1e3, color=colour, label=drawn(name), drawstyle="default")
        axes.fill_between(
            x, scan.low[some] / 1e3, scan.high[some] / 1e3, color=colour, alpha=0.18, linewidth=0
        )
        if not some.all():
            first = int(np.flatnonzero(~some)[0])
            axes.plot(
                scan.thresholds[first],
                scan.high[first] / 1e3,
                color=colour,
                marker=r"$\downarrow$",
                markersize=11,
                linestyle="none",
            )
        if marks and name in marks:
            rate = float(np.interp(marks[name], scan.thresholds, scan.value)) / 1e3
            axes.plot(marks[name], rate, color=colour, marker="o", linestyle="none")
    if budget_hz is not None:
        axes.axhline(budget_hz / 1e3, color="#555555", linewidth=1.0, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{budget_hz / 1e3:g}\nkHz",
            (1.01, budget_hz / 1e3),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=9.5,
            color="#555555",
        )
    axes.set(xlabel=variable, ylabel="rate [kHz]", yscale="log")
    axes.margins(x=0.03)
    frame(figure, 2, right=0.6)
    return figure


@styled
def pileup_dependence(
    bins: Sequence[PileupBin],
    seeds: Sequence[str] = (),
    fits: Mapping[str, PileupFit] | None = None,
) -> Figure:
    """Total rate, and that of some seeds, against pile-up, with fits where there are any."""
    figure = new_figure()
    axes = figure.add_subplot()
    x = np.array([b.mean for b in bins])
    for i, name in enumerate(("total", *seeds)):
        numbers = [b.rates.total if name == "total" else b.rates[name].final for b in bins]
        value, low, high = (
            np.array([getattr(n, key) for n in numbers]) / 1e3 for key in ("value", "low", "high")
        )
        colour, some = colour_of("", i), np.array([n.value > 0.0 for n in numbers])
        axes.errorbar(
            x[some],
            value[some],
            np.stack([value - low, high - value])[:, some],
            color=colour,
            marker=MARKERS[i % len(MARKERS)],
            linestyle="none",
            elinewidth=1.4,
            label=drawn(name),
        )
        axes.plot(
            x[~some], high[~some], color=colour, marker=r"$\downarrow$", markersize=11, linestyle=""
        )
        if fits and name in fits:
            fine = np.linspace(x.min(), x.max(), 200)
            fitted, below, above = (y / 1e3 for y in fits[name].at(fine))
            axes.plot(fine, fitted, color=colour, linewidth=1.2)
            axes.fill_between(fine, below, above, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="pile-up", ylabel="rate [kHz]", ylim=(0.0, None))
    frame(figure, 2)
    return figure


@styled
def turn_ons(
    curves: Mapping[str, Curve],
    fits: Mapping[str, Fit] | None = None,
    *,
    reference: str = "generated $p_T$ [GeV]",
    level: float | None = None,
) -> Figure:
    """Efficiency against the reference for several thresholds or regions; fits as lines.

    Bins of fewer than `FEWEST` objects are not drawn; the fits know them. `level` draws a line
    across, for example at 0.95.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    low_edge, high_edge = np.inf, -np.inf
    for i, (name, curve) in enumerate(curves.items()):
        some = np.isfinite(curve.value) & (curve.n_effective >= FEWEST)
        x, colour = curve.centres[some], colour_of(name, i)
        value, low, high = curve.value[some], curve.low[some], curve.high[some]
        axes.errorbar(
            x,
            value,
            np.maximum(np.stack([value - low, high - value]), 0.0),
            color=colour,
            marker=MARKERS[i % len(MARKERS)],
            linestyle="none",
            elinewidth=1.2,
            markersize=4,
            label=drawn(name),
        )
        low_edge = min(low_edge, curve.edges[0])
        high_edge = max(high_edge, curve.edges[-1])
        if fits and name in fits:
            fine = np.linspace(curve.edges[0], curve.edges[-1], 400)
            axes.plot(fine, fits[name](fine), color=colour, linewidth=1.2)
    if level is not None:
        axes.axhline(level, color="#555555", linewidth=1.0, linestyle=(0, (4, 3)))
    axes.set(xlabel=reference, ylabel="efficiency", ylim=(0.0, 1.05))
    if np.isfinite(low_edge):
        axes.set_xlim(low_edge, high_edge)
    frame(figure, 2)
    return figure


@styled
def efficiency_against_rate(
    curves: Mapping[str, Sequence[Estimate]], rates_hz: Sequence[float], *, signal: str = "signal"
) -> Figure:
    """Efficiency of several algorithms against the zero-bias rate of their thresholds."""
    figure = new_figure()
    axes = figure.add_subplot()
    x = np.asarray(rates_hz) / 1e3
    for i, (name, numbers) in enumerate(curves.items()):
        value, low, high = (
            np.array([getattr(n, key) for n in numbers]) for key in ("value", "low", "high")
        )
        colour = colour_of(name, i)
        axes.plot(x, value, color=colour, label=drawn(name))
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.set(
        xlabel="rate [kHz]", ylabel=f"efficiency, {drawn(signal)}", xscale="log", ylim=(0, None)
    )
    axes.margins(x=0)
    frame(figure)
    return figure
