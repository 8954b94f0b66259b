"""Pooling.

Facts of the arithmetic: nnet_pooling.h of hls4ml 1.3, and of older versions, which add in other
types and have no accumulator.
"""

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.model import Call
from l1kd.emulators.network.graph import Binary, Divide, Gather, Layer, Operation, Tensor
from l1kd.emulators.network.layers.dense import check_windows, window_index
from l1kd.emulators.network.layers.lowering import (
    Config,
    Lowering,
    affine_segments,
    copies_of,
    handles,
    layer_of,
)
from l1kd.emulators.network.layers.shapes import sum_elements, tree

__all__ = ["pooling"]


@handles("pooling1d_cl", "pooling2d_cl", "global_pooling1d_cl", "global_pooling2d_cl")
def pooling(lowering: Lowering, call: Call) -> Layer:
    """Largest value or average of windows."""
    config = lowering.config(call)
    flat = "pooling1d" in call.function
    whole = "global" in call.function
    (channels,) = config.sizes("n_filt")
    size = _pair(config, "n_in", flat)
    if whole:
        kernel, stride, pad, out = size, size, (0, 0), (1, 1)
    else:
        kernel, stride = _pair(config, "pool", flat), _pair(config, "stride", flat)
        pad = (0 if flat else config.integer("pad_top", 0), config.integer("pad_left", 0))
        after = (0 if flat else config.integer("pad_bottom", 0), config.integer("pad_right", 0))
        out = _pair(config, "n_out", flat)
        check_windows(config, size, pad, after, kernel, stride, out)
    source = lowering.source(call, size[0] * size[1] * channels)
    shape = (channels,) if whole else (*(out[1:] if flat else out), channels)
    output = lowering.result(call, shape)
    windows = window_index(size, channels, kernel, stride, pad, out)
    windows = windows.reshape(out[0] * out[1], -1, channels).transpose(0, 2, 1)
    windows = np.ascontiguousarray(windows.reshape(output.size, -1))
    kind = config.word("pool_op")
    older = lowering.project.library.holds("pool_op") and not lowering.says("pool_op", "accum_t")
    if older:
        if not whole and (kernel != stride or (kind == "Average" and (windows < 0).any())):
            raise config.refuse("pools of hls4ml before 1.0 that overlap, have gaps or are padded")
        accumulator = _older_accumulator(lowering, call, source, kind, windows.shape[1])
        if kind == "Average" and not whole:
            _check_rescaling(config, source.format, kernel)
    else:
        accumulator = config.format("accum_t")
    operations: list[Operation] = []
    if config.streams:
        # Streams cast every value to the accumulator first.
        if (windows < 0).any():
            raise config.refuse("a padded pooling of streams")
        first = Tensor(f"{output.name}.first", (source.size,), accumulator)
        operations.append(affine_segments(first, source, source.format.fraction))
        source = first
    if kind == "Max":
        operations += _largest(output, source, windows, accumulator)
    elif kind == "Average":
        count_pad = bool(config.struct.constants.get("count_pad", False)) or whole
        by_pairs = config.streams and not whole
        operations += _average(output, source, windows, accumulator, count_pad, by_pairs)
    else:
        raise config.refuse(f"pooling by {kind or 'nothing'} is not supported")
    return layer_of(call, operations, formats={"accumulator": accumulator})


def _older_accumulator(
    lowering: Lowering, call: Call, source: Tensor, kind: str, terms: int
) -> FixedPoint:
    """Return the type in which hls4ml before 1.0 adds.

    Overloads for some types have room for every sum; which types, the library says.
    """
    form = source.format
    if kind != "Average":
        return form
    base = lowering.project.tensors[call.inputs[0]].type.base
    plain = (form.rounding, form.overflow) == ("TRN", "WRAP")
    by_hand = lowering.says("avg", "ap_q_mode Q")
    wide = base == "ap_int" or (base == "ap_fixed" and (plain or by_hand))
    if not wide and not (by_hand and base in ("ap_ufixed", "ap_uint")):
        return form
    more = _more_bits(terms)
    return FixedPoint(form.width + more, form.integer + more, form.signed)


