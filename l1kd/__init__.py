"""Level-1 trigger algorithms in offline analysis, bit for bit as the firmware computes them."""

from l1kd._version import __version__

__all__ = ["__version__"]
