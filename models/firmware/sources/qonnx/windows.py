"""Shapes of values, and which elements the windows of convolutions and pools see."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.errors import FirmwareError

__all__ = ["Windows", "shape_of", "windows_of"]

_MAX = 1 << 24


def shape_of(value: Any) -> tuple[int, ...]:
    """Return the shape of a value, zeros where it is not fixed."""
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


@dataclass(frozen=True, eq=False)
class Windows:
    """Elements of an image (channels, height, width) or row (channels, width) under windows.

    Attributes
    ----------
    index : int32 array, shape (groups, places, terms)
        Element, -1 outside; terms run over channels of the group, then over the kernel.
    places : tuple of int
        Numbers of positions along height and width.
    """

    index: Indices
    places: tuple[int, ...]


def windows_of(onnx: Any, node: Any, shape: tuple[int, ...], weight: tuple[int, ...]) -> Windows:
    """Return the windows of a ``Conv`` or a pool; every channel of a pool is a group.

    Parameters
    ----------
    shape : tuple of int
        Channels, then height and width or width alone.
    weight : tuple of int
        Shape of a convolution's weights.

    Raises
    ------
    FirmwareError
        The image has another number of axes, or an attribute is not supported.
    """
    given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    axes = len(shape) - 1
    pool = node.op_type != "Conv"
    kernel = tuple(given.get("kernel_shape", weight[2:]))
    if node.op_type.startswith("Global"):
        kernel = tuple(shape[1:])
    strides = tuple(given.get("strides", [1] * axes))
    dilations = tuple(given.get("dilations", [1] * axes))
    pads = _pads(node, given, shape[1:], kernel, strides)
    if axes not in (1, 2) or len(kernel) != axes or given.get("ceil_mode", 0):
        raise FirmwareError(f"node '{node.name}': a {node.op_type} of shape {shape} and {given}")
    if node.op_type == "AveragePool" and any(pads) and not given.get("count_include_pad", 0):
        raise FirmwareError(f"node '{node.name}': an average whose windows differ in size")
    groups = shape[0] if pool else int(given.get("group", 1))
    seen = np.arange(int(np.prod(shape)), dtype=np.int32).reshape(shape)
    widths = [(0, 0), *zip(pads[:axes], pads[axes:], strict=True)]
    padded = np.pad(seen, widths, constant_values=-1)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    sizes = padded.shape[1:]
    places = tuple((n - r) // s + 1 for n, r, s in zip(sizes, reach, strides, strict=True))
    if min(places) < 1 or np.prod([*places, *kernel, shape[0]]) > _MAX:
        raise FirmwareError(f"node '{node.name}': {places} windows of {kernel}")
    offsets = [
        np.arange(n)[:, None] * s + np.arange(k)[None] * d
        for n, s, k, d in zip(places, strides, kernel, dilations, strict=True)
    ]
    if axes == 1:
        index = padded[:, offsets[0]]  # channels, places, kernel
    else:
        rows, columns = offsets[0][:, None, :, None], offsets[1][None, :, None, :]
        index = padded[:, rows, columns]  # channels, two of places, two of the kernel
    index = index.reshape(groups, -1, int(np.prod(places)), int(np.prod(kernel)))
    index = index.transpose(0, 2, 1, 3).reshape(groups, int(np.prod(places)), -1)
    return Windows(np.ascontiguousarray(index), places)


def _pads(
    node: Any,
    given: dict[str, Any],
    size: tuple[int, ...],
    kernel: tuple[int, ...],
    strides: tuple[int, ...],
) -> list[int]:
    """Return paddings before along all axes, then after."""
    mode = given.get("auto_pad", b"NOTSET").decode()
    if mode in ("NOTSET", "VALID"):
        return [int(pad) for pad in given.get("pads", [0] * 2 * len(size))]
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise FirmwareError(f"node '{node.name}': padding {mode}")
    before, after = [], []
    for n, k, s in zip(size, kernel, strides, strict=True):
        total = max((-(-n // s) - 1) * s + k - n, 0)
        small, large = total // 2, total - total // 2
        before.append(small if mode == "SAME_UPPER" else large)
        after.append(total - before[-1])
    return before + after
