"""Learned gates: functions of two bits, soft while they are trained, tables afterwards.

A gate is a choice among all 16 functions of two bits, a leaf a choice among bits. Training holds a
logit for each; at a temperature a choice is the softmax of its logits over the temperature. The
forward pass takes the mixture (``soft``), or the likeliest alone, while the gradient goes to all of
them through the mixture ("straight through"). A gate begins as one that passes its first input on
(Petersen et al., "Convolutional differentiable logic gate networks", 2024: residual
initialisation), so that gradients reach the leaves from the first step.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.emulators.array_types import Singles

__all__ = ["PASS", "chosen", "mixed", "reweighted_weights", "start_logits"]

PASS = 12
"""Truth table of the gate that gives its first input."""
_START = 2.0
_HOLD = 5e-5


def _coefficients() -> Singles:
    """Every function of two bits as c0 + c1 a + c2 b + c3 a b, float32[16, 4]."""
    outputs = np.array([[(table >> k) & 1 for k in range(4)] for table in range(16)], np.float32)
    none, b, a, both = outputs.T
    return np.stack([none, a - none, b - none, both - a - b + none], axis=1)


def start_logits(choice: NDArray[np.int64], options: int, rng: np.random.Generator) -> Singles:
    """Logits whose likeliest option is the given one, with small differences of the others."""
    logits = rng.normal(0.0, 0.1, (*choice.shape, options))
    np.put_along_axis(logits, choice[..., None], _START, axis=-1)
    return logits.astype(np.float32)


def chosen(tf: Any, logits: Any, temperature: Any, soft: bool) -> Any:
    """Weights of the options, which add to one: the mixture, or one of them straight through."""
    mixture = tf.nn.softmax(logits / temperature, axis=-1)
    if soft:
        return mixture
    hard = tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1])
    return mixture + tf.stop_gradient(hard - mixture)


def mixed(tf: Any, functions: Any, a: Any, b: Any) -> Any:
    """Return outputs of gates, from the weights of their 16 functions and their inputs.

    Everything broadcasts; `functions` has 16 entries along its last axis, which goes.
    """
    c = tf.tensordot(functions, _coefficients(), axes=1)
    return c[..., 0] + c[..., 1] * a + c[..., 2] * b + c[..., 3] * a * b


def reweighted_weights(
    bits: NDArray[np.uint8], wanted: Singles, step: float, rounds: int = 8
) -> tuple[NDArray[np.float64], float]:
    """Weights of the last gates that minimise the mean absolute error, by reweighted squares.

    Parameters
    ----------
    bits : numpy.ndarray, shape (n, gates), uint8
    wanted : numpy.ndarray, shape (n,), float32
        Scores of the teacher.
    step : float
        Weights are multiples of it.
    rounds : int
        Number of reweightings.

    Returns
    -------
    weight : numpy.ndarray, shape (gates,), float64
    offset : float
    """
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
