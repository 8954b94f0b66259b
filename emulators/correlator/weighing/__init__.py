"""A network in place of LinPUPPI's formula, in every region of the correlator.

`columns` names the integers that it may read, `region_inputs` forms them; `NetworkWeight` is what
`correlate` takes.
"""

from l1kd.emulators.correlator.weighing.columns import COLUMNS, FORMAT, NAMES, Column
from l1kd.emulators.correlator.weighing.network_weight import NetworkWeight
from l1kd.emulators.correlator.weighing.region_inputs import RegionInputs, region_inputs

__all__ = ["COLUMNS", "FORMAT", "NAMES", "Column", "NetworkWeight", "RegionInputs", "region_inputs"]
