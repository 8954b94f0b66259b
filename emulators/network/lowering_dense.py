"""Dense, convolution and depthwise layers: products with constant weights.

Facts of the arithmetic: hls4ml 1.3, nnet_dense_latency.h, nnet_dense_resource.h, nnet_mult.h,
nnet_conv*_latency.h, nnet_conv*_resource.h, nnet_sepconv*_latency.h, nnet_dense_compressed.h.
"""

from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp_model import Call
from l1kd.emulators.network.graph import (
    Affine,
    Layer,
    Lookup,
    Operation,
    Piecewise,
    Tensor,
)
from l1kd.emulators.network.lowering import (
    Config,
    Lowering,
    handles,
    layer_of,
    straight_lines,
)

__all__ = ["Product", "affine", "dense_terms", "geometry", "product_of", "window_index"]

Integers = npt.NDArray[np.int64]
Index = npt.NDArray[np.int32]
BIT = FixedPoint(1, 1, False)
MAX_WINDOWS = 1 << 26


class Product(NamedTuple):
    """Weights as plain factors, whatever kind of product the firmware uses.

    ``binary_input`` marks one-bit data that stand for -1 and 1; ``xnor`` the comparison of one-bit
    data with one-bit weights, whose count n becomes 2 n - n_in.
    """

    weights: Integers
    fraction: int
    binary_input: bool = False
    xnor: bool = False


def product_of(kind: str, weights: Integers, form: FixedPoint, data: FixedPoint) -> Product:
    """Turn the weights of a product class of ``nnet_mult.h`` into plain factors.

    Raises
    ------
    ValueError
        If the product class is unknown.
    """
    if kind in ("", "mult"):
        return Product(weights, form.fraction)
    if kind == "weight_ternary":
        # Everything but 0 and -1 counts as 1, as the C++ compares the values.
        minus = weights == -(1 << form.fraction) if form.fraction >= 0 else weights * 0
        return Product(np.where(weights == 0, 0, np.where(minus, -1, 1)), 0)
    if kind == "weight_binary":
        return Product(np.where(weights == 0, -1, 1), 0)
    if kind == "data_binary":
        return Product(weights, form.fraction, binary_input=True)
    if kind == "both_binary" and form == BIT and data == BIT:
        return Product(weights, 0, xnor=True)
    raise ValueError(f"the product {kind} is not supported")


