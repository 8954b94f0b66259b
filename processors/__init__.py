"""Coffea processors: thin layers of adapters, algorithms and histograms."""

from l1kd.processors.insert import InsertProcessor
from l1kd.processors.rates import RateProcessor
from l1kd.processors.resolution import ResolutionProcessor
from l1kd.processors.together import Together

__all__ = ["InsertProcessor", "RateProcessor", "ResolutionProcessor", "Together"]
