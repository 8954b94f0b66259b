"""Figures of searches and of networks: box plots, ROC curves, what a network is made of."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine
from l1kd.models.firmware.record.metrics import significant_bits
from l1kd.models.objects.baselines import Score
from l1kd.models.objects.data import Sample
from l1kd.models.objects.report.comparison import Runs
from l1kd.models.objects.separation import LEVEL, areas
from l1kd.models.search.front import finished
from l1kd.plot_style import colour_of, drawn, frame, new_figure, styled
from l1kd.statistics import clopper_pearson

__all__ = ["architecture", "boxes", "progress", "roc_curves"]

_TICKS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)


@styled
def boxes(searches: Sequence[Runs]) -> Figure:
    """Draw the error of all finished quantized trials, by sample and strategy."""
    samples = list(finished(searches[0].trials)[0].mse)
    figure = new_figure(1.5 + 1.35 * len(samples), 4.9)
    axes = figure.subplots()
    width = 0.8 / len(searches)
    for number, runs in enumerate(searches):
        colour = colour_of(runs.strategy, number)
        values = [[trial.mse[name] for trial in finished(runs.trials)] for name in samples]
        places = np.arange(len(samples)) + width * (number - 0.5 * (len(searches) - 1))
        axes.boxplot(
            values,
            positions=places,
            widths=0.85 * width,
            whis=(5, 95),
            boxprops={"color": colour},
            whiskerprops={"color": colour},
            capprops={"color": colour},
            medianprops={"color": colour},
            flierprops={"marker": ".", "markersize": 3, "markeredgecolor": colour},
        )
        axes.plot([], [], color=colour, label=drawn(runs.strategy))
    axes.set_xticks(np.arange(len(samples)), samples)
    axes.set(ylabel="MSE of the log score", xlim=(-0.6, len(samples) - 0.4))
    _logarithmic(axes)
    frame(figure)
    return figure


def _logarithmic(axes: Axes) -> None:
    """Give errors a logarithmic axis with ticks at round numbers, and the range of the data."""
    axes.set_yscale("log")
    limits = axes.get_ylim()
    shown = [tick for tick in _TICKS if limits[0] <= tick <= limits[1]]
    axes.set_yticks(shown, [f"{tick:g}" for tick in shown])
    axes.minorticks_off()
    axes.set_ylim(limits)


@styled
def progress(searches: Sequence[Runs]) -> Figure:
    """Draw the smallest error so far against the number of trials, a line a seed."""
    figure = new_figure()
    axes = figure.subplots()
    for number, runs in enumerate(searches):
        colour = colour_of(runs.strategy, number)
        for position, trials in enumerate(runs.by_seed.values()):
            done = {trial.number: trial.objective for trial in finished(trials)}
            values = np.minimum.accumulate([done.get(t.number) or np.inf for t in trials])
            label = drawn(runs.strategy) if position == 0 else None
            axes.step(np.arange(1, len(values) + 1), values, where="post", color=colour,
                      label=label)  # fmt: skip
    axes.set(xlabel="trials", ylabel="smallest MSE so far")
    _logarithmic(axes)
    frame(figure)
    return figure


@styled
def roc_curves(
    scores: Mapping[str, Score], background: Sample, signals: Mapping[str, Sample]
) -> Figure:
    """Draw ROC curves of every signal with Clopper-Pearson bands; areas are in the legends."""
    table = areas(scores, background, signals)
    columns = 2
    figure = new_figure(9.6, 4.3 * -(-len(signals) // columns))
    grid = figure.subplots(-(-len(signals) // columns), columns, squeeze=False)
    noise = {name: np.sort(np.asarray(s(background.objects)))[::-1] for name, s in scores.items()}
    for axes, (signal, sample) in zip(grid.flat, signals.items(), strict=False):
        for number, (name, score) in enumerate(scores.items()):
            values = np.asarray(score(sample.objects))
            count = len(noise[name])
            passing = np.unique(np.geomspace(1, count, 300).astype(int))
            thresholds = noise[name][passing - 1]
            false = np.array([(noise[name] >= t).mean() for t in thresholds])
            true = np.array([(values >= t).sum() for t in thresholds])
            low, high = clopper_pearson(true, len(values), LEVEL)
            colour, entry = colour_of(name, number), table[signal][name]
            axes.fill_between(false, low, high, color=colour, alpha=0.2, linewidth=0)
            label = f"{drawn(name)}: {entry['auc']:.3f} ± {entry['error']:.3f}"
            axes.plot(false, true / len(values), color=colour, label=label)
        axes.plot([1e-4, 1], [1e-4, 1], ":", color="#8c8c8c")
        axes.set(xscale="log", yscale="log", xlim=(1e-4, 1), ylim=(1e-3, 1.2), title=signal)
        axes.set(xlabel="background that passes", ylabel="signal that passes")
        axes.legend(frameon=False, loc="lower right", title="area ± DeLong")
    return figure


@styled
def architecture(network: Network, title: str) -> Figure:
    """Draw the layers of a network: values, their formats, and the bits of the weights."""
    products = [op for op in network.graph.operations if isinstance(op, Affine)]
    figure = new_figure(2.0 + 1.9 * len(products), 4.6)
    axes = figure.subplots()
    tensors = network.graph.tensors
    most = max(op.weight.shape[1] for op in products)
    for number, op in enumerate(products):
        _, terms, filters = op.weight.shape
        bits = significant_bits(op.weight)
        used = bits > 0
        axes.bar(number, terms, 0.28, color="#1f5fa8")
        axes.text(
            number, terms + 0.02 * most, f"{terms}\n{tensors[op.source].format.width} bits",
            ha="center", va="bottom", fontsize=9,
        )  # fmt: skip
        mean = bits[used].mean() if used.any() else 0.0
        axes.text(
            number + 0.5, 0.62 * most,
            f"{terms} x {filters}\n{100 * used.mean():.0f}% kept\n{mean:.1f} bits\neach",
            ha="center", va="center", fontsize=9, color="#c2185b",
        )  # fmt: skip
    axes.bar(len(products), 1, 0.28, color="#1f5fa8")
    axes.text(
        len(products), 1 + 0.02 * most, f"1\n{network.outputs[0].format.width} bits",
        ha="center", va="bottom", fontsize=9,
    )  # fmt: skip
    axes.set(
        xlim=(-0.6, len(products) + 0.5), ylim=(0, 1.2 * most), ylabel="values", xticks=[],
        title=title,
    )  # fmt: skip
    return figure