def dense_terms(n_in: int, n_out: int, reuse: int) -> tuple[Index, Index]:
    """Return which input and weight each output adds, in the order of the resource strategy.

    Returns
    -------
    inputs, weights : int32 arrays, shape (n_out, n_in)
        Row j lists the terms of output j as they are added; the weights are positions in the
        firmware's array.

    Raises
    ------
    ValueError
        If the loops of the firmware would not give every output ``n_in`` terms.
    """
    if reuse <= n_in:
        block = -(-n_in * n_out // reuse)
        scale = block // n_out
        turn, step = np.meshgrid(np.arange(reuse), np.arange(block), indexing="ij")
        weights = turn + reuse * step
        period = -(-(n_in - turn) // reuse)
        inputs = turn + reuse * (step % period)
        outputs = np.minimum(step // max(scale, 1), n_out)
    else:
        # Both variants visit the weights in strides of the reuse factor, each weight once.
        reuse = min(reuse, n_in * n_out)
        block = -(-n_in * n_out // reuse)
        turn, step = np.meshgrid(np.arange(reuse), np.arange(block), indexing="ij")
        weights = turn + reuse * step
        inputs, outputs = weights % n_in, weights // n_in
        inside = weights < n_in * n_out
        weights, inputs, outputs = weights[inside], inputs[inside], outputs[inside]
    order = np.argsort(outputs.reshape(-1), kind="stable")
    flat = weights.reshape(-1)[order], inputs.reshape(-1)[order], outputs.reshape(-1)[order]
    regular = np.repeat(np.arange(n_out), n_in)
    if flat[2].size != regular.size or (flat[2] != regular).any() or flat[0].max() >= regular.size:
        raise ValueError(f"reuse factor {reuse} does not divide {n_in} inputs, {n_out} outputs")
    shape = (n_out, n_in)
    return flat[1].reshape(shape).astype(np.int32), flat[0].reshape(shape).astype(np.int32)


def affine(
    output: Tensor,
    source: Tensor,
    windows: Index,
    terms: tuple[Index, Index],
    product: Product,
    bias: Integers,
    accumulator: FixedPoint,
) -> list[Operation]:
    """Return the operations of one matrix of weights applied to windows of the input.

    Parameters
    ----------
    windows : int32 array, shape (P, n_in)
        Elements of the source that each application reads; -1 reads zero.
    terms : two int32 arrays, shape (n_out, n_in)
        Inputs and weight positions in the order of addition, see `dense_terms`.
    bias : int64 array, shape (n_out,)
        In the accumulator's format.
    """
    inputs, positions = terms
    n_out, n_in = inputs.shape
    operations: list[Operation] = []
    weights = product.weights[positions]
    if product.binary_input or product.xnor:
        # A one-bit zero stands for -1; a comparison picks the bit or its opposite.
        spread = Tensor(f"{output.name}.bits", (source.size * 2,), FixedPoint(2, 2))
        table = np.array([[-1, -1], [1, 1]] if product.binary_input else [[0, 1], [1, 0]], np.int64)
        twice = np.arange(source.size * 2, dtype=np.int32)
        operations.append(Lookup(spread, source.name, twice // 2, 1, 0, False, 0, table, twice % 2))
        source = spread
    if product.xnor:
        index = (2 * windows[:, inputs] + (1 - weights)[None]).reshape(-1, n_in).astype(np.int32)
        ones = np.ones((n_out, n_in, 1), np.int64)
        group = np.tile(np.arange(n_out, dtype=np.int32), windows.shape[0])
        count = Tensor(f"{output.name}.count", output.shape, accumulator)
        offsets = bias[:, None]
        step = Affine(count, source.name, index, group, ones, 0, offsets, accumulator)
        return [*operations, step, _xnor_result(output, count, n_in)]
    if product.binary_input:
        windows = np.where(windows < 0, -1, 2 * windows).astype(np.int32)
    same_order = bool((inputs == inputs[0]).all())
    if same_order:
        index = np.ascontiguousarray(windows[:, inputs[0]])
        group = np.zeros(windows.shape[0], np.int32)
        matrix, offsets = weights.T[None], bias[None]
    else:
        index = windows[:, inputs].reshape(-1, n_in)
        group = np.tile(np.arange(n_out, dtype=np.int32), windows.shape[0])
        matrix, offsets = weights[:, :, None], bias[:, None]
    matrix = np.ascontiguousarray(matrix)
    last = Affine(output, source.name, index, group, matrix, product.fraction, offsets, accumulator)
    return [*operations, last]


def _xnor_result(output: Tensor, count: Tensor, n_in: int) -> Piecewise:
    """Turn a count of equal bits into the sum of products of -1 and 1."""
    width = max((n_in - 1).bit_length(), 1) + 2
    fraction = max(count.format.fraction, 0)
    scale = 2 << (fraction - count.format.fraction)
    line = straight_lines(output, count, fraction, (scale, -(n_in << fraction)))
    choice = np.zeros(output.size, np.int32)
    return replace(line, formats=(FixedPoint(width, width),), choice=choice)


def window_index(
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    out: tuple[int, int],
) -> Index:
    """Return the elements under every position of a sliding window, channels last.

    Returns
    -------
    int32 array, shape (out height * out width, kernel height * kernel width * channels)
        -1 where the window reaches outside the image.

    Raises
    ------
    ValueError
        If there are too many.
    """
    if prod([*out, *kernel, channels]) > MAX_WINDOWS or max(*stride, *pad) > MAX_WINDOWS:
        raise ValueError(f"windows of {kernel} at {out} positions are too many")
    rows = np.arange(out[0])[:, None] * stride[0] - pad[0] + np.arange(kernel[0])
    columns = np.arange(out[1])[:, None] * stride[1] - pad[1] + np.arange(kernel[1])
    row, column = rows[:, None, :, None, None], columns[None, :, None, :, None]
    inside = (row >= 0) & (row < size[0]) & (column >= 0) & (column < size[1])
    pixel = (row * size[1] + column) * channels + np.arange(channels)
    index = np.where(inside, pixel, -1)
    return index.reshape(out[0] * out[1], -1).astype(np.int32)


def matrix_layer(
    lowering: Lowering,
    call: Call,
    config: Config,
    output: Tensor,
    source: Tensor,
    windows: Index,
    n_out: int,
    *,
    transposed: bool,
    reuse: int,
) -> Layer:
    """Return the layer of a call whose parameter arrays are one matrix and its biases."""
    n_in = windows.shape[1]
    raw, form = lowering.weights(call, 0, n_in * n_out)
    bias, bias_form = lowering.weights(call, 1, n_out)
    accumulator = config.format("accum_t")
    product = product_of(config.word("product"), raw, form, source.format)
    inputs = np.tile(np.arange(n_in, dtype=np.int32), (n_out, 1))
    natural = inputs * n_out + np.arange(n_out, dtype=np.int32)[:, None]
    terms = dense_terms(n_in, n_out, reuse) if transposed else (inputs, natural)
    start = accumulator.cast(bias, bias_form)
    operations = affine(output, source, windows, terms, product, start, accumulator)
    return layer_of(
        call,
        operations,
        formats={"weight": form, "bias": bias_form, "accumulator": accumulator},
        parameters=raw.size + bias.size,
        zeros=int((raw == 0).sum()),
        multiplications=windows.shape[0] * n_in * n_out,
    )


def uses_resource(lowering: Lowering, call: Call, config: Config) -> bool:
    """Tell whether the transposed layout and strided order of the resource strategy apply."""
    kernel = config.word("kernel") or config.word("conv_kernel")
    if kernel in ("DenseLatency", "Conv1DLatency", "BatchedDenseForConv1D"):
        return False
    if kernel.startswith("DenseResource_rf") or kernel == "Conv1DResource":
        return True
    strategy = config.struct.constants.get("strategy", "latency")
    names = {0: "latency", 1: "resource"}
    word = names.get(strategy, "") if isinstance(strategy, int) else str(strategy)
    word = word.rpartition("::")[2].lower()
    if kernel or word not in ("latency", "resource"):
        raise lowering.refuse(call, f"strategy {kernel or strategy} is not supported")
    return word == "resource"


@handles("dense")
def dense(lowering: Lowering, call: Call) -> Layer:
    """Fully connected layer."""
    config = lowering.config(call)
    n_in, n_out = config.sizes("n_in", "n_out")
    source = lowering.source(call, n_in)
    output = lowering.result(call, (n_out,))
    windows = np.arange(n_in, dtype=np.int32)[None]
    resource = uses_resource(lowering, call, config)
    reuse = config.integer("reuse_factor", 1)
    return matrix_layer(
        lowering, call, config, output, source, windows, n_out, transposed=resource, reuse=reuse
    )


@handles("conv_1d_cl", "conv_2d_cl", "pointwise_conv_1d_cl", "pointwise_conv_2d_cl")
def convolution(lowering: Lowering, call: Call) -> Layer:
    """Convolution of an image, channels last."""
    config = lowering.config(call)
    shape, windows, source, _ = geometry(lowering, call, config)
    (filters,) = config.sizes("n_filt")
    output = lowering.result(call, (*shape, filters))
    matrix = config.child("mult_config")
    resource = uses_resource(lowering, call, config)
    reuse = config.integer("reuse_factor", 1)
    return matrix_layer(
        lowering, call, matrix, output, source, windows, filters, transposed=resource, reuse=reuse
    )


@handles("depthwise_conv_1d_cl", "depthwise_conv_2d_cl")
def depthwise(lowering: Lowering, call: Call) -> Layer:
    """Convolution of every channel with its own kernel."""
    config = lowering.config(call)
    shape, windows, source, _ = geometry(lowering, call, config)
    channels, filters = config.sizes("n_chan", "n_filt")
    if channels != filters:
        raise config.refuse("depth multipliers other than 1 are not supported")
    if uses_resource(lowering, call, config) and lowering.project.io_type == "io_parallel":
        raise config.refuse("the resource strategy has no depthwise convolution")
    output = lowering.result(call, (*shape, filters))
    return depthwise_layer(lowering, call, config.child("mult_config"), output, source, windows)


def depthwise_layer(
    lowering: Lowering, call: Call, config: Config, output: Tensor, source: Tensor, windows: Index
) -> Layer:
    """Return the layer whose weights (kernel, channel) act on windows of single channels."""
    channels = output.shape[-1]
    pixels, n_in = windows.shape
    raw, form = lowering.weights(call, 0, n_in)
    bias, bias_form = lowering.weights(call, 1, channels)
    accumulator = config.format("accum_t")
    product = product_of(config.word("product"), raw, form, source.format)
    if product.binary_input or product.xnor:
        raise config.refuse("one-bit data in a depthwise convolution are not supported")
    index = windows.reshape(pixels, -1, channels).transpose(0, 2, 1).reshape(-1, n_in // channels)
    operation = Affine(
        output,
        source.name,
        np.ascontiguousarray(index),
        np.tile(np.arange(channels, dtype=np.int32), pixels),
        np.ascontiguousarray(product.weights.reshape(-1, channels).T[:, :, None]),
        product.fraction,
        accumulator.cast(bias, bias_form)[:, None],
        accumulator,
    )
    return layer_of(
        call,
        [operation],
        formats={"weight": form, "bias": bias_form, "accumulator": accumulator},
        parameters=raw.size + bias.size,
        zeros=int((raw == 0).sum()),
        multiplications=pixels * n_in,
    )


def geometry(
    lowering: Lowering, call: Call, config: Config
) -> tuple[tuple[int, ...], Index, Tensor, tuple[int, int]]:
    """Return output shape without channels, windows, source, and output size of a convolution."""
    (channels,) = config.sizes("n_chan")
    flat = "in_height" not in config.struct.constants
    width, out_w, kernel_w, stride_w = config.sizes(
        "in_width", "out_width", "filt_width", "stride_width"
    )
    left = config.integer("pad_left", 0)
    height, out_h, kernel_h, stride_h, top = 1, 1, 1, 1, 0
    if not flat:
        height, out_h, kernel_h, stride_h = config.sizes(
            "in_height", "out_height", "filt_height", "stride_height"
        )
        top = config.integer("pad_top", 0)
    dilations = (config.integer(n, 1) for n in ("dilation", "dilation_height", "dilation_width"))
    if any(dilation != 1 for dilation in dilations):
        raise config.refuse("dilated convolutions are not supported")
    source = lowering.source(call, height * width * channels)
    windows = window_index(
        (height, width),
        channels,
        (kernel_h, kernel_w),
        (stride_h, stride_w),
        (top, left),
        (out_h, out_w),
    )
    shape = (out_w,) if flat else (out_h, out_w)
    return shape, windows, source, (out_h, out_w)
