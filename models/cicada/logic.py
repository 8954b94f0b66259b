"""CICADA as a network of logic gates: differentiable while it is trained, gates afterwards.

Every region's count is compared with thresholds of its ring in eta. A first stage sends the bits of
regions that are neighbours in phi through gates and counts the ones of every ring: weighted sums of
those counts are a few features of the image. A second stage compares the features with thresholds,
and two layers of gates and weighted counts make the score.

A gate is a choice among all 16 functions of two bits. Training holds a logit for each function; the
forward pass takes the likeliest one, the gradient goes to all of them through the soft mixture
("straight through"), so what is trained is at every step the network of gates that it will be.
As the gates of a ring share their function, the first stage needs only how often the pairs of a
ring show each pattern of bits, which `patterns` counts once per image.

The idea of learned gates: Petersen et al., "Deep differentiable logic gate networks" (2022).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Images, Singles
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import GateLayer, LogicNetwork, LogicStage
from l1kd.models import backend
from l1kd.models.cicada.config import GateSizes

__all__ = ["FEATURE_BITS", "GateModel", "digits", "patterns", "refit", "thresholds", "to_network"]

FEATURE_BITS = 11
STEPS_PER_UNIT = 256
WEIGHT_STEPS = 16
"""Weights of the last stage are multiples of this many steps of 1/256."""

_RINGS = 7
_PAIRS = 18  # pairs of regions in a ring, both signs of eta
_A, _B, _AND, _OR = 12, 10, 8, 14
# logits, weights and thresholds move at paces that suit them under one learning rate
_LOGIT_PACE, _WEIGHT_PACE, _THRESHOLD_PACE, _SCORE_PACE = 3.0, 3.0, 20.0, 2.0
_START = 2.0
_HOLD = 5e-5


def _coefficients() -> Singles:
    """Every function of two bits as c0 + c1 a + c2 b + c3 a b, float32[16, 4]."""
    outputs = np.array([[(table >> k) & 1 for k in range(4)] for table in range(16)], np.float32)
    none, b, a, both = outputs.T
    return np.stack([none, a - none, b - none, both - a - b + none], axis=1)


def thresholds(images: Images, quantiles: tuple[float, ...]) -> NDArray[np.int64]:
    """Choose thresholds of every ring in |eta| at quantiles of zero bias.

    Quantiles above one mean multiples of the largest one below: 2 is twice its threshold. Five
    leading bits are kept, so that a comparison fits into one lookup table of six inputs.

    Parameters
    ----------
    images : numpy.ndarray, shape (n, 18, 14), uint16
        Zero-bias images.
    quantiles : tuple of float
        Increasing.

    Returns
    -------
    numpy.ndarray, shape (7, len(quantiles)), int64
        Ring 0 is the outermost; strictly increasing along the second axis.
    """
    inside = [q for q in quantiles if q < 1]
    rows = []
    for ring in range(_RINGS):
        values = images[:, :, [ring, 13 - ring]]
        row = list(np.quantile(values, inside))
        row += [row[-1] * q for q in quantiles if q >= 1]
        kept: list[int] = []
        for value in row:
            step = 2 ** max(int(np.log2(max(value, 1.0))) - 4, 0)
            number = max(round(value / step) * step, 1)
            kept.append(max(number, kept[-1] + step) if kept else number)
        rows.append(np.minimum(kept, 1023))
    return np.array(rows, np.int64)


def _in_pairs(images: Images) -> Images:
    """Arrange regions as [n, pair in phi, first or second, side in eta, ring]."""
    folded = np.stack([images[:, :, :_RINGS], images[:, :, : _RINGS - 1 : -1]], axis=2)
    return folded.reshape(len(images), 9, 2, 2, _RINGS)


def patterns(images: Images, limits: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Count, ring by ring, what the first stage's gates see.

    Parameters
    ----------
    images : numpy.ndarray, shape (n, 18, 14), uint16
    limits : numpy.ndarray, shape (7, t), int64
        Thresholds of the rings.

    Returns
    -------
    numpy.ndarray, shape (n, 7, t, 3), uint8
        Pairs whose first, whose second, and whose both regions reach the threshold.
    """
    pairs = _in_pairs(images)
    out = np.empty((len(images), *limits.shape, 3), np.uint8)
    for number in range(limits.shape[1]):
        bits = pairs >= limits[:, number]
        first, second = bits[:, :, 0], bits[:, :, 1]
        for place, seen in enumerate((first, second, first & second)):
            out[:, :, number, place] = seen.sum(axis=(1, 2))
    return out


