"""Layers that move elements: merges, padding, resizing, transposition.

Facts of the arithmetic: hls4ml 1.3, nnet_merge.h, nnet_padding.h, nnet_image.h, nnet_cropping.h,
nnet_transpose.h; nnet_merge.h of older versions.
"""

from math import prod

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Indices
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.model import Call
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
from l1kd.emulators.network.layers.lowering import (
    Config,
    Lowering,
    affine_segments,
    copies_of,
    handles,
    layer_of,
)

__all__ = ["sum_elements", "transposed", "tree"]

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
    if lowering.says(call.function.rpartition("::")[2], "[ ii * 2 + 1 ]"):
        return _multiply_pairs(lowering, call, config)
    sizes = [config.integer(name, config.integer("n_elem", 0)) for name in ("n_elem1", "n_elem2")]
    size = config.integer("n_elem", max(sizes))
    if lowering.streams:
        # There the sizes of the operands do not count.
        sizes = [size, size]
        lowering.check_packets(call)
    left, right = (lowering.source(call, sizes[i], i) for i in range(2))
    bigger = left if left.size >= right.size else right
    output = lowering.result(call, bigger.shape if bigger.size == size else (size,))
    elements = np.arange(size, dtype=np.int32)
    name = call.function.rpartition("::")[2]
    kind, halvings = _KINDS[name]
    if name == "average" and lowering.says(name, "/ ("):
        return layer_of(call, _older_average(lowering, call, output, left, right))
    products = size if kind == "multiply" else 0
    first, second = elements % left.size, elements % right.size
    operation = Binary(output, kind, left.name, right.name, first, second, halvings)
    return layer_of(call, [operation], multiplications=products)


def _multiply_pairs(lowering: Lowering, call: Call, config: Config) -> Layer:
    """Every number times two neighbours, as L1METML's own library has it."""
    (size,) = config.sizes("n_elem")
    left, right = lowering.source(call, size), lowering.source(call, 2 * size, 1)
    output = lowering.result(call, (size, 2))
    elements = np.arange(2 * size, dtype=np.int32)
    multiply = Binary(output, "multiply", left.name, right.name, elements // 2, elements)
    return layer_of(call, [multiply], multiplications=2 * size)


def _older_average(
    lowering: Lowering, call: Call, output: Tensor, left: Tensor, right: Tensor
) -> list[Operation]:
    """Half of a sum as hls4ml before 1.2 has it: a quotient by a two of the result's type."""
    two = output.format.cast_int(2, 0)
    if FixedPoint(64, 64).cast_int(two, output.format.fraction) != 2 or output.format.fraction < 0:
        raise lowering.refuse(call, f"{output.format} cannot hold the divisor 2")
    fraction = max(left.format.fraction, right.format.fraction)
    integer = max(left.format.integer, right.format.integer) + 3
    form = FixedPoint(integer + fraction, integer)
    total = Tensor(f"{output.name}.sum", output.shape, form)
    half = Tensor(f"{output.name}.half", output.shape, form)
    elements = np.arange(output.size, dtype=np.int32)
    first, second = elements % left.size, elements % right.size
    return [
        Binary(total, "add", left.name, right.name, first, second),
        Divide(half, total.name, elements, np.full(output.size, 2)),
        affine_segments(output, half, fraction),
    ]


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


def sum_elements(output: Tensor, source: Tensor, index: Indices, accumulator: FixedPoint) -> Affine:
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
    name: str, kind: str, source: Tensor, rows: Indices, form: FixedPoint
) -> tuple[list[Operation], Tensor, Indices]:
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
    result = Tensor(name, (slices,), copies_of(form) if kind == "maximum" else form)
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
    if lowering.streams:
        # Rows come whole, but for tensors of one row, which are only left whole.
        given = [lowering.project.tensors[name].type.pack for name in call.inputs]
        rows = given if rank == 1 else [shape[-1] for shape in shapes]
        lowering.check_packets(call, *rows, joined.shape[-1])
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


def transposed(config: Config) -> Indices:
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
        operations.append(affine_segments(output, source, source.format.fraction))
    return layer_of(call, operations)
