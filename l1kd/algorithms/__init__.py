"""The algorithms that are inserted into events, as objects."""

from l1kd.algorithms.base import Algorithm, CandidateWeight, EventScore
from l1kd.algorithms.linpuppi import LinPuppi
from l1kd.algorithms.models import FirmwareNetwork, OnnxModel, columns_of
from l1kd.algorithms.networks import Cicada, DistillNet, QDistillNet
from l1kd.algorithms.puppi import Puppi

__all__ = [
    "SHIPPED",
    "Algorithm",
    "CandidateWeight",
    "Cicada",
    "DistillNet",
    "EventScore",
    "FirmwareNetwork",
    "LinPuppi",
    "OnnxModel",
    "Puppi",
    "QDistillNet",
    "columns_of",
]

SHIPPED: dict[str, type[Algorithm]] = {
    algorithm.name: algorithm for algorithm in (Puppi, LinPuppi, DistillNet, QDistillNet, Cicada)
}
"""Algorithms by the name under which `l1kd.insert` knows them."""