def _logits(kinds: NDArray[np.int64], rng: np.random.Generator) -> Singles:
    logits = rng.normal(0.0, 0.1, (len(kinds), 16))
    logits[np.arange(len(kinds)), kinds] += _START
    return (logits / _LOGIT_PACE).astype(np.float32)


def _rounded(tf: Any, values: Any) -> Any:
    return values + tf.stop_gradient(tf.round(values) - values)


def _reached(tf: Any, distance: Any, width: Any) -> Any:
    """Step function whose gradient is that of a triangle of the given half width."""

    @tf.custom_gradient
    def step(d: Any) -> Any:
        def gradient(upstream: Any) -> Any:
            return upstream * tf.nn.relu(1.0 - tf.abs(d) / width) / width

        return tf.cast(d >= 0, tf.float32), gradient

    return step(distance)


class GateModel:
    """The network while it is trained. Everything in the forward pass is whole numbers.

    Parameters
    ----------
    limits : numpy.ndarray, shape (7, t), int64
        Thresholds of the rings.
    sizes : GateSizes
        How many features, thresholds and gates.
    seed : int
        Seed of connections and first logits.
    """

    def __init__(self, limits: NDArray[np.int64], sizes: GateSizes, seed: int) -> None:
        self.tf = tf = backend.tensorflow()
        rng = np.random.default_rng(seed)
        self.limits, self.sizes = limits, sizes
        t, paired = limits.shape[1], sizes.paired
        # common bits: a gate for either region; rare bits: one gate a pair
        self.level = np.array([*range(paired), *range(paired), *range(paired, t)])
        kinds = np.array([_A] * paired + [_B] * paired + [_OR] * (t - paired))
        self.counted = len(kinds)
        bits, gates = sizes.features * sizes.levels, sizes.gates
        self.first = tf.Variable(_logits(np.tile(kinds, _RINGS), rng), name="first")
        self.weight = tf.Variable(
            np.zeros((_RINGS * self.counted, sizes.features), np.float32), name="weight"
        )
        self.offset = tf.Variable(np.zeros(sizes.features, np.float32), name="offset")
        self.level_at = tf.Variable(np.zeros((sizes.features, sizes.levels), np.float32))
        self.wires = (
            (np.r_[np.arange(bits), rng.integers(0, bits, gates - bits)], rng.permutation(gates)),
            (np.arange(gates), rng.permutation(gates)),
        )
        self.wires[0][1][:] = rng.integers(0, bits, gates)
        passing = np.where(np.arange(gates) < bits, _A, _AND)
        self.second = tf.Variable(_logits(passing, rng), name="second")
        self.third = tf.Variable(_logits(np.full(gates, _A), rng), name="third")
        self.score_weight = tf.Variable(np.zeros(gates, np.float32), name="score_weight")
        self.score_offset = tf.Variable(np.float32(0.0), name="score_offset")
        self.width = np.ones((sizes.features, sizes.levels), np.float32)

    @property
    def trainable_variables(self) -> list[Any]:
        """What the optimiser moves."""
        return [
            self.first,
            self.weight,
            self.offset,
            self.level_at,
            self.second,
            self.third,
            self.score_weight,
            self.score_offset,
        ]

    def module(self) -> Any:
        """Return a `tf.Module` that holds the variables, for checkpoints."""
        module = self.tf.Module(name="gates")
        module.held = self.trainable_variables
        return module

    def _functions(self, logits: Any) -> Any:
        tf = self.tf
        soft = tf.nn.softmax(_LOGIT_PACE * logits, axis=-1)
        hard = tf.one_hot(tf.argmax(soft, axis=-1), 16)
        return tf.matmul(soft + tf.stop_gradient(hard - soft), _coefficients())

    def counts(self, seen: Any) -> Any:
        """Count the first stage's ones: patterns [n, 7, t, 3] to float32 [n, groups]."""
        tf = self.tf
        seen = tf.cast(seen, tf.float32)
        seen = tf.concat([_PAIRS * tf.ones_like(seen[..., :1]), seen], axis=-1)
        seen = tf.gather(seen, self.level, axis=2)
        functions = tf.reshape(self._functions(self.first), (1, _RINGS, self.counted, 4))
        return tf.reshape(tf.reduce_sum(seen * functions, axis=-1), (-1, _RINGS * self.counted))

    def features(self, seen: Any) -> Any:
        """Return features of images, whole numbers, float32 [n, features]."""
        tf = self.tf
        weight = _rounded(tf, _WEIGHT_PACE * self.weight)
        offset = _rounded(tf, _THRESHOLD_PACE * self.offset)
        return tf.clip_by_value(
            tf.matmul(self.counts(seen), weight) + offset, 0.0, 2.0**FEATURE_BITS - 1.0
        )

    def bits(self, seen: Any) -> Any:
        """Return the outputs of the last gates, zeros and ones, float32 [n, gates]."""
        tf = self.tf
        level = _rounded(tf, _THRESHOLD_PACE * self.level_at)
        level = tf.clip_by_value(level, 1.0, 2.0**FEATURE_BITS - 1.0)
        distance = self.features(seen)[:, :, None] - level[None]
        shape = (-1, self.sizes.features * self.sizes.levels)
        bits = tf.reshape(_reached(tf, distance, self.width), shape)
        for logits, (first, second) in zip((self.second, self.third), self.wires, strict=True):
            c = self._functions(logits)
            a, b = tf.gather(bits, first, axis=1), tf.gather(bits, second, axis=1)
            bits = c[:, 0] + c[:, 1] * a + c[:, 2] * b + c[:, 3] * a * b
        return bits

    def score(self, seen: Any) -> Any:
        """Return scores, float32 [n]."""
        tf = self.tf
        total = tf.linalg.matvec(self.bits(seen), _SCORE_PACE * self.score_weight)
        return tf.clip_by_value(total + _SCORE_PACE * self.score_offset, 0.0, 256.0 - 1.0 / 256)

    def start_features(self, weight: Singles, offset: Singles, values: Singles) -> None:
        """Begin from linear features: scale them to their bits and spread the thresholds.

        Parameters
        ----------
        weight, offset : numpy.ndarray, shapes (groups, features) and (features,)
            Features as sums of counts.
        values : numpy.ndarray, shape (n, features)
            Features of the training images.
        """
        low, high = np.quantile(values, 0.0005, axis=0), np.quantile(values, 0.9998, axis=0)
        scale = 0.97 * 2**FEATURE_BITS / (high - low)
        self.weight.assign(weight * scale / _WEIGHT_PACE)
        self.offset.assign(((offset - low) * scale + 10.0) / _THRESHOLD_PACE)
        scaled = np.clip((values - low) * scale + 10.0, 0.0, 2.0**FEATURE_BITS - 1.0)
        # half by quantiles where the images are, half evenly where the tails are
        share = np.linspace(0.01, 0.995, self.sizes.levels)
        even = np.linspace(scaled.min(axis=0) + 5, scaled.max(axis=0) - 5, self.sizes.levels).T
        levels = 0.6 * np.quantile(scaled, share, axis=0).T + 0.4 * even
        self.level_at.assign(levels / _THRESHOLD_PACE)
        self.width = (1.5 * np.maximum(np.gradient(levels, axis=1), 4.0)).astype(np.float32)

    def set_score(self, weight: NDArray[np.floating], offset: float) -> None:
        """Set what each gate adds to the score, and the score without any."""
        self.score_weight.assign(weight / _SCORE_PACE)
        self.score_offset.assign(offset / _SCORE_PACE)

    def rounded_score(self) -> tuple[NDArray[np.float64], float]:
        """Return what each gate adds to the score, and the score without any, as they will be."""
        step = WEIGHT_STEPS / STEPS_PER_UNIT
        weight = np.round(_SCORE_PACE / step * self.score_weight.numpy().astype(np.float64)) * step
        return weight, float(np.round(_SCORE_PACE / step * float(self.score_offset)) * step)

    def state(self) -> dict[str, NDArray[np.int64]]:
        """Return the discrete network: truth tables, whole weights and thresholds."""

        def whole(variable: Any, pace: float) -> NDArray[np.int64]:
            # round half to even in single precision, as the forward pass does
            return np.round(np.float32(pace) * variable.numpy()).astype(np.int64)

        def tables(logits: Any) -> NDArray[np.int64]:
            return logits.numpy().argmax(axis=-1).astype(np.int64)

        return {
            "first": tables(self.first).reshape(_RINGS, self.counted),
            "second": tables(self.second),
            "third": tables(self.third),
            "weight": whole(self.weight, _WEIGHT_PACE),
            "offset": whole(self.offset, _THRESHOLD_PACE),
            "levels": whole(self.level_at, _THRESHOLD_PACE),
            "score_weight": whole(self.score_weight, _SCORE_PACE * STEPS_PER_UNIT),
            "score_offset": whole(self.score_offset, _SCORE_PACE * STEPS_PER_UNIT),
        }


