"""Quantized networks, bit for bit as hls4ml firmware computes them.

`Network` reads a firmware folder, an hls4ml model or a file of its own, and computes the raw
integers of the firmware for many events at once.
"""

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.tokens import FirmwareSourceError
from l1kd.emulators.network.graph import Tensor
from l1kd.emulators.network.network import Network

__all__ = ["FirmwareSourceError", "FixedPoint", "Network", "Tensor"]
