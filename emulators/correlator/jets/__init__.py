"""Jets of layer 2."""

from l1kd.emulators.correlator.jets.seeded_cone import SeededCone

__all__ = ["SeededCone"]
