"""Constants that a model leaves in floating point, as the firmware holds them.

Batch normalisation divides by a root, and a bias may have no quantizer: no model says which bits
the firmware should have there. The firmware's own constants are declared then. Each must lie within
one step of its type from the model's, and everything else is compared in every bit.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from l1kd.emulators.array_types import Floats
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Affine, Layer, Operation, Piecewise
from l1kd.errors import FirmwareError

__all__ = ["declared_constants"]


class _Constants(NamedTuple):
    """Factor and offset of a layer's channels, with the steps of their types."""

    factor: Floats
    offset: Floats
    steps: tuple[float, float]


def _step(layer: Layer, role: str) -> float:
    form = layer.formats.get(role)
    return 2.0**-form.fraction if form is not None else 0.0


def _line(layer: Layer, source_fraction: int, channels: int) -> _Constants | None:
    """Return factor and offset of a layer that is one straight line for each channel."""
    (*operations,) = layer.operations
    operation: Operation = operations[-1]
    if len(operations) != 1 or not isinstance(operation, Piecewise):
        return None
    if not np.array_equal(operation.scale_above, operation.scale_below):
        return None
    fraction = operation.fraction
    factor = np.ldexp(operation.scale_above.astype(np.float64), source_fraction - fraction)
    offset = np.ldexp(operation.offset_above.astype(np.float64), -fraction)
    rows = [values.reshape(-1, channels) for values in (factor, offset)]
    if any((values != values[:1]).any() for values in rows):
        return None
    return _Constants(rows[0][0], rows[1][0], (_step(layer, "weight"), _step(layer, "bias")))


def _compare(name: str, what: str, mine: Floats, theirs: Floats, step: float) -> None:
    worst = float(np.abs(mine - theirs).max())
    # single precision of the converter's own arithmetic comes on top
    if worst > step + 1e-5 * float(np.abs(mine).max(initial=0.0)):
        raise FirmwareError(
            f"layer '{name}': {what} of the model is up to {worst:.3g} away from the firmware's, "
            f"whose type has steps of {step:.3g}; declare a type that holds it, for example "
            f"--precision {name}.{'scale' if what == 'a factor' else 'bias'}=ap_fixed<24,8>"
        )


def declared_constants(network: Network, model: Any, open_biases: set[str]) -> Iterator[str]:
    """Give a reference the firmware's constants where the model has numbers in floating point.

    Parameters
    ----------
    model : keras.Model
        The reference in double precision, see `qkeras_models.reference_configuration`; changed.
    open_biases : set of str
        Layers whose bias has no quantizer.

    Yields
    ------
    str
        The layers whose constants are the firmware's.

    Raises
    ------
    FirmwareError
        A constant is more than a step of its type away from the model's.
    """
    layers = {layer.name: layer for layer in network.graph.layers}
    tensors = network.graph.tensors
    for layer in model.layers:
        norm = layer.__class__.__name__ == "BatchNormalization"
        if norm and layer.name in layers:
            gamma, beta, mean, variance = (np.asarray(w) for w in layer.get_weights())
            found = layers[layer.name]
            fraction = tensors[_source(found)].format.fraction
            line = _line(found, fraction, len(gamma))
            if line is None:
                continue
            _compare(layer.name, "a factor", gamma, line.factor, line.steps[0])
            _compare(layer.name, "an offset", beta, line.offset, line.steps[1])
            layer.set_weights([line.factor, line.offset, mean, variance])
            yield layer.name
        elif layer.name in open_biases and layer.name in layers:
            weights = layer.get_weights()
            bias, step = _bias(layers, layer.name, tensors, len(weights[-1]))
            if bias is None:
                continue
            _compare(layer.name, "a bias", np.asarray(weights[-1]), bias, step)
            layer.set_weights([*weights[:-1], bias])
            yield layer.name


def _source(layer: Layer) -> str:
    operation = layer.operations[0]
    return operation.source if isinstance(operation, Piecewise | Affine) else layer.output.name


def _bias(
    layers: dict[str, Layer], name: str, tensors: Any, channels: int
) -> tuple[Floats | None, float]:
    """Return a layer's bias: its own, or the offset of the scale that hls4ml put behind it."""
    scaled = layers.get(f"{name}_alpha")
    if scaled is not None:
        line = _line(scaled, tensors[_source(scaled)].format.fraction, channels)
        return (line.offset, line.steps[1]) if line is not None else (None, 0.0)
    for operation in layers[name].operations:
        if isinstance(operation, Affine) and operation.bias.shape[1] == channels:
            values = np.ldexp(operation.bias[0].astype(np.float64), -operation.accumulator.fraction)
            return values, _step(layers[name], "bias")
    return None, 0.0
