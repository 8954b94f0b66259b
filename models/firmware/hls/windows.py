"""Layers of the integer graph that look through windows, in hls4ml's words.

Convolutions and poolings are recognised by which elements they read.
"""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Gather,
    Layer,
    Operation,
    Piecewise,
    Tensor,
)
from l1kd.emulators.network.layers.dense import window_index

__all__ = ["convolution_entry", "pooling_entry"]

Entry = dict[str, Any]
_AROUND = ("top", "bottom", "left", "right")


def pooling_entry(layer: Layer, tensors: dict[str, Tensor]) -> tuple[Entry, str] | None:
    """Describe a layer as a pooling of hls4ml.

    Parameters
    ----------
    tensors : dict
        All tensors of the graph by name.

    Returns
    -------
    tuple of dict and str, or None
        hls4ml's description and the name of the tensor it reads; None where the layer is none.
    """
    kind, found = "Average", _summed(layer)
    if found is None:
        kind, found = "Max", _compared(layer)
    if found is None:
        return None
    name, windows, divisors = found
    source, output = tensors[name], layer.output
    if len(source.shape) not in (2, 3) or windows.shape[0] != output.size:
        return None
    flat = len(source.shape) == 2
    image = (1, *source.shape) if flat else source.shape
    channels = image[2]
    whole = output.shape == (channels,)
    shape = (1, 1) if flat or whole else (output.shape[0], output.shape[1])
    shape = (1, output.shape[0]) if flat and not whole else shape
    for kernel, stride, pad in _candidates(image, shape, windows.shape[1], whole):
        index = window_index((image[0], image[1]), channels, kernel, stride, pad, shape)
        given = index.reshape(shape[0] * shape[1], -1, channels).transpose(0, 2, 1)
        given = np.sort(given.reshape(output.size, -1), axis=1)
        if not np.array_equal(given, windows):
            continue
        inside = (given >= 0).sum(axis=1)
        if divisors is None or np.array_equal(divisors, inside):
            entry = _entry(kind, image, shape, kernel, stride, pad, (flat, whole))
            return entry, name
    return None


