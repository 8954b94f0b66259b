"""Einstein sums: of two tensors, and of one tensor with constant weights.

Facts of the arithmetic: hls4ml 1.3, nnet_einsum.h and nnet_einsum_dense.h.
"""

import re
from math import prod
from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.model import Call
from l1kd.emulators.network.graph import (
    MAX_ELEMENTS,
    Affine,
    Binary,
    Gather,
    Layer,
    Operation,
    Tensor,
)
from l1kd.emulators.network.layers.generated import straight_code
from l1kd.emulators.network.layers.lowering import (
    Config,
    Lowering,
    affine_segments,
    handles,
    layer_of,
)
from l1kd.emulators.network.layers.products import per_output, read_product
from l1kd.emulators.network.layers.shapes import sum_elements, transposed

__all__ = ["exact_product"]

_KERNEL_CALL = re.compile(
    r"(\w+)\(&inp_tpose\[\((\d+)\*(\d+)\+l0\)\*(\d+)\],"
    r"&out_tpose\[\((\d+)\*(\d+)\+l0\)\*(\d+)\]\);"
)


def exact_product(left: Tensor, right: Tensor) -> FixedPoint:
    """Return the format that holds every product of two tensors' elements."""
    first, second = left.format, right.format
    signed = first.signed or second.signed
    return FixedPoint(first.width + second.width, first.integer + second.integer, signed)


@handles("einsum")
def einsum(lowering: Lowering, call: Call) -> Layer:
    """Einstein sum of two tensors, through transpositions and matrix products."""
    config = lowering.config(call)
    free0, free1, contract, inplace = config.sizes("n_free0", "n_free1", "n_contract", "n_inplace")
    perms = [transposed(config.child(f"tpose_{n}")) for n in ("inp0_config", "inp1_config")]
    left = lowering.source(call, inplace * free0 * contract, 0)
    right = lowering.source(call, inplace * free1 * contract, 1)
    if config.word("product", "mult") != "mult":
        raise config.refuse("only plain products are supported in an einsum")
    back = transposed(config.child("tpose_out_conf"))
    output = lowering.result(call, (inplace * free0 * free1,))
    accumulator = config.format("accum_t")
    shape = (inplace, free0, free1, contract)
    if prod(shape) > MAX_ELEMENTS:
        raise config.refuse("the einsum is too large")
    whole = [
        perms[0].reshape(inplace, free0, 1, contract),
        perms[1].reshape(inplace, 1, free1, contract),
    ]
    first, second = (np.broadcast_to(i, shape).reshape(-1).astype(np.int32) for i in whole)
    products = Tensor(f"{output.name}.products", (first.size,), exact_product(left, right))
    multiply = Binary(products, "multiply", left.name, right.name, first, second)
    rows = np.arange(first.size, dtype=np.int32).reshape(-1, contract)[back.reshape(-1)]
    total = sum_elements(output, products, rows, accumulator)
    facts = {"accumulator": accumulator}
    return layer_of(call, [multiply, total], formats=facts, multiplications=first.size)


class _Dense(NamedTuple):
    """An einsum with weights, as dense layers over the transposed data.

    Attributes
    ----------
    windows : int32 array, shape (inplace * free, contract)
        Elements of the source that each dense layer reads.
    """

    source: Tensor
    output: Tensor
    windows: Indices
    back: Indices
    inplace: int
    free: int
    contract: int
    kernel: int


@handles("einsum_dense")
def einsum_dense(lowering: Lowering, call: Call) -> Layer:
    """Einstein sum with constant weights, by dense layers or by distributed arithmetic."""
    config = lowering.config(call)
    free, kernel, contract, inplace = config.sizes(
        "n_free_data", "n_free_kernel", "n_contract", "n_inplace"
    )
    if max(inplace * free * kernel, inplace * free * contract) > MAX_ELEMENTS:
        raise config.refuse("the einsum is too large")
    source = lowering.source(call, inplace * free * contract)
    output = lowering.result(call, (inplace * free * kernel,))
    forward, back = (transposed(config.child(f"tpose_{n}_conf")) for n in ("inp", "out"))
    if forward.size != source.size or back.size != output.size:
        raise config.refuse("the transpositions do not fit the sizes")
    windows = forward.reshape(inplace * free, contract)
    dense = _Dense(source, output, windows, back.reshape(-1), inplace, free, contract, kernel)
    if config.word("strategy") == "distributed_arithmetic":
        return _by_adders(lowering, call, config, dense)
    return _by_products(lowering, call, config.child("dense_conf"), dense)


