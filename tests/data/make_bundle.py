"""Cut the bundled real events out of the full sample files.

Usage: ``python tests/data/make_bundle.py SAMPLES [FILE ...]``, where SAMPLES is the folder of the
full files. It needs ROOT (``pip install ROOT``, tried with 6.40): only ROOT writes the split
``TClonesArray`` branches of Delphes the way coffea's ``DelphesSchema`` expects them
(``EFlowTrack/EFlowTrack.PT``);
uproot writes flat branches. Entries are in order, bit for bit; names after SAMPLES choose files.
"""

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import ROOT

HERE = Path(__file__).resolve().parent
LZMA, LEVEL = 2, 9


class Cut(NamedTuple):
    """One bundled file: where it comes from and how much of it is kept."""

    source: str
    target: str
    tree: str
    entries: int
    branches: tuple[str, ...] = ("*",)
    first: int = 0


PFNANO = (
    "run",
    "luminosityBlock",
    "event",
    "genWeight",
    "nPFCands",
    "PFCands_*",
    "nGenJet",
    "GenJet_*",
    "nJet",
    "Jet_pt",
    "Jet_eta",
    "Jet_phi",
    "Jet_mass",
    "GenMET_*",
    "MET_pt",
    "MET_phi",
    "PuppiMET_pt",
    "PuppiMET_phi",
    "PV_*",
    "fixedGridRhoFastjetAll",
    "Pileup_nPU",
)

CUTS = (
    Cut("ttbar2l_PU140_uncut100.root", "ttbar2l_PU140.root", "Delphes", 50),
    Cut("ttbar2l_PU0_first100.root", "ttbar2l_PU0.root", "Delphes", 50),
    Cut("minbias_PU140_uncut100.root", "minbias_PU140.root", "Delphes", 50),
    Cut("ttbar2l_PU140_l1nano.root", "ttbar2l_PU140_l1nano.root", "Events", 50),
    Cut("minbias_PU140_l1nano.root", "minbias_PU140_l1nano.root", "Events", 50),
    Cut("pfnano.root", "pfnano.root", "Events", 3, PFNANO),
    # no training reads these entries: networks saw the first hundred, CICADA's scale the first 800
    Cut("minbias_PU140.root", "zerobias_PU140.root", "Delphes", 50, first=900),
    Cut("minbias_PU140_l1nano.root", "zerobias_PU140_l1nano.root", "Events", 50, first=900),
)


def cut(samples: Path, what: Cut) -> Path:
    """Copy some entries of one tree and return the new file's path."""
    source = ROOT.TFile.Open(str(samples / what.source))
    tree = source.Get(what.tree)
    if what.branches != ("*",):
        tree.SetBranchStatus("*", 0)
        for name in what.branches:
            tree.SetBranchStatus(name, 1)
    path = HERE / what.target
    target = ROOT.TFile(str(path), "RECREATE", "", 100 * LZMA + LEVEL)
    copy = tree.CloneTree(0)
    # One basket a branch compresses best, and nobody reads these files in parts.
    copy.SetAutoFlush(0)
    copy.SetBasketSize("*", 1 << 24)
    for entry in range(what.first, what.first + what.entries):
        tree.GetEntry(entry)
        copy.Fill()
    copy.Write("", ROOT.TObject.kOverwrite)
    target.Close()
    source.Close()
    return path


def main() -> None:
    """Cut every bundled file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("targets", nargs="*", help="bundled files to make; all by default")
    options = parser.parse_args()
    total = 0
    for what in CUTS:
        if options.targets and what.target not in options.targets:
            continue
        size = cut(options.samples, what).stat().st_size
        total += size
        sys.stdout.write(f"{what.target:32s} {what.entries:3d} entries {size / 1e6:6.2f} MB\n")
    sys.stdout.write(f"{total / 1e6:.2f} MB altogether\n")


if __name__ == "__main__":
    main()
