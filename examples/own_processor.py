"""A processor of your own: weights inserted, MET filled, run over files.

Usage: python own_processor.py [FILES...]      (default: the bundled top-pair events)
"""

import sys
from pathlib import Path

import hist
from coffea import processor

import l1kd
from l1kd.execution import run

BUNDLED = Path(__file__).resolve().parents[1] / "tests" / "data" / "ttbar2l_PU140.root"
WEIGHTINGS = ("puppi", "qdistillnet")


class MissingMomentum(processor.ProcessorABC):
    """Fill the missing transverse momentum of every weighting, and count events."""

    def process(self, events):
        particles = l1kd.insert(events, algorithms=WEIGHTINGS).L1Cand
        met = hist.Hist(
            hist.axis.StrCategory(WEIGHTINGS, name="weighting"),
            hist.axis.Regular(20, 0.0, 200.0, name="met", label="missing $p_T$ [GeV]"),
            storage=hist.storage.Int64(),
        )
        for name in WEIGHTINGS:
            total = (particles * particles[f"{name}_weight"]).sum(axis=1)
            met.fill(weighting=name, met=total.pt)
        return {events.metadata["dataset"]: {"met": met, "events": len(events)}}

    def postprocess(self, accumulator):
        return accumulator


if __name__ == "__main__":
    result = run(MissingMomentum(), sys.argv[1:] or [BUNDLED], chunksize=25)
    for dataset, found in result.output.items():
        print(f"{dataset}: {found['events']} events in {result.seconds:.1f} s")
        for name in WEIGHTINGS:
            print(name, found["met"][name, :].values())
