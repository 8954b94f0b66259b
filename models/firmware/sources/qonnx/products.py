"""Products with constant weights, sums and largest values of windows, as exact integers."""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import Floats, Indices
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import Affine, Gather, Tensor
from l1kd.emulators.network.layers.lowering import affine_segments
from l1kd.emulators.network.layers.shapes import tree
from l1kd.errors import FirmwareError
from l1kd.models.firmware.sources.qonnx.walk import (
    UnknownOperatorError,
    Value,
    Walk,
    checked,
    counted,
    dyadic,
    holding,
    is_whole,
    plain,
)
from l1kd.models.firmware.sources.qonnx.windows import windows_of

__all__ = ["convolution", "matrix", "pool"]

_WEIGHT_BITS = 20
"""Weights in floating point, which nobody quantized, have more."""


def _sums(
    walk: Walk,
    node: Any,
    value: Value,
    index: Indices,
    group: Indices,
    weight: Floats,
    bias: Floats,
    shape: tuple[int, ...],
) -> tuple[Affine, tuple[int, int], int]:
    """Return exact sums of products: weights (groups, terms, filters), biases (groups, filters)."""
    source = value.tensor
    raw, fraction = dyadic(node, weight)
    raw, fraction = (raw << -fraction, 0) if fraction < 0 else (raw, fraction)
    if int(np.abs(raw).max(initial=0)).bit_length() > _WEIGHT_BITS:
        raise FirmwareError(
            f"node '{node.name}': its weights need more than {_WEIGHT_BITS} bits; quantize them "
            "(brevitas: weight_quant=Int8WeightPerTensorFixedPoint)"
        )
    start, digits = dyadic(node, bias)
    own = source.format.fraction + fraction
    total = max(own, digits)
    start = start << total - digits
    low, high = walk.limits(source)
    if (index < 0).any():
        low, high = min(low, 0), max(high, 0)
    checked(node, raw.shape[1], int(np.abs(raw).max(initial=0)).bit_length() + total - own
             + max(-low, high).bit_length())  # fmt: skip
    most = np.where(raw > 0, raw * high, raw * low).sum(axis=1) << total - own
    least = np.where(raw > 0, raw * low, raw * high).sum(axis=1) << total - own
    bounds = int((least + start).min()), int((most + start).max())
    # the bias, where the sums start, lies inside as well
    form = holding(
        node, (min(bounds[0], int(start.min())), max(bounds[1], int(start.max()))), total
    )
    form = FixedPoint(form.width + (not form.signed), form.integer + (not form.signed))
    output = Tensor(f"{node.name}.sum", shape, form)
    sums = Affine(output, source.name, index, group, raw, fraction, start, form)
    return sums, bounds, raw.size


def matrix(walk: Walk, node: Any) -> None:
    """Multiply by constant weights on the right, and add the bias that follows."""
    value, weight = walk.values[node.input[0]], walk.constants.get(node.input[1])
    if weight is None or weight.ndim != 2:
        raise UnknownOperatorError(f"node '{node.name}': a product of two activations")
    lead, terms = value.index.shape[:-1], value.index.shape[-1]
    index = value.index.reshape(-1, terms)
    if len(index) == 1 and is_whole(value):
        order = np.argsort(index[0])
        index, weight = index[:, order], weight[order]
    bias, output = _added(walk, node, (weight.shape[1],))
    group = np.zeros(len(index), np.int32)
    shape = (*lead, weight.shape[1])
    sums, bounds, count = _sums(
        walk, node, value, np.ascontiguousarray(index), group, weight[None], bias[None], shape
    )
    facts = {"parameters": count, "multiplications": count * len(index)}
    walk.add(node, "dense", [sums], counted(shape), bounds, output, **facts)


def _added(walk: Walk, node: Any, shape: tuple[int, ...]) -> tuple[Floats, str]:
    """Return the constant that the only reader adds to a product, and the name of the sum."""
    name = node.output[0]
    nothing = np.zeros(shape), name
    readers = [other for other in walk.nodes if name in other.input]
    if walk.readers[name] != 1 or not readers or readers[0].op_type != "Add":
        return nothing
    (other,) = (part for part in readers[0].input if part != name)
    for before in walk.nodes:
        if before.output[0] == other and all(part in walk.constants for part in before.input):
            walk.constants[other] = walk.constant(before)
    bias = walk.constants.get(other)
    if bias is None or bias.size not in (1, shape[-1]) or (bias.shape or (1,))[-1] != bias.size:
        return nothing
    return np.broadcast_to(bias.ravel(), shape).astype(np.float64), readers[0].output[0]