def _candidates(
    image: tuple[int, ...], shape: tuple[int, ...], area: int, whole: bool
) -> list[tuple[tuple[int, int], tuple[int, int], tuple[int, int]]]:
    """Return kernels, strides and paddings that give the right numbers of windows and elements."""
    if whole:
        return [((image[0], image[1]), (image[0], image[1]), (0, 0))]
    kernels = [(h, area // h) for h in range(1, area + 1) if area % h == 0]
    strides = [(down, right) for down in range(1, 9) for right in range(1, 9)]
    return [
        (kernel, stride, pad)
        for kernel in kernels
        if kernel[0] <= image[0] and kernel[1] <= image[1]
        for stride in strides
        for pad in product(range(kernel[0]), range(kernel[1]))
        if all(
            -stride[axis] < _after(image, shape, kernel, stride, pad, axis) < kernel[axis]
            and (shape[axis] > 1 or stride[axis] == min(kernel[axis], 8))
            for axis in (0, 1)
        )
    ]


def _after(
    image: tuple[int, ...],
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    axis: int,
) -> int:
    """Return how far the last window reaches beyond the image."""
    return (shape[axis] - 1) * stride[axis] + kernel[axis] - image[axis] - pad[axis]


def _entry(
    kind: str,
    image: tuple[int, ...],
    shape: tuple[int, ...],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    what: tuple[bool, bool],
) -> dict[str, Any]:
    flat, whole = what
    dimensions = "1D" if flat else "2D"
    name = f"{'Global' if whole else ''}{kind}Pooling{dimensions}"
    entry: Entry = {"class_name": name, "n_filt": image[2], "data_format": "channels_last"}
    if flat:
        entry["n_in"] = image[1]
    else:
        entry |= {"in_height": image[0], "in_width": image[1]}
    if whole:
        return entry
    after = [max(_after(image, shape, kernel, stride, pad, axis), 0) for axis in (0, 1)]
    pads = dict(zip(_AROUND, (pad[0], after[0], pad[1], after[1]), strict=True))
    entry |= {"pool_width": kernel[1], "stride_width": stride[1], "count_pad": False}
    entry |= {"padding": "same" if any(pads.values()) else "valid"}
    if flat:
        return entry | {
            "n_out": shape[1],
            "pad_left": pads["left"],
            "pad_right": pads["right"],
        }
    entry |= {"pool_height": kernel[0], "stride_height": stride[0]}
    entry |= {f"pad_{side}": size for side, size in pads.items()}
    return entry | {"out_height": shape[0], "out_width": shape[1]}


def _summed(layer: Layer) -> tuple[str, Integers, Integers | None] | None:
    """Return source, windows and divisors of an average."""
    match layer.operations:
        case (Affine() as total, Divide() as divided, Piecewise() as last):
            ones = total.weight == 1 << max(total.weight_fraction, 0)
            plain = ones.all() and not total.bias.any() and not total.group.any()
            if not plain or total.weight.shape[2] != 1 or not _copies(last):
                return None
            order = np.arange(divided.output.size)
            if divided.source != total.output.name or not np.array_equal(divided.index, order):
                return None
            rows = [frozenset(row[row >= 0].tolist()) for row in total.index]
            return total.source, _rows(rows), np.asarray(divided.divisor, np.int64)
    return None


def _compared(layer: Layer) -> tuple[str, Integers, None] | None:
    """Return source and windows of a maximum, by following comparisons back to their elements."""
    operations = list(layer.operations)
    if not any(isinstance(operation, Binary) for operation in operations):
        return None
    name = _source(operations[0])
    sets: dict[str, list[frozenset[int]] | None] = {name: None}
    for operation in operations:
        found = _sets(operation, sets)
        if found is None:
            return None
        sets[operation.output.name] = found
    return name, _rows(sets[operations[-1].output.name] or []), None


def _rows(sets: list[frozenset[int]]) -> Integers:
    """Return sets of elements as sorted rows, filled up with -1 before."""
    size = max(map(len, sets), default=0)
    rows = [[-1] * (size - len(elements)) + sorted(elements) for elements in sets]
    return np.array(rows, np.int64).reshape(len(sets), size)


def _source(operation: Operation) -> str:
    if isinstance(operation, Binary):
        return operation.left
    return operation.sources[0] if isinstance(operation, Gather) else operation.source


def _sets(
    operation: Operation, sets: dict[str, list[frozenset[int]] | None]
) -> list[frozenset[int]] | None:
    """Return which elements of the source every element of an operation is the largest of."""

    def of(name: str, index: npt.NDArray[np.signedinteger]) -> list[frozenset[int]]:
        known = sets[name]
        if known is None:
            return [frozenset((int(i),)) for i in index]
        return [known[i] for i in index]

    match operation:
        case Gather(sources=(source,)) if sets.get(source, ()) is None:
            # what lies outside the image is no larger than anything inside
            form = operation.output.format
            lowest = form.minimum if form.signed else 1 << (form.width - 1)
            if operation.fill != lowest:
                return None
            return [frozenset((int(i),)) if i >= 0 else frozenset() for i in operation.index]
        case Binary(kind="maximum", halvings=0) if {operation.left, operation.right} <= sets.keys():
            pairs = zip(
                of(operation.left, operation.left_index),
                of(operation.right, operation.right_index),
                strict=True,
            )
            return [left | right for left, right in pairs]
        case Piecewise() if operation.source in sets and _copies(operation, whole=False):
            return of(operation.source, operation.index)
    return None


def _copies(operation: Piecewise, whole: bool = True) -> bool:
    """Tell whether an operation only casts."""
    same = np.array_equal(operation.scale_above, operation.scale_below)
    scale = operation.scale_above
    plain = same and bool((scale == scale[0]).all()) and int(scale[0]) & int(scale[0]) - 1 == 0
    plain = plain and not operation.offset_above.any() and not operation.offset_below.any()
    in_order = np.array_equal(operation.index, np.arange(operation.output.size))
    return plain and operation.limits is None and not operation.formats and (in_order or not whole)


def convolution_entry(operation: Affine, source: Tensor) -> tuple[Entry, tuple[int, ...]] | None:
    """Find the kernel, stride and padding whose windows these are."""
    output = operation.output.shape
    terms, filters = operation.weight.shape[1:]
    flat = len(source.shape) == 2 and len(output) == 2
    if not flat and (len(source.shape) != 3 or len(output) != 3):
        return None
    height, width, channels = (1, *source.shape) if flat else source.shape
    out_height, out_width = (1, output[0]) if flat else output[:2]
    area, rest = divmod(terms, channels)
    if rest or output[-1] != filters or out_height * out_width != operation.index.shape[0]:
        return None
    kernels = [(h, area // h) for h in range(1, area + 1) if area % h == 0 and (h == 1 or not flat)]
    for kernel, stride in product(kernels, product(range(1, 9), repeat=2)):
        pads = product(range(kernel[0]), range(kernel[1]))
        if flat and stride[0] > 1:
            continue
        for pad in pads:
            out = (out_height, out_width)
            index = window_index((height, width), channels, kernel, stride, pad, out)
            if np.array_equal(index, operation.index):
                return _kernel_entry(
                    (height, width, channels), out, filters, kernel, stride, pad, flat
                )
    return None


def _kernel_entry(
    image: tuple[int, int, int],
    out: tuple[int, int],
    filters: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    flat: bool,
) -> tuple[Entry, tuple[int, ...]]:
    def after(axis: int) -> int:
        used = (out[axis] - 1) * stride[axis] + kernel[axis]
        return max(used - image[axis] - pad[axis], 0)

    entry: Entry = {"class_name": "Conv1D" if flat else "Conv2D"}
    names = ((1, "width", ("left", "right")),) if flat else None
    for axis, word, sides in names or (
        (0, "height", ("top", "bottom")),
        (1, "width", ("left", "right")),
    ):
        entry |= {
            f"in_{word}": image[axis],
            f"out_{word}": out[axis],
            f"filt_{word}": kernel[axis],
            f"stride_{word}": stride[axis],
            f"pad_{sides[0]}": pad[axis],
            f"pad_{sides[1]}": after(axis),
        }
    same = any(pad) or any(after(axis) for axis in (0, 1))
    entry |= {"n_chan": image[2], "n_filt": filters, "padding": "same" if same else "valid"}
    shape = (kernel[1], image[2], filters) if flat else (*kernel, image[2], filters)
    return entry, shape
