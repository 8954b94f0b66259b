"""Layers that act on every element by straight lines: relu and its kin, scales, clips.

Facts of the arithmetic: hls4ml 1.3 and older versions, nnet_activation.h and nnet_batchnorm.h.
"""

from typing import Any

import numpy as np

from l1kd.emulators.array_types import Indices, Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.cpp.model import Call, CppType
from l1kd.emulators.network.graph import Binary, Gather, Layer, Operation, Tensor
from l1kd.emulators.network.layers.lowering import (
    Config,
    Lowering,
    affine_segments,
    handles,
    layer_of,
)
from l1kd.emulators.network.layers.products import Product, read_product, shifted

__all__ = ["element_pair", "parameter"]

BIT = FixedPoint(1, 1, False)


def element_pair(lowering: Lowering, call: Call) -> tuple[Config, Tensor, Tensor]:
    """Return configuration, source and result of a call that keeps the shape of its input."""
    config = lowering.config(call)
    (size,) = config.sizes("n_in")
    source = lowering.source(call, size)
    lowering.check_packets(call)
    return config, source, lowering.result(call, source.shape)


def parameter(
    lowering: Lowering, call: Call, position: int = 1, older: FixedPoint | None = None
) -> tuple[int, FixedPoint]:
    """Return the literal argument of a call as raw value of its template type.

    Before hls4ml 1.0 it has no type of its own but ``older``, else that of the data.
    """
    kinds = [a for a in call.template_arguments if isinstance(a, CppType)]
    if len(call.literals) != 1 or len(kinds) not in (2, 3):
        raise lowering.refuse(call, "one literal and three types expected")
    form = lowering.format(kinds[position if len(kinds) == 3 else 0], call)
    form = older if older is not None and len(kinds) == 2 else form
    return int(form.from_float(call.literals[0])), form


@handles("linear")
def linear(lowering: Lowering, call: Call) -> Layer:
    """Plain cast; between equal types a copy."""
    _, source, output = element_pair(lowering, call)
    if source.format == output.format and output.format.overflow == "SAT_SYM":
        index = np.arange(source.size, dtype=np.int32)
        return layer_of(call, [Gather(output, (source.name,), index)])
    return layer_of(call, [affine_segments(output, source, source.format.fraction)])


@handles("relu")
def relu(lowering: Lowering, call: Call) -> Layer:
    """Cast of values above zero, else zero."""
    _, source, output = element_pair(lowering, call)
    line = affine_segments(output, source, source.format.fraction, (1, 0), (0, 0))
    return layer_of(call, [line])


@handles("relu_max", "relu6", "relu1")
def relu_max(lowering: Lowering, call: Call) -> Layer:
    """Values limited to 0 and a constant integer."""
    _, source, output = element_pair(lowering, call)
    name = call.function.rpartition("::")[2]
    numbers = [a for a in call.template_arguments if isinstance(a, int)]
    if name == "relu_max" and len(numbers) != 1:
        raise lowering.refuse(call, "one limit expected")
    limit = {"relu6": 6, "relu1": 1}.get(name) or numbers[0]
    fraction = max(source.format.fraction, 0)
    scale = 1 << (fraction - source.format.fraction)
    line = affine_segments(output, source, fraction, (scale, 0), limits=(0, limit << fraction))
    return layer_of(call, [line])


@handles("leaky_relu")
def leaky_relu(lowering: Lowering, call: Call) -> Layer:
    """Values above zero, else a constant times them."""
    _, source, output = element_pair(lowering, call)
    slope, form = parameter(lowering, call)
    return layer_of(call, [_two_slopes(output, source, slope, form)], parameters=1)


@handles("prelu")
def prelu(lowering: Lowering, call: Call) -> Layer:
    """Values above zero, else a constant of each element times them."""
    _, source, output = element_pair(lowering, call)
    slopes, form = lowering.weights(call, 0, source.size)
    line = _two_slopes(output, source, slopes, form)
    zeros = int((slopes == 0).sum())
    return layer_of(
        call,
        [line],
        formats={"weight": form},
        parameters=slopes.size,
        zeros=zeros,
        multiplications=slopes.size,
    )


def _two_slopes(output: Tensor, source: Tensor, slope: Any, form: FixedPoint) -> Any:
    extra = max(form.fraction, 0)
    below = slope << (extra - form.fraction) if form.fraction < 0 else slope
    return affine_segments(
        output, source, source.format.fraction + extra, (1 << extra, 0), (below, 0)
    )


@handles("thresholded_relu")
def thresholded_relu(lowering: Lowering, call: Call) -> Layer:
    """Values above a constant, else zero."""
    _, source, output = element_pair(lowering, call)
    theta, form = parameter(lowering, call)
    spare = source.format.fraction - form.fraction
    # Above a number is above its floor, for integers.
    threshold = theta << spare if spare >= 0 else theta >> -spare
    line = affine_segments(
        output, source, source.format.fraction, (1, 0), (0, 0), threshold=threshold
    )
    return layer_of(call, [line])


@handles("hard_sigmoid", "hard_tanh")
def hard_sigmoid(lowering: Lowering, call: Call) -> Layer:
    """Limit a straight line on both sides."""
    config, source, output = element_pair(lowering, call)
    slope, shift = config.number("slope"), config.number("shift")
    if slope is None or shift is None:
        raise config.refuse("no slope or shift")
    first, second = config.format("slope"), config.format("shift")
    product = source.format.fraction + first.fraction
    fraction = max(product, second.fraction)
    if fraction < 0:
        raise config.refuse("the exact type of the line cannot hold one")
    scale = int(slope) << (fraction - product)
    offset = int(shift) << (fraction - second.fraction)
    one = 1 << fraction
    if call.function.endswith("hard_tanh"):
        line = affine_segments(
            output, source, fraction, (2 * scale, 2 * offset - one), limits=(-one, one)
        )
    else:
        line = affine_segments(output, source, fraction, (scale, offset), limits=(0, one))
    return layer_of(call, [line])


