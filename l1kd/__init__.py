"""Level-1 trigger algorithms in offline analysis, bit for bit as the firmware computes them."""

from l1kd._version import __version__
from l1kd.candidates import candidates
from l1kd.datasets.schemas import L1KDSchema
from l1kd.insertion import available, insert
from l1kd.regions import regions
from l1kd.registry import register
from l1kd.weighting import weights

__all__ = [
    "L1KDSchema",
    "__version__",
    "available",
    "candidates",
    "insert",
    "regions",
    "register",
    "weights",
]
