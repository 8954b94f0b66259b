"""Coffea processors: thin layers of adapters, algorithms and histograms."""

from l1kd.processors.insert import InsertProcessor
from l1kd.processors.multi import MultiProcessor
from l1kd.processors.rates import RateProcessor
from l1kd.processors.resolution import ResolutionProcessor

__all__ = ["InsertProcessor", "MultiProcessor", "RateProcessor", "ResolutionProcessor"]
