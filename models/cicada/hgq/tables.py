"""CICADA of lookup tables: what is learned is small networks whose whole inputs fit into a table.

HGQ2's LUT layers (LUT-Conv and LUT-Dense, `QConvT2D` and `QDenseT`): a number of few bits goes
through a small network of its own, of which firmware keeps all results. One table, the same for all
regions, says what a region is worth; a sum; a second table turns the sum into the score.
"""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import Floats, Images, Singles
from l1kd.errors import ArtefactError
from l1kd.models.mixed_precision import frameworks

__all__ = ["begin_tables", "settle_tables", "table_inputs", "tables"]

_SUM = {"i0": 10, "f0": 1}
"""The sum wraps at 1024: 32 regions at the end of their table."""
_WORTH = {"i0": 5, "f0": 3}
_SCORE = {"i0": 8, "f0": 3}
_GAIN = 1.0 / 32.0
"""First weight of the inner neurons: what they read is of the size of one then."""
_REGION, _TOTAL = "region", "score"
_MARGIN = 1e-3
"""Steps between entries and the edges of rounding: ten times what single precision loses."""


def tables(hidden: int, region_bits: int, width: int, start: float) -> Any:
    """Build regions -> table -> sum -> table.

    Parameters
    ----------
    hidden : int
        Neurons of the network behind the regions' table; that of the sum has twice as many.
    region_bits : int
        Leading bits of a region that its table reads.
    width : int
        Bits of a region.
    start : float
        First bias of the score.

    Returns
    -------
    keras.Model
        float32[n, 252] counts or raw residuals to float32[n, 1] scores, multiples of 1/8 in
        [0, 256).
    """
    keras, layers, config = frameworks()
    held = {
        "k0": 0, "round_mode": "TRN", "overflow_mode": "WRAP", "heterogeneous_axis": (),
        "homogeneous_axis": None, "trainable": False,
    }  # fmt: skip

    def lane(i0: int, f0: int) -> Any:
        return config.QuantizerConfig("kif", "datalane", i0=i0, f0=f0, **held)

    def kept(i0: int, f0: int) -> Any:
        ends = held | {"round_mode": "RND", "overflow_mode": "SAT"}
        return config.QuantizerConfig("kif", "table", i0=i0, f0=f0, **ends)

    with config.LayerConfigScope(enable_ebops=True):
        model = keras.Sequential(
            [
                keras.layers.Input((252,), name="regions"),
                keras.layers.Reshape((18, 14, 1), name="image"),
                layers.QConvT2D(
                    1, 1, d_hl=hidden, subnn_activation="relu", toq_conf=kept(**_WORTH),
                    iq_conf=lane(width, region_bits - width), name=_REGION,
                ),
                keras.layers.Reshape((252,), name="worth"),
                layers.QSum(axes=1, keepdims=True, iq_conf=lane(**_WORTH), name="sum"),
                layers.QDenseT(
                    1, d_hl=2 * hidden, subnn_activation="relu", iq_conf=lane(**_SUM),
                    toq_conf=kept(**_SCORE), name=_TOTAL,
                ),
            ],
            name="cicada",
        )  # fmt: skip
    *others, bias = model.get_layer(_TOTAL).module.get_weights()
    model.get_layer(_TOTAL).module.set_weights([*others, np.full_like(bias, start)])
    return model


def table_inputs(model: Any, name: str) -> Singles:
    """Return every number that the table of a layer can be asked for, rising."""
    quantizer = model.get_layer(name).iq.quantizer
    integer, fraction = (int(np.asarray(x).reshape(-1)[0]) for x in (quantizer.i, quantizer.f))
    return (np.arange(1 << (integer + fraction)) * 2.0**-fraction).astype(np.float32)


