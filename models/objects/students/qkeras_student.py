"""Students of fixed bits, with QKeras, and the same in floating point."""

from typing import Any

import numpy as np

from l1kd.algorithms.object_inputs import N_INPUTS
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.models import backend
from l1kd.models.firmware.record.metrics import significant_bits
from l1kd.models.objects.students.architecture import (
    INPUT_PRECISION,
    OUTPUT_PRECISION,
    Bits,
    Student,
)

__all__ = ["ebops", "network", "precisions"]

_INPUT, _OUTPUT = FixedPoint.parse(INPUT_PRECISION), FixedPoint.parse(OUTPUT_PRECISION)
_FLOAT_BITS = 16
"""Bits of weights and data for which products of a network in floating point are counted."""


def _dense(size: int, name: str, bits: Bits | None) -> Any:
    if bits is None:
        return backend.keras().layers.Dense(size, name=name)
    q = backend.qkeras()
    integer = min(bits.weight_integer, bits.weight - 1)
    weights = {"integer": integer, "symmetric": 0, "alpha": 1.0}
    return q.QDense(
        size,
        kernel_quantizer=q.quantized_bits(bits.weight, **weights),
        bias_quantizer=q.quantized_bits(max(bits.weight, 8) + 4, 4, symmetric=0, alpha=1.0),
        name=name,
    )


def network(student: Student, centre: float) -> Any:
    """Build a student.

    Parameters
    ----------
    student : Student
        Not of HGQ2.
    centre : float
        First bias of the output: the mean of the targets, so that the output is alive.

    Returns
    -------
    tf_keras.Model
        float32[n, 57] inputs to float32[n, 1] scores; a quantized one rounds its inputs.
    """
    layers = backend.keras().layers
    bits = student.numbers if isinstance(student.numbers, Bits) else None
    stack = [layers.Input((N_INPUTS,), name="objects")]
    if bits is not None:
        q = backend.qkeras()
        width, integer = _INPUT.width, _INPUT.integer - 1
        inputs = q.quantized_bits(width, integer, symmetric=0, alpha=1.0)
        stack.append(q.QActivation(inputs, name="fixed"))
    for number, size in enumerate(student.hidden):
        stack.append(_dense(size, f"dense{number}", bits))
        if bits is None:
            stack.append(layers.ReLU(name=f"relu{number}"))
        else:
            relu = q.quantized_relu(bits.activation, bits.activation_integer)
            stack.append(q.QActivation(relu, name=f"relu{number}"))
    stack.append(_dense(1, "logit", bits))
    if bits is None:
        stack.append(layers.ReLU(name="score"))
    else:
        relu = q.quantized_relu(_OUTPUT.width, _OUTPUT.integer)
        stack.append(q.QActivation(relu, name="score"))
    model = backend.keras().Sequential(stack, name="object_anomaly")
    kernel, bias = model.get_layer("logit").get_weights()
    model.get_layer("logit").set_weights([kernel, np.full_like(bias, centre)])
    return model


def precisions() -> dict[str, dict[str, str]]:
    """Return the firmware types that the quantizers do not decide, by layer name and use."""
    return {"objects": {"result": INPUT_PRECISION}, "fixed": {"result": INPUT_PRECISION}}


def ebops(model: Any, student: Student) -> int:
    """Count effective bit operations, as `l1kd.models.firmware.record.metrics.ebops` does.

    In floating point every product counts as one of 16 by 16 bits.
    """
    bits, total = student.numbers, 0
    for number in range(len(student.hidden) + 1):
        name = "logit" if number == len(student.hidden) else f"dense{number}"
        layer = model.get_layer(name)
        kernel = layer.get_weights()[0]
        if not isinstance(bits, Bits):
            total += kernel.size * _FLOAT_BITS**2
            continue
        fraction = bits.weight - 1 - min(bits.weight_integer, bits.weight - 1)
        raw = np.asarray(layer.kernel_quantizer_internal(kernel), np.float64) * 2.0**fraction
        data = bits.activation if number else _INPUT.width - 1
        total += int(significant_bits(np.rint(raw).astype(np.int64)).sum()) * data
    return total
