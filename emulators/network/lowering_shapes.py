"""Layers that move elements: merges, padding, resizing, transposition, pooling.

Facts of the arithmetic: hls4ml 1.3, nnet_merge.h, nnet_pooling.h, nnet_padding.h, nnet_image.h,
nnet_cropping.h, nnet_transpose.h.
"""

from math import prod

import numpy as np
import numpy.typing as npt

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp_model import Call
from l1kd.emulators.network.graph import (
    MAX_ELEMENTS,
    Affine,
    Binary,
    Divide,
    Gather,
    Layer,
    Operation,
    Tensor,
)
from l1kd.emulators.network.lowering import (
    Config,
    Lowering,
    handles,
    layer_of,
    straight_lines,
)
from l1kd.emulators.network.lowering_dense import window_index

__all__ = ["sum_elements", "transposed", "tree"]

Index = npt.NDArray[np.int32]
_KINDS = {
    "add": ("add", 0),
    "subtract": ("subtract", 0),
    "multiply": ("multiply", 0),
    "average": ("add", 1),
    "maximum": ("maximum", 0),
    "minimum": ("minimum", 0),
}


@handles(*_KINDS)
def merge(lowering: Lowering, call: Call) -> Layer:
    """Two tensors joined element by element; the smaller one is repeated."""
    config = lowering.config(call)
    sizes = [config.integer(name, config.integer("n_elem", 0)) for name in ("n_elem1", "n_elem2")]
    size = config.integer("n_elem", max(sizes))
    left, right = (lowering.source(call, sizes[i], i) for i in range(2))
    bigger = left if left.size >= right.size else right
    output = lowering.result(call, bigger.shape if bigger.size == size else (size,))
    elements = np.arange(size, dtype=np.int32)
    kind, halvings = _KINDS[call.function.rpartition("::")[2]]
    products = size if kind == "multiply" else 0
    first, second = elements % left.size, elements % right.size
    operation = Binary(output, kind, left.name, right.name, first, second, halvings)
    return layer_of(call, [operation], multiplications=products)


@handles("dot1d")
def dot(lowering: Lowering, call: Call) -> Layer:
    """Scalar product: every product is cast to the accumulator before it is added."""
    config = lowering.config(call)
    (size,) = config.sizes("n_in")
    left, right = (lowering.source(call, size, i) for i in range(2))
    if config.word("product", "mult") != "mult":
        raise config.refuse("only plain products are supported in a dot product")
    output = lowering.result(call, (1,))
    accumulator = config.format("accum_t")
    products = Tensor(f"{output.name}.products", (size,), accumulator)
    elements = np.arange(size, dtype=np.int32)
    multiply = Binary(products, "multiply", left.name, right.name, elements, elements)
    total = sum_elements(output, products, elements[None], accumulator)
    facts = {"accumulator": accumulator}
    return layer_of(call, [multiply, total], formats=facts, multiplications=size)


def sum_elements(output: Tensor, source: Tensor, index: Index, accumulator: FixedPoint) -> Affine:
    """Return the operation that adds the elements of every row of ``index`` one by one.

    C++ adds the element itself, then casts the sum to the accumulator.
    """
    return Affine(
        output,
        source.name,
        index.astype(np.int32),
        np.zeros(index.shape[0], np.int32),
        np.ones((1, index.shape[1], 1), np.int64),
        0,
        np.zeros((1, 1), np.int64),
        accumulator,
        late=True,
    )


def tree(
    name: str, kind: str, source: Tensor, rows: Index, form: FixedPoint
) -> tuple[list[Operation], Tensor, Index]:
    """Reduce rows of elements pairwise, as the balanced tree of ``nnet_common.h`` does.

    Returns
    -------
    operations, the tensor that holds the results, and where they are in it.
    """
    slices, length = rows.shape
    if length == 1:
        return [], source, rows[:, 0]
    half = 1 << ((length - 1).bit_length() - 1)
    first, left, left_at = tree(f"{name}l", kind, source, rows[:, :half], form)
    second, right, right_at = tree(f"{name}r", kind, source, rows[:, half:], form)
    result = Tensor(name, (slices,), form)
    join = Binary(result, kind, left.name, right.name, left_at, right_at)
    return [*first, *second, join], result, np.arange(slices, dtype=np.int32)