def refit(
    bits: NDArray[np.uint8], wanted: Singles, rounds: int = 8
) -> tuple[NDArray[np.float64], float]:
    """Weights of the last gates that minimise the mean absolute error, by reweighted squares.

    Parameters
    ----------
    bits : numpy.ndarray, shape (n, gates), uint8
    wanted : numpy.ndarray, shape (n,), float32
        Scores of the teacher.
    rounds : int
        Number of reweightings.

    Returns
    -------
    weight : numpy.ndarray, shape (gates,), float64
        Multiples of 1/16.
    offset : float
        Multiple of 1/16.
    """
    step = WEIGHT_STEPS / STEPS_PER_UNIT
    size = bits.shape[1] + 1
    solution = np.zeros(size)
    importance = np.ones(len(bits))
    # gates that hardly ever differ stay small; the offset is free
    held = np.diag(np.r_[np.ones(size - 1), 0.0])
    for _ in range(rounds):
        normal, right = _HOLD * importance.sum() * held, np.zeros(size)
        for start in range(0, len(bits), 1 << 14):
            part = slice(start, start + (1 << 14))
            rows = np.c_[bits[part], np.ones(len(bits[part]))].astype(np.float64)
            weighted = rows * importance[part, None]
            normal += weighted.T @ rows
            right += weighted.T @ wanted[part]
        solution = np.linalg.solve(normal, right)
        residual = bits @ solution[:-1].astype(np.float32) + solution[-1] - wanted
        importance = 1.0 / np.maximum(np.abs(residual), 0.5)
    weight = np.round(solution[:-1] / step) * step
    rest = wanted - bits @ weight.astype(np.float32)
    return weight, float(np.round(np.median(rest) / step) * step)


