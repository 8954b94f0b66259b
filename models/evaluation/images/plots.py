"""Plots of an evaluation of scores of the calorimeter image."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from l1kd.plot_style import MARKERS, colour_of, drawn, legend, new_figure, styled

__all__ = ["figures"]

_COLUMNS = 3
_COLOURS = 7
"""Length of the cycle of colours."""
_PAPER_AREAS = (0.81, 0.85)
"""Areas of the paper's teacher against its two signals, on CMS images."""


def figures(found: Mapping[str, Any]) -> dict[str, Figure]:
    """Draw everything: {kind:what: figure}."""
    made: dict[str, Figure] = {}
    names = list(found["scores"])
    for entry in found["at"]:
        mu = f"mu {entry['mu']:g}"
        made[f"areas:{mu}"] = _areas(entry, names)
        made[f"roc:{mu}"] = _roc(entry, names)
        made[f"rates:{mu}"] = _efficiencies(entry, names)
        made[f"scores:{mu}"] = _distributions(entry, names)
        if found["teacher"] is not None:
            made[f"scatter:{mu}"] = _scatter(entry, names)
        if any(row["ebops"] for row in found["cost"]):
            made[f"cost:{mu}"] = _cost(entry, found)
    for at in found["pileup"]["rate_hz"]:
        made[f"pileup:threshold set at mu {at}"] = _pileup(found["pileup"], at, names)
    made["pileup:score"] = _score_against_pileup(found["pileup"], names)
    return made


def _dashes(position: int) -> str:
    """Lines of the second round of colours are dashed."""
    return "-" if position < _COLOURS else "--"