@handles("concatenate1d", "concatenate2d", "concatenate3d")
def concatenate(lowering: Lowering, call: Call) -> Layer:
    """Two tensors side by side along an axis."""
    config = lowering.config(call)
    rank = int(call.function[-2])
    shapes = [
        config.sizes(*(f"n_elem{tensor}_{axis}" for axis in range(rank))) for tensor in (1, 2)
    ]
    sizes = [int(np.prod(shape)) for shape in shapes]
    left, right = (lowering.source(call, sizes[i], i) for i in range(2))
    axis = config.integer("axis", -1)
    # The firmware takes axis 0 for everything it does not know.
    axis = axis - 1 if 1 <= axis <= rank else (rank - 1 if axis == -1 or rank == 1 else 0)
    parts = [np.arange(sizes[0]).reshape(shapes[0]), np.arange(sizes[1]).reshape(shapes[1])]
    joined = np.concatenate([parts[0], parts[1] + sizes[0]], axis=axis)
    output = lowering.result(call, joined.shape)
    index = joined.reshape(-1).astype(np.int32)
    return layer_of(call, [Gather(output, (left.name, right.name), index)])


def _moved(
    lowering: Lowering, call: Call, size: int, shape: tuple[int, ...], index: npt.ArrayLike
) -> Layer:
    source = lowering.source(call, size)
    output = lowering.result(call, shape)
    flat = np.asarray(index).reshape(-1).astype(np.int32)
    return layer_of(call, [Gather(output, (source.name,), flat)])


@handles("zeropad1d_cl", "zeropad2d_cl")
def zero_padding(lowering: Lowering, call: Call) -> Layer:
    """Zeros around an image, channels last."""
    config = lowering.config(call)
    channels, width = config.sizes("n_chan", "in_width")
    left, right = config.integer("pad_left", 0), config.integer("pad_right", 0)
    if "in_height" not in config.struct.constants:
        shape: tuple[int, ...] = (width, channels)
        around: tuple[tuple[int, int], ...] = ((left, right), (0, 0))
    else:
        (height,) = config.sizes("in_height")
        shape = (height, width, channels)
        top, bottom = config.integer("pad_top", 0), config.integer("pad_bottom", 0)
        around = ((top, bottom), (left, right), (0, 0))
    if max(max(pair) for pair in around) > 1 << 16 or min(min(pair) for pair in around) < 0:
        raise config.refuse("the padding is out of range")
    sizes = [axis + low + high for axis, (low, high) in zip(shape, around, strict=False)]
    if prod(sizes) > MAX_ELEMENTS:
        raise config.refuse("the padded image is too large")
    image = np.arange(prod(shape)).reshape(shape)
    padded = np.pad(image, around, constant_values=-1)
    return _moved(lowering, call, image.size, padded.shape, padded)


@handles("cropping1d_cl", "cropping2d_cl")
def cropping(lowering: Lowering, call: Call) -> Layer:
    """Cut the inner part out of an image, channels last."""
    config = lowering.config(call)
    channels, width, out_width = config.sizes("n_chan", "in_width", "out_width")
    left = config.integer("crop_left", 0)
    height, out_height, top = 1, 1, 0
    if "in_height" in config.struct.constants:
        height, out_height = config.sizes("in_height", "out_height")
        top = config.integer("crop_top", 0)
    if height * width * channels > MAX_ELEMENTS:
        raise config.refuse("the image is too large")
    image = np.arange(height * width * channels).reshape(height, width, channels)
    inner = image[top : top + out_height, left : left + out_width]
    return _moved(lowering, call, image.size, inner.shape[-2 if height == 1 else 0 :], inner)


