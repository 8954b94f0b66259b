"""The algorithms that are inserted into events, as objects."""

from typing import Any

from l1kd.algorithms.base import Algorithm, CandidateWeight, EventScore
from l1kd.algorithms.correlator import Correlator
from l1kd.algorithms.image_scores import (
    CaloHottest,
    CaloRms,
    CaloSum,
    RingChi2,
    RingChi2Integer,
)
from l1kd.algorithms.linpuppi import LinPuppi
from l1kd.algorithms.models import FirmwareNetwork, OnnxModel, columns_of
from l1kd.algorithms.networks import Cicada, CicadaTeacher, DistillNet, QDistillNet
from l1kd.algorithms.puppi import Puppi
from l1kd.errors import ConfigurationError
from l1kd.registry import Registry

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "CaloHottest",
    "CaloRms",
    "CaloSum",
    "CandidateWeight",
    "Cicada",
    "CicadaTeacher",
    "Correlator",
    "DistillNet",
    "EventScore",
    "FirmwareNetwork",
    "LinPuppi",
    "OnnxModel",
    "Puppi",
    "QDistillNet",
    "RingChi2",
    "RingChi2Integer",
    "algorithm",
    "columns_of",
]


def _is_algorithm(item: Any) -> bool:
    return isinstance(item, Algorithm) or (isinstance(item, type) and issubclass(item, Algorithm))


ALGORITHMS: Registry[Any] = Registry(
    "algorithm",
    _is_algorithm,
    (
        Puppi, LinPuppi, DistillNet, QDistillNet, Cicada,
        RingChi2, RingChi2Integer, CaloHottest, CaloSum, CaloRms,
    ),
)  # fmt: skip
"""Algorithms by the name under which `l1kd.insert` knows them: classes, or a user's instances."""


def algorithm(name: str | Algorithm) -> Algorithm:
    """Return the algorithm of this name, made with its defaults; an object is returned as it is.

    Raises
    ------
    ConfigurationError
        If the name is unknown; the message names the nearest one.
    """
    if isinstance(name, Algorithm):
        return name
    if not isinstance(name, str):
        raise ConfigurationError(
            f"expected the name of an algorithm or an algorithm object, found {name!r}"
        )
    found = ALGORITHMS.find(name)
    return found if isinstance(found, Algorithm) else found()