def _by_products(lowering: Lowering, call: Call, config: Config, dense: _Dense) -> Layer:
    if config.word("kernel") != "DenseLatency":
        raise config.refuse("einsum_dense works with the latency strategy only")
    size = dense.inplace * dense.contract * dense.kernel
    product, form, zeros = read_product(
        lowering, call, 0, size, config.word("product"), dense.source.format
    )
    bias, bias_form = lowering.weights(call, 1, dense.output.size)
    accumulator = config.format("accum_t")
    start = accumulator.cast(bias, bias_form)
    result = Tensor(f"{dense.output.name}.sums", (dense.output.size,), dense.output.format)
    order = (dense.inplace, dense.contract, dense.kernel)
    positions = np.arange(size, dtype=np.int32).reshape(order)
    per_position = start.reshape(dense.inplace, dense.free, dense.kernel)
    same = bool((per_position == per_position[:, :1]).all())
    if product.plain:
        # Biases that do not vary along the free axis let all of it share one matrix.
        owner = np.repeat(np.arange(dense.inplace), dense.free)
        weights = product.weights[positions]
        if not same and dense.windows.size * dense.kernel > MAX_ELEMENTS:
            raise config.refuse("the biases vary over too many positions")
        operations: list[Operation] = [
            Affine(
                result,
                dense.source.name,
                dense.windows,
                (owner if same else np.arange(owner.size)).astype(np.int32),
                np.ascontiguousarray(weights if same else weights[owner]),
                product.fraction,
                per_position[:, 0] if same else start.reshape(-1, dense.kernel),
                accumulator,
            )
        ]
    else:
        every = np.repeat(positions, dense.free, axis=0).transpose(0, 2, 1)
        flat = np.ascontiguousarray(every.reshape(-1, dense.contract))
        index = np.repeat(dense.windows, dense.kernel, axis=0)
        operations = per_output(
            result, dense.source, index, product.weights[flat], flat, product, start,
            accumulator, dense.contract,
        )  # fmt: skip
    operations.append(Gather(dense.output, (result.name,), dense.back))
    return layer_of(
        call,
        operations,
        formats={"weight": form, "bias": bias_form, "accumulator": accumulator},
        parameters=size + bias.size,
        zeros=zeros,
        multiplications=size * dense.free,
    )


def _by_adders(lowering: Lowering, call: Call, config: Config, dense: _Dense) -> Layer:
    """One generated function for every place of the axes that data and weights share."""
    functions = lowering.project.functions
    kernel = functions.get(config.word("da_kernel"))
    if kernel is None:
        raise config.refuse("the generated kernel is not defined")
    found = _KERNEL_CALL.findall(text := "".join(token.text for token in kernel.tokens))
    sizes = [dense.free, dense.contract, dense.free, dense.kernel]
    expected = [[i, *sizes[:2], i, *sizes[2:]] for i in range(dense.inplace)]
    if _KERNEL_CALL.sub("", text) or [[int(n) for n in row[1:]] for row in found] != expected:
        raise lowering.refuse(call, f"{kernel.name} is not understood")
    accumulator = config.format("accum_t")
    operations: list[Operation] = []
    parts = []
    for i, row in enumerate(found):
        if row[0] not in functions:
            raise lowering.refuse(call, f"{row[0]} is not defined")
        part = Tensor(f"{dense.output.name}.{i}", (dense.free * dense.kernel,), accumulator)
        windows = dense.windows[i * dense.free : (i + 1) * dense.free]
        operations += straight_code(lowering, call, functions[row[0]], dense.source, part, windows)
        parts.append(part)
    bias, bias_form = lowering.weights(call, 0, dense.output.size)
    joined = Tensor(f"{dense.output.name}.sums", (dense.output.size,), accumulator)
    every = np.arange(dense.output.size, dtype=np.int32)
    operations.append(Gather(joined, tuple(part.name for part in parts), every))
    biased = Tensor(f"{dense.output.name}.biased", (dense.output.size,), accumulator)
    operations.append(_plus(biased, joined, bias, bias_form))
    operations.append(Gather(dense.output, (biased.name,), dense.back))
    size = dense.inplace * dense.contract * dense.kernel
    return layer_of(
        call,
        operations,
        formats={"bias": bias_form, "accumulator": accumulator},
        parameters=size + bias.size,
        multiplications=size * dense.free,
    )


def _plus(output: Tensor, source: Tensor, bias: Integers, form: FixedPoint) -> Operation:
    fraction = max(source.format.fraction, form.fraction)
    scale = 1 << (fraction - source.format.fraction)
    return affine_segments(output, source, fraction, (scale, bias << (fraction - form.fraction)))