def _fit(layer: Any, inputs: Floats, wanted: Floats, knots: Floats) -> None:
    """Give a table's network first weights: least squares of straight pieces between knots.

    Pieces count down to their knot: what is concave is then a sum of terms of one sign, which
    single precision gets right to the last digits.
    """
    bent = np.maximum(knots - inputs[:, None], 0.0) * _GAIN
    rows = np.concatenate([bent, np.ones((len(inputs), 1))], axis=1)
    solution = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    shapes = [weight.shape for weight in layer.module.get_weights()]
    values = (np.full(len(knots), -_GAIN), _GAIN * knots, solution[:-1], solution[-1:])
    layer.module.set_weights([x.reshape(s) for x, s in zip(values, shapes, strict=True)])


def begin_tables(model: Any, images: Images, wanted: Singles) -> None:
    """Start with squares of the regions, and the score as a cubic of the logarithm of their sum.

    Parameters
    ----------
    model : keras.Model
        Of `tables`; changed.
    images, wanted : numpy.ndarray, shapes (n, 18, 14) and (n,)
        What it reads, and scores of the teacher.
    """
    region, total = model.get_layer(_REGION), model.get_layer(_TOTAL)
    inputs = table_inputs(model, _REGION).astype(np.float64)
    largest = 2.0 ** _WORTH["i0"]
    squares = np.minimum(np.square(inputs / 128.0), largest)
    bend = 128.0 * np.sqrt(largest)
    knots = bend * np.geomspace(0.05, 1.0, region.d_hl)
    _fit(region, inputs, squares, knots)
    values = images.reshape(-1, 252).astype(np.float32)
    for layer in model.layers[: model.layers.index(total)]:
        values = np.asarray(layer(values, training=False))
    sums = values[:, 0].astype(np.float64)
    curve = np.polynomial.Polynomial.fit(np.log(sums + 1.0), wanted, 3)
    ends = np.log(np.array([sums.min(), np.quantile(sums, 0.999)]) + 1.0)
    inputs = table_inputs(model, _TOTAL).astype(np.float64)
    scores = curve(np.clip(np.log(inputs + 1.0), *ends))
    knots = np.geomspace(np.quantile(sums, 0.02) + 1.0, np.quantile(sums, 0.999), total.d_hl)
    # the curve counts where images are
    asked = inputs <= knots[-1]
    _fit(total, inputs[asked], scores[asked], knots)


def _exact(layer: Any, inputs: Floats) -> Floats:
    """Results of a table's network in double precision, before they are rounded."""
    kernel, bias, last, offset = (x.astype(np.float64) for x in layer.module.get_weights())
    inner = np.maximum(inputs[:, None] * kernel.reshape(-1) + bias.reshape(-1), 0.0)
    found: Floats = inner @ last.reshape(-1) + offset.reshape(-1)
    return found


def _shift(places: Floats) -> float:
    """Return the smallest shift, in steps, that takes all places away from edges of rounding."""
    place = np.sort(np.mod(places + 0.5, 1.0))
    ends = np.r_[place, place[0] + 1.0]
    # an edge is at 0 and at 1; moved to x, it must lie between two places
    low, high = ends[:-1] + _MARGIN, ends[1:] - _MARGIN
    free = low <= high
    if not free.any():
        raise ArtefactError("no entry-free place for the edges of rounding: fewer bits are needed")
    at = [np.clip(edge, low[free], high[free]) - edge for edge in (0.0, 1.0)]
    moves = np.concatenate(at)
    return -float(moves[np.abs(moves).argmin()])


def settle_tables(model: Any) -> None:
    """Move both tables by less than a step, so that no entry lies on an edge of rounding.

    Single precision and double precision then round all entries to the same number: the network
    that was trained and its tables are one.

    Raises
    ------
    ArtefactError
        Entries lie too close to each other.
    """
    for name, step in ((_REGION, 2.0 ** -_WORTH["f0"]), (_TOTAL, 2.0 ** -_SCORE["f0"])):
        layer = model.get_layer(name)
        values = _exact(layer, table_inputs(model, name).astype(np.float64))
        *others, bias = layer.module.get_weights()
        shift = np.float32(_shift(values / step) * step)
        layer.module.set_weights([*others, bias + shift])
