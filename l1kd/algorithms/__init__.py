"""The algorithms that are inserted into events, as objects."""

import inspect
from typing import Any

from l1kd.algorithms.base import Algorithm, CandidateWeight, EventScore
from l1kd.algorithms.correlator import SHIPPED, Correlator, NetworkCorrelator
from l1kd.algorithms.deployed import (
    AXOL1TL,
    EMTF_NN,
    L1METML,
    TOPO,
    L1TSC4NGJet,
    NNPuppiTau,
    TOoLLiP,
)
from l1kd.algorithms.image_scores import (
    CaloHottest,
    CaloHt,
    CaloRms,
    CaloSum,
    RingChi2,
    RingChi2Integer,
    RingExcess,
)
from l1kd.algorithms.linpuppi import LinPuppi
from l1kd.algorithms.models import FirmwareNetwork, OnnxModel, columns_of
from l1kd.algorithms.networks import Cicada, CicadaTeacher, DistillNet, QDistillNet
from l1kd.algorithms.object_anomaly import ObjectAnomaly
from l1kd.algorithms.puppi import Puppi
from l1kd.artefacts import shipped
from l1kd.errors import ConfigurationError
from l1kd.registry import Registry

__all__ = [
    "ALGORITHMS",
    "AXOL1TL",
    "CICADA",
    "EMTF_NN",
    "L1METML",
    "TOPO",
    "Algorithm",
    "CaloHottest",
    "CaloHt",
    "CaloRms",
    "CaloSum",
    "CandidateWeight",
    "Cicada",
    "CicadaTeacher",
    "Correlator",
    "DistillNet",
    "EventScore",
    "FirmwareNetwork",
    "L1TSC4NGJet",
    "LinPuppi",
    "NNPuppiTau",
    "NetworkCorrelator",
    "ObjectAnomaly",
    "OnnxModel",
    "Puppi",
    "QDistillNet",
    "RingChi2",
    "RingChi2Integer",
    "RingExcess",
    "TOoLLiP",
    "algorithm",
    "columns_of",
    "known_algorithm",
]


CICADA = Cicada
"""`Cicada` in CMS's spelling, as the other deployed networks are named."""


def _is_algorithm(item: Any) -> bool:
    return isinstance(item, Algorithm) or (isinstance(item, type) and issubclass(item, Algorithm))


ALGORITHMS: Registry[Any] = Registry(
    "algorithm",
    _is_algorithm,
    (
        Puppi, LinPuppi, DistillNet, QDistillNet, Cicada, CicadaTeacher,
        RingChi2, RingChi2Integer, RingExcess, CaloHottest, CaloHt, CaloSum, CaloRms,
        ObjectAnomaly, Correlator, *((NetworkCorrelator,) if SHIPPED in shipped() else ()),
        AXOL1TL, TOPO, L1TSC4NGJet, TOoLLiP, NNPuppiTau, L1METML, EMTF_NN,
    ),
)  # fmt: skip
"""Algorithms by the name under which `l1kd.insert` knows them: classes, or a user's instances."""


def known_algorithm(name: str) -> bool:
    """Whether `algorithm` knows this name, "NAME" or "NAME=MODEL"."""
    return name.partition("=")[0] in ALGORITHMS


def algorithm(name: str | Algorithm) -> Algorithm:
    """Return the algorithm of this name; an object is returned as it is.

    Parameters
    ----------
    name
        "NAME", made with its defaults, or "NAME=MODEL": with this model, an artefact or a firmware
        folder.

    Raises
    ------
    ConfigurationError
        If the name is unknown, or it takes no model; the message names the nearest one.
    """
    if isinstance(name, Algorithm):
        return name
    if not isinstance(name, str):
        raise ConfigurationError(
            f"expected the name of an algorithm or an algorithm object, found {name!r}"
        )
    kind, equals, model = name.partition("=")
    found = ALGORITHMS.find(kind)
    if not equals:
        return found if isinstance(found, Algorithm) else found()
    if isinstance(found, Algorithm) or "model" not in inspect.signature(found).parameters:
        raise ConfigurationError(f"{name!r}: {kind!r} takes no model; give its name alone")
    if not model:
        raise ConfigurationError(f"{name!r}: expected a model behind the equals sign")
    return found(model=model)
