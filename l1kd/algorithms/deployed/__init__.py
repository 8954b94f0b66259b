"""The networks that CMS deployed, from a user's firmware folders, as algorithms."""

from l1kd.algorithms.deployed.jets import L1TSC4NGJet, TOoLLiP
from l1kd.algorithms.deployed.met import L1METML
from l1kd.algorithms.deployed.muons import EMTF_NN
from l1kd.algorithms.deployed.objects import AXOL1TL, TOPO
from l1kd.algorithms.deployed.taus import NNPuppiTau

__all__ = ["AXOL1TL", "EMTF_NN", "L1METML", "TOPO", "L1TSC4NGJet", "NNPuppiTau", "TOoLLiP"]
