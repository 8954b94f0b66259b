"""QDistillNet in mixed precision: every input, weight and activation learns its number of bits.

HGQ2 (Keras 3) trains it. What a bit operation costs is part of the loss, so that bits, and with
them whole weights and neurons, go where they matter least; no pruning schedule is needed.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.particles.distillnet_inputs import LARGEST_ETA, LARGEST_LENGTH, LOG_LIMITS
from l1kd.emulators.particles.input_matrix import INPUT_SETS, InputSet
from l1kd.emulators.particles.local_inputs import LARGEST_LOG
from l1kd.models.mixed_precision import frameworks
from l1kd.models.training import run_in_chunks
from l1kd.models.weights.config import HgqDistillNetConfig
from l1kd.models.weights.event_loss import LIKENESS_BINS

__all__ = ["Calibration", "calibrate", "limits", "network", "regularisation", "trace"]

_LIMITS = {
    "eta": (-LARGEST_ETA, LARGEST_ETA),
    "phi": (-np.pi, np.pi),
    "log_pt": LOG_LIMITS,
    "log_energy": LOG_LIMITS,
    "charge": (-1.0, 1.0),
    "puppi_weight": (0.0, 1.0),
    "d0": (-LARGEST_LENGTH, LARGEST_LENGTH),
    "dz": (-LARGEST_LENGTH, LARGEST_LENGTH),
}
_CLASSES = slice(6, 14)
_FARTHEST = 0.5
"""Largest shift of the last bias."""
_NEAR = 0.002
"""A mean ratio that much worse than the best is as good, if the shift is smaller."""
_FINEST = 8
"""Its finest step is 2 to the minus this."""
_EXCESS = 3.0
"""Regularisation does not grow, or fall, with more than this excess or lack of bit operations."""


class Calibration(NamedTuple):
    """Shift of the last bias, and the mean ratio of the bins before and after it."""

    shift: float
    before: float
    after: float


def limits(input_set: InputSet) -> NDArray[np.float32]:
    """Return the least and the largest value of every input, shape (2, inputs)."""
    columns = INPUT_SETS[input_set]
    found = [_LIMITS.get(name, (0.0, LARGEST_LOG)) for name in columns]
    found[_CLASSES] = [(0.0, 1.0)] * 8
    return np.array(found, np.float32).T


def network(config: HgqDistillNetConfig) -> Any:
    """Build the network.

    Parameters
    ----------
    config : HgqDistillNetConfig
        Sizes and seed.

    Returns
    -------
    keras.Model
        float32[n, inputs] to weights float32[n, 1], multiples of 1/256 in [0, 1]. Inputs are
        rounded to formats of their own. The sigmoid is a table of the logit in [-8, 8), in steps of
        2^-`config.logit_fraction`.
    """
    keras, layers, hgq = frameworks()
    quantizer = hgq.QuantizerConfig

    def lane(signed: int, integer: int, fraction: int, overflow: str, learned: bool = True) -> Any:
        return quantizer(
            "kif",
            "datalane",
            k0=signed,
            i0=integer,
            f0=fraction,
            round_mode="RND_CONV",
            overflow_mode=overflow,
            trainable=learned,
        )

    weights = quantizer("kbi", "weight", b0=config.first_bits, i0=1)
    table = quantizer(
        "kif", "table", k0=0, i0=1, f0=8, trainable=False, round_mode="RND", overflow_mode="SAT"
    )
    columns = len(INPUT_SETS[config.inputs])
    stack = [keras.layers.Input((columns,), name="particles")]
    with hgq.LayerConfigScope(enable_ebops=True):
        for number, size in enumerate((*config.hidden, 1)):
            last = number == len(config.hidden)
            inputs = lane(0, 3, 5, "SAT") if number else lane(1, 4, 6, "WRAP")
            dense = layers.QDense(
                size,
                activation=None if last else "relu",
                iq_conf=inputs,
                kq_conf=weights,
                kernel_initializer=keras.initializers.GlorotUniform(seed=config.seed + number),
                name="logit" if last else f"dense{number}",
            )
            stack.append(dense)
        sigmoid = layers.QUnaryFunctionLUT(
            "sigmoid",
            iq_conf=lane(1, 3, config.logit_fraction, "SAT", learned=False),
            oq_conf=table,
            allow_heterogeneous_table=False,
            name="weight",
        )
    return keras.Sequential([*stack, sigmoid], name="qdistillnet")


def regularisation(config: HgqDistillNetConfig, progress: float, spent: float) -> float:
    """Return what a bit operation adds to the loss, after this share of the training.

    It rises from the first to the second value of `config.ebops_regularisation`, by equal
    factors, until `config.regularise_until`, and stays there. With `config.bit_operations`, a
    first and a last value on the same path, it is multiplied by the fourth power of what the
    network spends over what it should: bits then still change places when the right number of
    them is left.

    Parameters
    ----------
    config : HgqDistillNetConfig
        EBOPs regularisation, and bit operations wanted.
    progress : float
        Share of the training that is done.
    spent : float
        Effective bit operations of the network as it is.
    """
    path = min(progress / config.regularise_until, 1.0)
    least = _on_path(config.ebops_regularisation, path)
    if config.bit_operations is None:
        return least
    excess = spent / _on_path(config.bit_operations, path)
    return least * min(max(excess, 1 / _EXCESS), _EXCESS) ** 4


def _on_path(ends: tuple[float, float], share: float) -> float:
    first, last = ends
    return float(first * (last / first) ** share)


def trace(model: Any, inputs: NDArray[np.float32], input_set: InputSet) -> int:
    """Fix the integer bits of the inputs from training inputs and their `limits`.

    Returns
    -------
    int
        Effective bit operations with the traced widths.
    """
    from hgq.utils import trace_minmax

    seen = np.concatenate([inputs, limits(input_set)])
    return round(float(trace_minmax(model, seen, verbose=0)))


def calibrate(
    model: Any, inputs: NDArray[np.float32], reference: NDArray[np.float32]
) -> Calibration:
    """Move the last bias until the histogram of weights has the teacher's mean ratio, one.

    Few bits leave few different weights, and a much used one beside an edge of a bin spoils the
    ratio of two. A bias costs the same whatever it is.

    Parameters
    ----------
    model : keras.Model
        Trained, and traced; its bias is changed, so it must be traced once more.
    inputs : numpy.ndarray, shape (n, inputs)
        Training inputs.
    reference : numpy.ndarray, shape (n,)
        The teacher's weights.
    """
    keras, _, _ = frameworks()
    logit, sigmoid = model.layers[-2:]
    part = keras.Model(model.inputs, logit.output)
    logits = run_in_chunks(lambda x: part(x, training=False), inputs.shape[1:], 65536)(inputs)
    levels, counts = np.unique(logits, return_counts=True)
    wanted, edges = np.histogram(reference, LIKENESS_BINS, (0.0, 1.0))
    filled = wanted > 0

    def mean_ratio(shift: float) -> float:
        weights = np.asarray(sigmoid(levels[:, None] + np.float32(shift)))[:, 0]
        given, _ = np.histogram(weights, edges, weights=counts)
        return float((given[filled] / wanted[filled]).mean())

    bias = np.asarray(logit.qbias)
    step = 2.0 ** -min(float(np.max(logit.bq.quantizer.kif[2])), _FINEST)
    shifts = step * np.arange(-np.floor(_FARTHEST / step), np.floor(_FARTHEST / step) + 1)
    ratios = [mean_ratio(shift) for shift in shifts]
    distances = np.abs(np.subtract(ratios, 1.0))
    best = int(np.argmin(np.where(distances <= distances.min() + _NEAR, np.abs(shifts), np.inf)))
    logit.bias.assign(bias + np.float32(shifts[best]))
    return Calibration(float(shifts[best]), mean_ratio(0.0), ratios[best])
