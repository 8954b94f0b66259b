"""Convolutions of images, channels last.

Facts of the arithmetic: hls4ml 1.3, nnet_conv*_latency.h, nnet_conv*_resource.h,
nnet_sepconv*_latency.h, nnet_depthwise_product.h.
"""

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.network.cpp.model import Call, Function
from l1kd.emulators.network.graph import Layer, Tensor
from l1kd.emulators.network.layers.buffer import line_buffer
from l1kd.emulators.network.layers.dense import (
    MAX_WINDOWS,
    check_windows,
    matrix_terms,
    terms_of,
    uses_resource,
    window_index,
)
from l1kd.emulators.network.layers.lowering import Config, Lowering, handles, layer_of
from l1kd.emulators.network.layers.products import per_output, read_product

__all__ = ["geometry"]


@handles("conv_1d_cl", "conv_2d_cl", "pointwise_conv_1d_cl", "pointwise_conv_2d_cl")
def convolution(lowering: Lowering, call: Call) -> Layer:
    """Convolution of an image, channels last."""
    config = lowering.config(call)
    shape, windows, source, _ = geometry(lowering, call, config)
    (filters,) = config.sizes("n_filt")
    output = lowering.result(call, (*shape, filters))
    matrix = config.child("mult_config")
    # Streams are multiplied by the kernel of the matrix, arrays in the order of the strategy.
    streams = lowering.streams and matrix.word("kernel")
    terms = terms_of(lowering, call, matrix if streams else config, windows.shape[1], filters)
    return matrix_terms(lowering, call, matrix, output, source, windows, terms)


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
    lowering: Lowering, call: Call, config: Config, output: Tensor, source: Tensor, windows: Indices
) -> Layer:
    """Return the layer whose weights (kernel, channel) act on windows of single channels."""
    channels = output.shape[-1]
    pixels, n_in = windows.shape
    kernel = n_in // channels
    kind = config.word("product")
    product, form, zeros = read_product(lowering, call, 0, n_in, kind, source.format)
    if product.xnor:
        raise config.refuse("comparisons of bits in a depthwise convolution are not supported")
    bias, bias_form = lowering.weights(call, 1, channels)
    accumulator = config.format("accum_t")
    index = windows.reshape(pixels, kernel, channels).transpose(0, 2, 1).reshape(-1, kernel)
    positions = np.arange(n_in, dtype=np.int32).reshape(kernel, channels).T
    operations = per_output(
        output,
        source,
        np.ascontiguousarray(index),
        product.weights[positions],
        positions,
        product,
        accumulator.cast(bias, bias_form),
        accumulator,
        kernel,
    )
    return layer_of(
        call,
        operations,
        formats={"weight": form, "bias": bias_form, "accumulator": accumulator},
        parameters=n_in + channels,
        zeros=zeros,
        multiplications=pixels * n_in,
    )


def geometry(
    lowering: Lowering, call: Call, config: Config
) -> tuple[tuple[int, ...], Indices, Tensor, tuple[int, int]]:
    """Return output shape without channels, windows, source, and output size of a convolution."""
    (channels,) = config.sizes("n_chan")
    flat = "in_height" not in config.struct.constants
    width, out_w, kernel_w, stride_w = config.sizes(
        "in_width", "out_width", "filt_width", "stride_width"
    )
    height, out_h, kernel_h, stride_h = 1, 1, 1, 1
    if not flat:
        height, out_h, kernel_h, stride_h = config.sizes(
            "in_height", "out_height", "filt_height", "stride_height"
        )
    source = lowering.source(call, height * width * channels)
    shape, out = (out_w,) if flat else (out_h, out_w), (out_h, out_w)
    buffer = lowering.project.functions.get(config.word("fill_buffer"))
    if buffer is not None and not lowering.streams:
        # Generated code, and no number of the structure, says which elements arrays read.
        windows = _spelled_out(config, buffer, kernel_h * kernel_w * channels, source)
        if len(windows) != out_h * out_w:
            raise config.refuse(f"{len(windows)} windows for an output of {out}")
        return shape, windows, source, out
    if any(config.integer(n, 1) != 1 for n in ("dilation", "dilation_height", "dilation_width")):
        # The library ignores the dilation.
        raise config.refuse("a dilated convolution without a generated line buffer")
    size, kernel, stride = (height, width), (kernel_h, kernel_w), (stride_h, stride_w)
    before = 0 if flat else config.integer("pad_top", 0), config.integer("pad_left", 0)
    after = 0 if flat else config.integer("pad_bottom", 0), config.integer("pad_right", 0)
    check_windows(config, size, before, after, kernel, stride, out)
    return shape, window_index(size, channels, kernel, stride, before, out), source, out


def _spelled_out(config: Config, buffer: Function, size: int, source: Tensor) -> Indices:
    """Return the windows of the generated line buffer."""
    partitions, pixels = config.sizes("n_partitions", "n_pixels")
    if partitions * pixels * size > MAX_WINDOWS:
        raise config.refuse("the windows are too many")
    return line_buffer(buffer, partitions, pixels, size, source.size)
