"""A second, slow evaluation of a graph: Python integers, one operation at a time, no kernels.

It shares nothing with the fast machine but the graph, so that the two check each other where no
compiled reference exists.
"""

import numpy as np

from l1kd.emulators.network.graph import Affine, Binary, Divide, Gather, Lookup, Piecewise


def evaluate(graph, *inputs):
    """Return {tensor name: object array of Python integers, shape (events, size)}."""
    values, formats = {}, {t.name: t.format for t in graph.tensors.values()}
    for tensor, data in zip(graph.inputs, inputs, strict=True):
        values[tensor.name] = np.asarray(data).reshape(len(data), -1).astype(object)
    for operation in graph.operations:
        step = STEPS[type(operation)]
        values[operation.output.name] = step(operation, values, formats)
    return values


def cast(raw, fraction, target):
    exact = np.frompyfunc(lambda value: target.cast_int(value, fraction), 1, 1)
    return exact(raw) if raw.size else raw


def shifted(values, bits):
    return values * (1 << bits) if bits >= 0 else values


def taken(values, index, fill=0):
    padded = np.concatenate([values, np.full((len(values), 1), fill, object)], axis=1)
    return padded[:, index]


def affine(op, values, formats):
    source, accumulator = values[op.source], op.accumulator
    fraction = formats[op.source].fraction + op.weight_fraction
    weight, bias = op.weight.astype(object), op.bias.astype(object)
    columns = []
    for position, group in enumerate(op.group):
        window = taken(source, op.index[position])
        total = np.repeat(bias[group][None], len(source), 0)
        for term in range(op.index.shape[1]):
            product = window[:, term, None] * weight[group, term][None]
            if op.late:
                common = max(fraction, accumulator.fraction)
                total = cast(
                    shifted(total, common - accumulator.fraction)
                    + shifted(product, common - fraction),
                    common,
                    accumulator,
                )
            else:
                total = total + cast(product, fraction, accumulator)
                total = cast(total, accumulator.fraction, accumulator)
        columns.append(total)
    return cast(np.concatenate(columns, 1), accumulator.fraction, op.output.format)


def piecewise(op, values, formats):
    x = taken(values[op.source], op.index)
    above = x > op.threshold.astype(object)
    scale = np.where(above, op.scale_above.astype(object), op.scale_below.astype(object))
    offset = np.where(above, op.offset_above.astype(object), op.offset_below.astype(object))
    y, fraction = x * scale + offset, op.fraction
    if op.limits:
        y = np.minimum(np.maximum(y, op.limits[0]), op.limits[1])
    if not op.formats:
        return cast(y, fraction, op.output.format)
    columns = []
    for element, choice in enumerate(op.choice):
        middle = op.formats[choice]
        columns.append(
            cast(cast(y[:, element], fraction, middle), middle.fraction, op.output.format)
        )
    return np.stack(columns, 1)


def lookup(op, values, formats):
    x = taken(values[op.source], op.index) * op.multiplier
    down = x >> op.shift
    index = np.where(x < 0, -((-x) >> op.shift), down) if op.toward_zero else down
    index = np.clip((index + op.offset).astype(object), 0, len(op.table) - 1).astype(int)
    return op.table[index, op.column[None]].astype(object)


def binary(op, values, formats):
    left, right = taken(values[op.left], op.left_index), taken(values[op.right], op.right_index)
    first, second = formats[op.left].fraction, formats[op.right].fraction
    if op.kind == "multiply":
        return cast(left * right, first + second + op.halvings, op.output.format)
    common = max(first, second)
    left, right = shifted(left, common - first), shifted(right, common - second)
    join = {
        "add": np.add,
        "subtract": np.subtract,
        "maximum": np.maximum,
        "minimum": np.minimum,
    }[op.kind]
    return cast(join(left, right), common + op.halvings, op.output.format)


def divide(op, values, formats):
    x = taken(values[op.source], op.index)
    divisor = op.divisor.astype(object)
    quotient = np.where(x < 0, -((-x) // divisor), x // divisor)
    return cast(quotient, formats[op.source].fraction, op.output.format)


def gather(op, values, formats):
    # Between equal formats nothing is cast, as in C++.
    parts = [
        values[s]
        if formats[s] == op.output.format
        else cast(values[s], formats[s].fraction, op.output.format)
        for s in op.sources
    ]
    return taken(np.concatenate(parts, 1), op.index, op.fill)


STEPS = {
    Affine: affine,
    Piecewise: piecewise,
    Lookup: lookup,
    Binary: binary,
    Divide: divide,
    Gather: gather,
}
