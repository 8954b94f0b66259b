"""Quality against effective bit operations: QDistillNet in mixed precision, trained once a size.

Usage: python benchmarks/front.py OUT [--config FILE] [--bit-operations N ...]
A training takes about ten minutes of one core; finished ones in OUT are not repeated. Prints a
table of the gains over PUPPI on the first test sample of the configuration, with the 68% intervals
of a bootstrap of events, and draws OUT/front.svg and OUT/front.png.
"""

import argparse
from pathlib import Path

import numpy as np
import yaml

from l1kd.artefacts import load
from l1kd.models.config import shipped_configs
from l1kd.models.train import train
from l1kd.plot_style import legend, new_figure, save, styled

SIZES = (1000, 2000, 4000, 6000, 10000, 16000)
KINDS = {"resolution_ratio": "plain", "corrected_ratio": "response-corrected"}
COLOURS = ("#1f5fa8", "#c2185b")
PANELS = {"met": "MET", "jets": "jets"}


def trained(config, size, out):
    """Train a network aimed at this many bit operations, unless it is there already."""
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    first, _ = content["bit_operations"]
    content.update(name=f"front_{size}", bit_operations=[first, size])
    folder = out / str(size)
    if (folder / "manifest.json").is_file():
        return load(folder)
    path = out / f"{size}.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return train("qdistillnet", path, folder)


def point(artefact):
    """Return what the table says of one network, with gains as (value, low, high) in percent."""
    metrics = artefact.json("metrics.json")
    (history,) = metrics["history"].values()
    test = next(iter(metrics["tests"].values()))
    found = {
        "ebops": history[-1]["ebops"],
        "weights": metrics["nonzero_weights"],
        "mean_ratio": test["agreement_teacher"]["mean_ratio"]["value"],
    }
    for panel in PANELS:
        for kind in KINDS:
            ratio = test[panel]["network"][kind]
            found[panel, kind] = [100 * (1 - ratio[end]) for end in ("value", "high", "low")]
    return found


def print_table(points):
    """Print the points as a table in Markdown."""
    titles = [f"{title}, {kind}" for title in PANELS.values() for kind in KINDS.values()]
    print(f"| bit operations | weights not zero | {' | '.join(titles)} | mean ratio of bins |")
    print("|---" * (len(titles) + 3) + "|")
    for p in points:
        gains = [
            "{:+.0f}% ({:+.0f} to {:+.0f})".format(*p[panel, kind])
            for panel in PANELS
            for kind in KINDS
        ]
        print(
            f"| {p['ebops']:,.0f} | {p['weights']} | {' | '.join(gains)} | {p['mean_ratio']:.3f} |"
        )


@styled
def drawn(points):
    """Draw gains against bit operations."""
    figure = new_figure(9.6, 4.4)
    for axes, (panel, title) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        for (kind, label), colour in zip(KINDS.items(), COLOURS, strict=True):
            value, low, high = np.transpose([p[panel, kind] for p in points])
            sizes = [p["ebops"] for p in points]
            spans = (value - low, high - value)
            axes.errorbar(sizes, value, spans, fmt="o-", capsize=2, color=colour, label=label)
        axes.set(xscale="log", xlabel="effective bit operations")
        axes.set_ylabel(f"gain over PUPPI in {title} [%]")
    legend(figure)
    return figure


def main():
    """Train, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path, default=shipped_configs()["qdistillnet_small"])
    parser.add_argument("--bit-operations", type=int, nargs="+", default=SIZES)
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    points = [point(trained(chosen.config, size, chosen.out)) for size in chosen.bit_operations]
    points.sort(key=lambda p: p["ebops"])
    print_table(points)
    save(drawn(points), chosen.out, "front")


if __name__ == "__main__":
    main()