def digits(number: int) -> list[tuple[int, int]]:
    """Write a whole number with the fewest signed powers of two: [(sign, exponent), ...]."""
    out = []
    exponent = 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)
            out.append((sign, exponent))
            number -= sign
        number >>= 1
        exponent += 1
    return out


def _first_stage(model: GateModel, state: dict[str, NDArray[np.int64]]) -> LogicStage:
    t = model.limits.shape[1]
    region = _in_pairs(np.arange(252, dtype=np.uint16).reshape(1, 18, 14))[0]
    source, limit = np.repeat(np.arange(252), t), np.empty((252, t), np.int64)
    limit[region] = model.limits
    first, second = region[:, 0], region[:, 1]
    a, b, table, group = [], [], [], []
    for pair in np.ndindex(first.shape):
        ring = pair[-1]
        a.append(first[pair].astype(np.int64) * t + model.level)
        b.append(second[pair].astype(np.int64) * t + model.level)
        table.append(state["first"][ring])
        group.append(ring * model.counted + np.arange(model.counted))
    layer = GateLayer(
        np.concatenate(a).astype(np.int32),
        np.concatenate(b).astype(np.int32),
        np.concatenate(table).astype(np.uint8),
    )
    return LogicStage(
        inputs=252,
        width=10,
        source=source.astype(np.int32),
        threshold=limit.reshape(-1),
        layers=(layer,),
        group=np.concatenate(group).astype(np.int32),
        weight=state["weight"].T.copy(),
        offset=state["offset"],
        output_width=FEATURE_BITS,
    )


def _second_stage(model: GateModel, state: dict[str, NDArray[np.int64]]) -> LogicStage:
    sizes = model.sizes
    first, second = (wire.astype(np.int32) for wire in model.wires[0])
    layer = GateLayer(first, second, state["second"].astype(np.uint8))
    # a weight of several digits counts its gate in as many groups, each of a power of two
    planes: dict[tuple[int, int], int] = {}
    gate, group = [], []
    for number, weight in enumerate(state["score_weight"]):
        for digit in digits(int(weight)):
            gate.append(number)
            group.append(planes.setdefault(digit, len(planes)))
    first, second = (wire[gate].astype(np.int32) for wire in model.wires[1])
    return LogicStage(
        inputs=sizes.features,
        width=FEATURE_BITS,
        source=np.repeat(np.arange(sizes.features, dtype=np.int32), sizes.levels),
        threshold=np.clip(state["levels"].reshape(-1), 1, 2**FEATURE_BITS - 1),
        layers=(layer, GateLayer(first, second, state["third"][gate].astype(np.uint8))),
        group=np.array(group, np.int32),
        weight=np.array([[sign << exponent for sign, exponent in planes]], np.int64),
        offset=state["score_offset"].reshape(1),
        output_width=16,
    )


def to_network(model: GateModel) -> LogicNetwork:
    """Return the trained gates as the network that the firmware runs."""
    state = model.state()
    stages = [_first_stage(model, state), _second_stage(model, state)]
    return LogicNetwork("cicada", (252,), stages, FixedPoint(16, 8, False))
