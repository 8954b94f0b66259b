"""The Level-1 correlator: regions, LinPuppi, seeded-cone jets and sums, in integers."""

from l1kd.emulators.correlator.chain import CorrelatorResult, correlate

__all__ = ["CorrelatorResult", "correlate"]