@handles("resize_nearest")
def resize(lowering: Lowering, call: Call) -> Layer:
    """Nearest-neighbour resizing with the firmware's 16-bit ratios."""
    config = lowering.config(call)
    channels, height, width, new_height, new_width = config.sizes(
        "n_chan", "height", "width", "new_height", "new_width"
    )
    if max(height * width, new_height * new_width) * channels > MAX_ELEMENTS:
        raise config.refuse("the image is too large")
    rows = np.arange(new_height) * ((height << 16) // new_height + 1) >> 16
    columns = np.arange(new_width) * ((width << 16) // new_width + 1) >> 16
    image = np.arange(height * width * channels).reshape(height, width, channels)
    resized = image[rows][:, columns]
    return _moved(lowering, call, image.size, resized.shape, resized)


def transposed(config: Config) -> Index:
    """Return for every element of a transposed tensor where it comes from."""
    arrays = config.struct.arrays
    if "to_shape" in arrays and "perm_strides" in arrays:
        shape, strides = arrays["to_shape"], arrays["perm_strides"]
    else:
        source = arrays.get("from_shape", ())
        perm = arrays.get("perm", ())
        if not source or sorted(perm) != list(range(len(source))):
            raise config.refuse("no shape or permutation")
        steps = np.cumprod([1, *source[:0:-1]])[::-1]
        shape = tuple(source[axis] for axis in perm)
        strides = tuple(int(steps[axis]) for axis in perm)
    if min(shape) < 1 or np.prod([float(n) for n in shape]) > 1 << 24:
        raise config.refuse(f"impossible shape {shape}")
    index = sum(
        np.arange(length).reshape([-1 if i == axis else 1 for i in range(len(shape))]) * stride
        for axis, (length, stride) in enumerate(zip(shape, strides, strict=True))
    )
    return np.asarray(index).astype(np.int32)


@handles("transpose", "transpose_2d", "transpose_3d")
def transpose(lowering: Lowering, call: Call) -> Layer:
    """Permutation of the axes."""
    index = transposed(lowering.config(call))
    return _moved(lowering, call, index.size, index.shape, index)


@handles("repack_stream", "clone_stream")
def copies(lowering: Lowering, call: Call) -> Layer:
    """One or more copies of a stream."""
    sizes = [argument for argument in call.template_arguments if isinstance(argument, int)]
    if len(sizes) != 1:
        raise lowering.refuse(call, "the size of this stream is not known")
    source = lowering.source(call, sizes[0])
    operations = []
    for position in range(len(call.outputs)):
        output = lowering.result(call, source.shape, position)
        operations.append(straight_lines(output, source, source.format.fraction))
    return layer_of(call, operations)


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
        out = _pair(config, "n_out", flat)
    source = lowering.source(call, size[0] * size[1] * channels)
    shape = (channels,) if whole else (*(out[1:] if flat else out), channels)
    output = lowering.result(call, shape)
    windows = window_index(size, channels, kernel, stride, pad, out)
    windows = windows.reshape(out[0] * out[1], -1, channels).transpose(0, 2, 1)
    windows = np.ascontiguousarray(windows.reshape(output.size, -1))
    accumulator = config.format("accum_t")
    kind = config.word("pool_op")
    operations: list[Operation] = []
    if config.streams:
        # Streams cast every value to the accumulator first.
        if (windows < 0).any():
            raise config.refuse("a padded pooling of streams")
        first = Tensor(f"{output.name}.first", (source.size,), accumulator)
        operations.append(straight_lines(first, source, source.format.fraction))
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
    output: Tensor, source: Tensor, windows: Index, accumulator: FixedPoint
) -> list[Operation]:
    """Compare halves of the windows until one value is left."""
    operations: list[Operation] = []
    form, name = source.format, source.name
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
    cast = Tensor(f"{output.name}.cast", output.shape, accumulator)
    index = windows.reshape(-1)
    operations.append(straight_lines(cast, last, form.fraction, index=index))
    operations.append(straight_lines(output, cast, accumulator.fraction))
    return operations


def _average(
    output: Tensor,
    source: Tensor,
    windows: Index,
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
        straight_lines(output, divided, accumulator.fraction),
    ]
