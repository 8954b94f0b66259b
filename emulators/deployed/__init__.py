"""The wrappers of deployed trigger networks: what their callers compute before and after them.

One module a network. Each class reads a version's firmware folder (`from_folder`), arranges the
hardware integers of trigger objects, regions or candidates as the caller in CMSSW does, and gives
the integers that leave; see ``docs/deployed-networks.md``.
"""

from l1kd.emulators.deployed.axol1tl import Axol1tl, axol1tl_inputs
from l1kd.emulators.deployed.cicada import Cicada
from l1kd.emulators.deployed.endcap_muons import EndcapMuons, endcap_muon_inputs
from l1kd.emulators.deployed.jet_tagger import JetTagger
from l1kd.emulators.deployed.long_lived import LongLivedJets
from l1kd.emulators.deployed.missing_momentum import MissingMomentum
from l1kd.emulators.deployed.taus import Taus
from l1kd.emulators.deployed.topo import Topo, topo_inputs

__all__ = [
    "Axol1tl",
    "Cicada",
    "EndcapMuons",
    "JetTagger",
    "LongLivedJets",
    "MissingMomentum",
    "Taus",
    "Topo",
    "axol1tl_inputs",
    "endcap_muon_inputs",
    "topo_inputs",
]
