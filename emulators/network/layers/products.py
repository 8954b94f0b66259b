"""Products with constant weights: ordinary, binary, ternary, xnor, and powers of two.

Facts of the arithmetic: hls4ml 1.3, nnet_mult.h.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import AnyArray, Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.model import Call
from l1kd.emulators.network.graph import Affine, Lookup, Operation, Piecewise, Tensor
from l1kd.emulators.network.layers.lowering import Lowering, affine_segments, integer_literals

__all__ = ["Product", "affine", "per_output", "product_of", "read_product", "shifted"]

BIT = FixedPoint(1, 1, False)
MAX_EXPONENT = 1 << 10


class Product(NamedTuple):
    """Weights as plain factors, whatever kind of product the firmware uses.

    Attributes
    ----------
    weights : int64 array
        Raw factors with ``fraction`` fraction bits; signs (1 or -1) where there are ``exponents``.
    binary_input
        Marks one-bit data that stand for -1 and 1.
    xnor
        Marks the comparison of one-bit data with one-bit weights, whose count n becomes 2 n - n_in.
    exponents : int64 array or None
        Shifts of the data, where the type of the shifted data may lose bits.
    shifted : FixedPoint or None
        That type.
    """

    weights: Integers
    fraction: int
    binary_input: bool = False
    xnor: bool = False
    exponents: Integers | None = None
    shifted: FixedPoint | None = None

    @property
    def plain(self) -> bool:
        """Whether the data enter as they are."""
        return not (self.binary_input or self.xnor or self.exponents is not None)


def read_product(
    lowering: Lowering, call: Call, position: int, size: int, kind: str, data: FixedPoint
) -> tuple[Product, FixedPoint, int]:
    """Read a parameter array as factors of a product class.

    Returns
    -------
    factors, format of the array, number of zeros in it
    """
    array = lowering.weight_array(call, position, size)
    if kind != "weight_exponential":
        raw, form = lowering.weights(call, position, size)
        return product_of(kind, raw, form, data), form, int((raw == 0).sum())
    fields = dict(array.type.fields)
    if list(fields) != ["sign", "weight"]:
        raise lowering.refuse(call, f"{array.name} is not an array of powers of two")
    form = lowering.format(fields["weight"], array)
    signs = integer_literals(array.values[:, 0], lowering.format(fields["sign"], array))
    exponents = integer_literals(array.values[:, 1], form)
    if form.fraction or np.abs(exponents).max() > MAX_EXPONENT:
        raise lowering.refuse(call, f"the exponents of {array.name} are out of range")
    return powers_of_two(np.where(signs == 1, 1, -1), exponents, form, data), form, 0


def powers_of_two(
    signs: Integers, exponents: Integers, form: FixedPoint, data: FixedPoint
) -> Product:
    """Return products with ``sign * 2**exponent``.

    The firmware shifts the data within a type of twice the bits of both, which loses what leaves
    it on either side; where nothing can, the products are ordinary ones.
    """
    width = form.width + data.width
    shifted = FixedPoint(2 * width, width)
    lowest, highest = int(exponents.min()), int(exponents.max())
    fits = data.fraction <= width and data.fraction - lowest <= width
    reach = max(abs(data.minimum), abs(data.maximum)) << max(width - data.fraction, 0)
    if fits and highest < 62 and reach << max(highest, 0) <= shifted.maximum:
        fraction = max(-lowest, 0)
        if highest + fraction < 62:
            return Product(signs << (exponents + fraction), fraction)
    return Product(signs.astype(np.int64), 0, exponents=exponents, shifted=shifted)


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


def affine(
    output: Tensor,
    source: Tensor,
    windows: Indices,
    terms: tuple[Indices, Indices],
    product: Product,
    bias: Integers,
    accumulator: FixedPoint,
) -> list[Operation]:
    """Return the operations of one matrix of weights applied to windows of the input.

    Parameters
    ----------
    windows : int32 array, shape (P, n_in)
        Elements of the source that each application reads; -1 reads zero.
    terms : two int32 arrays, shape (n_out, terms)
        Inputs and weight positions in the order of addition, see `dense_terms`; a position of -1
        adds nothing.
    bias : int64 array, shape (n_out,)
        In the accumulator's format.
    """
    inputs, positions = terms
    weights = np.where(positions < 0, 0, product.weights[positions])
    same_order = bool((inputs == inputs[0]).all())
    if product.plain and same_order:
        index = np.ascontiguousarray(windows[:, inputs[0]])
        group = np.zeros(windows.shape[0], np.int32)
        matrix = np.ascontiguousarray(weights.T[None])
        fraction, start = product.fraction, bias[None]
        return [Affine(output, source.name, index, group, matrix, fraction, start, accumulator)]
    index = np.where(positions < 0, -1, windows[:, inputs]).reshape(-1, inputs.shape[1])
    return per_output(
        output, source, index, weights, positions, product, bias, accumulator, inputs.shape[1]
    )


def per_output(
    output: Tensor,
    source: Tensor,
    index: Indices,
    weights: Integers,
    positions: Indices,
    product: Product,
    bias: Integers,
    accumulator: FixedPoint,
    n_in: int,
) -> list[Operation]:
    """Return the operations of outputs that each read elements of their own.

    Parameters
    ----------
    index : int32 array, shape (P * n_out, terms)
        Elements of the source, -1 for zero; the outputs of one application follow one another.
    weights, positions : arrays, shape (n_out, terms)
        Factors, and where they stand in the firmware's array.
    bias : int64 array, shape (n_out,)
        In the accumulator's format.
    n_in : int
        Terms of a sum, for the result of comparisons of bits.
    """
    operations: list[Operation] = []
    n_out, terms = weights.shape
    grid: AnyArray = index.reshape(-1, n_out, terms)
    if product.binary_input or product.xnor:
        spread = _bits(f"{output.name}.bits", source, product.binary_input)
        operations.append(spread)
        # Outside the image lies a bit that is zero, which stands for -1.
        grid = 2 * np.where(grid < 0, source.size, grid) + (1 - weights if product.xnor else 0)
        grid = np.where(positions < 0, -1, grid)
        source = spread.output
        weights = np.ones_like(weights) if product.xnor else weights
    elif product.exponents is not None and product.shifted is not None:
        shifts, which = np.unique(
            np.stack([product.exponents, product.weights]), axis=1, return_inverse=True
        )
        operations += _shifted(f"{output.name}.shifted", source, product.shifted, shifts)
        part = which.reshape(-1)[positions].astype(np.int64) * source.size
        source = operations[-1].output
        grid = np.where(grid < 0, -1, grid + part)
        weights = (positions >= 0).astype(np.int64)
    group = np.tile(np.arange(n_out, dtype=np.int32), grid.shape[0])
    target = Tensor(f"{output.name}.count", output.shape, accumulator) if product.xnor else output
    operations.append(
        Affine(
            target,
            source.name,
            np.ascontiguousarray(grid.reshape(-1, terms).astype(np.int32)),
            group,
            np.ascontiguousarray(weights[:, :, None]),
            0 if product.xnor else product.fraction,
            bias[:, None],
            accumulator,
        )
    )
    return [*operations, _xnor_result(output, target, n_in)] if product.xnor else operations


def _bits(name: str, source: Tensor, signs: bool) -> Lookup:
    """Return every bit, and a zero, twice: as -1 or 1, or as the bit and its opposite."""
    spread = Tensor(name, (source.size * 2 + 2,), FixedPoint(2, 2))
    table = np.array([[-1, -1], [1, 1]] if signs else [[0, 1], [1, 0]], np.int64)
    twice = np.arange(spread.size, dtype=np.int32)
    index = np.where(twice // 2 < source.size, twice // 2, -1).astype(np.int32)
    return Lookup(spread, source.name, index, 1, 0, False, 0, table, twice % 2)


def _shifted(name: str, source: Tensor, form: FixedPoint, shifts: AnyArray) -> list[Operation]:
    """Return the source once for every pair (exponent, sign) of ``shifts``, shape (2, pairs)."""
    count, size = shifts.shape[1], source.size
    result = Tensor(f"{name}.signed", (count * size,), form)
    every = np.tile(np.arange(size), count)
    exponents, signs = shifts.repeat(size, 1)
    return shifted(result, source, form, exponents, signs, every)


def shifted(
    output: Tensor,
    source: Tensor,
    form: FixedPoint,
    exponents: Integers,
    signs: Integers,
    index: AnyArray | None = None,
) -> list[Operation]:
    """Return elements of the source times ``sign * 2**exponent``, shifted within a type."""
    lowest = int(min(exponents.min(), 0))
    if int(exponents.max()) - lowest > 61:
        raise ValueError("the shifts of powers of two span more than 61 bits")
    wide = Tensor(f"{output.name}.wide", (source.size,), form)
    moved = Tensor(f"{output.name}.moved", (output.size,), form)
    scale = np.int64(1) << (exponents - lowest)
    return [
        affine_segments(wide, source, source.format.fraction),
        affine_segments(moved, wide, form.fraction - lowest, (scale, 0), index=index),
        affine_segments(output, moved, form.fraction, (signs, 0)),
    ]


def _xnor_result(output: Tensor, count: Tensor, n_in: int) -> Piecewise:
    """Turn a count of equal bits into the sum of products of -1 and 1."""
    width = max((n_in - 1).bit_length(), 1) + 2
    fraction = max(count.format.fraction, 0)
    scale = 2 << (fraction - count.format.fraction)
    line = affine_segments(output, count, fraction, (scale, -(n_in << fraction)))
    choice = np.zeros(output.size, np.int32)
    return replace(line, formats=(FixedPoint(width, width),), choice=choice)
