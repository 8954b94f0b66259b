"""Students whose bits are learned, with HGQ2."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from l1kd.algorithms.object_inputs import LIMITS, N_INPUTS
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.models.mixed_precision import frameworks
from l1kd.models.objects.students.architecture import OUTPUT_PRECISION, Hgq, Student
from l1kd.objects import N_OBJECTS

__all__ = ["beta_at", "edge_rows", "network", "trace"]

_OUTPUT = FixedPoint.parse(OUTPUT_PRECISION)


def edge_rows() -> NDArray[np.float32]:
    """Return the least and the largest value of every input, float32[2, 57]; MET has no eta."""
    rows = np.tile(np.array(LIMITS, np.float32).T[:, None], (1, N_OBJECTS, 1))
    rows[:, -1, 1] = 0.0
    return rows.reshape(2, N_INPUTS)


def beta_at(numbers: Hgq, progress: float) -> float:
    """Return what an effective bit operation costs after this share of the training."""
    return float(numbers.first_beta * (numbers.beta / numbers.first_beta) ** progress)


def network(student: Student, centre: float, seed: int) -> Any:
    """Build a student of HGQ2.

    Parameters
    ----------
    student : Student
    centre : float
        First bias of the output.
    seed : int
        Of the first weights.

    Returns
    -------
    keras.Model
        float32[n, 57] inputs to float32[n, 1] scores, on the grid of the output's format.
    """
    keras, layers, config = frameworks()

    def lane(overflow: str, learned: bool = True, **settings: int) -> Any:
        return config.QuantizerConfig(
            "kif",
            "datalane",
            round_mode="RND_CONV",
            overflow_mode=overflow,
            trainable=learned,
            **settings,
        )

    weights = config.QuantizerConfig("kbi", "weight", b0=6, i0=1)
    stack = [keras.layers.Input((N_INPUTS,), name="objects")]
    with config.LayerConfigScope(enable_ebops=True):
        for number, size in enumerate(student.hidden):
            inputs = lane("SAT", k0=0, i0=3, f0=5) if number else lane("WRAP", k0=1, i0=3, f0=5)
            stack.append(
                layers.QDense(
                    size,
                    activation="relu",
                    iq_conf=inputs,
                    kq_conf=weights,
                    kernel_initializer=keras.initializers.GlorotUniform(seed=seed + number),
                    name=f"dense{number}",
                )
            )
        stack.append(
            layers.QDense(
                1,
                iq_conf=lane("SAT", k0=0, i0=3, f0=5),
                kq_conf=weights,
                kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 100),
                bias_initializer=keras.initializers.Constant(centre),
                enable_oq=True,
                oq_conf=lane("SAT", learned=False, k0=0, i0=_OUTPUT.integer, f0=_OUTPUT.fraction),
                name="score",
            )
        )
    return keras.Sequential(stack, name="object_anomaly")


def trace(model: Any) -> int:
    """Fix the integer bits of the inputs, from their limits: all later numbers saturate.

    Returns
    -------
    int
        Effective bit operations with the traced widths.
    """
    from hgq.utils import trace_minmax

    return round(float(trace_minmax(model, edge_rows(), verbose=0)))