def convolution(walk: Walk, node: Any) -> None:
    """Convolve an image with constant weights; groups have weights of their own."""
    weight = walk.constants.get(node.input[1])
    given = [walk.constants.get(name) for name in node.input[2:]]
    if weight is None or any(part is None for part in given):
        raise UnknownOperatorError(f"node '{node.name}': a convolution with computed weights")
    value = _channels_last(walk, node, walk.values[node.input[0]])
    shape, filters = value.index.shape, weight.shape[0]
    windows = windows_of(walk.onnx, node, shape, weight.shape)
    groups, places, terms = windows.index.shape

    # terms: kernel first, then channels, as firmware has them
    def turned(array: Any, kept: int) -> Any:
        parts = array.reshape(*array.shape[:kept], -1, int(np.prod(weight.shape[2:])))
        return parts.swapaxes(-1, -2).reshape(*array.shape[:kept], -1)

    seen = turned(windows.index, 2).transpose(1, 0, 2).reshape(places * groups, terms)
    index = np.where(seen < 0, -1, value.index.ravel()[seen]).astype(np.int32)
    kernel = turned(weight.reshape(groups, filters // groups, terms), 2).transpose(0, 2, 1)
    bias = np.asarray(given[0] if given else np.zeros(filters), np.float64)
    group = np.tile(np.arange(groups, dtype=np.int32), places)
    out = (*windows.places, filters)
    sums, bounds, count = _sums(
        walk, node, value, index, group, np.ascontiguousarray(kernel),
        bias.reshape(groups, -1), out,
    )  # fmt: skip
    facts = {"parameters": count, "multiplications": count * places}
    walk.add(node, "convolution", [sums], _channels_first(out), bounds, **facts)


def _channels_first(shape: tuple[int, ...]) -> Indices:
    return np.moveaxis(counted(shape), -1, 0)


def _channels_last(walk: Walk, node: Any, value: Value) -> Value:
    """Give an image a tensor whose channels lie last, where that is a change of its shape alone."""
    turned = np.moveaxis(value.index, 0, -1)
    if value.tensor.shape == turned.shape or (turned.ravel() != np.arange(turned.size)).any():
        return value
    copied = walk.gathered(f"{node.name}_image", value, turned)
    return Value(copied.tensor, np.moveaxis(copied.index, -1, 0))


def pool(walk: Walk, node: Any) -> None:
    """Give the largest value of windows, or their average where that is a fixed-point number."""
    value = _channels_last(walk, node, walk.values[node.input[0]])
    shape = value.index.shape
    windows = windows_of(walk.onnx, node, shape, (1, 1))
    channels, places, terms = windows.index.shape
    seen = windows.index.transpose(1, 0, 2).reshape(places * channels, terms)
    index = np.where(seen < 0, -1, value.index.ravel()[seen]).astype(np.int32)
    out = (*windows.places, channels)
    if node.op_type != "MaxPool":
        if terms & terms - 1:
            raise FirmwareError(
                f"node '{node.name}': an average of {terms} numbers is none of fixed point; use "
                "windows of a power of two, or quantize a sum"
            )
        weight, group = np.full((1, terms, 1), 1.0 / terms), np.zeros(len(index), np.int32)
        sums, bounds, _ = _sums(walk, node, value, index, group, weight, np.zeros((1, 1)), out)
        walk.add(node, "average", [sums], _channels_first(out), bounds)
        return
    source, operations = value.tensor, []
    if (index < 0).any():
        form = plain(source.format)
        padded = Tensor(f"{node.name}.padded", (index.size,), form)
        operations = [Gather(padded, (source.name,), index.ravel(), form.minimum)]
        source, index = padded, counted(index.shape)
    more, last, at = tree(f"{node.name}.largest", "maximum", source, index, plain(source.format))
    output = Tensor(f"{node.name}.out", out, plain(last.format))
    copy = affine_segments(output, last, last.format.fraction, index=at)
    bounds = walk.limits(value.tensor)
    walk.add(node, "pooling", [*operations, *more, copy], _channels_first(out), bounds)
