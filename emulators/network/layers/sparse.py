"""Matrices without their zeros: compressed weights, and code unrolled for the weights.

Facts of the arithmetic: hls4ml 1.3, nnet_dense_compressed.h, and the code that its
``resource_unrolled`` strategy writes.
"""

import re

import numpy as np

from l1kd.emulators.array_types import AnyIntegers, Indices, Integers
from l1kd.emulators.network.cpp.model import Call, Function
from l1kd.emulators.network.graph import MAX_ELEMENTS, Affine, Binary, Layer, Operation, Tensor
from l1kd.emulators.network.layers.lowering import (
    Lowering,
    affine_segments,
    handles,
    integer_literals,
    layer_of,
)
from l1kd.emulators.network.layers.products import product_of

__all__ = ["padded_terms", "unrolled_terms"]

_SUM = re.compile(
    r"acc\[(\d+)\]\+=static_cast<typenameCONFIG_T::accum_t>\(CONFIG_T::templateproduct"
    r"<data_T,typenameCONFIG_T::weight_t>::product\(data\[(\d+)\],weights\[(\d+)\]\)\);"
)
_FACTOR = re.compile(r"(?<=block_factor=)[^;]*")
_BLOCK = re.compile(r"M\d+:\{\}")
_REST = (
    "constexprintblock_factor=;"
    "typenameCONFIG_T::accum_tacc[CONFIG_T::n_out];"
    "InitAccum:for(inti=0;i<CONFIG_T::n_out;i++){acc[i]=(typenameCONFIG_T::accum_t)biases[i];}"
    "MULT:{}"
    "Result:for(inti=0;i<CONFIG_T::n_out;i++){res[i]=cast<data_T,res_T,CONFIG_T>(acc[i]);}"
)


def padded_terms(
    outputs: AnyIntegers,
    inputs: AnyIntegers,
    positions: AnyIntegers,
    n_out: int,
) -> tuple[Indices, Indices]:
    """Sort terms by output, keeping their order; fill up with positions of -1.

    Returns
    -------
    inputs, positions : int32 arrays, shape (n_out, most terms of an output)
    """
    order = np.argsort(outputs, kind="stable")
    counts = np.bincount(outputs, minlength=n_out)
    longest = max(int(counts.max()), 1)
    if longest * n_out > MAX_ELEMENTS:
        raise ValueError("the matrix is too large")
    place = np.arange(outputs.size) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.stack([np.zeros((n_out, longest)), np.full((n_out, longest), -1)]).astype(np.int32)
    table[0, outputs[order], place] = inputs[order]
    table[1, outputs[order], place] = positions[order]
    return table[0], table[1]


def unrolled_terms(function: Function, n_in: int, n_out: int) -> tuple[Indices, Indices] | None:
    """Return the terms that unrolled code adds, or None for other code."""
    text = "".join(token.text for token in function.tokens)
    sums = np.array(_SUM.findall(text), np.int64).reshape(-1, 3)
    if _BLOCK.sub("", _FACTOR.sub("", _SUM.sub("", text))) != _REST:
        return None
    limits = np.array([n_out, n_in, n_in * n_out])
    if (sums >= limits).any():
        return None
    return padded_terms(sums[:, 0], sums[:, 1], sums[:, 2], n_out)


@handles("dense_compressed")
def dense_compressed(lowering: Lowering, call: Call) -> Layer:
    """Fully connected layer whose weights are records of row, column and value.

    In every one of the reuse factor's turns the firmware adds a share of the products from zero,
    then adds these sums to the accumulators.
    """
    config = lowering.config(call)
    n_in, n_out, entries, reuse = config.sizes("n_in", "n_out", "n_nonzeros", "reuse_factor")
    source, output = lowering.source(call, n_in), lowering.result(call, (n_out,))
    array = lowering.weight_array(call, 0, entries)
    fields = dict(array.type.fields)
    if list(fields) != ["row_index", "col_index", "weight"] or entries % reuse:
        raise lowering.refuse(call, f"{array.name} does not hold compressed weights")
    if config.word("product") not in ("", "mult"):
        raise config.refuse("only plain products are supported with compressed weights")
    rows, columns = (
        integer_literals(array.values[:, i], lowering.format(fields[name], array))
        for i, name in enumerate(("row_index", "col_index"))
    )
    form = lowering.format(fields["weight"], array)
    if min(rows.min(), columns.min()) < 0 or rows.max() >= n_in or columns.max() >= n_out:
        raise lowering.refuse(call, f"{array.name} points outside the matrix")
    raw = form.from_float(array.values[:, 2])
    factors = product_of("mult", raw, form, source.format).weights
    bias, bias_form = lowering.weights(call, 1, n_out)
    accumulator = config.format("accum_t")
    start = accumulator.cast(bias, bias_form)
    turns = np.arange(reuse)[:, None] + reuse * np.arange(entries // reuse)
    if accumulator.overflow == "WRAP":
        turns = turns.reshape(1, -1)
    sums = [_terms(columns[order], rows[order], factors[order], n_out) for order in turns]
    every = np.arange(n_out, dtype=np.int32)

    def added(name: str, index: Indices, weights: Integers, begin: Integers) -> Affine:
        target = Tensor(f"{output.name}.{name}", (n_out,), accumulator)
        bias = np.ascontiguousarray(begin[:, None])
        return Affine(target, source.name, index, every, weights, form.fraction, bias, accumulator)

    if len(sums) == 1 and accumulator.overflow == "WRAP":
        operations: list[Operation] = [added("sum", *sums[0], start)]
    else:
        nothing = np.full((n_out, 1), -1, np.int32), np.zeros((n_out, 1, 1), np.int64)
        operations = [added("start", *nothing, start)]
        for number, terms in enumerate(sums):
            total = operations[-1].output
            part = added(f"turn{number}", *terms, np.zeros_like(start))
            result = Tensor(f"{output.name}.sum{number}", (n_out,), accumulator)
            join = Binary(result, "add", total.name, part.output.name, every, every)
            operations += [part, join]
    operations.append(affine_segments(output, operations[-1].output, accumulator.fraction))
    return layer_of(
        call,
        operations,
        formats={"weight": form, "bias": bias_form, "accumulator": accumulator},
        parameters=entries + n_out,
        zeros=int((raw == 0).sum()),
        multiplications=entries,
    )


def _terms(
    outputs: Integers, inputs: Integers, factors: Integers, n_out: int
) -> tuple[Indices, Integers]:
    """Return elements read and factors of one sum for every output."""
    read, positions = padded_terms(outputs, inputs, np.arange(outputs.size), n_out)
    index = np.where(positions < 0, -1, read).astype(np.int32)
    weights = np.where(positions < 0, 0, factors[positions])
    return index, np.ascontiguousarray(weights[:, :, None])
