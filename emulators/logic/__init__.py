"""Networks of logic gates, evaluated bit-parallel."""

from l1kd.emulators.logic.digits import digits
from l1kd.emulators.logic.network import LogicNetwork
from l1kd.emulators.logic.stages import GateLayer, LogicStage

__all__ = ["GateLayer", "LogicNetwork", "LogicStage", "digits"]
