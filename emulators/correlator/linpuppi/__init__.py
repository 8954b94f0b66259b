"""LinPuppi: the weights of layer 1 against pile-up, its parameters and its presets."""

from l1kd.emulators.correlator.linpuppi.linpuppi import (
    PRESETS,
    VARIANTS,
    LinPuppi,
    LinPuppiParameters,
    final_arrays,
)
from l1kd.emulators.correlator.linpuppi.tuned import TUNED, tuned_for

__all__ = [
    "PRESETS",
    "TUNED",
    "VARIANTS",
    "LinPuppi",
    "LinPuppiParameters",
    "final_arrays",
    "tuned_for",
]
