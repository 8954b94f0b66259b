"""Activations that read tables: sigmoid and its kin, elu, softmax, embedding.

Facts of the arithmetic: hls4ml 1.3 and older versions, nnet_activation.h, nnet_embed.h.
"""

from dataclasses import replace

import numpy as np

from l1kd.emulators.array_types import Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.model import Call
from l1kd.emulators.network.graph import Affine, Binary, Layer, Lookup, Operation, Tensor
from l1kd.emulators.network.layers import tables
from l1kd.emulators.network.layers.elementwise import element_pair, parameter
from l1kd.emulators.network.layers.lowering import (
    Config,
    Lowering,
    affine_segments,
    handles,
    layer_of,
)
from l1kd.emulators.network.layers.shapes import sum_elements, tree

__all__ = ["symmetric_table", "table_lookup"]


def table_lookup(
    output: Tensor, source: Tensor, table: Integers, width: int, *, centred: bool
) -> Lookup:
    """Return a read of ``table`` at ``source * entries / width``, converted to int as in C++.

    ``centred`` puts zero in the middle of the table; ``table`` is in the output format.

    Raises
    ------
    ValueError
        If the index could exceed a C++ int.
    """
    entries, form = table.size, source.format
    if entries % 2 or abs(width) & (abs(width) - 1):
        raise ValueError(f"a table of {entries} entries is not supported")
    if max(form.integer, 0) + entries.bit_length() > 31 + abs(width).bit_length():
        raise ValueError("the index of the table could exceed 32 bits")
    shift = form.fraction + abs(width).bit_length() - 1
    multiplier = entries if width > 0 else -entries
    return Lookup(
        output,
        source.name,
        np.arange(output.size, dtype=np.int32),
        multiplier << max(-shift, 0),
        max(shift, 0),
        True,
        entries // 2 if centred else 0,
        table[:, None],
        np.zeros(output.size, np.int32),
    )


def _table_form(config: Config) -> FixedPoint:
    return config.format("table_t")


@handles("sigmoid", "tanh", "softplus", "softsign")
def table_function(lowering: Lowering, call: Call) -> Layer:
    """Table over a symmetric interval."""
    name = call.function.rpartition("::")[2]
    if lowering.says(name, "unsigned index"):
        return _unsigned_sigmoid(lowering, call)
    config, source, output = element_pair(lowering, call)
    lookup = symmetric_table(name, config, source, output)
    return layer_of(call, [lookup], formats={"table": _table_form(config)})


