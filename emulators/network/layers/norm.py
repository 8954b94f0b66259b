"""Layer normalisation.

Facts of the arithmetic: hls4ml 1.3, nnet_layernorm.h.
"""

import numpy as np

from l1kd.emulators.network.cpp.model import Call
from l1kd.emulators.network.graph import Affine, Binary, Layer, Lookup, Operation, Tensor
from l1kd.emulators.network.layers import tables
from l1kd.emulators.network.layers.einsum import exact_product
from l1kd.emulators.network.layers.lowering import Lowering, affine_segments, handles, layer_of

__all__ = ["layer_normalisation"]


@handles("layernormalize")
def layer_normalisation(lowering: Lowering, call: Call) -> Layer:
    """Mean and variance of every row by a constant factor, the root's inverse from a table."""
    config = lowering.config(call)
    size, rows, entries = config.sizes("n_in", "seq_len", "table_size")
    power = config.integer("table_range_power2", 0)
    if size % rows or not 0 <= power < 24 or entries > tables.MAX_ENTRIES:
        raise config.refuse("the sizes of a layer normalisation are out of range")
    if config.word("product", "mult") != "mult":
        raise config.refuse("only plain products are supported in a layer normalisation")
    length = size // rows
    source = lowering.source(call, size)
    output = lowering.result(call, source.shape)
    form, table_form = config.format("accum_t"), config.format("table_t")
    scale, scale_form = lowering.weights(call, 0, length)
    bias, bias_form = lowering.weights(call, 1, length)
    share = int(form.from_float(1.0 / length))

    def row(name: str) -> Tensor:
        return Tensor(f"{output.name}.{name}", (rows,), form)

    def element(name: str) -> Tensor:
        return Tensor(f"{output.name}.{name}", (size,), form)

    every = np.arange(size, dtype=np.int32)
    windows, owner = every.reshape(rows, length), (every // length).astype(np.int32)
    zero, one = np.zeros((1, 1), np.int64), np.ones((1, length, 1), np.int64)
    group = np.zeros(rows, np.int32)
    total, mean, squares, variance = (row(n) for n in ("sum", "mean", "squares", "variance"))
    cast, distance, square = (element(n) for n in ("cast", "distance", "square"))
    inverse = Tensor(f"{output.name}.inverse", (rows,), table_form)
    ratio = Tensor(f"{output.name}.ratio", (size,), exact_product(distance, inverse))
    table = tables.inverse_root_table(
        entries, config.integer("epsilon_power_of_10"), power, table_form
    )
    exact = ratio.format.fraction + scale_form.fraction
    fraction = max(exact, bias_form.fraction)
    final = affine_segments(
        output,
        ratio,
        fraction,
        (
            np.tile(scale << (fraction - exact), rows),
            np.tile(bias << (fraction - bias_form.fraction), rows),
        ),
    )
    operations: list[Operation] = [
        affine_segments(cast, source, source.format.fraction),
        Affine(total, cast.name, windows, group, one, 0, zero, form),
        affine_segments(mean, total, 2 * form.fraction, (share, 0)),
        Binary(distance, "subtract", cast.name, mean.name, every, owner),
        Binary(square, "multiply", distance.name, distance.name, every, every),
        Affine(squares, square.name, windows, group, one, 0, zero, form),
        affine_segments(variance, squares, 2 * form.fraction, (share, 0)),
        Lookup(
            inverse,
            variance.name,
            np.arange(rows, dtype=np.int32),
            entries << (power + max(-form.fraction, 0)),
            max(form.fraction, 0),
            True,
            0,
            table[:, None],
            np.zeros(rows, np.int32),
        ),
        Binary(ratio, "multiply", distance.name, inverse.name, every, owner),
        final,
    ]
    return layer_of(
        call,
        operations,
        formats={"weight": scale_form, "bias": bias_form, "accumulator": form, "table": table_form},
        parameters=2 * length,
        zeros=int((scale == 0).sum()),
        multiplications=3 * size,
    )