def _errors(rows: list[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    values = np.array([row["value"] for row in rows])
    ends = np.array([[row["low"] for row in rows], [row["high"] for row in rows]])
    return values, np.abs(ends - values)


@styled
def _areas(entry: Mapping[str, Any], names: list[str]) -> Figure:
    """Area of each signal and score."""
    figure = new_figure(9.0, 5.0)
    axes = figure.subplots()
    table = {**entry["areas"]["signals"], "mean": entry["areas"]["mean"]}
    for i, name in enumerate(names):
        values, errors = _errors([row[name] for row in table.values()])
        places = np.arange(len(table)) + 0.7 * (i / max(len(names) - 1, 1) - 0.5)
        axes.errorbar(
            places, values, errors, fmt=MARKERS[i % len(MARKERS)], color=colour_of(name, i),
            label=drawn(name), capsize=2,
        )  # fmt: skip
    axes.set_xticks(np.arange(len(table)), list(table), rotation=30, ha="right")
    axes.set_ylabel("area under the ROC curve")
    legend(figure)
    return figure


def _panels(entry: Mapping[str, Any], height: float = 2.6) -> tuple[Figure, dict[str, Axes]]:
    signals = list(entry["areas"]["signals"])
    rows = -(-len(signals) // _COLUMNS)
    figure = new_figure(9.5, height * rows + 0.8)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for panel in panels[len(signals) :]:
        panel.remove()
    return figure, dict(zip(signals, panels, strict=False))


@styled
def _roc(entry: Mapping[str, Any], names: list[str]) -> Figure:
    """ROC curves, zero bias logarithmic."""
    figure, panels = _panels(entry)
    for signal, axes in panels.items():
        for i, name in enumerate(names):
            points = entry["roc"][signal][name]
            axes.plot(
                points["background"], points["signal"], color=colour_of(name, i),
                ls=_dashes(i), label=drawn(name),
            )  # fmt: skip
        axes.set(xscale="log", xlim=(1e-4, 1), ylim=(0, 1.02), title=signal)
        axes.set_xlabel("zero bias that passes")
        axes.set_ylabel("signal that passes")
    legend(figure)
    return figure


@styled
def _efficiencies(entry: Mapping[str, Any], names: list[str]) -> Figure:
    """Mean efficiency against the rate of stitched zero bias."""
    figure = new_figure(7.0, 5.2)
    axes = figure.subplots()
    for i, name in enumerate(names):
        rows = [row for row in entry["rates"][name] if row["resolved"]]
        if not rows:
            continue
        values, errors = _errors([row["mean"] for row in rows])
        rates = np.array([row["target_hz"] for row in rows]) / 1e3 * 1.03 ** (i - len(names) / 2)
        axes.errorbar(
            rates, values, errors, fmt=MARKERS[i % len(MARKERS)], ls=_dashes(i),
            color=colour_of(name, i), label=drawn(name), capsize=2,
        )  # fmt: skip
    axes.set(xscale="log", xlabel="rate [kHz]", ylabel="efficiency, mean over signals")
    legend(figure)
    return figure


@styled
def _distributions(entry: Mapping[str, Any], names: list[str]) -> Figure:
    """Scores of zero bias and of the signals."""
    rows = -(-len(names) // _COLUMNS)
    figure = new_figure(9.5, 2.6 * rows + 0.8)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for panel in panels[len(names) :]:
        panel.remove()
    for name, axes in zip(names, panels, strict=False):
        samples = {sample: np.array(x[name]) for sample, x in entry["drawn"].items()}
        joined = np.concatenate(list(samples.values()))
        low, high = np.quantile(joined, (0.001, 0.98))
        edges = np.linspace(low, max(high, low + 1e-6), 50)
        for i, (sample, values) in enumerate(samples.items()):
            style = {"color": "#111111", "lw": 2} if i == 0 else {"color": colour_of("", i - 1)}
            dashes = "-" if i <= 7 else "--"
            weights = np.full(values.size, 1.0 / values.size)
            axes.hist(
                np.clip(values, low, edges[-1]), edges, weights=weights, histtype="step",
                label=drawn(sample), ls=dashes, **style,
            )  # fmt: skip
        axes.set(title=drawn(name), yscale="log", xlabel="score", ylabel="share")
    legend(figure)
    return figure


@styled
def _scatter(entry: Mapping[str, Any], names: list[str]) -> Figure:
    """Each score against the teacher's, for zero bias and the first signal."""
    others = [name for name in names if name != "teacher"]
    rows = -(-len(others) // _COLUMNS)
    figure = new_figure(9.5, 2.6 * rows + 0.8)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False).ravel()
    for panel in panels[len(others) :]:
        panel.remove()
    samples = list(entry["drawn"])[:2]
    for name, axes in zip(others, panels, strict=False):
        for sample, colour in zip(reversed(samples), ("#c2185b", "#1f5fa8"), strict=False):
            x = entry["drawn"][sample]
            axes.plot(
                x["teacher"], x[name], ".", ms=2, color=colour, label=drawn(sample), rasterized=True
            )
        axes.set(xlabel="teacher", ylabel=drawn(name))
    legend(figure)
    return figure


@styled
def _pileup(pileup: Mapping[str, Any], at: str, names: list[str]) -> Figure:
    """Rate of a threshold against pile-up."""
    figure = new_figure(7.0, 5.2)
    axes = figure.subplots()
    for i, name in enumerate(names):
        values, errors = _errors(pileup["rate_hz"][at][name])
        shown = values > 0
        axes.errorbar(
            np.array(pileup["mu"])[shown], values[shown] / 1e6, errors[:, shown] / 1e6,
            fmt=MARKERS[i % len(MARKERS)], ls=_dashes(i), color=colour_of(name, i),
            label=drawn(name), capsize=2,
        )  # fmt: skip
    axes.axhline(pileup["set_at_hz"] / 1e6, color="#8c8c8c", lw=1, ls=":")
    axes.set(yscale="log", xlabel="mean pile-up", ylabel="rate [MHz]")
    legend(figure)
    return figure


@styled
def _score_against_pileup(pileup: Mapping[str, Any], names: list[str]) -> Figure:
    """Median and central 68% of each score, in units of those at the lowest pile-up."""
    figure = new_figure(7.0, 5.2)
    axes = figure.subplots()
    for i, name in enumerate(names):
        values, errors = _errors(pileup["score"][name])
        first = pileup["score"][name][0]
        unit = max((first["high"] - first["low"]) / 2.0, 1e-12)
        axes.errorbar(
            np.array(pileup["mu"]) + 0.8 * i, (values - values[0]) / unit, errors / unit,
            fmt=MARKERS[i % len(MARKERS)], ls=_dashes(i), color=colour_of(name, i),
            label=drawn(name),
        )  # fmt: skip
    axes.set(xlabel="mean pile-up", ylabel="score of zero bias [half width at lowest pile-up]")
    axes.set_yscale("symlog", linthresh=3.0)
    legend(figure)
    return figure


@styled
def _cost(entry: Mapping[str, Any], found: Mapping[str, Any]) -> Figure:
    """Draw the panels of the paper's figure 3: distance to the teacher, and area, against EBOPs."""
    figure = new_figure(10.0, 4.6)
    distance, area = figure.subplots(1, 2, sharex=True)
    own = [row for row in found["cost"] if row["ebops"] and not row["paper"]]
    for i, row in enumerate(own):
        name, style = row["name"], {"fmt": MARKERS[i % len(MARKERS)], "capsize": 2}
        style |= {"color": colour_of(name, i), "label": drawn(name)}
        shape = entry["distances"].get(name, {}).get("zero bias", {}).get("shape")
        if shape is not None:
            values, errors = _errors([shape])
            distance.errorbar([row["ebops"]], values, errors, **style)
        values, errors = _errors([entry["areas"]["mean"][name]])
        area.errorbar([row["ebops"]], values, errors, **style)
    for axes in (distance, area):
        for row in found["cost"]:
            if row["paper"] and row["ebops"]:
                axes.axvline(row["ebops"], color="#8c8c8c", lw=1, ls=":")
        axes.set(xscale="log", xlabel="EBOPs (dotted: the paper's networks)")
        axes.xaxis.set_minor_formatter(NullFormatter())
    for value in _PAPER_AREAS:
        area.axhline(value, color="#8c8c8c", lw=1, ls="--")
    operations = np.log10([row["ebops"] for row in found["cost"] if row["ebops"]])
    # whole decades: a narrower axis would have no label, or one on another
    distance.set_xlim(10 ** np.floor(operations.min()), 10 ** np.ceil(operations.max()))
    distance.set_ylabel("earth mover's distance to the teacher")
    area.set_ylabel("mean area (dashed: the paper's teacher)")
    legend(figure)
    return figure
