"""Softmax of the integer graph in hls4ml's words.

hls4ml divides exponentials, read from one table, by their sum, through a table of inverses; its
stable way takes the distance to the largest element first. The operations of a layer tell sizes and
formats; both tables must be those of hls4ml's functions in every entry.
"""

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from l1kd.emulators.fixed_point import OVERFLOWS, ROUNDINGS, FixedPoint
from l1kd.emulators.network.graph import Binary, Layer, Lookup, Piecewise, Tensor
from l1kd.emulators.network.layers import tables

__all__ = ["softmax_entry"]


def softmax_entry(layer: Layer, tensors: dict[str, Tensor]) -> tuple[dict[str, Any], str] | None:
    """Describe a layer as hls4ml's softmax.

    Returns
    -------
    dict, str
        hls4ml's description, with the types of its inside, and the name of the source.
    None
        The layer is something else.
    """
    made = {operation.output.name: operation for operation in layer.operations}
    last = layer.operations[-1]
    if not isinstance(last, Binary) or last.kind != "multiply":
        return None
    exponential, inverse = made.get(last.left), made.get(last.right)
    if not isinstance(exponential, Lookup) or not isinstance(inverse, Lookup):
        return None
    total = made.get(inverse.source)
    slices = _slices(last.right_index, last.output.size)
    if not isinstance(total, Piecewise) or slices is None:
        return None
    distance = made.get(exponential.source)
    stable = isinstance(distance, Binary)
    if distance is not None and not (isinstance(distance, Binary) and distance.kind == "subtract"):
        return None
    source = distance.right if isinstance(distance, Binary) else exponential.source
    address, accumulator = tensors[exponential.source].format, exponential.output.format
    scale = -1.0 if stable else 1.0
    form = _table_format(exponential.table, address, accumulator, scale)
    invert = tables.invert_table(len(inverse.table), total.output.format, inverse.output.format)
    if form is None or not np.array_equal(invert, inverse.table[:, 0]):
        return None
    outer, length, inner = slices
    types = {
        "exp_table_t": form,
        "inv_table_t": inverse.output.format,
        "inv_inp_t": total.output.format,
        "accum_t": accumulator,
    }
    entry = {
        "class_name": "Softmax",
        "activation": "softmax",
        "axis": -1,
        "n_in": outer * length * inner,
        "n_outer": outer,
        "n_inner": inner,
        "implementation": "stable" if stable else "latency",
        "exp_table_size": len(exponential.table),
        "inv_table_size": len(inverse.table),
        "exp_scale": 1.0,
        "parallelization_factor": outer * inner,
    }
    if stable:
        types["inp_norm_t"] = address
    return entry | {name: _precision(form) for name, form in types.items()}, source


def _slices(owner: npt.NDArray[np.signedinteger], size: int) -> tuple[int, int, int] | None:
    """Return how many slices follow one another, their length, and how many are interleaved."""
    places = np.flatnonzero(owner == 0)
    length = len(places)
    inner = int(places[1] - places[0]) if length > 1 else 1
    if not length or len(owner) != size or size % (length * inner):
        return None
    outer = size // (length * inner)
    rows = np.arange(outer * inner).reshape(outer, 1, inner)
    wanted = np.broadcast_to(rows, (outer, length, inner)).reshape(-1)
    return (outer, length, inner) if np.array_equal(wanted, owner) else None


def _table_format(
    table: npt.NDArray[np.int64], address: FixedPoint, accumulator: FixedPoint, scale: float
) -> FixedPoint | None:
    """Return a type whose table, cast to the accumulator, is this one in every entry."""
    width, integer, signed = accumulator.width, accumulator.integer, accumulator.signed
    for rounding, overflow in product(ROUNDINGS, OVERFLOWS):
        form = FixedPoint(width, integer, signed, rounding, overflow)
        found = tables.exp_table(len(table), address, form, scale)
        if np.array_equal(accumulator.cast(found, form), table[:, 0]):
            return form
    return None


def _precision(form: FixedPoint) -> Any:
    from hls4ml.model.types import FixedPrecisionType, RoundingMode, SaturationMode

    return FixedPrecisionType(
        form.width,
        form.integer,
        form.signed,
        RoundingMode.from_string(form.rounding),
        SaturationMode.from_string(form.overflow),
    )
