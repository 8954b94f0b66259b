"""What to study and how to run it: one model for Python, for YAML and for the command line."""

from l1kd.registry import nearest
from l1kd.study.request.at_rate import AtRateRequest
from l1kd.study.request.efficiency import EfficiencyRequest
from l1kd.study.request.evaluate import EvaluateRequest
from l1kd.study.request.execution import Execution
from l1kd.study.request.images import CicadaRequest
from l1kd.study.request.menu import MenuRequest, TableRequest
from l1kd.study.request.optimise import OptimiseRequest
from l1kd.study.request.settings import Settings, read_settings, require_known
from l1kd.study.request.study import Request
from l1kd.study.request.tune import TuneRequest
from l1kd.study.request.vertex import VertexChoice
from l1kd.study.request.weights import WeightRequest

__all__ = [
    "AtRateRequest",
    "CicadaRequest",
    "EfficiencyRequest",
    "EvaluateRequest",
    "Execution",
    "MenuRequest",
    "OptimiseRequest",
    "Request",
    "Settings",
    "TableRequest",
    "TuneRequest",
    "VertexChoice",
    "WeightRequest",
    "nearest",
    "read_settings",
    "require_known",
]
