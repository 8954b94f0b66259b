"""CICADA as a network of logic gates: differentiable while it is trained, gates afterwards.

Convolutional: a kernel is a tree of two-input gates over the bits of two neighbours in phi, the
same for all pairs of the image; its ones are counted. A weighted sum of the counts is the only
feature of the image, and a table of thresholds turns it into the score. With a depth of one a tree
is a single gate: a flat network.

Connections (which bit each leaf reads), functions of the gates, weights and table are learned.
Petersen et al., "Deep differentiable logic gate networks" (2022), and "Convolutional differentiable
logic gate networks" (2024).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Singles
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import GateLayer, LogicNetwork, LogicStage, digits
from l1kd.models import backend
from l1kd.models.cicada.config import GateSizes
from l1kd.models.cicada.logic.encoding import levels_of_couples, pairs_of_regions
from l1kd.models.cicada.logic.gates import PASS, chosen, mixed, reweighted_weights, start_logits

__all__ = ["FEATURE_BITS", "KernelModel", "Settled"]

FEATURE_BITS = 14
_STEPS_PER_UNIT = 256
_WEIGHT_STEP = 1.0 / 16.0
_LARGEST_WEIGHT = 127
# weights of counts move at a pace of their own under one learning rate
_WEIGHT_PACE = 0.3


class KernelModel:
    """Kernels of gates while they are trained, with a small dense network behind their counts.

    Parameters
    ----------
    count : int
        Thresholds of a region.
    sizes : GateSizes
        Kernels, depth of their trees.
    seed : int
        Of connections and small differences between logits.
    """

    def __init__(self, count: int, sizes: GateSizes, seed: int) -> None:
        tf, keras = backend.tensorflow(), backend.keras()
        rng = np.random.default_rng(seed)
        self.tf, self.count, self.sizes = tf, count, sizes
        self.bits = tf.constant(levels_of_couples(count))
        leaves = rng.integers(0, 2 * count, (sizes.kernels, 1 << sizes.depth))
        self.leaves = tf.Variable(
            start_logits(leaves, 2 * count, rng), sizes.learned, name="leaves"
        )
        self.gates = [
            tf.Variable(
                start_logits(np.full((sizes.kernels, 1 << level), PASS), 16, rng),
                sizes.learned,
                name=f"gates_{level}",
            )
            for level in reversed(range(sizes.depth))
        ]
        self.weight = tf.Variable(np.full(sizes.kernels, 1.0 / _WEIGHT_PACE, np.float32))
        layers = keras.layers
        self.head = keras.Sequential(
            [
                layers.Input((1,)),
                layers.Dense(16, activation="relu", bias_initializer="random_normal"),
                layers.Dense(8, activation="relu"),
                layers.Dense(1),
            ]
        )
        self.scale = tf.Variable(np.array([0.0, 1.0, 0.0], np.float32), trainable=False)

    @property
    def connections(self) -> list[Any]:
        """Variables of leaves and gates."""
        return [self.leaves, *self.gates]

    def module(self) -> Any:
        """Return a `tf.Module` that holds the variables, for checkpoints and the optimiser."""
        module = self.tf.Module(name="gates")
        module.held = [*self.connections, self.weight, self.scale, *self.head.trainable_variables]
        return module

    def outputs(self, temperature: Any, soft: bool) -> Any:
        """Return what each kernel gives for each couple of levels, float32[kernels, couples]."""
        tf = self.tf
        read = chosen(tf, self.leaves, temperature, soft)
        bits = tf.tensordot(read, self.bits, axes=((2,), (1,)))
        for logits in self.gates:
            functions = chosen(tf, logits, temperature, soft)[:, :, None, :]
            bits = mixed(tf, functions, bits[:, ::2], bits[:, 1::2])
        return bits[:, 0]

    def feature(self, seen: Any, temperature: Any = 0.1, soft: bool = False) -> Any:
        """Return the weighted sum of the counts, from `couples` of images; float32[n]."""
        tf = self.tf
        weighted = tf.linalg.matvec(
            self.outputs(temperature, soft), _WEIGHT_PACE * self.weight, transpose_a=True
        )
        return tf.linalg.matvec(tf.cast(seen, tf.float32), weighted)

    def score(self, seen: Any, temperature: Any = 0.1, soft: bool = False) -> Any:
        """Return the score by the dense network behind the feature; float32[n]."""
        low, spread, usual = self.scale[0], self.scale[1], self.scale[2]
        feature = (self.feature(seen, temperature, soft) - low) / spread
        return self.head(feature[:, None])[:, 0] * 16.0 + usual

    def start(self, seen: NDArray[np.uint8], wanted: Singles) -> None:
        """Bring feature and score to the size of the training's."""
        values = self.feature(seen).numpy()
        centre, spread = float(np.median(values)), float(values.std()) + 1e-3
        self.scale.assign([centre, spread, float(np.median(wanted))])

    def tables(self) -> list[NDArray[np.int64]]:
        """Return what is chosen: bits of the leaves, then the functions of each layer of gates."""
        return [x.numpy().argmax(axis=-1).astype(np.int64) for x in self.connections]

    def settle(self, seen: NDArray[np.uint8], wanted: Singles) -> "Settled":
        """Return the network in whole numbers, with a table by least absolute differences.

        Thresholds of the table lie half at quantiles of the feature, half at even steps of its
        logarithm, where the tails are.
        """
        kinds = self.outputs(0.1, False).numpy().round().astype(np.int64)
        real = _WEIGHT_PACE * self.weight.numpy().astype(np.float64)
        unit = np.abs(real).max() / _LARGEST_WEIGHT
        weight = np.round(real / unit).astype(np.int64)
        per_couple = weight @ kinds
        sums = seen.astype(np.int64) @ per_couple
        low = int(np.quantile(sums, 0.0005))
        shift = max(int(sums.max() - low).bit_length() - FEATURE_BITS, 0)
        weight = np.round(weight / 2.0**shift).astype(np.int64)
        per_couple = weight @ kinds
        sums = seen.astype(np.int64) @ per_couple
        offset = 1 - int(np.quantile(sums, 0.0005))
        feature = np.clip(sums + offset, 0, (1 << FEATURE_BITS) - 1)
        share = np.linspace(0.002, 0.999, self.sizes.levels // 2)
        even = np.geomspace(np.quantile(feature, 0.05) + 1.0, feature.max(), self.sizes.levels)
        levels = np.unique(np.r_[np.quantile(feature, share), even].round().astype(np.int64))
        levels = levels[levels >= 1]
        reached = (feature[:, None] >= levels).astype(np.uint8)
        table, start = reweighted_weights(reached, wanted, _WEIGHT_STEP)
        return Settled(self, weight, offset, levels, table, start)


class Settled:
    """A trained network in whole numbers, on counted couples: what its gates will compute."""

    def __init__(
        self, model: KernelModel, weight: NDArray[np.int64], offset: int,
        levels: NDArray[np.int64], table: NDArray[np.float64], start: float,
    ) -> None:  # fmt: skip
        self.chosen, self.sizes = model.tables(), model.sizes
        self.outputs = model.outputs(0.1, False).numpy().round().astype(np.int64)
        self.weight, self.offset, self.levels = weight, offset, levels
        self.table = np.round(table * _STEPS_PER_UNIT).astype(np.int64)
        self.start = round(start * _STEPS_PER_UNIT)

    def score(self, seen: NDArray[np.uint8]) -> Singles:
        """Return scores of counted couples, float32[n], multiples of 1/256 in [0, 256)."""
        sums = seen.astype(np.int64) @ (self.weight @ self.outputs) + self.offset
        feature = np.clip(sums, 0, (1 << FEATURE_BITS) - 1)
        steps = np.concatenate([[0], np.cumsum(self.table)]) + self.start
        raw = steps[np.searchsorted(self.levels, feature, side="right")]
        return (np.clip(raw, 0, (1 << 16) - 1) / _STEPS_PER_UNIT).astype(np.float32)

    def network(self, limits: NDArray[np.int64], width: int) -> LogicNetwork:
        """Return the network of gates, for regions of `width` bits."""
        stages = [self._kernels(limits, width), self._table()]
        return LogicNetwork("cicada", (252,), stages, FixedPoint(16, 8, False))

    def _kernels(self, limits: NDArray[np.int64], width: int) -> LogicStage:
        t, used = len(limits), np.flatnonzero(self.weight)
        leaves, *gates = (x[used] for x in self.chosen)
        # leaf bit k of a kernel: threshold k % t of the first or the second region of the pair
        pairs = pairs_of_regions(self.sizes.overlapping)
        region = pairs[:, leaves // t]
        bit = (region * t + leaves % t).reshape(-1).astype(np.int32)
        layers, a, b = [], bit[::2], bit[1::2]
        for functions in gates:
            table = np.tile(functions.reshape(-1), len(pairs)).astype(np.uint8)
            layers.append(GateLayer(a, b, table))
            a = np.arange(0, len(table), 2, dtype=np.int32)
            b = a + 1
        return LogicStage(
            inputs=252,
            width=width,
            source=np.repeat(np.arange(252, dtype=np.int32), t),
            threshold=np.tile(limits, 252),
            layers=tuple(layers),
            group=np.tile(np.arange(len(used), dtype=np.int32), len(pairs)),
            weight=self.weight[used][None],
            offset=np.array([self.offset], np.int64),
            output_width=FEATURE_BITS,
        )

    def _table(self) -> LogicStage:
        # a weight of several digits counts its bit in as many groups, each of a power of two
        planes: dict[tuple[int, int], int] = {}
        bit, group = [], []
        for number, weight in enumerate(self.table):
            for digit in digits(int(weight)):
                bit.append(number)
                group.append(planes.setdefault(digit, len(planes)))
        return LogicStage(
            inputs=1,
            width=FEATURE_BITS,
            source=np.zeros(len(bit), np.int32),
            threshold=self.levels[bit],
            layers=(),
            group=np.array(group, np.int32),
            weight=np.array([[sign << exponent for sign, exponent in planes]], np.int64),
            offset=np.array([self.start], np.int64),
            output_width=16,
        )
