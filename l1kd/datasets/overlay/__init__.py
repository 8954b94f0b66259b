"""Calorimeter images with pile-up, overlaid from libraries of single collisions.

`library` reads single collisions, `images` overlays them, `calibration` brings them to the scale of
another simulation.
"""

from l1kd.datasets.overlay.calibration import calibrate
from l1kd.datasets.overlay.images import (
    Calibration,
    Overlay,
    Profile,
    calo_overlay,
    suppression_for_occupancy,
)
from l1kd.datasets.overlay.library import RegionLibrary

__all__ = [
    "Calibration",
    "Overlay",
    "Profile",
    "RegionLibrary",
    "calibrate",
    "calo_overlay",
    "suppression_for_occupancy",
]