def _unsigned_sigmoid(lowering: Lowering, call: Call) -> Layer:
    """Return NNPuppiTau's sigmoid: a table of results; indices below it read its last entry."""
    config, source, output = element_pair(lowering, call)
    (entries,) = config.sizes("table_size")
    table = tables.double_sigmoid(entries, output.format)
    whole = table_lookup(output, source, table, tables.TABLES["sigmoid"][1], centred=True)
    lowest = -((-source.format.minimum * whole.multiplier) >> whole.shift)
    below = max(-lowest - entries // 2, 0)
    if below > tables.MAX_ENTRIES:
        raise config.refuse("too many indices lie below the table")
    padded = np.concatenate([np.full((below, 1), table[-1]), whole.table])
    return layer_of(call, [replace(whole, table=padded, offset=whole.offset + below)])


def symmetric_table(name: str, config: Config, source: Tensor, output: Tensor) -> Lookup:
    """Return the operation of a function whose table covers a symmetric interval."""
    form = _table_form(config)
    (entries,) = config.sizes("table_size")
    table = output.format.cast(tables.function_table(name, entries, form), form)
    return table_lookup(output, source, table, tables.TABLES[name][1], centred=True)


@handles("elu", "selu")
def table_below_zero(lowering: Lowering, call: Call) -> Layer:
    """Straight line from zero on, table below."""
    config, source, output = element_pair(lowering, call)
    name = call.function.rpartition("::")[2]
    form = _table_form(config)
    (entries,) = config.sizes("table_size")
    table = tables.function_table(name, entries, form)
    slope, slope_form = 1, FixedPoint(1, 1, False)
    if name == "selu":
        # Streams cast the factor into the type of the data, older arrays into that of the result.
        slope_form = source.format if config.streams else FixedPoint(16, 1, False)
        slope_form = output.format if lowering.says("selu", "= res_T ( 1.05") else slope_form
        slope = int(slope_form.from_float(1.0507009873554805))
        table = output.format.cast(table, form)
    else:
        older = source.format if config.streams else output.format
        factor, factor_form = (
            parameter(lowering, call, older=older) if call.literals else (1, slope_form)
        )
        exact = FixedPoint(form.width + factor_form.width, form.integer + factor_form.integer, True)
        table = output.format.cast(table * factor, exact)
    # The two halves never both differ from zero, so their sum is one or the other.
    line = Tensor(f"{output.name}.line", output.shape, output.format)
    curve = Tensor(f"{output.name}.curve", output.shape, output.format)
    if table[0] != 0:
        raise config.refuse("the table does not begin with zero")
    fraction = source.format.fraction + slope_form.fraction
    elements = np.arange(output.size, dtype=np.int32)
    operations: list[Operation] = [
        affine_segments(line, source, fraction, (slope, 0), (0, 0)),
        table_lookup(curve, source, table, -8, centred=False),
        Binary(output, "add", line.name, curve.name, elements, elements),
    ]
    return layer_of(call, operations, formats={"table": form})


@handles("unary_lut")
def unary_lut(lowering: Lowering, call: Call) -> Layer:
    """Table with an entry for every pattern of bits."""
    config, source, output = element_pair(lowering, call)
    (entries,) = config.sizes("table_size")
    raw, form = lowering.weights(call, 0, entries)
    if entries != 1 << source.format.width:
        raise config.refuse(f"a table of {entries} entries does not suit {source.format}")
    if source.format.signed:
        raw = np.roll(raw, entries // 2)
    return layer_of(
        call,
        [_direct(output, source, output.format.cast(raw, form)[:, None])],
        formats={"table": form},
        parameters=entries,
    )


def _direct(output: Tensor, source: Tensor, table: Integers, repeat: int = 1) -> Lookup:
    """Return a table with one row for every raw value of the source and ``repeat`` columns."""
    elements = np.arange(output.size, dtype=np.int32)
    offset = -source.format.minimum
    return Lookup(
        output, source.name, elements // repeat, 1, 0, False, offset, table, elements % repeat
    )


@handles("embedding")
def embedding(lowering: Lowering, call: Call) -> Layer:
    """Rows of a table, picked by integers."""
    config = lowering.config(call)
    n_in, n_out, entries = config.sizes("n_in", "n_out", "vocab_size")
    source = lowering.source(call, n_in)
    output = lowering.result(call, (n_in, n_out))
    raw, form = lowering.weights(call, 0, entries * n_out)
    if max(source.format.integer, 0) + n_out.bit_length() > 30:
        raise config.refuse(f"an embedding of {source.format} is not supported")
    # The firmware multiplies before it drops the fraction of the index, then adds the column. What
    # would read beyond the table is undefined in C++; here it reads the table's end.
    flat = output.format.cast(raw, form)
    rows = np.arange((entries + 1) * n_out)[:, None] - n_out + np.arange(n_out)
    table = flat[np.clip(rows, 0, flat.size - 1)]
    elements = np.arange(output.size, dtype=np.int32)
    lookup = Lookup(
        output,
        source.name,
        elements // n_out,
        n_out << max(-source.format.fraction, 0),
        max(source.format.fraction, 0),
        False,
        n_out,
        table,
        elements % n_out,
    )
    return layer_of(call, [lookup], formats={"weight": form}, parameters=raw.size)


@handles("softmax", "softmax_multidim")
def softmax(lowering: Lowering, call: Call) -> Layer:
    """Softmax in one of four implementations, over slices of the tensor."""
    config = lowering.config(call)
    (size,) = config.sizes("n_in")
    source = lowering.source(call, size)
    pack = lowering.project.tensors[source.name].type.pack if config.streams else size
    length = config.integer("n_slice", pack or size)
    inner = config.integer("n_inner", 1)
    every = call.function.endswith("softmax_multidim")
    outer = config.integer("n_outer", 1) if every else size // length if config.streams else 1
    if not every:
        inner = 1
    if length < 1 or inner < 1 or outer * length * inner != size:
        raise config.refuse(f"the slices are not the {size} elements of the tensor")
    if config.streams and pack != length:
        raise lowering.refuse(call, "the packets of the stream are not the slices of the softmax")
    output = lowering.result(call, source.shape)
    slices = np.arange(size).reshape(-1, length, inner).transpose(0, 2, 1).reshape(-1, length)
    builder = {
        "latency": _softmax_latency,
        "stable": _older_stable if _older(config) else _softmax_stable,
        "legacy": _softmax_legacy,
        "argmax": _softmax_argmax,
    }.get(config.word("implementation", "latency"))
    if builder is None:
        raise config.refuse("this implementation of softmax is not supported")
    operations = builder(config, source, output, slices.astype(np.int32))
    return layer_of(call, operations)


def _older(config: Config) -> bool:
    """Tell whether a structure is of hls4ml before 1.2, with one size and one type for all."""
    return "exp_table_size" not in config.struct.constants and (
        "inv_inp_t" not in config.struct.types
    )


def _entries(config: Config, name: str) -> int:
    return config.sizes("table_size" if _older(config) else name)[0]


def _inner_format(config: Config, name: str) -> FixedPoint:
    """Return the accumulator or the argument of the inverse: the exponential's type, before 1.2."""
    return config.format("exp_table_t" if _older(config) else name)


def _address(
    name: str, source: Tensor, index: Indices, table: Integers, form: FixedPoint
) -> tuple[Lookup, Tensor]:
    """Return a table read at the top bits of its address."""
    bits = tables.address_bits(table.size, source.format)
    result = Tensor(name, (index.size,), form)
    offset = table.size // 2 if source.format.signed else 0
    column = np.zeros(index.size, np.int32)
    shift = source.format.width - bits
    lookup = Lookup(result, source.name, index, 1, shift, False, offset, table[:, None], column)
    return lookup, result


def _softmax_tail(
    config: Config, output: Tensor, slices: Indices, exponents: Tensor
) -> list[Operation]:
    """Divide exponentials (already in the accumulator's format) by their sum, through a table."""
    accumulator, address = (_inner_format(config, name) for name in ("accum_t", "inv_inp_t"))
    operations, total, where = tree(f"{output.name}.sum", "add", exponents, slices, accumulator)
    narrowed = Tensor(f"{output.name}.total", (len(slices),), address)
    operations.append(affine_segments(narrowed, total, accumulator.fraction, index=where))
    entries, form = _entries(config, "inv_table_size"), config.format("inv_table_t")
    table = tables.invert_table(entries, address, form)
    index = np.arange(len(slices), dtype=np.int32)
    lookup, inverse = _address(f"{output.name}.inverse", narrowed, index, table, form)
    owner = np.empty(slices.size, np.int32)
    owner[slices.reshape(-1)] = np.repeat(index, slices.shape[1])
    elements = np.arange(slices.size, dtype=np.int32)
    product = Binary(output, "multiply", exponents.name, inverse.name, elements, owner)
    return [*operations, lookup, product]


def _exponentials(
    config: Config, output: Tensor, source: Tensor, scale: float
) -> tuple[Lookup, Tensor]:
    entries = _entries(config, "exp_table_size")
    form, accumulator = config.format("exp_table_t"), _inner_format(config, "accum_t")
    table = accumulator.cast(tables.exp_table(entries, source.format, form, scale), form)
    elements = np.arange(source.size, dtype=np.int32)
    return _address(f"{output.name}.exp", source, elements, table, accumulator)


def _scale(config: Config) -> float:
    return float(config.struct.constants.get("exp_scale", 1.0))


def _softmax_latency(
    config: Config, source: Tensor, output: Tensor, slices: Indices
) -> list[Operation]:
    lookup, exponents = _exponentials(config, output, source, _scale(config))
    return [lookup, *_softmax_tail(config, output, slices, exponents)]


def _largest(
    output: Tensor, source: Tensor, slices: Indices
) -> tuple[list[Operation], Tensor, Indices, Indices]:
    """Return the largest of every slice, and for every element where it and its largest are."""
    operations, largest, where = tree(
        f"{output.name}.max", "maximum", source, slices, source.format
    )
    owner = np.empty(source.size, np.int32)
    owner[slices.reshape(-1)] = np.repeat(where, slices.shape[1])
    return operations, largest, owner, np.arange(source.size, dtype=np.int32)


def _older_stable(
    config: Config, source: Tensor, output: Tensor, slices: Indices
) -> list[Operation]:
    """Before 1.2 the distance is negative, saturates, and reads the table as data do."""
    operations, largest, owner, elements = _largest(output, source, slices)
    form = source.format
    saturating = FixedPoint(form.width, form.integer, True, "RND", "SAT")
    distance = Tensor(f"{output.name}.distance", (source.size,), saturating)
    subtract = Binary(distance, "subtract", source.name, largest.name, elements, owner)
    address = Tensor(f"{output.name}.address", (source.size,), form)
    cast = affine_segments(address, distance, saturating.fraction)
    lookup, exponents = _exponentials(config, output, address, 1.0)
    tail = _softmax_tail(config, output, slices, exponents)
    return [*operations, subtract, cast, lookup, *tail]


def _softmax_stable(
    config: Config, source: Tensor, output: Tensor, slices: Indices
) -> list[Operation]:
    operations, largest, owner, elements = _largest(output, source, slices)
    distance = Tensor(f"{output.name}.distance", (source.size,), config.format("inp_norm_t"))
    subtract = Binary(distance, "subtract", largest.name, source.name, owner, elements)
    lookup, exponents = _exponentials(config, output, distance, -_scale(config))
    tail = _softmax_tail(config, output, slices, exponents)
    return [*operations, subtract, lookup, *tail]


def _softmax_legacy(
    config: Config, source: Tensor, output: Tensor, slices: Indices
) -> list[Operation]:
    form = config.format("table_t")
    entries, inverse_entries = (_entries(config, f"{n}_table_size") for n in ("exp", "inv"))
    if config.streams:
        # There the library takes one size for both, which the structure may leave at its default.
        entries = inverse_entries = config.integer("table_size", 1024)
    exponential, inverse = tables.legacy_tables(entries, inverse_entries, form)
    count, length = slices.shape
    # Row i, column j is element j minus element i of a slice; the diagonal gives exp(0) = 1.
    shape = (count, length, length)
    first = np.broadcast_to(slices[:, None, :], shape).reshape(-1).astype(np.int32)
    second = np.broadcast_to(slices[:, :, None], shape).reshape(-1).astype(np.int32)
    exact = FixedPoint(source.format.width + 1, source.format.integer + 1, True)
    difference = Tensor(f"{output.name}.difference", (first.size,), exact)
    powers = Tensor(f"{output.name}.exp", (first.size,), form)
    total = Tensor(f"{output.name}.sum", (source.size,), form)
    rows = np.empty((source.size, length), np.int32)
    rows[slices.reshape(-1)] = np.arange(first.size).reshape(-1, length)
    return [
        Binary(difference, "subtract", source.name, source.name, first, second),
        table_lookup(powers, difference, exponential, 16, centred=True),
        sum_elements(total, powers, rows, form),
        table_lookup(output, total, output.format.cast(inverse, form), 64, centred=False),
    ]


def _softmax_argmax(
    config: Config, source: Tensor, output: Tensor, slices: Indices
) -> list[Operation]:
    form = source.format
    operations, largest, where = tree(f"{output.name}.max", "maximum", source, slices, form)
    exact = FixedPoint(form.width + 1, form.integer + 1, True)
    count, length = slices.shape
    difference = Tensor(f"{output.name}.difference", (source.size,), exact)
    flat = slices.reshape(-1)
    operations.append(
        Binary(difference, "subtract", source.name, largest.name, flat, np.repeat(where, length))
    )
    bit = Tensor(f"{output.name}.equal", (source.size,), FixedPoint(1, 1, False))
    operations.append(affine_segments(bit, difference, 0, (0, 1), (0, 0), threshold=-1))
    # One for itself and minus one for every equal element before it: one only for the first.
    wide = FixedPoint(length.bit_length() + 2, length.bit_length() + 2)
    score = Tensor(f"{output.name}.score", (source.size,), wide)
    weights = np.eye(length, dtype=np.int64) - np.triu(np.ones((length, length), np.int64), 1)
    windows = np.arange(source.size, dtype=np.int32).reshape(count, length)
    zeros = np.zeros((1, length), np.int64)
    group = np.zeros(count, np.int32)
    operations.append(Affine(score, bit.name, windows, group, weights[None], 0, zeros, wide))
    back = np.empty(source.size, np.int32)
    back[flat] = np.arange(source.size)
    operations.append(affine_segments(output, score, 0, (0, 1), (0, 0), index=back))
    return operations
