"""Small networks with every kind of operation, rounding and overflow, for tests of the RTL."""

from dataclasses import replace

import numpy as np

from l1kd.emulators.fixed_point import OVERFLOWS, ROUNDINGS, FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import (
    Affine,
    Binary,
    Divide,
    Gather,
    Graph,
    Layer,
    Lookup,
    Piecewise,
    Tensor,
)

SHAPES = ((6, 4, True), (5, 3, False), (3, 4, False), (1, 1, True), (1, 0, False), (12, 6, True))
SHAPES += ((9, 6, False), (5, 9, True))


def cast_grid(source, scale=1, offset=0, relu=False, shapes=SHAPES):
    """Return a network that casts its one input to every format, rounding and overflow."""
    x, zero = Tensor("x", (1,), source), np.zeros(1, np.int64)
    below = (zero, zero) if relu else (zero + scale, zero + offset)
    layers = []
    for shape in shapes:
        for rounding in ROUNDINGS:
            for overflow in OVERFLOWS:
                name = f"y{len(layers)}"
                output = Tensor(name, (1,), FixedPoint(*shape, rounding, overflow))
                index = np.zeros(1, np.int32)
                lines = (zero, zero + scale, zero + offset, *below)
                cast = Piecewise(output, "x", index, *lines, source.fraction)
                layers.append(Layer(name, "cast", (cast,)))
    return Network(Graph("casts", (x,), tuple(layer.name for layer in layers), tuple(layers)))


class Maker:
    """Makes random operations that read tensors made before."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.tensors, self.layers = [], []

    def format(self, width=(1, 9), spread=4):
        rng = self.rng
        bits = int(rng.integers(*width))
        integer = int(rng.integers(-1, spread + 2))
        rounding, overflow = str(rng.choice(ROUNDINGS)), str(rng.choice(OVERFLOWS))
        return FixedPoint(bits, integer, bool(rng.integers(2)), rounding, overflow)

    def add(self, operation):
        name = operation.output.name
        self.tensors.append(operation.output)
        self.layers.append(Layer(name, type(operation).__name__.lower(), (operation,)))

    def output(self, size, form=None):
        return Tensor(f"t{len(self.tensors)}", (size,), form or self.format())

    def source(self):
        tensor = self.tensors[int(self.rng.integers(len(self.tensors)))]
        return tensor, lambda *shape: self.rng.integers(-1, tensor.size, shape).astype(np.int32)

    def affine(self):
        rng = self.rng
        source, index = self.source()
        positions, terms, filters, groups = rng.integers(1, 4, 4).tolist()
        fraction = int(rng.integers(0, 5))
        exact = source.format.fraction + fraction
        modes = str(rng.choice(ROUNDINGS)), str(rng.choice(OVERFLOWS))
        width = int(rng.integers(3, 14))
        accumulator = FixedPoint(
            width, width - exact + int(rng.integers(-1, 3)), bool(rng.integers(2)), *modes
        )
        if rng.random() < 0.4:
            accumulator = FixedPoint(24, 24 - exact, True)
        low = max(accumulator.minimum, -40)
        self.add(
            Affine(
                self.output(positions * filters),
                source.name,
                index(positions, terms),
                rng.integers(0, groups, positions).astype(np.int32),
                rng.integers(-9, 10, (groups, terms, filters)) * (rng.random() < 0.9),
                fraction,
                rng.integers(low, min(accumulator.maximum, 40) + 1, (groups, filters)),
                accumulator,
                late=bool(rng.integers(2)),
            )
        )

    def piecewise(self):
        rng = self.rng
        source, index = self.source()
        size = int(rng.integers(1, 4))
        kind = rng.integers(3)
        ones, zeros = np.ones(size, np.int64), np.zeros(size, np.int64)
        lines = [rng.integers(-9, 10, size) for _ in range(5)]
        if kind == 0:
            lines = [zeros, ones, zeros, zeros, zeros]
        elif kind == 1:
            lines = [zeros, ones * 8, zeros, ones, zeros]
        low, high = sorted(rng.integers(-40, 41, 2).tolist())
        limits = (low, high) if kind == 2 and rng.random() < 0.5 else None
        formats = (self.format(),) * 2 if rng.random() < 0.4 else ()
        choice = rng.integers(0, 2, size).astype(np.int32) if formats else None
        fraction = source.format.fraction + int(rng.integers(-1, 3))
        output = self.output(size)
        self.add(
            Piecewise(output, source.name, index(size), *lines, fraction, limits, formats, choice)
        )

    def lookup(self):
        rng = self.rng
        source, index = self.source()
        size, entries = int(rng.integers(1, 4)), int(rng.choice([1, 5, 16, 64]))
        output = self.output(size)
        table = rng.integers(output.format.minimum, output.format.maximum + 1, (entries, 2))
        multiplier, shift = int(rng.choice([1, 2, 3, -5])), int(rng.integers(0, 5))
        offset = int(rng.choice([0, entries // 2, 3]))
        toward, column = bool(rng.integers(2)), rng.integers(0, 2, size).astype(np.int32)
        self.add(
            Lookup(
                output, source.name, index(size), multiplier, shift, toward, offset, table, column
            )
        )

    def binary(self):
        rng = self.rng
        (left, first), (right, second) = self.source(), self.source()
        size = int(rng.integers(1, 4))
        kind = str(rng.choice(["add", "subtract", "multiply", "maximum", "minimum"]))
        halvings = int(rng.integers(0, 3))
        output = self.output(size)
        self.add(Binary(output, kind, left.name, right.name, first(size), second(size), halvings))

    def divide(self):
        source, index = self.source()
        size = int(self.rng.integers(1, 4))
        divisor = self.rng.integers(1, 12, size)
        form = self.format()
        integer = form.width - source.format.fraction
        output = self.output(size, replace(form, integer=integer))
        self.add(Divide(output, source.name, index(size), divisor))

    def gather(self):
        rng = self.rng
        one, two = self.source()[0], self.source()[0]
        size = int(rng.integers(1, 5))
        index = rng.integers(-1, one.size + two.size, size).astype(np.int32)
        output = self.output(size)
        fill = int(rng.integers(output.format.minimum, output.format.maximum + 1))
        self.add(Gather(output, (one.name, two.name), index, fill))


def random_network(seed, operations=6):
    """Return a network of random operations; every tensor is an output."""
    maker = Maker(seed)
    inputs = tuple(
        Tensor(name, (3,), maker.format((2, 8), 3)) for name in ("x", "z")[: 1 + seed % 2]
    )
    maker.tensors += inputs
    kinds = [maker.affine, maker.piecewise, maker.lookup, maker.binary, maker.divide, maker.gather]
    for count in range(operations):
        kinds[(count + seed) % len(kinds) if count < 3 else int(maker.rng.integers(6))]()
    names = tuple(layer.name for layer in maker.layers)
    return Network(Graph(f"random{seed}", inputs, names, tuple(maker.layers)))


def random_inputs(network, count, seed=0):
    """Return raw inputs, one array for each input tensor: edges and uniform numbers."""
    rng = np.random.default_rng(seed)
    arrays = []
    for tensor in network.inputs:
        low, high = tensor.format.minimum, tensor.format.maximum
        raw = rng.integers(low, high + 1, (count, tensor.size))
        edges = np.clip(np.array([low, high, 0, 1, -1]), low, high)
        raw[: count // 4] = rng.choice(edges, (count // 4, tensor.size))
        arrays.append(raw)
    return arrays


def flat(network, raw):
    """Return outputs of `Network.predict_raw` side by side, shape (n, all elements)."""
    parts = raw if isinstance(raw, tuple) else (raw,)
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)
