"""Dense layers: sums of products with constant weights.

Facts of the arithmetic: hls4ml 1.3, nnet_dense_latency.h, nnet_dense_resource.h.
"""

from math import prod

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.network.cpp.library import Body, fingerprint
from l1kd.emulators.network.cpp.model import Call, FirmwareSourceError, Function
from l1kd.emulators.network.graph import Layer, Tensor
from l1kd.emulators.network.layers.lowering import Config, Lowering, handles, layer_of
from l1kd.emulators.network.layers.products import affine, read_product
from l1kd.emulators.network.layers.sparse import unrolled_terms

__all__ = [
    "dense_terms",
    "matrix_terms",
    "terms_of",
    "uses_resource",
    "window_index",
]

# What the rest of a generated kernel without its calls must be, and the calls.
_POINTWISE = "12ae8fc2"
_POINTWISE_CALL = (
    "pointwise_conv_1d_latency_cl < data_T , res_T , CONFIG_T > "
    "( data_tmp [ # ] , res_tmp [ # ] , weights , biases ) ;"
)
MAX_WINDOWS = 1 << 26


def dense_terms(n_in: int, n_out: int, reuse: int) -> tuple[Indices, Indices]:
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


def window_index(
    size: tuple[int, int],
    channels: int,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int],
    out: tuple[int, int],
) -> Indices:
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


def check_windows(
    config: Config,
    size: tuple[int, int],
    before: tuple[int, int],
    after: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    out: tuple[int, int],
) -> None:
    """Refuse a sliding window that stops at more or fewer positions than the output has."""
    lengths = (sum(parts) for parts in zip(size, before, after, strict=True))
    stops = tuple(
        (length - wide) // step + 1
        for length, wide, step in zip(lengths, kernel, stride, strict=True)
    )
    if stops != out:
        raise config.refuse(f"a window with {stops} positions for an output of {out}")


def terms_of(
    lowering: Lowering, call: Call, config: Config, n_in: int, n_out: int
) -> tuple[Indices, Indices]:
    """Return the terms of a matrix in the order of its strategy."""
    unrolled = lowering.project.functions.get(config.word("kernel"))
    if unrolled is not None:
        terms = unrolled_terms(unrolled, n_in, n_out)
        if terms is None:
            raise FirmwareSourceError("not understood", unrolled.location, unrolled.name)
        return terms
    if uses_resource(lowering, call, config):
        return dense_terms(n_in, n_out, config.integer("reuse_factor", 1))
    return natural_terms(n_in, n_out)


def natural_terms(n_in: int, n_out: int) -> tuple[Indices, Indices]:
    """Return the terms of the latency strategy: the weights are stored [n_in][n_out]."""
    inputs = np.tile(np.arange(n_in, dtype=np.int32), (n_out, 1))
    return inputs, inputs * n_out + np.arange(n_out, dtype=np.int32)[:, None]


def matrix_terms(
    lowering: Lowering,
    call: Call,
    config: Config,
    output: Tensor,
    source: Tensor,
    windows: Indices,
    terms: tuple[Indices, Indices],
    arrays: tuple[int, int] = (0, 1),
) -> Layer:
    """Return the layer of a matrix whose order of terms is known.

    ``arrays`` are the positions of weights and biases among the call's parameter arrays.
    """
    n_in, n_out = windows.shape[1], terms[0].shape[0]
    kind = config.word("product")
    product, form, zeros = read_product(
        lowering, call, arrays[0], n_in * n_out, kind, source.format
    )
    bias, bias_form = lowering.weights(call, arrays[1], n_out)
    accumulator = config.format("accum_t")
    start = accumulator.cast(bias, bias_form)
    operations = affine(output, source, windows, terms, product, start, accumulator)
    return layer_of(
        call,
        operations,
        formats={"weight": form, "bias": bias_form, "accumulator": accumulator},
        parameters=n_in * n_out + n_out,
        zeros=zeros,
        multiplications=windows.shape[0] * n_in * n_out,
    )


def pointwise_kernel(lowering: Lowering, config: Config, function: Function) -> bool:
    """Check the kernel that hls4ml 1.0 and 1.1 write for convolutions of single pixels.

    It calls the library's kernel once for each part of the pixels, with the terms in their natural
    order; returns False for that.
    """
    parts = config.integer("reuse_factor", 1)
    text = " ".join(token.text for token in function.tokens).replace("nnet :: ", "")
    for part in range(min(parts, 1 << 12)):
        text = text.replace(_POINTWISE_CALL.replace("#", str(part)), "", 1)
    known = fingerprint(Body("pointwise", " ".join(text.split()), function.location)) == _POINTWISE
    if not known or config.integer("in_width") % parts or _moves(config):
        raise FirmwareSourceError("not understood", function.location, function.name)
    return False


def _moves(config: Config) -> bool:
    names = ("pad_left", "pad_right")
    return config.integer("stride_width", 1) != 1 or any(config.integer(n, 0) for n in names)


def uses_resource(lowering: Lowering, call: Call, config: Config) -> bool:
    """Tell whether the transposed layout and strided order of the resource strategy apply."""
    kernel = config.word("kernel") or config.word("conv_kernel")
    if kernel in lowering.project.functions:
        return pointwise_kernel(lowering, config, lowering.project.functions[kernel])
    if kernel in ("DenseLatency", "Conv1DLatency", "BatchedDenseForConv1D"):
        return False
    if kernel.startswith("DenseResource_rf") or kernel == "Conv1DResource":
        return True
    strategy = config.struct.constants.get("strategy", "latency")
    names = {0: "latency", 1: "resource"}
    word = names.get(strategy, "") if isinstance(strategy, int) else str(strategy)
    word = word.rpartition("::")[2].lower()
    if kernel or word not in ("latency", "resource", "resource_unrolled"):
        raise lowering.refuse(call, f"strategy {kernel or strategy} is not supported")
    return word != "latency"


@handles("dense")
def dense(lowering: Lowering, call: Call) -> Layer:
    """Fully connected layer."""
    config = lowering.config(call)
    n_in, n_out = config.sizes("n_in", "n_out")
    source = lowering.source(call, n_in)
    output = lowering.result(call, (n_out,))
    windows = np.arange(n_in, dtype=np.int32)[None]
    terms = terms_of(lowering, call, config, n_in, n_out)
    return matrix_terms(lowering, call, config, output, source, windows, terms)
