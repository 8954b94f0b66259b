"""Networks of logic gates, evaluated bit-parallel."""

from l1kd.emulators.logic.network import GateLayer, LogicNetwork, LogicStage

__all__ = ["GateLayer", "LogicNetwork", "LogicStage"]