def _more_bits(terms: int) -> int:
    """Return the logarithm of the library, which is at least one."""
    bits = 1
    while terms > 2:
        bits, terms = bits + 1, (terms + 1) // 2
    return bits


def _check_rescaling(config: Config, form: FixedPoint, kernel: tuple[int, int]) -> None:
    """Refuse averages whose factor for padding, of the type of the data, is not one without any."""
    for number in (*kernel, kernel[0] * kernel[1], 1):
        if form.fraction < 0 or form.cast_int(number, 0) != number << form.fraction:
            raise config.refuse(f"{form} cannot hold the number of elements of a pool")


def _pair(config: Config, what: str, flat: bool) -> tuple[int, int]:
    """Return height and width of an image, a pool or a stride; the height is one in a row."""
    names = {
        "n_in": ("in_height", "in_width", "n_in"),
        "n_out": ("out_height", "out_width", "n_out"),
        "pool": ("pool_height", "pool_width", "pool_width"),
        "stride": ("stride_height", "stride_width", "stride_width"),
    }[what]
    if flat:
        return 1, config.sizes(names[2])[0]
    height, width = config.sizes(*names[:2])
    return height, width


def _largest(
    output: Tensor, source: Tensor, windows: Indices, accumulator: FixedPoint
) -> list[Operation]:
    """Compare halves of the windows until one value is left."""
    operations: list[Operation] = []
    form, name = source.format, source.name
    form = copies_of(form)
    elements, terms = windows.shape
    if (windows < 0).any():
        # Outside the image the firmware sets only the topmost bit.
        fill = form.minimum if form.signed else 1 << (form.width - 1)
        padded = Tensor(f"{output.name}.padded", (windows.size,), form)
        operations.append(Gather(padded, (name,), windows.reshape(-1), fill))
        windows = np.arange(windows.size, dtype=np.int32).reshape(elements, terms)
        name = padded.name
    while terms > 1:
        half = (terms + 1) // 2
        larger = Tensor(f"{output.name}.{terms}", (elements * half,), form)
        left, right = windows[:, :half], windows[:, terms - half :]
        first, second = (np.ascontiguousarray(side).reshape(-1) for side in (left, right))
        operations.append(Binary(larger, "maximum", name, name, first, second))
        windows = np.arange(elements * half, dtype=np.int32).reshape(elements, half)
        name, terms = larger.name, half
    last = Tensor(name, source.shape, form)
    accumulator = copies_of(accumulator) if accumulator == source.format else accumulator
    cast = Tensor(f"{output.name}.cast", output.shape, accumulator)
    index = windows.reshape(-1)
    operations.append(affine_segments(cast, last, form.fraction, index=index))
    operations.append(affine_segments(output, cast, accumulator.fraction))
    return operations


def _average(
    output: Tensor,
    source: Tensor,
    windows: Indices,
    accumulator: FixedPoint,
    count_pad: bool,
    by_pairs: bool,
) -> list[Operation]:
    """Add in the accumulator, divide its raw value towards zero, cast."""
    total = Tensor(f"{output.name}.sum", output.shape, accumulator)
    divided = Tensor(f"{output.name}.mean", output.shape, accumulator)
    inside = windows.shape[1] if count_pad else (windows >= 0).sum(1)
    divisor = np.broadcast_to(np.asarray(inside, np.int64), output.size)
    elements = np.arange(output.size, dtype=np.int32)
    operations: list[Operation] = [sum_elements(total, source, windows, accumulator)]
    if by_pairs:
        operations, total, elements = tree(total.name, "add", source, windows, accumulator)
    return [
        *operations,
        Divide(divided, total.name, elements, np.ascontiguousarray(divisor)),
        affine_segments(output, divided, accumulator.fraction),
    ]
