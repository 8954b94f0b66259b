"""Draw `event.png`: a bundled event, unweighted and weighted.

Usage: python docs/img/make_event.py. Run it again when a shipped model changes.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

import l1kd
from l1kd.datasets import inspect_file
from l1kd.plot_style import save
from l1kd.plots import event_display

HERE = Path(__file__).resolve().parent
EVENTS = HERE.parents[1] / "tests" / "data" / "ttbar2l_PU140.root"
ENTRY = 0
COLOURS = 240
"""Enough for these dots, at a third of the size."""


def main() -> None:
    """Insert into one event and draw it."""
    events = l1kd.insert(inspect_file(str(EVENTS)).open(ENTRY, ENTRY + 1))
    particles = events.L1Cand[0]
    weights = {"none": None} | {w: particles[f"{w}_weight"] for w in ("puppi", "qdistillnet")}
    figure = event_display(particles.pt, particles.eta, particles.phi, weights)
    with TemporaryDirectory() as folder:
        _, png = save(figure, folder, "event", dpi=100)
        drawn = Image.open(png).convert("RGB").quantize(COLOURS)
    drawn.save(HERE / "event.png", optimize=True)


if __name__ == "__main__":
    main()