@handles("binary_tanh")
def binary_tanh(lowering: Lowering, call: Call) -> Layer:
    """One for values from zero on, else minus one (zero where the result is one bit)."""
    _, source, output = element_pair(lowering, call)
    if lowering.says("binary_tanh", "> 0 )") and not lowering.says("binary_tanh", "cache_T"):
        # Before hls4ml 1.2: not for zero itself, and as numbers of the result's type.
        above, below = (output.format.cast_int(number, 0) for number in (1, -1))
        fraction = output.format.fraction
        line = affine_segments(output, source, fraction, (0, above), (0, below), threshold=0)
        return layer_of(call, [line])
    below = 0 if output.format == BIT else -1
    line = affine_segments(output, source, 0, (0, 1), (0, below), threshold=-1)
    return layer_of(call, [line])


@handles("ternary_tanh")
def ternary_tanh(lowering: Lowering, call: Call) -> Layer:
    """One, zero or minus one; arrays, unlike streams, first double the value in its own type."""
    config, source, output = element_pair(lowering, call)
    if config.streams:
        return layer_of(call, _ternary(output, source, *_ones(source.format.fraction)))
    double = Tensor(f"{output.name}.double", source.shape, source.format)
    fraction = source.format.fraction
    twice = affine_segments(double, source, fraction, (2, 0))
    return layer_of(call, [twice, *_ternary(output, double, *_ones(fraction))])


def _ones(fraction: int) -> tuple[int, int]:
    """Return the raw floor of one and of minus one."""
    return (1 << fraction, -1 << fraction) if fraction >= 0 else (0, -1)


def _ternary(output: Tensor, source: Tensor, high: Any, low: Any) -> list[Any]:
    """One above ``high``, else minus one up to ``low``, else zero."""
    step = FixedPoint(2, 2)
    up, down = (Tensor(f"{output.name}.{n}", source.shape, step) for n in ("up", "down"))
    elements = np.arange(source.size, dtype=np.int32)
    return [
        affine_segments(up, source, 0, (0, 1), (0, 0), threshold=high),
        affine_segments(down, source, 0, (0, 0), (0, -1), threshold=np.minimum(low, high)),
        Binary(output, "add", up.name, down.name, elements, elements),
    ]


@handles("normalize")
def normalize(lowering: Lowering, call: Call) -> Layer:
    """Batch normalisation: exact product and sum, one cast."""
    config, source, output = element_pair(lowering, call)
    size = source.size
    channels = _channels(config, size)
    kind = config.word("product")
    product, form, zeros = read_product(lowering, call, 0, channels, kind, source.format)
    bias, bias_form = lowering.weights(call, 1, channels)
    if product.binary_input or product.xnor:
        raise config.refuse("one-bit data are not supported in batch normalisation")
    repeat = (np.arange(size) % channels).astype(np.int32)
    operations, factors = _scaled(product, source, output, repeat)
    source = operations[-1].output if operations else source
    exact = source.format.fraction + product.fraction
    if any(lowering.says("normalize", f"scale_t , {word}") for word in ("res_T", "typename res_T")):
        # Before hls4ml 0.7 the product is cast to the result's type before the bias is added.
        scaled = Tensor(f"{output.name}.scaled", output.shape, output.format)
        operations.append(affine_segments(scaled, source, exact, (factors, 0)))
        source, exact, factors = scaled, scaled.format.fraction, np.ones(size, np.int64)
    fraction = max(exact, bias_form.fraction)
    line = affine_segments(
        output,
        source,
        fraction,
        (
            factors << (fraction - exact),
            bias[repeat] << (fraction - bias_form.fraction),
        ),
    )
    return layer_of(
        call,
        [*operations, line],
        formats={"weight": form, "bias": bias_form},
        parameters=2 * channels,
        zeros=zeros,
        multiplications=size,
    )


def _scaled(
    product: Product, source: Tensor, output: Tensor, repeat: Indices
) -> tuple[list[Operation], Integers]:
    """Return what a scale of powers of two does to the data first, and the factors left."""
    weights = product.weights[repeat]
    if product.exponents is None or product.shifted is None:
        return [], weights
    scaled = Tensor(f"{output.name}.shifted", source.shape, product.shifted)
    steps = shifted(scaled, source, product.shifted, product.exponents[repeat], weights)
    return steps, np.ones_like(weights)


@handles("normalize_binary_tanh", "normalize_ternary_tanh")
def normalize_quantized(lowering: Lowering, call: Call) -> Layer:
    """Batch normalisation and quantized tanh in one: comparisons with thresholds."""
    config, source, output = element_pair(lowering, call)
    channels = _channels(config, source.size)
    repeat = np.arange(source.size) % channels
    raw = []
    for position in range(len(call.weights)):
        values, form = lowering.weights(call, position, channels)
        if form.fraction != source.format.fraction:
            values = source.format.cast(values, form)
        raw.append(values[repeat])
    if call.function.endswith("binary_tanh"):
        line = affine_segments(output, source, 0, (0, 1), (0, 0), threshold=raw[0] - 1)
        return layer_of(call, [line], parameters=channels)
    return layer_of(call, _ternary(output, source, raw[0], raw[1]), parameters=2 * channels)


def _channels(config: Config, size: int) -> int:
    channels = config.integer("n_filt", -1)
    return size if channels == -1 else channels
