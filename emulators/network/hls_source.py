"""Read the C++ of an hls4ml firmware folder into a `Project`."""

from __future__ import annotations

from l1kd.emulators.network.cpp_model import (
    Call,
    CppType,
    FirmwareSourceError,
    Function,
    Location,
    Project,
    Struct,
    Tensor,
    WeightArray,
)

__all__ = [
    "Call",
    "CppType",
    "FirmwareSourceError",
    "Function",
    "Location",
    "Project",
    "Struct",
    "Tensor",
    "WeightArray",
]
